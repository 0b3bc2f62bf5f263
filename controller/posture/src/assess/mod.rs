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
//! | `findings`, `wanted` | findings of other products: as evidence, and where they are not known |
//! | `waivers` | rule 6: which exceptions are granted, and what they cover |
//! | `decide` | rules 1 to 7 in their order |
//! | `people` | what attestations come to |
//! | `criterion` | the two halves of a criterion |
//! | `objectives` | what is to be reached |
//!
//! What an operator or a command asks for, beside [`assess`], [`reassess`] and [`Assessment::posture`]:
//!
//! - [`Assessment::status`] has the profile's whole status but for times, generation and conditions, with activities,
//!   objectives, numbers of exceptions, and `targets.baseline`; [`Memory::with_baseline`] takes that back after a restart;
//! - [`Assessment::exceptions`], with those of other profiles and of [`exceptions`] put together by [`merge_exceptions`], says
//!   for each `ComplianceException` what is known of it; [`ExceptionFact::standing`] makes its status of that for a moment,
//!   [`renewals`] counts;
//! - [`attestations`] says the same for each `ControlAttestation`, whatever the profiles;
//! - [`Assessment::activities`], [`Assessment::objectives`] and [`Assessment::metrics`] are for metrics;
//! - [`Assessment::next_change_at`] is when to come back, without any change of an object.

mod account;
mod assessment;
mod basis;
mod conditions;
mod coverage;
mod criterion;
mod decide;
mod error;
mod evidence;
mod findings;
mod guardrails;
mod memory;
mod message;
mod metrics;
mod objectives;
mod oldest;
mod owners;
mod people;
mod per_account;
mod plan;
mod posture;
mod reason;
mod refusal;
mod regions;
mod rollup;
mod scope;
mod shrunk;
mod standings;
mod status;
mod waivers;
mod wanted;
mod worst;

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
pub use objectives::ObjectiveFact;
pub use owners::Owners;
pub use people::{Attestation, AttestationStanding, attestations};
pub use per_account::AccountSeries;
pub use reason::Reason;
pub use waivers::{
    Exception, ExceptionFact, ExceptionMatch, ExceptionStanding, ExceptionVerdict, exceptions, merge_exceptions,
    renewals,
};

use self::owners::Judgements;
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
    /// For each guardrail that may be required, which accounts it protects. What is absent is unknown, and one beyond the
    /// built-in library is not there.
    pub protection: &'a BTreeMap<String, ProtectionByAccount>,
    /// Exceptions and attestations.
    pub owners: Owners<'a>,
    /// Number of active accounts that somebody acknowledged, by the annotation `soc2-operator.dev/acknowledge-targets`: with
    /// just so many the targets have not shrunk.
    pub acknowledged_targets: Option<u32>,
}

/// Assesses every account of the profile. `memory` says since when each check is in its state.
pub fn assess(desired: &Desired<'_>, world: &World, memory: &Memory, now: Timestamp) -> Result<Assessment, SpecError> {
    Ok(Assessment::new(plan::plan(desired, world, &Judgements::default())?, world, memory, now))
}

/// The same as [`assess`] with [`Assessment::memory`] of `previous`, with work for what changed only: the accounts of
/// `changed` (those of which the index changed), those whose sources, tree, guardrails or exceptions changed, and those that
/// time changes. When the profile or anything else that matters to all changed, it does all.
pub fn reassess(
    previous: Assessment,
    desired: &Desired<'_>,
    world: &World,
    changed: &BTreeSet<AccountId>,
    now: Timestamp,
) -> Result<Assessment, SpecError> {
    if now >= previous.now && previous.basis.is_same(desired, world, &previous.judgements) {
        return Ok(previous.advance(world, changed, desired.acknowledged_targets, now));
    }
    let planned = plan::plan(desired, world, &previous.judgements)?;
    Ok(previous.update(planned, world, changed, now))
}
