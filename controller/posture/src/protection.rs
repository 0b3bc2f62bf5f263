//! Whether required guardrails are in force, account by account. Computed by the guardrails crate, read by `assess`.

use std::collections::BTreeMap;

use crate::ids::AccountId;

/// Answer for one account and one guardrail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Protection {
    /// Every example that the guardrail must deny is denied, by these policies.
    Protected {
        /// Ids of the policies that deny.
        by: Vec<String>,
    },
    /// It is not.
    Unprotected,
    /// SCPs do not affect the management account.
    ManagementAccount,
    /// The policies could not be read or decided; never counts as protected.
    Unknown {
        /// What is missing.
        message: String,
    },
}

/// Answers for one guardrail.
pub type ProtectionByAccount = BTreeMap<AccountId, Protection>;
