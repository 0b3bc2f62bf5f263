//! Why each statement applies to a request, or does not.

use crate::call::Call;
use crate::condition::Condition;
use crate::document::{Effect, Statement};
use crate::evaluate::{Level, Request};
use crate::rule::Rule;
use crate::truth::Truth;

/// What a statement says about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// Id of the root, unit or account where the policy is attached.
    pub level: &'a str,
    /// Id of the policy.
    pub policy: &'a str,
    /// Sid of the statement, else its index from 0.
    pub statement: String,
    /// Whether the statement allows or denies.
    pub effect: Effect,
    /// Whether it applies; `None` when that depends on what is not known.
    pub applies: Option<bool>,
    /// The parts that do not match the request; none when it applies.
    pub fails: Vec<Part>,
    /// What it depends on, when it is not known whether it applies.
    pub missing: Vec<String>,
}

/// A part of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// `Action` or `NotAction`.
    Action,
    /// `Resource` or `NotResource`.
    Resource,
    /// A condition.
    Condition(Condition),
}

/// What every statement says about a request, in order of level, policy and statement. Policies whose content could not
/// be understood have no statements. What statements say does not matter to service-linked roles.
#[must_use]
pub fn explain<'a>(levels: &'a [Level<'a>], request: &Request<'_>) -> Vec<Reason<'a>> {
    let call = Call::new(request);
    let policies = levels.iter().flat_map(|level| level.policies.iter().map(move |policy| (level, policy)));
    let documents = policies.filter_map(|(level, policy)| Some((level, policy.id, policy.document?)));
    let statements = documents.flat_map(|(level, policy, document)| {
        let pairs = document.statements().iter().zip(document.rules()).enumerate();
        pairs.map(move |(index, (statement, rule))| (level, policy, statement.name(index), statement, rule))
    });
    statements
        .map(|(level, policy, name, statement, rule)| {
            let (truth, fails, missing) = parts(statement, rule, &call);
            let applies = match truth {
                Truth::True => Some(true),
                Truth::False => Some(false),
                Truth::Unknown => None,
            };
            Reason { level: &level.target, policy, statement: name, effect: statement.effect, applies, fails, missing }
        })
        .collect()
}

/// Whether a statement applies, the parts that do not match, and what is missing if it is not known.
fn parts(statement: &Statement, rule: &Rule, call: &Call<'_>) -> (Truth, Vec<Part>, Vec<String>) {
    let mut missing = Vec::new();
    let conditions = rule.conditions.iter().zip(&statement.conditions);
    let mut truths = vec![
        (Truth::from(rule.about_action(call)), Part::Action),
        (rule.about_resource(call, &mut missing), Part::Resource),
    ];
    truths.extend(conditions.map(|(test, written)| (test.holds(call, &mut missing), Part::Condition(written.clone()))));
    let whole = Truth::all(truths.iter().map(|(truth, _)| *truth)).and(rule.is_understood(&mut missing));
    if whole != Truth::Unknown {
        missing.clear();
    }
    let fails = truths.into_iter().filter(|(truth, _)| *truth == Truth::False).map(|(_, part)| part).collect();
    (whole, fails, missing)
}
