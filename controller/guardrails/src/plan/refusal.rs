//! Why a set is left alone.

use std::fmt;

/// Why nothing is done for a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One word, for conditions, events and metrics: see [`reason`].
    pub reason: &'static str,
    /// What is wrong, with numbers, and what to do.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.reason, self.message)
    }
}

impl Refusal {
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// The reasons.
pub mod reason {
    /// What was read is not the organization that we took care of until now.
    pub const WRONG_ORGANIZATION: &str = "WrongOrganization";
    /// Another cluster has policies under our owner id.
    pub const OWNED_BY_OTHER_CLUSTER: &str = "OwnedByOtherCluster";
    /// Service control policies are not enabled in the root.
    pub const SCP_NOT_ENABLED: &str = "ScpNotEnabled";
    /// The set names no baseline.
    pub const NO_BASELINES: &str = "NoBaselines";
    /// The library has no such baseline.
    pub const UNKNOWN_BASELINE: &str = "UnknownBaseline";
    /// Its `ScpBaseline` has mistakes, or the lint finds an error in its policy.
    pub const INVALID_BASELINE: &str = "InvalidBaseline";
    /// A parameter of a baseline is missing, unknown or not of its type.
    pub const BAD_PARAMETER: &str = "BadParameter";
    /// A pattern of exempt principals would exempt whoever can create a role, or nobody.
    pub const BAD_EXEMPTION: &str = "BadExemption";
    /// Two sets want one baseline on the same accounts with parameters of which neither is the stricter one.
    pub const BASELINE_CONFLICT: &str = "BaselineConflict";
    /// The document could lock people out, or does not do what the library says.
    pub const LOCK_OUT: &str = "LockOut";
    /// The document has more characters than AWS takes.
    pub const TOO_LARGE: &str = "TooLarge";
    /// The targets select nothing that a policy could affect.
    pub const NO_TARGETS: &str = "NoTargets";
    /// Too many accounts would need an attachment of their own.
    pub const COVER_TOO_FINE: &str = "CoverTooFine";
    /// The organization tree is not complete.
    pub const ORGANIZATION_INCOMPLETE: &str = "OrganizationIncomplete";
    /// A policy that is not ours has the name that ours would have.
    pub const NAME_TAKEN: &str = "NameTaken";
    /// A target has no room for one more policy.
    pub const NO_FREE_SLOT: &str = "NoFreeSlot";
    /// A wave has no account.
    pub const WAVE_EMPTY: &str = "WaveEmpty";
    /// A set with waves shares a baseline with another set.
    pub const WAVE_CONFLICT: &str = "WaveConflict";
    /// A target has no room for a policy that replaces another one: both are there for a while.
    pub const NO_TRANSITION_SLOT: &str = "NoTransitionSlot";
    /// A policy of somebody else is not there to be adopted.
    pub const CANNOT_ADOPT: &str = "CannotAdopt";
}
