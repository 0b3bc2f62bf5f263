//! A statement made ready to be asked about many requests: patterns taken apart, conditions typed, actions by service.

use crate::call::Call;
use crate::condition::Test;
use crate::document::{Effect, Statement};
use crate::pattern::{self, Actions, Resource};
use crate::truth::Truth;
use crate::variables::{self, Resolved};

/// What is missing where the resource is not known.
pub(crate) const RESOURCE: &str = "the resource";

/// A statement, ready.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Whether it allows or denies.
    pub(crate) effect: Effect,
    actions: Actions,
    /// `NotAction`.
    not_actions: bool,
    resources: Vec<Named>,
    /// `NotResource`.
    not_resources: bool,
    /// Its conditions, in the order of the statement's.
    pub(crate) conditions: Vec<Test>,
    /// Elements whose meaning is not known, of the statement and of its document.
    strange: Vec<String>,
}

/// A pattern of resources.
#[derive(Clone, Debug)]
enum Named {
    Pattern(Resource),
    /// With policy variables.
    Template(Box<str>),
}

impl Rule {
    /// Makes a statement ready. `variables`: whether `${...}` in it are policy variables. `strange`: elements of its
    /// document that are not known.
    pub(crate) fn new(statement: &Statement, variables: bool, strange: &[String]) -> Self {
        let named = |pattern: &String| {
            if variables && variables::has_variables(pattern) {
                Named::Template(pattern.as_str().into())
            } else {
                Named::Pattern(Resource::new(pattern))
            }
        };
        Self {
            effect: statement.effect,
            actions: Actions::new(&statement.actions.patterns),
            not_actions: statement.actions.negated,
            resources: statement.resources.patterns.iter().map(named).collect(),
            not_resources: statement.resources.negated,
            conditions: statement.conditions.iter().map(|condition| Test::new(condition, variables)).collect(),
            strange: strange.iter().chain(&statement.unknown).cloned().collect(),
        }
    }

    /// Whether it is about a request. What is missing goes to `missing` when the answer is `Unknown`.
    pub(crate) fn applies(&self, call: &Call<'_>, missing: &mut Vec<String>) -> Truth {
        if !self.about_action(call) {
            return Truth::False;
        }
        let mut truth = self.about_resource(call, missing);
        for condition in &self.conditions {
            if truth == Truth::False {
                return truth;
            }
            truth = truth.and(condition.holds(call, missing));
        }
        truth.and(self.is_understood(missing))
    }

    /// Whether its `Action` or `NotAction` takes in the action.
    pub(crate) fn about_action(&self, call: &Call<'_>) -> bool {
        self.actions.contain(call.action) != self.not_actions
    }

    /// Whether its `Resource` or `NotResource` takes in the resource.
    pub(crate) fn about_resource(&self, call: &Call<'_>, missing: &mut Vec<String>) -> Truth {
        let before = missing.len();
        let not_known = call.is_careful() && call.request.resource.is_empty();
        let named = Truth::any(self.resources.iter().map(|named| match named {
            Named::Pattern(pattern) if not_known && pattern.is_everything() => Truth::True,
            _ if not_known => {
                missing.push(RESOURCE.to_owned());
                Truth::Unknown
            }
            Named::Pattern(pattern) => Truth::from(pattern.matches(call.request.resource)),
            Named::Template(template) => match variables::resolve(template, true, call) {
                Resolved::Symbols(mut symbols) => {
                    pattern::keep_in_segments(&mut symbols);
                    Truth::from(pattern::matches_symbols(&symbols, call.request.resource))
                }
                Resolved::Nothing => Truth::False,
                Resolved::Unknown(key) => {
                    missing.push(key);
                    Truth::Unknown
                }
            },
        }));
        if named != Truth::Unknown {
            missing.truncate(before);
        }
        if self.not_resources { named.not() } else { named }
    }

    /// `Unknown` where it has elements whose meaning is not known.
    pub(crate) fn is_understood(&self, missing: &mut Vec<String>) -> Truth {
        missing.extend(self.strange.iter().map(|element| format!("the meaning of the element {element}")));
        if self.strange.is_empty() { Truth::True } else { Truth::Unknown }
    }
}
