//! What can be read of a document, however wrong the rest is.

use serde_json::{Map, Value};

use super::Diagnostic;
use super::rules::document::{MALFORMED_DOCUMENT, PRINCIPAL_ELEMENT, UNKNOWN_ELEMENT};
use crate::document::Effect;

const DOCUMENT_ELEMENTS: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT_ELEMENTS: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// A document.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// `Version`, where it is text.
    pub(super) version: Option<String>,
    /// The statements that are objects.
    pub(super) statements: Vec<Statement>,
    /// Whether there is a `Statement` that is a list or an object, and nothing in it.
    pub(super) empty: bool,
}

/// A statement.
#[derive(Debug)]
pub(super) struct Statement {
    /// Its Sid, else its index.
    pub(super) name: String,
    /// Its Sid.
    pub(super) sid: Option<String>,
    /// JSON pointer to it.
    pub(super) pointer: String,
    /// Its effect, where that is one.
    pub(super) effect: Option<Effect>,
    /// `Action` or `NotAction`.
    pub(super) actions: Option<Clause>,
    /// `Resource` or `NotResource`.
    pub(super) resources: Option<Clause>,
    /// Conditions.
    pub(super) conditions: Vec<Condition>,
    /// Whether all of it could be read.
    pub(super) whole: bool,
}

/// A list of patterns or values.
#[derive(Debug)]
pub(super) struct Values {
    /// JSON pointer to it.
    pub(super) pointer: String,
    /// What is in it; a single one stands for a list of one.
    pub(super) items: Vec<String>,
    is_list: bool,
}

/// Actions or resources.
#[derive(Debug)]
pub(super) struct Clause {
    /// `NotAction` or `NotResource`.
    pub(super) negated: bool,
    /// The patterns.
    pub(super) patterns: Values,
}

/// A condition.
#[derive(Debug)]
pub(super) struct Condition {
    /// The operator as it is written.
    pub(super) operator: String,
    /// The key as it is written.
    pub(super) key: String,
    /// The values.
    pub(super) values: Values,
}

impl Values {
    /// JSON pointer to one of them.
    pub(super) fn at(&self, index: usize) -> String {
        if self.is_list { format!("{}/{index}", self.pointer) } else { self.pointer.clone() }
    }

    /// Each with its JSON pointer.
    pub(super) fn iter(&self) -> impl Iterator<Item = (String, &str)> {
        self.items.iter().enumerate().map(|(index, item)| (self.at(index), item.as_str()))
    }
}

impl Statement {
    /// Whether it denies.
    pub(super) fn denies(&self) -> bool {
        self.effect == Some(Effect::Deny)
    }

    /// A finding about it, at a pointer.
    pub(super) fn finding(
        &self,
        rule: &'static super::Rule,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(rule, pointer, message).of(self)
    }
}

/// Reads a document; what cannot be read is found.
pub(super) fn read(raw: &Value, found: &mut Vec<Diagnostic>) -> Policy {
    let malformed = |pointer: &str, message: &str| Diagnostic::new(&MALFORMED_DOCUMENT, pointer, message);
    let Some(document) = raw.as_object() else {
        found.push(malformed("", "a policy document is a JSON object"));
        return Policy::default();
    };
    for element in ["Version", "Id"] {
        if document.get(element).is_some_and(|value| !value.is_string()) {
            found.push(malformed(&format!("/{element}"), &format!("{element} is not a string")));
        }
    }
    let unknown = document.keys().filter(|key| !DOCUMENT_ELEMENTS.contains(&key.as_str()));
    found.extend(unknown.map(|key| unknown_element(key, "", "a document", &DOCUMENT_ELEMENTS)));
    let version = document.get("Version").and_then(Value::as_str).map(str::to_owned);
    let mut policy = Policy { version, ..Policy::default() };
    match document.get("Statement") {
        Some(Value::Array(items)) => {
            policy.empty = items.is_empty();
            for (index, item) in items.iter().enumerate() {
                policy.statements.extend(Reader::read(item, index, format!("/Statement/{index}"), found));
            }
        }
        Some(single @ Value::Object(_)) => {
            policy.statements.extend(Reader::read(single, 0, "/Statement".to_owned(), found));
        }
        Some(_) => found.push(malformed("/Statement", "Statement is neither an object nor a list")),
        None => found.push(malformed("", "there is no Statement")),
    }
    policy
}

/// An element that is not known, with the one that was probably meant.
fn unknown_element(name: &str, parent: &str, of: &str, known: &[&str]) -> Diagnostic {
    let meant = super::checks::closest(name, known.iter().copied());
    Diagnostic::new(&UNKNOWN_ELEMENT, child(parent, name), format!("{of} has no element {name:?}")).did_you_mean(meant)
}

/// JSON pointer to a member.
fn child(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Reads one statement.
struct Reader<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
    name: String,
    problems: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn read(value: &'a Value, index: usize, pointer: String, found: &mut Vec<Diagnostic>) -> Option<Statement> {
        let Some(map) = value.as_object() else {
            let mut finding = Diagnostic::new(&MALFORMED_DOCUMENT, pointer, "a statement is an object");
            finding.statement = Some(index.to_string());
            found.push(finding);
            return None;
        };
        let sid = map.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty()).map(str::to_owned);
        let name = sid.clone().unwrap_or_else(|| index.to_string());
        let mut reader = Reader { map, pointer, name, problems: Vec::new() };
        if map.get("Sid").is_some_and(|sid| !sid.is_string()) {
            reader.malformed("/Sid", "Sid is not a string");
        }
        let effect = reader.effect();
        let actions = reader.clause("Action", "NotAction");
        let resources = reader.clause("Resource", "NotResource");
        let conditions = reader.conditions();
        let whole = reader.problems.is_empty();
        reader.unknown_elements();
        let Reader { pointer, name, problems, .. } = reader;
        found.extend(problems.into_iter().map(|problem| Diagnostic { statement: Some(name.clone()), ..problem }));
        Some(Statement { name, sid, pointer, effect, actions, resources, conditions, whole })
    }

    fn malformed(&mut self, below: &str, message: &str) {
        let pointer = format!("{}{below}", self.pointer);
        self.problems.push(Diagnostic::new(&MALFORMED_DOCUMENT, pointer, message));
    }

    fn effect(&mut self) -> Option<Effect> {
        match self.map.get("Effect") {
            Some(Value::String(text)) if text == "Allow" => return Some(Effect::Allow),
            Some(Value::String(text)) if text == "Deny" => return Some(Effect::Deny),
            Some(other) => self.malformed("/Effect", &format!("Effect is {other}, neither \"Allow\" nor \"Deny\"")),
            None => self.malformed("", "there is no Effect"),
        }
        None
    }

    /// An element or its negation.
    fn clause(&mut self, plain: &str, negated: &str) -> Option<Clause> {
        let (name, value, negated) = match (self.map.get(plain), self.map.get(negated)) {
            (Some(value), None) => (plain, value, false),
            (None, Some(value)) => (negated, value, true),
            (Some(_), Some(_)) => {
                self.malformed("", &format!("there are both {plain} and {negated}"));
                return None;
            }
            (None, None) => {
                self.malformed("", &format!("there is neither {plain} nor {negated}"));
                return None;
            }
        };
        let pointer = child(&self.pointer, name);
        match values(value, pointer, |item| item.as_str().map(str::to_owned)) {
            Some(patterns) if !patterns.items.is_empty() => return Some(Clause { negated, patterns }),
            Some(_) => self.malformed(&format!("/{name}"), &format!("{name} is empty")),
            None => self.malformed(&format!("/{name}"), &format!("{name} is neither a string nor a list of strings")),
        }
        None
    }

    fn conditions(&mut self) -> Vec<Condition> {
        let mut conditions = Vec::new();
        let Some(value) = self.map.get("Condition") else { return conditions };
        let Some(operators) = value.as_object() else {
            self.malformed("/Condition", "Condition is not an object");
            return conditions;
        };
        for (operator, keys) in operators {
            let below = child("/Condition", operator);
            let Some(keys) = keys.as_object() else {
                self.malformed(&below, &format!("Condition {operator} is not an object of keys"));
                continue;
            };
            if keys.is_empty() {
                let message = format!("{operator} has no key to compare");
                let pointer = format!("{}{below}", self.pointer);
                self.problems.push(Diagnostic::new(&super::rules::condition::NO_VALUES, pointer, message));
            }
            for (key, value) in keys {
                let below = child(&below, key);
                match values(value, format!("{}{below}", self.pointer), scalar) {
                    Some(values) => conditions.push(Condition { operator: operator.clone(), key: key.clone(), values }),
                    None => self.malformed(
                        &below,
                        &format!("{operator} {key} has a value that is no string, number or boolean"),
                    ),
                }
            }
        }
        conditions
    }

    fn unknown_elements(&mut self) {
        for key in self.map.keys().filter(|key| !STATEMENT_ELEMENTS.contains(&key.as_str())) {
            let problem = if matches!(key.as_str(), "Principal" | "NotPrincipal") {
                let message = format!("{key} is for policies of resources and of trust");
                Diagnostic::new(&PRINCIPAL_ELEMENT, child(&self.pointer, key), message)
            } else {
                unknown_element(key, &self.pointer, "a statement", &STATEMENT_ELEMENTS)
            };
            self.problems.push(problem);
        }
    }
}

/// One value or a list of them; `None` when one is of another type.
fn values(value: &Value, pointer: String, read: impl Fn(&Value) -> Option<String>) -> Option<Values> {
    let (items, is_list) = match value {
        Value::Array(items) => (items.as_slice(), true),
        single => (std::slice::from_ref(single), false),
    };
    let items: Option<Vec<String>> = items.iter().map(read).collect();
    Some(Values { pointer, items: items?, is_list })
}

/// AWS takes `true` and `"true"`, `10` and `"10"` for the same.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
