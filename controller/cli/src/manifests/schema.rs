//! Checks an object as the API server does, in its words: the structural schema first, then the CEL rules.

use kube::core::cel::Validator;
use serde_json::{Map, Value, json};

/// What is wrong with an object of one of our kinds, one line each, beginning with the path of the field.
#[must_use]
pub fn errors(schema: &Value, object: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    structure(schema, object, "", &mut errors);
    if !errors.is_empty() {
        // The rules rely on the types.
        return errors;
    }
    if let Err(wrong) = Validator::new().validate(schema, object, None) {
        for error in wrong.as_slice() {
            let value = at(object, &error.field_path);
            let value = if value.is_string() { format!("{value}: ") } else { String::new() };
            errors.push(format!("{}: {value}{}", error.field_path, error.message));
        }
    }
    errors
}

/// The value at a path such as `spec.controls[0].id`.
fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    let pointer = path.replace('[', "/").replace(']', "").replace('.', "/");
    object.pointer(&format!("/{pointer}")).unwrap_or(&Value::Null)
}

fn structure(schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == true && schema["type"].is_null() {
        return;
    }
    if schema["x-kubernetes-int-or-string"] == true {
        if !value.is_string() && !value.is_i64() && !value.is_u64() {
            errors.push(format!("{path}: must be a number or a string"));
        }
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        errors.push(format!("{path}: {value} is none of the supported values: {}", allowed.join(", ")));
        return;
    }
    let expected = schema["type"].as_str().unwrap_or_default();
    let fits = match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => true,
    };
    if !fits {
        errors.push(format!("{path}: must be of type {expected}, not {}{}", kind_of(value), advice(expected, value)));
        return;
    }
    match value {
        Value::Object(object) => members(schema, object, path, errors),
        Value::Array(items) => {
            bounds(schema, "Items", items.len(), "items", path, errors);
            for (index, item) in items.iter().enumerate() {
                structure(&schema["items"], item, &format!("{path}[{index}]"), errors);
            }
        }
        Value::String(text) => string(schema, text, path, errors),
        Value::Number(number) => number_bounds(schema, number.as_f64().unwrap_or_default(), path, errors),
        Value::Null | Value::Bool(_) => {}
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// YAML takes what looks like a number for one.
fn advice(expected: &str, value: &Value) -> &'static str {
    if expected == "string" && (value.is_number() || value.is_boolean()) { "; put it in quotes" } else { "" }
}

fn members(schema: &Value, object: &Map<String, Value>, path: &str, errors: &mut Vec<String>) {
    bounds(schema, "Properties", object.len(), "properties", path, errors);
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            errors.push(format!("{}: is required", below(name)));
        }
    }
    for (name, member) in object {
        if path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
            continue;
        }
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            // The API server drops a null, as if the field were not there.
            (Some(_), _) if member.is_null() => {}
            (Some(schema), _) | (None, Some(schema)) => structure(schema, member, &below(name), errors),
            (None, None) if schema["x-kubernetes-preserve-unknown-fields"] == true => {}
            (None, None) => errors.push(format!("{}: unknown field{}", below(name), similar(schema, name))),
        }
    }
}

/// A known field that this one may be meant for.
fn similar(schema: &Value, name: &str) -> String {
    /// How alike they must be, of 1.
    const ALIKE: f64 = 0.85;
    let known = schema["properties"].as_object().into_iter().flat_map(Map::keys);
    let alike = known.map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase()), known));
    let nearest = alike.filter(|(alike, _)| *alike > ALIKE).max_by(|one, other| one.0.total_cmp(&other.0));
    nearest.map(|(_, found)| format!("; did you mean {found}?")).unwrap_or_default()
}

fn string(schema: &Value, text: &str, path: &str, errors: &mut Vec<String>) {
    let length = text.chars().count() as u64;
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        errors.push(format!("{path}: must have at most {most} characters, has {length}"));
    }
    if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        errors.push(format!("{path}: must have at least {least} characters"));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let rule =
            json!({"type": "string", "x-kubernetes-validations": [{"rule": format!("self.matches(r'{pattern}')")}]});
        if Validator::new().validate(&rule, &json!(text), None).is_err() {
            errors.push(format!("{path}: {text:?} does not match '{pattern}'"));
        }
    }
    let format = schema["format"].as_str().unwrap_or_default();
    let fits = match format {
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        _ => true,
    };
    if !fits {
        errors.push(format!("{path}: {text:?} is no {format}"));
    }
}

fn number_bounds(schema: &Value, number: f64, path: &str, errors: &mut Vec<String>) {
    if let Some(least) = schema["minimum"].as_f64().filter(|least| number < *least) {
        errors.push(format!("{path}: must be at least {least}"));
    }
    if let Some(most) = schema["maximum"].as_f64().filter(|most| number > *most) {
        errors.push(format!("{path}: must be at most {most}"));
    }
}

fn bounds(schema: &Value, what: &str, count: usize, word: &str, path: &str, errors: &mut Vec<String>) {
    let count = count as u64;
    if let Some(least) = schema[format!("min{what}")].as_u64().filter(|least| count < *least) {
        errors.push(format!("{path}: must have at least {least} {word}"));
    }
    if let Some(most) = schema[format!("max{what}")].as_u64().filter(|most| count > *most) {
        errors.push(format!("{path}: must have at most {most} {word}, has {count}"));
    }
}
