//! Whose findings a lane shows, Region by Region, and what a change of that means for what was swept.
//!
//! The findings of an account that is no member are hidden, and increments do not see them change. So what was swept of it
//! says nothing any more, even if it becomes a member again, and a shard that was under way does not count for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use soc2_posture::ids::{AccountId, Region};
use soc2_posture::organization::Organization;
use soc2_posture::source::HubError;
use tokio::time::Instant;

use super::Lane;
use crate::reading::hub::HubReading;
use crate::reading::survey::Surveyed;

impl Lane {
    /// Takes in a survey that began at `began`.
    pub(crate) fn surveyed(&mut self, surveyed: Surveyed, organization: &Organization, began: Instant) {
        let account = |hubs: &[HubReading]| hubs.first().and_then(|home| home.hub.account);
        let (was, is) = (account(&self.record.hubs), account(&surveyed.hubs));
        if was.is_some() && is.is_some() && was != is {
            // Another administrator's hub: nothing that was read through the old one says anything about it.
            *self = Self::new(surveyed.plan.key.clone(), surveyed.plan.role.clone());
        }
        let before = self.shown();
        self.role = surveyed.plan.role;
        self.survey_notes = surveyed.notes;
        self.survey_notes.extend(surveyed.hubs.iter().flat_map(|reading| reading.notes.iter().cloned()));
        self.replace_hubs(surveyed.hubs);
        self.invalidate(&before, began);
        self.serve(organization, surveyed.plan.serves.as_ref());
    }

    /// Which controls are disabled is not part of a survey, and stands.
    fn replace_hubs(&mut self, hubs: Vec<HubReading>) {
        let before = std::mem::replace(&mut self.record.hubs, hubs);
        for reading in &mut self.record.hubs {
            if let Some(before) = before.iter().find(|before| before.hub.region == reading.hub.region) {
                reading.hub.disabled_controls.clone_from(&before.hub.disabled_controls);
            }
        }
    }

    /// Whether an account's findings in the Region of a hub are shown; not when that is unknown.
    pub(super) fn shows(&self, reading: &HubReading, id: AccountId) -> bool {
        let own = reading.hub.account.or(self.record.key.account) == Some(id);
        reading.hub.error.is_none() && (own || reading.hub.members.contains(&id))
    }

    /// By Region the accounts whose findings are shown; a Region of which nobody knows is missing.
    fn shown(&self) -> BTreeMap<Region, BTreeSet<AccountId>> {
        let known = self.record.hubs.iter().filter(|reading| is_known(reading));
        known
            .map(|reading| {
                let own = reading.hub.account.or(self.record.key.account);
                let accounts = reading.hub.members.iter().copied().chain(own).filter(|id| self.shows(reading, *id));
                (reading.hub.region.clone(), accounts.collect())
            })
            .collect()
    }

    /// By Region the accounts whose findings are shown and taken in.
    pub(crate) fn shown_and_wanted(&self) -> BTreeMap<Region, BTreeSet<AccountId>> {
        let mut shown = self.shown();
        for accounts in shown.values_mut() {
            accounts.retain(|id| self.wanted.contains(id));
        }
        shown
    }

    /// What was swept of accounts that are shown differently than before does not count any more.
    ///
    /// Nor does what was swept of others in the same shard meanwhile: when findings vanish from a listing, those behind them
    /// move up, and some are skipped. `began` is when the survey began.
    fn invalidate(&mut self, before: &BTreeMap<Region, BTreeSet<AccountId>>, began: Instant) {
        let now = self.shown();
        let regions = self.regions();
        self.record.swept.retain(|region, _| regions.contains(region));
        for (region, shown) in &now {
            if let Some(swept) = self.record.swept.get_mut(region) {
                swept.retain(|id| shown.contains(id));
            }
        }
        let nobody = BTreeSet::new();
        let regions: BTreeSet<&Region> = before.keys().chain(now.keys()).collect();
        let sides = regions.into_iter().map(|region| (before.get(region), now.get(region).unwrap_or(&nobody)));
        let changed: BTreeSet<AccountId> =
            sides.flat_map(|(before, now)| now.symmetric_difference(before.unwrap_or(&nobody))).copied().collect();
        self.doubt(&changed);
        self.signals.doubt(&mut self.record.signals, &changed);
        self.landed.retain(|(at, _)| *at >= began);
    }

    /// Shards with any of these accounts do not count: those under way, and those that landed since the last survey.
    fn doubt(&mut self, changed: &BTreeSet<AccountId>) {
        let shards: BTreeSet<u64> =
            self.in_flight.iter().filter(|(id, _)| changed.contains(id)).map(|(_, shard)| *shard).collect();
        self.in_flight.retain(|_, shard| !shards.contains(shard));
        for (_, accounts) in self.landed.iter().filter(|(_, accounts)| !accounts.is_disjoint(changed)) {
            for swept in self.record.swept.values_mut() {
                swept.retain(|id| !accounts.contains(id));
            }
        }
    }

    /// Which accounts to read: those that are shown, as far as they are in the organization and served.
    fn serve(&mut self, organization: &Organization, serves: Option<&BTreeSet<AccountId>>) {
        let belongs =
            |id: &AccountId| organization.accounts.contains_key(id) && serves.is_none_or(|serves| serves.contains(id));
        let mut accounts: BTreeSet<AccountId> = self.shown().into_values().flatten().filter(belongs).collect();
        let record = &mut self.record;
        if !record.hubs.iter().all(is_known) {
            // A hub that cannot be read may have members: none leaves because of that.
            accounts.extend(record.accounts.iter().filter(|id| belongs(id)));
        }
        record.departed.extend(record.accounts.difference(&accounts));
        record.departed.retain(|id| belongs(id) && !accounts.contains(id));
        record.accounts = accounts;
        for swept in record.swept.values_mut() {
            swept.retain(|id| record.accounts.contains(id));
        }
        if let Some(run) = &mut record.run {
            run.left.retain(|id| record.accounts.contains(id) || record.departed.contains(id));
        }
        self.held.retain(|id, _| self.record.accounts.contains(id) || self.record.departed.contains(id));
        self.want();
    }

    /// Accounts whose findings are taken in: departed ones too.
    pub(super) fn want(&mut self) {
        self.wanted = Arc::new(self.record.accounts.union(&self.record.departed).copied().collect());
    }
}

/// Whether it is known whose findings a hub shows; of one that is not enabled: nobody's.
fn is_known(reading: &HubReading) -> bool {
    matches!(reading.hub.error, None | Some(HubError::NotEnabled))
}
