//! What is too much: attachments of ours that no set wants, second policies for one thing, statements that left a policy with several
//! baselines, policies that are attached nowhere.
//!
//! Nothing here is done before everything that is wanted is in place and enforced, and what leaves an account with less is done only
//! when a person approved exactly that. A baseline that some set names is left alone while that set cannot be planned, because
//! what it wants is not known then.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::holding::statements;
use super::input::{PlanInput, STAGED_TAG};
use super::key;
use super::ownership::{Carrier, Ownership};
use super::step::Step;
use super::strength::still_denies;
use super::wanted::Wanted;
use super::work::Work;
use crate::cover::TargetId;
use crate::document::Document;
use crate::inventory::Policy;
use crate::library::PROTECT_EXEMPT;
use crate::tree::path;

/// Steps that take away, by the set that answers for them.
pub(super) fn removals(
    input: &PlanInput<'_>,
    ownership: &Ownership<'_>,
    works: &[Work<'_>],
    wanted: &Wanted,
) -> BTreeMap<String, Vec<Step>> {
    let mut result: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    for (key, carrier) in ownership.carriers() {
        let excess = Excess { input, ownership, key, carrier, wanted };
        for (target, step) in excess.steps() {
            if let Some(set) = answers_for(key, target.as_deref(), works) {
                let its = works.iter().find(|work| work.draft.set.name == set);
                let step = its.map_or_else(|| step.clone(), |work| in_the_end(input, work, &step));
                result.entry(set.to_owned()).or_default().push(step);
            }
        }
    }
    for work in works {
        let reduced = work.holdings.iter().filter_map(|holding| {
            let (rest, carrier) = (holding.rest.as_ref()?, ownership.carrier(&holding.key)?);
            let excess = Excess { input, ownership, key: &holding.key, carrier, wanted };
            let policy = holding.body_saying(input, rest);
            let (id, baseline) = (carrier.id.to_owned(), holding.key.clone());
            Some(Step::Update { id, baseline, weakens: excess.loses(rest), policy })
        });
        result.entry(work.draft.set.name.clone()).or_default().extend(reduced);
    }
    result
}

/// Whether a set that has waves will have the same there in the end counts for it: nothing is taken away before, and what was approved
/// at the first wave is to be the same at the last.
fn in_the_end(input: &PlanInput<'_>, work: &Work<'_>, step: &Step) -> Step {
    let mut step = step.clone();
    let Step::Detach { id, target, weakens, .. } = &mut step else { return step };
    let gone = input.inventory.policies.get(id).and_then(|policy| Document::parse(&policy.content).ok());
    if let (Some(_), Some(gone), Some(above)) = (&work.draft.set.waves, gone, path(input.org, &target.0)) {
        let mut there = work
            .holdings
            .iter()
            .filter(|holding| holding.targets.iter().any(|target| above.contains(&target.id.0.as_str())));
        *weakens &= !there.any(|holding| still_denies(&holding.document, &gone));
    }
    step
}

/// The set that takes away what is too much of a policy: one that is being removed, else one that names its baseline, the one that
/// wants it at this target first, else one that did.
fn answers_for<'a>(key: &str, target: Option<&str>, works: &'a [Work<'_>]) -> Option<&'a str> {
    let drafts = || works.iter().map(|work| &work.draft);
    let able = |draft: &&Draft<'_>| !draft.set.suspended && (draft.refused.is_none() || draft.set.removing);
    let pack = key::set_of_pack(key);
    let baseline = key::baseline_of(key);
    let names = |draft: &Draft<'_>| draft.set.baselines.iter().any(|name| name == baseline);
    let had = |draft: &Draft<'_>| draft.set.previous.iter().any(|name| name == baseline);
    // What protects exempt principals comes with any set, and a pack may hold what any set has no place of its own for.
    let may_want = |draft: &Draft<'_>| pack.is_some() || names(draft) || baseline == PROTECT_EXEMPT || had(draft);
    if drafts().any(|draft| may_want(draft) && draft.refused.is_some() && !draft.set.removing) {
        return None;
    }
    let wants = |draft: &Draft<'_>| names(draft) || draft.baselines.contains_key(baseline);
    // What a suspended set has stands, also when it says something else.
    let here = |draft: &Draft<'_>| target.is_some_and(|target| draft.targets.iter().any(|one| one.id.0 == target));
    if pack.is_none() && drafts().any(|draft| draft.set.suspended && wants(draft) && here(draft)) {
        return None;
    }
    if let Some(set) = pack {
        return drafts().filter(able).find(|draft| draft.set.name == set).map(|draft| draft.set.name.as_str());
    }
    let rank = |draft: &Draft<'_>| match (draft.set.removing, names(draft), had(draft)) {
        (true, true, _) | (true, _, true) => Some((0, false, false)),
        (false, true, _) => Some((1, !here(draft), !draft.set.writes())),
        (false, _, true) => Some((2, !here(draft), !draft.set.writes())),
        _ => None,
    };
    let ranked = drafts().filter(able).filter_map(|draft| Some((rank(draft)?, draft.set.name.as_str())));
    ranked.min().map(|(_, name)| name)
}

/// What is too much of one policy.
struct Excess<'s, 'a> {
    input: &'s PlanInput<'a>,
    ownership: &'s Ownership<'a>,
    key: &'s str,
    carrier: &'s Carrier<'a>,
    wanted: &'s Wanted,
}

impl Excess<'_, '_> {
    /// Each step with the target that it is about.
    fn steps(&self) -> Vec<(Option<String>, Step)> {
        let Carrier { id, policy, duplicates, .. } = self.carrier;
        let mut steps = Vec::new();
        let too_much = |target: &&String| !self.wanted.at(self.key, target) && !self.stands_in(target);
        for target in policy.targets.iter().filter(too_much) {
            steps.extend(self.detach(id, policy, target));
        }
        if policy.targets.is_empty() && self.wanted.nowhere(self.key) {
            steps.push((None, self.delete(id)));
        }
        for (other, policy) in duplicates {
            steps.extend(policy.targets.iter().filter_map(|target| self.detach(other, policy, target)));
            if policy.targets.is_empty() {
                steps.push((None, self.delete(other)));
            }
        }
        steps
    }

    /// Whether it is at a target for a policy that is wanted and not there, because a release took one of its baselines off.
    fn stands_in(&self, target: &str) -> bool {
        let Some((key, _)) = key::stands_in_for(self.key) else { return false };
        let there = self.ownership.carrier(key).is_some_and(|carrier| carrier.policy.targets.contains(target));
        self.wanted.at(key, target) && !there
    }

    /// `None` for what does not exist any more: AWS takes such attachments away itself.
    fn detach(&self, id: &str, policy: &Policy, target: &str) -> Option<(Option<String>, Step)> {
        let above = path(self.input.org, target)?;
        // What is staged was never approved for more than the first waves.
        let staged = policy.tags.contains_key(STAGED_TAG);
        let weakens = !(staged || self.others_deny(&above, &policy.content));
        let (baseline, at) = (self.key.to_owned(), TargetId(target.to_owned()));
        Some((Some(target.to_owned()), Step::Detach { id: id.to_owned(), baseline, target: at, weakens }))
    }

    fn delete(&self, id: &str) -> Step {
        Step::Delete { id: id.to_owned(), baseline: self.key.to_owned() }
    }

    /// Whether a policy of ours that stays on one of these units denies all that a content does.
    fn others_deny(&self, units: &[&str], content: &str) -> bool {
        let stays = |key: &str, carrier: &Carrier<'_>| {
            units.iter().any(|unit| carrier.policy.targets.contains(*unit) && self.wanted.at(key, unit))
        };
        let denies = |carrier: &Carrier<'_>| {
            carrier.policy.content == content
                || matches!(
                    (Document::parse(&carrier.policy.content), Document::parse(content)),
                    (Ok(kept), Ok(gone)) if still_denies(&kept, &gone)
                )
        };
        let baseline = key::baseline_of(self.key);
        let mut alike = self.ownership.carriers().filter(|(key, _)| {
            let of_pack = key::set_of_pack(key).is_some() || key::set_of_pack(self.key).is_some();
            of_pack || key::baseline_of(key) == baseline
        });
        alike.any(|(key, carrier)| stays(key, carrier) && denies(carrier))
    }

    /// Whether some account may have less when the policy says only this: what it says besides is nowhere else.
    fn loses(&self, rest: &str) -> bool {
        let kept = statements(rest);
        let gone = statements(&self.carrier.policy.content).into_iter().filter(|statement| !kept.contains(statement));
        let gone: Vec<String> =
            gone.map(|one| serde_json::json!({"Version": "2012-10-17", "Statement": [one]}).to_string()).collect();
        let places = self.carrier.policy.targets.iter().filter_map(|target| path(self.input.org, target));
        let places: Vec<Vec<&str>> = places.collect();
        let elsewhere = |content: &String| places.iter().all(|path| self.denied_without(path, content));
        !gone.iter().all(elsewhere)
    }

    /// The same as [`Self::others_deny`] without this policy itself.
    fn denied_without(&self, units: &[&str], content: &str) -> bool {
        let Ok(gone) = Document::parse(content) else { return false };
        let mut others = self.ownership.carriers().filter(|(key, _)| *key != self.key);
        others.any(|(key, carrier)| {
            let stays = units.iter().any(|unit| carrier.policy.targets.contains(*unit) && self.wanted.at(key, unit));
            stays && Document::parse(&carrier.policy.content).is_ok_and(|kept| still_denies(&kept, &gone))
        })
    }
}
