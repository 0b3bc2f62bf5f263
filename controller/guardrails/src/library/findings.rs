//! What the lint finds in the policy of a guardrail that must not be written: errors. Warnings and notes refuse nothing.

use std::collections::BTreeSet;

use soc2_catalog::{CatalogProblem, Guardrail};

use super::compile::{CompiledBaseline, Principals, put_together};
use super::parameters::Values;
use super::principals::Exemptions;
use crate::lint::{Diagnostic, LintOptions, Severity, lint};

/// Most errors that a message names.
const NAMED: usize = 3;
/// Whether it fits depends on the organization's limit, and a set says so with a reason of its own.
const TOO_LARGE: &str = "SCP002";

/// Why a compiled guardrail must not be written; `None` where the lint finds no error.
#[must_use]
pub fn lint_errors(compiled: &CompiledBaseline, max_characters: usize) -> Option<String> {
    let found = errors(compiled, max_characters);
    let mut words: Vec<String> = found.iter().take(NAMED).map(in_words).collect();
    if found.len() > NAMED {
        words.push(format!("and {} more", found.len() - NAMED));
    }
    (!words.is_empty()).then(|| words.join("; "))
}

/// Errors in what an object says, by field: with the examples' parameters, to those whom a statement itself exempts and to everybody
/// else. Where there is no policy of it, something else says why.
pub(super) fn problems(guardrail: &Guardrail) -> Vec<CatalogProblem> {
    let nobody = Exemptions::default();
    let samples = super::examples::samples();
    let Ok(values) = Values::check(guardrail, &guardrail.example_parameters) else { return Vec::new() };
    let compiled = [Some(&nobody), None]
        .map(|exempt| put_together(guardrail, &values, Principals { exempt, protected: &samples }));
    let found = compiled.iter().flatten().flat_map(|compiled| errors(compiled, LintOptions::default().max_characters));
    let mut seen = BTreeSet::new();
    let new = found.filter(|found| found.id() != TOO_LARGE && seen.insert((found.id(), found.pointer.clone())));
    new.map(|found| CatalogProblem { field: field(guardrail, &found), message: in_words(&found) }).collect()
}

fn errors(compiled: &CompiledBaseline, max_characters: usize) -> Vec<Diagnostic> {
    let known = LintOptions::default();
    // Who is exempt was checked where it was written. A landing zone's names are fixed and open, and a plan protects them.
    let exempt = compiled.exempt.patterns().into_iter().filter_map(|pattern| pattern.splitn(6, ':').nth(5));
    let protected_exemptions = known.protected_exemptions.iter().map(String::as_str).chain(exempt).map(str::to_owned);
    let options = LintOptions { max_characters, protected_exemptions: protected_exemptions.collect(), ..known };
    let mut found = lint(&compiled.content, &options);
    found.retain(|found| found.severity() == Severity::Error);
    found
}

/// A finding in a line, with where it is explained.
fn in_words(found: &Diagnostic) -> String {
    let id = found.id();
    let place = found.statement.as_ref().map_or_else(String::new, |name| format!(" in statement {name}"));
    format!("{id}{place}: {} ({}). {} docs/lint.md explains {id}", found.message, found.pointer, found.help)
}

/// The field of an object that a finding is about. Positions in a list are not those of the object, as a parameter stands for
/// several values; the message has the value.
fn field(guardrail: &Guardrail, found: &Diagnostic) -> String {
    let mut parts = found.pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
    let of_statement = parts.next().as_deref() == Some("Statement");
    let sid = found.statement.as_deref().filter(|_| of_statement);
    let at = sid.and_then(|sid| guardrail.statements.iter().position(|statement| statement.sid == sid));
    let Some(at) = at else { return "spec.statements".to_owned() };
    let statement = format!("spec.statements[{at}]");
    match parts.nth(1).as_deref() {
        Some("Sid") => format!("{statement}.sid"),
        Some("Action") => format!("{statement}.actions"),
        Some("NotAction") => format!("{statement}.notActions"),
        Some("Resource") => format!("{statement}.resources"),
        Some("NotResource") => format!("{statement}.notResources"),
        Some("Condition") => match (parts.next(), parts.next()) {
            (Some(operator), Some(key)) => format!("{statement}.condition.{operator}[{key}]"),
            (Some(operator), None) => format!("{statement}.condition.{operator}"),
            _ => format!("{statement}.condition"),
        },
        _ => statement,
    }
}
