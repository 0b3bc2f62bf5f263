//! Which of the policies are ours, and which of them is for what.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::input::{BASELINE_TAG, CLUSTER_TAG, OWNER_TAG, Owner, PlanInput, STAGED_TAG, is_retained};
use super::key;
use crate::cover::TargetId;
use crate::document::Document;
use crate::inventory::Policy;

/// Our policies.
pub(super) struct Ownership<'a> {
    /// Ids of all of them.
    pub(super) owned: Vec<String>,
    /// Id of another cluster with policies under our owner id, which nobody said to take over.
    pub(super) foreign_cluster: Option<String>,
    /// Ids of policies of the cluster that is taken over: they count as ours, and have to be tagged so.
    pub(super) retag: Vec<String>,
    carriers: BTreeMap<String, Carrier<'a>>,
}

/// A policy of ours.
pub(super) struct Carrier<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// The policy itself.
    pub(super) policy: &'a Policy,
    /// Others of ours for the same.
    pub(super) duplicates: Vec<(&'a str, &'a Policy)>,
    /// It is somebody else's yet, and to be adopted.
    pub(super) adopt: bool,
}

impl<'a> Ownership<'a> {
    /// `adopted`: policies of others, by id, with the baseline whose own they are to be.
    pub(super) fn new(input: &PlanInput<'a>, adopted: &BTreeMap<&str, &str>) -> Self {
        let owner = input.owner;
        // Where a policy of ours has lost its tag, it is known by its name.
        let library = input.library.iter().map(|guardrail| guardrail.name.as_str());
        let names: BTreeMap<String, &str> = library.map(|name| (owner.policy_name(name), name)).collect();
        let (mut ours, mut retag) = (Vec::new(), Vec::new());
        let mut by_key: BTreeMap<&str, Vec<(&str, &Policy)>> = BTreeMap::new();
        for (id, policy) in &input.inventory.policies {
            let taken_over = input.take_over.is_some() && cluster_of_other(policy, owner) == input.take_over;
            if let Some(baseline) = adopted.get(id.as_str()) {
                by_key.entry(baseline).or_default().push((id, policy));
                continue;
            }
            if !taken_over && !owner.owns(policy) {
                continue;
            }
            ours.push(id.clone());
            if taken_over {
                retag.push(id.clone());
            }
            let tagged = policy.tags.get(BASELINE_TAG).map(String::as_str);
            if let Some(key) = tagged.or_else(|| names.get(&policy.name).copied()) {
                by_key.entry(key).or_default().push((id, policy));
            }
        }
        let others = input.inventory.policies.values().filter_map(|policy| cluster_of_other(policy, owner));
        let foreign = others.filter(|cluster| Some(*cluster) != input.take_over).min();
        let carriers = by_key.into_iter().filter_map(|(key, candidates)| {
            let mut carrier = choose(candidates, &owner.policy_name(key))?;
            carrier.adopt = adopted.contains_key(carrier.id);
            Some((key.to_owned(), carrier))
        });
        Self { owned: ours, foreign_cluster: foreign.map(str::to_owned), retag, carriers: carriers.collect() }
    }

    /// Every policy of ours that is for something, by key.
    pub(super) fn carriers(&self) -> impl Iterator<Item = (&str, &Carrier<'a>)> {
        self.carriers.iter().map(|(key, carrier)| (key.as_str(), carrier))
    }

    /// The policy of ours for a key.
    pub(super) fn carrier(&self, key: &str) -> Option<&Carrier<'a>> {
        self.carriers.get(key)
    }

    /// The policies of ours for a baseline alone, whatever its parameters.
    pub(super) fn of_baseline<'b>(&'b self, baseline: &'b str) -> impl Iterator<Item = (&'b str, &'b Carrier<'a>)> {
        let behind = self.carriers.range(baseline.to_owned()..);
        let alike = behind.take_while(move |(key, _)| key.starts_with(baseline));
        let own = alike.filter(move |(key, _)| key::baseline_of(key) == baseline && key::set_of_pack(key).is_none());
        own.map(|(key, carrier)| (key.as_str(), carrier))
    }

    /// The policies of a set that have several baselines.
    pub(super) fn packs_of<'b>(&'b self, set: &'b str) -> impl Iterator<Item = (&'b str, &'b Carrier<'a>)> {
        let packs = self.carriers.iter().filter(move |(key, _)| key::set_of_pack(key) == Some(set));
        packs.map(|(key, carrier)| (key.as_str(), carrier))
    }

    /// Whether a policy of ours for a baseline alone is attached to a target.
    pub(super) fn attached(&self, baseline: &str, target: &TargetId) -> bool {
        self.of_baseline(baseline).any(|(_, carrier)| carrier.policy.targets.contains(&target.0))
    }
}

/// The Sids of a document's statements; none where it cannot be read.
pub(super) fn sids(content: &str) -> BTreeSet<String> {
    let document = Document::parse(content);
    let statements = document.iter().flat_map(Document::statements);
    statements.filter_map(|statement| statement.sid.clone()).collect()
}

/// The cluster of a policy that has our owner id and another cluster's.
pub(super) fn cluster_of_other<'a>(policy: &'a Policy, owner: &Owner) -> Option<&'a str> {
    let cluster = policy.tags.get(CLUSTER_TAG).filter(|cluster| **cluster != owner.cluster_id)?;
    let ours = !policy.aws_managed && !is_retained(policy) && policy.tags.get(OWNER_TAG) == Some(&owner.owner_id);
    ours.then_some(cluster.as_str())
}

/// The one with our name, else the one attached most widely, else the first by id. Once it was put in order it has our
/// name, so the choice stands.
fn choose<'a>(mut candidates: Vec<(&'a str, &'a Policy)>, name: &str) -> Option<Carrier<'a>> {
    // A staged one only where there is no other: somebody deleted that.
    let staged = |policy: &Policy| policy.tags.contains_key(STAGED_TAG);
    candidates.sort_by_key(|(id, policy)| (staged(policy), policy.name != name, Reverse(policy.targets.len()), *id));
    let mut candidates = candidates.into_iter();
    let (id, policy) = candidates.next()?;
    Some(Carrier { id, policy, duplicates: candidates.collect(), adopt: false })
}
