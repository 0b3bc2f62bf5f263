//! What to write so that every guardrail set of an organization holds. Pure: the same input gives the same plan.
//!
//! Each set is drafted (what it wants, whatever is there: documents and targets), compared with the policies that are
//! there, and accepted or refused as a whole, one after the other, as they share the slots of their targets.
//!
//! A baseline has one policy, whichever sets want it. It is found by its tags, never by its name alone: what does not
//! carry both of our tags is foreign, and no step is ever about it. Steps add: a policy, its content and name put back, an
//! attachment. What is too much is taken away by removals, which come after everything else and are held back more strictly.

mod compile;
mod diff;
mod draft;
mod drift;
mod guards;
mod input;
mod ownership;
mod refusal;
mod removal;
mod rollout;
mod slots;
mod step;
mod strength;

use std::collections::{BTreeMap, BTreeSet};

pub use drift::Drift;
pub(crate) use guards::loses_allow;
pub use guards::{Access, Call, Guarded};
pub use input::{
    BASELINE_TAG, CLUSTER_TAG, Limits, Mode, OWNER_TAG, Owner, PlanInput, RETAINED_TAG, STAGED_TAG, SetInput,
};
pub use refusal::{Refusal, reason};
pub use rollout::{Good, RolloutPlan, WavePlan, Waves, staged};
pub use step::{PolicyBody, PolicyRef, Step};

use self::diff::diff;
use self::draft::Draft;
use self::ownership::Ownership;
use self::rollout::Pending;
use self::slots::Slots;
use crate::cover::{self, Target, TargetId, affected};
use soc2_posture::ids::AccountId;

/// What to write, and how each set stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Steps to take, in this order: creates, updates, attachments. Only those of sets in `Enforce` that are not refused,
    /// each once. Taking any number of them and planning again gives the rest.
    pub steps: Vec<Step>,
    /// One for each set that is not suspended, in order of name.
    pub sets: Vec<SetPlan>,
    /// Ids of the policies that are ours.
    pub owned: Vec<String>,
    /// Which policy of ours carries which baseline.
    pub carriers: BTreeMap<String, String>,
    /// Id of another cluster that has policies under our owner id. Then every set is refused.
    pub foreign_cluster: Option<String>,
    /// Policies attached now to each target that a set wants, whosever they are.
    pub slots: BTreeMap<String, u32>,
}

/// How one set stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetPlan {
    /// Name of the set.
    pub name: String,
    /// Its mode.
    pub mode: Mode,
    /// Hash of what is wanted, contents and target rules of this set of this organization, and of the removals that weaken: 64 hex digits. This is what a person
    /// approves. Accounts that come and go do not change it.
    pub hash: String,
    /// The same without removals: it does not depend on what is there.
    pub wanted: String,
    /// Whether what is wanted is there. [`Drift::is_harmless`] differences do not count; a refused set is not in sync.
    pub in_sync: bool,
    /// What differs.
    pub drift: Vec<Drift>,
    /// What this set needs, whether it may be written (`Enforce`) or not. Empty when refused.
    pub steps: Vec<Step>,
    /// What is too much and this set's to take away, after `steps` and once those are enforced. Empty when refused.
    pub removals: Vec<Step>,
    /// Why nothing is done for it.
    pub refused: Option<Refusal>,
    /// Its baselines, each with where it belongs; empty when refused before that was known.
    pub baselines: Vec<BaselinePlan>,
    /// Its waves, while it has something to roll out.
    pub rollout: Option<RolloutPlan>,
    /// Accounts that its targets affect, after inheritance.
    pub affected_accounts: u32,
    /// Accounts for which `steps` and `removals` change something, after inheritance.
    pub changed_accounts: u32,
    /// It is being deleted, and takes its policies away.
    pub removing: bool,
}

/// How many writes of each kind a plan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Policies to create.
    pub create: u32,
    /// Policies to put back or change.
    pub update: u32,
    /// Attachments to make.
    pub attach: u32,
    /// Attachments to take away.
    pub detach: u32,
    /// Policies to delete.
    pub delete: u32,
}

/// One baseline of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselinePlan {
    /// Name of the baseline.
    pub name: String,
    /// The policy of ours that carries it.
    pub policy_id: Option<String>,
    /// Where it has to be attached.
    pub targets: Vec<Target>,
    /// At how many of them it is.
    pub attached: u32,
}

impl SetPlan {
    /// How many policies are to be created, updated, attached, detached and deleted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for step in self.all() {
            match step {
                Step::Create { .. } => counts.create += 1,
                Step::Update { .. } => counts.update += 1,
                Step::Attach { .. } => counts.attach += 1,
                Step::Detach { .. } => counts.detach += 1,
                Step::Delete { .. } => counts.delete += 1,
            }
        }
        counts
    }

    /// Steps and removals, in the order in which they are done.
    pub fn all(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.removals)
    }

    /// Whether an account may be less protected afterwards.
    #[must_use]
    pub fn weakens(&self) -> bool {
        self.all().any(Step::weakens)
    }
}

/// Plans all guardrail sets of an organization together.
///
/// Nothing that is not ours is touched. A set is done as a whole or refused as a whole. Where slots are short, or two
/// sets contradict each other, those in `Enforce` come first, of these those that are in place, then by name.
#[must_use]
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let mut drafts: Vec<Draft<'_>> = input.sets.iter().map(|set| Draft::new(set, input)).collect();
    // What is in place comes before what is not: a newcomer does not displace it.
    drafts.sort_by_key(|draft| (draft.set.mode != Mode::Enforce, !draft.set.in_place, draft.set.name.as_str()));
    draft::complete(&mut drafts, input);
    let library: Vec<&str> = input.library.iter().map(|guardrail| guardrail.name.as_str()).collect();
    let ownership = Ownership::new(input.inventory, input.owner, &library);
    let pending = rollout::pending(input, &mut drafts);
    let mut wanted = draft::wanted(&drafts);
    for (draft, waves) in drafts.iter().filter_map(|draft| Some((draft, pending.get(&draft.set.name)?))) {
        waves.want(draft, &mut wanted);
    }
    let for_all = refused_for_all(input, &ownership);
    let mut removals = removal::removals(input, &ownership, &drafts, &wanted);
    let mut slots = Slots::new(input);
    let mut steps = BTreeSet::new();
    let mut plan = Plan::default();
    for mut draft in drafts.into_iter().filter(|draft| !draft.set.suspended) {
        if for_all.is_some() {
            draft.refused.clone_from(&for_all);
        }
        let removals = removals.remove(&draft.set.name).unwrap_or_default();
        let waves = pending.get(&draft.set.name);
        let set = set_plan(input, &ownership, (&wanted, waves), &slots, draft, removals);
        if set.mode == Mode::Enforce {
            slots.accept(&set.steps);
            set.rollout.iter().flat_map(|rollout| &rollout.waves).for_each(|wave| slots.accept(&wave.steps));
            steps.extend(set.steps.iter().cloned());
        }
        let targets = set.baselines.iter().flat_map(|baseline| &baseline.targets);
        plan.slots.extend(targets.map(|target| (target.id.0.clone(), count(slots.used(&target.id)))));
        plan.sets.push(set);
    }
    plan.sets.sort_by(|left, right| left.name.cmp(&right.name));
    plan.steps = steps.into_iter().collect();
    plan.carriers =
        ownership.carriers().map(|(baseline, carrier)| (baseline.to_owned(), carrier.id.to_owned())).collect();
    plan.owned = ownership.owned;
    plan.foreign_cluster = ownership.foreign_cluster;
    plan
}

/// What holds up every set.
fn refused_for_all(input: &PlanInput<'_>, ownership: &Ownership<'_>) -> Option<Refusal> {
    let (org, owner) = (input.org, input.owner);
    if org.id != owner.organization_id {
        let message = format!("organization {} was read, and {} is taken care of", org.id, owner.organization_id);
        return Some(Refusal::new(reason::WRONG_ORGANIZATION, message));
    }
    if let Some(cluster) = &ownership.foreign_cluster {
        let message = format!(
            "there are policies with the owner id {:?} of cluster {cluster}, and this is cluster {}: choose another \
             ownerId, or remove that cluster's policies",
            owner.owner_id, owner.cluster_id
        );
        return Some(Refusal::new(reason::OWNED_BY_OTHER_CLUSTER, message));
    }
    (!org.scp_enabled).then(|| {
        let message = format!(
            "service control policies are not enabled in root {root}: in the management account, run `aws organizations \
             enable-policy-type --root-id {root} --policy-type SERVICE_CONTROL_POLICY`",
            root = org.root
        );
        Refusal::new(reason::SCP_NOT_ENABLED, message)
    })
}

/// Compares what a set wants with what is there, and refuses it where it cannot be had.
fn set_plan(
    input: &PlanInput<'_>,
    ownership: &Ownership<'_>,
    (wanted, pending): (&BTreeMap<&str, BTreeSet<TargetId>>, Option<&Pending>),
    slots: &Slots<'_>,
    mut draft: Draft<'_>,
    mut removals: Vec<Step>,
) -> SetPlan {
    let (mut found, mut steps, mut baselines) = (Vec::new(), Vec::new(), Vec::new());
    if !input.org.scp_enabled {
        found.push(Drift::ScpDisabled { root: input.org.root.clone() });
    }
    let empty = BTreeSet::new();
    let mut taken = None;
    for (name, compiled) in &draft.baselines {
        let diff = diff(input, ownership, compiled, &draft.targets, wanted.get(name).unwrap_or(&empty));
        baselines.push(diff.baseline);
        found.extend(diff.drift);
        steps.extend(diff.steps);
        taken = taken.or(diff.refused);
    }
    let accounts = affected(input.org, &draft.targets);
    let locks_out = || {
        let baselines = draft.baselines.values();
        // A change of a policy reaches wherever it is attached, whoever attached it.
        let reached: BTreeSet<AccountId> = accounts.union(&changed(input, steps.iter())).copied().collect();
        let mut refusals = baselines.filter_map(|compiled| guards::refusal(input.guarded, compiled, &reached));
        let loses_allow = |steps: &[Step]| guards::loses_allow(input.inventory, steps);
        refusals.next().or_else(|| loses_allow(&steps)).or_else(|| loses_allow(&removals))
    };
    let pending = pending.filter(|_| !steps.is_empty());
    let mut rollout = pending.map(|pending| pending.plan(input, ownership, &draft));
    let unfit = || pending?.refusal(input, slots, rollout.as_ref()?);
    if let Some(refusal) = taken.or_else(|| slots.refusal(&steps)).or_else(unfit).or_else(locks_out) {
        draft.refuse(refusal);
    }
    if draft.refused.is_some() {
        steps.clear();
        removals.clear();
        rollout = None;
    }
    steps.sort();
    found.extend(abandoned(&draft, &removals));
    SetPlan {
        name: draft.set.name.clone(),
        mode: draft.set.mode,
        hash: draft.hash(&input.org.id, &removals),
        wanted: draft.hash(&input.org.id, &[]),
        in_sync: draft.refused.is_none() && steps.is_empty() && found.iter().all(Drift::is_harmless),
        affected_accounts: count(accounts.len()),
        changed_accounts: count(changed(input, steps.iter().chain(&removals)).len()),
        removing: draft.set.removing,
        refused: draft.refused,
        drift: found,
        steps,
        removals,
        baselines,
        rollout,
    }
}

/// What is there of baselines that the set does not name any more.
fn abandoned(draft: &Draft<'_>, removals: &[Step]) -> Vec<Drift> {
    let gone = removals.iter().filter_map(|step| match step {
        Step::Detach { id, baseline, target, weakens } if !draft.baselines.contains_key(baseline.as_str()) => {
            let (baseline, policy, target) = (baseline.clone(), id.clone(), target.0.clone());
            Some(Drift::Elsewhere { baseline, policy, target, inherited: !weakens })
        }
        _ => None,
    });
    gone.collect()
}

/// Accounts for which these steps change something.
fn changed<'a>(input: &PlanInput<'_>, steps: impl Iterator<Item = &'a Step>) -> BTreeSet<AccountId> {
    let mut targets = BTreeSet::new();
    for step in steps {
        match step {
            Step::Attach { target, .. } => drop(targets.insert(target.id.0.as_str())),
            Step::Detach { target, weakens: true, .. } => drop(targets.insert(target.0.as_str())),
            Step::Update { id, .. } => {
                let policy = input.inventory.policies.get(id);
                targets.extend(policy.iter().flat_map(|policy| &policy.targets).map(String::as_str));
            }
            Step::Create { .. } | Step::Detach { .. } | Step::Delete { .. } => {}
        }
    }
    cover::below(input.org, &targets)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
