//! Operators of conditions, and whether they fit their keys.

use super::operator::{Family, Operator, Quantifier};
use crate::lint::Diagnostic;
use crate::lint::model::{Condition, Statement};
use crate::lint::patterns::is_everything;
use crate::lint::rules::condition::{
    FOR_ALL_VALUES_IN_DENY, NO_VALUES, OPERATOR_DOES_NOT_FIT_KEY, SET_OPERATOR_MISSING, UNKNOWN_OPERATOR,
};
use crate::lint::table::{Key, KeyKind, table};

/// Keys that every request of a principal has.
const ALWAYS_PRESENT: [&str; 3] = ["aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType"];

pub(super) fn check(statement: &Statement, found: &mut Vec<Diagnostic>) {
    for condition in &statement.conditions {
        let Condition { operator: written, key, values } = condition;
        let Some(operator) = Operator::parse(written) else {
            let message = format!("there is no operator {written}");
            let finding = statement.finding(&UNKNOWN_OPERATOR, values.pointer.as_str(), message);
            found.push(finding.did_you_mean(Operator::meant(written)));
            continue;
        };
        if values.items.is_empty() {
            let message = format!("{written} {key} has no value to compare with");
            found.push(statement.finding(&NO_VALUES, values.pointer.as_str(), message));
        }
        if statement.denies() && operator.quantifier == Some(Quantifier::All) && !asks_for(statement, key) {
            let message = format!("{written} holds for requests without {key}, which are denied too");
            found.push(statement.finding(&FOR_ALL_VALUES_IN_DENY, values.pointer.as_str(), message));
        }
        if let Some(known) = table().key(key) {
            fits(statement, condition, operator, known, found);
        }
    }
}

/// Whether an operator fits the key.
fn fits(statement: &Statement, condition: &Condition, operator: Operator, key: &Key, found: &mut Vec<Diagnostic>) {
    let Condition { operator: written, key: name, values } = condition;
    if !compares(operator.family, key.kind) {
        let message = format!("{written} does not compare what {name} has, which is {}", kind(key.kind));
        found.push(statement.finding(&OPERATOR_DOES_NOT_FIT_KEY, values.pointer.as_str(), message));
    }
    if key.many && operator.quantifier.is_none() && operator.family != Family::Null {
        let message = format!("{name} can have several values, and {written} does not say which have to match");
        found.push(statement.finding(&SET_OPERATOR_MISSING, values.pointer.as_str(), message));
    }
}

/// Whether values of a key can be read as what an operator compares. In doubt they can: types of keys are not always documented
/// well, and `StringEquals` with `true` works.
fn compares(family: Family, kind: KeyKind) -> bool {
    match family {
        Family::Null | Family::Binary => true,
        Family::String => kind != KeyKind::IpAddress,
        Family::Arn => matches!(kind, KeyKind::Arn | KeyKind::String),
        Family::Bool => matches!(kind, KeyKind::Bool | KeyKind::String),
        Family::Numeric => matches!(kind, KeyKind::Numeric | KeyKind::String | KeyKind::Date),
        Family::Date => matches!(kind, KeyKind::Date | KeyKind::String),
        Family::IpAddress => matches!(kind, KeyKind::IpAddress | KeyKind::String),
    }
}

/// A kind of values, for people.
fn kind(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::String => "text",
        KeyKind::Arn => "an ARN",
        KeyKind::Bool => "true or false",
        KeyKind::Numeric => "a number",
        KeyKind::Date => "a time",
        KeyKind::IpAddress => "an address",
    }
}

/// Whether the statement asks for the key to be there.
fn asks_for(statement: &Statement, key: &str) -> bool {
    statement.conditions.iter().any(|other| {
        let is_null = Operator::parse(&other.operator).is_some_and(|operator| operator.family == Family::Null);
        let all_false =
            !other.values.items.is_empty() && other.values.items.iter().all(|v| v.eq_ignore_ascii_case("false"));
        is_null && all_false && other.key.eq_ignore_ascii_case(key)
    })
}

/// Whether a condition holds for every request of a principal, so that it is none.
pub(super) fn always_holds(condition: &Condition) -> bool {
    let Some(operator) = Operator::parse(&condition.operator) else { return false };
    let mut values = condition.values.items.iter();
    let present = ALWAYS_PRESENT.iter().any(|key| key.eq_ignore_ascii_case(&condition.key));
    match operator.family {
        Family::Null => present && values.any(|value| value.eq_ignore_ascii_case("false")),
        Family::String | Family::Arn if operator.wildcards && !operator.negated => {
            (present || operator.if_exists) && values.any(|value| is_everything(value) || value == "arn:*:*:*:*:*")
        }
        _ => false,
    }
}
