//! What to read, with which roles, how often: an `AwsOrganization` as far as the feed needs it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use soc2_aws::Role;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::interest::Interests;
use soc2_posture::organization::Organization;

/// Settings of one feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// Name of the `AwsOrganization`; the checkpoint is named for it.
    pub organization: String,
    /// Role that reads AWS Organizations; `None`: the pod's own credentials.
    pub read_role: Option<Role>,
    /// Where events tell what somebody did to the organization; `None`: nowhere.
    pub organization_events: Option<OrganizationEvents>,
    /// Where findings come from.
    pub sources: Vec<SourceConfig>,
    /// Regions that every account must be covered in; empty: home and linked Regions, or all that are read.
    pub required_regions: Vec<Region>,
    /// How often what is read.
    pub intervals: Intervals,
    /// Share of AWS's rate of `GetFindings` that we take, per account and Region.
    pub get_findings_per_second: u32,
    /// Whether a selector uses account tags: they are read hourly then, and not at all otherwise.
    pub tags_needed: bool,
    /// Ids of controls that a profile may have in its scope. Which of them are disabled is read, and of those of the Default
    /// tier in any case.
    pub controls: BTreeSet<String>,
    /// What somebody wants to know of findings of other products. They are read with the increments, and not at all otherwise.
    pub interests: Interests,
}

/// How often what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// The organization tree, the policies and what is known of Security Hub.
    pub organization: Duration,
    /// Increments of findings and the poll for suppressions.
    pub findings: Duration,
    /// Full sweeps; stretched to three times the length of the last one.
    pub full_sweep: Duration,
}

impl Default for Intervals {
    fn default() -> Self {
        Self {
            organization: Duration::from_mins(10),
            findings: Duration::from_mins(5),
            full_sweep: Duration::from_hours(12),
        }
    }
}

/// A place that findings come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceConfig {
    /// Name, unique in the `AwsOrganization`.
    pub name: String,
    /// Role that reads Security Hub; `None`: the pod's own credentials. Not used by a source with `per_account`.
    pub role: Option<Role>,
    /// Where it is read.
    pub regions: SourceRegions,
    /// Each account has its own Security Hub, read with a role of its own.
    pub per_account: Option<PerAccount>,
    /// The accounts that it serves; `None`: all.
    pub serves: Option<Selection>,
    /// Where events tell of its findings, as a fast path; `None`: nowhere.
    pub events: Option<EventsConfig>,
}

/// A queue of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsConfig {
    /// URL of the SQS queue.
    pub queue_url: String,
    /// Role that reads and deletes its messages; `None`: the pod's own credentials.
    pub role: Option<Role>,
}

/// A queue of CloudTrail's management events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationEvents {
    /// The queue.
    pub queue: EventsConfig,
    /// ARN of the role that we write with: what it does is no news.
    pub own_role: Option<String>,
}

/// Where a source is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceRegions {
    /// The home Region of a finding aggregator; linked Regions are read through it.
    Home(Region),
    /// Each of these Regions by itself.
    Each(Vec<Region>),
}

impl SourceRegions {
    /// The Regions that `GetFindings` is called in.
    #[must_use]
    pub fn read(&self) -> &[Region] {
        match self {
            Self::Home(home) => std::slice::from_ref(home),
            Self::Each(regions) => regions,
        }
    }
}

/// How to reach each account's own Security Hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerAccount {
    /// Name of the role in each account.
    pub role_name: String,
    /// External id that its trust policy asks for.
    pub external_id: Option<String>,
}

type Select = dyn Fn(&Organization) -> BTreeSet<AccountId> + Send + Sync;

/// Which accounts of an organization are meant. Two are equal when their keys are.
#[derive(Clone)]
pub struct Selection {
    key: String,
    select: Arc<Select>,
}

impl Selection {
    /// A selection by a function of the organization. `key` is its text, such as the targets as JSON.
    pub fn new<F>(key: impl Into<String>, select: F) -> Self
    where
        F: Fn(&Organization) -> BTreeSet<AccountId> + Send + Sync + 'static,
    {
        Self { key: key.into(), select: Arc::new(select) }
    }

    /// The accounts of this organization that are meant.
    #[must_use]
    pub fn accounts(&self, organization: &Organization) -> BTreeSet<AccountId> {
        (self.select)(organization)
    }

    /// Its text.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for Selection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Selection").field(&self.key).finish()
    }
}

impl PartialEq for Selection {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Selection {}
