//! Where any set wants what.

use std::collections::{BTreeMap, BTreeSet};

use super::key;
use super::rollout::Pending;
use super::work::Work;
use crate::cover::TargetId;

/// Targets of policies, by key, and of baselines by whichever policy.
#[derive(Default)]
pub(super) struct Wanted {
    by_key: BTreeMap<String, BTreeSet<TargetId>>,
    by_baseline: BTreeMap<String, BTreeSet<TargetId>>,
}

impl Wanted {
    /// Those of all sets, whatever becomes of them: what a set that is suspended, or refused, put into AWS stands.
    /// Of sets with a change to roll out, what its waves want as well.
    pub(super) fn new(works: &[Work<'_>], pending: &BTreeMap<String, Pending>) -> Self {
        let mut wanted = Self::default();
        let both = works.iter().flat_map(|work| {
            let waves = pending.get(&work.draft.set.name);
            work.holdings.iter().map(move |holding| (holding, waves))
        });
        for (holding, waves) in both {
            let of_waves = || waves.into_iter().flat_map(Pending::targets).cloned();
            let targets = || holding.targets.iter().map(|target| target.id.clone()).chain(of_waves());
            wanted.by_key.entry(holding.key.clone()).or_default().extend(targets());
            for baseline in &holding.baselines {
                wanted.by_baseline.entry((*baseline).to_owned()).or_default().extend(targets());
            }
        }
        wanted
    }

    /// Whether a policy is wanted at a target.
    pub(super) fn at(&self, key: &str, target: &str) -> bool {
        self.by_key.get(key).is_some_and(|targets| targets.contains(&TargetId(target.to_owned())))
    }

    /// Whether a policy is wanted nowhere.
    pub(super) fn nowhere(&self, key: &str) -> bool {
        self.by_key.get(key).is_none_or(BTreeSet::is_empty)
    }

    /// Where what a policy carries is wanted, by this policy or another.
    pub(super) fn of(&self, key: &str) -> BTreeSet<TargetId> {
        let map = if key::set_of_pack(key).is_some() { &self.by_key } else { &self.by_baseline };
        let name = if key::set_of_pack(key).is_some() { key } else { key::baseline_of(key) };
        map.get(name).cloned().unwrap_or_default()
    }
}
