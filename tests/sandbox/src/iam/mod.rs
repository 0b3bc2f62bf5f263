//! IAM: what the policies of a caller, and the organization's delegation policy, say to a call.
//!
//! As much of the policy language as policies for this AWS need: Effect, Action, Resource, and Condition with the
//! operators and keys of `condition`. Anything else is an error when the world is loaded, which names the field: what
//! would not be enforced must not look as if it were.

mod condition;
mod document;
mod pattern;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use condition::Condition;
use pattern::matches;

/// Keys of a request with their values, as conditions see them.
type Context = BTreeMap<String, Vec<String>>;

/// One right that a call needs; one that touches several resources needs several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Such as `organizations:AttachPolicy`.
    pub action: String,
    /// ARN, or `*` where the action is not about one resource.
    pub resource: String,
    context: Context,
    /// Whether the resource that the call names exists. Of one that does not, nobody can say whose it is: then the
    /// action alone decides, and the service says that it is not there.
    exists: bool,
}

impl Need {
    /// A right to do something with a resource.
    #[must_use]
    pub fn new(action: &str, resource: impl Into<String>) -> Self {
        Self { action: action.to_owned(), resource: resource.into(), context: Context::new(), exists: true }
    }

    /// A right to do something with a resource that is not there.
    #[must_use]
    pub fn of_nothing(action: &str) -> Self {
        Self { exists: false, ..Self::new(action, "*") }
    }

    /// The same with a value of a key, such as `aws:RequestTag/owner`. Keys are compared without case.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.context.entry(key.to_ascii_lowercase()).or_default().push(value.to_owned());
        self
    }
}

/// How IAM calls policies of who calls, with their article.
pub const OF_IDENTITY: (&str, &str) = ("an", "identity-based");
/// How IAM calls policies of what is called.
pub const OF_RESOURCE: (&str, &str) = ("a", "resource-based");

/// What policies say to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// One allows it, none denies it.
    Allowed,
    /// None allows it.
    NotAllowed,
    /// One denies it, whatever the others say.
    Denied,
}

impl Decision {
    /// Why a call is refused, in the words of IAM.
    #[must_use]
    pub fn why(self, (article, kind): (&str, &str), action: &str) -> String {
        match self {
            Self::Denied => format!("with an explicit deny in {article} {kind} policy"),
            _ => format!("because no {kind} policy allows the {action} action"),
        }
    }
}

/// A policy document that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, PartialEq, Eq)]
struct Statement {
    allows: bool,
    /// Accounts that it speaks of; `None` in a policy that belongs to who calls.
    accounts: Option<Vec<String>>,
    /// In small letters.
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

impl Policy {
    /// A policy of a role or user; errors name the field.
    pub fn of_identity(document: &Value) -> anyhow::Result<Self> {
        document::read(document, false)
    }

    /// A policy that says which accounts may do what; errors name the field.
    pub fn of_resource(document: &Value) -> anyhow::Result<Self> {
        document::read(document, true)
    }

    /// What the policy says to a caller of an account.
    #[must_use]
    pub fn decide(&self, account: &str, need: &Need) -> Decision {
        let about = |statement: &&Statement| statement.is_about(account, need);
        let mut decision = Decision::NotAllowed;
        for statement in self.statements.iter().filter(about) {
            if !statement.allows {
                return Decision::Denied;
            }
            decision = Decision::Allowed;
        }
        decision
    }
}

impl Statement {
    fn is_about(&self, account: &str, need: &Need) -> bool {
        let action = need.action.to_ascii_lowercase();
        self.accounts.as_ref().is_none_or(|accounts| accounts.iter().any(|named| named == account))
            && self.actions.iter().any(|pattern| matches(pattern, &action))
            && (self.allows && !need.exists || self.is_about_resource(need))
    }

    fn is_about_resource(&self, need: &Need) -> bool {
        self.resources.iter().any(|pattern| matches(pattern, &need.resource))
            && self.conditions.iter().all(|condition| condition.holds(&need.context))
    }
}

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// Everything that its account may.
    Everything,
    /// Actions that match one of these patterns, with any resource.
    Actions(Vec<String>),
    /// What its policies say.
    Policies(Arc<[Policy]>),
}

impl Rights {
    /// Of `allow` and `policy` of an entry in a world file; errors name the field.
    pub fn read(allow: Option<&Vec<String>>, policy: Option<&Value>) -> anyhow::Result<Self> {
        ensure!(allow.is_none() || policy.is_none(), "allow and policy: only one of them can hold");
        match (allow, policy) {
            (Some(allow), _) => Ok(Self::Actions(allow.iter().map(|action| action.to_ascii_lowercase()).collect())),
            (_, Some(Value::Array(documents))) => {
                let read = |(at, document)| Policy::of_identity(document).with_context(|| format!("policy[{at}]"));
                Ok(Self::Policies(documents.iter().enumerate().map(read).collect::<anyhow::Result<_>>()?))
            }
            (_, Some(document)) => Ok(Self::Policies(Arc::new([Policy::of_identity(document).context("policy")?]))),
            _ => Ok(Self::Everything),
        }
    }

    /// Whether a caller of an account has what a call needs.
    #[must_use]
    pub fn decide(&self, account: &str, need: &Need) -> Decision {
        match self {
            Self::Everything => Decision::Allowed,
            Self::Actions(allow) => {
                let action = need.action.to_ascii_lowercase();
                let allowed = allow.iter().any(|pattern| matches(pattern, &action));
                if allowed { Decision::Allowed } else { Decision::NotAllowed }
            }
            Self::Policies(policies) => {
                let decisions: Vec<Decision> = policies.iter().map(|policy| policy.decide(account, need)).collect();
                let said = |decision| decisions.contains(decision).then_some(*decision);
                said(&Decision::Denied).or_else(|| said(&Decision::Allowed)).unwrap_or(Decision::NotAllowed)
            }
        }
    }
}
