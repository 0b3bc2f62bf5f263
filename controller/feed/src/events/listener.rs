//! Takes in the messages of one queue until there is something to tell.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use soc2_aws::{AwsError, EventQueue, QueueMessage};
use soc2_catalog::ControlIx;
use soc2_guardrails::deed::Deed;
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::counters::EventCounters;
use super::deed;
use super::envelope::{self, Poison};
use super::scope::Scope;
use crate::clock::Clock;
use crate::handle::Publisher;

/// Poison that nobody takes away comes again and again, at worst without a pause.
const AFTER_POISON: Duration = Duration::from_secs(1);

/// Listens to one queue.
pub(crate) struct Listener {
    pub(crate) queue: Arc<dyn EventQueue>,
    pub(crate) clock: Arc<dyn Clock>,
    /// What its messages are, and what becomes of them.
    pub(crate) hears: Hears,
    pub(crate) counters: Arc<EventCounters>,
    pub(crate) cancel: CancellationToken,
    /// Nobody knows yet that the queue can be read: tell so after the first time.
    pub(crate) unheard: bool,
    /// For the log.
    pub(crate) source: String,
}

/// What the messages of a queue are.
pub(crate) enum Hears {
    /// Findings, which go into the index.
    Findings {
        publisher: Publisher,
        /// Whose findings are taken in.
        scope: watch::Receiver<Scope>,
    },
    /// Calls that changed the organization, which are told.
    Deeds {
        /// The role whose calls are our own.
        own_role: Option<String>,
    },
}

/// What there is to tell.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Why the queue cannot be read, if so.
    pub(crate) error: Option<AwsError>,
    /// The queue was read.
    pub(crate) heard: bool,
    /// Checks to read again.
    pub(crate) doubtful: BTreeSet<(Region, AccountId, ControlIx)>,
    /// What others did to the organization.
    pub(crate) deeds: Vec<Deed>,
}

impl Outcome {
    fn failed(error: AwsError) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}

/// What became of the messages of one receive.
#[derive(Default)]
struct Round {
    /// Receipts of those that were taken in.
    taken: Vec<String>,
    doubtful: BTreeSet<(Region, AccountId, ControlIx)>,
    deeds: Vec<Deed>,
    /// There was nothing but poison that was there before.
    stale: bool,
}

impl Listener {
    /// Listens until the queue cannot be read, something is doubtful, the queue was read for the first time, or nobody may
    /// listen any more. What was taken in is deleted by then, or comes again.
    pub(crate) async fn run(mut self) -> Outcome {
        let cancel = self.cancel.clone();
        tokio::select! {
            () = cancel.cancelled() => Outcome::default(),
            outcome = self.listen() => outcome,
        }
    }

    async fn listen(&mut self) -> Outcome {
        let mut taken = Vec::new();
        loop {
            if self.hears_nobody() {
                return Outcome::default();
            }
            // Deleting and waiting for more go side by side.
            let (deleted, received) = tokio::join!(self.delete(std::mem::take(&mut taken)), self.queue.receive());
            let messages = match received {
                Ok(messages) => messages,
                Err(error) => return Outcome::failed(error),
            };
            let round = self.take(messages).await;
            taken = round.taken;
            if let Err(error) = deleted {
                return Outcome::failed(error);
            }
            if self.unheard || !round.doubtful.is_empty() || !round.deeds.is_empty() {
                let error = self.delete(taken).await.err();
                return Outcome { heard: error.is_none(), error, doubtful: round.doubtful, deeds: round.deeds };
            }
            if round.stale {
                tokio::time::sleep(AFTER_POISON).await;
            }
        }
    }

    /// Whose messages they are is not known just now: they wait.
    fn hears_nobody(&self) -> bool {
        matches!(&self.hears, Hears::Findings { scope, .. } if scope.borrow().is_empty())
    }

    /// Takes messages in.
    async fn take(&self, messages: Vec<QueueMessage>) -> Round {
        self.counters.receive(messages.len());
        if messages.is_empty() {
            return Round::default();
        }
        match &self.hears {
            Hears::Findings { publisher, scope } => {
                let scope = scope.borrow().clone();
                self.take_findings(messages, publisher, &scope).await
            }
            Hears::Deeds { own_role } => {
                let now = self.clock.now();
                let (read, taken, stale) = self.read(messages, |body| deed::read(body, own_role.as_deref(), now));
                Round { taken, deeds: read.into_iter().flatten().collect(), stale, ..Round::default() }
            }
        }
    }

    async fn take_findings(&self, messages: Vec<QueueMessage>, publisher: &Publisher, scope: &Scope) -> Round {
        // Whose findings they are is not known just now: they come again.
        if scope.is_empty() {
            return Round::default();
        }
        let now = self.clock.now();
        let (read, taken, stale) = self.read(messages, |body| envelope::findings(body, now));
        let told: Vec<Finding> = read.into_iter().flatten().filter(|finding| scope.covers(finding)).collect();
        Round { doubtful: hear(publisher, &told, scope.read_until).await, taken, stale, ..Round::default() }
    }

    /// What the messages say, the receipts of those that say something, and whether there was nothing but poison that was there
    /// before.
    fn read<T>(
        &self,
        messages: Vec<QueueMessage>,
        read: impl Fn(&str) -> Result<T, Poison>,
    ) -> (Vec<T>, Vec<String>, bool) {
        let (mut found, mut taken, mut new_poison) = (Vec::new(), Vec::new(), false);
        for message in messages {
            match read(&message.body) {
                Ok(said) => {
                    found.push(said);
                    taken.push(message.receipt);
                }
                Err(poison) => new_poison |= self.poisoned(&message.id, &poison),
            }
        }
        let stale = taken.is_empty() && !new_poison;
        (found, taken, stale)
    }

    /// Counts and logs a message that cannot be understood; it stays for the queue's own dead-letter policy. Gives whether it
    /// is new.
    fn poisoned(&self, id: &str, poison: &Poison) -> bool {
        let new = self.counters.poisoned(id);
        if new {
            tracing::warn!(source = %self.source, message = id, reason = %poison, "a message of the queue cannot be understood; it is left in the queue");
        }
        new
    }

    async fn delete(&self, receipts: Vec<String>) -> Result<(), AwsError> {
        let deleted = self.queue.delete(receipts).await?;
        self.counters.delete(deleted);
        Ok(())
    }
}

/// Takes findings into the index; gives what has to be read again.
async fn hear(
    publisher: &Publisher,
    told: &[Finding],
    read_until: Option<Timestamp>,
) -> BTreeSet<(Region, AccountId, ControlIx)> {
    if told.is_empty() {
        return BTreeSet::new();
    }
    let mut doubtful = BTreeSet::new();
    let change = publisher.change(|world| {
        let heard = world.index.hear(told, read_until);
        doubtful = heard.doubtful;
        heard.changes
    });
    change.await;
    doubtful
}
