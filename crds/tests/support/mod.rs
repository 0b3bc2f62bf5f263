//! Checks a manifest as the API server does, in its words: structural schema first, then CEL.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, not all used by each"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kube::core::cel::Validator;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The folder `tail` of the repository.
pub fn folder(tail: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(tail)
}

/// Files of a folder with this extension, sorted.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    found.sort();
    found
}

/// The documents of a YAML text.
pub fn documents(yaml: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(yaml).map(|document| Value::deserialize(document).expect("YAML")).collect()
}

/// Schema of a kind.
pub fn schema(kind: &str) -> Value {
    let crds = soc2_crds::crds();
    let crd = crds.iter().find(|crd| crd.spec.names.kind == kind).unwrap_or_else(|| panic!("no kind {kind}"));
    serde_json::to_value(crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap()).unwrap()
}

/// What is wrong with an object, one line each; empty: nothing.
pub fn errors(object: &Value, old: Option<&Value>) -> String {
    let schema = schema(object["kind"].as_str().expect("a kind"));
    let mut errors = String::new();
    structure(&schema, object, "", &mut errors);
    if errors.is_empty()
        && let Err(wrong) = Validator::new().validate(&schema, object, old)
    {
        for error in wrong.as_slice() {
            let value = at(object, &error.field_path);
            let value = if value.is_string() { format!("{value}: ") } else { String::new() };
            let _ = writeln!(errors, "{}: Invalid value: {value}{}", error.field_path, error.message);
        }
    }
    errors
}

/// The value at a path such as `spec.controls[0].id`.
fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    let pointer = path.replace('[', "/").replace(']', "").replace('.', "/");
    object.pointer(&format!("/{pointer}")).unwrap_or(&Value::Null)
}

fn structure(schema: &Value, value: &Value, path: &str, errors: &mut String) {
    if schema["x-kubernetes-preserve-unknown-fields"] == true && schema["type"].is_null() {
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        let _ = writeln!(errors, "{path}: Unsupported value: {value}: supported values: {}", allowed.join(", "));
        return;
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        other => panic!("{path}: type {other:?}"),
    };
    if !fits {
        let _ = writeln!(errors, "{path} in body must be of type {}", schema["type"].as_str().unwrap());
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
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            if let Some(least) = schema["minimum"].as_f64().filter(|least| number < *least) {
                let _ = writeln!(errors, "{path} in body should be greater than or equal to {least}");
            }
            if let Some(most) = schema["maximum"].as_f64().filter(|most| number > *most) {
                let _ = writeln!(errors, "{path} in body should be less than or equal to {most}");
            }
        }
        _ => {}
    }
}

fn members(schema: &Value, object: &Map<String, Value>, path: &str, errors: &mut String) {
    bounds(schema, "Properties", object.len(), "properties", path, errors);
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            let _ = writeln!(errors, "{}: Required value", below(name));
        }
    }
    for (name, member) in object {
        if path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
            continue;
        }
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(schema), _) | (None, Some(schema)) => structure(schema, member, &below(name), errors),
            (None, None) => {
                let _ = writeln!(errors, "{}: unknown field", below(name));
            }
        }
    }
}

fn string(schema: &Value, text: &str, path: &str, errors: &mut String) {
    let length = text.chars().count() as u64;
    if schema["maxLength"].as_u64().is_some_and(|most| length > most) {
        let _ = writeln!(errors, "{path}: Too long: may not be more than {} bytes", schema["maxLength"]);
    }
    if schema["minLength"].as_u64().is_some_and(|least| length < least) {
        let _ = writeln!(errors, "{path} in body should be at least {} chars long", schema["minLength"]);
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let rule =
            json!({"type": "string", "x-kubernetes-validations": [{"rule": format!("self.matches(r'{pattern}')")}]});
        if Validator::new().validate(&rule, &json!(text), None).is_err() {
            let _ = writeln!(errors, "{path} in body should match '{pattern}'");
        }
    }
    match schema["format"].as_str() {
        Some("date") if text.parse::<k8s_openapi::jiff::civil::Date>().is_err() => {
            let _ = writeln!(errors, "{path} in body must be of type date: \"{text}\"");
        }
        Some("date-time") if text.parse::<k8s_openapi::jiff::Timestamp>().is_err() => {
            let _ = writeln!(errors, "{path} in body must be of type date-time: \"{text}\"");
        }
        _ => {}
    }
}

fn bounds(schema: &Value, what: &str, count: usize, word: &str, path: &str, errors: &mut String) {
    let count = count as u64;
    if let Some(least) = schema[format!("min{what}")].as_u64().filter(|least| count < *least) {
        let _ = writeln!(errors, "{path} in body should have at least {least} {word}");
    }
    if let Some(most) = schema[format!("max{what}")].as_u64().filter(|most| count > *most) {
        let _ = writeln!(errors, "{path}: Too many: {count}: must have at most {most} items");
    }
}
