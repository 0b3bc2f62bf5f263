//! What reconciles found, for the metrics and for the next reconcile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use soc2_crds::{ActivityStatus, MetricsDetail};
use soc2_posture::assess::{AccountSeries, ObjectiveFact, ProfileMetrics};

use crate::assessed::Current;
use crate::guardrail::SetSnapshot;
use crate::metrics::{Demand, Level, sums_series};
use crate::owners::ExceptionsOf;

/// What was found last.
#[derive(Debug, Default)]
pub struct Published {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    profiles: BTreeMap<String, Conclusion>,
    sets: BTreeMap<String, SetSnapshot>,
    organizations: BTreeMap<String, OrganizationSnapshot>,
    /// How far each profile's metrics may go, as its condition last said.
    levels: BTreeMap<String, Level>,
}

/// What came of looking at a profile.
#[derive(Clone, Debug)]
pub enum Conclusion {
    /// It was assessed.
    Assessed(Arc<ProfileSnapshot>),
    /// It cannot be.
    NotAssessed,
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
    /// When it was assessed.
    pub assessed_at: Timestamp,
    /// What was found about exceptions.
    pub exceptions: ExceptionsOf,
    /// What people answer for.
    pub activities: Vec<ActivityStatus>,
    /// What is to be reached.
    pub objectives: Vec<ObjectiveFact>,
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
        assessed(self.lock().profiles.insert(name.to_owned(), Conclusion::Assessed(snapshot)))
    }

    /// A profile cannot be assessed; or it is not known yet whether it can.
    pub fn no_profile(&self, name: &str, conclusion: Option<Conclusion>) {
        let profiles = &mut self.lock().profiles;
        match conclusion {
            Some(conclusion) => drop(profiles.insert(name.to_owned(), conclusion)),
            None => drop(profiles.remove(name)),
        }
    }

    /// What came of looking at a profile; `None`: nobody has, or what a former process found stands.
    #[must_use]
    pub fn conclusion(&self, name: &str) -> Option<Conclusion> {
        self.lock().profiles.get(name).cloned()
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

    /// Forgets an organization with its profiles and sets: another replica leads it from now on.
    pub fn forget(&self, organization: &str, profiles: &[String], sets: &[String]) {
        let mut inner = self.lock();
        inner.organizations.remove(organization);
        inner.profiles.retain(|name, _| !profiles.contains(name));
        inner.levels.retain(|name, _| !profiles.contains(name));
        inner.sets.retain(|name, _| !sets.contains(name));
    }

    /// Forgets objects that are gone. Gives the organizations of profiles that are.
    pub fn retain(
        &self,
        profiles: &BTreeSet<String>,
        sets: &BTreeSet<String>,
        organizations: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let mut inner = self.lock();
        let gone = inner.profiles.extract_if(.., |name, _| !profiles.contains(name));
        let gone = gone.filter_map(|(_, conclusion)| assessed(Some(conclusion)));
        let gone = gone.map(|snapshot| snapshot.organization.clone()).collect();
        inner.sets.retain(|name, _| sets.contains(name));
        inner.organizations.retain(|name, _| organizations.contains(name));
        gone
    }

    /// All profiles that were assessed.
    #[must_use]
    pub fn profiles(&self) -> Vec<(String, Arc<ProfileSnapshot>)> {
        let inner = self.lock();
        let profiles = inner.profiles.iter();
        profiles.filter_map(|(name, found)| Some((name.clone(), assessed(Some(found.clone()))?))).collect()
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

fn assessed(conclusion: Option<Conclusion>) -> Option<Arc<ProfileSnapshot>> {
    match conclusion {
        Some(Conclusion::Assessed(snapshot)) => Some(snapshot),
        Some(Conclusion::NotAssessed) | None => None,
    }
}
