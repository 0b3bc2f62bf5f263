//! Statements and patterns that others make superfluous.

use std::collections::BTreeSet;

use super::operator::Operator;
use crate::document::Effect;
use crate::lint::Diagnostic;
use crate::lint::model::{Clause, Policy, Statement};
use crate::lint::rules::statement::{REDUNDANT_PATTERN, SHADOWED_STATEMENT};
use crate::pattern::covers;

/// A statement, ready to compare.
struct Folded<'a> {
    statement: &'a Statement,
    effect: Effect,
    actions: (bool, Vec<String>),
    resources: (bool, Vec<String>),
    conditions: BTreeSet<(&'a str, String, BTreeSet<&'a str>)>,
}

pub(super) fn check(policy: &Policy, found: &mut Vec<Diagnostic>) {
    let folded: Vec<Folded<'_>> = policy.statements.iter().filter_map(Folded::new).collect();
    for (index, one) in folded.iter().enumerate() {
        let mut others = folded.iter().enumerate().filter(|(at, _)| *at != index);
        let shadow =
            others.find(|(at, other)| other.hides(one) && (!one.hides(other) || other.comes_before(one, *at < index)));
        let Some((_, other)) = shadow else { continue };
        let name = &other.statement.name;
        let message = if other.effect == one.effect {
            format!("statement {name} matches all that this one matches, with the same effect")
        } else {
            format!("statement {name} denies all that this one allows")
        };
        found.push(one.statement.finding(&SHADOWED_STATEMENT, one.statement.pointer.as_str(), message));
    }
}

/// Patterns of one list.
pub(super) fn check_patterns(statement: &Statement, found: &mut Vec<Diagnostic>) {
    if let Some(actions) = &statement.actions {
        redundant(statement, actions, str::to_ascii_lowercase, found);
    }
    if let Some(resources) = &statement.resources {
        redundant(statement, resources, str::to_owned, found);
    }
}

fn redundant(statement: &Statement, clause: &Clause, fold: fn(&str) -> String, found: &mut Vec<Diagnostic>) {
    let folded: Vec<String> = clause.patterns.items.iter().map(|pattern| fold(pattern)).collect();
    for (index, (pointer, written)) in clause.patterns.iter().enumerate() {
        let Some(one) = folded.get(index) else { continue };
        // Of two that are the same the first stays.
        let mut others = folded.iter().enumerate();
        let other =
            others.find(|(at, other)| *at != index && covers(other, one) && (*at < index || !covers(one, other)));
        let other = other.and_then(|(at, _)| clause.patterns.items.get(at));
        if let Some(other) = other {
            let message = format!("{written} is also matched by {other}");
            found.push(statement.finding(&REDUNDANT_PATTERN, pointer, message));
        }
    }
}

impl<'a> Folded<'a> {
    /// Only what could be read as a whole can be compared.
    fn new(statement: &'a Statement) -> Option<Self> {
        let (Some(effect), Some(actions), Some(resources), true) =
            (statement.effect, &statement.actions, &statement.resources, statement.whole)
        else {
            return None;
        };
        let list = |clause: &Clause, fold: fn(&str) -> String| {
            (clause.negated, clause.patterns.items.iter().map(|pattern| fold(pattern)).collect())
        };
        let conditions = statement.conditions.iter().map(|condition| {
            let values = condition.values.items.iter().map(String::as_str).collect();
            (condition.operator.as_str(), condition.key.to_ascii_lowercase(), values)
        });
        Some(Self {
            statement,
            effect,
            actions: list(actions, str::to_ascii_lowercase),
            resources: list(resources, str::to_owned),
            conditions: conditions.collect(),
        })
    }

    /// Whether the other has no effect beside this one.
    fn hides(&self, other: &Self) -> bool {
        let same_effect = self.effect == other.effect || self.effect == Effect::Deny;
        // A condition that cannot be read may hold or not.
        let readable = self.conditions.iter().all(|(operator, ..)| Operator::parse(operator).is_some());
        same_effect
            && readable
            && self.conditions.is_subset(&other.conditions)
            && includes(&self.actions, &other.actions)
            && includes(&self.resources, &other.resources)
    }

    /// Which of two that mean the same stays: by Sid, so that the order of statements does not matter where they have one.
    fn comes_before(&self, other: &Self, is_first: bool) -> bool {
        match (&self.statement.sid, &other.statement.sid) {
            (Some(own), Some(others)) if own != others => own < others,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            _ => is_first,
        }
    }
}

/// Whether one list matches all that another matches.
fn includes((wide_negated, wide): &(bool, Vec<String>), (narrow_negated, narrow): &(bool, Vec<String>)) -> bool {
    let each_in =
        |these: &[String], those: &[String]| these.iter().all(|one| those.iter().any(|other| covers(other, one)));
    match (wide_negated, narrow_negated) {
        (false, false) => each_in(narrow, wide),
        // What the wide one spares, the narrow one has to spare too.
        (true, true) => each_in(wide, narrow),
        (true, false) => {
            !wide.iter().any(|spared| narrow.iter().any(|pattern| crate::lint::patterns::overlap(spared, pattern)))
        }
        (false, true) => wide.iter().any(|pattern| crate::lint::patterns::is_everything(pattern)),
    }
}
