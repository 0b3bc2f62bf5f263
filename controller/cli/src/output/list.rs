//! The objects, as the operator writes them.

use anyhow::Result;
use serde_json::{Value, json};

use crate::assess::Assessed;

/// A `v1` `List` of the profiles, each followed by the postures of its accounts.
///
/// # Errors
/// When an object is no JSON.
pub fn list(all: &[Assessed]) -> Result<Value> {
    let mut items = Vec::new();
    for assessed in all {
        items.push(serde_json::to_value(&assessed.profile)?);
        for posture in &assessed.postures {
            items.push(serde_json::to_value(posture)?);
        }
    }
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}))
}
