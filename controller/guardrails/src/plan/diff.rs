//! What differs for one policy of a set, and what would put it right.

use std::collections::BTreeSet;

use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use super::adopt;
use super::drift::Drift;
use super::holding::Holding;
use super::input::{CLUSTER_TAG, PlanInput, STAGED_TAG, is_retained};
use super::ownership::{Carrier, Ownership};
use super::refusal::{Refusal, reason};
use super::step::{PolicyBody, PolicyRef, Step};
use super::strength::still_denies;
use crate::cover::TargetId;
use crate::document::Document;

/// One policy of a set against what is there.
#[derive(Default)]
pub(super) struct Diff {
    /// The policy that there is.
    pub(super) policy_id: Option<String>,
    /// At how many of its targets it is.
    pub(super) attached: u32,
    /// What differs.
    pub(super) drift: Vec<Drift>,
    /// What would put it right.
    pub(super) steps: Vec<Step>,
    /// Why it cannot be put right.
    pub(super) refused: Option<Refusal>,
}

/// Compares.
pub(super) fn diff(input: &PlanInput<'_>, ownership: &Ownership<'_>, holding: &Holding<'_>) -> Diff {
    let body = holding.body(input);
    let carrier = ownership.carrier(&holding.key);
    let refused = name_taken(input, &body, carrier.map(|carrier| carrier.id));
    let mut diff = Diff { refused, ..Diff::default() };
    match carrier {
        None => diff.missing(body, holding),
        Some(carrier) => {
            diff.whose(input, holding, carrier);
            diff.present(body, holding, carrier);
        }
    }
    diff
}

/// Refuses when a policy other than ours has the name that ours needs: AWS has each name once.
fn name_taken(input: &PlanInput<'_>, body: &PolicyBody, ours: Option<&str>) -> Option<Refusal> {
    let holder = |(id, policy): &(&String, &crate::Policy)| policy.name == body.name && Some(id.as_str()) != ours;
    let (id, found) = input.inventory.policies.iter().find(holder)?;
    if is_retained(found) {
        let message = format!(
            "policy {id} was left behind when its guardrail set was deleted, and has the name that ours would have: to take it over, \
             say spec.baselines[].adopt: {id}; else rename or delete it"
        );
        return Some(Refusal::new(reason::NAME_TAKEN, message));
    }
    let tags: Vec<String> = body.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Some(Refusal::new(
        reason::NAME_TAKEN,
        format!(
            "policy {id} has the name {} that ours would have, but not the tags, so it is left alone: rename or delete it, \
             or, if it is ours, tag it with {}",
            body.name,
            tags.join(", ")
        ),
    ))
}

impl Diff {
    /// Nothing of ours is there: create it, and attach it everywhere.
    fn missing(&mut self, body: PolicyBody, holding: &Holding<'_>) {
        let (baseline, targets) = (holding.key.clone(), &holding.targets);
        self.drift.push(Drift::Missing { baseline: baseline.clone(), name: body.name.clone(), targets: targets.len() });
        let policy = PolicyRef::ByName(body.name.clone());
        self.steps.push(Step::Create { baseline: baseline.clone(), policy: body });
        self.steps.extend(targets.iter().map(|target| {
            let (policy, baseline, target) = (policy.clone(), baseline.clone(), target.clone());
            Step::Attach { policy, baseline, target }
        }));
    }

    /// It is somebody else's yet: adopt it. Or another cluster's, which is taken over: its tag is changed before anything else.
    fn whose(&mut self, input: &PlanInput<'_>, holding: &Holding<'_>, carrier: &Carrier<'_>) {
        let (baseline, id) = (holding.key.clone(), carrier.id.to_owned());
        if carrier.adopt {
            let name = carrier.policy.name.clone();
            self.drift.push(Drift::Foreign { baseline: baseline.clone(), policy: id.clone(), name: name.clone() });
            let tags = adopt::tags(input, carrier.policy, &holding.key);
            self.steps.push(Step::Adopt { id, baseline, name, tags });
            return;
        }
        let cluster = carrier.policy.tags.get(CLUSTER_TAG).filter(|cluster| **cluster != input.owner.cluster_id);
        if let Some(cluster) = cluster {
            self.drift.push(Drift::OtherCluster { baseline, policy: id, cluster: cluster.clone() });
        }
    }

    /// It is there: put back content and name, and attach it where it is missing.
    fn present(&mut self, body: PolicyBody, holding: &Holding<'_>, carrier: &Carrier<'_>) {
        let (baseline, id) = (holding.key.clone(), carrier.id.to_owned());
        self.policy_id = Some(id.clone());
        // What cannot be read is not what we wrote.
        let found = Document::parse(&carrier.policy.content);
        let same_content = found.as_ref().is_ok_and(|found| holding.is(found));
        let weakens = !same_content && !found.is_ok_and(|found| still_denies(&holding.document, &found));
        let same_name = carrier.policy.name == body.name;
        if !same_content {
            self.drift.push(Drift::Edited { baseline: baseline.clone(), policy: id.clone() });
        }
        if !same_name {
            let (from, to) = (carrier.policy.name.clone(), body.name.clone());
            self.drift.push(Drift::Renamed { baseline: baseline.clone(), policy: id.clone(), from, to });
        }
        if !(same_content && same_name) {
            self.steps.push(Step::Update { id: id.clone(), baseline: baseline.clone(), policy: body, weakens });
        }
        for target in &holding.targets {
            if carrier.policy.targets.contains(&target.id.0) {
                self.attached += 1;
                continue;
            }
            let (baseline, target) = (baseline.clone(), target.clone());
            let drift = Drift::Detached { baseline: baseline.clone(), policy: id.clone(), target: target.clone() };
            self.drift.push(drift);
            self.steps.push(Step::Attach { policy: PolicyRef::ById(id.clone()), baseline, target });
        }
        for (other, policy) in &carrier.duplicates {
            let (baseline, attached) = (baseline.clone(), policy.targets.len());
            let (of, other) = (id.clone(), (*other).to_owned());
            self.drift.push(if policy.tags.contains_key(STAGED_TAG) {
                Drift::Staged { baseline, policy: of, other, attached }
            } else {
                Drift::Duplicate { baseline, policy: of, other, attached }
            });
        }
    }
}

/// Attachments of a policy that no set asks for are only reported. `wanted`: where any set wants its baseline, by whichever policy.
pub(super) fn elsewhere(
    org: &Organization,
    key: &str,
    carrier: &Carrier<'_>,
    wanted: &BTreeSet<TargetId>,
) -> Vec<Drift> {
    let is_wanted = |target: &str| wanted.contains(&TargetId(target.to_owned()));
    let found = carrier.policy.targets.iter().filter(|target| !is_wanted(target)).map(|target| {
        let holder = match target.parse::<AccountId>() {
            Ok(account) => org.accounts.get(&account).map(|found| found.parent.as_str()),
            Err(_) => Some(target.as_str()),
        };
        let inherited = holder.is_some_and(|unit| org.ancestors(unit).into_iter().any(is_wanted));
        let (baseline, policy, target) = (key.to_owned(), carrier.id.to_owned(), target.clone());
        Drift::Elsewhere { baseline, policy, target, inherited }
    });
    found.collect()
}
