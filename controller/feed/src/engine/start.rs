//! What is due, and how it begins.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use soc2_aws::Role;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::organization::{AccountState, Organization};
use tokio::time::Instant;

use super::apply::{Done, ShardDone};
use super::{ASSOCIATIONS, ASSOCIATIONS_PER_ACCOUNT, CHECKPOINTS, EXPLORE, Engine, HEARTBEAT};
use crate::config::{SourceConfig, SourceRegions};
use crate::lane::at_once;
use crate::reading::associations::{self, Ask};
use crate::reading::pages::Reader;
use crate::reading::poll::Poll;
use crate::reading::shard::Shard;
use crate::reading::survey::{LaneKey, Plan, survey};
use crate::reading::{organization, pages};
use crate::regions::partition;

/// Polls that run at once.
pub(super) const POLLS: usize = 16;
/// The loop never turns faster than this by itself.
const BREATH: Duration = Duration::from_millis(50);
/// Shards in flight, of all lanes.
const SHARDS: usize = 32;

/// Something that runs.
pub(super) enum Job {
    Organization,
    Policies,
    Survey,
    Associations { per_account: bool },
    Poll(LaneKey),
    Signals(LaneKey),
    Confirm(LaneKey),
    Listen(String),
    Shard(LaneKey),
    Save,
}

impl Engine {
    /// Begins everything that is due.
    pub(super) async fn begin_what_is_due(&mut self) {
        if self.known.suspended {
            return;
        }
        self.begin_organization();
        self.begin_policies();
        self.begin_survey();
        self.begin_associations(false);
        self.begin_associations(true);
        self.begin_listening();
        self.begin_confirming();
        self.begin_polls();
        self.begin_signals();
        self.begin_shards().await;
        self.begin_save().await;
    }

    /// When to look again, if nothing happens before.
    pub(super) fn wake(&self) -> Instant {
        let now = Instant::now();
        let latest = now + HEARTBEAT;
        if self.known.suspended {
            return latest;
        }
        let intervals = &self.config.intervals;
        let timers = &self.timers;
        let mut due: Vec<Option<Instant>> = vec![
            timers.organization.due(intervals.organization, now),
            timers.policies.due(intervals.organization, now),
        ];
        if self.can_survey() {
            due.push(timers.survey.due(intervals.organization, now));
            due.push(timers.checkpoint.due(CHECKPOINTS, now).filter(|_| self.unsaved));
        }
        for per_account in [false, true] {
            if self.lanes.values().any(|lane| lane.readable() && lane.record.key.account.is_some() == per_account) {
                due.push(self.association_timer(per_account).due(association_interval(per_account), now));
            }
        }
        for lane in self.lanes.values().filter(|lane| lane.readable()) {
            due.push(lane.poll.due(intervals.findings, now));
            due.extend(lane.wake().filter(|wake| *wake > now).map(Some));
            due.push(lane.sweep_due(intervals.full_sweep).map(|at| {
                let wait = Duration::try_from(at.duration_since(self.now())).unwrap_or(Duration::ZERO);
                // A sweep that is under way is not begun by waking up.
                now + if lane.record.run.is_some() { HEARTBEAT } else { wait }
            }));
        }
        due.extend(self.interested().map(|(_, lane)| lane.signals.timer.due(intervals.findings, now)));
        due.extend(self.ears.values().map(|ear| ear.due(now)));
        // What is due and did not begin waits for something to end.
        let next = due.into_iter().flatten().filter(|due| *due > now || self.jobs.is_empty()).min().unwrap_or(latest);
        next.clamp(now + BREATH, latest)
    }

    pub(super) fn spawn(&mut self, job: Job, work: impl Future<Output = Done> + Send + 'static) {
        let task = self.jobs.spawn(work);
        self.running.insert(task.id(), job);
    }

    fn begin_organization(&mut self) {
        let now = Instant::now();
        if !self.timers.organization.is_due(self.config.intervals.organization, now) {
            return;
        }
        self.timers.organization.begin(now);
        let (directory, clock) = (Arc::clone(&self.directory), Arc::clone(&self.parts.clock));
        let tags = self.config.tags_needed.then(|| self.tags.clone());
        let work = async move { Done::Organization(Box::new(organization::read(directory, clock, tags).await)) };
        self.spawn(Job::Organization, work);
    }

    fn begin_policies(&mut self) {
        let now = Instant::now();
        if !self.timers.policies.is_due(self.config.intervals.organization, now) {
            return;
        }
        self.timers.policies.begin(now);
        let (directory, reader, begun_at) = (Arc::clone(&self.directory), Arc::clone(&self.policies), self.now());
        self.spawn(Job::Policies, async move { Done::Policies(begun_at, reader.lock().await.read(&*directory).await) });
    }

    /// Whether the organization is known well enough to survey its sources.
    pub(super) fn can_survey(&self) -> bool {
        self.candidate.is_none() && self.publisher.read(|world| world.organization.is_some())
    }

    fn begin_survey(&mut self) {
        let now = Instant::now();
        if !self.timers.survey.is_due(self.config.intervals.organization, now) || !self.can_survey() {
            return;
        }
        self.timers.survey.begin(now);
        let explore = self.known.explored.is_none_or(|at| now.duration_since(at) >= EXPLORE);
        if explore {
            self.known.explored = Some(now);
        }
        let plans = self.publisher.read(|world| {
            let organization = world.organization.as_ref();
            organization.map(|organization| self.plans(organization, explore)).unwrap_or_default()
        });
        let (clients, configured) = (Arc::clone(&self.clients), self.configured);
        self.spawn(Job::Survey, async move {
            Done::Survey { configured, began: now, surveyed: survey(plans, clients).await }
        });
    }

    /// The lanes that the configuration asks for.
    fn plans(&self, organization: &Organization, explore: bool) -> Vec<Plan> {
        let required: BTreeSet<Region> = self.config.required_regions.iter().cloned().collect();
        let mut plans = Vec::new();
        for source in &self.config.sources {
            let serves = source.serves.as_ref().map(|serves| serves.accounts(organization));
            let each: Vec<Option<AccountId>> = match &source.per_account {
                None => vec![None],
                Some(_) => {
                    active(organization).filter(|id| serves.as_ref().is_none_or(|s| s.contains(id))).map(Some).collect()
                }
            };
            for (account, region) in
                each.iter().flat_map(|account| source.regions.read().iter().map(move |r| (*account, r)))
            {
                let key = LaneKey { source: source.name.clone(), region: region.clone(), account };
                let before = self.lanes.get(&key).map(|lane| lane.record.hubs.clone()).unwrap_or_default();
                plans.push(Plan {
                    role: role(source, account, region),
                    aggregates: matches!(source.regions, SourceRegions::Home(_)),
                    serves: account.map(|id| BTreeSet::from([id])).or_else(|| serves.clone()),
                    required: required.clone(),
                    explore,
                    before,
                    key,
                });
            }
        }
        plans
    }

    fn association_timer(&self, per_account: bool) -> &crate::timer::Timer {
        if per_account { &self.timers.associations_per_account } else { &self.timers.associations }
    }

    fn begin_associations(&mut self, per_account: bool) {
        let now = Instant::now();
        if !self.association_timer(per_account).is_due(association_interval(per_account), now) {
            return;
        }
        let lanes =
            self.lanes.values().filter(|lane| lane.readable() && lane.record.key.account.is_some() == per_account);
        let asks: Vec<Ask> = lanes
            .flat_map(|lane| {
                let hubs = lane.record.hubs.iter().filter(|reading| reading.hub.error.is_none());
                hubs.map(|reading| Ask {
                    lane: lane.record.key.clone(),
                    region: reading.hub.region.clone(),
                    client: self.clients.hub(lane.role.as_ref(), &reading.hub.region),
                    standards: reading.hub.standards.clone(),
                })
            })
            .collect();
        if asks.is_empty() {
            return;
        }
        let timers = &mut self.timers;
        if per_account { &mut timers.associations_per_account } else { &mut timers.associations }.begin(now);
        let (catalog, controls) = (Arc::clone(&self.parts.catalog), self.config.controls.clone());
        self.spawn(Job::Associations { per_account }, async move {
            Done::Associations(per_account, associations::read(asks, &catalog, &controls).await)
        });
    }

    fn begin_polls(&mut self) {
        let now = Instant::now();
        let running = self.running.values().filter(|job| matches!(job, Job::Poll(_))).count();
        let interval = self.config.intervals.findings;
        let due = self.lanes.iter().filter(|(_, lane)| lane.readable() && lane.poll.is_due(interval, now));
        let due: Vec<LaneKey> = due.map(|(key, _)| key.clone()).take(POLLS.saturating_sub(running)).collect();
        let started_at = self.now();
        for key in due {
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            lane.poll.begin(now);
            let (id, hub) = (lane.id, self.clients.hub(lane.role.as_ref(), &key.region));
            let poll = Poll {
                reader: Reader::new(hub),
                publisher: self.publisher.clone(),
                catalog: Arc::clone(&self.parts.catalog),
                regions: lane.regions(),
                accounts: Arc::clone(&lane.wanted),
                from: lane.increment_from(),
                suppressions: lane.may_list(now),
            };
            let job = Job::Poll(key.clone());
            self.spawn(job, async move { Done::Poll { key, lane: id, started_at, polled: poll.run().await } });
        }
    }

    async fn begin_shards(&mut self) {
        let (now, clock) = (Instant::now(), self.now());
        let mut flying: usize = self.lanes.values().map(|lane| lane.shards).sum();
        let mut begun = Vec::new();
        for (key, lane) in &mut self.lanes {
            // Increments have to begin where a sweep begins, so the mark comes first.
            if !lane.readable() || lane.record.mark.is_none() {
                continue;
            }
            let hub = self.clients.hub(lane.role.as_ref(), &key.region);
            lane.begin_run(self.config.intervals.full_sweep, clock, hub.traffic().throttled);
            let most = at_once(self.config.get_findings_per_second);
            while flying < SHARDS {
                let Some(order) = lane.next_shard(most, now) else { break };
                flying += 1;
                let batch = self.publisher.write(|world| world.index.sweep(&order.accounts)).await;
                let (accounts, regions) = (order.accounts.clone(), lane.regions());
                let shard =
                    Shard { reader: pages::Reader::new(Arc::clone(&hub)), accounts, regions: regions.clone(), batch };
                begun.push((key.clone(), lane.id, order, regions, shard));
            }
        }
        for (key, lane, order, regions, shard) in begun {
            let job = Job::Shard(key.clone());
            self.spawn(job, async move {
                let (result, requests) = shard.sweep().await;
                Done::Shard(Box::new(ShardDone { key, lane, order, regions, result, requests }))
            });
        }
    }
}

fn association_interval(per_account: bool) -> Duration {
    if per_account { ASSOCIATIONS_PER_ACCOUNT } else { ASSOCIATIONS }
}

/// Accounts that can be signed in to.
fn active(organization: &Organization) -> impl Iterator<Item = AccountId> + '_ {
    organization.accounts.iter().filter(|(_, account)| account.state == AccountState::Active).map(|(id, _)| *id)
}

/// The role that reads a source: its own, or that of each account.
pub(super) fn role(source: &SourceConfig, account: Option<AccountId>, region: &str) -> Option<Role> {
    match (&source.per_account, account) {
        (Some(each), Some(account)) => Some(Role {
            arn: format!("arn:{}:iam::{account}:role/{}", partition(region), each.role_name),
            external_id: each.external_id.clone(),
        }),
        _ => source.role.clone(),
    }
}
