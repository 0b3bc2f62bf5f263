//! One baseline of a change.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use soc2_posture::ids::AccountId;

use super::Good;
use crate::cover::{Target, TargetId};
use crate::document::Document;
use crate::library::PROTECT_EXEMPT;
use crate::plan::compile::Compiled;
use crate::plan::draft::Draft;
use crate::plan::holding::{Holding, MAX_DESCRIPTION};
use crate::plan::input::{PlanInput, STAGED_TAG};
use crate::plan::key;
use crate::plan::ownership::Carrier;
use crate::plan::step::{PolicyBody, PolicyRef, Step};
use crate::plan::strength::still_denies;
use crate::plan::work::Scene;

/// One baseline of a change.
pub(super) struct Part<'a> {
    input: &'a PlanInput<'a>,
    pub(super) name: &'a str,
    /// Key of its policy.
    pub(super) baseline: &'a str,
    compiled: &'a Compiled<'a>,
    pub(super) carrier: Option<&'a Carrier<'a>>,
    /// A policy of ours that the carrier takes the place of: it is also where the set does not want it any more, so that it is left as
    /// it is until it goes.
    replaced: Option<&'a Carrier<'a>>,
}

impl<'a> Part<'a> {
    /// Those for which policies of others do not do.
    pub(super) fn all(scene: Scene<'a, 'a>, draft: &'a Draft<'a>) -> Vec<Self> {
        let part = |(name, compiled): (&&'a str, &'a Compiled<'a>)| {
            let baseline = scene.assignment.key(&draft.set.name, name)?;
            let carrier = scene.ownership.carrier(baseline);
            let replaced = replaced(scene, &draft.set.name, baseline);
            (!draft.needs(name).is_empty()).then_some(Self {
                input: scene.input,
                name,
                baseline,
                compiled,
                carrier,
                replaced,
            })
        };
        draft.baselines.iter().filter_map(part).collect()
    }

    /// What is new, and what there was before it where that is something else.
    pub(super) fn change(&self) -> (String, Option<String>) {
        let carrier = self.carrier.filter(|carrier| !carrier.policy.targets.is_empty());
        // What is there and says something else comes first: what it takes the place of may be another set's that is gone.
        let differs = carrier.filter(|carrier| !self.is_new(&carrier.policy.content));
        let old = differs.or(self.replaced).or(carrier).map(|carrier| carrier.policy.content.clone());
        (self.compiled.content.clone(), old.filter(|old| !self.is_new(old)))
    }

    /// What was in place, where it was this policy that had it.
    pub(super) fn good<'g>(&self, good: Option<&'g Good>) -> Option<&'g Good> {
        let content = |good: &Good| good.contents.get(self.name).and_then(|content| Document::parse(content).ok());
        let has = |carrier: &Carrier<'_>, good: &Good| {
            content(good).is_some_and(|content| same(&carrier.policy.content, &content))
        };
        let was_here = |carrier: &Carrier<'_>, good: &Good| {
            carrier.policy.targets.iter().any(|target| good.targets.contains(target))
        };
        let of_another = |good: &Good| {
            let own = self.carrier.is_some_and(|carrier| has(carrier, good));
            !own && self.replaced.is_some_and(|replaced| has(replaced, good) && was_here(replaced, good))
        };
        good.filter(|good| good.contents.contains_key(self.name)).filter(|good| !of_another(good))
    }

    /// Whether a content is what is new.
    fn is_new(&self, content: &str) -> bool {
        self.compiled.is_content(content) == Some(true)
    }

    fn body(&self) -> PolicyBody {
        Holding::single(self.name, self.compiled, self.baseline, Vec::new()).body(self.input)
    }

    /// What is missing at the targets of a wave.
    pub(super) fn steps(&self, targets: &[Target]) -> Vec<Step> {
        let body = self.body();
        let Some(carrier) = self.carrier else {
            return self.attach_new(body, targets);
        };
        if self.is_new(&carrier.policy.content) {
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
        self.name == PROTECT_EXEMPT && found.is_ok_and(|found| still_denies(&self.compiled.written, &found))
    }

    /// The new content beside the old one.
    fn stage(&self, carrier: &Carrier<'_>, mut body: PolicyBody, targets: &[Target]) -> Vec<Step> {
        let digest = digest(&body.content);
        body.name = self.input.owner.staged_name(self.baseline, &digest);
        body.description = format!("Staged for the first waves of a change. {}", body.description);
        body.description = body.description.chars().take(MAX_DESCRIPTION).collect();
        body.tags.insert(STAGED_TAG.to_owned(), digest.clone());
        let is_it = |policy: &crate::Policy| {
            let staged = policy.tags.get(STAGED_TAG);
            staged == Some(&digest) || (staged.is_some() && self.is_new(&policy.content))
        };
        let Some((id, found)) = carrier.duplicates.iter().find(|(_, policy)| is_it(policy)) else {
            return self.attach_new(body, targets);
        };
        let mut steps = self.attach(id, &found.targets, targets);
        if !self.is_new(&found.content) {
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
    pub(super) fn restore(&self, carrier: &Carrier<'_>, good: Option<&Good>) -> Option<Step> {
        let content = good?.contents.get(self.name)?;
        let other = Document::parse(content).is_ok_and(|good| !same(&carrier.policy.content, &good));
        // What protects those who are exempt is for all sets.
        (other && self.name != PROTECT_EXEMPT).then(|| {
            let body = PolicyBody { content: content.clone(), ..self.body() };
            self.update(carrier.id, body, false)
        })
    }

    pub(super) fn take_off(&self, id: &str, target: &str) -> Step {
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

fn same(content: &str, document: &Document) -> bool {
    Document::parse(content).is_ok_and(|found| found == *document)
}

/// The policy of a baseline that a set's own takes the place of: it is attached, and no other set's.
pub(super) fn replaced<'a>(scene: Scene<'a, 'a>, set: &str, own: &'a str) -> Option<&'a Carrier<'a>> {
    let others = scene.ownership.of_baseline(key::baseline_of(own)).filter(|(key, carrier)| {
        *key != own && !carrier.policy.targets.is_empty() && !scene.assignment.is_others(key, set)
    });
    others.map(|(_, carrier)| carrier).max_by_key(|carrier| carrier.policy.targets.len())
}
