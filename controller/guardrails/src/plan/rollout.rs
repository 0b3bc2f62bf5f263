//! Waves: what a change writes for the canaries before it is written for all, and what takes it off them again.
//!
//! The last wave is the plan itself. A wave before it attaches what is new only to its own targets. Where the change is one of the
//! content of a policy that is attached already, its new content is *staged*: a second policy, attached to the canaries beside the
//! first. So they have the old content and the new until the last wave changes the first policy itself, in one write, and the second
//! one goes. At no time is anybody without what both contents deny, or denied what neither does.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use super::compile::Compiled;
use super::draft::Draft;
use super::holding::{Holding, MAX_DESCRIPTION};
use super::input::{BASELINE_TAG, PlanInput, STAGED_TAG};
use super::ownership::{Carrier, Ownership};
use super::packs;
use super::refusal::{Refusal, reason};
use super::slots::Slots;
use super::step::{PolicyBody, PolicyRef, Step};
use super::strength::still_denies;
use super::work::Scene;
use crate::cover::{Selection, Target, TargetId, cover};
use crate::document::Document;
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
    pub(super) fn refusal(&self, input: &PlanInput<'_>, slots: &Slots<'_>, plan: &RolloutPlan) -> Option<Refusal> {
        let steps: Vec<&Step> = plan.waves.iter().flat_map(|wave| &wave.steps).collect();
        self.problem.clone().or_else(|| slots.staging_refusal(&steps, |name| is_staged(input, &steps, name)))
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
        let changes = parts.iter().map(|part| {
            let old = part.carrier.filter(|carrier| !carrier.policy.targets.is_empty());
            let old =
                old.map(|carrier| carrier.policy.content.clone()).filter(|old| !same(old, &part.compiled.document));
            (part.name.to_owned(), (part.compiled.content.clone(), old))
        });
        RolloutPlan { waves: waves.collect(), changes: changes.collect(), rollback: self.rollback(&parts, scene, draft) }
    }

    fn rollback(&self, parts: &[Part<'_>], scene: Scene<'_, '_>, draft: &Draft<'_>) -> Vec<Step> {
        let Some(set) = &draft.set.waves else { return Vec::new() };
        let of_waves: BTreeSet<&str> =
            self.waves.iter().flat_map(|wave| &wave.targets).map(|target| target.id.0.as_str()).collect();
        let mut steps = Vec::new();
        for part in parts {
            let (Some(carrier), name, key) = (part.carrier, part.name, part.baseline) else { continue };
            for (id, policy) in carrier.duplicates.iter().filter(|(_, policy)| policy.tags.contains_key(STAGED_TAG)) {
                steps.extend(policy.targets.iter().map(|target| part.take_off(id, target)));
                steps.push(Step::Delete { id: (*id).to_owned(), baseline: key.to_owned() });
            }
            // What was in place and is not known any more is left where it is.
            if set.applied.is_some() && set.good.is_none() {
                continue;
            }
            let good = set.good.as_ref().filter(|good| good.contents.contains_key(name));
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

fn same(content: &str, document: &Document) -> bool {
    Document::parse(content).is_ok_and(|found| found == *document)
}

/// One baseline of a change.
struct Part<'a> {
    input: &'a PlanInput<'a>,
    name: &'a str,
    /// Key of its policy.
    baseline: &'a str,
    compiled: &'a Compiled<'a>,
    carrier: Option<&'a Carrier<'a>>,
}

impl<'a> Part<'a> {
    /// Those for which policies of others do not do.
    fn all(scene: Scene<'a, 'a>, draft: &'a Draft<'a>) -> Vec<Self> {
        let part = |(name, compiled): (&&'a str, &'a Compiled<'a>)| {
            let baseline = scene.assignment.key(&draft.set.name, name)?;
            let carrier = scene.ownership.carrier(baseline);
            (!draft.needs(name).is_empty()).then_some(Self { input: scene.input, name, baseline, compiled, carrier })
        };
        draft.baselines.iter().filter_map(part).collect()
    }

    fn body(&self) -> PolicyBody {
        Holding::single(self.name, self.compiled, self.baseline, Vec::new()).body(self.input)
    }

    /// What is missing at the targets of a wave.
    fn steps(&self, targets: &[Target]) -> Vec<Step> {
        let body = self.body();
        let Some(carrier) = self.carrier else {
            return self.attach_new(body, targets);
        };
        if same(&carrier.policy.content, &self.compiled.document) {
            return self.attach(carrier.id, &carrier.policy.targets, targets);
        }
        // Nobody has it, or it protects those who are exempt from what comes: it is changed itself.
        if carrier.policy.targets.is_empty() || self.is_protection(carrier) {
            let mut steps = self.attach(carrier.id, &carrier.policy.targets, targets);
            steps.push(self.update(carrier.id, body, false));
            return steps;
        }
        if self.name == PROTECT_EXEMPT {
            // It says less than before: that comes last.
            return self.attach(carrier.id, &carrier.policy.targets, targets);
        }
        self.stage(carrier, body, targets)
    }

    fn is_protection(&self, carrier: &Carrier<'_>) -> bool {
        let found = Document::parse(&carrier.policy.content);
        self.name == PROTECT_EXEMPT && found.is_ok_and(|found| still_denies(&self.compiled.document, &found))
    }

    /// The new content beside the old one.
    fn stage(&self, carrier: &Carrier<'_>, mut body: PolicyBody, targets: &[Target]) -> Vec<Step> {
        let digest = digest(&body.content);
        body.name = self.input.owner.staged_name(self.baseline, &digest);
        body.description = format!("Staged for the first waves of a change. {}", body.description);
        body.description = body.description.chars().take(MAX_DESCRIPTION).collect();
        body.tags.insert(STAGED_TAG.to_owned(), digest.clone());
        let is_it = |policy: &crate::Policy| policy.tags.get(STAGED_TAG) == Some(&digest);
        let Some((id, found)) = carrier.duplicates.iter().find(|(_, policy)| is_it(policy)) else {
            return self.attach_new(body, targets);
        };
        let mut steps = self.attach(id, &found.targets, targets);
        if !same(&found.content, &self.compiled.document) {
            steps.push(self.update(id, body, false));
        }
        steps
    }

    fn attach_new(&self, body: PolicyBody, targets: &[Target]) -> Vec<Step> {
        let baseline = || self.baseline.to_owned();
        let policy = PolicyRef::ByName(body.name.clone());
        let attach =
            |target: &Target| Step::Attach { policy: policy.clone(), baseline: baseline(), target: target.clone() };
        let mut steps: Vec<Step> = targets.iter().map(attach).collect();
        steps.push(Step::Create { baseline: baseline(), policy: body });
        steps
    }

    /// Attachments to those targets that do not have it and do not inherit it.
    fn attach(&self, id: &str, attached: &BTreeSet<String>, targets: &[Target]) -> Vec<Step> {
        let org = self.input.org;
        let has = |target: &Target| {
            let parent = target.id.0.parse::<AccountId>().ok().and_then(|account| org.accounts.get(&account));
            let unit = parent.map_or(target.id.0.as_str(), |account| account.parent.as_str());
            attached.contains(&target.id.0) || org.ancestors(unit).iter().any(|above| attached.contains(*above))
        };
        let missing = targets.iter().filter(|target| !has(target));
        let attach = |target: &Target| Step::Attach {
            policy: PolicyRef::ById(id.to_owned()),
            baseline: self.baseline.to_owned(),
            target: target.clone(),
        };
        missing.map(attach).collect()
    }

    fn update(&self, id: &str, policy: PolicyBody, weakens: bool) -> Step {
        Step::Update { id: id.to_owned(), baseline: self.baseline.to_owned(), policy, weakens }
    }

    /// Puts back the content that was last in place, where it is another one.
    fn restore(&self, carrier: &Carrier<'_>, good: Option<&Good>) -> Option<Step> {
        let content = good?.contents.get(self.name)?;
        let other = Document::parse(content).is_ok_and(|good| !same(&carrier.policy.content, &good));
        // What protects those who are exempt is for all sets.
        (other && self.name != PROTECT_EXEMPT).then(|| {
            let body = PolicyBody { content: content.clone(), ..self.body() };
            self.update(carrier.id, body, false)
        })
    }

    fn take_off(&self, id: &str, target: &str) -> Step {
        let (id, baseline) = (id.to_owned(), self.baseline.to_owned());
        Step::Detach { id, baseline, target: TargetId(target.to_owned()), weakens: false }
    }
}

/// What tells the staged policies of one baseline apart.
fn digest(content: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(content));
    digits.truncate(16);
    digits
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
