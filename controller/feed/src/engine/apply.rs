//! What becomes of a reading that ended.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use soc2_aws::AwsError;
use soc2_guardrails::inventory::PolicyInventory;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::organization::Organization;
use soc2_posture::source::HubError;
use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::Engine;
use super::signals::SignalsDone;
use super::start::Job;
use crate::events::Outcome;
use crate::facts::{Reading, SweepFacts};
use crate::handle::{Accounts, Change};
use crate::lane::{Lane, Order, at_once};
use crate::reading::associations::Answer;
use crate::reading::hub::hub_error;
use crate::reading::organization::TagBook;
use crate::reading::poll::Polled;
use crate::reading::shard::Swept;
use crate::reading::survey::{LaneKey, Surveyed};

/// A sweep that takes longer says how far it is.
const LONG: SignedDuration = SignedDuration::from_mins(1);

/// A reading that ended, with what it found.
pub(super) enum Done {
    Organization(Box<Result<(Organization, Option<TagBook>), AwsError>>),
    Policies(Timestamp, Result<PolicyInventory, AwsError>),
    Survey { configured: u64, began: Instant, surveyed: Vec<Surveyed> },
    Associations(bool, Vec<Answer>),
    Poll { key: LaneKey, lane: u64, started_at: Timestamp, polled: Polled },
    Signals(Box<SignalsDone>),
    Confirmed { key: LaneKey, lane: u64, polled: Polled },
    Listened { source: String, ear: u64, outcome: Outcome },
    Shard(Box<ShardDone>),
    Saved(io::Result<()>),
}

/// A shard that was read, or not.
pub(super) struct ShardDone {
    pub(super) key: LaneKey,
    pub(super) lane: u64,
    pub(super) order: Order,
    pub(super) regions: BTreeSet<Region>,
    pub(super) result: Result<Swept, AwsError>,
    pub(super) requests: u64,
}

impl Engine {
    /// Takes in what a job found, and others that ended meanwhile, and publishes it all at once.
    pub(super) async fn ended(&mut self, ended: Result<(Id, Done), JoinError>) {
        let mut change = Change::default();
        let mut next = Some(ended);
        while let Some(ended) = next {
            change.merge(self.ended_one(ended).await);
            next = self.jobs.try_join_next_with_id();
        }
        self.publish(change).await;
    }

    async fn ended_one(&mut self, ended: Result<(Id, Done), JoinError>) -> Change {
        match ended {
            Ok((id, done)) => {
                self.running.remove(&id);
                self.apply(done).await
            }
            Err(error) => {
                let job = self.running.remove(&error.id());
                tracing::error!(organization = %self.config.organization, %error, "a reading broke off; it is done again");
                job.map_or_else(Change::default, |job| self.broke(&job))
            }
        }
    }

    async fn apply(&mut self, done: Done) -> Change {
        match done {
            Done::Organization(result) => self.organization(*result).await,
            Done::Policies(begun_at, result) => self.policies(begun_at, result),
            Done::Survey { configured, began, surveyed } => self.surveyed(configured, began, surveyed).await,
            Done::Associations(per_account, answers) => self.associations(per_account, answers),
            Done::Poll { key, lane, started_at, polled } => self.polled(&key, lane, started_at, polled),
            Done::Signals(done) => self.signals(*done),
            Done::Confirmed { key, lane, polled } => self.confirmed(&key, lane, polled),
            Done::Listened { source, ear, outcome } => self.listened(&source, ear, outcome),
            Done::Shard(done) => self.shard(*done).await,
            Done::Saved(result) => self.saved(result),
        }
    }

    /// A job panicked: as if it had failed.
    fn broke(&mut self, job: &Job) -> Change {
        let (now, intervals) = (Instant::now(), self.config.intervals);
        let timers = &mut self.timers;
        match job {
            Job::Organization => timers.organization.fail(intervals.organization, now),
            Job::Policies => timers.policies.fail(intervals.organization, now),
            Job::Survey => timers.survey.fail(intervals.organization, now),
            Job::Associations { per_account: false } => timers.associations.fail(super::ASSOCIATIONS, now),
            Job::Associations { per_account: true } => timers.associations_per_account.fail(super::ASSOCIATIONS, now),
            Job::Save => timers.checkpoint.fail(super::CHECKPOINTS, now),
            Job::Poll(key) => {
                if let Some(lane) = self.lanes.get_mut(key) {
                    lane.poll.fail(intervals.findings, now);
                }
            }
            Job::Signals(key) => {
                if let Some(lane) = self.lanes.get_mut(key) {
                    lane.signals.timer.fail(intervals.findings, now);
                }
            }
            Job::Confirm(key) => {
                if let Some(lane) = self.lanes.get_mut(key) {
                    lane.confirming = false;
                }
            }
            Job::Listen(source) => {
                if let Some(ear) = self.ears.get_mut(source) {
                    ear.fail(now);
                }
            }
            // Which of the lane's shards it was is not known: they are all taken for cut off, and read again.
            Job::Shard(key) => {
                if let Some(lane) = self.lanes.get_mut(key) {
                    lane.broke(now);
                }
            }
        }
        Change::default()
    }

    async fn organization(&mut self, result: Result<(Organization, Option<TagBook>), AwsError>) -> Change {
        let now = Instant::now();
        self.say("organization", result.as_ref().err().map(|error| error.message.as_str()));
        let (organization, tags) = match result {
            Ok(read) => read,
            Err(error) => {
                self.timers.organization.fail(self.config.intervals.organization, now);
                self.known.organization.error = Some(error);
                return Change::default();
            }
        };
        self.timers.organization.succeed();
        self.known.organization = Reading { read_at: Some(organization.read_at), error: None };
        self.unsaved = true;
        if let Some(tags) = tags {
            self.tags = tags;
        }
        let mut accounts = self.adopt(&organization).await;
        let before = self.publisher.read(|world| world.organization.clone());
        if before.as_ref().is_some_and(|before| before.id != organization.id) {
            tracing::warn!(organization = %self.config.organization, id = %organization.id, "this is another organization now: everything is read again");
            self.forget_everything().await;
            accounts = Accounts::All;
        }
        let differs = before.as_ref().is_none_or(|before| before.accounts.keys().ne(organization.accounts.keys()));
        accounts.merge(what_differs(before.as_ref(), &organization));
        if differs || !self.config.sources.iter().all(|source| source.serves.is_none()) && !accounts.is_empty() {
            self.timers.survey.ask();
        }
        self.publisher.write(|world| world.organization = Some(organization)).await;
        Change { accounts, ..Change::default() }
    }

    fn policies(&mut self, begun_at: Timestamp, result: Result<PolicyInventory, AwsError>) -> Change {
        self.say("policies", result.as_ref().err().map(|error| error.message.as_str()));
        match result {
            Ok(inventory) => {
                self.timers.policies.succeed();
                self.known.policies = Reading { read_at: Some(self.now()), error: None };
                self.known.policies_begun_at = Some(begun_at);
                let policies = self.known.inventory.as_deref() != Some(&inventory);
                if policies {
                    self.known.inventory = Some(Arc::new(inventory));
                }
                Change { policies, ..Change::default() }
            }
            Err(error) => {
                self.timers.policies.fail(self.config.intervals.organization, Instant::now());
                self.known.policies.error = Some(error);
                Change::default()
            }
        }
    }

    async fn surveyed(&mut self, configured: u64, began: Instant, surveyed: Vec<Surveyed>) -> Change {
        let organization = self.publisher.read(|world| world.organization.clone());
        let Some(organization) = organization.filter(|_| configured == self.configured) else {
            self.timers.survey.succeed();
            self.timers.survey.ask();
            return Change::default();
        };
        // What nobody has to change something for is tried again soon.
        let soon = surveyed.iter().flat_map(|surveyed| &surveyed.hubs).filter_map(|reading| reading.error.as_ref());
        let soon = soon.filter(|error| matches!(hub_error(error), HubError::NotRead(_))).count() > 0;
        let before = self.coverage();
        let mut lanes = std::mem::take(&mut self.lanes);
        for surveyed in surveyed {
            let key = surveyed.plan.key.clone();
            let lane = lanes.remove(&key).unwrap_or_else(|| Lane::new(key.clone(), surveyed.plan.role.clone()));
            let lane = self.lanes.entry(key).or_insert(lane);
            lane.surveyed(surveyed, &organization, began);
        }
        self.forget(before).await;
        let clock = self.now();
        for key in self.lanes.keys().cloned().collect::<Vec<_>>() {
            self.say_survey(&key);
            self.progress(&key, clock);
        }
        self.clients.retain(|role, region| {
            self.lanes.values().any(|lane| lane.role.as_ref() == role && lane.regions().contains(region))
        });
        if soon {
            self.timers.survey.fail(self.config.intervals.organization, Instant::now());
        } else {
            self.timers.survey.succeed();
        }
        (self.known.surveyed, self.unsaved) = (true, true);
        Change::default()
    }

    fn associations(&mut self, per_account: bool, answers: Vec<Answer>) -> Change {
        let timers = &mut self.timers;
        if per_account { &mut timers.associations_per_account } else { &mut timers.associations }.succeed();
        for Answer { lane, region, disabled } in answers {
            let Some(lane) = self.lanes.get_mut(&lane) else { continue };
            match disabled {
                Ok(disabled) => lane.disabled(&region, &disabled),
                // Nothing passes because of that, and the hour's next reading may do better.
                Err(error) => lane.disabled_unknown(&region, &error),
            }
        }
        Change::default()
    }

    fn polled(&mut self, key: &LaneKey, id: u64, started_at: Timestamp, polled: Polled) -> Change {
        let (now, clock) = (Instant::now(), self.now());
        let Some(lane) = self.lanes.get_mut(key).filter(|lane| lane.id == id) else { return Change::default() };
        if polled.read {
            lane.advance(polled.newest, clock);
        }
        lane.unattributable(polled.unattributable);
        match &polled.error {
            None => {
                lane.poll.succeed();
                lane.listed(polled.listing, now);
                if lane.unswept().is_empty() {
                    lane.record.complete_at = lane.record.complete_at.max(Some(started_at));
                }
            }
            Some(_) => lane.poll.fail(self.config.intervals.findings, now),
        }
        lane.poll_error = polled.error;
        self.unsaved = true;
        // What events changed meanwhile is counted with the polls, not one by one.
        if polled.changed || !self.ears.is_empty() {
            self.known.findings = None;
        }
        self.say_lane(key);
        Change::default()
    }

    async fn shard(&mut self, done: ShardDone) -> Change {
        let ShardDone { key, lane: id, order, regions, result, requests } = done;
        let clock = self.now();
        let Some(lane) = self.lanes.get_mut(&key).filter(|lane| lane.id == id) else { return Change::default() };
        let counted = lane.shard_ended(&order);
        if let Some(run) = lane.record.run.as_mut().filter(|_| order.of_run) {
            run.requests += requests;
        }
        let swept = match result {
            Ok(swept) => swept,
            Err(error) => {
                lane.shard_failed(&counted, error, Instant::now());
                self.say_lane(&key);
                return Change::default();
            }
        };
        let changes = self.publisher.change(|world| world.index.install(&counted, &regions, swept.batch)).await;
        (self.known.findings, self.unsaved) = (None, true);
        let Some(lane) = self.lanes.get_mut(&key) else { return Change::default() };
        lane.shard_done(&counted, order.of_run, &regions, &swept.seen);
        lane.unattributable(changes.unattributable.into_iter().next_back());
        self.progress(&key, clock);
        self.say_lane(&key);
        Change::default()
    }

    /// Logs how far a full sweep is, and ends it when nothing is left.
    fn progress(&mut self, key: &LaneKey, now: Timestamp) {
        let most = at_once(self.config.get_findings_per_second);
        let Some(lane) = self.lanes.get_mut(key) else { return };
        let throttled = self.clients.hub(lane.role.as_ref(), &key.region).traffic().throttled;
        let Some((done, all)) = lane.progress(most) else { return };
        let Some(run) = &mut lane.record.run else { return };
        let tenths = 10 * done / all.max(1);
        let long = now.duration_since(run.started_at) > LONG;
        if tenths > run.logged && long && all > 1 {
            run.logged = tenths;
            tracing::info!(source = %key.source, region = %key.region, shards = all, done, "full sweep");
        }
        if !run.left.is_empty() {
            return;
        }
        let throttled = throttled.saturating_sub(run.throttled_before);
        let facts = SweepFacts { started_at: run.started_at, completed_at: now, requests: run.requests, throttled };
        let SweepFacts { started_at, requests, .. } = facts;
        if key.account.is_none() {
            tracing::info!(source = %key.source, region = %key.region, requests, throttled, %started_at, "full sweep is complete");
        }
        let unattributable = run.unattributable;
        let record = &mut lane.record;
        record.complete_at = record.complete_at.max(Some(started_at));
        if !unattributable {
            record.unattributed = None;
        }
        (record.last_sweep, record.run) = (Some(facts), None);
        self.timers.checkpoint.ask();
    }

    /// Which accounts are read in which Region.
    pub(super) fn coverage(&self) -> BTreeMap<Region, BTreeSet<AccountId>> {
        let mut coverage: BTreeMap<Region, BTreeSet<AccountId>> = BTreeMap::new();
        for lane in self.lanes.values() {
            for region in lane.regions() {
                coverage.entry(region).or_default().extend(lane.wanted.iter());
            }
        }
        coverage
    }

    /// Drops findings that nothing reads any more, given what was covered before: they would stand for ever.
    pub(super) async fn forget(&mut self, before: BTreeMap<Region, BTreeSet<AccountId>>) {
        let now = self.coverage();
        for (region, accounts) in before {
            let kept = now.get(&region);
            let gone: BTreeSet<AccountId> =
                accounts.into_iter().filter(|id| kept.is_none_or(|kept| !kept.contains(id))).collect();
            if !gone.is_empty() {
                self.known.findings = None;
                let regions = BTreeSet::from([region]);
                self.publisher
                    .change(|world| {
                        let nothing = world.index.sweep(&gone);
                        world.index.install(&gone, &regions, nothing)
                    })
                    .await;
                self.publisher.change(|world| world.index.forget_signals(&gone, &regions)).await;
            }
        }
        let kept: BTreeSet<AccountId> = now.into_values().flatten().collect();
        self.publisher.write(|world| world.index.retain_accounts(&kept)).await;
    }
}

/// Accounts that two readings show differently; all, when something above them differs.
fn what_differs(before: Option<&Organization>, now: &Organization) -> Accounts {
    let Some(before) = before else { return Accounts::All };
    let above = |organization: &Organization| {
        (organization.root.clone(), organization.management_account, organization.scp_enabled)
    };
    if above(before) != above(now) || before.units != now.units {
        return Accounts::All;
    }
    let ids = before.accounts.keys().chain(now.accounts.keys());
    ids.filter(|id| before.accounts.get(id) != now.accounts.get(id)).copied().collect::<BTreeSet<_>>().into()
}
