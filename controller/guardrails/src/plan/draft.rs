//! What a set wants, whatever is there.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::compile::{Compiled, compile, exempt};
use super::conflict::Shared;
use super::input::{PlanInput, SetInput};
use super::ownership::Ownership;
use super::packs;
use super::refusal::{Refusal, reason};
use super::satisfied::{Foreign, Satisfied};
use super::step::Step;
use crate::cover::{CoverError, Target, cover};
use crate::library::{Exemptions, PROTECT_EXEMPT, Parameters};

/// What a set wants, or why it cannot have it. What is known is there in either case.
pub(super) struct Draft<'a> {
    /// The set.
    pub(super) set: &'a SetInput,
    /// Its baselines, by name.
    pub(super) baselines: BTreeMap<&'a str, Compiled<'a>>,
    /// Whom none of them restricts, unless it says why.
    exempt: Exemptions,
    /// Where policies of others deny what a baseline denies already: nothing of ours is needed there.
    pub(super) satisfied: BTreeMap<&'a str, Satisfied>,
    /// Other sets that want a baseline with other parameters or exemptions on some of its accounts.
    pub(super) shared: Vec<Shared>,
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
            satisfied: BTreeMap::new(),
            shared: Vec::new(),
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

    /// What the set says of a baseline.
    pub(super) fn parameters(&self, name: &str) -> Parameters {
        self.set.parameters.get(name).cloned().unwrap_or_default()
    }

    /// Everybody who is exempt from a policy of ours for one of its baselines.
    fn exempted(&self) -> Exemptions {
        let ours = self.baselines.iter().filter(|(name, _)| self.targets.is_empty() || !self.needs(name).is_empty());
        ours.fold(Exemptions::default(), |all, (_, compiled)| all.and(&compiled.exempt))
    }

    /// Finds where policies of others do for the baselines that were not looked at yet. Where a policy of ours is attached, it stays.
    fn satisfy(&mut self, foreign: &Foreign<'_>, ownership: &Ownership<'_>) {
        for (name, compiled) in &self.baselines {
            if self.satisfied.contains_key(name) {
                continue;
            }
            let parameters = self.parameters(name);
            let packs = packs::with(ownership, self.set, compiled);
            let ours = |target: &&Target| {
                ownership.attached(name, &target.id)
                    || packs.iter().any(|(_, carrier)| carrier.policy.targets.contains(&target.id.0))
            };
            let open = self.targets.iter().filter(|target| !ours(target));
            let found = open.filter_map(|target| {
                Some((target.id.clone(), foreign.satisfy(compiled, &parameters, &self.exempt, target)?))
            });
            let mut found: Satisfied = found.collect();
            // Waves have targets of their own: either all of it is there already, or all of it is put there.
            if self.set.waves.is_some() && found.len() < self.targets.len() {
                found.clear();
            }
            self.satisfied.insert(name, found);
        }
    }

    /// Where a baseline needs a policy of ours.
    pub(super) fn needs(&self, name: &str) -> Vec<Target> {
        let satisfied = self.satisfied.get(name);
        let needs = |target: &&Target| satisfied.is_none_or(|found| !found.contains_key(&target.id));
        self.targets.iter().filter(needs).cloned().collect()
    }

    /// Whether it may want a baseline, and it is not known what: it cannot be compiled, or is being removed and has what it had.
    pub(super) fn is_unclear(&self, baseline: &str) -> bool {
        let named = if self.set.removing { &self.set.previous } else { &self.set.baselines };
        named.iter().any(|name| name == baseline) && !self.baselines.contains_key(baseline)
    }

    /// Whether what it wants was in place before: then what differs is drift.
    pub(super) fn is_drift(&self, organization: &str) -> bool {
        let of_waves = self.set.waves.as_ref().and_then(|waves| waves.applied.as_ref());
        let applied = self.set.applied.as_ref().or(of_waves);
        applied.is_some_and(|hash| *hash == self.hash(organization, &[]))
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
            part(&compiled.says);
            if let Some(id) = self.set.adopt.get(*name) {
                part("adopt");
                part(id);
            }
            // When what others have goes, the plan is another one.
            for target in self.satisfied.get(name).into_iter().flat_map(Satisfied::keys) {
                part("satisfied");
                part(&target.0);
            }
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

/// Finds where policies of others do for the baselines of all sets that were not looked at yet.
pub(super) fn satisfy(drafts: &mut [Draft<'_>], foreign: &Foreign<'_>, ownership: &Ownership<'_>) {
    for draft in drafts {
        draft.satisfy(foreign, ownership);
    }
}

/// Whoever is exempt anywhere is protected wherever somebody is exempt. A suspended set counts, because what it put into AWS stands.
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
}
