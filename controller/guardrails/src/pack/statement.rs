//! Statements as they are merged: read once, and borrowed by every trial.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::patterns::{Pattern, reduce};
use crate::document::{Clause, Document, Effect, Statement};

/// A statement, read for merging.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Its Sid.
    pub(super) sid: Option<String>,
    /// Whether it allows or denies.
    pub(super) effect: Effect,
    /// What it asks for besides action and resource.
    pub(super) conditions: Vec<Asked>,
    /// Effect and conditions in one text: statements that differ in it cannot be one.
    pub(super) frame: String,
    actions: Patterns,
    resources: Patterns,
    /// The statement as it was written, where it has elements whose meaning is not known: it is left as it is.
    pub(super) verbatim: Option<Value>,
}

/// A condition as it is printed, and as it is compared.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The operator.
    pub(super) operator: String,
    /// The key, as it was written.
    pub(super) key: String,
    /// One value, or a list of several.
    pub(super) value: Value,
    /// The same for conditions that ask for the same.
    pub(super) meaning: String,
}

/// Patterns of which none covers another.
#[derive(Clone, Debug)]
struct Patterns {
    negated: bool,
    patterns: Vec<Pattern>,
}

/// The actions or the resources of a statement.
#[derive(Clone, Debug)]
pub(super) struct Side<'a> {
    /// `NotAction` or `NotResource`.
    pub(super) negated: bool,
    /// None of them covers another.
    pub(super) patterns: Vec<&'a Pattern>,
}

/// A statement that stands for one or several.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    /// The statements that it stands for.
    pub(super) sources: Vec<&'a Source>,
    /// Actions.
    pub(super) actions: Side<'a>,
    /// Resources.
    pub(super) resources: Side<'a>,
}

impl Source {
    /// The statements of a document, in order. `written` is the document as JSON: values of conditions stay as they are
    /// there.
    pub(super) fn of(document: &Document, written: &Value) -> Vec<Self> {
        let written = match written.get("Statement") {
            Some(Value::Array(items)) => items.as_slice(),
            Some(single) => std::slice::from_ref(single),
            None => &[],
        };
        document.statements().iter().zip(written).map(|(statement, written)| Self::new(statement, written)).collect()
    }

    fn new(statement: &Statement, written: &Value) -> Self {
        let conditions = conditions(written);
        let meanings: BTreeSet<&str> = conditions.iter().map(|asked| asked.meaning.as_str()).collect();
        Self {
            sid: statement.sid.clone(),
            effect: statement.effect,
            frame: serde_json::json!([statement.effect == Effect::Allow, meanings]).to_string(),
            conditions,
            actions: Patterns::new(&statement.actions, Pattern::action),
            resources: Patterns::new(&statement.resources, Pattern::resource),
            verbatim: (!statement.unknown.is_empty()).then(|| written.clone()),
        }
    }
}

impl Patterns {
    fn new(clause: &Clause, read: impl Fn(&str) -> Pattern) -> Self {
        let patterns: Vec<Pattern> = clause.patterns.iter().map(|pattern| read(pattern)).collect();
        let patterns = reduce(&patterns, Pattern::covers).into_iter().cloned().collect();
        Self { negated: clause.negated, patterns }
    }

    fn side(&self) -> Side<'_> {
        Side { negated: self.negated, patterns: self.patterns.iter().collect() }
    }
}

impl<'a> Side<'a> {
    /// The same for sides that match the same in the same words.
    pub(super) fn meaning(&self) -> (bool, BTreeSet<&'a str>) {
        (self.negated, self.patterns.iter().map(|pattern| pattern.folded.as_str()).collect())
    }

    /// What one of the two matches; only for sides that are not negated.
    pub(super) fn with(&self, other: &Self) -> Self {
        let both = self.patterns.iter().chain(&other.patterns).copied();
        Self { negated: false, patterns: reduce(both, Pattern::covers) }
    }

    /// Whether it surely matches all that `other` does.
    fn covers(&self, other: &Self) -> bool {
        let all = |inner: &Self, outer: &Self| {
            inner.patterns.iter().all(|inner| outer.patterns.iter().any(|outer| outer.covers(inner)))
        };
        match (self.negated, other.negated) {
            (false, false) => all(other, self),
            // What is left out here is left out there.
            (true, true) => all(self, other),
            (false, true) => self.patterns.iter().any(|pattern| pattern.is_everything()),
            (true, false) => false,
        }
    }
}

impl<'a> Line<'a> {
    /// A statement by itself.
    pub(super) fn new(source: &'a Source) -> Self {
        Self { sources: vec![source], actions: source.actions.side(), resources: source.resources.side() }
    }

    /// The first of its statements: all of them have its effect and conditions.
    pub(super) fn first(&self) -> Option<&'a Source> {
        self.sources.first().copied()
    }

    /// Whether it is about every request that `other` is about, with the same effect.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let (Some(own), Some(others)) = (self.first(), other.first()) else { return false };
        if own.effect != others.effect || own.verbatim.is_some() || others.verbatim.is_some() {
            return false;
        }
        let asked_there = |asked: &Asked| others.conditions.iter().any(|other| other.meaning == asked.meaning);
        own.conditions.iter().all(asked_there)
            && self.actions.covers(&other.actions)
            && self.resources.covers(&other.resources)
    }
}

/// The conditions of a statement, each once.
fn conditions(statement: &Value) -> Vec<Asked> {
    let mut meanings = BTreeSet::new();
    let by_operator = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    let asked = by_operator.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(|(key, value)| asked(operator, key, value))
    });
    asked.filter(|asked| meanings.insert(asked.meaning.clone())).collect()
}

fn asked(operator: &str, key: &str, value: &Value) -> Asked {
    let written = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    // `true` and `"true"` are the same to AWS; the shorter one is kept.
    let mut values: BTreeMap<String, &Value> = BTreeMap::new();
    for value in written {
        let kept = values.entry(scalar(value)).or_insert(value);
        if kept.is_string() && !value.is_string() {
            *kept = value;
        }
    }
    let texts: BTreeSet<String> = needed(operator, written);
    let mut order: Vec<&Value> = Vec::new();
    for text in written.iter().map(scalar).filter(|text| texts.contains(text)) {
        if let Some(value) = values.remove(&text) {
            order.push(value);
        }
    }
    let value = match order.as_slice() {
        [one] => (*one).clone(),
        several => several.iter().copied().cloned().collect(),
    };
    let meaning = serde_json::json!([operator, key.to_ascii_lowercase(), texts]).to_string();
    Asked { operator: operator.to_owned(), key: key.to_owned(), value, meaning }
}

/// The values without those that another one covers, where the operator has patterns.
fn needed(operator: &str, written: &[Value]) -> BTreeSet<String> {
    let bare = operator.split_once(':').map_or(operator, |(_, bare)| bare);
    let bare = bare.strip_suffix("IfExists").unwrap_or(bare);
    let patterns: Vec<Pattern> = written.iter().map(|value| Pattern::text(&scalar(value))).collect();
    let kept = match bare {
        "StringLike" | "StringNotLike" => reduce(&patterns, Pattern::covers),
        "ArnLike" | "ArnNotLike" | "ArnEquals" | "ArnNotEquals" => reduce(&patterns, Pattern::covers_by_part),
        _ => return patterns.into_iter().map(|pattern| pattern.text).collect(),
    };
    kept.into_iter().map(|pattern| pattern.text.clone()).collect()
}

/// A value as it is compared.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
