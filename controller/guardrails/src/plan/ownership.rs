//! Which of the policies are ours, and which of them carries which baseline.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::input::{BASELINE_TAG, CLUSTER_TAG, OWNER_TAG, Owner, STAGED_TAG};
use crate::inventory::{Policy, PolicyInventory};

/// Our policies.
pub(super) struct Ownership<'a> {
    /// Ids of all of them.
    pub(super) owned: Vec<String>,
    /// Id of another cluster with policies under our owner id.
    pub(super) foreign_cluster: Option<String>,
    carriers: BTreeMap<&'a str, Carrier<'a>>,
}

/// The policy that carries a baseline.
pub(super) struct Carrier<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// The policy itself.
    pub(super) policy: &'a Policy,
    /// Others of ours for the same baseline.
    pub(super) duplicates: Vec<(&'a str, &'a Policy)>,
}

impl<'a> Ownership<'a> {
    /// `library`: names of baselines that may be recognized by name where a policy of ours has lost its baseline tag.
    pub(super) fn new(inventory: &'a PolicyInventory, owner: &Owner, library: &[&'a str]) -> Self {
        let names: BTreeMap<String, &str> = library.iter().map(|name| (owner.policy_name(name), *name)).collect();
        let mut ours = Vec::new();
        let mut by_baseline: BTreeMap<&str, Vec<(&str, &Policy)>> = BTreeMap::new();
        for (id, policy) in inventory.policies.iter().filter(|(_, policy)| owner.owns(policy)) {
            ours.push(id.clone());
            let tagged = policy.tags.get(BASELINE_TAG).map(String::as_str);
            if let Some(baseline) = tagged.or_else(|| names.get(&policy.name).copied()) {
                by_baseline.entry(baseline).or_default().push((id, policy));
            }
        }
        let foreign = inventory.policies.values().filter_map(|policy| cluster_of_other(policy, owner));
        let carriers = by_baseline.into_iter().filter_map(|(baseline, candidates)| {
            choose(candidates, &owner.policy_name(baseline)).map(|carrier| (baseline, carrier))
        });
        Self { owned: ours, foreign_cluster: foreign.min().cloned(), carriers: carriers.collect() }
    }

    /// Every baseline that a policy of ours carries, by name.
    pub(super) fn carriers(&self) -> impl Iterator<Item = (&'a str, &Carrier<'a>)> {
        self.carriers.iter().map(|(baseline, carrier)| (*baseline, carrier))
    }

    /// The policy of ours for a baseline.
    pub(super) fn carrier(&self, baseline: &str) -> Option<&Carrier<'a>> {
        self.carriers.get(baseline)
    }
}

/// The cluster of a policy that has our owner id and another cluster's.
fn cluster_of_other<'a>(policy: &'a Policy, owner: &Owner) -> Option<&'a String> {
    let cluster = policy.tags.get(CLUSTER_TAG).filter(|cluster| **cluster != owner.cluster_id);
    cluster.filter(|_| !policy.aws_managed && policy.tags.get(OWNER_TAG) == Some(&owner.owner_id))
}

/// The one with our name, else the one attached most widely, else the first by id. Once it was put in order it has our
/// name, so the choice stands.
fn choose<'a>(mut candidates: Vec<(&'a str, &'a Policy)>, name: &str) -> Option<Carrier<'a>> {
    // A staged one only where there is no other: somebody deleted that.
    let staged = |policy: &Policy| policy.tags.contains_key(STAGED_TAG);
    candidates.sort_by_key(|(id, policy)| (staged(policy), policy.name != name, Reverse(policy.targets.len()), *id));
    let mut candidates = candidates.into_iter();
    let (id, policy) = candidates.next()?;
    Some(Carrier { id, policy, duplicates: candidates.collect() })
}
