//! Room for our policies on each target.

use std::collections::{BTreeMap, HashMap};

use super::Existing;
use crate::cover::TargetId;

/// How many policies of ours each target has, and has room for.
pub(super) struct Slots<'a> {
    used: HashMap<&'a str, usize>,
    free: &'a dyn Fn(&TargetId) -> usize,
}

/// Where a group has no room.
pub(super) struct Short {
    /// The first target, by id.
    pub(super) target: TargetId,
    /// Policies that it would have.
    pub(super) needed: usize,
    /// Policies that it has room for.
    pub(super) free: usize,
    /// Further targets without room.
    pub(super) more: usize,
}

impl<'a> Slots<'a> {
    /// Counts what is there and belongs to a class: it has its slots already.
    pub(super) fn new(
        existing: &[Existing<'a>],
        class: &[Option<usize>],
        free: &'a dyn Fn(&TargetId) -> usize,
    ) -> Self {
        let mut used = HashMap::new();
        let kept = existing.iter().zip(class).filter(|(_, class)| class.is_some());
        for target in kept.flat_map(|(policy, _)| policy.targets) {
            *used.entry(target.as_str()).or_default() += 1;
        }
        Self { used, free }
    }

    /// Takes the slots of a group, or none of them. `before` and `after`: how many of its policies each target has now,
    /// and would have.
    pub(super) fn take(
        &mut self,
        before: &HashMap<&'a str, usize>,
        after: &BTreeMap<&'a TargetId, usize>,
    ) -> Result<(), Short> {
        let mut short: Option<Short> = None;
        for (target, wanted) in after {
            let (now, own) = (count(&self.used, &target.0), count(before, &target.0));
            let (needed, free) = (now.saturating_sub(own) + wanted, (self.free)(target));
            // What is attached now stays, also where there is no room for it any more.
            if *wanted <= own || needed <= free {
                continue;
            }
            match &mut short {
                Some(short) => short.more += 1,
                None => short = Some(Short { target: (*target).clone(), needed, free, more: 0 }),
            }
        }
        if let Some(short) = short {
            return Err(short);
        }
        for (target, own) in before {
            if let Some(used) = self.used.get_mut(target) {
                *used = used.saturating_sub(*own);
            }
        }
        for (target, wanted) in after {
            *self.used.entry(target.0.as_str()).or_default() += wanted;
        }
        Ok(())
    }
}

fn count(counts: &HashMap<&str, usize>, target: &str) -> usize {
    counts.get(target).copied().unwrap_or_default()
}
