//! What we wrote and AWS does not show yet.
//!
//! AWS is eventually consistent: right after a write, a reading may still be the old one. Planning on it would write the
//! same again. So each write is laid over the readings until one shows it, or until it should have long since. It is no longer believed
//! once somebody else's later write is known: from an event, or from a reading that shows what was there neither before nor after it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use soc2_guardrails::{Deed, Policy, PolicyInventory};

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
        /// What a reading showed before; `None` when the write made it: then readings may not have it yet. One that was there before and
        /// is not now is gone.
        before: Option<Policy>,
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

    /// Whether a later write about the same makes what this one did the past.
    fn is_replaced_by(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Policy { id, .. }, Self::Policy { id: other, .. }) => id == other,
            (
                Self::Attached { id, target } | Self::Detached { id, target },
                Self::Attached { id: other, target: at } | Self::Detached { id: other, target: at },
            ) => id == other && target == at,
            _ => false,
        }
    }

    /// Whether it makes what was there before a write that no reading has shown.
    fn returns_from(&self, old: &Entry) -> bool {
        match (self, &old.effect) {
            (Self::Attached { .. }, Self::Detached { .. }) | (Self::Detached { .. }, Self::Attached { .. }) => true,
            (Self::Policy { policy, .. }, Self::Policy { .. }) => {
                old.earlier.iter().any(|(name, content)| *name == policy.name && *content == policy.content)
            }
            _ => false,
        }
    }

    /// Whether somebody's call may have undone it.
    fn may_be_undone_by(&self, deed: &Deed) -> bool {
        let (call, about) = (deed.call.as_str(), deed.policy.as_deref() == Some(self.id()));
        match self {
            Self::Policy { .. } => about && matches!(call, "UpdatePolicy" | "DeletePolicy"),
            Self::Attached { target, .. } | Self::Detached { target, .. } => {
                let here = about && deed.target.as_deref() == Some(target);
                here && matches!(call, "AttachPolicy" | "DetachPolicy") || call == "DisablePolicyType"
            }
            Self::Deleted { .. } => false,
        }
    }
}

/// A write that no reading has shown yet.
#[derive(Debug)]
struct Entry {
    /// When it was done, on our own clock.
    at: Instant,
    /// The same as others tell the time.
    since: Timestamp,
    effect: Effect,
    /// What readings that are behind may show of the policy: name and content.
    earlier: Vec<(String, String)>,
    /// Readings that are behind may not have the policy at all.
    is_new: bool,
    /// It makes what was there before a write that no reading has shown: a reading that is behind both looks as if it showed this one.
    is_return: bool,
}

impl Entry {
    /// Whether a reading shows what was there neither before nor after: somebody wrote after us.
    fn is_undone_in(&self, reading: &PolicyInventory) -> bool {
        let Effect::Policy { id, policy, .. } = &self.effect else { return false };
        reading.policies.get(id).is_some_and(|found| {
            // Name and content come from two calls: one may be behind, and the other not.
            let is_known = |of: fn(&(String, String)) -> &String, now: &String, shown: &String| {
                shown == now || self.earlier.iter().any(|earlier| of(earlier) == shown)
            };
            !is_known(|(name, _)| name, &policy.name, &found.name)
                || !is_known(|(_, content)| content, &policy.content, &found.content)
        })
    }

    /// Events tell whole seconds: what happened in the second of the write may have been before it.
    fn is_undone_by(&self, deed: &Deed) -> bool {
        deed.at > self.since && self.effect.may_be_undone_by(deed)
    }
}

/// Writes that no reading has shown yet.
#[derive(Debug, Default)]
pub struct Overlay {
    entries: Vec<Entry>,
}

impl Overlay {
    /// Remembers a write that was done at `since`; what was written before about the same no longer holds.
    pub fn push(&mut self, effect: Effect, since: Timestamp) {
        let (mut earlier, mut is_new, mut is_return) = (Vec::new(), false, false);
        if let Effect::Policy { before, .. } = &effect {
            earlier.extend(before.as_ref().map(|before| (before.name.clone(), before.content.clone())));
            is_new = before.is_none();
        }
        // In its place: an attachment is laid over the policy that was made before it.
        let place =
            self.entries.iter().position(|old| old.effect.is_replaced_by(&effect)).unwrap_or(self.entries.len());
        for old in self.entries.extract_if(.., |old| old.effect.is_replaced_by(&effect)) {
            is_return |= old.is_return || effect.returns_from(&old);
            earlier.extend(old.earlier);
            is_new |= old.is_new;
            if let Effect::Policy { policy, .. } = old.effect {
                earlier.push((policy.name, policy.content));
            }
        }
        self.entries.insert(place, Entry { at: Instant::now(), since, effect, earlier, is_new, is_return });
    }

    /// Whether every write shows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets what the reading shows, or should have shown long since, and what others undid as these calls of theirs, or the reading,
    /// tell; lays the rest over it. Gives `None` when there is nothing to lay.
    pub fn over(&mut self, reading: &PolicyInventory, deeds: &[Deed]) -> Option<PolicyInventory> {
        self.entries.retain(|entry| {
            let undone = entry.is_undone_in(reading) || deeds.iter().any(|deed| entry.is_undone_by(deed));
            entry.at.elapsed() < PATIENCE && (entry.is_return || !shows(reading, &entry.effect)) && !undone
        });
        let is_new = |entry: &Entry| entry.is_new.then(|| entry.effect.id().to_owned());
        let new: BTreeSet<String> = self.entries.iter().filter_map(is_new).collect();
        // What was written to a policy that is gone will never show.
        self.entries.retain(|entry| {
            let id = entry.effect.id();
            reading.policies.contains_key(id) || new.contains(id)
        });
        if self.entries.is_empty() {
            return None;
        }
        let mut result = reading.clone();
        for entry in &self.entries {
            lay(&mut result, &entry.effect);
        }
        Some(result)
    }
}

fn shows(reading: &PolicyInventory, effect: &Effect) -> bool {
    match effect {
        Effect::Policy { id, policy, .. } => reading.policies.get(id).is_some_and(|found| {
            // Tags of others, such as one that holds writes, are nobody's doing here.
            let tagged = policy.tags.iter().all(|(key, value)| found.tags.get(key) == Some(value));
            found.name == policy.name && found.content == policy.content && tagged
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

    const WRITTEN: &str = "2026-11-26T12:00:00.5Z";

    fn policy(content: &str) -> Policy {
        Policy { name: "soc2-a".to_owned(), content: content.to_owned(), ..Policy::default() }
    }

    fn wrote(content: &str, before: Option<&str>) -> Effect {
        Effect::Policy { id: "p-1".to_owned(), policy: policy(content), before: before.map(policy) }
    }

    fn attached(target: &str) -> Effect {
        Effect::Attached { id: "p-1".to_owned(), target: target.to_owned() }
    }

    fn overlay(effects: &[Effect]) -> Overlay {
        let mut overlay = Overlay::default();
        for effect in effects {
            overlay.push(effect.clone(), WRITTEN.parse().unwrap());
        }
        overlay
    }

    fn reading(content: &str) -> PolicyInventory {
        PolicyInventory { policies: [("p-1".to_owned(), policy(content))].into() }
    }

    fn deed(at: &str, call: &str, policy: &str, target: Option<&str>) -> Deed {
        Deed {
            at: at.parse().unwrap(),
            call: call.to_owned(),
            by: "mallory".to_owned(),
            role: None,
            policy: Some(policy.to_owned()),
            target: target.map(str::to_owned),
        }
    }

    #[test]
    fn a_write_is_laid_over_until_a_reading_shows_it() {
        let mut overlay = overlay(&[wrote("{}", None), attached("ou-1")]);
        let laid = overlay.over(&PolicyInventory::default(), &[]).unwrap();
        assert_eq!(laid.policies["p-1"].content, "{}");
        assert!(laid.policies["p-1"].targets.contains("ou-1"));

        // Changed once more before anything of it shows.
        overlay.push(wrote("{ }", None), WRITTEN.parse().unwrap());
        let laid = overlay.over(&PolicyInventory::default(), &[]).unwrap();
        assert!(laid.policies["p-1"].content == "{ }" && laid.policies["p-1"].targets.contains("ou-1"), "{laid:?}");

        let mut new = reading("{ }");
        assert!(overlay.over(&new, &[]).is_some(), "the attachment does not show yet");
        new.policies.get_mut("p-1").unwrap().targets.insert("ou-1".to_owned());
        assert!(overlay.over(&new, &[]).is_none());
        assert!(overlay.is_empty());
    }

    #[test]
    fn what_was_written_to_a_policy_that_was_deleted_since_is_forgotten() {
        let mut overlay = overlay(&[wrote("{}", Some("before")), attached("ou-1")]);
        assert!(overlay.over(&PolicyInventory::default(), &[]).is_none());
    }

    #[test]
    fn once_shown_a_later_edit_is_not_masked() {
        let mut overlay = overlay(&[wrote("{}", None)]);
        assert!(overlay.over(&reading("{}"), &[]).is_none());
        assert!(overlay.over(&reading("edited"), &[]).is_none());
    }

    #[test]
    fn a_reading_with_what_was_there_neither_before_nor_after_ends_the_belief() {
        for (effects, shown, believed) in [
            (vec![wrote("new", Some("old"))], "old", true),
            (vec![wrote("new", Some("old"))], "edited", false),
            (vec![wrote("new", None)], "edited", false),
            // Of several writes a reading may show each.
            (vec![wrote("new", Some("old")), wrote("newer", Some("old"))], "old", true),
            (vec![wrote("new", Some("old")), wrote("newer", Some("old"))], "new", true),
            (vec![wrote("new", Some("old")), wrote("newer", Some("old"))], "edited", false),
            // The last one shows: the one before it is the past, and not laid over it.
            (vec![wrote("new", Some("old")), wrote("newer", Some("old"))], "newer", false),
        ] {
            let laid = overlay(&effects).over(&reading(shown), &[]);
            assert_eq!(laid.is_some(), believed, "{effects:?} {shown}");
            if let (Some(laid), Some(Effect::Policy { policy, .. })) = (laid, effects.last()) {
                assert_eq!(laid.policies["p-1"].content, policy.content);
            }
        }
        // The name is as it is now, the content is behind.
        let mut from_terraform = policy("old");
        from_terraform.name = "theirs".to_owned();
        let adopted = Effect::Policy { id: "p-1".to_owned(), policy: policy("new"), before: Some(from_terraform) };
        assert!(overlay(&[adopted]).over(&reading("old"), &[]).is_some());
        let mut renamed = reading("old");
        renamed.policies.get_mut("p-1").unwrap().name = "mine".to_owned();
        assert!(overlay(&[wrote("new", Some("old"))]).over(&renamed, &[]).is_none());
    }

    #[test]
    fn what_goes_back_to_how_it_was_is_not_shown_by_a_reading_from_before_both() {
        let detached = Effect::Detached { id: "p-1".to_owned(), target: "ou-1".to_owned() };
        let mut overlay = overlay(&[detached, attached("ou-1")]);
        let mut before = reading("{}");
        before.policies.get_mut("p-1").unwrap().targets.insert("ou-1".to_owned());
        assert!(overlay.over(&before, &[]).is_some_and(|laid| laid == before), "it is not known to be new");
        // One from between the two.
        assert!(overlay.over(&reading("{}"), &[]).is_some_and(|laid| laid == before), "it is not missing");
        let mut overlay = self::overlay(&[wrote("new", Some("old")), wrote("old", Some("old"))]);
        for shown in ["old", "new", "old"] {
            let laid = overlay.over(&reading(shown), &[]).unwrap();
            assert_eq!(laid.policies["p-1"].content, "old");
        }
        assert!(overlay.over(&reading("edited"), &[]).is_none());
    }

    #[test]
    fn a_way_back_is_told_from_what_was_planned_on() {
        let mut overlay = overlay(&[wrote("less", Some("all"))]);
        assert_eq!(overlay.over(&reading("all"), &[]).unwrap().policies["p-1"].content, "less");
        // A newer reading shows it while the way back, planned on the older one, is being written.
        assert!(overlay.over(&reading("less"), &[]).is_none());
        overlay.push(wrote("all", Some("less")), WRITTEN.parse().unwrap());
        assert_eq!(overlay.over(&reading("less"), &[]).unwrap().policies["p-1"].content, "all", "not written twice");
        assert!(overlay.over(&reading("all"), &[]).is_none());
    }

    #[test]
    fn a_tag_of_somebody_else_does_not_hide_that_a_write_shows() {
        let mut shown = reading("{}");
        shown.policies.get_mut("p-1").unwrap().tags.insert("theirs".to_owned(), "1".to_owned());
        assert!(overlay(&[wrote("{}", Some("old"))]).over(&shown, &[]).is_none());
        let mut ours = policy("{}");
        ours.tags.insert("ours".to_owned(), "1".to_owned());
        let tagged = Effect::Policy { id: "p-1".to_owned(), policy: ours, before: Some(policy("{}")) };
        assert!(overlay(&[tagged]).over(&shown, &[]).is_some(), "our tag does not show yet");
    }

    #[test]
    fn a_later_call_of_somebody_else_about_the_same_ends_the_belief() {
        let (after, same_second) = ("2026-11-26T12:00:01Z", "2026-11-26T12:00:00Z");
        let stale = reading("old");
        for (effect, deed, believed) in [
            (wrote("new", Some("old")), deed(after, "UpdatePolicy", "p-1", None), false),
            (wrote("new", Some("old")), deed(same_second, "UpdatePolicy", "p-1", None), true),
            (wrote("new", Some("old")), deed(after, "UpdatePolicy", "p-2", None), true),
            (wrote("new", Some("old")), deed(after, "TagResource", "p-1", None), true),
            (wrote("new", Some("old")), deed(after, "DetachPolicy", "p-1", Some("ou-1")), true),
            (attached("ou-1"), deed(after, "DetachPolicy", "p-1", Some("ou-1")), false),
            (attached("ou-1"), deed(same_second, "DetachPolicy", "p-1", Some("ou-1")), true),
            (attached("ou-1"), deed(after, "DetachPolicy", "p-1", Some("ou-2")), true),
            (attached("ou-1"), deed(after, "DetachPolicy", "p-2", Some("ou-1")), true),
            (attached("ou-1"), deed(after, "UpdatePolicy", "p-1", None), true),
            (attached("ou-1"), deed(after, "DisablePolicyType", "", Some("r-1")), false),
        ] {
            let laid = overlay(std::slice::from_ref(&effect)).over(&stale, std::slice::from_ref(&deed));
            assert_eq!(laid.is_some(), believed, "{effect:?} {deed:?}");
        }
    }
}
