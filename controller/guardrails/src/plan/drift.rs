//! How what is there differs from what is wanted.

use std::fmt;

use super::step::Step;
use crate::cover::Target;

/// One difference. Prints in words, with ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drift {
    /// Service control policies are not enabled in the root.
    ScpDisabled {
        /// Id of the root.
        root: String,
    },
    /// There is no policy of ours for the baseline: never made, or deleted.
    Missing {
        /// The baseline.
        baseline: String,
        /// Name it has to have.
        name: String,
        /// How many targets are without it.
        targets: usize,
    },
    /// Its content does not say what it has to.
    Edited {
        /// The baseline.
        baseline: String,
        /// Id of the policy.
        policy: String,
    },
    /// It has another name.
    Renamed {
        /// The baseline.
        baseline: String,
        /// Id of the policy.
        policy: String,
        /// Name it has.
        from: String,
        /// Name it has to have.
        to: String,
    },
    /// It is somebody else's, and the set wants it for its own.
    Foreign {
        /// The baseline.
        baseline: String,
        /// Id of the policy.
        policy: String,
        /// Its name.
        name: String,
    },
    /// It carries the tag of a cluster that is taken over.
    OtherCluster {
        /// The baseline.
        baseline: String,
        /// Id of the policy.
        policy: String,
        /// Id of the cluster.
        cluster: String,
    },
    /// It has statements of baselines that left it.
    Left {
        /// What it is for.
        baseline: String,
        /// Id of the policy.
        policy: String,
    },
    /// It is not attached where it has to be: never was, or was detached.
    Detached {
        /// The baseline.
        baseline: String,
        /// Id of the policy.
        policy: String,
        /// Where.
        target: Target,
    },
    /// It is attached where no set wants it. Not touched.
    Elsewhere {
        /// The baseline.
        baseline: String,
        /// Id of the policy.
        policy: String,
        /// Id of the root, unit or account.
        target: String,
        /// Whether a wanted target above gives the same anyway.
        inherited: bool,
    },
    /// A second policy of ours for the baseline. Not touched.
    Duplicate {
        /// The baseline.
        baseline: String,
        /// Id of the policy that is kept in order.
        policy: String,
        /// Id of the other one.
        other: String,
        /// Targets of the other one.
        attached: usize,
    },
    /// A policy of ours stands beside the one of the baseline for the first waves of a change. It goes by itself.
    Staged {
        /// The baseline.
        baseline: String,
        /// Id of the policy that is to say the same in the end.
        policy: String,
        /// Id of the staged one.
        other: String,
        /// Targets of the staged one.
        attached: usize,
    },
}

impl Drift {
    /// Whether accounts are allowed and denied exactly what they should be nevertheless.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        matches!(
            self,
            Self::Elsewhere { inherited: true, .. }
                | Self::Duplicate { attached: 0, .. }
                | Self::Staged { attached: 0, .. }
        )
    }

    /// Whether a step puts this back.
    #[must_use]
    pub fn is_put_back_by(&self, step: &Step) -> bool {
        match (self, step) {
            (Self::Missing { baseline, .. }, _) => baseline == step.baseline(),
            (Self::Detached { baseline, target, .. }, Step::Attach { baseline: of, target: to, .. }) => {
                baseline == of && target.id == to.id
            }
            (
                Self::Edited { policy, .. } | Self::Renamed { policy, .. } | Self::Left { policy, .. },
                Step::Update { id, .. },
            )
            | (Self::Foreign { policy, .. } | Self::OtherCluster { policy, .. }, Step::Adopt { id, .. }) => {
                policy == id
            }
            _ => false,
        }
    }

    /// The baseline concerned; `None` when all are.
    #[must_use]
    pub fn baseline(&self) -> Option<&str> {
        match self {
            Self::ScpDisabled { .. } => None,
            Self::Missing { baseline, .. }
            | Self::Edited { baseline, .. }
            | Self::Renamed { baseline, .. }
            | Self::Foreign { baseline, .. }
            | Self::Left { baseline, .. }
            | Self::OtherCluster { baseline, .. }
            | Self::Detached { baseline, .. }
            | Self::Elsewhere { baseline, .. }
            | Self::Duplicate { baseline, .. }
            | Self::Staged { baseline, .. } => Some(baseline),
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScpDisabled { root } => write!(formatter, "service control policies are not enabled in root {root}"),
            Self::Missing { baseline, name, targets } => {
                write!(formatter, "{baseline}: there is no policy {name} on {targets} targets")
            }
            Self::Edited { baseline, policy } => write!(formatter, "{baseline}: the content of {policy} was edited"),
            Self::Renamed { baseline, policy, from, to } => {
                write!(formatter, "{baseline}: {policy} is named {from:?} instead of {to:?}")
            }
            Self::Left { baseline, policy } => {
                write!(formatter, "{baseline}: {policy} still has statements of baselines that are not in it any more")
            }
            Self::Foreign { baseline, policy, name } => {
                write!(formatter, "{baseline}: {policy} ({name}) is to be adopted")
            }
            Self::OtherCluster { baseline, policy, cluster } => {
                write!(formatter, "{baseline}: {policy} carries the tag of cluster {cluster}, which is taken over")
            }
            Self::Detached { baseline, policy, target } => {
                write!(formatter, "{baseline}: {policy} is not attached to {target}")
            }
            Self::Elsewhere { baseline, policy, target, inherited } => {
                write!(formatter, "{baseline}: {policy} is also attached to {target}, ")?;
                formatter.write_str(if *inherited {
                    "which inherits it anyway: it can be detached there"
                } else {
                    "which no set wants: detach it there, or select it"
                })
            }
            Self::Duplicate { baseline, policy, other, attached } => write!(
                formatter,
                "{baseline}: {other} (on {attached} targets) is a second policy of ours beside {policy}: detach and delete it"
            ),
            Self::Staged { baseline, policy, other, attached } => write!(
                formatter,
                "{baseline}: {other} (on {attached} targets) is staged beside {policy} for the first waves of a change: it goes when \
                 the change is enforced everywhere"
            ),
        }
    }
}
