//! The language of service control policies, as strict as AWS when a policy is saved.
//!
//! Other types of policies must be a JSON object, no more is checked.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::policy_types::{PolicyType, SCP};

const DOCUMENT: &[&str] = &["Version", "Id", "Statement"];
const STATEMENT: &[&str] = &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];

type Checked = Result<(), String>;

/// Says why AWS would refuse the document.
pub(super) fn check(kind: &'static PolicyType, content: &str) -> Checked {
    let mut deserializer = serde_json::Deserializer::from_str(content);
    let document = Strict.deserialize(&mut deserializer).map_err(|error| format!("It is not valid JSON: {error}."))?;
    deserializer.end().map_err(|error| format!("It is not valid JSON: {error}."))?;
    let Value::Object(document) = document else { return Err("It is not a JSON object.".into()) };
    if kind.name != SCP {
        return Ok(());
    }
    only(&document, DOCUMENT, "")?;
    match document.get("Version").map(Value::as_str) {
        Some(Some("2012-10-17")) => {}
        Some(_) => return Err("Version must be \"2012-10-17\".".into()),
        None => return Err("Version is missing.".into()),
    }
    if document.get("Id").is_some_and(|id| !id.is_string()) {
        return Err("Id must be a string.".into());
    }
    statements(document.get("Statement").ok_or("Statement is missing.")?)
}

fn statements(statements: &Value) -> Checked {
    let statements = match statements {
        Value::Array(statements) if statements.is_empty() => return Err("Statement is empty.".into()),
        Value::Array(statements) => statements.as_slice(),
        statement => std::slice::from_ref(statement),
    };
    let mut sids = BTreeSet::new();
    for (index, each) in statements.iter().enumerate() {
        let at = format!("Statement {}: ", index + 1);
        let each = each.as_object().ok_or_else(|| format!("{at}it is not an object."))?;
        statement(each, &at)?;
        let sid = each.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty());
        if let Some(sid) = sid.filter(|sid| !sids.insert(*sid)) {
            return Err(format!("{at}Sid {sid:?} is used twice."));
        }
    }
    Ok(())
}

fn statement(statement: &Map<String, Value>, at: &str) -> Checked {
    for unsupported in ["Principal", "NotPrincipal"] {
        if statement.contains_key(unsupported) {
            return Err(format!("{at}{unsupported} is not supported in a service control policy."));
        }
    }
    only(statement, STATEMENT, at)?;
    match statement.get("Sid") {
        None => {}
        Some(Value::String(sid)) if sid.bytes().all(|b| b.is_ascii_alphanumeric()) => {}
        Some(_) => return Err(format!("{at}Sid must be a string of ASCII letters and digits.")),
    }
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Err(format!("{at}Effect must be \"Allow\" or \"Deny\"."));
    }
    one_of(statement, ["Action", "NotAction"], at, is_action)?;
    one_of(statement, ["Resource", "NotResource"], at, is_resource)?;
    statement.get("Condition").map_or(Ok(()), |condition| conditions(condition, at))
}

fn only(object: &Map<String, Value>, known: &[&str], at: &str) -> Checked {
    let unknown = object.keys().find(|key| !known.contains(&key.as_str()));
    unknown.map_or(Ok(()), |key| Err(format!("{at}Unknown element {key:?}.")))
}

/// Exactly one of two elements, a string or a list of strings, none empty.
fn one_of(statement: &Map<String, Value>, names: [&str; 2], at: &str, valid: fn(&str) -> bool) -> Checked {
    let [plain, not] = names;
    let (name, value) = match (statement.get(plain), statement.get(not)) {
        (Some(value), None) => (plain, value),
        (None, Some(value)) => (not, value),
        (None, None) => return Err(format!("{at}{plain} or {not} is missing.")),
        (Some(_), Some(_)) => return Err(format!("{at}{plain} and {not} exclude each other.")),
    };
    let values = match value {
        Value::Array(values) if values.is_empty() => return Err(format!("{at}{name} is empty.")),
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    for value in values {
        let text = value.as_str().ok_or_else(|| format!("{at}{name} must be a string or a list of strings."))?;
        if !valid(text) {
            return Err(format!("{at}{text:?} is not valid in {name}."));
        }
    }
    Ok(())
}

/// `*`, or `service:Action` with wildcards anywhere in the action and in the service.
fn is_action(action: &str) -> bool {
    let plain = |text: &str, extra: &[u8]| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"*?".contains(&b) || extra.contains(&b))
    };
    action == "*" || action.split_once(':').is_some_and(|(service, name)| plain(service, b"-") && plain(name, b""))
}

/// `*`, or an ARN: six parts, unless a wildcard stands for several.
fn is_resource(resource: &str) -> bool {
    resource == "*" || (resource.starts_with("arn:") && (resource.split(':').count() >= 6 || resource.ends_with('*')))
}

fn conditions(condition: &Value, at: &str) -> Checked {
    let operators = condition.as_object().ok_or_else(|| format!("{at}Condition is not an object."))?;
    for (operator, keys) in operators {
        if !is_operator(operator) {
            return Err(format!("{at}Unknown condition operator {operator:?}."));
        }
        let keys = keys.as_object().ok_or_else(|| format!("{at}{operator} is not an object."))?;
        if keys.is_empty() {
            return Err(format!("{at}{operator} names no condition key."));
        }
        for (key, values) in keys {
            let values = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
            let scalar = |value: &Value| value.is_string() || value.is_boolean() || value.is_number();
            if !key.contains(':') || values.is_empty() || !values.iter().all(scalar) {
                return Err(format!("{at}{key:?} of {operator} is not a condition key with values."));
            }
        }
    }
    Ok(())
}

fn is_operator(operator: &str) -> bool {
    let plain = ["ForAllValues:", "ForAnyValue:"].iter().find_map(|set| operator.strip_prefix(set)).unwrap_or(operator);
    let known = |name: &str| OPERATORS.contains(&name);
    known(plain) || plain.strip_suffix("IfExists").is_some_and(|name| known(name) && name != "Null")
}

/// JSON in which no object has a key twice.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(Self)?;
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} stands twice in one object")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scp(content: &str) -> Checked {
        check(PolicyType::named(SCP).unwrap(), content)
    }

    fn with(statement: &str) -> Checked {
        scp(&format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#))
    }

    #[test]
    fn what_aws_takes_is_taken() {
        for statement in [
            r#"{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}"#,
            r#"{"Sid":"A1","Effect":"Deny","NotAction":["iam:*","*:Get?bject"],"NotResource":["arn:aws:s3:::a/*","arn:aws:*"]}"#,
            r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":["eu-west-1"]}}}"#,
            r#"{"Effect":"Deny","Action":"ec2:*","Resource":"*","Condition":{"ForAnyValue:StringNotLikeIfExists":{"aws:PrincipalArn":"a"},"Bool":{"aws:SecureTransport":false}}}"#,
        ] {
            assert_eq!(with(statement), Ok(()), "{statement}");
        }
        assert_eq!(
            scp(r#"{"Version":"2012-10-17","Id":"x","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#),
            Ok(())
        );
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        for (statement, part) in [
            (r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#, "Principal is not supported"),
            (r#"{"Effect":"Deny","NotPrincipal":"*","Action":"*","Resource":"*"}"#, "NotPrincipal is not supported"),
            (r#"{"Effect":"Deny","Actions":"*","Resource":"*"}"#, "Unknown element \"Actions\""),
            (r#"{"Effect":"deny","Action":"*","Resource":"*"}"#, "Effect must be"),
            (r#"{"Effect":"Deny","Action":"*"}"#, "Resource or NotResource is missing"),
            (r#"{"Effect":"Deny","Action":"*","NotAction":"*","Resource":"*"}"#, "exclude each other"),
            (r#"{"Effect":"Deny","Action":[],"Resource":"*"}"#, "Action is empty"),
            (r#"{"Effect":"Deny","Action":"LeaveOrganization","Resource":"*"}"#, "not valid in Action"),
            (r#"{"Effect":"Deny","Action":"s3:Get-Object","Resource":"*"}"#, "not valid in Action"),
            (r#"{"Effect":"Deny","Action":"*","Resource":"bucket"}"#, "not valid in Resource"),
            (r#"{"Effect":"Deny","Action":3,"Resource":"*"}"#, "must be a string"),
            (r#"{"Sid":"has space","Effect":"Deny","Action":"*","Resource":"*"}"#, "Sid must be"),
            (
                r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEqual":{"aws:a":"b"}}}"#,
                "Unknown condition operator",
            ),
            (
                r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NullIfExists":{"aws:a":"true"}}}"#,
                "Unknown condition operator",
            ),
            (r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{}}}"#, "no condition key"),
            (r#"{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}"#, "stands twice"),
            ("", "Statement is empty"),
            ("[]", "not an object"),
        ] {
            let why = with(statement).expect_err(statement);
            assert!(why.contains(part), "{statement}: {why}");
        }
    }

    #[test]
    fn the_whole_document_is_checked() {
        for content in [
            "",
            "no json",
            "[]",
            "{}",
            r#"{"Version":"2012-10-17"}"#,
            r#"{"Version":"2008-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#,
            r#"{"Version":"2012-10-17","Statements":[]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]} x"#,
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}]}"#,
        ] {
            assert!(scp(content).is_err(), "{content}");
        }
        assert_eq!(check(PolicyType::named("TAG_POLICY").unwrap(), r#"{"tags":{}}"#), Ok(()));
        assert!(check(PolicyType::named("TAG_POLICY").unwrap(), "[]").is_err());
    }
}
