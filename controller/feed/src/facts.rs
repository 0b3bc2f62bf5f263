//! What the feed knows about its own reading, for the status of the `AwsOrganization`.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soc2_aws::AwsError;
use soc2_guardrails::deed::Deed;
use soc2_guardrails::inventory::PolicyInventory;
use soc2_posture::ids::{AccountId, Region};

use crate::events::EventCounters;

/// Stands for the name of a source where the queue is the organization's own. No source can be called so.
pub const ORGANIZATIONS: &str = "Organizations";

/// How complete the reading is, and what is missing. Cheap to clone.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and readers ask for one")]
#[derive(Clone, Debug, Default)]
pub struct FeedFacts {
    /// The organization tree: when it was last read completely, and why the newest reading failed, if it did.
    pub organization: Reading,
    /// The policies, the same way.
    pub policies: Reading,
    /// The last complete inventory of policies; it stands while newer readings fail.
    pub inventory: Option<Arc<PolicyInventory>>,
    /// When the newest complete reading of the policies began.
    pub policies_begun_at: Option<Timestamp>,
    /// One entry per source and Region that is read, in the order of the configuration.
    pub regions: Vec<RegionFacts>,
    /// One entry per queue of events, by name of the source.
    pub events: Vec<EventFacts>,
    /// What others did to the organization lately, as far as events told it, the newest last.
    pub deeds: Arc<Vec<Deed>>,
    /// Started without a usable checkpoint, and not everything is swept yet: what was published before stands.
    pub restarting: bool,
    /// It was asked which controls are disabled, in vain or not; not where each account has to be asked.
    pub controls_read: bool,
    /// Accounts that are completely swept in everything that reads them and can be read.
    pub swept: Arc<BTreeSet<AccountId>>,
    /// Everything that can be read was read at least once since the start.
    pub read_once: bool,
    /// No AWS call is made.
    pub suspended: bool,
}

/// The outcome of a reading that is done again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// When it was last complete; `None`: never.
    pub read_at: Option<Timestamp>,
    /// Why the newest attempt failed; `None`: it did not.
    pub error: Option<AwsError>,
}

/// One source in one Region that is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionFacts {
    /// Name of the source.
    pub source: String,
    /// The Region that `GetFindings` is called in.
    pub region: Region,
    /// The account whose Security Hub it is; `None` when unknown, or when each account has its own.
    pub account: Option<AccountId>,
    /// Regions read through it, itself not included.
    pub linked_regions: Vec<Region>,
    /// Whether findings are consolidated over standards; `None` when unknown.
    pub consolidated: Option<bool>,
    /// Enabled members in that Region; of a source with a hub per account: the accounts that can be read.
    pub members: usize,
    /// Enabled standards in their short spelling (as AWS spells it, where the catalogue does not know it).
    pub standards: Vec<String>,
    /// Findings in the index from the Regions read through it.
    pub findings: usize,
    /// Shards in all.
    pub shards: usize,
    /// Shards that are complete.
    pub shards_complete: usize,
    /// The last complete full sweep.
    pub last_full_sweep: Option<SweepFacts>,
    /// A full sweep that runs: shards done and shards in all.
    pub running: Option<(usize, usize)>,
    /// When findings were last read completely, by a sweep or an increment.
    pub complete_at: Option<Timestamp>,
    /// Why it cannot be read as it should, if so; for a source with a hub per account the first of many.
    pub error: Option<AwsError>,
    /// How many accounts of a source with a hub per account have an error.
    pub accounts_with_error: usize,
    /// What could not be read but does not stop the rest, such as missing permissions for optional readings.
    pub notes: Vec<String>,
}

/// The queue of events of a source.
#[derive(Clone, Debug, Default)]
pub struct EventFacts {
    /// Name of the source; [`crate::ORGANIZATIONS`] for the organization's own queue.
    pub source: String,
    /// URL of the queue.
    pub queue_url: String,
    /// It was read at least once.
    pub heard: bool,
    /// Why it cannot be read, if so. Findings are then read by increments only.
    pub error: Option<AwsError>,
    /// What came through it, as it is now.
    pub counters: Arc<EventCounters>,
}

impl PartialEq for EventFacts {
    /// Whether both tell the same of the queue; what came through it meanwhile does not matter.
    fn eq(&self, other: &Self) -> bool {
        let told = |facts: &Self| (facts.source.clone(), facts.queue_url.clone(), facts.heard, facts.error.clone());
        told(self) == told(other)
    }
}

/// A full sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepFacts {
    /// When its first shard began.
    pub started_at: Timestamp,
    /// When its last shard was complete.
    pub completed_at: Timestamp,
    /// Calls of `GetFindings`.
    pub requests: u64,
    /// Calls that AWS throttled, after the client's own retries.
    pub throttled: u64,
}
