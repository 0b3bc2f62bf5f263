//! The world as readers see it, and what changed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Duration;

use soc2_posture::ids::AccountId;
use soc2_posture::index::Changes;
use soc2_posture::world::World;
use tokio::sync::broadcast;

use crate::facts::FeedFacts;

/// Changes that a slow subscriber may lag behind before they become [`Accounts::All`].
const BACKLOG: usize = 64;
/// How often a writer asks whether the readers are done, 2 ms apart, before it holds up its thread.
const PATIENCE: usize = 1000;

/// Accounts whose posture may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// Any of them.
    All,
    /// These.
    Some(BTreeSet<AccountId>),
}

impl Default for Accounts {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Accounts {
    /// Whether none changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Some(accounts) if accounts.is_empty())
    }

    /// Both together.
    pub fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Some(mine), Self::Some(more)) => mine.extend(more),
            (Self::All, _) => {}
            (mine, Self::All) => *mine = Self::All,
        }
    }
}

impl From<BTreeSet<AccountId>> for Accounts {
    fn from(accounts: BTreeSet<AccountId>) -> Self {
        Self::Some(accounts)
    }
}

/// Something changed in the world or in the facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Accounts whose posture may have changed.
    pub accounts: Accounts,
    /// The policy inventory changed.
    pub policies: bool,
    /// Something else of the facts changed (errors, numbers, progress); times alone do not count.
    pub facts: bool,
    /// Counts changes, from 1.
    pub revision: u64,
}

impl Change {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && !self.policies && !self.facts
    }

    /// Both together.
    pub fn merge(&mut self, other: Self) {
        self.accounts.merge(other.accounts);
        self.policies |= other.policies;
        self.facts |= other.facts;
        self.revision = self.revision.max(other.revision);
    }

    fn everything() -> Self {
        Self { accounts: Accounts::All, policies: true, facts: true, revision: 0 }
    }
}

struct Shared {
    world: RwLock<World>,
    facts: RwLock<FeedFacts>,
    changes: broadcast::Sender<Change>,
    revision: AtomicU64,
}

/// Reads the world. Cheap to clone.
#[derive(Clone)]
pub struct WorldHandle {
    shared: Arc<Shared>,
}

impl WorldHandle {
    /// Reads the world; keep it short, the feed waits meanwhile. Must not wait for anything.
    pub fn read<R>(&self, read: impl FnOnce(&World) -> R) -> R {
        read(&locked(&self.shared.world))
    }

    /// What changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription { receiver: self.shared.changes.subscribe() }
    }

    /// How complete the reading is.
    #[must_use]
    pub fn facts(&self) -> FeedFacts {
        locked(&self.shared.facts).clone()
    }
}

/// What changes in a world.
pub struct Subscription {
    receiver: broadcast::Receiver<Change>,
}

impl Subscription {
    /// Waits for the next change, and gives all that happened since the last call as one. `None`: the feed has ended.
    ///
    /// Loses nothing when dropped while it waits.
    pub async fn next(&mut self) -> Option<Change> {
        let mut merged = match self.receiver.recv().await {
            Ok(change) => change,
            Err(broadcast::error::RecvError::Lagged(_)) => Change::everything(),
            Err(broadcast::error::RecvError::Closed) => return None,
        };
        loop {
            match self.receiver.try_recv() {
                Ok(change) => merged.merge(change),
                Err(broadcast::error::TryRecvError::Lagged(_)) => merged.merge(Change::everything()),
                Err(_) => return Some(merged),
            }
        }
    }
}

/// The feed's side of the world: the only one that writes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Publisher {
    shared: Arc<Shared>,
}

impl Publisher {
    pub(crate) fn new(world: World) -> Self {
        let (changes, _) = broadcast::channel(BACKLOG);
        let shared =
            Shared { world: RwLock::new(world), facts: RwLock::default(), changes, revision: AtomicU64::new(0) };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn handle(&self) -> WorldHandle {
        WorldHandle { shared: Arc::clone(&self.shared) }
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(&World) -> R) -> R {
        read(&locked(&self.shared.world))
    }

    /// Writes the world. Waits for readers without holding up the thread, as long as that is not for ever.
    pub(crate) async fn write<R>(&self, write: impl FnOnce(&mut World) -> R) -> R {
        for _ in 0..PATIENCE {
            if !self.is_being_read() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        write(&mut locked_mut(&self.shared.world))
    }

    fn is_being_read(&self) -> bool {
        matches!(self.shared.world.try_write(), Err(TryLockError::WouldBlock))
    }

    /// Changes the index, and tells the subscribers which accounts that concerns.
    pub(crate) async fn change(&self, change: impl FnOnce(&mut World) -> Changes) -> Changes {
        let changes = self.write(change).await;
        self.announce(Change { accounts: changes.accounts.clone().into(), ..Change::default() });
        changes
    }

    pub(crate) fn set_facts(&self, facts: FeedFacts) {
        *locked_mut(&self.shared.facts) = facts;
    }

    /// Tells the subscribers, unless nothing changed.
    pub(crate) fn announce(&self, mut change: Change) {
        if !change.is_empty() {
            change.revision = self.shared.revision.fetch_add(1, Ordering::SeqCst) + 1;
            // No subscriber is no error.
            let _ = self.shared.changes.send(change);
        }
    }
}

/// A reader that panicked changed nothing, and the feed's own writes are single assignments of whole values.
fn locked<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn locked_mut<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use soc2_catalog::Catalog;
    use soc2_posture::index::FindingIndex;
    use soc2_posture::source::Sources;

    use super::*;

    fn publisher() -> Publisher {
        let index = FindingIndex::new(Catalog::builtin().unwrap());
        Publisher::new(World { organization: None, sources: Sources::default(), index })
    }

    fn accounts(ids: &[u64]) -> Accounts {
        Accounts::Some(ids.iter().map(|id| format!("{id:012}").parse().unwrap()).collect())
    }

    #[tokio::test]
    async fn changes_come_merged_and_nothing_is_no_change() {
        let publisher = publisher();
        let mut subscription = publisher.handle().subscribe();
        publisher.announce(Change::default());
        publisher.announce(Change { accounts: accounts(&[1]), ..Change::default() });
        publisher.announce(Change { accounts: accounts(&[2]), policies: true, ..Change::default() });
        let change = subscription.next().await.unwrap();
        assert_eq!(change, Change { accounts: accounts(&[1, 2]), policies: true, facts: false, revision: 2 });
        drop(publisher);
        assert_eq!(subscription.next().await, None);
    }

    #[tokio::test]
    async fn who_lags_behind_is_told_of_everything() {
        let publisher = publisher();
        let mut subscription = publisher.handle().subscribe();
        for n in 0..200 {
            publisher.announce(Change { accounts: accounts(&[n]), ..Change::default() });
        }
        let change = subscription.next().await.unwrap();
        assert_eq!((change.accounts, change.revision), (Accounts::All, 200));
    }
}
