//! Generated schemas as a person would have written them.

use std::fmt::Write as _;

use schemars::Schema;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Map, Value, json};

/// Rewrites a generated schema as a person would have written it for Kubernetes:
///
/// - nothing is `nullable`: the API server drops a null, as if the field were not there;
/// - no formats of unsigned integers, which `OpenAPI` does not know;
/// - paragraphs of descriptions are one line: `kubectl explain` wraps them;
/// - the meaning of enum values, which a structural schema has no place for, goes into the field's description.
pub(crate) fn tidy(schema: &mut Schema) {
    Tidy.transform(schema);
}

struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        if let Some(object) = schema.as_object_mut() {
            drop_null(object);
            join_lines(object);
            explain_values(object);
            if object.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
                object.remove("format");
            }
        }
    }
}

/// One line a paragraph; what begins with `- ` is one.
fn join_lines(schema: &mut Map<String, Value>) {
    let Some(Value::String(description)) = schema.get_mut("description") else { return };
    let mut joined = String::with_capacity(description.len());
    for line in description.lines() {
        let new_paragraph = line.is_empty() || line.starts_with("- ") || joined.ends_with('\n');
        match (joined.is_empty(), new_paragraph) {
            (true, _) => {}
            (false, true) => joined.push('\n'),
            (false, false) => joined.push(' '),
        }
        joined.push_str(line);
    }
    *description = joined;
}

/// `T` instead of `T` or null.
fn drop_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    let Some(Value::Array(choices)) = schema.get_mut("anyOf") else { return };
    choices.retain(|choice| choice.get("type") != Some(&json!("null")));
    if let [Value::Object(only)] = choices.as_slice() {
        let only = only.clone();
        schema.remove("anyOf");
        for (key, value) in only {
            // What the field says of itself is nearer than what its type says.
            schema.entry(key).or_insert(value);
        }
    }
}

/// A list of values with their meaning becomes an enum, the meanings a part of the description.
fn explain_values(schema: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = schema.get("oneOf") else { return };
    let mut values: Vec<Value> = Vec::new();
    let mut lines = String::new();
    for choice in choices {
        let Some(value) = choice.get("const") else { return };
        if let (Some(name), Some(meaning)) = (value.as_str(), choice.get("description").and_then(Value::as_str)) {
            let _ = write!(lines, "\n- {name}: {meaning}");
        }
        values.push(value.clone());
    }
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let description = format!("{description}{lines}");
    schema.remove("oneOf");
    schema.insert("type".to_owned(), json!("string"));
    schema.insert("enum".to_owned(), Value::Array(values));
    schema.insert("description".to_owned(), Value::String(description));
}
