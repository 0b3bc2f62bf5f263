//! What is too much: attachments of ours that no set wants, second policies for one baseline, policies that are attached nowhere.
//!
//! Nothing here is done before everything that is wanted is in place and enforced, and what leaves an account with less is done only
//! when a person approved exactly that. A baseline that some set names is left alone while that set cannot be planned, because
//! what it wants is not known then.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::input::{PlanInput, STAGED_TAG};
use super::ownership::{Carrier, Ownership};
use super::step::Step;
use super::strength::still_denies;
use crate::cover::TargetId;
use crate::document::Document;
use crate::inventory::Policy;
use crate::library::PROTECT_EXEMPT;
use crate::tree::path;

/// Steps that take away, by the set that answers for them.
pub(super) fn removals(
    input: &PlanInput<'_>,
    ownership: &Ownership<'_>,
    drafts: &[Draft<'_>],
    wanted: &BTreeMap<&str, BTreeSet<TargetId>>,
) -> BTreeMap<String, Vec<Step>> {
    let mut result: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    let nowhere = BTreeSet::new();
    for (baseline, carrier) in ownership.carriers() {
        let Some(set) = answers_for(baseline, drafts) else { continue };
        let excess = Excess { input, baseline, carrier, wanted: wanted.get(baseline).unwrap_or(&nowhere) };
        result.entry(set.to_owned()).or_default().extend(excess.steps());
    }
    result
}

/// The set that takes away what is too much of a baseline: one that is being removed, else one that names it, else one that did.
fn answers_for<'a>(baseline: &str, drafts: &[Draft<'a>]) -> Option<&'a str> {
    let names = |draft: &Draft<'_>| draft.set.baselines.iter().any(|name| name == baseline);
    // What protects exempt principals comes with any set.
    let may_want = |draft: &Draft<'_>| {
        names(draft) || baseline == PROTECT_EXEMPT || draft.set.previous.iter().any(|name| name == baseline)
    };
    if drafts.iter().any(|draft| may_want(draft) && draft.refused.is_some() && !draft.set.removing) {
        return None;
    }
    let rank = |draft: &Draft<'_>| {
        let had = draft.set.previous.iter().any(|name| name == baseline);
        match (draft.set.removing, names(draft), had) {
            (true, true, _) | (true, _, true) => Some(0),
            (false, true, _) => Some(1),
            (false, _, true) => Some(2),
            _ => None,
        }
    };
    let able = drafts.iter().filter(|draft| !draft.set.suspended && (draft.refused.is_none() || draft.set.removing));
    able.filter_map(|draft| Some((rank(draft)?, draft.set.name.as_str()))).min().map(|(_, name)| name)
}

/// What is too much of one baseline.
struct Excess<'a> {
    input: &'a PlanInput<'a>,
    baseline: &'a str,
    carrier: &'a Carrier<'a>,
    wanted: &'a BTreeSet<TargetId>,
}

impl Excess<'_> {
    fn steps(&self) -> Vec<Step> {
        let Carrier { id, policy, duplicates } = self.carrier;
        let mut steps = Vec::new();
        for target in policy.targets.iter().filter(|target| !self.wanted.contains(&TargetId((*target).clone()))) {
            steps.extend(self.detach(id, policy, target));
        }
        if policy.targets.is_empty() && self.wanted.is_empty() {
            steps.push(self.delete(id));
        }
        for (other, policy) in duplicates {
            steps.extend(policy.targets.iter().filter_map(|target| self.detach(other, policy, target)));
            if policy.targets.is_empty() {
                steps.push(self.delete(other));
            }
        }
        steps
    }

    /// `None` for what does not exist any more: AWS takes such attachments away itself.
    fn detach(&self, id: &str, policy: &Policy, target: &str) -> Option<Step> {
        let above = path(self.input.org, target)?;
        let same = policy.content == self.carrier.policy.content
            || matches!(
                (Document::parse(&self.carrier.policy.content), Document::parse(&policy.content)),
                (Ok(kept), Ok(gone)) if still_denies(&kept, &gone)
            );
        let stays = |unit: &&str| {
            let attached = self.carrier.policy.targets.contains(*unit);
            attached && self.wanted.contains(&TargetId((*unit).to_owned()))
        };
        // What is staged was never approved for more than the first waves.
        let staged = policy.tags.contains_key(STAGED_TAG);
        let weakens = !(staged || same && above.iter().any(stays));
        let (baseline, target) = (self.baseline.to_owned(), TargetId(target.to_owned()));
        Some(Step::Detach { id: id.to_owned(), baseline, target, weakens })
    }

    fn delete(&self, id: &str) -> Step {
        Step::Delete { id: id.to_owned(), baseline: self.baseline.to_owned() }
    }
}
