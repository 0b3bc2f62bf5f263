//! A feed: a task that keeps one organization's world current, and the handle that steers it.

use std::sync::Arc;

use soc2_aws::{Aws, StateStore};
use soc2_catalog::Catalog;
use soc2_posture::index::FindingIndex;
use soc2_posture::source::Sources;
use soc2_posture::world::World;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::FeedConfig;
use crate::handle::{Publisher, WorldHandle};

/// What a feed works with.
#[derive(Clone)]
pub struct Parts {
    /// Opens clients of AWS.
    pub aws: Arc<dyn Aws>,
    /// Keeps checkpoints.
    pub state: Arc<dyn StateStore>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The controls that are known.
    pub catalog: Arc<Catalog>,
}

/// What a feed can be told.
#[derive(Debug)]
pub(crate) enum Command {
    Configure(Box<FeedConfig>),
    ReadNow,
    ReadPolicies,
    Suspend(bool),
}

/// Reads one organization.
pub struct Feed;

impl Feed {
    /// Starts reading. It ends when `cancel` is, or the handle is shut down or dropped.
    #[must_use]
    pub fn spawn(config: FeedConfig, parts: Parts, cancel: &CancellationToken) -> FeedHandle {
        let cancel = cancel.child_token();
        let index = FindingIndex::new(&parts.catalog);
        let publisher = Publisher::new(World { organization: None, sources: Sources::default(), index });
        let world = publisher.handle();
        let (commands, received) = mpsc::unbounded_channel();
        let task = tokio::spawn(crate::engine::run(config, parts, publisher, received, cancel.clone()));
        FeedHandle { world, commands, cancel, task: Some(task) }
    }
}

/// Steers a feed. Dropping it ends the feed too, but nobody waits for its last checkpoint then.
pub struct FeedHandle {
    world: WorldHandle,
    commands: mpsc::UnboundedSender<Command>,
    cancel: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl FeedHandle {
    /// The world that it keeps.
    #[must_use]
    pub fn world(&self) -> WorldHandle {
        self.world.clone()
    }

    /// The spec changed. What it does not concern stands.
    pub fn update_config(&self, config: FeedConfig) {
        self.tell(Command::Configure(Box::new(config)));
    }

    /// Reads the organization, the policies, what is known of Security Hub and the newest findings at once.
    pub fn request_now(&self) {
        self.tell(Command::ReadNow);
    }

    /// Reads the policies at once: they were written to.
    pub fn request_policies(&self) {
        self.tell(Command::ReadPolicies);
    }

    /// Stops all calls, or goes on.
    pub fn suspend(&self, suspended: bool) {
        self.tell(Command::Suspend(suspended));
    }

    /// Ends the feed, with a last checkpoint.
    pub async fn shutdown(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            // A task that panicked has ended as well; tokio has printed why.
            let _ = task.await;
        }
    }

    fn tell(&self, command: Command) {
        // A feed that has ended has nothing to be told.
        let _ = self.commands.send(command);
    }
}

impl Drop for FeedHandle {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
