//! From JSON to statements.

use serde_json::{Map, Value};

use super::{Clause, Effect, Statement};
use crate::condition::Condition;

/// The statements, and the names of elements that are not known.
pub(super) fn document(raw: &Value) -> Result<(Vec<Statement>, Vec<String>), String> {
    let document = raw.as_object().ok_or("it is not a JSON object")?;
    for element in ["Version", "Id"] {
        if document.get(element).is_some_and(|value| !value.is_string()) {
            return Err(format!("{element} is not a string"));
        }
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(items)) => items.iter().enumerate().map(|(index, item)| numbered(index, item)).collect(),
        Some(single @ Value::Object(_)) => numbered(0, single).map(|statement| vec![statement]),
        Some(_) => Err("Statement is neither an object nor a list".to_owned()),
        None => Err("there is no Statement".to_owned()),
    }?;
    Ok((statements, others(document, &["Version", "Id", "Statement"])))
}

/// Keys that are not among the known ones.
fn others(map: &Map<String, Value>, known: &[&str]) -> Vec<String> {
    map.keys().filter(|key| !known.contains(&key.as_str())).cloned().collect()
}

/// A statement; what is wrong with it says which one it is.
fn numbered(index: usize, value: &Value) -> Result<Statement, String> {
    statement(value).map_err(|problem| format!("statement {index}: {problem}"))
}

fn statement(value: &Value) -> Result<Statement, String> {
    let map = value.as_object().ok_or("it is not an object")?;
    let sid = match map.get("Sid") {
        None => None,
        Some(Value::String(sid)) if sid.is_empty() => None,
        Some(Value::String(sid)) => Some(sid.clone()),
        Some(_) => return Err("Sid is not a string".to_owned()),
    };
    let effect = match map.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err("Effect is neither Allow nor Deny".to_owned()),
    };
    Ok(Statement {
        sid,
        effect,
        actions: clause(map, "Action", "NotAction")?,
        resources: clause(map, "Resource", "NotResource")?,
        conditions: map.get("Condition").map_or(Ok(Vec::new()), conditions)?,
        unknown: others(map, &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"]),
    })
}

/// An element or its negation: exactly one of the two must be there.
fn clause(map: &Map<String, Value>, plain: &str, negated: &str) -> Result<Clause, String> {
    let (name, value, negated) = match (map.get(plain), map.get(negated)) {
        (Some(value), None) => (plain, value, false),
        (None, Some(value)) => (negated, value, true),
        (Some(_), Some(_)) => return Err(format!("there are both {plain} and {negated}")),
        (None, None) => return Err(format!("there is neither {plain} nor {negated}")),
    };
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    let patterns: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
    match patterns {
        Some(patterns) if !patterns.is_empty() => Ok(Clause { negated, patterns }),
        Some(_) => Err(format!("{name} is empty")),
        None => Err(format!("{name} is neither a string nor a list of strings")),
    }
}

/// One condition for each operator and key.
fn conditions(value: &Value) -> Result<Vec<Condition>, String> {
    let mut conditions = Vec::new();
    for (operator, keys) in value.as_object().ok_or("Condition is not an object")? {
        for (key, values) in keys.as_object().ok_or_else(|| format!("Condition {operator} is not an object"))? {
            let items = match values {
                Value::Array(items) => items.as_slice(),
                single => std::slice::from_ref(single),
            };
            let values: Option<Vec<String>> = items.iter().map(scalar).collect();
            let values = values.ok_or_else(|| format!("Condition {operator} {key} has a value that is no scalar"))?;
            conditions.push(Condition { operator: operator.clone(), key: key.clone(), values });
        }
    }
    Ok(conditions)
}

/// AWS takes `true` and `"true"`, `10` and `"10"` for the same.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
