//! A policy document: typed for evaluation, and kept as it was written, unknown elements included.

mod canonical;
mod read;

use std::fmt;

use serde_json::Value;

use crate::condition::Condition;
use crate::json;

/// A policy document. Prints as JSON without a superfluous character, in the order it was written.
///
/// Two documents are equal ([`PartialEq`]) when they mean the same: the order of statements, of actions, resources and
/// values, of keys, a string or a list of one, whitespace and the case of actions and condition keys do not matter.
#[derive(Clone, Debug)]
pub struct Document {
    raw: Value,
    statements: Vec<Statement>,
    unknown: Vec<String>,
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
        Ok(Self { raw, statements, unknown })
    }

    /// The statements, in order. Without one, nothing is allowed.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
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
