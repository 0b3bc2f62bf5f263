//! Room for policies on each target.

use std::collections::{BTreeMap, BTreeSet};

use super::input::PlanInput;
use super::refusal::{Refusal, reason};
use super::step::Step;
use crate::cover::{Target, TargetId};

/// Kept free on every target for replacing one policy by another.
const TRANSITION: usize = 1;

/// What is attached, and what the sets accepted so far will attach.
pub(super) struct Slots<'a> {
    used: BTreeMap<&'a str, usize>,
    coming: BTreeMap<TargetId, BTreeSet<String>>,
    reserved: usize,
    limit: usize,
}

impl<'a> Slots<'a> {
    /// Counts what is attached, whosever it is.
    pub(super) fn new(input: &PlanInput<'a>) -> Self {
        let mut used = BTreeMap::new();
        for target in input.inventory.policies.values().flat_map(|policy| &policy.targets) {
            *used.entry(target.as_str()).or_default() += 1;
        }
        let (reserved, limit) = (input.reserved_slots as usize, input.limits.max_per_target as usize);
        Self { used, coming: BTreeMap::new(), reserved, limit }
    }

    /// Policies attached now, whosever they are.
    pub(super) fn used(&self, target: &TargetId) -> usize {
        self.used.get(target.0.as_str()).copied().unwrap_or_default()
    }

    /// Why there is no room for the attachments of `steps` beside those accepted.
    pub(super) fn refusal(&self, steps: &[Step]) -> Option<Refusal> {
        let full: Vec<(&Target, usize)> = attachments(steps)
            .into_iter()
            .filter_map(|(target, mut baselines)| {
                baselines.extend(self.coming.get(&target.id).into_iter().flatten().map(String::as_str));
                let coming = baselines.len();
                let needed = self.used(&target.id) + coming + self.reserved + TRANSITION;
                (needed > self.limit).then_some((target, coming))
            })
            .collect();
        let (target, coming) = *full.first()?;
        let more = match full.len() - 1 {
            0 => String::new(),
            more => format!("; the same on {more} targets more"),
        };
        let (used, reserved, limit) = (self.used(&target.id), self.reserved, self.limit);
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
