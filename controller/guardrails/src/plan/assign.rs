//! Which policy each baseline of each set has, where it has one of its own.
//!
//! Sets that say the same of a baseline share a policy. Where they say different things there are variants, and what is in place keeps
//! its policy: first the one that says it already, then the one that is where it is wanted. So a change of a parameter is a change of
//! a policy, and not a new one. Only a policy that is also where it is no longer wanted is not changed, as what is new would hold there
//! on the way; nor one that would deny less while another set's comes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use soc2_posture::organization::Organization;

use super::conflict::overlap;
use super::draft::Draft;
use super::key;
use super::ownership::{Carrier, Ownership};
use super::strength::still_denies;
use crate::cover::{Target, TargetId};
use crate::document::Document;

/// Keys of policies, by set and baseline.
#[derive(Default)]
pub(super) struct Assignment<'a> {
    keys: BTreeMap<&'a str, BTreeMap<&'a str, String>>,
    /// Where each set wants each policy, by key.
    claims: BTreeMap<String, Vec<(&'a str, BTreeSet<TargetId>)>>,
}

/// One thing that is said of a baseline, by one set or several.
struct Want<'d, 'a> {
    says: &'d str,
    document: &'d Document,
    targets: BTreeSet<TargetId>,
    sets: Vec<(&'a str, BTreeSet<TargetId>)>,
    /// The same targets.
    places: Vec<Target>,
    /// It was in place before: what differs is put back where it is.
    drift: bool,
    key: Option<String>,
}

impl Want<'_, '_> {
    /// Whether a policy says this; `None` when it says nothing that can be read.
    fn is_said_by(&self, carrier: &Carrier<'_>) -> Option<bool> {
        let found = Document::parse(&carrier.policy.content).ok()?;
        Some(found == *self.document)
    }

    /// Whether a policy may be made to say this where it is: nobody has it who should not have it then; and, where others want the
    /// baseline on the same accounts (`alone` is false), it denies no less then. What takes its place might come later.
    fn may_change(&self, carrier: &Carrier<'_>, alone: bool) -> bool {
        let wanted = |target: &String| self.targets.contains(&TargetId(target.clone()));
        let denies = || {
            let found = Document::parse(&carrier.policy.content);
            found.is_ok_and(|found| still_denies(self.document, &found))
        };
        self.drift || carrier.adopt || (carrier.policy.targets.iter().all(wanted) && (alone || denies()))
    }
}

impl<'a> Assignment<'a> {
    /// `alone`: whether a set has a policy for this baseline alone.
    pub(super) fn new<'d>(
        drafts: &'d [Draft<'a>],
        org: &Organization,
        ownership: &Ownership<'_>,
        alone: impl Fn(&Draft<'_>, &str) -> bool,
    ) -> Self {
        let mut wants: BTreeMap<&'a str, Vec<Want<'d, 'a>>> = BTreeMap::new();
        for draft in drafts {
            // A change that takes waves has its content staged beside the old one.
            let drift = draft.is_drift(&org.id) || draft.set.waves.is_some();
            for (name, compiled) in draft.baselines.iter().filter(|(name, _)| alone(draft, name)) {
                let of_baseline = wants.entry(name).or_default();
                let at = of_baseline.iter().position(|want| want.says == compiled.says).unwrap_or_else(|| {
                    let (says, document) = (compiled.says.as_str(), &compiled.document);
                    let (targets, sets, places) = (BTreeSet::new(), Vec::new(), Vec::new());
                    of_baseline.push(Want { says, document, targets, sets, places, drift: false, key: None });
                    of_baseline.len() - 1
                });
                let Some(want) = of_baseline.get_mut(at) else { continue };
                let needs = draft.needs(name);
                let targets: BTreeSet<TargetId> = needs.iter().map(|target| target.id.clone()).collect();
                want.places.extend(needs);
                want.drift |= drift;
                want.targets.extend(targets.iter().cloned());
                want.sets.push((&draft.set.name, targets));
            }
        }
        let mut assignment = Self::default();
        for (baseline, mut wants) in wants {
            // Of a set that cannot be compiled it is not known what it wants: what nobody else claims may be its.
            // One that is removed has what it had until it is taken away.
            let unclear = drafts.iter().any(|draft| draft.is_unclear(baseline));
            assign(baseline, &mut wants, ownership, (org, unclear));
            for want in wants {
                let key = want.key.unwrap_or_else(|| baseline.to_owned());
                for (set, _) in &want.sets {
                    assignment.keys.entry(set).or_default().insert(baseline, key.clone());
                }
                assignment.claims.entry(key).or_default().extend(want.sets);
            }
        }
        assignment
    }

    /// Whether another set wants a policy at a target.
    pub(super) fn wanted_by_others(&self, key: &str, set: &str, target: &TargetId) -> bool {
        let mut claims = self.claims.get(key).into_iter().flatten();
        claims.any(|(other, targets)| *other != set && targets.contains(target))
    }

    /// The key of a set's policy for a baseline alone.
    pub(super) fn key(&self, set: &str, baseline: &str) -> Option<&str> {
        self.keys.get(set)?.get(baseline).map(String::as_str)
    }
}

fn assign(
    baseline: &str,
    wants: &mut [Want<'_, '_>],
    ownership: &Ownership<'_>,
    (org, unclear): (&Organization, bool),
) {
    let there: Vec<(&str, &Carrier<'_>)> = ownership.of_baseline(baseline).collect();
    if let [want] = wants {
        let its = |(key, carrier): &(&str, &Carrier<'_>)| {
            *key == baseline && (!unclear || carrier.policy.targets.is_empty()) && want.may_change(carrier, true)
        };
        if there.is_empty() || (there.len() == 1 && there.iter().all(its)) {
            want.key = Some(baseline.to_owned());
            return;
        }
    }
    let alone: Vec<bool> = (0..wants.len()).map(|number| is_alone(wants, number, org)).collect();
    let alone = |number: usize| alone.get(number) == Some(&true);
    let mut pairs = Vec::new();
    for (policy, (key, carrier)) in there.iter().enumerate() {
        for (number, want) in wants.iter().enumerate() {
            let says = want.is_said_by(carrier);
            let shared = want.targets.iter().filter(|target| carrier.policy.targets.contains(&target.0)).count();
            let may = says.is_none() || want.may_change(carrier, alone(number));
            if says == Some(true) || (shared > 0 && may) {
                pairs.push(((Reverse((says == Some(true), shared)), *key != baseline), number, policy));
            }
        }
    }
    pairs.sort_unstable();
    let mut given = BTreeSet::new();
    for (_, number, policy) in pairs {
        let (Some(want), Some((key, _))) = (wants.get_mut(number), there.get(policy)) else { continue };
        if want.key.is_none() && given.insert((*key).to_owned()) {
            want.key = Some((*key).to_owned());
        }
    }
    for (number, want) in wants.iter_mut().enumerate().filter(|(_, want)| want.key.is_none()) {
        // The baseline's own name goes to the first that has none, unless its policy is somebody's, or where it must not change.
        let own = ownership.carrier(baseline);
        let free = own.is_none_or(|own| {
            own.policy.targets.is_empty()
                || (!unclear && (want.may_change(own, alone(number)) || want.is_said_by(own).is_none()))
        });
        let key = if free && given.insert(baseline.to_owned()) {
            baseline.to_owned()
        } else {
            new_key(baseline, want.says, ownership, &given)
        };
        given.insert(key.clone());
        want.key = Some(key);
    }
}

/// Whether nothing else is wanted of the baseline where this is.
fn is_alone(wants: &[Want<'_, '_>], number: usize, org: &Organization) -> bool {
    let Some(want) = wants.get(number) else { return false };
    let mut others = wants.iter().enumerate().filter(|(other, _)| *other != number);
    others.all(|(_, other)| !overlap(&want.places, &other.places, org))
}

/// A key that no policy has.
fn new_key(baseline: &str, says: &str, ownership: &Ownership<'_>, given: &BTreeSet<String>) -> String {
    let free = |key: &String| ownership.carrier(key).is_none() && !given.contains(key);
    let numbered = (2..).map(|number| key::variant(baseline, &format!("{number} {says}")));
    std::iter::once(key::variant(baseline, says)).chain(numbered).find(free).unwrap_or_else(|| baseline.to_owned())
}
