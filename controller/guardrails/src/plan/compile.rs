//! From a guardrail of the library to the document that is written, checked before anything else looks at it.

use std::collections::BTreeMap;

use soc2_catalog::{ExampleCall, Guardrail};

use super::input::PlanInput;
use super::refusal::{Refusal, reason};
use crate::document::{Document, Effect};
use crate::evaluate::{Decision, Level, LevelPolicy, Request, evaluate};
use crate::pattern;

/// An action that no service has: a statement that matches it does not say what it is about.
const NO_ACTION: &str = "soc2-operator:Nothing";

/// A guardrail, ready to be written.
pub(super) struct Compiled<'a> {
    /// The entry of the library.
    pub(super) guardrail: &'a Guardrail,
    /// Its document, to compare with.
    pub(super) document: Document,
    /// What AWS gets, and counts.
    pub(super) content: String,
}

/// Checks a baseline of the library.
pub(super) fn compile<'a>(name: &str, input: &PlanInput<'a>) -> Result<Compiled<'a>, Refusal> {
    let Some(guardrail) = input.library.iter().find(|guardrail| guardrail.name == name) else {
        let known: Vec<&str> = input.library.iter().map(|guardrail| guardrail.name.as_str()).collect();
        let message = format!("there is no baseline {name:?}; there are {}", known.join(", "));
        return Err(Refusal::new(reason::UNKNOWN_BASELINE, message));
    };
    let document = Document::parse(&guardrail.document)
        .map_err(|error| Refusal::new(reason::LOCK_OUT, format!("baseline {name}: {error}")))?;
    if let Some(problem) = danger(guardrail, &document) {
        return Err(Refusal::new(reason::LOCK_OUT, format!("baseline {name}: {problem}")));
    }
    let content = document.to_string();
    let (length, limit) = (content.chars().count(), input.limits.max_characters);
    if length > limit as usize {
        let message = format!("baseline {name} has {length} characters, and a policy may have {limit}");
        return Err(Refusal::new(reason::TOO_LARGE, message));
    }
    Ok(Compiled { guardrail, document, content })
}

/// Why a document must not be written.
fn danger(guardrail: &Guardrail, document: &Document) -> Option<String> {
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
    let wrong = |calls: &[ExampleCall], denied: bool| {
        calls.iter().find(|call| contradicts(&decide(document, call), denied)).map(|call| call.action.clone())
    };
    let missed = wrong(&guardrail.denied, true).map(|action| format!("it does not deny {action}, its own example"));
    missed.or_else(|| wrong(&guardrail.allowed, false).map(|action| format!("it denies {action}, which it must not")))
}

/// Whether a decision is surely not what the library says. What depends on more than the example tells is no contradiction.
fn contradicts(decision: &Decision, denied: bool) -> bool {
    if denied { *decision == Decision::Allowed } else { decision.is_denied() }
}

/// What the document decides about a call beside a policy that allows everything.
fn decide(document: &Document, call: &ExampleCall) -> Decision {
    let Ok(all) = Document::parse(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#) else {
        return Decision::Unknown { keys: std::collections::BTreeSet::new() };
    };
    let policies = [("p-FullAWSAccess", &all), ("baseline", document)];
    let policies = policies.map(|(id, document)| LevelPolicy { id, document: Some(document) }).to_vec();
    let context = BTreeMap::new();
    let (action, resource) = (call.action.as_str(), call.resource.as_str());
    let request = Request { principal: None, action, resource, context: &context, unknown_context: true };
    evaluate(&[Level { target: String::new(), policies }], &request)
}
