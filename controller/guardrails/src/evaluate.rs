//! What AWS would decide about a request under the service control policies of every level.
//!
//! A request passes when each level from the root to the account has a statement that allows it, and no statement
//! anywhere denies it. A statement is about a request when action, resource and all conditions match. Each of these has
//! three answers: yes, no, and not known; a decision is made only where it is the same whatever the unknown may be.
//!
//! What AWS does not define is not known either as long as [`Request::unknown_context`] is set: a value that cannot be
//! read as what the operator compares, several values under an operator without `ForAllValues` or `ForAnyValue`, a policy
//! variable with several values. Where all keys are known there has to be an answer, and it is the one nearest to what is
//! documented: what cannot be read matches nothing, of several values one that matches is enough, as it is for several
//! values of a condition, and a variable with several values has none.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::Call;
use crate::document::{Document, Effect};
use crate::truth::Truth;

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
    /// ARN of who calls; `None` when that is not known. `aws:PrincipalArn` and `aws:PrincipalAccount` follow from it where
    /// `context` does not have them.
    pub principal: Option<&'a str>,
    /// Action, such as `organizations:LeaveOrganization`.
    pub action: &'a str,
    /// ARN of the resource, or `*` for an action without one. Empty where `unknown_context` is set: it is not known.
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

/// What the policies decide, with who decides by its index: for many requests to the same levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every level allows it and nothing denies it.
    Allowed,
    /// A statement denies it.
    ExplicitDeny {
        /// Index of the level.
        level: usize,
        /// Index of the policy among those of the level.
        policy: usize,
        /// Index of the statement.
        statement: usize,
    },
    /// No policy of a level allows it.
    ImplicitDeny {
        /// Index of the level.
        level: usize,
    },
    /// It depends on what is not known.
    Unknown {
        /// The condition keys it depends on, or what else is missing, in words.
        keys: BTreeSet<String>,
    },
}

/// Decides a request. Without levels (the management account, service control policies not enabled) it is allowed, as
/// it is for service-linked roles.
#[must_use]
pub fn evaluate(levels: &[Level<'_>], request: &Request<'_>) -> Decision {
    let target = |level: usize| levels.get(level).map(|level| level.target.clone()).unwrap_or_default();
    match verdict(levels, request) {
        Verdict::Allowed => Decision::Allowed,
        Verdict::Unknown { keys } => Decision::Unknown { keys },
        Verdict::ImplicitDeny { level } => Decision::ImplicitDeny { level: target(level) },
        Verdict::ExplicitDeny { level, policy, statement } => {
            let found = levels.get(level).and_then(|level| level.policies.get(policy));
            let named = found.and_then(|policy| policy.document?.statements().get(statement));
            Decision::ExplicitDeny {
                level: target(level),
                policy: found.map(|policy| policy.id.to_owned()).unwrap_or_default(),
                statement: named.map(|named| named.name(statement)).unwrap_or_default(),
            }
        }
    }
}

/// Decides as [`evaluate`] does, and allocates nothing unless it takes policy variables or something is not known.
#[must_use]
pub fn verdict(levels: &[Level<'_>], request: &Request<'_>) -> Verdict {
    let call = Call::new(request);
    if call.is_service_linked() {
        return Verdict::Allowed;
    }
    let mut keys = BTreeSet::new();
    let mut not_allowed = None;
    let mut all_allow = Truth::True;
    for (at, level) in levels.iter().enumerate() {
        match at_level(level, &call, &mut keys) {
            Answer::Denied { policy, statement } => return Verdict::ExplicitDeny { level: at, policy, statement },
            Answer::Passes(Truth::False) => not_allowed = not_allowed.or(Some(at)),
            Answer::Passes(truth) => all_allow = all_allow.and(truth),
        }
    }
    match not_allowed {
        Some(level) => Verdict::ImplicitDeny { level },
        None if all_allow == Truth::True => Verdict::Allowed,
        None => Verdict::Unknown { keys },
    }
}

/// The policies that deny a request explicitly, in order of level.
#[must_use]
pub fn denied_by<'a>(levels: &[Level<'a>], request: &Request<'_>) -> Vec<&'a str> {
    let call = Call::new(request);
    let denies = |policy: &LevelPolicy<'_>| {
        policy.document.is_some_and(|document| {
            document
                .rules()
                .iter()
                .any(|rule| rule.effect == Effect::Deny && rule.applies(&call, &mut Vec::new()) == Truth::True)
        })
    };
    levels.iter().flat_map(|level| &level.policies).filter(|policy| denies(policy)).map(|policy| policy.id).collect()
}

/// What one level says.
enum Answer {
    /// A statement surely denies it.
    Denied { policy: usize, statement: usize },
    /// Whether it passes the level; `False` when nothing there allows it.
    Passes(Truth),
}

/// What is not known and matters goes to `keys`.
fn at_level(level: &Level<'_>, call: &Call<'_>, keys: &mut BTreeSet<String>) -> Answer {
    let (mut denied, mut allowed) = (Truth::False, Truth::False);
    let (mut missing, mut for_allowing) = (Vec::new(), Vec::new());
    for (policy, attached) in level.policies.iter().enumerate() {
        let Some(document) = attached.document else {
            keys.insert(format!("the content of policy {}", attached.id));
            (denied, allowed) = (Truth::Unknown, allowed.or(Truth::Unknown));
            continue;
        };
        for (statement, rule) in document.rules().iter().enumerate() {
            if rule.effect == Effect::Allow && allowed == Truth::True {
                continue;
            }
            missing.clear();
            match (rule.effect, rule.applies(call, &mut missing)) {
                (_, Truth::False) => {}
                (Effect::Deny, Truth::True) => return Answer::Denied { policy, statement },
                (Effect::Deny, Truth::Unknown) => {
                    denied = Truth::Unknown;
                    keys.extend(missing.drain(..));
                }
                (Effect::Allow, truth) => {
                    allowed = allowed.or(truth);
                    for_allowing.append(&mut missing);
                }
            }
        }
    }
    if allowed == Truth::Unknown {
        keys.extend(for_allowing);
    }
    Answer::Passes(allowed.and(denied.not()))
}
