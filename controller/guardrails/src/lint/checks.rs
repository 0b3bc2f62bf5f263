//! The checks, one file for each subject.

mod actions;
mod conditions;
mod document;
mod effects;
mod exemptions;
mod keys;
mod operator;
mod region_limits;
mod resources;
mod shadow;
mod values;

use super::model::{Policy, Statement};
use super::{Diagnostic, LintOptions};

/// What looks at one statement alone.
const OF_STATEMENT: &[fn(&Statement, &mut Vec<Diagnostic>)] = &[
    effects::check,
    actions::check,
    resources::check,
    conditions::check,
    keys::check,
    values::check,
    region_limits::check,
    shadow::check_patterns,
];

/// All of them.
pub(super) fn run(policy: &Policy, options: &LintOptions, found: &mut Vec<Diagnostic>) {
    document::check(policy, found);
    for statement in &policy.statements {
        for check in OF_STATEMENT {
            check(statement, found);
        }
        exemptions::check(statement, options, found);
    }
    shadow::check(policy, found);
}

/// The name that was probably meant; `None` when all are too different.
pub(super) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let folded = name.to_ascii_lowercase();
    // A quarter of the letters may be wrong, and no more than a few: long names have words in common that mean nothing.
    let most = (folded.chars().count() / 4).clamp(1, 4);
    let near = known.filter(|other| other.len().abs_diff(name.len()) <= most);
    let rated = near.map(|other| (strsim::osa_distance(&folded, &other.to_ascii_lowercase()), other));
    rated.filter(|(distance, _)| *distance <= most).min().map(|(_, other)| other.to_owned())
}

/// Some of many, as text.
fn some(items: &[String]) -> String {
    const SHOWN: usize = 4;
    match items.get(..SHOWN) {
        Some(first) if items.len() > SHOWN => format!("{} and {} more", first.join(", "), items.len() - SHOWN),
        _ => items.join(", "),
    }
}
