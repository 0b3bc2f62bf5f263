//! One of several guardrails in a policy is taken off somewhere, and the others stay.
//!
//! Where the release has all that the policy is attached to, the policy itself says less until the end: one write, at once. Else the
//! others get a policy of their own there, which stands in for theirs, and theirs goes when that is surely enforced: nobody is without
//! them in between, and nobody elsewhere without any.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use soc2_catalog::Guardrail;
use soc2_posture::organization::Organization;

use super::{EVERY, Ground, Release, Ruling, carried, place};
use crate::cover::TargetId;
use crate::document::Document;
use crate::inventory::Policy;
use crate::plan::{
    MAX_DESCRIPTION, PolicyBody, PolicyRef, Step, set_of_pack, stand_in, stands_in_for, statements, still_denies,
};

/// What of a policy a release is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Nothing.
    Nothing,
    /// All of it.
    All,
    /// One guardrail of several.
    Part {
        /// The content without it.
        rest: String,
        /// The others, for people.
        others: String,
    },
}

/// A policy of ours with several guardrails, one of which a release is about.
pub(super) struct Shared<'a> {
    pub(super) id: &'a str,
    pub(super) key: &'a str,
    pub(super) policy: &'a Policy,
    /// The content without that one.
    pub(super) rest: String,
    /// The others, for people.
    pub(super) others: String,
}

impl Release {
    /// What of a policy of ours it is about. `key`: what the policy is for.
    pub(super) fn share(&self, ground: &Ground<'_>, key: &str, policy: &Policy) -> Share {
        if self.names(key) {
            return Share::All;
        }
        if set_of_pack(key).is_none() {
            return Share::Nothing;
        }
        match without(&policy.content, &[self], ground.library) {
            None => Share::Nothing,
            Some(rest) if rest.is_empty() => Share::All,
            Some(rest) => Share::Part { others: names(&rest, ground.library), rest: content(&rest) },
        }
    }

    /// What takes one guardrail of a policy off and leaves the others.
    pub(super) fn split(&self, ground: &Ground<'_>, shared: &Shared<'_>, ruling: &mut Ruling) {
        let (off, stay): (Vec<&String>, Vec<&String>) =
            shared.policy.targets.iter().partition(|target| self.reaches(ground.org, target));
        if stay.is_empty() && !off.is_empty() {
            let policy = self.body(ground, &shared.policy.name, shared);
            let (id, baseline) = (shared.id.to_owned(), shared.key.to_owned());
            ruling.detach.push(Step::Update { id, baseline, policy, weakens: true });
            return;
        }
        if off.is_empty() {
            return;
        }
        match self.keep(ground, shared, &off) {
            Ok(steps) => ruling.keep.extend(steps),
            Err(full) => {
                ruling.above.push(full);
                return;
            }
        }
        let detach = |target: &&String| {
            let (id, baseline) = (shared.id.to_owned(), shared.key.to_owned());
            Step::Detach { id, baseline, target: TargetId((*target).clone()), weakens: true }
        };
        ruling.then.extend(off.iter().map(detach));
    }

    /// What is missing of the policy that stands in; or why there is no room for it.
    fn keep(&self, ground: &Ground<'_>, shared: &Shared<'_>, targets: &[&String]) -> Result<Vec<Step>, String> {
        let key = stand_in(shared.key, &self.baseline);
        let mut body = self.body(ground, &ground.owner.policy_name(&key), shared);
        body.tags = ground.owner.tags(&key);
        let mut ours = ground.inventory.policies.iter().filter(|(_, policy)| ground.owner.owns(policy));
        let found = ours.find(|(id, policy)| carried(id, policy, ground.carriers) == Some(key.as_str()));
        let policy = found.map_or_else(|| PolicyRef::ByName(body.name.clone()), |(id, _)| PolicyRef::ById(id.clone()));
        let mut steps = Vec::new();
        match found {
            None => steps.push(Step::Create { baseline: key.clone(), policy: body }),
            Some((id, found)) if !same(&found.content, &shared.rest) => {
                steps.push(Step::Update { id: id.clone(), baseline: key.clone(), policy: body, weakens: false });
            }
            Some(_) => {}
        }
        let missing = targets.iter().filter(|target| found.is_none_or(|(_, found)| !found.targets.contains(**target)));
        for target in missing {
            let target = place(ground.org, target)?;
            if let Some((used, needed)) = full(ground, &target.id) {
                let (baseline, others, limit) = (&self.baseline, &shared.others, ground.limits.max_per_target);
                return Err(format!(
                    "{baseline} is in one policy with {others}, which is also attached elsewhere: to take {baseline} alone off {target}, the \
                     others need a policy of their own there first, and {target} has {used} policies; with that one and {} reserved, \
                     that is {needed} of {limit}. Detach one for as long as it takes, or release \"*\" there, which takes off all of \
                     them",
                    ground.reserved_slots
                ));
            }
            steps.push(Step::Attach { policy: policy.clone(), baseline: key.clone(), target });
        }
        Ok(steps)
    }

    fn body(&self, ground: &Ground<'_>, name: &str, shared: &Shared<'_>) -> PolicyBody {
        let description = format!(
            "Baselines {}, without {} until {} because of GuardrailRelease {}; of soc2-operator, owner {}: kept as it is, do not edit.",
            shared.others, self.baseline, self.until, self.name, ground.owner.owner_id
        );
        PolicyBody {
            name: name.to_owned(),
            description: description.chars().take(MAX_DESCRIPTION).collect(),
            content: shared.rest.clone(),
            tags: shared.policy.tags.clone(),
        }
    }
}

/// Policies on a target, and how many slots it takes to attach one more, where that is too many.
fn full(ground: &Ground<'_>, target: &TargetId) -> Option<(usize, usize)> {
    let used = ground.inventory.policies.values().filter(|policy| policy.targets.contains(&target.0)).count();
    let needed = used + 1 + ground.reserved_slots as usize;
    (needed > ground.limits.max_per_target as usize).then_some((used, needed))
}

/// The release that keeps a policy with several guardrails off a target, where all else that is in it is there already.
#[must_use]
pub fn kept_off<'r>(releases: &'r [Release], ground: &Ground<'_>, step: &Step) -> Option<&'r Release> {
    let Step::Attach { policy: PolicyRef::ById(id), baseline: key, target } = step else { return None };
    set_of_pack(key)?;
    let policy = ground.inventory.policies.get(id)?;
    let here: Vec<&Release> = releases.iter().filter(|one| one.reaches(ground.org, &target.id.0)).collect();
    let rest = without(&policy.content, &here, ground.library)?;
    let release = named(&here, &policy.content, ground.library);
    if rest.is_empty() {
        return release;
    }
    let rest = Document::parse(&content(&rest)).ok()?;
    let stands_in = |(other, found): (&String, &Policy)| {
        let key_of_other = carried(other, found, ground.carriers).and_then(stands_in_for);
        key_of_other.is_some_and(|(of, _)| of == key)
            && found.targets.contains(&target.id.0)
            && Document::parse(&found.content).is_ok_and(|found| still_denies(&found, &rest))
    };
    let mut ours = ground.inventory.policies.iter().filter(|(_, policy)| ground.owner.owns(policy));
    release.filter(|_| ours.any(stands_in))
}

/// A change of a policy with several guardrails without those that releases took out of it, and the release; `None` when none did.
#[must_use]
pub fn reduced<'r>(releases: &'r [Release], ground: &Ground<'_>, step: &Step) -> Option<(Step, &'r Release)> {
    let Step::Update { id, baseline, policy: body, weakens } = step else { return None };
    set_of_pack(baseline)?;
    let targets = &ground.inventory.policies.get(id)?.targets;
    let everywhere = |one: &&Release| targets.iter().all(|target| one.reaches(ground.org, target));
    let here: Vec<&Release> = releases.iter().filter(everywhere).collect();
    let rest = without(&body.content, &here, ground.library).filter(|rest| !rest.is_empty() && !targets.is_empty())?;
    let policy = PolicyBody { content: content(&rest), ..body.clone() };
    let release = named(&here, &body.content, ground.library)?;
    Some((Step::Update { id: id.clone(), baseline: baseline.clone(), policy, weakens: *weakens }, release))
}

/// The release for which a policy stands in that a step would take away.
#[must_use]
pub fn needed_by<'r>(releases: &'r [Release], org: &Organization, step: &Step) -> Option<&'r Release> {
    let (key, target) = match step {
        Step::Detach { baseline, target, .. } => (baseline, Some(target)),
        Step::Delete { baseline, .. } => (baseline, None),
        _ => return None,
    };
    let (_, stood_in) = stands_in_for(key)?;
    let needs = |one: &&Release| one.baseline == stood_in && target.is_none_or(|target| one.reaches(org, &target.0));
    releases.iter().find(needs)
}

/// The statements of a content without those of the guardrails that these releases name; `None` when it has none of them.
fn without(content: &str, releases: &[&Release], library: &[Guardrail]) -> Option<Vec<Value>> {
    let of_releases: BTreeSet<&str> = releases.iter().flat_map(|release| sids(&release.baseline, library)).collect();
    let all = statements(content);
    let is_released = |statement: &Value| statement["Sid"].as_str().is_some_and(|sid| of_releases.contains(sid));
    let rest: Vec<Value> = all.iter().filter(|statement| !is_released(statement)).cloned().collect();
    (rest.len() < all.len()).then_some(rest)
}

/// The first of these releases that names something in a content.
fn named<'r>(releases: &[&'r Release], content: &str, library: &[Guardrail]) -> Option<&'r Release> {
    releases.iter().copied().find(|release| without(content, &[release], library).is_some())
}

/// Sids of a guardrail's statements.
fn sids<'a>(baseline: &str, library: &'a [Guardrail]) -> impl Iterator<Item = &'a str> {
    let found = library.iter().find(|guardrail| baseline != EVERY && guardrail.name == baseline);
    found.into_iter().flat_map(|guardrail| &guardrail.statements).map(|statement| statement.sid.as_str())
}

/// Names of the guardrails that statements are of.
fn names(statements: &[Value], library: &[Guardrail]) -> String {
    let has = |guardrail: &&Guardrail| {
        let mut own = guardrail.statements.iter().map(|statement| statement.sid.as_str());
        own.any(|sid| statements.iter().any(|statement| statement["Sid"] == sid))
    };
    let found: Vec<&str> = library.iter().filter(has).map(|guardrail| guardrail.name.as_str()).collect();
    found.join(", ")
}

fn content(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn same(one: &str, other: &str) -> bool {
    Document::parse(one).is_ok_and(|one| Document::parse(other).is_ok_and(|other| one == other))
}
