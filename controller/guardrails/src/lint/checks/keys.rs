//! Condition keys that requests do not have.

use super::operator::{Family, Operator};
use super::{closest, some};
use crate::lint::Diagnostic;
use crate::lint::model::{Condition, Statement};
use crate::lint::patterns::has_wildcard;
use crate::lint::rules::condition::{KEY_NOT_OF_ACTION, UNKNOWN_CONDITION_KEY};
use crate::lint::table::table;

pub(super) fn check(statement: &Statement, found: &mut Vec<Diagnostic>) {
    for condition in &statement.conditions {
        let key = condition.key.as_str();
        let prefix = key.split_once(':').map_or("", |(prefix, _)| prefix);
        // Keys of identity providers are named for their hosts, and not all are in the table.
        if table().global_key(key).is_some() || prefix.contains(['.', '/']) {
            continue;
        }
        let finding = match table().key(key) {
            // Those of every service are all known, but tags and the like are documented with the services that have them.
            Some(_) if prefix.eq_ignore_ascii_case("aws") => None,
            Some(_) => not_of_action(statement, condition),
            None => Some(unknown(statement, condition)),
        };
        found.extend(finding);
    }
}

fn unknown(statement: &Statement, condition: &Condition) -> Diagnostic {
    let key = &condition.key;
    let guess = closest(key, table().all_keys().iter().map(|known| known.name));
    let message = format!("there is no condition key {key}");
    statement.finding(&UNKNOWN_CONDITION_KEY, condition.values.pointer.as_str(), message).did_you_mean(guess)
}

/// That some of the actions do not have the key.
fn not_of_action(statement: &Statement, condition: &Condition) -> Option<Diagnostic> {
    let actions = statement.actions.as_ref().filter(|actions| !actions.negated)?;
    let operator = Operator::parse(&condition.operator)?;
    let key = condition.key.as_str();
    let without: Vec<String> = actions.patterns.items.iter().filter(|action| lacks(action, key)).cloned().collect();
    if without.is_empty() {
        return None;
    }
    let absent_holds = match operator.family {
        Family::Null => condition.values.items.iter().any(|value| value.eq_ignore_ascii_case("true")),
        _ => operator.holds_when_absent(),
    };
    let (have, them) = if without.len() == 1 { ("has", "it") } else { ("have", "them") };
    let effect = if absent_holds { "always" } else { "never" };
    let message = format!("{} {have} no {key}: for {them} this condition {effect} holds", some(&without));
    Some(statement.finding(&KEY_NOT_OF_ACTION, condition.values.pointer.as_str(), message))
}

/// Whether a pattern matches actions that are known, and none of them has the key.
fn lacks(pattern: &str, key: &str) -> bool {
    let folded = pattern.to_ascii_lowercase();
    let Some((prefix, name)) = folded.split_once(':').filter(|(prefix, _)| !has_wildcard(prefix)) else { return false };
    let Some(service) = table().service(prefix) else { return false };
    let mut matching = service.matching(name).peekable();
    matching.peek().is_some() && !matching.any(|action| service.has_key(action, key))
}
