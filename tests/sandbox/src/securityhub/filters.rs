//! `AwsSecurityFindingFilters`: read strictly, then asked about rows.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::attributes::{self, Attribute, Kind, Reading};
use super::comparisons::{self, Date, Number, Text, Texts};
use super::errors::invalid_input;
use crate::call::ApiError;

/// At most so many attributes in one query.
const MOST_ATTRIBUTES: usize = 10;
/// At most so many values of one attribute.
const MOST_VALUES: usize = 20;

/// What a query asks of one attribute; several values are alternatives.
#[derive(Debug, Clone)]
enum Test {
    Texts(Texts),
    Dates(Vec<Date>),
    Numbers(Vec<Number>),
    Booleans(Vec<bool>),
    Maps(Vec<(String, Text)>),
    Networks(Vec<(IpAddr, u8)>),
    Keywords(Vec<String>),
}

/// A query's filters: a finding must pass all of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Filters {
    tests: Vec<(&'static Attribute, Test)>,
    /// Its result depends on the time of the call.
    pub relative: bool,
}

/// What a reader of filters may accept, and the time of the call in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub accept_contains: bool,
    pub now: i64,
}

impl Filters {
    /// Reads the member `Filters` of a query.
    pub(super) fn parse(value: Option<&Value>, rules: Rules) -> Result<Self, ApiError> {
        let mut filters = Self::default();
        let map = match value {
            None | Some(Value::Null) => return Ok(filters),
            Some(Value::Object(map)) => map,
            Some(_) => return Err(invalid_input("Invalid parameter 'Filters'. Expected a structure.")),
        };
        if map.len() > MOST_ATTRIBUTES {
            return Err(invalid_input(format!(
                "Invalid parameter 'Filters'. {} attributes; at most {MOST_ATTRIBUTES} are allowed.",
                map.len()
            )));
        }
        for (name, values) in map {
            let attribute = attributes::find(name)
                .ok_or_else(|| invalid_input(format!("Invalid parameter 'Filters'. Unknown attribute '{name}'.")))?;
            let values = objects(name, values)?;
            if !values.is_empty() {
                filters.relative |= values.iter().any(|value| value.contains_key("DateRange"));
                filters.tests.push((attribute, test(attribute, &values, rules)?));
            }
        }
        filters.tests.sort_by_key(|(attribute, _)| cost(attribute));
        Ok(filters)
    }

    /// Whether a row passes all filters.
    pub(super) fn matches(&self, reading: &Reading<'_>) -> bool {
        self.tests.iter().all(|(attribute, test)| passes(attribute, test, reading))
    }
}

/// Cheap and telling attributes first.
fn cost(attribute: &Attribute) -> u8 {
    match attribute.0 {
        "RecordState" | "WorkflowStatus" | "ComplianceStatus" | "UpdatedAt" => 0,
        "AwsAccountId" | "Region" | "ComplianceSecurityControlId" => 1,
        _ => 2,
    }
}

fn objects<'a>(name: &str, values: &'a Value) -> Result<Vec<&'a Map<String, Value>>, ApiError> {
    let wrong = || invalid_input(format!("Invalid parameter 'Filters.{name}'. Expected a list of structures."));
    let values = values.as_array().ok_or_else(wrong)?;
    if values.len() > MOST_VALUES {
        return Err(invalid_input(format!(
            "Invalid parameter 'Filters.{name}'. {} values; at most {MOST_VALUES} are allowed.",
            values.len()
        )));
    }
    values.iter().map(|value| value.as_object().ok_or_else(wrong)).collect()
}

fn test(attribute: &Attribute, values: &[&Map<String, Value>], rules: Rules) -> Result<Test, ApiError> {
    let name = attribute.0;
    let each = values.iter().copied();
    Ok(match attribute.1 {
        Kind::Text => Test::Texts(Texts::parse(name, values, rules.accept_contains)?),
        Kind::Date => Test::Dates(each.map(|v| Date::parse(name, v, rules.now)).collect::<Result<_, _>>()?),
        Kind::Number => Test::Numbers(each.map(|v| Number::parse(name, v)).collect::<Result<_, _>>()?),
        Kind::Boolean => Test::Booleans(each.map(|v| comparisons::boolean(name, v)).collect::<Result<_, _>>()?),
        Kind::Map => Test::Maps(comparisons::maps(name, values, rules.accept_contains)?),
        Kind::Ip => Test::Networks(each.map(|v| comparisons::network(name, v)).collect::<Result<_, _>>()?),
        Kind::Keyword => Test::Keywords(
            each.map(|v| comparisons::text(name, v, "Value").map(str::to_owned)).collect::<Result<_, _>>()?,
        ),
    })
}

fn passes(attribute: &Attribute, test: &Test, reading: &Reading<'_>) -> bool {
    match test {
        Test::Texts(texts) => texts.passes(|test| reading.any_text(attribute, test)),
        Test::Dates(dates) => reading.date(attribute).is_some_and(|time| dates.iter().any(|date| date.holds(time))),
        Test::Numbers(numbers) => reading.number(attribute).is_some_and(|n| numbers.iter().any(|test| test.holds(n))),
        Test::Booleans(wanted) => {
            let mut found = false;
            reading.each(attribute, &mut |value| found |= value.as_bool().is_some_and(|b| wanted.contains(&b)));
            found
        }
        Test::Maps(tests) => passes_maps(attribute, tests, reading),
        Test::Networks(networks) => {
            let inside = |address: IpAddr| networks.iter().any(|network| comparisons::in_network(address, *network));
            reading.any_text(attribute, &mut |text| text.parse().is_ok_and(inside))
        }
        Test::Keywords(words) => {
            let whole = Value::Object(reading.whole().clone()).to_string();
            words.iter().any(|word| whole.contains(word.as_str()))
        }
    }
}

/// Positive comparisons are alternatives, negative ones must all hold.
fn passes_maps(attribute: &Attribute, tests: &[(String, Text)], reading: &Reading<'_>) -> bool {
    let any = |negative: bool| {
        let mut found = false;
        reading.each(attribute, &mut |map| {
            found |= tests
                .iter()
                .filter(|(_, text)| text.negative() == negative)
                .any(|(key, text)| map.get(key).and_then(Value::as_str).is_some_and(|value| text.meets(value)));
        });
        found
    };
    (tests.iter().all(|(_, text)| text.negative()) || any(false)) && !any(true)
}
