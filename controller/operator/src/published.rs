//! What reconciles found, for the metrics and for the next reconcile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use soc2_crds::MetricsDetail;
use soc2_posture::assess::{AccountSeries, ProfileMetrics};

use crate::assessed::Current;
use crate::guardrail::SetSnapshot;
use crate::metrics::{Demand, Level, sums_series};

/// What was found last.
#[derive(Debug, Default)]
pub struct Published {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    profiles: BTreeMap<String, Arc<ProfileSnapshot>>,
    sets: BTreeMap<String, SetSnapshot>,
    organizations: BTreeMap<String, OrganizationSnapshot>,
    /// How far each profile's metrics may go, as its condition last said.
    levels: BTreeMap<String, Level>,
}

/// A profile as it was assessed last.
#[derive(Debug)]
pub struct ProfileSnapshot {
    /// Name of the organization's object.
    pub organization: String,
    /// Sums.
    pub metrics: ProfileMetrics,
    /// How far metrics should go.
    pub detail: MetricsDetail,
    /// How many series its accounts are.
    pub series: AccountSeries,
    /// How each account stands.
    pub assessment: Current,
}

impl ProfileSnapshot {
    /// What it would export.
    #[must_use]
    pub fn demand(&self) -> Demand {
        let (summary, profile) = sums_series(&self.metrics);
        Demand { wanted: Level::from(self.detail), summary, profile, accounts: self.series }
    }
}

/// What each profile would export.
#[must_use]
pub fn demands(profiles: &[(String, Arc<ProfileSnapshot>)]) -> BTreeMap<String, Demand> {
    profiles.iter().map(|(name, snapshot)| (name.clone(), snapshot.demand())).collect()
}

/// An organization as it was reported last.
#[derive(Clone, Debug, Default)]
pub struct OrganizationSnapshot {
    /// Active accounts in a profile or listed as unassigned.
    pub assigned: u32,
    /// Active accounts in none.
    pub unassigned: u32,
    /// Policies attached to each managed target.
    pub slots: BTreeMap<String, u32>,
    /// Policies that may be attached to one target.
    pub slots_limit: u32,
    /// What became of the newest write or attempt: the role's ARN, and the error.
    pub write: Option<(String, Option<soc2_aws::AwsError>)>,
}

impl Published {
    /// A profile was assessed. Gives what stood before.
    pub fn profile(&self, name: &str, snapshot: Arc<ProfileSnapshot>) -> Option<Arc<ProfileSnapshot>> {
        self.lock().profiles.insert(name.to_owned(), snapshot)
    }

    /// A profile has no assessment now.
    pub fn no_profile(&self, name: &str) {
        self.lock().profiles.remove(name);
    }

    /// How far each profile's metrics may go now. Gives the profiles for which that is news.
    pub fn allotted(&self, levels: &BTreeMap<String, Level>) -> BTreeSet<String> {
        let mut inner = self.lock();
        let changed = levels.iter().filter(|(name, level)| inner.levels.get(*name) != Some(level));
        let changed = changed.map(|(name, _)| name.clone()).collect();
        inner.levels.clone_from(levels);
        changed
    }

    /// A set was reported.
    pub fn set(&self, name: &str, snapshot: SetSnapshot) {
        self.lock().sets.insert(name.to_owned(), snapshot);
    }

    /// Changes what is known of an organization.
    pub fn organization(&self, name: &str, change: impl FnOnce(&mut OrganizationSnapshot)) {
        change(self.lock().organizations.entry(name.to_owned()).or_default());
    }

    /// What is known of an organization.
    #[must_use]
    pub fn of_organization(&self, name: &str) -> OrganizationSnapshot {
        self.lock().organizations.get(name).cloned().unwrap_or_default()
    }

    /// Forgets objects that are gone.
    pub fn retain(&self, profiles: &BTreeSet<String>, sets: &BTreeSet<String>, organizations: &BTreeSet<String>) {
        let mut inner = self.lock();
        inner.profiles.retain(|name, _| profiles.contains(name));
        inner.sets.retain(|name, _| sets.contains(name));
        inner.organizations.retain(|name, _| organizations.contains(name));
    }

    /// All profiles.
    #[must_use]
    pub fn profiles(&self) -> Vec<(String, Arc<ProfileSnapshot>)> {
        self.lock().profiles.iter().map(|(name, snapshot)| (name.clone(), Arc::clone(snapshot))).collect()
    }

    /// All sets.
    #[must_use]
    pub fn sets(&self) -> Vec<(String, SetSnapshot)> {
        self.lock().sets.iter().map(|(name, snapshot)| (name.clone(), snapshot.clone())).collect()
    }

    /// All organizations.
    #[must_use]
    pub fn organizations(&self) -> Vec<(String, OrganizationSnapshot)> {
        self.lock().organizations.iter().map(|(name, snapshot)| (name.clone(), snapshot.clone())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Whole values are swapped; a panic elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
