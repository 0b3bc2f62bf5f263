//! A policy document: typed for evaluation, and kept as it was written, unknown elements included.

mod canonical;
mod read;

use std::fmt;

use serde_json::Value;

use crate::condition::Condition;
use crate::json;
use crate::rule::Rule;

/// A policy document. [`Display`](fmt::Display) prints it as JSON without a superfluous character, in the order it was
/// written and with all that it has, also what this model does not know: to print and to read again changes nothing.
///
/// It is made ready to evaluate when it is read, so that a decision takes nothing apart.
///
/// Two documents are equal ([`PartialEq`]) when they mean the same: the order of statements, of actions, resources and
/// values, of keys, a string or a list of one, whitespace and the case of actions and condition keys do not matter.
#[derive(Clone, Debug)]
pub struct Document {
    raw: Value,
    statements: Vec<Statement>,
    unknown: Vec<String>,
    /// The statements made ready to evaluate, in the same order.
    rules: Vec<Rule>,
}

/// Whether a statement allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Allows.
    Allow,
    /// Denies.
    Deny,
}

/// The actions or the resources of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// `NotAction` or `NotResource`: what matches none of the patterns.
    pub negated: bool,
    /// Patterns with `*` and `?`; at least one.
    pub patterns: Vec<String>,
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its id.
    pub sid: Option<String>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// `Action` or `NotAction`.
    pub actions: Clause,
    /// `Resource` or `NotResource`.
    pub resources: Clause,
    /// Conditions; all must hold.
    pub conditions: Vec<Condition>,
    /// Names of elements that service control policies do not have. What the statement means is not known then.
    pub unknown: Vec<String>,
}

/// Why a text is no policy document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a policy document: {0}")]
pub struct DocumentError(pub String);

impl Document {
    /// Reads a document. A key that is there twice is an error, because AWS and we might not take the same one.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let raw = json::parse(text).map_err(|error| DocumentError(error.to_string()))?;
        let (statements, unknown) = read::document(&raw).map_err(DocumentError)?;
        let mut document = Self { raw, statements, unknown, rules: Vec::new() };
        let variables = document.has_variables();
        let rule = |statement| Rule::new(statement, variables, &document.unknown);
        document.rules = document.statements.iter().map(rule).collect();
        Ok(document)
    }

    /// The statements, in order. Without one, nothing is allowed.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The statements as they are evaluated.
    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Names of elements beside `Version`, `Id` and `Statement`. What the document means is not known when there are any.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// The version of the language: `2008-10-17` when the document does not say.
    #[must_use]
    pub fn version(&self) -> &str {
        self.raw.get("Version").and_then(Value::as_str).unwrap_or("2008-10-17")
    }

    /// Whether `${...}` in it are policy variables; in older versions they are just characters.
    #[must_use]
    pub fn has_variables(&self) -> bool {
        self.version() == "2012-10-17"
    }

    /// What it means as one text: the same for all documents that are equal.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical::text(&self.raw, &self.statements)
    }

    /// Of each statement what it means as one text, as in [`Document::canonical`], and it as JSON, in order.
    pub(crate) fn meanings(&self) -> impl Iterator<Item = (String, String)> {
        let sources = canonical::sources(&self.raw);
        self.statements
            .iter()
            .zip(sources)
            .map(|(statement, source)| (canonical::one(statement, source), source.to_string()))
    }
}

impl Statement {
    /// What to call it: its Sid, else its index.
    #[must_use]
    pub fn name(&self, index: usize) -> String {
        self.sid.clone().unwrap_or_else(|| index.to_string())
    }
}

impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not with `{}`, so that no width or precision of the caller reaches the JSON.
        formatter.write_str(&self.raw.to_string())
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Document {}
