//! Version, Sids, and whether there is anything in it.

use std::collections::BTreeMap;

use crate::lint::Diagnostic;
use crate::lint::model::{Policy, Statement, Values};
use crate::lint::rules::document::{DUPLICATE_SID, INVALID_SID, NO_STATEMENTS, OLD_VERSION};
use crate::lint::rules::value::VARIABLES_WITHOUT_VERSION;

const VERSION: &str = "2012-10-17";

pub(super) fn check(policy: &Policy, found: &mut Vec<Diagnostic>) {
    if policy.empty {
        let message =
            "there is no statement: it allows nothing, and as the only policy of a target it locks everybody out";
        found.push(Diagnostic::new(&NO_STATEMENTS, "/Statement", message));
    }
    if policy.version.as_deref() != Some(VERSION) {
        version(policy, found);
    }
    let mut first = BTreeMap::new();
    for statement in &policy.statements {
        let Some(sid) = &statement.sid else { continue };
        let pointer = format!("{}/Sid", statement.pointer);
        if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let message = format!("Sid {sid:?} has characters other than letters and digits");
            found.push(statement.finding(&INVALID_SID, pointer.as_str(), message));
        }
        if let Some(other) = first.insert(sid, &statement.pointer) {
            let message = format!("Sid {sid} is also that of {other}");
            found.push(statement.finding(&DUPLICATE_SID, pointer, message));
        }
    }
}

/// A version without policy variables: an error where there are some, else a warning.
fn version(policy: &Policy, found: &mut Vec<Diagnostic>) {
    let before = found.len();
    let version = policy.version.as_deref().unwrap_or("missing");
    for statement in &policy.statements {
        found.extend(variables(statement).into_iter().map(|(pointer, value)| {
            let message = format!("{value} has a policy variable, and Version is {version}");
            statement.finding(&VARIABLES_WITHOUT_VERSION, pointer, message)
        }));
    }
    // One of the two is enough, as they have the same remedy.
    if found.len() == before {
        let pointer = if policy.version.is_some() { "/Version" } else { "" };
        found.push(Diagnostic::new(&OLD_VERSION, pointer, format!("Version is {version}, not {VERSION}")));
    }
}

/// Where policy variables are written.
fn variables(statement: &Statement) -> Vec<(String, &str)> {
    let resources = statement.resources.iter().map(|clause| &clause.patterns);
    let values = statement.conditions.iter().map(|condition| &condition.values);
    resources.chain(values).flat_map(Values::iter).filter(|(_, value)| value.contains("${")).collect()
}
