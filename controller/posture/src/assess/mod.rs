//! From what is known and what is wanted to how things stand. Pure: same input, same answer.
//!
//! ```text
//! Desired, World ──► plan ──► standing of each account ─┐
//!                    (scope, Regions, sources)           ├─► check by check ──► sums ──► status, conditions, metrics
//! findings of the account ──► tallies ───────────────────┘        └──► posture of the account
//! ```
//!
//! | file | what it decides |
//! |---|---|
//! | `scope` | which controls are in scope, for which criteria |
//! | `coverage` | rule 3: what is known of the sources |
//! | `evidence` | rule 4: what findings say |
//! | `decide` | rules 1 to 7 in their order |

mod account;
mod assessment;
mod conditions;
mod coverage;
mod decide;
mod error;
mod evidence;
mod guardrails;
mod memory;
mod message;
mod metrics;
mod per_account;
mod plan;
mod posture;
mod reason;
mod regions;
mod rollup;
mod scope;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use soc2_catalog::Catalog;
use soc2_crds::{AwsOrganizationSpec, ComplianceProfileSpec};

pub use assessment::{Assessment, CompliantLabel};
pub use conditions::{ConditionFact, ConditionStatus};
pub use error::SpecError;
pub use memory::Memory;
pub use metrics::{ControlMetrics, ProfileMetrics};
pub use per_account::AccountSeries;
pub use reason::Reason;

use crate::ids::AccountId;
use crate::protection::ProtectionByAccount;
use crate::world::World;

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Desired<'a> {
    /// The profile.
    pub profile: &'a ComplianceProfileSpec,
    /// The catalogue it uses.
    pub catalog: &'a Arc<Catalog>,
    /// The organization that it refers to.
    pub organization: &'a AwsOrganizationSpec,
    /// For each guardrail that may be required, which accounts it protects. What is absent is unknown.
    pub protection: &'a BTreeMap<String, ProtectionByAccount>,
}

/// Assesses every account of the profile. `memory` says since when each check is in its state.
pub fn assess(desired: &Desired<'_>, world: &World, memory: &Memory, now: Timestamp) -> Result<Assessment, SpecError> {
    Ok(Assessment::new(plan::plan(desired, world)?, world, memory, now))
}

/// The same as [`assess`] with [`Assessment::memory`] of `previous`, with work for what changed only: the accounts of
/// `changed` (those of which the index changed), those whose sources, tree or guardrails changed, and those that time
/// changes. When the profile or anything else that matters to all changed, it does all.
pub fn reassess(
    previous: Assessment,
    desired: &Desired<'_>,
    world: &World,
    changed: &BTreeSet<AccountId>,
    now: Timestamp,
) -> Result<Assessment, SpecError> {
    Ok(previous.update(plan::plan(desired, world)?, world, changed, now))
}
