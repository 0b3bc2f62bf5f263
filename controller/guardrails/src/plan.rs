//! What to write so that every guardrail set of an organization holds. Pure: the same input gives the same plan.
//!
//! Each set is drafted (what it wants, whatever is there: documents and targets), compared with the policies that are
//! there, and accepted or refused as a whole, one after the other, as they share the slots of their targets.
//!
//! What sets say of a baseline alike has one policy, whichever sets want it; a variant of it has one of its own; and where slots are
//! short several baselines of a set are in one. Policies are found by their tags, never by their names alone: what does not
//! carry both of our tags is foreign, and no step is ever about it, unless a set adopts it. Steps add: a policy, its content and name
//! put back, an attachment. What is too much is taken away by removals, which come after everything else and are held back more strictly.

mod adopt;
mod after;
mod assign;
mod compile;
mod conflict;
mod diff;
mod draft;
mod drift;
mod effective;
mod guards;
mod holding;
mod input;
mod key;
mod ownership;
mod packs;
mod refusal;
mod removal;
mod rollout;
mod satisfied;
mod set_plan;
mod slots;
mod spare;
mod step;
mod strength;
mod wanted;
mod work;

use std::collections::{BTreeMap, BTreeSet};

pub use after::after;
pub use conflict::Shared;
pub use drift::Drift;
pub use effective::{EffectiveChange, EffectiveChanges, EffectiveStatement, Most, effective_changes};
pub(crate) use guards::loses_allow;
pub use guards::{Access, Call, Guarded};
pub(crate) use holding::{MAX_DESCRIPTION, statements};
pub use input::{
    BASELINE_TAG, CLUSTER_TAG, Limits, Mode, OWNER_TAG, Owner, PlanInput, RETAINED_TAG, STAGED_TAG, SetInput,
};
pub use key::baseline_of;
pub(crate) use key::{set_of_pack, stand_in, stands_in_for};
pub use refusal::{Refusal, reason};
pub use rollout::{Good, RolloutPlan, WavePlan, Waves, staged};
pub use step::{PolicyBody, PolicyRef, Step};
pub(crate) use strength::still_denies;

use self::assign::Assignment;
use self::draft::Draft;
use self::ownership::Ownership;
use self::satisfied::Foreign;
use self::set_plan::{own, set_plan};
use self::slots::Slots;
use self::wanted::Wanted;
use self::work::{Scene, Work};
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
    /// Ids of our policies by what each is for: a baseline; with `/` and eight digits behind it a variant of it; or a pack.
    pub carriers: BTreeMap<String, String>,
    /// Ids of policies of a cluster that is taken over. They are tagged as ours before anything else is written.
    pub retag: Vec<String>,
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
    /// Baselines that other sets want with other parameters or exemptions on some of its accounts.
    pub shared: Vec<Shared>,
    /// Ids of policies that are for this set alone.
    pub own: Vec<String>,
    /// Policies of ours that it is to have.
    pub policies: u32,
}

/// How many writes of each kind a plan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Policies of others to take over.
    pub adopt: u32,
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
    /// What its policy is for, as steps say it; `None` where policies of others do.
    pub key: Option<String>,
    /// Name of its policy.
    pub policy: Option<String>,
    /// The policy of ours that carries it.
    pub policy_id: Option<String>,
    /// Baselines of the set that are in the same policy.
    pub packed_with: Vec<String>,
    /// Where it has to be attached.
    pub targets: Vec<Target>,
    /// At how many of them it is.
    pub attached: u32,
    /// Where policies of others deny the same already: their ids, by id of the target.
    pub satisfied: BTreeMap<TargetId, Vec<String>>,
}

impl BaselinePlan {
    /// Ids of policies of others that deny the same at some of its targets.
    #[must_use]
    pub fn satisfied_by(&self) -> BTreeSet<&str> {
        self.satisfied.values().flatten().map(String::as_str).collect()
    }
}

impl Plan {
    /// Whether a policy of ours carries a baseline alone.
    #[must_use]
    pub fn carries(&self, baseline: &str) -> bool {
        self.carriers.keys().any(|key| key::baseline_of(key) == baseline && key::set_of_pack(key).is_none())
    }

    /// Ids of policies that stand in for one of a set's with several baselines, where a release took one of these off.
    pub fn standing_in(&self, set: &str) -> impl Iterator<Item = &str> {
        let its = move |key: &str| key::stands_in_for(key).is_some() && key::set_of_pack(key) == Some(set);
        self.carriers.iter().filter(move |(key, _)| its(key)).map(|(_, id)| id.as_str())
    }
}

impl SetPlan {
    /// How many policies are to be created, updated, attached, detached and deleted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for step in self.all() {
            match step {
                Step::Adopt { .. } => counts.adopt += 1,
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
    let adopted = adopt::adopted(&mut drafts, input);
    let ownership = Ownership::new(input, &adopted);
    let foreign = Foreign::new(input, &ownership);
    draft::satisfy(&mut drafts, &foreign, &ownership);
    draft::complete(&mut drafts, input);
    draft::satisfy(&mut drafts, &foreign, &ownership);
    conflict::compare(&mut drafts, input.org);
    let pending = rollout::pending(input, &ownership, &mut drafts);
    let for_all = refused_for_all(input, &ownership);
    let assignment = Assignment::new(&drafts, input.org, &ownership, |draft, name| {
        draft.baselines.get(name).is_some_and(|compiled| packs::with(&ownership, draft.set, compiled).is_empty())
    });
    let scene = Scene { input, ownership: &ownership, assignment: &assignment, pending: &pending };
    let mut slots = Slots::new(input);
    let work = |draft| Work::new(scene, draft, for_all.as_ref(), &mut slots);
    let mut works: Vec<Work<'_>> = drafts.into_iter().map(work).collect();
    spare::advise(scene, &mut works);
    let wanted = Wanted::new(&works, &pending);
    let mut removals = removal::removals(input, &ownership, &works, &wanted);
    let own = own(&works);
    let mut steps = BTreeSet::new();
    let mut plan = Plan::default();
    for work in works.into_iter().filter(|work| !work.draft.set.suspended) {
        let removals = removals.remove(&work.draft.set.name).unwrap_or_default();
        let mut set = set_plan(scene, &wanted, work, removals);
        set.own = own.get(&set.name).cloned().unwrap_or_default();
        if set.mode == Mode::Enforce {
            steps.extend(set.steps.iter().cloned());
        }
        let targets = set.baselines.iter().flat_map(|baseline| &baseline.targets);
        plan.slots.extend(targets.map(|target| (target.id.0.clone(), count(slots.used(&target.id)))));
        plan.sets.push(set);
    }
    plan.sets.sort_by(|left, right| left.name.cmp(&right.name));
    plan.steps = steps.into_iter().collect();
    plan.carriers = ownership.carriers().map(|(key, carrier)| (key.to_owned(), carrier.id.to_owned())).collect();
    plan.owned = ownership.owned;
    plan.retag = if for_all.is_none() { ownership.retag } else { Vec::new() };
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
            "there are policies with the owner id {:?} of cluster {cluster}, and this is cluster {}: take them over with the annotation \
             soc2-operator.dev/take-over: {cluster} on the AwsOrganization once that cluster is gone, choose another ownerId, or \
             remove that cluster's policies",
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
            Step::Adopt { .. } | Step::Create { .. } | Step::Detach { .. } | Step::Delete { .. } => {}
        }
    }
    cover::below(input.org, &targets)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
