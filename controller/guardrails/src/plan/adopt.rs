//! Policies of others that become baselines' own, because a set says so.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::input::{BASELINE_TAG, CLUSTER_TAG, OWNER_TAG, PlanInput, RETAINED_TAG, is_retained};
use super::key;
use super::refusal::{Refusal, reason};
use crate::inventory::Policy;
use crate::library;

/// What is to be adopted: ids of policies with the baseline whose own each is to be. A set that asks for what must not be is refused.
pub(super) fn adopted<'a>(drafts: &mut [Draft<'a>], input: &PlanInput<'a>) -> BTreeMap<&'a str, &'a str> {
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    for draft in drafts.iter_mut() {
        let set = draft.set;
        for (baseline, id) in set.adopt.iter().filter(|(name, _)| set.baselines.contains(name)) {
            let twice = found.iter().find(|(known, of)| (**known == id) != (**of == baseline));
            let problem = match (twice, check(input, draft, baseline, id)) {
                (Some((known, of)), _) => Err(format!("another guardrail set wants policy {known} for baseline {of}")),
                (None, answer) => answer,
            };
            match problem {
                Ok(true) => drop(found.insert(id, baseline)),
                Ok(false) => {}
                Err(why) => draft.refuse(Refusal::new(
                    reason::CANNOT_ADOPT,
                    format!("baseline {baseline}: policy {id} cannot be adopted: {why}"),
                )),
            }
        }
    }
    found
}

/// Whether a policy has yet to be adopted; else why it must not be.
fn check(input: &PlanInput<'_>, draft: &Draft<'_>, baseline: &str, id: &str) -> Result<bool, String> {
    let owner = input.owner;
    let policy = input.inventory.policies.get(id).ok_or("there is no such policy")?;
    if owner.owns(policy) {
        let key = policy.tags.get(BASELINE_TAG).map_or("", String::as_str);
        if key::set_of_pack(key).is_none() && key::baseline_of(key) == baseline {
            return Ok(false);
        }
        return Err(format!("it is this operator's already, for {key}"));
    }
    if policy.aws_managed {
        return Err("AWS manages it".to_owned());
    }
    if let Some(whose) = library::landing_zone_of(policy) {
        return Err(format!("it belongs to {whose}, which would put it back"));
    }
    if !is_retained(policy)
        && let (Some(other), Some(cluster)) = (policy.tags.get(OWNER_TAG), policy.tags.get(CLUSTER_TAG))
    {
        return Err(format!("it belongs to owner {other} of cluster {cluster}: see the annotation take-over"));
    }
    // What the guardrail says would hold there until it is detached.
    let same =
        |content: &str| draft.baselines.get(baseline).and_then(|compiled| compiled.is_content(content)) == Some(true);
    let wanted = |target: &&String| draft.targets.iter().any(|one| one.id.0 == **target);
    if let Some(target) = policy.targets.iter().find(|target| !wanted(target))
        && !same(&policy.content)
    {
        return Err(format!(
            "it is also attached to {target}, where the set does not want it: detach it there, or select that too"
        ));
    }
    let mut policies = input.inventory.policies.iter();
    let ours = |policy: &Policy| owner.owns(policy) && policy.tags.get(BASELINE_TAG).is_some_and(|key| key == baseline);
    match policies.find(|(_, policy)| ours(policy)) {
        Some((other, _)) => {
            Err(format!("policy {other} of ours carries the baseline: leave spec.baselines[].adopt out"))
        }
        None => Ok(true),
    }
}

/// The tags by which a policy becomes ours. One that was left behind is so no longer.
pub(super) fn tags(input: &PlanInput<'_>, policy: &Policy, key: &str) -> BTreeMap<String, String> {
    let mut tags = input.owner.tags(key);
    if policy.tags.contains_key(RETAINED_TAG) {
        tags.insert(RETAINED_TAG.to_owned(), String::new());
    }
    tags
}
