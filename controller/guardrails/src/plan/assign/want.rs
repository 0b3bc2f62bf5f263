//! What is said of a baseline.

use std::collections::BTreeSet;

use soc2_posture::organization::Organization;

use crate::cover::{Target, TargetId};
use crate::document::Document;
use crate::plan::compile::Compiled;
use crate::plan::input::SetInput;
use crate::plan::ownership::Carrier;
use crate::plan::strength::still_denies;
use crate::tree::path;

/// One thing that is said of a baseline, by one set, or by several whose changes the same lets through.
pub(super) struct Want<'d, 'a> {
    pub(super) says: &'d str,
    compiled: &'d Compiled<'d>,
    gate: &'a str,
    /// Nothing is written for its sets.
    pub(super) looks: bool,
    pub(super) targets: BTreeSet<TargetId>,
    pub(super) sets: Vec<(&'a str, BTreeSet<TargetId>)>,
    /// The same targets.
    pub(super) places: Vec<Target>,
    /// It was in place before: what differs is put back where it is.
    drift: bool,
    /// Ids of the policies that its sets had, as far as is known.
    homes: BTreeSet<&'a str>,
    pub(super) key: Option<String>,
}

impl<'d, 'a> Want<'d, 'a> {
    /// What a set says, wanted nowhere yet.
    pub(super) fn new(set: &'a SetInput, compiled: &'d Compiled<'a>) -> Self {
        Self {
            says: &compiled.says,
            compiled,
            gate: &set.gate,
            looks: !set.writes(),
            targets: BTreeSet::new(),
            sets: Vec::new(),
            places: Vec::new(),
            drift: false,
            homes: BTreeSet::new(),
            key: None,
        }
    }

    /// Whether a set wants this.
    pub(super) fn is_of(&self, set: &SetInput, compiled: &Compiled<'_>) -> bool {
        self.says == compiled.says && self.gate == set.gate && self.looks != set.writes()
    }

    /// Whether one that is written wants the same as one that only looks.
    pub(super) fn is_twin(&self, looks: &Self) -> bool {
        !self.looks && self.says == looks.says && self.gate == looks.gate
    }

    /// Notes that a set wants it there.
    pub(super) fn add(&mut self, set: &'a SetInput, places: Vec<Target>, drift: bool) {
        let targets: BTreeSet<TargetId> = places.iter().map(|target| target.id.clone()).collect();
        self.places.extend(places);
        self.drift |= drift;
        self.targets.extend(targets.iter().cloned());
        self.homes.extend(set.homes.get(&self.compiled.guardrail.name).map(String::as_str));
        self.sets.push((&set.name, targets));
    }

    /// At how many of its targets a policy is. What only looks does not count where others are written.
    pub(super) fn shared(&self, carrier: &Carrier<'_>, written: &BTreeSet<TargetId>) -> usize {
        let counts = |target: &&TargetId| !(self.looks && written.contains(*target));
        self.targets.iter().filter(counts).filter(|target| carrier.policy.targets.contains(&target.0)).count()
    }

    /// Whether nothing is written for it, or nowhere.
    pub(super) fn comes_last(&self) -> bool {
        self.looks || self.targets.is_empty()
    }

    /// Whether one of its sets had a policy.
    pub(super) fn had(&self, carrier: &Carrier<'_>) -> bool {
        self.homes.contains(carrier.id)
    }

    /// Whether a policy says this; `None` when it says nothing that can be read.
    pub(super) fn is_said_by(&self, carrier: &Carrier<'_>) -> Option<bool> {
        self.compiled.is_content(&carrier.policy.content)
    }

    /// Whether a policy may be made to say this where it is: nobody has it who should not have it then; and, where others want the
    /// baseline on the same accounts (`alone` is false), it denies no less then. What takes its place might come later.
    pub(super) fn may_change(&self, carrier: &Carrier<'_>, alone: bool) -> bool {
        let wanted = |target: &String| self.targets.contains(&TargetId(target.clone()));
        let denies = || {
            let found = Document::parse(&carrier.policy.content);
            found.is_ok_and(|found| still_denies(&self.compiled.written, &found))
        };
        self.drift || carrier.adopt || (carrier.policy.targets.iter().all(wanted) && (alone || denies()))
    }

    /// The same where nobody else has a policy of the baseline alone: then it may also be below where it is wanted, as what it is to
    /// say holds there anyway.
    pub(super) fn may_change_below(&self, carrier: &Carrier<'_>, org: &Organization, alone: bool) -> bool {
        let here = |unit: &str| self.targets.contains(&TargetId(unit.to_owned()));
        let below = |target: &String| path(org, target).is_some_and(|above| above.into_iter().any(here));
        self.may_change(carrier, alone) || (alone && carrier.policy.targets.iter().all(below))
    }
}
