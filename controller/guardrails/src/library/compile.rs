//! Statements with parameters and exemptions put in, as minified JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use soc2_catalog::{EXEMPT_ROLES, EXEMPT_USERS, Guardrail, references};
use soc2_crds::{AnyValue, BaselineStatement};

use super::parameters::{ParameterError, Parameters, Values};
use super::principals::Exemptions;
use crate::document::{Document, Effect};
use crate::pattern;

/// The condition that leaves exempt principals out.
const EXEMPT_OPERATOR: &str = "ArnNotLike";
const EXEMPT_KEY: &str = "aws:PrincipalArn";
/// An action that no service has: a statement that matches it does not say what it is about.
const NO_ACTION: &str = "soc2-operator:Nothing";

/// A guardrail as a policy.
#[derive(Clone, Debug)]
pub struct CompiledBaseline {
    /// The policy.
    pub document: Document,
    /// The same as JSON without a superfluous character: what AWS gets, and counts.
    pub content: String,
    /// Who is exempt from any of its statements.
    pub exempt: Exemptions,
}

/// Why there is no policy of a guardrail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// Parameters that are missing, unknown or not of their type, in order of name.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Parameters(Vec<ParameterError>),
    /// No statement is left.
    #[error("baseline {guardrail}: {message}")]
    Nothing {
        /// Name of the guardrail.
        guardrail: String,
        /// Why.
        message: &'static str,
    },
    /// What comes out is no policy.
    #[error("baseline {guardrail}: {message}")]
    NoPolicy {
        /// Name of the guardrail.
        guardrail: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Whom statements are about and whom they leave out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Principals<'a> {
    /// Those that no guardrail restricts; `None`: nobody, not even whom a statement itself exempts. That is how a guardrail looks
    /// to everybody else.
    pub(super) exempt: Option<&'a Exemptions>,
    /// What `${exemptRoles}` and `${exemptUsers}` stand for.
    pub(super) protected: &'a Exemptions,
}

/// Puts parameters and exemptions in. `exempt` are the principals that no guardrail restricts; one that has a reason for no
/// exemption restricts them all the same. `protected` are those that are exempt from anything in the plan: what the lists of
/// exempt principals stand for. The same input gives the same text, to the byte.
///
/// # Errors
/// Of parameters; when nothing is left of it; and when what it denies has no bounds.
pub fn compile(
    guardrail: &Guardrail,
    parameters: &Parameters,
    exempt: &Exemptions,
    protected: &Exemptions,
) -> Result<CompiledBaseline, CompileError> {
    let values = Values::check(guardrail, parameters).map_err(CompileError::Parameters)?;
    // That somebody is exempt gives a deny no bounds.
    let to_others = put_together(guardrail, &values, Principals { exempt: None, protected })?;
    if let Some(message) = danger(&to_others.document) {
        return Err(CompileError::NoPolicy { guardrail: guardrail.name.clone(), message });
    }
    put_together(guardrail, &values, Principals { exempt: Some(exempt), protected })
}

/// The policy of checked values.
pub(super) fn put_together(
    guardrail: &Guardrail,
    values: &Values,
    principals: Principals<'_>,
) -> Result<CompiledBaseline, CompileError> {
    let lists = Lists { values, protected: principals.protected };
    let mut all = Exemptions::default();
    let mut statements = Vec::new();
    let wanted = |when: &Option<String>| when.as_ref().is_none_or(|name| values.is_true(name));
    for statement in guardrail.statements.iter().filter(|statement| wanted(&statement.when)) {
        let exempt = match principals.exempt {
            Some(exempt) if guardrail.no_exemption.is_none() => {
                let own = statement.exempt.iter().flatten().flat_map(|text| lists.put_in(text));
                exempt.and(&Exemptions::known(own))
            }
            _ => Exemptions::default(),
        };
        if let Some(written) = lists.statement(statement, &exempt) {
            all = all.and(&exempt);
            statements.push(written);
        }
    }
    let name = || guardrail.name.clone();
    if statements.is_empty() {
        let message = "nothing is left of it: nobody is exempt, or every part is switched off; leave it out";
        return Err(CompileError::Nothing { guardrail: name(), message });
    }
    let content = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let document = Document::parse(&content)
        .map_err(|error| CompileError::NoPolicy { guardrail: name(), message: error.to_string() })?;
    let conditions = document.statements().iter().flat_map(|statement| &statement.conditions);
    if let Some(empty) = conditions.into_iter().find(|condition| condition.values.is_empty()) {
        let message = format!("the condition {} on {} has no value", empty.operator, empty.key);
        return Err(CompileError::NoPolicy { guardrail: name(), message });
    }
    Ok(CompiledBaseline { document, content, exempt: all })
}

/// Why nobody should write a document, whatever it is meant to do.
pub(super) fn danger(document: &Document) -> Option<String> {
    for (index, statement) in document.statements().iter().enumerate() {
        let name = statement.name(index);
        if statement.effect == Effect::Allow {
            return Some(format!("statement {name} allows; a guardrail only denies"));
        }
        if !document.unknown().is_empty() || !statement.unknown.is_empty() {
            return Some(format!("statement {name} has elements whose meaning is not known"));
        }
        let matched = statement.actions.patterns.iter().any(|pattern| pattern::matches_ignore_case(pattern, NO_ACTION));
        if matched != statement.actions.negated && statement.conditions.is_empty() {
            return Some(format!("statement {name} denies every action without a condition"));
        }
    }
    None
}

/// What `${...}` stands for.
pub(super) struct Lists<'a> {
    pub(super) values: &'a Values,
    pub(super) protected: &'a Exemptions,
}

impl Lists<'_> {
    /// A statement as JSON; `None` when a list of exempt principals that it is about is empty.
    fn statement(&self, statement: &BaselineStatement, exempt: &Exemptions) -> Option<Value> {
        let mut written = Map::new();
        written.insert("Sid".to_owned(), json!(statement.sid));
        written.insert("Effect".to_owned(), json!("Deny"));
        let actions = [("Action", &statement.actions), ("NotAction", &statement.not_actions)];
        for (key, list) in actions {
            if let Some(list) = list {
                written.insert(key.to_owned(), one_or_list(list.clone()));
            }
        }
        for (key, list) in [("Resource", &statement.resources), ("NotResource", &statement.not_resources)] {
            let Some(list) = list else { continue };
            let resources: Vec<String> = list.iter().flat_map(|text| self.put_in(text)).collect();
            if resources.is_empty() {
                return None;
            }
            written.insert(key.to_owned(), one_or_list(resources));
        }
        let condition = self.condition(statement.condition.as_ref(), exempt);
        if !condition.is_empty() {
            written.insert("Condition".to_owned(), json!(condition));
        }
        Some(Value::Object(written))
    }

    /// The conditions of a statement and the one that leaves exempt principals out.
    fn condition(
        &self,
        condition: Option<&BTreeMap<String, BTreeMap<String, AnyValue>>>,
        exempt: &Exemptions,
    ) -> BTreeMap<String, BTreeMap<String, Value>> {
        let mut written: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for (operator, keys) in condition.into_iter().flatten() {
            for (key, values) in keys {
                let texts = values.texts().unwrap_or_default();
                let texts = texts.iter().flat_map(|text| self.put_in(text)).collect();
                written.entry(operator.clone()).or_default().insert(key.clone(), texts);
            }
        }
        if !exempt.is_empty() {
            let keys = written.entry(EXEMPT_OPERATOR.to_owned()).or_default();
            // A negated operator holds when none of its values matches: more values exempt more.
            let own = keys.keys().find(|key| key.eq_ignore_ascii_case(EXEMPT_KEY)).cloned();
            let values = keys.entry(own.unwrap_or_else(|| EXEMPT_KEY.to_owned())).or_default();
            values.extend(exempt.patterns().into_iter().map(str::to_owned));
        }
        let keys = |keys: BTreeMap<String, Vec<String>>| keys.into_iter().map(|(key, list)| (key, one_or_list(list)));
        written.into_iter().map(|(operator, of_operator)| (operator, keys(of_operator).collect())).collect()
    }

    /// A text with each parameter put in: one text for each value.
    pub(super) fn put_in(&self, text: &str) -> Vec<String> {
        let Some(name) = references(text).next() else { return vec![text.to_owned()] };
        let (reference, list) = (format!("${{{name}}}"), self.list(name));
        list.into_iter().flat_map(|value| self.put_in(&text.replacen(&reference, &value, 1))).collect()
    }

    fn list(&self, name: &str) -> Vec<String> {
        match name {
            EXEMPT_ROLES => self.protected.of_kind("role"),
            EXEMPT_USERS => self.protected.of_kind("user"),
            _ => self.values.of(name).to_vec(),
        }
    }
}

/// A list of one as that one: AWS counts characters.
fn one_or_list(mut list: Vec<String>) -> Value {
    match list.len() {
        1 => json!(list.remove(0)),
        _ => json!(list),
    }
}
