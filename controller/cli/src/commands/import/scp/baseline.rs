//! An `ScpBaseline` as YAML.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use soc2_guardrails::{Clause, Document};

use super::examples::{Examples, examples};
use crate::output::plain;

/// Longest name of an object that becomes a label.
const MAX_NAME: usize = 63;
/// Shortest title, and longest.
const TITLE: std::ops::RangeInclusive<usize> = 5..=256;

/// A statement that denies.
pub struct Statement {
    /// Its Sid: letters and digits, unique within its baseline.
    sid: String,
    actions: Clause,
    resources: Clause,
    /// `Condition` as it was written.
    condition: Option<Value>,
}

/// What is written.
pub struct Baseline<'a> {
    /// Name of the object.
    pub name: String,
    /// Name of the policy.
    pub title: &'a str,
    /// Which policy it is, and where it is attached.
    pub origin: String,
    /// What is not in it.
    pub left_out: &'a [String],
    /// The criteria that it serves.
    pub criteria: &'a [String],
    /// The statements; at least one.
    pub statements: &'a [Statement],
}

impl Statement {
    /// A statement of a document.
    pub fn new(document: &Document, index: usize) -> Self {
        let written: Value = serde_json::from_str(&document.to_string()).unwrap_or_default();
        let written = match written.get("Statement") {
            Some(Value::Array(items)) => items.get(index).cloned(),
            single => single.cloned(),
        };
        let condition = written.and_then(|written| written.get("Condition").cloned());
        let statement = document.statements().get(index);
        let clause =
            |clause: Option<&Clause>| clause.cloned().unwrap_or(Clause { negated: false, patterns: Vec::new() });
        Self {
            sid: statement.and_then(|statement| statement.sid.clone()).unwrap_or_default(),
            actions: clause(statement.map(|statement| &statement.actions)),
            resources: clause(statement.map(|statement| &statement.resources)),
            condition: condition.filter(|condition| condition.as_object().is_some_and(|keys| !keys.is_empty())),
        }
    }

    /// As AWS has it.
    fn policy_json(&self) -> Value {
        let mut statement = Map::new();
        statement.insert("Sid".to_owned(), self.sid.as_str().into());
        statement.insert("Effect".to_owned(), "Deny".into());
        for (name, clause) in [("Action", &self.actions), ("Resource", &self.resources)] {
            let name = if clause.negated { format!("Not{name}") } else { name.to_owned() };
            statement.insert(name, clause.patterns.clone().into());
        }
        if let Some(condition) = &self.condition {
            statement.insert("Condition".to_owned(), condition.clone());
        }
        Value::Object(statement)
    }

    fn write(&self, out: &mut String) {
        let _ = write!(out, "  - sid: {}\n    effect: Deny\n", scalar(&self.sid));
        for (plain, negated, clause) in
            [("actions", "notActions", &self.actions), ("resources", "notResources", &self.resources)]
        {
            let _ = writeln!(out, "    {}:", if clause.negated { negated } else { plain });
            for pattern in &clause.patterns {
                let _ = writeln!(out, "    - {}", scalar(pattern));
            }
        }
        if let Some(condition) = &self.condition {
            let _ = writeln!(out, "    condition: {condition}");
        }
    }
}

/// Gives each statement a Sid that a baseline can have, as near to its own as can be.
pub fn name_statements(statements: &mut [Statement]) {
    let mut taken = BTreeSet::new();
    for statement in statements {
        let mut sid: String = statement.sid.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
        if sid.is_empty() {
            "Statement".clone_into(&mut sid);
        }
        let numbered = (2..).map(|number| format!("{sid}{number}"));
        let free = std::iter::once(sid.clone()).chain(numbered).find(|name| !taken.contains(name));
        statement.sid = free.unwrap_or(sid);
        taken.insert(statement.sid.clone());
    }
}

/// A name for an object from that of a policy: a DNS name that nothing else has.
pub fn name_of(policy: &str, id: &str, taken: &mut BTreeSet<String>) -> String {
    let name = Some(dns(policy)).filter(|name| !name.is_empty()).unwrap_or_else(|| dns(id));
    let numbered = (2..).map(|number: u32| {
        let number = format!("-{number}");
        let room = MAX_NAME - number.len();
        format!("{}{number}", name.chars().take(room).collect::<String>().trim_end_matches('-'))
    });
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(name.clone());
    taken.insert(free.clone());
    free
}

/// Lower-case letters, digits and single dashes.
fn dns(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(MAX_NAME);
    name.trim_end_matches('-').to_owned()
}

impl Baseline<'_> {
    /// Writes it as one YAML document.
    pub fn write(&self, out: &mut String) {
        let _ = writeln!(out, "---\n# {}", plain(&self.origin));
        for problem in self.left_out {
            let _ = writeln!(out, "# {}", plain(problem));
        }
        let _ = write!(
            out,
            "apiVersion: soc2-operator.dev/v1alpha1\nkind: ScpBaseline\nmetadata: {{name: {}}}\nspec:\n  policyType: \
             SERVICE_CONTROL_POLICY\n  title: {}\n",
            scalar(&self.name),
            scalar(&self.long_title())
        );
        let to_fill_in = if self.criteria.is_empty() { " # to fill in" } else { "" };
        let _ = writeln!(out, "  criteria: {}{to_fill_in}\n  statements:", json!(self.criteria));
        for statement in self.statements {
            statement.write(out);
        }
        let statements: Vec<Value> = self.statements.iter().map(Statement::policy_json).collect();
        let Examples { denied, allowed } = examples(&json!({"Version": "2012-10-17", "Statement": statements}));
        out.push_str("  examples:\n");
        for (name, calls) in [("denied", denied), ("allowed", allowed)] {
            if calls.is_empty() {
                let _ = writeln!(out, "    {name}: [] # to fill in");
                continue;
            }
            let _ = writeln!(out, "    {name}:");
            for call in calls {
                let _ = writeln!(out, "    - {call}");
            }
        }
    }

    /// A title that a baseline can have.
    fn long_title(&self) -> String {
        let title = plain(self.title.trim());
        let title = if title.chars().count() < *TITLE.start() { format!("Policy {title}") } else { title };
        title.chars().take(*TITLE.end()).collect()
    }
}

fn scalar(text: &str) -> Value {
    Value::from(text)
}
