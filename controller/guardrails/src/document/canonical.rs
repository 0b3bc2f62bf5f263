//! What a document means, as one text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Clause, Effect, Statement};

/// The same for documents that mean the same.
pub(super) fn text(raw: &Value, statements: &[Statement]) -> String {
    let statements: BTreeSet<String> =
        statements.iter().zip(sources(raw)).map(|(statement, source)| one(statement, source)).collect();
    let rest: BTreeMap<&str, Value> =
        members(raw).filter(|(key, _)| !matches!(*key, "Version" | "Statement")).collect();
    let version = raw.get("Version").and_then(Value::as_str).unwrap_or("2008-10-17");
    json!([version, rest, statements]).to_string()
}

/// The statements as they are written.
pub(super) fn sources(raw: &Value) -> Vec<&Value> {
    match raw.get("Statement") {
        Some(Value::Array(items)) => items.iter().collect(),
        single => single.into_iter().collect(),
    }
}

/// One statement, lists as sets.
pub(super) fn one(statement: &Statement, source: &Value) -> String {
    let conditions: BTreeSet<(&str, String, BTreeSet<&str>)> = statement
        .conditions
        .iter()
        .map(|condition| {
            let values = condition.values.iter().map(String::as_str).collect();
            (condition.operator.as_str(), condition.key.to_ascii_lowercase(), values)
        })
        .collect();
    let unknown: BTreeMap<&str, Value> =
        members(source).filter(|(key, _)| statement.unknown.iter().any(|name| name == key)).collect();
    json!([
        statement.sid,
        statement.effect == Effect::Allow,
        clause(&statement.actions, str::to_ascii_lowercase),
        clause(&statement.resources, str::to_owned),
        conditions,
        unknown,
    ])
    .to_string()
}

fn clause(clause: &Clause, fold: impl Fn(&str) -> String) -> (bool, BTreeSet<String>) {
    (clause.negated, clause.patterns.iter().map(|pattern| fold(pattern)).collect())
}

/// Keys and values of an object.
fn members(value: &Value) -> impl Iterator<Item = (&str, Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), sorted(value)))
}

/// With the keys of every object in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(map) => {
            let ordered: BTreeMap<&String, Value> = map.iter().map(|(key, value)| (key, sorted(value))).collect();
            ordered.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        scalar => scalar.clone(),
    }
}
