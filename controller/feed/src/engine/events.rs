//! Queues of events: which are listened to, and what is read because of what they tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use soc2_aws::{AwsError, EventQueue};
use soc2_guardrails::deed::Deed;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Engine;
use super::apply::Done;
use super::start::Job;
use crate::config::EventsConfig;
use crate::events::{EventCounters, Hears, Listener, Outcome, Scope, changes};
use crate::facts::{EventFacts, ORGANIZATIONS};
use crate::handle::Change;
use crate::lane::next_id;
use crate::reading::pages::Reader;
use crate::reading::poll::{Poll, Polled};
use crate::reading::survey::LaneKey;
use crate::timer::Timer;

/// The longest wait before a queue that could not be read is tried again.
const LISTEN_AGAIN: Duration = Duration::from_mins(1);
/// Most checks of a lane that wait to be read again; the next poll finds the rest.
const MAX_DOUBTS: usize = 1000;

/// Most calls that are remembered, and for how long: what they made is found soon, or never.
const MAX_DEEDS: usize = 1000;
const REMEMBERED: SignedDuration = SignedDuration::from_hours(25);

/// What a queue holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holds {
    /// Findings of a source.
    Findings,
    /// Calls that changed the organization; those of this role are our own.
    Deeds { own_role: Option<String> },
}

/// A queue that is listened to.
pub(super) struct Ear {
    /// Tells it from one that was in its place before.
    id: u64,
    config: EventsConfig,
    holds: Holds,
    queue: Arc<dyn EventQueue>,
    scope: watch::Sender<Scope>,
    counters: Arc<EventCounters>,
    timer: Timer,
    /// It was read at least once.
    heard: bool,
    error: Option<AwsError>,
    cancel: CancellationToken,
    _ends_with_it: DropGuard,
}

impl Ear {
    fn open(config: EventsConfig, holds: Holds, queue: Arc<dyn EventQueue>) -> Self {
        let cancel = CancellationToken::new();
        Self {
            id: next_id(),
            config,
            holds,
            queue,
            scope: watch::Sender::default(),
            counters: Arc::default(),
            timer: Timer::default(),
            heard: false,
            error: None,
            _ends_with_it: cancel.clone().drop_guard(),
            cancel,
        }
    }

    /// What it was doing was cut off.
    pub(super) fn cut(&mut self) {
        self.timer.cut();
    }

    /// When to listen again; `None` while it does, or nothing may be taken in.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.timer.due(Duration::ZERO, now).filter(|_| self.holds != Holds::Findings || !self.scope.borrow().is_empty())
    }

    pub(super) fn fail(&mut self, now: Instant) {
        self.timer.fail(LISTEN_AGAIN, now);
    }
}

impl Engine {
    /// Opens the queues that the configuration names, and closes the others.
    pub(super) fn open_queues(&mut self) {
        let mut before = std::mem::take(&mut self.ears);
        for source in &self.config.sources {
            let Some(config) = &source.events else { continue };
            let kept = before.remove(&source.name).filter(|ear| ear.config == *config);
            let ear = kept.unwrap_or_else(|| {
                let region = source.regions.read().first().map_or("", String::as_str);
                let queue = self.parts.aws.event_queue(config.role.as_ref(), &config.queue_url, region);
                Ear::open(config.clone(), Holds::Findings, queue)
            });
            self.ears.insert(source.name.clone(), ear);
        }
        if let Some(events) = &self.config.organization_events {
            let holds = Holds::Deeds { own_role: events.own_role.clone() };
            let kept = before.remove(ORGANIZATIONS).filter(|ear| ear.config == events.queue && ear.holds == holds);
            let ear = kept.unwrap_or_else(|| {
                // CloudTrail tells of Organizations in this Region only; it is for URLs that do not say.
                let (role, url) = (events.queue.role.as_ref(), &events.queue.queue_url);
                Ear::open(events.queue.clone(), holds, self.parts.aws.event_queue(role, url, "us-east-1"))
            });
            self.ears.insert(ORGANIZATIONS.to_owned(), ear);
        }
    }

    /// Listens to the queues of sources that can be read. Of others nobody knows whose findings to take in: they wait.
    pub(super) fn begin_listening(&mut self) {
        let now = Instant::now();
        let mut begun = Vec::new();
        for (source, ear) in &mut self.ears {
            let scope = Scope::of(self.lanes.values().filter(|lane| lane.record.key.source == *source));
            ear.scope.send_if_modified(|known| {
                let differs = *known != scope;
                *known = scope;
                differs
            });
            if ear.due(now).is_none_or(|due| due > now) {
                continue;
            }
            ear.timer.begin(now);
            let listener = Listener {
                queue: Arc::clone(&ear.queue),
                clock: Arc::clone(&self.parts.clock),
                hears: match &ear.holds {
                    Holds::Deeds { own_role } => Hears::Deeds { own_role: own_role.clone() },
                    Holds::Findings => {
                        Hears::Findings { publisher: self.publisher.clone(), scope: ear.scope.subscribe() }
                    }
                },
                counters: Arc::clone(&ear.counters),
                cancel: ear.cancel.clone(),
                unheard: !ear.heard || ear.error.is_some(),
                source: source.clone(),
            };
            begun.push((source.clone(), ear.id, listener));
        }
        for (source, ear, listener) in begun {
            let job = Job::Listen(source.clone());
            self.spawn(job, async move { Done::Listened { source, ear, outcome: listener.run().await } });
        }
    }

    /// There is something to tell of a queue.
    pub(super) fn listened(&mut self, source: &str, id: u64, outcome: Outcome) -> Change {
        let Some(ear) = self.ears.get_mut(source).filter(|ear| ear.id == id) else { return Change::default() };
        if let Some(error) = outcome.error {
            ear.fail(Instant::now());
            ear.error = Some(error);
        } else {
            ear.timer.succeed();
            if outcome.heard {
                (ear.heard, ear.error) = (true, None);
            }
        }
        let error = ear.error.as_ref().map(|error| error.message.clone());
        self.say(&format!("events of {source}"), error.as_deref());
        self.learn(outcome.deeds);
        for (region, account, control) in outcome.doubtful {
            let lanes = self.lanes.values_mut().filter(|lane| {
                let reads = lane.record.key.source == source && lane.wanted.contains(&account);
                reads && lane.doubts.len() < MAX_DOUBTS && lane.regions().contains(&region)
            });
            for lane in lanes {
                lane.doubts.insert((account, control));
            }
        }
        Change::default()
    }

    /// Remembers what others did, and reads what it may have changed. What was told before is no news.
    fn learn(&mut self, told: Vec<Deed>) {
        let oldest = self.now().saturating_sub(REMEMBERED).unwrap_or_default();
        let mut known: BTreeSet<Deed> = self.known.deeds.iter().cloned().collect();
        let before = known.len();
        for deed in told {
            let (policies, tree) = changes(&deed.call);
            if deed.at > oldest && known.insert(deed) {
                policies.then(|| self.timers.policies.ask());
                tree.then(|| self.timers.organization.ask());
            }
        }
        if known.len() == before {
            return;
        }
        let more = known.len().saturating_sub(MAX_DEEDS);
        // In order of time.
        self.known.deeds = Arc::new(known.into_iter().filter(|deed| deed.at > oldest).skip(more).collect());
    }

    /// Reads again what events made doubtful.
    pub(super) fn begin_confirming(&mut self) {
        let mut begun = Vec::new();
        for (key, lane) in &mut self.lanes {
            if lane.confirming || lane.doubts.is_empty() || !lane.readable() {
                continue;
            }
            lane.confirming = true;
            let poll = Poll {
                reader: Reader::new(self.clients.hub(lane.role.as_ref(), &key.region)),
                publisher: self.publisher.clone(),
                catalog: Arc::clone(&self.parts.catalog),
                regions: lane.regions(),
                accounts: Arc::clone(&lane.wanted),
                from: None,
                suppressions: false,
            };
            begun.push((key.clone(), lane.id, std::mem::take(&mut lane.doubts), poll));
        }
        for (key, lane, doubts, poll) in begun {
            let job = Job::Confirm(key.clone());
            self.spawn(job, async move { Done::Confirmed { key, lane, polled: poll.confirm(&doubts).await } });
        }
    }

    /// What was doubtful was read again; if not, the next poll does it.
    pub(super) fn confirmed(&mut self, key: &LaneKey, id: u64, polled: Polled) -> Change {
        let Some(lane) = self.lanes.get_mut(key).filter(|lane| lane.id == id) else { return Change::default() };
        lane.confirming = false;
        lane.unattributable(polled.unattributable);
        let error = polled.error.map(|error| error.message);
        self.say(&format!("what events of {} made doubtful", key.source), error.as_deref());
        Change::default()
    }

    pub(super) fn event_facts(&self) -> Vec<EventFacts> {
        let fact = |(source, ear): (&String, &Ear)| EventFacts {
            source: source.clone(),
            queue_url: ear.config.queue_url.clone(),
            heard: ear.heard,
            error: ear.error.clone(),
            counters: Arc::clone(&ear.counters),
        };
        self.ears.iter().map(fact).collect()
    }
}

/// Queues by source.
pub(super) type Ears = BTreeMap<String, Ear>;
