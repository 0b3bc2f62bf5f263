//! Actions that are none.

use super::closest;
use crate::lint::Diagnostic;
use crate::lint::model::Statement;
use crate::lint::patterns::{has_wildcard, is_everything};
use crate::lint::rules::matching::{MALFORMED_ACTION, UNKNOWN_ACTION, UNKNOWN_SERVICE};
use crate::lint::table::{Service, table};
use crate::pattern;

pub(super) fn check(statement: &Statement, found: &mut Vec<Diagnostic>) {
    let patterns = statement.actions.iter().flat_map(|clause| clause.patterns.iter());
    for (pointer, pattern) in patterns.filter(|(_, pattern)| !is_everything(pattern)) {
        if let Some(problem) = problem(statement, pointer, pattern) {
            found.push(problem);
        }
    }
}

fn problem(statement: &Statement, pointer: String, written: &str) -> Option<Diagnostic> {
    let folded = written.to_ascii_lowercase();
    let Some((prefix, name)) = folded.split_once(':') else {
        // With a wildcard, service and action may both be behind it.
        return (!has_wildcard(written)).then(|| {
            let message = format!("{written:?} has no service in front");
            let service = table().services_with(written).next();
            let guess = service.map(|service| format!("{service}:{written}"));
            statement.finding(&MALFORMED_ACTION, pointer, message).did_you_mean(guess)
        });
    };
    if !(is_name(prefix) && is_name(name)) {
        let message = format!("{written:?} is not a service, a colon and an action");
        return Some(statement.finding(&MALFORMED_ACTION, pointer, message));
    }
    if has_wildcard(prefix) {
        // Which actions of which services it matches is left alone: looking through all of them takes too long for many patterns.
        let known = table().prefixes().any(|service| pattern::matches(prefix, service));
        let message = format!("no service has a prefix that {prefix} matches");
        return (!known).then(|| statement.finding(&UNKNOWN_SERVICE, pointer, message));
    }
    let Some(service) = table().service(prefix) else {
        let guess = closest(prefix, table().prefixes()).map(|service| format!("{service}:{}", after_colon(written)));
        let message = format!("no service has the prefix {prefix}");
        return Some(statement.finding(&UNKNOWN_SERVICE, pointer, message).did_you_mean(guess));
    };
    if has(service, name) {
        return None;
    }
    if has_wildcard(name) {
        return Some(statement.finding(&UNKNOWN_ACTION, pointer, format!("{written} matches no action of {prefix}")));
    }
    let name = after_colon(written);
    let message = format!("{prefix} has no action {name}");
    Some(statement.finding(&UNKNOWN_ACTION, pointer, message).did_you_mean(meant(service, prefix, name)))
}

fn has(service: &Service, name: &str) -> bool {
    service.matching(name).next().is_some()
}

/// An action of nearly this name, or the action of this name that another service has.
fn meant(service: &Service, prefix: &str, name: &str) -> Option<String> {
    let here = closest(name, service.actions().iter().map(|action| action.name));
    let elsewhere = || table().services_with(name).next().map(|other| format!("{other}:{name}"));
    here.map(|action| format!("{prefix}:{action}")).or_else(elsewhere)
}

fn after_colon(written: &str) -> &str {
    written.split_once(':').map_or(written, |(_, name)| name)
}

/// Letters, digits, hyphens and wildcards; at least one.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'*' | b'?'))
}
