//! Members of a call's input. Query parameters arrive as text, body members as JSON: both are read alike.

use serde_json::Value;

use super::errors::invalid_input;
use crate::call::{ApiError, Call};

/// A text member; absent and null are alike.
pub(super) fn text<'a>(call: &'a Call, name: &str) -> Result<Option<&'a str>, ApiError> {
    match call.input.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid_input(format!("Invalid parameter '{name}'. Expected a string."))),
    }
}

/// `MaxResults`, between 1 and `most`.
pub(super) fn max_results(call: &Call, default: usize, most: usize) -> Result<usize, ApiError> {
    let value = match call.input.get("MaxResults") {
        None | Some(Value::Null) => return Ok(default),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_i64(),
    };
    let valid = value.and_then(|number| usize::try_from(number).ok()).filter(|number| (1..=most).contains(number));
    valid.ok_or_else(|| {
        invalid_input(format!("Invalid parameter 'MaxResults'. The value must be between 1 and {most}."))
    })
}

/// A boolean member.
pub(super) fn boolean(call: &Call, name: &str, default: bool) -> Result<bool, ApiError> {
    match call.input.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Bool(value)) => Ok(*value),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(_) => Err(invalid_input(format!("Invalid parameter '{name}'. Expected true or false."))),
    }
}

/// A list member with at most `most` items; absent is empty.
pub(super) fn list<'a>(call: &'a Call, name: &str, most: usize) -> Result<&'a [Value], ApiError> {
    match call.input.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) if items.len() <= most => Ok(items),
        Some(Value::Array(items)) => Err(invalid_input(format!(
            "Invalid parameter '{name}'. It has {} items; at most {most} are allowed.",
            items.len()
        ))),
        Some(_) => Err(invalid_input(format!("Invalid parameter '{name}'. Expected a list."))),
    }
}
