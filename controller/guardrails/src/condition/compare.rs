//! One value of a request against one value of a condition.

use std::cmp::Ordering;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::operator::{Kind, Order};
use crate::evaluate::Request;
use crate::pattern::{self, Symbol};
use crate::truth::Truth;
use crate::variables::{self, Resolved};

/// A value of a condition, ready to compare with.
#[derive(Debug)]
pub(super) enum Wanted {
    /// As written, without variables.
    Text(String),
    /// With its variables put in.
    Symbols(Vec<Symbol>),
    /// Nothing matches it.
    Nothing,
    /// Depends on this key, which is not known.
    Unknown(String),
}

impl Wanted {
    /// Puts in variables, where the operator has them: those on strings and ARNs.
    pub(super) fn new(kind: Kind, value: &str, variables: bool, request: &Request<'_>) -> Self {
        let wildcards = matches!(kind, Kind::StringLike | Kind::Arn);
        let textual = wildcards || matches!(kind, Kind::String | Kind::StringIgnoreCase);
        if !(variables && textual && variables::has_variables(value)) {
            return Self::Text(value.to_owned());
        }
        match variables::resolve(value, wildcards, request) {
            Resolved::Symbols(symbols) => Self::Symbols(symbols),
            Resolved::Nothing => Self::Nothing,
            Resolved::Unknown(key) => Self::Unknown(key),
        }
    }

    /// The key that is not known.
    pub(super) fn into_unknown_key(self) -> Option<String> {
        match self {
            Self::Unknown(key) => Some(key),
            _ => None,
        }
    }

    /// Whether a value of the request matches.
    pub(super) fn matches(&self, kind: Kind, found: &str) -> Truth {
        match self {
            Self::Unknown(_) => Truth::Unknown,
            Self::Nothing => Truth::False,
            Self::Text(text) => decided(matches_text(kind, text, found)),
            Self::Symbols(symbols) => decided(matches_symbols(kind, symbols, found)),
        }
    }
}

/// What cannot be read is not known: we do not guess how AWS takes it.
fn decided(answer: Option<bool>) -> Truth {
    answer.map_or(Truth::Unknown, Truth::from)
}

/// The same against a value whose variables were put in.
fn matches_symbols(kind: Kind, wanted: &[Symbol], found: &str) -> Option<bool> {
    match kind {
        Kind::StringLike => Some(pattern::matches_symbols(wanted, found)),
        Kind::Arn => pattern::matches_arn(wanted, found),
        _ => matches_text(kind, &variables::literal(wanted), found),
    }
}

/// Whether a value of the request matches; `None` when one of the two cannot be read.
fn matches_text(kind: Kind, wanted: &str, found: &str) -> Option<bool> {
    match kind {
        Kind::String => Some(wanted == found),
        // AWS does not say how far it folds; beyond ASCII both ways have to agree.
        Kind::StringIgnoreCase => {
            let answer = wanted.eq_ignore_ascii_case(found);
            (answer == (wanted.to_lowercase() == found.to_lowercase())).then_some(answer)
        }
        Kind::StringLike => Some(pattern::matches(wanted, found)),
        Kind::Arn => pattern::matches_arn(&pattern::symbols(wanted), found),
        Kind::Numeric(order) => number(found)?.partial_cmp(&number(wanted)?).map(|found| holds(order, found)),
        Kind::Date(order) => Some(holds(order, time(found)?.cmp(&time(wanted)?))),
        Kind::Bool => Some(boolean(found)? == boolean(wanted)?),
        Kind::IpAddress => in_range(wanted, found),
        Kind::Null => None,
    }
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

/// A number in plain digits.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    plain.then(|| text.parse().ok()).flatten()
}

/// `true` or `false`, whatever the case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A time: ISO 8601 in UTC or with an offset, a date (its beginning in UTC), or seconds since 1970.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    }
    let plain_date = text.len() == "2026-01-31".len();
    plain_date.then(|| text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())).flatten()
}

/// Whether an address is in a range such as `10.0.0.0/8`; without a length it is one address.
fn in_range(range: &str, address: &str) -> Option<bool> {
    let (base, length) = match range.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<u32>().ok()?)),
        None => (range, None),
    };
    match (base.parse().ok()?, address.parse().ok()?) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            same_prefix(base.to_bits().into(), address.to_bits().into(), 32, length.unwrap_or(32))
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            same_prefix(base.to_bits(), address.to_bits(), 128, length.unwrap_or(128))
        }
        _ => Some(false),
    }
}

/// Whether the first `length` of `bits` are the same; `None` when there are not so many.
fn same_prefix(left: u128, right: u128, bits: u32, length: u32) -> Option<bool> {
    let shift = bits.checked_sub(length)?;
    // Shifting all bits out leaves nothing to differ.
    Some((left ^ right).checked_shr(shift).unwrap_or(0) == 0)
}
