//! What a set is to have, compared with what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::assign::Assignment;
use super::diff::{Diff, diff};
use super::draft::Draft;
use super::guards;
use super::holding::Holding;
use super::input::{Mode, PlanInput};
use super::ownership::Ownership;
use super::packs;
use super::refusal::{Refusal, reason};
use super::rollout::{Pending, RolloutPlan};
use super::slots::Slots;
use super::step::Step;
use super::{affected, changed};
use crate::cover::TargetId;
use soc2_posture::ids::AccountId;

/// A set with its policies.
pub(super) struct Work<'a> {
    pub(super) draft: Draft<'a>,
    /// The policies that it is to have.
    pub(super) holdings: Vec<Holding<'a>>,
    /// What is there of them, in the same order.
    pub(super) diffs: Vec<Diff>,
    /// Its waves, while it has something to roll out.
    pub(super) rollout: Option<RolloutPlan>,
}

/// What works are made from.
#[derive(Clone, Copy)]
pub(super) struct Scene<'s, 'a> {
    pub(super) input: &'s PlanInput<'a>,
    pub(super) ownership: &'s Ownership<'a>,
    pub(super) assignment: &'s Assignment<'a>,
    /// Waves of sets that have a change to roll out.
    pub(super) pending: &'s BTreeMap<String, Pending>,
}

impl<'a> Work<'a> {
    /// Finds the policies of a set, packed where slots are short, and counts their slots.
    pub(super) fn new(
        scene: Scene<'_, 'a>,
        mut draft: Draft<'a>,
        for_all: Option<&Refusal>,
        slots: &mut Slots<'_>,
    ) -> Self {
        if let Some(refusal) = for_all {
            draft.refused = Some(refusal.clone());
        }
        let mut holdings = singles(&draft, scene.assignment);
        match packs::standing(&draft, scene.ownership, scene.input) {
            Ok(packs) => holdings.extend(packs),
            Err(refusal) => draft.refuse(refusal),
        }
        let mut work = Self { draft, diffs: scene.diffs(&holdings), holdings, rollout: None };
        if let Some(refusal) = work.short(scene, slots) {
            work.pack(scene, slots, refusal);
        }
        work.roll_out(scene, slots);
        if let Some(taken) = work.diffs.iter().find_map(|diff| diff.refused.clone()) {
            work.draft.refuse(taken);
        }
        if let Some(refusal) = work.locks_out(scene.input) {
            work.draft.refuse(refusal);
        }
        if work.draft.set.mode == Mode::Enforce && work.draft.refused.is_none() && !work.draft.set.suspended {
            slots.accept(&work.steps());
            work.rollout.iter().flat_map(|rollout| &rollout.waves).for_each(|wave| slots.accept(&wave.steps));
        }
        work
    }

    /// The steps that put it right, in order.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.diffs.iter().flat_map(|diff| &diff.steps).cloned().collect();
        steps.sort();
        steps
    }

    /// The policy that has a baseline, and what is there of it.
    pub(super) fn home(&self, baseline: &str) -> Option<(&Holding<'a>, &Diff)> {
        let mut both = self.holdings.iter().zip(&self.diffs);
        both.find(|(holding, _)| holding.baselines.contains(&baseline))
    }

    /// Finds what its waves need.
    fn roll_out(&mut self, scene: Scene<'_, 'a>, slots: &Slots<'_>) {
        let pending = scene.pending.get(&self.draft.set.name);
        let Some(pending) = pending.filter(|_| self.diffs.iter().any(|diff| !diff.steps.is_empty())) else { return };
        let rollout = pending.plan(scene, &self.draft);
        if let Some(refusal) = pending.refusal(scene, &self.draft.set.name, slots, &rollout) {
            self.draft.refuse(refusal);
        }
        self.rollout = Some(rollout);
    }

    fn short(&self, scene: Scene<'_, 'a>, slots: &Slots<'_>) -> Option<Refusal> {
        slots.refusal(&self.steps(), &scene.leaving(&self.draft, &self.holdings))
    }

    /// Puts baselines together where one policy each does not fit.
    fn pack(&mut self, scene: Scene<'_, 'a>, slots: &Slots<'_>, refusal: Refusal) {
        let mut refusal = refusal;
        // What takes waves has a policy for each baseline.
        if refusal.reason == reason::NO_FREE_SLOT && self.draft.set.waves.is_none() {
            let fits = |holdings: &[Holding<'a>]| {
                let steps: Vec<Step> = scene.diffs(holdings).into_iter().flat_map(|diff| diff.steps).collect();
                slots.refusal(&steps, &scene.leaving(&self.draft, holdings)).is_none()
            };
            match packs::pack(&self.draft, &self.holdings, scene.ownership, scene.input, &fits) {
                Ok(holdings) => {
                    self.diffs = scene.diffs(&holdings);
                    self.holdings = holdings;
                    return;
                }
                Err(numbers) => refusal.message.push_str(&numbers),
            }
        }
        self.draft.refuse(refusal);
    }

    /// Why its policies must not be written as they are to be.
    fn locks_out(&self, input: &PlanInput<'_>) -> Option<Refusal> {
        let steps = self.steps();
        // A change of a policy reaches wherever it is attached, whoever attached it.
        let accounts = affected(input.org, &self.draft.targets);
        let reached: BTreeSet<AccountId> = accounts.union(&changed(input, steps.iter())).copied().collect();
        let written = self.draft.baselines.iter().filter(|(name, _)| self.home(name).is_some());
        let trail = self.draft.set.trail.as_ref();
        let mut refusals =
            written.filter_map(|(_, compiled)| guards::refusal(input.guarded, trail, compiled, &reached));
        refusals.next().or_else(|| guards::loses_allow(input.inventory, &steps))
    }
}

/// The policies of a set's baselines that are alone.
fn singles<'a>(draft: &Draft<'a>, assignment: &Assignment<'_>) -> Vec<Holding<'a>> {
    let single = |(name, compiled): (&&'a str, _)| {
        let key = assignment.key(&draft.set.name, name)?;
        let targets = draft.needs(name);
        (draft.targets.is_empty() || !targets.is_empty()).then(|| Holding::single(name, compiled, key, targets))
    };
    draft.baselines.iter().filter_map(single).collect()
}

impl<'a> Scene<'_, 'a> {
    fn diffs(&self, holdings: &[Holding<'a>]) -> Vec<Diff> {
        holdings.iter().map(|holding| diff(self.input, self.ownership, holding)).collect()
    }

    /// How many policies of a set's baselines go from each of its targets, because others take their place there.
    fn leaving(&self, draft: &Draft<'a>, holdings: &[Holding<'a>]) -> BTreeMap<TargetId, usize> {
        let mut leaving: BTreeMap<TargetId, usize> = BTreeMap::new();
        let packs = self.ownership.packs_of(&draft.set.name);
        for (_, carrier) in packs.filter(|(key, _)| holdings.iter().all(|holding| holding.key != *key)) {
            carrier.policy.targets.iter().for_each(|target| *leaving.entry(TargetId(target.clone())).or_default() += 1);
        }
        for name in draft.baselines.keys() {
            let Some(home) = holdings.iter().find(|holding| holding.baselines.contains(name)) else { continue };
            for (key, carrier) in self.ownership.of_baseline(name).filter(|(key, _)| *key != home.key) {
                let goes = |target: &&TargetId| {
                    carrier.policy.targets.contains(&target.0)
                        && !self.assignment.wanted_by_others(key, &draft.set.name, target)
                };
                for target in home.targets.iter().map(|target| &target.id).filter(goes) {
                    *leaving.entry(target.clone()).or_default() += 1;
                }
            }
        }
        leaving
    }
}
