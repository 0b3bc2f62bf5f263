//! One write to AWS.

use std::collections::BTreeMap;
use std::fmt;

use super::key::baseline_of;
use crate::cover::{Target, TargetId};

/// A policy to write.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyBody {
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Minified JSON.
    pub content: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A policy, before or after it exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyRef {
    /// One that exists.
    ById(String),
    /// The one that an earlier step of the plan creates.
    ByName(String),
}

/// One write to AWS. Ordered as plans are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// `TagResource`: somebody else's policy becomes ours.
    Adopt {
        /// The policy's id.
        id: String,
        /// The baseline that it is to carry.
        baseline: String,
        /// Its name yet.
        name: String,
        /// Tags that it gets, all at once.
        tags: BTreeMap<String, String>,
    },
    /// `CreatePolicy`.
    Create {
        /// The baseline that it carries.
        baseline: String,
        /// The policy.
        policy: PolicyBody,
    },
    /// `UpdatePolicy`; tags stay.
    Update {
        /// The policy's id.
        id: String,
        /// The baseline that it carries.
        baseline: String,
        /// What it has to be.
        policy: PolicyBody,
        /// Something that it denies now would no longer be denied.
        weakens: bool,
    },
    /// `AttachPolicy`.
    Attach {
        /// The policy.
        policy: PolicyRef,
        /// The baseline that it carries.
        baseline: String,
        /// Where to.
        target: Target,
    },
    /// `DetachPolicy`.
    Detach {
        /// The policy's id.
        id: String,
        /// The baseline that it carries.
        baseline: String,
        /// Id of the root, unit or account.
        target: TargetId,
        /// Accounts there are without it afterwards: nothing above gives them the same.
        weakens: bool,
    },
    /// `DeletePolicy`, of one that is attached nowhere.
    Delete {
        /// The policy's id.
        id: String,
        /// The baseline that it carries.
        baseline: String,
    },
}

impl Step {
    /// What its policy is for: a baseline, with `/` and eight digits behind it for a variant, or a pack of several baselines.
    #[must_use]
    pub fn baseline(&self) -> &str {
        match self {
            Self::Adopt { baseline, .. }
            | Self::Create { baseline, .. }
            | Self::Update { baseline, .. }
            | Self::Attach { baseline, .. }
            | Self::Detach { baseline, .. }
            | Self::Delete { baseline, .. } => baseline,
        }
    }

    /// The baseline, whichever variant of it; `pack` where there are several in one policy.
    #[must_use]
    pub fn baseline_name(&self) -> &str {
        baseline_of(self.baseline())
    }

    /// Whether an account may be less protected afterwards.
    #[must_use]
    pub fn weakens(&self) -> bool {
        match self {
            Self::Update { weakens, .. } | Self::Detach { weakens, .. } => *weakens,
            Self::Adopt { .. } | Self::Create { .. } | Self::Attach { .. } | Self::Delete { .. } => false,
        }
    }
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ById(id) => formatter.write_str(id),
            Self::ByName(name) => formatter.write_str(name),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Adopt { id, baseline, name, .. } => {
                write!(formatter, "adopt policy {name} ({id}) for {baseline}: it gets our tags")
            }
            Self::Create { policy, .. } => {
                write!(formatter, "create policy {} ({} characters)", policy.name, policy.content.chars().count())
            }
            Self::Update { id, policy, weakens, .. } => {
                let less = if *weakens { ", which denies less then" } else { "" };
                write!(formatter, "put back policy {} ({id}){less}", policy.name)
            }
            Self::Attach { policy, target, baseline } => {
                write!(formatter, "attach {baseline} ({policy}) to {target}")
            }
            Self::Detach { id, baseline, target, weakens } => {
                let without = if *weakens { ", which is without it then" } else { ", which inherits it" };
                write!(formatter, "detach {baseline} ({id}) from {target}{without}")
            }
            Self::Delete { id, baseline } => write!(formatter, "delete {baseline} ({id}), attached nowhere"),
        }
    }
}
