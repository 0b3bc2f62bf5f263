//! What came through a queue, counted where it happens and read by the metrics.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Ids of poison that are remembered, so that each is logged once.
const REMEMBERED: usize = 10_000;

/// Messages of one queue since the feed began to read it.
#[derive(Debug, Default)]
pub struct EventCounters {
    received: AtomicU64,
    deleted: AtomicU64,
    poison: AtomicU64,
    known_poison: Mutex<Known>,
}

/// The newest ids.
#[derive(Debug, Default)]
struct Known {
    ids: BTreeSet<String>,
    order: VecDeque<String>,
}

impl EventCounters {
    /// Messages that the queue gave, each time that it gave them.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Messages that were taken in and deleted.
    #[must_use]
    pub fn deleted(&self) -> u64 {
        self.deleted.load(Ordering::Relaxed)
    }

    /// Messages that could not be understood, each once.
    #[must_use]
    pub fn poison(&self) -> u64 {
        self.poison.load(Ordering::Relaxed)
    }

    pub(super) fn receive(&self, messages: usize) {
        self.received.fetch_add(messages as u64, Ordering::Relaxed);
    }

    pub(super) fn delete(&self, messages: usize) {
        self.deleted.fetch_add(messages as u64, Ordering::Relaxed);
    }

    /// Counts a message that cannot be understood. Gives whether this is the first time.
    pub(super) fn poisoned(&self, id: &str) -> bool {
        let mut known = self.known_poison.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.ids.insert(id.to_owned()) {
            return false;
        }
        known.order.push_back(id.to_owned());
        if known.order.len() > REMEMBERED
            && let Some(oldest) = known.order.pop_front()
        {
            known.ids.remove(&oldest);
        }
        self.poison.fetch_add(1, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poison_is_new_once_and_not_remembered_for_ever() {
        let counters = EventCounters::default();
        assert!(counters.poisoned("a") && !counters.poisoned("a"));
        for n in 0..REMEMBERED {
            counters.poisoned(&n.to_string());
        }
        assert!(counters.poisoned("a"), "long ago");
        let known = counters.known_poison.lock().unwrap();
        assert_eq!((known.ids.len(), known.order.len()), (REMEMBERED, REMEMBERED));
    }
}
