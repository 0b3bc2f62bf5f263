//! When a set whose writes failed may be looked at again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Sets whose writes failed, by name, and until when each rests.
#[derive(Debug, Default)]
pub struct Written(Mutex<BTreeMap<String, Instant>>);

impl Written {
    /// A write failed: the set rests.
    pub fn failed(&self, set: &str, rest: Duration) {
        self.lock().insert(set.to_owned(), Instant::now() + rest);
    }

    /// Somebody changed the set: it need not rest.
    pub fn forget(&self, set: &str) {
        self.lock().remove(set);
    }

    /// How long it still rests, if it does.
    #[must_use]
    pub fn rest(&self, set: &str) -> Option<Duration> {
        let mut resting = self.lock();
        let rest = resting.get(set)?.checked_duration_since(Instant::now());
        if rest.is_none() {
            resting.remove(set);
        }
        rest
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Instant>> {
        // Whole entries come and go.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
