//! Single comparisons of filters: strings, dates, numbers, addresses.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::errors::invalid_input;
use super::when;
use crate::call::ApiError;

type Object = Map<String, Value>;

/// How a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equals,
    Prefix,
    NotEquals,
    PrefixNotEquals,
    Contains,
    NotContains,
    ContainsWord,
}

impl Comparison {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "EQUALS" => Self::Equals,
            "PREFIX" => Self::Prefix,
            "NOT_EQUALS" => Self::NotEquals,
            "PREFIX_NOT_EQUALS" => Self::PrefixNotEquals,
            "CONTAINS" => Self::Contains,
            "NOT_CONTAINS" => Self::NotContains,
            "CONTAINS_WORD" => Self::ContainsWord,
            _ => return None,
        })
    }

    /// Documented for automation rules and the V2 operations only.
    fn elsewhere_only(self) -> bool {
        matches!(self, Self::Contains | Self::NotContains | Self::ContainsWord)
    }
}

/// One comparison of a text.
#[derive(Debug, Clone)]
pub(super) struct Text {
    comparison: Comparison,
    value: String,
}

impl Text {
    fn parse(name: &str, value: &Object, accept_contains: bool) -> Result<Self, ApiError> {
        let word = text(name, value, "Comparison")?;
        let comparison = Comparison::of(word).ok_or_else(|| {
            invalid_input(format!("Invalid parameter 'Filters.{name}'. Comparison '{word}' does not exist."))
        })?;
        if comparison.elsewhere_only() && !accept_contains {
            return Err(invalid_input(format!(
                "Invalid parameter 'Filters.{name}'. Comparison '{word}' is not supported by this operation."
            )));
        }
        Ok(Self { comparison, value: text(name, value, "Value")?.to_owned() })
    }

    /// Whether it is one of the NOT comparisons.
    pub(super) fn negative(&self) -> bool {
        use Comparison::{NotContains, NotEquals, PrefixNotEquals};
        matches!(self.comparison, NotEquals | PrefixNotEquals | NotContains)
    }

    /// Whether a text meets the comparison, or for a NOT comparison what must not be met.
    pub(super) fn meets(&self, text: &str) -> bool {
        match self.comparison {
            Comparison::Equals | Comparison::NotEquals => text == self.value,
            Comparison::Prefix | Comparison::PrefixNotEquals => text.starts_with(&self.value),
            Comparison::Contains | Comparison::NotContains => text.contains(&self.value),
            Comparison::ContainsWord => {
                let word = self.value.to_lowercase();
                text.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|part| part == word)
            }
        }
    }
}

/// All comparisons of one attribute: the positive ones are alternatives, the NOT ones must all hold.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    positive: Vec<Text>,
    negative: Vec<Text>,
}

impl Texts {
    /// Reads the comparisons of one attribute and refuses the combinations that AWS documents as errors.
    pub(super) fn parse(name: &str, values: &[&Object], accept_contains: bool) -> Result<Self, ApiError> {
        let texts: Vec<Text> =
            values.iter().map(|value| Text::parse(name, value, accept_contains)).collect::<Result<_, _>>()?;
        check(name, &texts)?;
        let (negative, positive) = texts.into_iter().partition(Text::negative);
        Ok(Self { positive, negative })
    }

    /// Whether values pass; `any` tells whether any of the attribute's values meets a test.
    pub(super) fn passes(&self, mut any: impl FnMut(&mut dyn FnMut(&str) -> bool) -> bool) -> bool {
        (self.positive.is_empty() || any(&mut |text| self.positive.iter().any(|test| test.meets(text))))
            && (self.negative.is_empty() || !any(&mut |text| self.negative.iter().any(|test| test.meets(text))))
    }
}

fn check(name: &str, texts: &[Text]) -> Result<(), ApiError> {
    use Comparison::{Contains, Equals, NotContains, NotEquals, PrefixNotEquals};
    let has = |wanted: &[Comparison]| texts.iter().any(|text| wanted.contains(&text.comparison));
    let mixes = |one: Comparison| has(&[one]) && texts.iter().any(|text| text.comparison != one);
    let wrong = |what: &str| invalid_input(format!("Invalid parameter 'Filters.{name}'. {what}"));
    if has(&[Equals]) && has(&[NotEquals, PrefixNotEquals]) {
        return Err(wrong("EQUALS cannot be combined with NOT_EQUALS or PREFIX_NOT_EQUALS on the same field."));
    }
    if mixes(Contains) {
        return Err(wrong("CONTAINS can only be combined with other CONTAINS filters on the same field."));
    }
    if mixes(NotContains) {
        return Err(wrong("NOT_CONTAINS can only be combined with other NOT_CONTAINS filters on the same field."));
    }
    Ok(())
}

/// Comparisons of a map's values, by key.
pub(super) fn maps(name: &str, values: &[&Object], accept_contains: bool) -> Result<Vec<(String, Text)>, ApiError> {
    let tests: Vec<(String, Text)> = values
        .iter()
        .map(|value| Ok((text(name, value, "Key")?.to_owned(), Text::parse(name, value, accept_contains)?)))
        .collect::<Result<_, ApiError>>()?;
    let plain: Vec<Text> = tests.iter().map(|(_, text)| text.clone()).collect();
    check(name, &plain)?;
    Ok(tests)
}

/// A span of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Date {
    from: i64,
    to: i64,
}

impl Date {
    /// Reads `Start` and `End`, or `DateRange`. AWS refuses a start without an end.
    pub(super) fn parse(name: &str, value: &Object, now: i64) -> Result<Self, ApiError> {
        let wrong = |what: &str| invalid_input(format!("Invalid parameter 'Filters.{name}'. {what}"));
        let time = |member: &str| {
            let given = text(name, value, member)?;
            when::of_asff(given).ok_or_else(|| wrong(&format!("{member} '{given}' is not a valid timestamp.")))
        };
        let Some(range) = value.get("DateRange").filter(|range| !range.is_null()) else {
            if !value.contains_key("Start") || !value.contains_key("End") {
                return Err(wrong("Provide both Start and End, or DateRange."));
            }
            let (from, to) = (time("Start")?, time("End")?);
            return if from <= to { Ok(Self { from, to }) } else { Err(wrong("Start must not be after End.")) };
        };
        if value.contains_key("Start") || value.contains_key("End") {
            return Err(wrong("DateRange cannot be combined with Start and End."));
        }
        let days = range.get("Value").and_then(Value::as_i64).filter(|days| (1..=36_500).contains(days));
        let days = days.ok_or_else(|| wrong("DateRange.Value must be a positive number of days."))?;
        if range.get("Unit").and_then(Value::as_str) != Some("DAYS") {
            return Err(wrong("DateRange.Unit must be DAYS."));
        }
        let edge = now - days * 86_400_000;
        match range.get("Comparison").and_then(Value::as_str).unwrap_or("WITHIN") {
            "WITHIN" => Ok(Self { from: edge, to: now }),
            "OLDER_THAN" => Ok(Self { from: i64::MIN, to: edge - 1 }),
            _ => Err(wrong("DateRange.Comparison must be WITHIN or OLDER_THAN.")),
        }
    }

    /// Whether a time is in the span, ends included.
    pub(super) fn holds(&self, time: i64) -> bool {
        (self.from..=self.to).contains(&time)
    }
}

/// Bounds of a number; all that are given must hold.
#[derive(Debug, Clone)]
pub(super) struct Number(Vec<(String, f64)>);

impl Number {
    /// Reads `Gte`, `Lte`, `Eq`, `Gt`, `Lt`.
    pub(super) fn parse(name: &str, value: &Object) -> Result<Self, ApiError> {
        let wrong = || invalid_input(format!("Invalid parameter 'Filters.{name}'. Expected Gte, Lte, Eq, Gt or Lt."));
        let bounds: Vec<(String, f64)> = value
            .iter()
            .map(|(bound, number)| Ok((bound.clone(), number.as_f64().ok_or_else(wrong)?)))
            .collect::<Result<_, ApiError>>()?;
        let known = bounds.iter().all(|(bound, _)| ["Gte", "Lte", "Eq", "Gt", "Lt"].contains(&bound.as_str()));
        if bounds.is_empty() || !known { Err(wrong()) } else { Ok(Self(bounds)) }
    }

    /// Whether a number is inside all bounds.
    pub(super) fn holds(&self, number: f64) -> bool {
        self.0.iter().all(|(bound, limit)| match bound.as_str() {
            "Gte" => number >= *limit,
            "Lte" => number <= *limit,
            "Gt" => number > *limit,
            "Lt" => number < *limit,
            _ => (number - limit).abs() < f64::EPSILON,
        })
    }
}

/// A text member of a filter, which must not be blank.
pub(super) fn text<'a>(name: &str, value: &'a Object, member: &str) -> Result<&'a str, ApiError> {
    let text = value.get(member).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    text.ok_or_else(|| {
        invalid_input(format!("Invalid parameter 'Filters.{name}'. {member} must be a string that is not blank."))
    })
}

/// The member `Value` of a boolean filter.
pub(super) fn boolean(name: &str, value: &Object) -> Result<bool, ApiError> {
    let value = value.get("Value").and_then(Value::as_bool);
    value.ok_or_else(|| invalid_input(format!("Invalid parameter 'Filters.{name}'. Value must be true or false.")))
}

/// The member `Cidr` of an address filter.
pub(super) fn network(name: &str, value: &Object) -> Result<(IpAddr, u8), ApiError> {
    let cidr = text(name, value, "Cidr")?;
    let (address, prefix) = cidr.split_once('/').unwrap_or((cidr, if cidr.contains(':') { "128" } else { "32" }));
    let parsed = address.parse::<IpAddr>().ok().zip(prefix.parse::<u8>().ok());
    parsed
        .filter(|(address, prefix)| *prefix <= if address.is_ipv4() { 32 } else { 128 })
        .ok_or_else(|| invalid_input(format!("Invalid parameter 'Filters.{name}'. '{cidr}' is not a valid CIDR.")))
}

/// Whether an address belongs to a network.
pub(super) fn in_network(address: IpAddr, network: (IpAddr, u8)) -> bool {
    let (one, other, bits) = match (address, network.0) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (u128::from(u32::from(one)), u128::from(u32::from(other)), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => (u128::from(one), u128::from(other), 128),
        _ => return false,
    };
    let shift = bits - u32::from(network.1);
    one.checked_shr(shift).unwrap_or(0) == other.checked_shr(shift).unwrap_or(0)
}
