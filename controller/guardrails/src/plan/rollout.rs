//! Waves: what a change writes for the canaries before it is written for all, and what takes it off them again.
//!
//! The last wave is the plan itself. A wave before it attaches what is new only to its own targets. Where the change is one of the
//! content of a policy that is attached already, its new content is *staged*: a second policy, attached to the canaries beside the
//! first. So they have the old content and the new until the last wave changes the first policy itself, in one write, and the second
//! one goes. At no time is anybody without what both contents deny, or denied what neither does.

mod part;

use std::collections::{BTreeMap, BTreeSet};

use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use self::part::{Part, replaced};
use super::draft::Draft;
use super::input::{BASELINE_TAG, PlanInput, STAGED_TAG};
use super::ownership::Ownership;
use super::packs;
use super::refusal::{Refusal, reason};
use super::slots::Slots;
use super::step::{PolicyRef, Step};
use super::work::Scene;
use crate::cover::{Selection, Target, TargetId, cover};
use crate::library::PROTECT_EXEMPT;

/// The waves of a set, and what was in place before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waves {
    /// Those before the last, in order: in words, and what each selects.
    pub first: Vec<(String, Selection)>,
    /// Hash ([`super::SetPlan::wanted`]) of what was last in place: what differs from that is drift, and is put back at once.
    pub applied: Option<String>,
    /// What was last in place, to go back to; `None` when nothing was, or when it is not known.
    pub good: Option<Good>,
}

/// What was last in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Good {
    /// Ids of roots, units and accounts that had it.
    pub targets: BTreeSet<String>,
    /// Contents by baseline.
    pub contents: BTreeMap<String, String>,
}

/// A change that takes waves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolloutPlan {
    /// The waves before the last.
    pub waves: Vec<WavePlan>,
    /// What changes: contents by baseline, new and, where it is there, old.
    pub changes: BTreeMap<String, (String, Option<String>)>,
    /// What takes it off the canaries again, and puts back what was last in place.
    pub rollback: Vec<Step>,
}

/// A wave before the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WavePlan {
    /// In words.
    pub name: String,
    /// Its accounts that no wave before it has.
    pub accounts: BTreeSet<AccountId>,
    /// Where it is attached.
    pub targets: Vec<Target>,
    /// What is missing of it.
    pub steps: Vec<Step>,
}

/// Waves of a set that has a change to roll out.
pub(super) struct Pending {
    waves: Vec<Wave>,
    /// Why it cannot be rolled out.
    problem: Option<Refusal>,
}

struct Wave {
    name: String,
    accounts: BTreeSet<AccountId>,
    targets: Vec<Target>,
}

/// The waves of each set that is not as its waves last left it. A set with waves that shares a baseline with another set is refused.
pub(super) fn pending(
    input: &PlanInput<'_>,
    ownership: &Ownership<'_>,
    drafts: &mut [Draft<'_>],
) -> BTreeMap<String, Pending> {
    refuse_shared(drafts);
    refuse_packed(ownership, drafts);
    let mut result = BTreeMap::new();
    for draft in drafts.iter().filter(|draft| draft.refused.is_none() && !draft.set.removing) {
        let Some(waves) = &draft.set.waves else { continue };
        if waves.applied.as_deref() != Some(draft.hash(&input.org.id, &[]).as_str()) {
            result.insert(draft.set.name.clone(), Pending::new(input.org, draft, waves));
        }
    }
    result
}

/// One policy carries a baseline: it cannot follow the waves of one set and be written at once for another.
fn refuse_shared(drafts: &mut [Draft<'_>]) {
    let mut first: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    for draft in drafts.iter_mut().filter(|draft| draft.refused.is_none()) {
        let in_waves = draft.set.waves.is_some();
        let mut shared = None;
        for name in draft.baselines.keys().filter(|name| **name != PROTECT_EXEMPT) {
            let (set, other_in_waves) = first.entry(name).or_insert((draft.set.name.as_str(), in_waves));
            if *set != draft.set.name && (in_waves || *other_in_waves) {
                shared = shared.or(Some((*name, *set)));
            }
        }
        if let Some((name, set)) = shared {
            let message = format!(
                "baseline {name}: set {set} names it too, and one of the two has spec.rollout; a change that takes waves has its baselines \
                 to itself, because one policy carries each: name it in one set only"
            );
            draft.refuse(Refusal::new(reason::WAVE_CONFLICT, message));
        }
    }
}

/// A policy with several baselines cannot follow the waves of a change of one of them.
fn refuse_packed(ownership: &Ownership<'_>, drafts: &mut [Draft<'_>]) {
    for draft in drafts.iter_mut().filter(|draft| draft.set.waves.is_some()) {
        if let Some(names) = packs::members(draft, ownership).into_values().next() {
            let message = format!(
                "the baselines {} share a policy because slots were short, and the set has spec.rollout: a change that takes waves has \
                 one policy for each; take spec.rollout away, or name these in a set of their own",
                names.join(", ")
            );
            draft.refuse(Refusal::new(reason::WAVE_CONFLICT, message));
        }
    }
}

impl Pending {
    fn new(org: &Organization, draft: &Draft<'_>, waves: &Waves) -> Self {
        let mut left = draft.set.selection.accounts.clone();
        left.remove(&org.management_account);
        let (mut result, mut problem) = (Vec::new(), None);
        let of = waves.first.len() + 1;
        let empty = |number: usize, name: &str, why: &str| {
            let message = format!("wave {number} of {of} ({name}) {why}: correct spec.rollout.waves");
            Refusal::new(reason::WAVE_EMPTY, message)
        };
        for (at, (name, wave)) in waves.first.iter().enumerate() {
            let all = &draft.set.selection;
            let selection = Selection {
                accounts: wave.accounts.intersection(&all.accounts).copied().collect(),
                units: wave.units.intersection(&all.units).cloned().collect(),
                excluded_units: all.excluded_units.union(&wave.excluded_units).cloned().collect(),
            };
            let accounts: BTreeSet<AccountId> = selection.accounts.intersection(&left).copied().collect();
            if accounts.is_empty() {
                let why = "names no account of the set that no wave before it has";
                problem = problem.or_else(|| Some(empty(at + 1, name, why)));
            }
            left.retain(|account| !accounts.contains(account));
            let targets = cover(org, &selection, draft.set.max_direct).unwrap_or_else(|error| {
                let message = format!("wave {} of {of} ({name}): {error}", at + 1);
                problem.get_or_insert(Refusal::new(reason::COVER_TOO_FINE, message));
                Vec::new()
            });
            result.push(Wave { name: name.clone(), accounts, targets });
        }
        if left.is_empty() {
            problem = problem.or_else(|| Some(empty(of, "the rest", "has no account: those before it have them all")));
        }
        Self { waves: result, problem }
    }

    /// Why it cannot be rolled out: a wave has no account, or a canary no slot.
    pub(super) fn refusal(
        &self,
        scene: Scene<'_, '_>,
        set: &str,
        slots: &Slots<'_>,
        plan: &RolloutPlan,
    ) -> Option<Refusal> {
        let steps: Vec<&Step> = plan.waves.iter().flat_map(|wave| &wave.steps).collect();
        self.problem.clone().or_else(|| {
            slots.staging_refusal(&steps, |name| {
                is_staged(scene.input, &steps, name) || takes_place(scene, set, &steps, name)
            })
        })
    }

    /// The targets of the waves: they are wanted too.
    pub(super) fn targets(&self) -> impl Iterator<Item = &TargetId> {
        self.waves.iter().flat_map(|wave| &wave.targets).map(|target| &target.id)
    }

    /// What each wave needs, what changes, and what takes it back.
    pub(super) fn plan(&self, scene: Scene<'_, '_>, draft: &Draft<'_>) -> RolloutPlan {
        let parts = Part::all(scene, draft);
        let waves = self.waves.iter().map(|wave| {
            let steps = parts.iter().flat_map(|part| part.steps(&wave.targets));
            let mut steps: Vec<Step> = steps.collect();
            steps.sort();
            let (name, accounts, targets) = (wave.name.clone(), wave.accounts.clone(), wave.targets.clone());
            WavePlan { name, accounts, targets, steps }
        });
        let changes = parts.iter().map(|part| (part.name.to_owned(), part.change()));
        RolloutPlan {
            waves: waves.collect(),
            changes: changes.collect(),
            rollback: self.rollback(&parts, scene, draft),
        }
    }

    fn rollback(&self, parts: &[Part<'_>], scene: Scene<'_, '_>, draft: &Draft<'_>) -> Vec<Step> {
        let Some(set) = &draft.set.waves else { return Vec::new() };
        let of_waves: BTreeSet<&str> =
            self.waves.iter().flat_map(|wave| &wave.targets).map(|target| target.id.0.as_str()).collect();
        let mut steps = Vec::new();
        for part in parts {
            let (Some(carrier), key) = (part.carrier, part.baseline) else { continue };
            for (id, policy) in carrier.duplicates.iter().filter(|(_, policy)| policy.tags.contains_key(STAGED_TAG)) {
                steps.extend(policy.targets.iter().map(|target| part.take_off(id, target)));
                steps.push(Step::Delete { id: (*id).to_owned(), baseline: key.to_owned() });
            }
            // What was in place and is not known any more is left where it is.
            if set.applied.is_some() && set.good.is_none() {
                continue;
            }
            let good = part.good(set.good.as_ref());
            let stays = |target: &str| {
                let id = TargetId(target.to_owned());
                let others = scene.assignment.wanted_by_others(key, &draft.set.name, &id);
                others || !of_waves.contains(target) || good.is_some_and(|good| good.targets.contains(target))
            };
            steps.extend(part.restore(carrier, good));
            let (left, gone): (Vec<&String>, Vec<&String>) =
                carrier.policy.targets.iter().partition(|target| stays(target));
            steps.extend(gone.into_iter().map(|target| part.take_off(carrier.id, target)));
            if left.is_empty() && good.is_none() && !scene.assignment.is_others(key, &draft.set.name) {
                steps.push(Step::Delete { id: carrier.id.to_owned(), baseline: key.to_owned() });
            }
        }
        steps.sort();
        steps
    }
}

/// Whether a wave's attachment is of a policy beside the one that carries the baseline.
fn is_staged(input: &PlanInput<'_>, steps: &[&Step], policy: &PolicyRef) -> bool {
    match policy {
        PolicyRef::ById(id) => input.inventory.policies.get(id).is_some_and(|found| found.tags.contains_key(STAGED_TAG)),
        PolicyRef::ByName(name) => steps.iter().any(|step| {
            matches!(step, Step::Create { policy, .. } if policy.name == *name && policy.tags.contains_key(STAGED_TAG))
        }),
    }
}

/// Whether a wave's attachment is of a policy that takes another one's place.
fn takes_place(scene: Scene<'_, '_>, set: &str, steps: &[&Step], name: &PolicyRef) -> bool {
    let is_it = |step: &&&Step| matches!(step, Step::Attach { policy, .. } if policy == name);
    steps.iter().find(is_it).is_some_and(|step| replaced(scene, set, step.baseline()).is_some())
}

/// Ids of staged policies of ours, by baseline.
#[must_use]
pub fn staged<'a>(policies: impl Iterator<Item = (&'a String, &'a crate::Policy)>) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, policy) in policies.filter(|(_, policy)| policy.tags.contains_key(STAGED_TAG)) {
        if let Some(baseline) = policy.tags.get(BASELINE_TAG) {
            found.entry(baseline.clone()).or_default().push(id.clone());
        }
    }
    found
}
