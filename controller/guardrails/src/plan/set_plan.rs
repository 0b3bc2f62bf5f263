//! How a set stands, for people and for the gate.

use std::collections::{BTreeMap, BTreeSet};

use super::diff;
use super::drift::Drift;
use super::guards;
use super::input::PlanInput;
use super::key;
use super::step::Step;
use super::wanted::Wanted;
use super::work::{Scene, Work};
use super::{BaselinePlan, SetPlan, affected, changed, count};

/// How a set stands, with what it takes away.
pub(super) fn set_plan(scene: Scene<'_, '_>, wanted: &Wanted, mut work: Work<'_>, mut removals: Vec<Step>) -> SetPlan {
    let input = scene.input;
    let mut found = Vec::new();
    if !input.org.scp_enabled {
        found.push(Drift::ScpDisabled { root: input.org.root.clone() });
    }
    let mut steps = work.steps();
    for (holding, diff) in work.holdings.iter().zip(&work.diffs) {
        found.extend(diff.drift.iter().cloned());
        if let Some(carrier) = scene.ownership.carrier(&holding.key) {
            found.extend(diff::elsewhere(input.org, &holding.key, carrier, &wanted.of(&holding.key)));
        }
    }
    if let Some(refusal) = guards::loses_allow(input.inventory, &removals) {
        work.draft.refuse(refusal);
    }
    if work.draft.refused.is_some() {
        steps.clear();
        removals.clear();
    }
    found.extend(abandoned(&work, &removals));
    let accounts = affected(input.org, &work.draft.targets);
    let (baselines, rollout, draft) = (baseline_plans(input, &work), work.rollout, work.draft);
    let rollout = rollout.filter(|_| draft.refused.is_none());
    SetPlan {
        name: draft.set.name.clone(),
        mode: draft.set.mode,
        hash: draft.hash(&input.org.id, &removals),
        wanted: draft.hash(&input.org.id, &[]),
        in_sync: draft.refused.is_none() && steps.is_empty() && found.iter().all(Drift::is_harmless),
        affected_accounts: count(accounts.len()),
        changed_accounts: count(changed(input, steps.iter().chain(&removals)).len()),
        removing: draft.set.removing,
        policies: count(work.holdings.len()),
        own: Vec::new(),
        shared: draft.shared,
        refused: draft.refused,
        drift: found,
        steps,
        removals,
        baselines,
        rollout,
    }
}

/// Each baseline of a set with its policy, or with those of others that do.
fn baseline_plans(input: &PlanInput<'_>, work: &Work<'_>) -> Vec<BaselinePlan> {
    let of = |name: &&str| {
        let home = work.home(name);
        let others = home.iter().flat_map(|(holding, _)| &holding.baselines).filter(|other| *other != name);
        BaselinePlan {
            name: (*name).to_owned(),
            key: home.map(|(holding, _)| holding.key.clone()),
            policy: home.map(|(holding, _)| input.owner.policy_name(&holding.key)),
            policy_id: home.and_then(|(_, diff)| diff.policy_id.clone()),
            packed_with: others.map(|other| (*other).to_owned()).collect(),
            targets: work.draft.targets.clone(),
            attached: home.map_or(0, |(_, diff)| diff.attached),
            satisfied: work.draft.satisfied.get(name).cloned().unwrap_or_default(),
        }
    };
    work.draft.baselines.keys().map(of).collect()
}

/// What is there of policies that are not the set's any more.
fn abandoned(work: &Work<'_>, removals: &[Step]) -> Vec<Drift> {
    let its = |key: &str| work.holdings.iter().any(|holding| holding.key == key);
    let gone = removals.iter().filter_map(|step| match step {
        Step::Detach { id, baseline, target, weakens } if !its(baseline) => {
            let (baseline, policy, target) = (baseline.clone(), id.clone(), target.0.clone());
            Some(Drift::Elsewhere { baseline, policy, target, inherited: !weakens })
        }
        Step::Update { id, baseline, .. } => Some(Drift::Left { baseline: baseline.clone(), policy: id.clone() }),
        _ => None,
    });
    gone.collect()
}

/// Ids of policies that only one set wants, by set. A set of which it is not known what it wants of a baseline may want any.
pub(super) fn own(works: &[Work<'_>]) -> BTreeMap<String, Vec<String>> {
    let mut sets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for work in works {
        for (holding, diff) in work.holdings.iter().zip(&work.diffs) {
            let Some(id) = diff.policy_id.as_deref() else { continue };
            let baseline = key::baseline_of(&holding.key);
            let unclear = works.iter().filter(|other| other.draft.is_unclear(baseline));
            let all = unclear.chain([work]).map(|work| work.draft.set.name.as_str());
            sets.entry(id).or_default().extend(all);
        }
    }
    let mut own: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, sets) in sets {
        if let [set] = sets.into_iter().collect::<Vec<_>>()[..] {
            own.entry(set.to_owned()).or_default().push(id.to_owned());
        }
    }
    own
}
