//! Lint of service control policies: what AWS would refuse, what has no effect, and what would lock people out.
//!
//! ```text
//! text ──► model (what can be read of it) ──► checks, each a function over a statement ──► diagnostics
//!                                               └─ table: actions, resource types and condition keys of AWS
//! ```

mod checks;
mod model;
mod patterns;
pub mod position;
pub mod reference;
mod regions;
mod rule;
mod rules;
mod table;

use std::collections::BTreeMap;

use crate::inventory::PolicyInventory;
use crate::json;

pub(crate) use patterns::is_open;
pub(crate) use regions::regions;
pub use rule::{Rule, Severity};
pub use rules::{all as rules, find as rule};

use rules::document;

/// How many times the limit a document may have before it is not looked at further: what is done for it grows with the
/// square of its size.
const LOOK_UP_TO: usize = 4;

/// Roles that AWS itself makes in every account, so that nobody else needs to: their names have a wildcard and no path.
const ROLES_OF_AWS: [&str; 1] = ["role/stacksets-exec-*"];

/// What holds where the policies are to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintOptions {
    /// Most characters of a document. AWS: 10,240.
    pub max_characters: usize,
    /// Most policies attached directly to one target. AWS: 10.
    pub max_policies_per_target: usize,
    /// Resource parts of exempt patterns, such as `role/stacksets-exec-*`, that may stay without a fixed path because something
    /// else protects them.
    pub protected_exemptions: Vec<String>,
}

impl Default for LintOptions {
    fn default() -> Self {
        Self {
            max_characters: 10_240,
            max_policies_per_target: 10,
            protected_exemptions: ROLES_OF_AWS.map(str::to_owned).to_vec(),
        }
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule that is broken.
    pub rule: &'static Rule,
    /// The statement: its Sid, else its index; `None` when it is about the document.
    pub statement: Option<String>,
    /// Where in the document, as a JSON pointer (RFC 6901); empty is the document itself.
    pub pointer: String,
    /// What is wrong, with names and numbers.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Diagnostic {
    /// A finding with the help of its rule.
    fn new(rule: &'static Rule, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        let (pointer, message) = (pointer.into(), message.into());
        Self { rule, statement: None, pointer, message, help: rule.help.to_owned() }
    }

    /// The same, about a statement.
    fn of(mut self, statement: &model::Statement) -> Self {
        self.statement = Some(statement.name.clone());
        self
    }

    /// The same, with a guess at what was meant.
    fn did_you_mean(mut self, guess: Option<String>) -> Self {
        if let Some(guess) = guess {
            self.help = format!("Did you mean {guess}?");
        }
        self
    }

    /// Id of the rule.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.rule.id
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.severity
    }
}

/// What is wrong with a policy document: about the document first, then by statement.
#[must_use]
pub fn lint(text: &str, options: &LintOptions) -> Vec<Diagnostic> {
    let raw = match json::parse(text) {
        Ok(raw) => raw,
        Err(error) => return vec![Diagnostic::new(&document::MALFORMED_DOCUMENT, "", error.to_string())],
    };
    let mut found = Vec::new();
    let minified = raw.to_string().chars().count();
    size(text.chars().count(), minified, options.max_characters, &mut found);
    if minified > options.max_characters.saturating_mul(LOOK_UP_TO) {
        return found;
    }
    let policy = model::read(&raw, &mut found);
    checks::run(&policy, options, &mut found);
    found
}

/// Whether a document fits.
fn size(as_written: usize, minified: usize, limit: usize, found: &mut Vec<Diagnostic>) {
    if minified > limit {
        let message =
            format!("{minified} characters without whitespace are {} over the limit of {limit}", minified - limit);
        found.push(Diagnostic::new(&document::TOO_LARGE, "", message));
        return;
    }
    if as_written > limit {
        let message = format!(
            "{as_written} characters as written are over the limit of {limit}; without whitespace between the elements there are \
             {minified}"
        );
        found.push(Diagnostic::new(&document::TOO_LARGE_AS_WRITTEN, "", message));
    }
    if minified > limit - limit / 10 {
        let message = format!("{minified} of {limit} characters are used; {} are left", limit - minified);
        found.push(Diagnostic::new(&document::NEARLY_FULL, "", message));
    }
}

/// What is wrong with all policies of an organization together: targets with more policies than slots, by target.
#[must_use]
pub fn lint_slots(inventory: &PolicyInventory, options: &LintOptions) -> Vec<Diagnostic> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for policy in inventory.policies.values() {
        for target in &policy.targets {
            names.entry(target).or_default().push(&policy.name);
        }
    }
    let limit = options.max_policies_per_target;
    let full = names.into_iter().filter(|(_, attached)| attached.len() > limit);
    full.map(|(target, mut attached)| {
        attached.sort_unstable();
        let (count, attached) = (attached.len(), attached.join(", "));
        let message = format!("{target} has {count} policies of at most {limit}: {attached}");
        Diagnostic::new(&document::TOO_MANY_POLICIES, "", message)
    })
    .collect()
}

#[cfg(test)]
mod tests;
