//! What AWS would decide about a request under the service control policies of every level.
//!
//! A request passes when each level from the root to the account has a statement that allows it, and no statement
//! anywhere denies it. A statement is about a request when action, resource and all conditions match. Each of these has
//! three answers: yes, no, and not known; a decision is made only where it is the same whatever the unknown may be.

use std::collections::{BTreeMap, BTreeSet};

use crate::context;
use crate::document::{Clause, Document, Effect, Statement};
use crate::pattern;
use crate::truth::Truth;
use crate::variables::{self, Resolved};

/// The policies attached to one level: the root, a unit or the account.
#[derive(Clone, Debug)]
pub struct Level<'a> {
    /// Id of the root, unit or account.
    pub target: String,
    /// What is attached to it.
    pub policies: Vec<LevelPolicy<'a>>,
}

/// A policy at a level.
#[derive(Clone, Copy, Debug)]
pub struct LevelPolicy<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its content; `None` when it could not be understood.
    pub document: Option<&'a Document>,
}

/// A call to AWS.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// ARN of who calls; `None` when that is not known.
    pub principal: Option<&'a str>,
    /// Action, such as `organizations:LeaveOrganization`.
    pub action: &'a str,
    /// ARN of the resource, or `*` for an action without one.
    pub resource: &'a str,
    /// Condition keys and their values.
    pub context: &'a BTreeMap<String, Vec<String>>,
    /// Whether a key that is not in `context` may be there with any value. If not, it is absent.
    pub unknown_context: bool,
}

/// What the policies decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Every level allows it and nothing denies it.
    Allowed,
    /// A statement denies it.
    ExplicitDeny {
        /// Id of the root, unit or account where the policy is attached.
        level: String,
        /// Id of the policy.
        policy: String,
        /// Sid of the statement, else its index from 0.
        statement: String,
    },
    /// No policy of a level allows it.
    ImplicitDeny {
        /// Id of the root, unit or account.
        level: String,
    },
    /// It depends on what is not known.
    Unknown {
        /// The condition keys it depends on, or what else is missing, in words.
        keys: BTreeSet<String>,
    },
}

impl Decision {
    /// Whether the request is surely denied.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::ExplicitDeny { .. } | Self::ImplicitDeny { .. })
    }
}

/// Decides a request. Without levels (the management account, service control policies not enabled) it is allowed, as
/// it is for service-linked roles.
#[must_use]
pub fn evaluate(levels: &[Level<'_>], request: &Request<'_>) -> Decision {
    if context::is_service_linked(request) {
        return Decision::Allowed;
    }
    let mut keys = BTreeSet::new();
    let mut not_allowed = None;
    let mut all_allow = Truth::True;
    for level in levels {
        match decide(level, request, &mut keys) {
            Verdict::Denied { policy, statement } => {
                return Decision::ExplicitDeny { level: level.target.clone(), policy, statement };
            }
            Verdict::Passes(Truth::False) => not_allowed = not_allowed.or(Some(&level.target)),
            Verdict::Passes(truth) => all_allow = all_allow.and(truth),
        }
    }
    match not_allowed {
        Some(level) => Decision::ImplicitDeny { level: level.clone() },
        None if all_allow == Truth::True => Decision::Allowed,
        None => Decision::Unknown { keys },
    }
}

/// The policies that deny a request explicitly, in order of level.
#[must_use]
pub fn denied_by<'a>(levels: &[Level<'a>], request: &Request<'_>) -> Vec<&'a str> {
    let denies = |policy: &LevelPolicy<'_>| {
        policy.document.is_some_and(|document| {
            document.statements().iter().any(|statement| {
                statement.effect == Effect::Deny
                    && applies(statement, document, request, &mut Vec::new()) == Truth::True
            })
        })
    };
    levels.iter().flat_map(|level| &level.policies).filter(|policy| denies(policy)).map(|policy| policy.id).collect()
}

/// What one level says.
enum Verdict {
    /// A statement surely denies it.
    Denied { policy: String, statement: String },
    /// Whether it passes the level; `False` when nothing there allows it.
    Passes(Truth),
}

/// What is not known and matters goes to `keys`.
fn decide(level: &Level<'_>, request: &Request<'_>, keys: &mut BTreeSet<String>) -> Verdict {
    let (mut denied, mut allowed) = (Truth::False, Truth::False);
    let mut for_allowing = Vec::new();
    for policy in &level.policies {
        let Some(document) = policy.document else {
            keys.insert(format!("the content of policy {}", policy.id));
            (denied, allowed) = (Truth::Unknown, allowed.or(Truth::Unknown));
            continue;
        };
        for (index, statement) in document.statements().iter().enumerate() {
            if statement.effect == Effect::Allow && allowed == Truth::True {
                continue;
            }
            let mut missing = Vec::new();
            let truth = applies(statement, document, request, &mut missing);
            match (statement.effect, truth) {
                (_, Truth::False) => {}
                (Effect::Deny, Truth::True) => {
                    return Verdict::Denied { policy: policy.id.to_owned(), statement: statement.name(index) };
                }
                (Effect::Deny, Truth::Unknown) => {
                    denied = Truth::Unknown;
                    keys.extend(missing);
                }
                (Effect::Allow, truth) => {
                    allowed = allowed.or(truth);
                    for_allowing.extend(missing);
                }
            }
        }
    }
    if allowed == Truth::Unknown {
        keys.extend(for_allowing);
    }
    Verdict::Passes(allowed.and(denied.not()))
}

/// Whether a statement is about a request.
fn applies(statement: &Statement, document: &Document, request: &Request<'_>, missing: &mut Vec<String>) -> Truth {
    let actions = &statement.actions;
    let named = actions.patterns.iter().any(|pattern| pattern::matches_ignore_case(pattern, request.action));
    if named == actions.negated {
        return Truth::False;
    }
    let variables = document.has_variables();
    let mut truth = about_resource(&statement.resources, variables, request, missing);
    for condition in &statement.conditions {
        if truth == Truth::False {
            return truth;
        }
        truth = truth.and(condition.holds(request, variables, missing));
    }
    let strange = document.unknown().iter().chain(&statement.unknown);
    let before = missing.len();
    missing.extend(strange.map(|element| format!("the meaning of the element {element}")));
    if missing.len() == before { truth } else { truth.and(Truth::Unknown) }
}

/// Whether a statement's `Resource` or `NotResource` takes in the resource of a request.
fn about_resource(clause: &Clause, variables: bool, request: &Request<'_>, missing: &mut Vec<String>) -> Truth {
    let named = Truth::any(clause.patterns.iter().map(|pattern| {
        if !(variables && variables::has_variables(pattern)) {
            return Truth::from(pattern::matches_resource(pattern, request.resource));
        }
        match variables::resolve(pattern, true, request) {
            Resolved::Symbols(mut symbols) => {
                pattern::keep_in_segments(&mut symbols);
                Truth::from(pattern::matches_symbols(&symbols, request.resource))
            }
            Resolved::Nothing => Truth::False,
            Resolved::Unknown(key) => {
                missing.push(key);
                Truth::Unknown
            }
        }
    }));
    if clause.negated { named.not() } else { named }
}
