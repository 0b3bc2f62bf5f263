//! Values as YAML has them: one, or a list.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One value or a list of values. What they have to be depends on what they are for, so that it is checked there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnyValue(pub Value);

impl AnyValue {
    /// The values as texts, a number and a boolean as they are written; `None` when one of them is neither a string, a whole
    /// number nor a boolean.
    #[must_use]
    pub fn texts(&self) -> Option<Vec<String>> {
        self.items().iter().map(text).collect()
    }

    /// The values: those of the list, or the one.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        match &self.0 {
            Value::Array(items) => items,
            single => std::slice::from_ref(single),
        }
    }
}

impl From<Value> for AnyValue {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}
