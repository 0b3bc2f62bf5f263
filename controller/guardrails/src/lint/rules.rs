//! The rules, by id.

/// A document of the current version with these statements.
macro_rules! policy {
    ($statements:literal) => {
        concat!(r#"{"Version":"2012-10-17","Statement":["#, $statements, "]}")
    };
}

pub(super) mod condition;
pub(super) mod document;
pub(super) mod guardrail;
pub(super) mod matching;
pub(super) mod statement;
pub(super) mod value;

use super::rule::Rule;

/// All rules, by id.
#[must_use]
pub fn all() -> Vec<&'static Rule> {
    [document::RULES, statement::RULES, matching::RULES, condition::RULES, value::RULES, guardrail::RULES].concat()
}

/// The rule with this id, whatever its case.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    all().into_iter().find(|rule| rule.id.eq_ignore_ascii_case(id))
}
