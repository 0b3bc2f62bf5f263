//! What we wrote and AWS does not show yet.
//!
//! AWS is eventually consistent: right after a write, a reading may still be the old one. Planning on it would write the
//! same again. So each write is laid over the readings until one shows it, or until it should have long since.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use soc2_guardrails::{Policy, PolicyInventory};

/// After this long a reading that still does not show a write is believed.
const PATIENCE: Duration = Duration::from_mins(1);

/// The effect of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The policy exists with this content, under this name. Its targets are not touched.
    Policy {
        /// Its id.
        id: String,
        /// What it is now; `targets` means nothing here.
        policy: Policy,
        /// Whether the write made it: then readings may not have it yet. One that was there before and is not now is gone.
        created: bool,
    },
    /// The policy is attached.
    Attached {
        /// Its id.
        id: String,
        /// Where.
        target: String,
    },
    /// The policy is no longer attached.
    Detached {
        /// Its id.
        id: String,
        /// Where it was.
        target: String,
    },
    /// The policy is gone.
    Deleted {
        /// Its id.
        id: String,
    },
}

impl Effect {
    fn id(&self) -> &str {
        match self {
            Self::Policy { id, .. } | Self::Attached { id, .. } | Self::Detached { id, .. } | Self::Deleted { id } => {
                id
            }
        }
    }

    fn creates(&self) -> Option<String> {
        match self {
            Self::Policy { id, created: true, .. } => Some(id.clone()),
            _ => None,
        }
    }
}

/// Writes that no reading has shown yet.
#[derive(Debug, Default)]
pub struct Overlay {
    entries: Vec<(Instant, Effect)>,
}

impl Overlay {
    /// Remembers a write; what was written before about the same no longer holds.
    pub fn push(&mut self, effect: Effect) {
        if let Effect::Attached { id, target } | Effect::Detached { id, target } = &effect {
            let about = |old: &Effect| matches!(old, Effect::Attached { id: i, target: t } | Effect::Detached { id: i, target: t } if i == id && t == target);
            self.entries.retain(|(_, old)| !about(old));
        }
        if let Effect::Policy { id, policy, .. } = &effect {
            let about =
                |entry: &&mut (Instant, Effect)| matches!(&entry.1, Effect::Policy { id: old, .. } if old == id);
            // In its place: an attachment is laid over the policy that was made before it.
            if let Some((at, Effect::Policy { policy: old, .. })) = self.entries.iter_mut().find(about) {
                (*at, *old) = (Instant::now(), policy.clone());
                return;
            }
        }
        self.entries.push((Instant::now(), effect));
    }

    /// Whether every write shows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets what the reading shows, or should have shown long since; lays the rest over it.
    /// Gives `None` when there is nothing to lay.
    pub fn over(&mut self, reading: &PolicyInventory) -> Option<PolicyInventory> {
        self.entries.retain(|(at, effect)| at.elapsed() < PATIENCE && !shows(reading, effect));
        let new: BTreeSet<String> = self.entries.iter().filter_map(|(_, effect)| effect.creates()).collect();
        // What was written to a policy that is gone will never show.
        self.entries.retain(|(_, effect)| reading.policies.contains_key(effect.id()) || new.contains(effect.id()));
        if self.entries.is_empty() {
            return None;
        }
        let mut result = reading.clone();
        for (_, effect) in &self.entries {
            lay(&mut result, effect);
        }
        Some(result)
    }
}

fn shows(reading: &PolicyInventory, effect: &Effect) -> bool {
    match effect {
        Effect::Policy { id, policy, .. } => reading.policies.get(id).is_some_and(|found| {
            found.name == policy.name && found.content == policy.content && found.tags == policy.tags
        }),
        Effect::Attached { id, target } => reading.policies.get(id).is_some_and(|found| found.targets.contains(target)),
        Effect::Detached { id, target } => reading.policies.get(id).is_none_or(|found| !found.targets.contains(target)),
        Effect::Deleted { id } => !reading.policies.contains_key(id),
    }
}

fn lay(inventory: &mut PolicyInventory, effect: &Effect) {
    match effect {
        Effect::Policy { id, policy, .. } => {
            let targets = inventory.policies.get(id).map(|found| found.targets.clone()).unwrap_or_default();
            inventory.policies.insert(id.clone(), Policy { targets, ..policy.clone() });
        }
        Effect::Attached { id, target } => {
            if let Some(found) = inventory.policies.get_mut(id) {
                found.targets.insert(target.clone());
            }
        }
        Effect::Detached { id, target } => {
            if let Some(found) = inventory.policies.get_mut(id) {
                found.targets.remove(target);
            }
        }
        Effect::Deleted { id } => drop(inventory.policies.remove(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(content: &str) -> Policy {
        Policy { name: "soc2-a".to_owned(), content: content.to_owned(), ..Policy::default() }
    }

    #[test]
    fn a_write_is_laid_over_until_a_reading_shows_it() {
        let mut overlay = Overlay::default();
        overlay.push(Effect::Policy { id: "p-1".to_owned(), policy: policy("{}"), created: true });
        overlay.push(Effect::Attached { id: "p-1".to_owned(), target: "ou-1".to_owned() });

        let old = PolicyInventory::default();
        let laid = overlay.over(&old).unwrap();
        assert_eq!(laid.policies["p-1"].content, "{}");
        assert!(laid.policies["p-1"].targets.contains("ou-1"));

        let mut new = PolicyInventory::default();
        new.policies.insert("p-1".to_owned(), policy("{}"));
        assert!(overlay.over(&new).is_some(), "the attachment does not show yet");
        new.policies.get_mut("p-1").unwrap().targets.insert("ou-1".to_owned());
        assert!(overlay.over(&new).is_none());
        assert!(overlay.is_empty());
    }

    #[test]
    fn what_was_written_to_a_policy_that_was_deleted_since_is_forgotten() {
        let mut overlay = Overlay::default();
        overlay.push(Effect::Policy { id: "p-1".to_owned(), policy: policy("{}"), created: false });
        overlay.push(Effect::Attached { id: "p-1".to_owned(), target: "ou-1".to_owned() });
        assert!(overlay.over(&PolicyInventory::default()).is_none());
    }

    #[test]
    fn of_two_writes_to_a_policy_only_the_later_one_is_believed() {
        let mut overlay = Overlay::default();
        for content in ["{}", "{\"later\":true}"] {
            overlay.push(Effect::Policy { id: "p-1".to_owned(), policy: policy(content), created: false });
        }
        // No reading showed the first one.
        let mut reading = PolicyInventory::default();
        reading.policies.insert("p-1".to_owned(), policy("{\"later\":true}"));
        assert!(overlay.over(&reading).is_none());
    }

    #[test]
    fn once_shown_a_later_edit_is_not_masked() {
        let mut overlay = Overlay::default();
        overlay.push(Effect::Policy { id: "p-1".to_owned(), policy: policy("{}"), created: true });
        let mut reading = PolicyInventory::default();
        reading.policies.insert("p-1".to_owned(), policy("{}"));
        assert!(overlay.over(&reading).is_none());
        reading.policies.insert("p-1".to_owned(), policy("{\"edited\":true}"));
        assert!(overlay.over(&reading).is_none());
    }
}
