//! A second evaluator, as plain as AWS's documentation: straight from JSON, slow, two-valued. It shares nothing with ours.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

/// A call whose keys are all known.
pub struct Call<'a> {
    pub principal: &'a str,
    pub action: &'a str,
    pub resource: &'a str,
    pub context: &'a BTreeMap<String, Vec<String>>,
}

/// What decides: a deny at level, policy, statement, or the first level that does not allow it; `None`: it is allowed.
pub type Denial = (usize, Option<(usize, usize)>);

pub fn decide(levels: &[Vec<Value>], call: &Call<'_>) -> Option<Denial> {
    if call.principal.contains(":role/aws-service-role/") {
        return None;
    }
    let applying = |effect: &str, policy: &Value| {
        policy["Statement"].as_array().unwrap().iter().position(|statement| {
            statement["Effect"] == effect && applies(statement, policy["Version"] == "2012-10-17", call)
        })
    };
    for (at, level) in levels.iter().enumerate() {
        let denies = |(index, policy)| applying("Deny", policy).map(|statement| (index, statement));
        if let Some(place) = level.iter().enumerate().find_map(denies) {
            return Some((at, Some(place)));
        }
    }
    let allowed = |level: &Vec<Value>| level.iter().any(|policy| applying("Allow", policy).is_some());
    levels.iter().position(|level| !allowed(level)).map(|level| (level, None))
}

fn list(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value.as_array().map_or_else(|| vec![text(value)], |items| items.iter().map(text).collect())
}

fn applies(statement: &Value, variables: bool, call: &Call<'_>) -> bool {
    let action = |pattern: &String| wild(&pattern.to_ascii_lowercase(), &call.action.to_ascii_lowercase());
    let resource = |pattern: &String| {
        let filled = if variables { fill(pattern, call) } else { Some(pattern.clone()) };
        filled.is_some_and(|pattern| pattern == "*" || within_parts(&pattern, call.resource))
    };
    let part = |name: &str, matches: &dyn Fn(&String) -> bool| match statement.get(name) {
        Some(patterns) => list(patterns).iter().any(matches),
        None => !list(&statement[format!("Not{name}")]).iter().any(matches),
    };
    let conditions = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    part("Action", &action)
        && part("Resource", &resource)
        && conditions
            .flat_map(|(operator, keys)| {
                keys.as_object().unwrap().iter().map(move |(key, values)| (operator, key, values))
            })
            .all(|(operator, key, values)| condition(operator, key, &list(values), variables, call))
}

/// `*` and `?`, anywhere.
fn wild(pattern: &str, text: &str) -> bool {
    stars(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>(), usize::MAX)
}

/// The same, where wildcards in the first five parts of an ARN stay in their part.
fn within_parts(pattern: &str, text: &str) -> bool {
    stars(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>(), 0)
}

/// `colons`: how many stand before, up to the fifth.
fn stars(pattern: &[char], text: &[char], colons: usize) -> bool {
    let bound = colons < 5;
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            let may_run_on = !bound || matches!(rest, [] | [':', ..]);
            stars(rest, text, colons)
                || text
                    .split_first()
                    .is_some_and(|(first, after)| (may_run_on || *first != ':') && stars(pattern, after, colons))
        }
        (['?', rest @ ..], [found, after @ ..]) => !(bound && *found == ':') && stars(rest, after, colons),
        ([wanted, rest @ ..], [found, after @ ..]) if wanted == found => {
            stars(rest, after, if *wanted == ':' { colons.saturating_add(1) } else { colons })
        }
        _ => false,
    }
}

fn lookup(key: &str, call: &Call<'_>) -> Vec<String> {
    let found = call.context.iter().find(|(name, _)| name.to_lowercase() == key.to_lowercase());
    let parts: Vec<&str> = call.principal.split(':').collect();
    match (found, key.to_lowercase().as_str()) {
        (Some((_, values)), _) => values.clone(),
        (None, "aws:principalarn") => vec![call.principal.to_owned()],
        (None, "aws:principalaccount") => vec![parts[4].to_owned()],
        _ => Vec::new(),
    }
}

/// Only `${key}` of a key with plain values is in what is drawn.
fn fill(text: &str, call: &Call<'_>) -> Option<String> {
    let Some((before, rest)) = text.split_once("${") else { return Some(text.to_owned()) };
    let (key, after) = rest.split_once('}').unwrap();
    let [value] = &lookup(key, call)[..] else { return None };
    Some(format!("{before}{value}{}", fill(after, call)?))
}

fn condition(operator: &str, key: &str, wanted: &[String], variables: bool, call: &Call<'_>) -> bool {
    let found = lookup(key, call);
    if operator == "Null" {
        return wanted.iter().any(|wanted| (wanted == "true") == found.is_empty());
    }
    let (set, bare) = operator.split_once(':').unwrap_or(("", operator));
    let name = bare.trim_end_matches("IfExists");
    if found.is_empty() && name != bare {
        return true;
    }
    let negated = name.contains("Not");
    let name = name.replacen("Not", "", 1);
    let one = |found: &String| {
        let any = wanted.iter().any(|wanted| {
            let text = name.starts_with("String") || name.starts_with("Arn");
            let wanted = if variables && text { fill(wanted, call) } else { Some(wanted.clone()) };
            wanted.is_some_and(|wanted| compare(&name, &wanted, found))
        });
        any != negated
    };
    match set {
        "ForAllValues" => found.iter().all(one),
        "ForAnyValue" => found.iter().any(one),
        // No value matches nothing; of several one that matches is enough, and none may for the negated.
        _ if negated => found.iter().all(one),
        _ => found.iter().any(one),
    }
}

fn compare(name: &str, wanted: &str, found: &str) -> bool {
    let order = |found: Option<f64>, wanted: Option<f64>| {
        let (Some(found), Some(wanted)) = (found, wanted) else { return false };
        match name.trim_start_matches("Numeric").trim_start_matches("Date") {
            "Equals" => (found - wanted).abs() < 1e-9,
            "LessThan" => found < wanted,
            "LessThanEquals" => found <= wanted,
            "GreaterThan" => found > wanted,
            "GreaterThanEquals" => found >= wanted,
            other => panic!("{other}"),
        }
    };
    match name {
        "StringEquals" => wanted == found,
        "StringEqualsIgnoreCase" => wanted.to_lowercase() == found.to_lowercase(),
        "StringLike" => wild(wanted, found),
        "ArnLike" | "ArnEquals" => {
            let (wanted, found): (Vec<&str>, Vec<&str>) =
                (wanted.splitn(6, ':').collect(), found.splitn(6, ':').collect());
            wanted.len() == 6 && found.len() == 6 && wanted.iter().zip(found).all(|(wanted, found)| wild(wanted, found))
        }
        "Bool" => wanted.to_lowercase() == found.to_lowercase() && ["true", "false"].contains(&&*found.to_lowercase()),
        "IpAddress" => address(wanted, found),
        _ if name.starts_with("Numeric") => order(found.parse().ok(), wanted.parse().ok()),
        _ if name.starts_with("Date") => order(seconds(found), seconds(wanted)),
        other => panic!("{other}"),
    }
}

/// Of the dates that are drawn.
fn seconds(text: &str) -> Option<f64> {
    match text {
        "2026-01-01" | "2026-01-01T00:00:00Z" | "2026-01-01T01:00:00+01:00" => Some(1_767_225_600.0),
        "2026-01-02" => Some(1_767_312_000.0),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

fn address(range: &str, address: &str) -> bool {
    let (base, length) = range.split_once('/').unwrap_or((range, "128"));
    let Ok(length) = length.parse() else { return false };
    let bits = |text: &str| -> Option<Vec<bool>> {
        let bytes = match text.parse().ok()? {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        Some(bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect())
    };
    let (Some(base), Some(address)) = (bits(base), bits(address)) else { return false };
    base.len() == address.len() && base.iter().zip(&address).take(length).all(|(one, other)| one == other)
}
