//! The loop. One task owns the lanes and decides what is read when; the readings run beside it and hand it what they found.

mod apply;
mod checkpoints;
mod events;
mod report;
mod signals;
mod start;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use soc2_aws::Directory;
use soc2_guardrails::deed::Deed;
use soc2_guardrails::inventory::PolicyInventory;
use soc2_posture::ids::Region;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::checkpoint::Checkpoint;
use crate::config::FeedConfig;
use crate::facts::Reading;
use crate::feed::{Command, Parts};
use crate::handle::Publisher;
use crate::lane::Lane;
use crate::reading::clients::Clients;
use crate::reading::organization::TagBook;
use crate::reading::policies::PolicyReader;
use crate::reading::survey::LaneKey;
use crate::timer::Timer;
use apply::Done;
use events::{Ear, Ears};
use start::Job;

/// How often checkpoints are written, besides after each full sweep.
const CHECKPOINTS: Duration = Duration::from_mins(10);
/// How often it is read which controls are disabled.
const ASSOCIATIONS: Duration = Duration::from_hours(1);
/// The same for sources with a hub per account, of which there may be many.
const ASSOCIATIONS_PER_ACCOUNT: Duration = Duration::from_hours(24);
/// How often Regions are looked for where an aggregator says "all".
const EXPLORE: Duration = Duration::from_hours(1);
/// The loop looks around at least so often.
const HEARTBEAT: Duration = Duration::from_hours(1);

/// Keeps the world current until it is cancelled.
pub(crate) async fn run(
    config: FeedConfig,
    parts: Parts,
    publisher: Publisher,
    mut commands: mpsc::UnboundedReceiver<Command>,
    cancel: CancellationToken,
) {
    let mut engine = Engine::new(config, parts, publisher);
    engine.be_interested().await;
    engine.open_queues();
    tokio::select! {
        () = cancel.cancelled() => return,
        () = engine.load() => {}
    }
    loop {
        engine.begin_what_is_due().await;
        let wake = engine.wake();
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            command = commands.recv() => match command {
                Some(command) => engine.obey(command).await,
                None => break,
            },
            Some(ended) = engine.jobs.join_next_with_id() => engine.ended(ended).await,
            () = sleep_until(wake) => {}
        }
    }
    engine.stop().await;
}

/// What the loop works with.
struct Engine {
    config: FeedConfig,
    /// Counts changes of the configuration: a survey of an older one is dropped.
    configured: u64,
    parts: Parts,
    publisher: Publisher,
    clients: Arc<Clients>,
    directory: Arc<dyn Directory>,
    policies: Arc<Mutex<PolicyReader>>,
    tags: TagBook,
    lanes: BTreeMap<LaneKey, Lane>,
    ears: Ears,
    jobs: JoinSet<Done>,
    running: HashMap<tokio::task::Id, Job>,
    timers: Timers,
    /// Loaded; used once the organization is known to be the same.
    candidate: Option<Box<Checkpoint>>,
    /// Something that a checkpoint keeps has changed.
    unsaved: bool,
    known: Known,
}

/// When what is due.
#[derive(Default)]
struct Timers {
    organization: Timer,
    policies: Timer,
    survey: Timer,
    associations: Timer,
    associations_per_account: Timer,
    checkpoint: Timer,
}

/// What goes into the facts besides the lanes.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Default)]
struct Known {
    organization: Reading,
    policies: Reading,
    inventory: Option<Arc<PolicyInventory>>,
    /// When the newest complete reading of the policies began.
    policies_begun_at: Option<Timestamp>,
    /// What others did to the organization lately, the newest last.
    deeds: Arc<Vec<Deed>>,
    surveyed: bool,
    explored: Option<Instant>,
    restarting: bool,
    /// It was asked which controls are disabled, by this process or the one that wrote the checkpoint.
    controls_read: bool,
    suspended: bool,
    /// Findings in the index by Region, tombstones not counted; `None`: to be counted again.
    findings: Option<BTreeMap<Region, usize>>,
    /// What was logged last of each thing that may fail.
    said: BTreeMap<String, String>,
}

impl Engine {
    fn new(config: FeedConfig, parts: Parts, publisher: Publisher) -> Self {
        let clients = Arc::new(Clients::new(Arc::clone(&parts.aws), config.get_findings_per_second));
        let directory = parts.aws.directory(config.read_role.as_ref());
        Self {
            config,
            configured: 0,
            parts,
            publisher,
            clients,
            directory,
            policies: Arc::default(),
            tags: TagBook::default(),
            lanes: BTreeMap::new(),
            ears: Ears::new(),
            jobs: JoinSet::new(),
            running: HashMap::new(),
            timers: Timers::default(),
            candidate: None,
            unsaved: false,
            known: Known { restarting: true, ..Known::default() },
        }
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Configure(config) => self.configure(*config).await,
            Command::ReadNow => {
                let Timers { organization, policies, survey, .. } = &mut self.timers;
                [organization, policies, survey].into_iter().for_each(Timer::ask);
                for lane in self.lanes.values_mut() {
                    lane.poll.ask();
                    lane.signals.timer.ask();
                }
            }
            Command::ReadPolicies => self.timers.policies.ask(),
            Command::Suspend(suspended) => self.suspend(suspended).await,
        }
    }

    /// Takes a changed configuration over; what it does not concern stands.
    async fn configure(&mut self, config: FeedConfig) {
        let before = std::mem::replace(&mut self.config, config);
        self.configured += 1;
        if before.read_role != self.config.read_role {
            self.directory = self.parts.aws.directory(self.config.read_role.as_ref());
            self.timers.organization.ask();
            self.timers.policies.ask();
        }
        if before.get_findings_per_second != self.config.get_findings_per_second {
            self.clients = Arc::new(Clients::new(Arc::clone(&self.parts.aws), self.config.get_findings_per_second));
        }
        if before.tags_needed != self.config.tags_needed {
            self.timers.organization.ask();
        }
        if before.controls != self.config.controls {
            self.timers.associations.ask();
            self.timers.associations_per_account.ask();
        }
        if before.organization_events != self.config.organization_events {
            self.open_queues();
        }
        if before.sources != self.config.sources || before.required_regions != self.config.required_regions {
            self.known.explored = None;
            self.timers.survey.ask();
            self.drop_lanes().await;
            self.open_queues();
        }
        if before.interests != self.config.interests {
            self.be_interested().await;
        }
        self.publish(crate::handle::Change::default()).await;
    }

    async fn suspend(&mut self, suspended: bool) {
        if suspended == self.known.suspended {
            return;
        }
        self.known.suspended = suspended;
        tracing::info!(organization = %self.config.organization, suspended, "reading was suspended or goes on");
        if suspended {
            self.cut().await;
        }
        self.publish(crate::handle::Change::default()).await;
    }

    /// Cuts off everything that is under way; it is due again.
    async fn cut(&mut self) {
        self.jobs.shutdown().await;
        // A checkpoint that was being written may not have come to its end.
        self.unsaved |= self.running.drain().any(|(_, job)| matches!(job, Job::Save));
        let Timers { organization, policies, survey, associations, associations_per_account, checkpoint } =
            &mut self.timers;
        [organization, policies, survey, associations, associations_per_account, checkpoint]
            .into_iter()
            .for_each(Timer::cut);
        self.lanes.values_mut().for_each(Lane::cut);
        self.ears.values_mut().for_each(Ear::cut);
    }

    async fn stop(&mut self) {
        self.cut().await;
        if self.unsaved {
            self.save_now().await;
        }
    }

    /// Logs an error once, however much cannot be read because of it, and once that it is over.
    fn say(&mut self, what: &str, error: Option<&str>) {
        let (organization, said) = (&self.config.organization, &mut self.known.said);
        let before = said.remove(what);
        if let Some(error) = error {
            if before.as_deref() != Some(error) && !said.values().any(|other| other == error) {
                tracing::warn!(%organization, what, error, "cannot be read");
            }
            said.insert(what.to_owned(), error.to_owned());
        } else if before.is_some_and(|before| !said.values().any(|other| *other == before)) {
            tracing::info!(%organization, what, "can be read again");
        }
    }
}
