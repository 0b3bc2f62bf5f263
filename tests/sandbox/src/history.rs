//! The history of policies and attachments: every change in order, with the moment from which it is enforced.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

/// What was done to a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// The policy was created.
    Create,
    /// Its name, description, content or tags changed.
    Update,
    /// It was deleted.
    Delete,
    /// It was attached to a target.
    Attach,
    /// It was detached from a target.
    Detach,
}

/// One change.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Place in the order of all changes, from 1.
    pub n: u64,
    /// When it was made.
    pub at: Timestamp,
    /// From when it is enforced.
    pub enforced_at: Timestamp,
    /// ARN of the caller, `outside` for the control port, `aws` for what AWS does by itself.
    pub actor: String,
    /// What was done.
    pub kind: ChangeKind,
    /// The policy.
    pub policy_id: Arc<str>,
    /// Its name after the change.
    pub policy_name: String,
    /// Root, OU or account of an attachment.
    pub target_id: Option<Arc<str>>,
    /// Content after the change (before it, for a deletion).
    pub content: Arc<str>,
    /// Tags after the change (before it, for a deletion).
    pub tags: BTreeMap<String, String>,
}

/// All changes since the sandbox started.
#[derive(Debug, Default)]
pub struct History {
    changes: Vec<Change>,
}

impl History {
    /// Adds a change and numbers it.
    pub fn add(&mut self, mut change: Change) {
        change.n = self.changes.len() as u64 + 1;
        self.changes.push(change);
    }

    /// All changes in order.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Forgets everything: what the world file describes is where history begins.
    pub fn clear(&mut self) {
        self.changes.clear();
    }
}
