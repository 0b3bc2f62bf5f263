//! How a profile stands now: reconciles renew it, scrapes and the writer of postures read it where it is.
//!
//! Locks are taken in this order: assessments, then a world. Whoever reads a world must not ask for an assessment: a feed
//! that waits to write would hold up both for ever.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use soc2_posture::Assessment;

/// The newest assessment of a profile; nothing until there is one, and after one that failed. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Current(Arc<RwLock<Option<Assessment>>>);

impl Current {
    /// Reads it. Short work only: a reconcile of the profile waits meanwhile.
    pub fn read(&self) -> RwLockReadGuard<'_, Option<Assessment>> {
        // A panic elsewhere left a whole assessment, or none.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces it.
    pub fn write(&self) -> RwLockWriteGuard<'_, Option<Assessment>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
