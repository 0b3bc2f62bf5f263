//! One value of a request against one value of a condition.

mod read;

use std::cmp::Ordering;

use jiff::Timestamp;

use super::not_read;
use super::operator::{Kind, Order};
use crate::call::Call;
use crate::pattern::{self, Arn, Pattern};
use crate::truth::Truth;
use crate::variables::{self, Resolved};

use self::read::Range;

/// A value of a condition, ready to compare with. `None` in it: the value cannot be read as what the operator compares.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Text(Box<str>),
    TextIgnoreCase(Box<str>),
    Like(Pattern),
    Arn(Option<Arn>),
    Number(Order, Option<f64>),
    Time(Order, Option<Timestamp>),
    Flag(Option<bool>),
    Addresses(Option<Range>),
    Bytes(Option<Vec<u8>>),
    /// With policy variables.
    Template(Box<str>),
}

impl Wanted {
    /// Reads a value. Policy variables are in those of operators on strings and ARNs only.
    pub(super) fn new(kind: Kind, value: &str, variables: bool) -> Self {
        let textual = matches!(kind, Kind::StringLike | Kind::Arn | Kind::String | Kind::StringIgnoreCase);
        if variables && textual && variables::has_variables(value) {
            return Self::Template(value.into());
        }
        match kind {
            Kind::String => Self::Text(value.into()),
            Kind::StringIgnoreCase => Self::TextIgnoreCase(value.into()),
            Kind::StringLike => Self::Like(Pattern::new(value)),
            Kind::Arn => Self::Arn(Arn::new(value)),
            Kind::Numeric(order) => Self::Number(order, read::number(value)),
            Kind::Date(order) => Self::Time(order, read::time(value)),
            Kind::Bool | Kind::Null => Self::Flag(read::boolean(value)),
            Kind::IpAddress => Self::Addresses(Range::new(value)),
            Kind::Binary => Self::Bytes(read::bytes(value)),
        }
    }

    /// The value of `Null`.
    pub(super) fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => *flag,
            _ => None,
        }
    }

    /// Whether a value of the request matches. A variable whose value is not known goes to `missing`.
    pub(super) fn matches(&self, kind: Kind, found: &str, call: &Call<'_>, missing: &mut Vec<String>) -> Truth {
        let answer = match self {
            Self::Text(text) => Some(**text == *found),
            Self::TextIgnoreCase(text) => same_ignore_case(text, found, call),
            Self::Like(pattern) => Some(pattern.matches(found)),
            Self::Arn(arn) => arn.as_ref().map(|arn| arn.matches(found)),
            Self::Number(order, wanted) => read::number(found)
                .zip(*wanted)
                .and_then(|(found, wanted)| found.partial_cmp(&wanted))
                .map(|found| holds(*order, found)),
            Self::Time(order, wanted) => {
                read::time(found).zip(*wanted).map(|(found, wanted)| holds(*order, found.cmp(&wanted)))
            }
            Self::Flag(wanted) => read::boolean(found).zip(*wanted).map(|(found, wanted)| found == wanted),
            Self::Addresses(range) => range.as_ref().and_then(|range| range.contains(found)),
            Self::Bytes(wanted) => wanted.as_ref().and_then(|wanted| Some(read::bytes(found)? == *wanted)),
            Self::Template(template) => match resolved(template, kind, found, call) {
                Ok(answer) => answer,
                Err(key) => {
                    missing.push(key);
                    return Truth::Unknown;
                }
            },
        };
        answer.map_or_else(|| not_read(call), Truth::from)
    }
}

/// The answer of a value whose variables are put in; an error is the key whose value is not known.
fn resolved(template: &str, kind: Kind, found: &str, call: &Call<'_>) -> Result<Option<bool>, String> {
    let wildcards = matches!(kind, Kind::StringLike | Kind::Arn);
    let symbols = match variables::resolve(template, wildcards, call) {
        Resolved::Symbols(symbols) => symbols,
        Resolved::Nothing => return Ok(Some(false)),
        Resolved::Unknown(key) => return Err(key),
    };
    Ok(match kind {
        Kind::StringLike => Some(pattern::matches_symbols(&symbols, found)),
        Kind::Arn => pattern::matches_arn(&symbols, found),
        Kind::StringIgnoreCase => same_ignore_case(&variables::literal(&symbols), found, call),
        _ => Some(variables::literal(&symbols) == found),
    })
}

/// AWS does not say how far it folds: beyond ASCII both ways have to agree, unless there has to be an answer.
fn same_ignore_case(wanted: &str, found: &str, call: &Call<'_>) -> Option<bool> {
    let in_ascii = wanted.eq_ignore_ascii_case(found);
    if in_ascii || wanted.is_ascii() && found.is_ascii() {
        return Some(in_ascii);
    }
    let in_unicode = wanted.to_lowercase() == found.to_lowercase();
    (!in_unicode || !call.is_careful()).then_some(in_unicode)
}

/// Whether what was found stands to what is wanted as asked for.
fn holds(order: Order, found: Ordering) -> bool {
    match order {
        Order::Equal => found.is_eq(),
        Order::Less => found.is_lt(),
        Order::LessOrEqual => found.is_le(),
        Order::Greater => found.is_gt(),
        Order::GreaterOrEqual => found.is_ge(),
    }
}
