//! Policies as they are to those who are not exempt.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::document::Document;
use crate::inventory::PolicyInventory;
use crate::json;
use crate::library::Exemptions;

/// Key and operators by which a deny leaves principals out: negated, with a list of whom it does not restrict.
const KEY: &str = "aws:PrincipalArn";
const LEAVE_OUT: [&str; 4] = ["ArnNotLike", "ArnNotEquals", "StringNotLike", "StringNotEquals"];
/// Of these, those that compare part by part. A `*` of the others runs over colons, and so takes in more than ours does.
const BY_PART: [&str; 2] = ["ArnNotLike", "ArnNotEquals"];

/// The policies without exemptions of principals that are exempt anyway.
///
/// For somebody whom none of the exempt patterns matches, a pattern that one of these takes in does not match either, so that
/// the deny is the same without it. Where nothing is left of a condition it always holds. Allows are left as they are.
pub(super) fn without_exemptions<'a>(inventory: &'a PolicyInventory, exempt: &Exemptions) -> Cow<'a, PolicyInventory> {
    let changed = inventory.policies.iter().filter_map(|(id, policy)| {
        let concerned =
            !exempt.is_empty() && (policy.content.contains("NotLike") || policy.content.contains("NotEquals"));
        let content = concerned.then(|| forgiven(&policy.content, exempt)).flatten()?;
        Some((id, content))
    });
    let mut seen = Cow::Borrowed(inventory);
    for (id, content) in changed {
        if let Some(policy) = seen.to_mut().policies.get_mut(id) {
            policy.content = content;
        }
    }
    seen
}

/// A document without them; `None` when it is the same, or no document.
pub(crate) fn forgiven(content: &str, exempt: &Exemptions) -> Option<String> {
    Document::parse(content).ok()?;
    let mut document = json::parse(content).ok()?;
    let mut changed = false;
    let statements = match document.get_mut("Statement")? {
        Value::Array(statements) => statements.as_mut_slice(),
        single => std::slice::from_mut(single),
    };
    for statement in statements.iter_mut().filter_map(Value::as_object_mut) {
        if statement.get("Effect").and_then(Value::as_str) == Some("Deny")
            && let Some(Value::Object(condition)) = statement.get_mut("Condition")
        {
            changed |= drop_exempt(condition, exempt);
        }
    }
    changed.then(|| document.to_string())
}

/// Takes exempt principals out of conditions that leave principals out; gives whether there were any.
fn drop_exempt(condition: &mut Map<String, Value>, exempt: &Exemptions) -> bool {
    let mut changed = false;
    for (operator, keys) in condition.iter_mut() {
        let plain = operator.strip_suffix("IfExists").unwrap_or(operator);
        let Value::Object(keys) = keys else { continue };
        if !LEAVE_OUT.contains(&plain) {
            continue;
        }
        let by_part = BY_PART.contains(&plain);
        let is_exempt = |text: &str| (by_part || !text.contains(['*', '?'])) && exempt.cover(text);
        keys.retain(|key, values| {
            if !key.eq_ignore_ascii_case(KEY) {
                return true;
            }
            let (kept, dropped): (Vec<Value>, Vec<Value>) =
                items(values).into_iter().partition(|value| !value.as_str().is_some_and(is_exempt));
            changed |= !dropped.is_empty();
            let all_dropped = kept.is_empty() && !dropped.is_empty();
            *values = Value::Array(kept);
            !all_dropped
        });
    }
    changed
}

fn items(values: &Value) -> Vec<Value> {
    match values {
        Value::Array(items) => items.clone(),
        single => vec![single.clone()],
    }
}
