//! What readers see of the lanes: the sources of the world, and the facts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use soc2_posture::ids::{AccountId, Region};
use soc2_posture::index::Status;
use soc2_posture::interest::Interest;
use soc2_posture::source::{HubError, HubRegion, SignalReading, Sources};

use super::Engine;
use crate::config::SourceConfig;
use crate::facts::{FeedFacts, RegionFacts};
use crate::handle::{Accounts, Change};
use crate::lane::{Lane, at_once};
use crate::reading::survey::LaneKey;

/// Most notes of a source in a Region.
const MAX_NOTES: usize = 20;

impl Engine {
    /// Puts sources and facts as they are now where readers see them, and tells what changed.
    pub(super) async fn publish(&mut self, mut change: Change) {
        self.settle_restart();
        if !self.known.controls_read && self.controls_read() {
            self.known.controls_read = true;
            // Whoever begins from the one before would wait for it again.
            self.timers.checkpoint.ask();
        }
        let sources = self.sources();
        let differs = self.publisher.read(|world| {
            change.accounts.merge(sources_differ(&world.sources, &sources));
            world.sources != sources
        });
        if differs {
            self.publisher.write(|world| world.sources = sources).await;
        }
        let before = self.publisher.handle().facts();
        let facts = self.facts(&before);
        change.facts |= !same_but_for_times(&before, &facts);
        self.publisher.set_facts(facts);
        self.publisher.announce(change);
    }

    /// A restart without a checkpoint is over when everything that can be read is swept.
    fn settle_restart(&mut self) {
        let known = &self.known;
        if !known.restarting || !known.surveyed || known.organization.read_at.is_none() {
            return;
        }
        if self.lanes.values().filter(|lane| hopeful(lane)).all(|lane| lane.readable() && lane.unswept().is_empty()) {
            tracing::info!(organization = %self.config.organization, "everything that can be read is read");
            self.known.restarting = false;
        }
    }

    fn sources(&self) -> Sources {
        let mut unattributed = BTreeMap::new();
        for lane in self.lanes.values() {
            let key = (lane.record.key.source.clone(), lane.record.key.region.clone());
            unattributed.extend(lane.record.unattributed.clone().map(|message| (key, message)));
        }
        Sources { regions: self.lanes.values().flat_map(Lane::hub_regions).collect(), unattributed }
    }

    fn facts(&mut self, before: &FeedFacts) -> FeedFacts {
        let findings = self.findings();
        let regions =
            self.config.sources.iter().flat_map(|source| {
                source.regions.read().iter().map(|region| self.region_facts(source, region, &findings))
            });
        let regions = regions.collect();
        self.known.findings = Some(findings);
        let swept = self.swept();
        FeedFacts {
            organization: self.known.organization.clone(),
            policies: self.known.policies.clone(),
            inventory: self.known.inventory.clone(),
            policies_begun_at: self.known.policies_begun_at,
            regions,
            events: self.event_facts(),
            deeds: Arc::clone(&self.known.deeds),
            restarting: self.known.restarting,
            controls_read: self.known.controls_read,
            swept: if *before.swept == swept { Arc::clone(&before.swept) } else { Arc::new(swept) },
            read_once: before.read_once || self.is_read_once(),
            suspended: self.known.suspended,
        }
    }

    /// Whether nothing that can be read is still to be read for the first time.
    fn is_read_once(&self) -> bool {
        let known = &self.known;
        let timers = &self.timers;
        known.surveyed
            && !known.restarting
            && timers.policies.was_done()
            && self.controls_read()
            && (timers.associations_per_account.was_done() || !self.any_readable(true))
            && self.lanes.values().all(|lane| lane.poll.was_done() || !lane.readable())
            && self.interested().all(|(_, lane)| lane.signals.timer.was_done())
    }

    /// Whether it was asked which controls are disabled; not where each account has to be asked, which takes days.
    fn controls_read(&self) -> bool {
        self.timers.associations.was_done() || self.known.surveyed && !self.any_readable(false)
    }

    fn any_readable(&self, per_account: bool) -> bool {
        self.lanes.values().any(|lane| lane.readable() && lane.record.key.account.is_some() == per_account)
    }

    /// Findings in the index by Region.
    fn findings(&mut self) -> BTreeMap<Region, usize> {
        self.known.findings.take().unwrap_or_else(|| {
            let mut findings = BTreeMap::new();
            for ((region, status), count) in self.publisher.read(|world| world.index.count()) {
                if status != Status::Archived {
                    *findings.entry(region).or_default() += usize::try_from(count).unwrap_or(usize::MAX);
                }
            }
            findings
        })
    }

    /// Accounts that are swept in everything that reads them and may be read.
    fn swept(&self) -> BTreeSet<AccountId> {
        let mut swept = self.covered();
        for lane in self.lanes.values().filter(|lane| hopeful(lane)) {
            for id in lane.unswept() {
                swept.remove(&id);
            }
        }
        swept
    }

    fn region_facts(&self, source: &SourceConfig, region: &Region, findings: &BTreeMap<Region, usize>) -> RegionFacts {
        let of_it = |lane: &&Lane| lane.record.key.source == source.name && lane.record.key.region == *region;
        let lanes: Vec<&Lane> = self.lanes.values().filter(of_it).collect();
        let regions: BTreeSet<Region> = lanes.iter().flat_map(|lane| lane.regions()).collect();
        let sweeps = lanes.iter().filter_map(|lane| lane.record.last_sweep);
        let mut facts = RegionFacts {
            source: source.name.clone(),
            region: region.clone(),
            findings: regions.iter().filter_map(|region| findings.get(region)).sum(),
            linked_regions: regions.into_iter().filter(|linked| linked != region).collect(),
            last_full_sweep: sweeps.max_by_key(|sweep| sweep.completed_at),
            complete_at: lanes.iter().map(|lane| lane.record.complete_at).min().flatten(),
            ..RegionFacts::default()
        };
        for lane in &lanes {
            self.tally(lane, &mut facts);
        }
        facts.standards.sort();
        facts.standards.dedup();
        facts.notes.sort();
        facts.notes.dedup();
        facts.notes.truncate(MAX_NOTES);
        if source.per_account.is_some() {
            facts.account = None;
            facts.members = lanes.iter().filter(|lane| lane.readable()).count();
        }
        facts
    }

    /// Adds a lane to the facts of its Region.
    fn tally(&self, lane: &Lane, facts: &mut RegionFacts) {
        let most = at_once(self.config.get_findings_per_second);
        let (all, complete) = lane.shard_counts(most);
        (facts.shards, facts.shards_complete) = (facts.shards + all, facts.shards_complete + complete);
        if let Some((done, all)) = lane.progress(most) {
            let (before, total) = facts.running.unwrap_or_default();
            facts.running = Some((before + done, total + all));
        }
        if let Some(home) = lane.record.hubs.first() {
            facts.account = home.hub.account;
            facts.members += home.hub.members.len();
            facts.standards.extend(home.standards.iter().cloned());
            let consolidated = home.hub.consolidated && facts.consolidated.unwrap_or(true);
            facts.consolidated = if home.hub.error.is_none() { Some(consolidated) } else { facts.consolidated };
        }
        facts.notes.extend(lane.notes());
        if let Some(error) = lane.trouble() {
            facts.accounts_with_error += usize::from(lane.record.key.account.is_some());
            facts.error.get_or_insert(error);
        }
    }

    /// Logs once that a hub cannot be read, and once that it can again.
    pub(super) fn say_survey(&mut self, key: &LaneKey) {
        let Some(lane) = self.lanes.get(key) else { return };
        let account = key.account.map(|id| format!(" of {id}")).unwrap_or_default();
        let readings = lane.record.hubs.iter().map(|reading| {
            let what = format!("Security Hub of {} in {}{account}", key.source, reading.hub.region);
            (what, reading.error.as_ref().map(|error| error.message.clone()))
        });
        for (what, error) in readings.collect::<Vec<_>>() {
            self.say(&what, error.as_deref());
        }
    }

    /// Logs once that findings of a lane cannot be read, and once that it can again.
    pub(super) fn say_lane(&mut self, key: &LaneKey) {
        let Some(lane) = self.lanes.get(key) else { return };
        let error = lane.error().map(|error| error.message.clone());
        let account = key.account.map(|id| format!(" of {id}")).unwrap_or_default();
        self.say(&format!("findings of {} in {}{account}", key.source, key.region), error.as_deref());
    }
}

/// Whether a lane can be read, or may be soon without anybody changing something.
fn hopeful(lane: &Lane) -> bool {
    let hubs = lane.hub_regions().next().and_then(|home| home.error);
    matches!(hubs, None | Some(HubError::NotRead(_)))
}

/// Accounts that two states of the sources show differently. That a reading is newer is no difference.
fn sources_differ(before: &Sources, now: &Sources) -> Accounts {
    let key = |hub: &HubRegion| (hub.source.clone(), hub.read_through.clone(), hub.region.clone());
    let same_places = before.regions.iter().map(key).eq(now.regions.iter().map(key));
    if !same_places || before.unattributed != now.unattributed {
        return Accounts::All;
    }
    let mut accounts = Accounts::default();
    for (before, now) in before.regions.iter().zip(&now.regions) {
        let of_accounts = |hub: &HubRegion| HubRegion {
            members: BTreeSet::new(),
            swept: BTreeSet::new(),
            complete_at: None,
            signals: Vec::new(),
            ..hub.clone()
        };
        if of_accounts(before) != of_accounts(now) {
            accounts.merge(
                before.serves.clone().filter(|_| before.serves == now.serves).map_or(Accounts::All, Accounts::Some),
            );
            continue;
        }
        let members = before.members.symmetric_difference(&now.members);
        let swept = before.swept.symmetric_difference(&now.swept);
        accounts.merge(members.chain(swept).copied().collect::<BTreeSet<AccountId>>().into());
        accounts.merge(signals_differ(before, now));
    }
    accounts
}

/// Accounts of which other findings of other products are known than before.
fn signals_differ(before: &HubRegion, now: &HubRegion) -> Accounts {
    let interests = |hub: &HubRegion| -> Vec<Interest> {
        let mut interests: Vec<Interest> = hub.signals.iter().map(|reading| reading.interest.clone()).collect();
        interests.sort();
        interests
    };
    if interests(before) != interests(now) {
        return now.serves.clone().map_or(Accounts::All, Accounts::Some);
    }
    let of_reading = |reading: &'_ SignalReading| {
        let interest = reading.interest.clone();
        reading.missing.iter().map(|id| (interest.clone(), *id)).collect::<Vec<_>>()
    };
    let missing = |hub: &HubRegion| -> BTreeSet<_> { hub.signals.iter().flat_map(of_reading).collect() };
    let (before, now) = (missing(before), missing(now));
    before.symmetric_difference(&now).map(|(_, id)| *id).collect::<BTreeSet<AccountId>>().into()
}

/// Whether two states of the facts differ in nothing but when something was read.
fn same_but_for_times(before: &FeedFacts, now: &FeedFacts) -> bool {
    let timeless = |regions: &[RegionFacts]| -> Vec<RegionFacts> {
        regions.iter().map(|region| RegionFacts { complete_at: None, ..region.clone() }).collect()
    };
    before.organization.error == now.organization.error
        && before.organization.read_at.is_some() == now.organization.read_at.is_some()
        && before.policies.error == now.policies.error
        && before.policies.read_at.is_some() == now.policies.read_at.is_some()
        && timeless(&before.regions) == timeless(&now.regions)
        && before.events == now.events
        && before.deeds == now.deeds
        && (before.restarting, before.suspended) == (now.restarting, now.suspended)
        && before.controls_read == now.controls_read
        && before.swept == now.swept
}
