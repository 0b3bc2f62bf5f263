//! What a set wants, whatever is there.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::compile::{Compiled, compile, exempt};
use super::input::{PlanInput, SetInput};
use super::refusal::{Refusal, reason};
use super::step::Step;
use crate::cover::{CoverError, Target, TargetId, cover};
use crate::library::{Exemptions, PROTECT_EXEMPT, Parameters};

/// What a set wants, or why it cannot have it. What is known is there in either case.
pub(super) struct Draft<'a> {
    /// The set.
    pub(super) set: &'a SetInput,
    /// Its baselines, by name.
    pub(super) baselines: BTreeMap<&'a str, Compiled<'a>>,
    /// Whom none of them restricts, unless it says why.
    exempt: Exemptions,
    /// Where each of them belongs.
    pub(super) targets: Vec<Target>,
    /// Why it cannot have it.
    pub(super) refused: Option<Refusal>,
}

impl<'a> Draft<'a> {
    /// Compiles the baselines and finds the cover, both even when one of them fails: what is known is reported.
    pub(super) fn new(set: &'a SetInput, input: &PlanInput<'a>) -> Self {
        let mut draft = Self {
            set,
            baselines: BTreeMap::new(),
            exempt: Exemptions::default(),
            targets: Vec::new(),
            refused: set.error.clone(),
        };
        if set.removing {
            return draft;
        }
        if set.baselines.is_empty() {
            draft.refuse(Refusal::new(reason::NO_BASELINES, "the set names no baseline"));
        }
        match exempt(set, input) {
            Ok(exempt) => draft.exempt = exempt,
            Err(refusal) => draft.refuse(refusal),
        }
        for name in set.baselines.iter().filter(|name| *name != PROTECT_EXEMPT) {
            let protected = Exemptions::default();
            draft.add(name, input, &protected);
        }
        match cover(input.org, &set.selection, set.max_direct) {
            Ok(targets) => draft.targets = targets,
            Err(error) => draft.refuse(of_cover(&error)),
        }
        if draft.targets.is_empty() {
            draft.refuse(Refusal::new(reason::NO_TARGETS, nothing_selected(input, set)));
        }
        draft
    }

    /// Compiles a baseline with what the set says of it.
    fn add(&mut self, name: &'a str, input: &PlanInput<'a>, protected: &Exemptions) {
        let none = Parameters::new();
        let parameters = self.set.parameters.get(name).unwrap_or(&none);
        match compile(name, parameters, (&self.exempt, protected), input) {
            Ok(compiled) => drop(self.baselines.insert(name, compiled)),
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Everybody who is exempt from one of its baselines.
    fn exempted(&self) -> Exemptions {
        self.baselines.values().fold(Exemptions::default(), |all, compiled| all.and(&compiled.exempt))
    }

    /// The first reason stands.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.refused.get_or_insert(refusal);
    }

    /// Over organization, set, contents and target rules, and over what is taken away with less protection; see [`super::SetPlan::hash`].
    pub(super) fn hash(&self, organization: &str, removals: &[Step]) -> String {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        // An approval is for this set of this organization.
        part(organization);
        part(&self.set.name);
        for (name, compiled) in &self.baselines {
            part("baseline");
            part(name);
            part(&compiled.document.canonical());
        }
        part("rules");
        part(&self.set.rules);
        let taken: BTreeSet<&Step> = removals.iter().filter(|step| step.weakens()).collect();
        for step in taken {
            part("removal");
            part(&step.to_string());
        }
        hex::encode(hash.finalize())
    }
}

/// A refusal for a cover that there is not.
fn of_cover(error: &CoverError) -> Refusal {
    let reason = match error {
        CoverError::TooFine { .. } => reason::COVER_TOO_FINE,
        CoverError::NotInTree(_) => reason::ORGANIZATION_INCOMPLETE,
    };
    Refusal::new(reason, error.to_string())
}

fn nothing_selected(input: &PlanInput<'_>, set: &SetInput) -> String {
    if set.selection.accounts.contains(&input.org.management_account) {
        let account = input.org.management_account;
        format!("the targets select only the management account {account}, which no service control policy affects")
    } else {
        "the targets select no account and no organizational unit".to_owned()
    }
}

/// What follows for the sets from each other: whoever is exempt anywhere is protected wherever somebody is exempt, and one
/// baseline says one thing. A suspended set counts, because what it put into AWS stands.
pub(super) fn complete<'a>(drafts: &mut [Draft<'a>], input: &PlanInput<'a>) {
    let protected = drafts.iter().fold(Exemptions::default(), |all, draft| all.and(&draft.exempted()));
    let exempt = drafts.iter().fold(Exemptions::default(), |all, draft| all.and(&draft.exempt));
    for draft in drafts.iter_mut() {
        let named = draft.set.baselines.iter().any(|name| name == PROTECT_EXEMPT);
        if named || !draft.exempted().is_empty() {
            draft.exempt = exempt.clone();
            draft.add(PROTECT_EXEMPT, input, &protected.and(&exempt));
        }
    }
    let mut first: BTreeMap<&str, (&str, String)> = BTreeMap::new();
    for draft in drafts.iter_mut().filter(|draft| draft.refused.is_none()) {
        let mut conflict = None;
        for (name, compiled) in &draft.baselines {
            let says = compiled.document.canonical();
            let (set, said) = first.entry(name).or_insert_with(|| (draft.set.name.as_str(), says.clone()));
            if *said != says {
                conflict = conflict.or(Some((*name, *set)));
            }
        }
        if let Some((name, set)) = conflict {
            draft.refuse(Refusal::new(
                reason::BASELINE_CONFLICT,
                format!(
                    "baseline {name}: set {set} wants it with other parameters or exempt principals; say the same in both, \
                     because one policy carries it"
                ),
            ));
        }
    }
}

/// Where any set wants each baseline.
pub(super) fn wanted<'a>(drafts: &[Draft<'a>]) -> BTreeMap<&'a str, BTreeSet<TargetId>> {
    let mut wanted: BTreeMap<&str, BTreeSet<TargetId>> = BTreeMap::new();
    for draft in drafts {
        for name in draft.baselines.keys() {
            wanted.entry(name).or_default().extend(draft.targets.iter().map(|target| target.id.clone()));
        }
    }
    wanted
}
