//! What this process wrote last: until a watch shows it, an object looks as it was before.
//!
//! Looked at like that, what the write said would be news once more, and be written and told as an event again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::Resource;

/// A watch that is further behind is no reason to wait any more: what AWS has must not go unseen.
const PATIENCE: Duration = Duration::from_secs(10);

/// The newest version of each object that this process wrote, by UID, until it was seen.
#[derive(Clone, Default)]
pub struct OwnWrites(Arc<Mutex<BTreeMap<String, (u64, Instant)>>>);

impl OwnWrites {
    /// Remembers an object as the API server answered it to a write.
    pub fn note(&self, written: &impl Resource, now: Instant) {
        let (Some(uid), Some(version)) = (written.meta().uid.clone(), version(written)) else { return };
        let mut own = self.lock();
        // Also those of objects that are gone.
        own.retain(|_, (_, at)| now.duration_since(*at) < PATIENCE);
        let newest = own.get(&uid).map_or(version, |(known, _)| version.max(*known));
        own.insert(uid, (newest, now));
    }

    /// Whether an object is as it was before our last write to it.
    #[must_use]
    pub fn are_ahead_of(&self, seen: &impl Resource, now: Instant) -> bool {
        let Some(uid) = &seen.meta().uid else { return false };
        let mut own = self.lock();
        let Some((written, at)) = own.get(uid) else { return false };
        let ahead = version(seen).is_some_and(|seen| seen < *written) && now.duration_since(*at) < PATIENCE;
        if !ahead {
            own.remove(uid);
        }
        ahead
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (u64, Instant)>> {
        // Whole entries are put and removed; a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Versions of one kind grow, and may be compared as numbers (Kubernetes API concepts, "Resource versions").
fn version(object: &impl Resource) -> Option<u64> {
    object.meta().resource_version.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::ObjectMeta;

    use super::*;

    fn object(uid: &str, version: &str) -> ConfigMap {
        let metadata = ObjectMeta {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    #[test]
    fn an_object_is_behind_until_our_last_write_is_seen() {
        let (own, now) = (OwnWrites::default(), Instant::now());
        assert!(!own.are_ahead_of(&object("a", "7"), now), "nothing was written");
        own.note(&object("a", "12"), now);
        own.note(&object("a", "9"), now);
        assert!(own.are_ahead_of(&object("a", "7"), now));
        assert!(own.are_ahead_of(&object("a", "11"), now), "it is not a text that is compared");
        assert!(!own.are_ahead_of(&object("b", "7"), now), "another object, or a new one of the same name");
        assert!(!own.are_ahead_of(&object("a", "12"), now), "seen");
        assert!(own.lock().is_empty(), "and forgotten");
    }

    #[test]
    fn a_watch_that_does_not_come_forward_is_not_waited_for() {
        let (own, now) = (OwnWrites::default(), Instant::now());
        own.note(&object("a", "12"), now);
        assert!(own.are_ahead_of(&object("a", "7"), now + PATIENCE / 2));
        assert!(!own.are_ahead_of(&object("a", "7"), now + PATIENCE));
    }

    #[test]
    fn an_object_that_is_gone_is_forgotten() {
        let (own, now) = (OwnWrites::default(), Instant::now());
        own.note(&object("a", "12"), now);
        own.note(&object("b", "13"), now + PATIENCE);
        assert_eq!(own.lock().keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn versions_that_are_no_numbers_hold_nothing_up() {
        let (own, now) = (OwnWrites::default(), Instant::now());
        own.note(&object("a", "x12"), now);
        assert!(!own.are_ahead_of(&object("a", "x7"), now));
    }
}
