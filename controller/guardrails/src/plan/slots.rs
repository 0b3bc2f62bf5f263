//! Room for policies on each target.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{PlanInput, STAGED_TAG};
use super::refusal::{Refusal, reason};
use super::step::{PolicyRef, Step};
use crate::cover::{Target, TargetId};

/// Kept free on every target for replacing one policy by another.
const TRANSITION: usize = 1;

/// What is attached, and what the sets accepted so far will attach.
pub(super) struct Slots<'a> {
    used: BTreeMap<&'a str, usize>,
    /// Of these, how many are staged: they use the slot for replacing.
    staged: BTreeMap<&'a str, usize>,
    coming: BTreeMap<TargetId, BTreeSet<String>>,
    reserved: usize,
    limit: usize,
}

impl<'a> Slots<'a> {
    /// Counts what is attached, whosever it is.
    pub(super) fn new(input: &PlanInput<'a>) -> Self {
        let (mut used, mut staged) = (BTreeMap::new(), BTreeMap::new());
        for policy in input.inventory.policies.values() {
            let is_staged = input.owner.owns(policy) && policy.tags.contains_key(STAGED_TAG);
            for target in &policy.targets {
                *used.entry(target.as_str()).or_default() += 1;
                if is_staged {
                    *staged.entry(target.as_str()).or_default() += 1;
                }
            }
        }
        let (reserved, limit) = (input.reserved_slots as usize, input.limits.max_per_target as usize);
        Self { used, staged, coming: BTreeMap::new(), reserved, limit }
    }

    /// Policies attached now, whosever they are.
    pub(super) fn used(&self, target: &TargetId) -> usize {
        self.used.get(target.0.as_str()).copied().unwrap_or_default()
    }

    fn staged(&self, target: &TargetId) -> usize {
        self.staged.get(target.0.as_str()).copied().unwrap_or_default()
    }

    /// Why a target of a wave has no room for what the steps of the waves attach there; `is_staged` tells what stands beside a policy
    /// that it will replace.
    pub(super) fn staging_refusal(&self, steps: &[&Step], is_staged: impl Fn(&PolicyRef) -> bool) -> Option<Refusal> {
        let mut coming: BTreeMap<&Target, (BTreeSet<&PolicyRef>, BTreeSet<&PolicyRef>)> = BTreeMap::new();
        for step in steps {
            if let Step::Attach { policy, target, .. } = step {
                let (staged, others) = coming.entry(target).or_default();
                if is_staged(policy) {
                    staged.insert(policy)
                } else {
                    others.insert(policy)
                };
            }
        }
        coming.into_iter().find_map(|(target, (staged, others))| {
            let (used, before) = (self.used(&target.id), self.staged(&target.id));
            let beside = TRANSITION.max(before + staged.len());
            let needed = used - before + others.len() + self.reserved + beside;
            let (staged, others, reserved, limit) = (staged.len(), others.len(), self.reserved, self.limit);
            let message = format!(
                "{target} is in the first waves and has {used} policies; with {staged} to stage beside those that they will replace, \
                 {others} to attach and {reserved} reserved, that is {needed} of {limit}"
            );
            (needed > limit).then(|| Refusal::new(reason::NO_FREE_SLOT, message))
        })
    }

    /// Why there is no room for the attachments of `steps` beside those accepted. `leaving`: how many policies of the set go from a
    /// target once what replaces them is enforced. Until then both are there, and the slot for that is taken.
    pub(super) fn refusal(&self, steps: &[Step], leaving: &BTreeMap<TargetId, usize>) -> Option<Refusal> {
        let mut full: Vec<(&Target, usize, bool)> = Vec::new();
        for (target, own) in attachments(steps) {
            let replacing = leaving.get(&target.id).copied().unwrap_or_default().min(own.len());
            let others = self.coming.get(&target.id).into_iter().flatten().map(String::as_str);
            let coming = own.into_iter().chain(others).collect::<BTreeSet<&str>>().len();
            let on_the_way = self.used(&target.id) + coming + self.reserved;
            // What is staged uses the slot for replacing.
            let staged = self.staged(&target.id);
            let in_the_end = on_the_way - staged - replacing + TRANSITION.max(staged);
            if coming > replacing && in_the_end > self.limit {
                full.push((target, coming, false));
            } else if on_the_way > self.limit {
                full.push((target, coming, true));
            }
        }
        let (target, coming, on_the_way) = *full.first()?;
        let more = match full.len() - 1 {
            0 => String::new(),
            more => format!("; the same on {more} targets more"),
        };
        let (used, reserved, limit) = (self.used(&target.id), self.reserved, self.limit);
        if on_the_way {
            let message = format!(
                "{target} has {used} policies; with {coming} to attach before those that they replace go, and {reserved} reserved, that \
                 is {} of {limit}{more}: detach one for as long as it takes",
                used + coming + reserved
            );
            return Some(Refusal::new(reason::NO_TRANSITION_SLOT, message));
        }
        Some(Refusal::new(
            reason::NO_FREE_SLOT,
            format!(
                "{target} has {used} policies; with {coming} to attach, {reserved} reserved and {TRANSITION} kept free for \
                 replacing one, that is {} of {limit}{more}",
                used + coming + reserved + TRANSITION
            ),
        ))
    }

    /// Counts the attachments of an accepted set.
    pub(super) fn accept(&mut self, steps: &[Step]) {
        for (target, baselines) in attachments(steps) {
            let coming = self.coming.entry(target.id.clone()).or_default();
            coming.extend(baselines.into_iter().map(str::to_owned));
        }
    }
}

/// Which baselines the steps attach to each target.
fn attachments(steps: &[Step]) -> BTreeMap<&Target, BTreeSet<&str>> {
    let mut attachments: BTreeMap<&Target, BTreeSet<&str>> = BTreeMap::new();
    for step in steps {
        if let Step::Attach { baseline, target, .. } = step {
            attachments.entry(target).or_default().insert(baseline);
        }
    }
    attachments
}
