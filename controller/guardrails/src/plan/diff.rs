//! What differs for one baseline of a set, and what would put it right.

use std::collections::BTreeSet;

use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use super::BaselinePlan;
use super::compile::Compiled;
use super::drift::Drift;
use super::input::{PlanInput, RETAINED_TAG};
use super::ownership::{Carrier, Ownership};
use super::refusal::{Refusal, reason};
use super::step::{PolicyBody, PolicyRef, Step};
use super::strength::still_denies;
use crate::cover::{Target, TargetId};
use crate::document::Document;

/// AWS's limit.
pub(super) const MAX_DESCRIPTION: usize = 512;

/// One baseline of a set against what is there.
pub(super) struct Diff {
    /// Where it belongs and where it is.
    pub(super) baseline: BaselinePlan,
    /// What differs.
    pub(super) drift: Vec<Drift>,
    /// What would put it right.
    pub(super) steps: Vec<Step>,
    /// Why it cannot be put right.
    pub(super) refused: Option<Refusal>,
}

/// `targets`: where the set wants it; `wanted`: where any set does.
pub(super) fn diff(
    input: &PlanInput<'_>,
    ownership: &Ownership<'_>,
    compiled: &Compiled<'_>,
    targets: &[Target],
    wanted: &BTreeSet<TargetId>,
) -> Diff {
    let name = compiled.guardrail.name.clone();
    let body = body(input, compiled);
    let carrier = ownership.carrier(&name);
    let refused = name_taken(input, &body, carrier.map(|carrier| carrier.id));
    let mut diff = Diff {
        baseline: BaselinePlan { name, policy_id: None, targets: targets.to_vec(), attached: 0 },
        drift: Vec::new(),
        steps: Vec::new(),
        refused,
    };
    match carrier {
        None => diff.missing(body, targets),
        Some(carrier) => {
            diff.present(body, compiled, carrier, targets);
            diff.elsewhere(input.org, carrier, wanted);
        }
    }
    diff
}

/// The policy as it has to be.
pub(super) fn body(input: &PlanInput<'_>, compiled: &Compiled<'_>) -> PolicyBody {
    let Compiled { guardrail, content, .. } = compiled;
    let owner = &input.owner.owner_id;
    let description = format!(
        "{}. Baseline {} of soc2-operator, owner {owner}: kept as it is, do not edit.",
        guardrail.title, guardrail.name
    );
    PolicyBody {
        name: input.owner.policy_name(&guardrail.name),
        description: description.chars().take(MAX_DESCRIPTION).collect(),
        content: content.clone(),
        tags: input.owner.tags(&guardrail.name),
    }
}

/// Refuses when a policy other than ours has the name that ours needs: AWS has each name once.
fn name_taken(input: &PlanInput<'_>, body: &PolicyBody, ours: Option<&str>) -> Option<Refusal> {
    let holder = |(id, policy): &(&String, &crate::Policy)| policy.name == body.name && Some(id.as_str()) != ours;
    let (id, found) = input.inventory.policies.iter().find(holder)?;
    if let Some(set) = found.tags.get(RETAINED_TAG) {
        let message = format!(
            "policy {id} was left behind when guardrail set {set} was deleted, and has the name that ours would have: to take it over, \
             run `aws organizations untag-resource --resource-id {id} --tag-keys {RETAINED_TAG}`; else rename or delete it"
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
    fn missing(&mut self, body: PolicyBody, targets: &[Target]) {
        let baseline = self.baseline.name.clone();
        self.drift.push(Drift::Missing { baseline: baseline.clone(), name: body.name.clone(), targets: targets.len() });
        let policy = PolicyRef::ByName(body.name.clone());
        self.steps.push(Step::Create { baseline: baseline.clone(), policy: body });
        self.steps.extend(targets.iter().map(|target| {
            let (policy, baseline, target) = (policy.clone(), baseline.clone(), target.clone());
            Step::Attach { policy, baseline, target }
        }));
    }

    /// It is there: put back content and name, and attach it where it is missing.
    fn present(&mut self, body: PolicyBody, compiled: &Compiled<'_>, carrier: &Carrier<'_>, targets: &[Target]) {
        let (baseline, id) = (self.baseline.name.clone(), carrier.id.to_owned());
        self.baseline.policy_id = Some(id.clone());
        // What cannot be read is not what we wrote.
        let found = Document::parse(&carrier.policy.content);
        let same_content = found.as_ref().is_ok_and(|found| *found == compiled.document);
        let weakens = !same_content && !found.is_ok_and(|found| still_denies(&compiled.document, &found));
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
        for target in targets {
            if carrier.policy.targets.contains(&target.id.0) {
                self.baseline.attached += 1;
                continue;
            }
            let (baseline, target) = (baseline.clone(), target.clone());
            let drift = Drift::Detached { baseline: baseline.clone(), policy: id.clone(), target: target.clone() };
            self.drift.push(drift);
            self.steps.push(Step::Attach { policy: PolicyRef::ById(id.clone()), baseline, target });
        }
        for (other, policy) in &carrier.duplicates {
            let (baseline, attached) = (baseline.clone(), policy.targets.len());
            self.drift.push(Drift::Duplicate { baseline, policy: id.clone(), other: (*other).to_owned(), attached });
        }
    }

    /// Attachments that no set asks for are only reported.
    fn elsewhere(&mut self, org: &Organization, carrier: &Carrier<'_>, wanted: &BTreeSet<TargetId>) {
        let is_wanted = |target: &str| wanted.contains(&TargetId(target.to_owned()));
        for target in carrier.policy.targets.iter().filter(|target| !is_wanted(target)) {
            let holder = match target.parse::<AccountId>() {
                Ok(account) => org.accounts.get(&account).map(|found| found.parent.as_str()),
                Err(_) => Some(target.as_str()),
            };
            let inherited = holder.is_some_and(|unit| org.ancestors(unit).into_iter().any(is_wanted));
            let (baseline, policy, target) = (self.baseline.name.clone(), carrier.id.to_owned(), target.clone());
            self.drift.push(Drift::Elsewhere { baseline, policy, target, inherited });
        }
    }
}
