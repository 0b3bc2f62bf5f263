//! Which policy each baseline of each set has, where it has one of its own.
//!
//! Sets that say the same of a baseline share a policy, where the same lets their changes through. Where they say different things there
//! are variants, and so where they differ in approval, window or waves: a change that one gate lets through must not reach what another
//! one guards. What is in place keeps its policy: first the one that says it already, then the one that is where it is wanted. So a
//! change of a parameter is a change of a policy, and not a new one. Only a policy that is also where it is no longer wanted, not even
//! by inheritance, is not changed, as what is new would hold there on the way; nor one that would deny less while another set's comes.
//!
//! For a set that only looks, or is suspended, nothing is written: it stands on what is there and says the same, whosever that is.

mod want;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use soc2_posture::organization::Organization;

use self::want::Want;
use super::conflict::overlap;
use super::draft::Draft;
use super::key;
use super::ownership::{Carrier, Ownership};
use crate::cover::{Target, TargetId};

/// What a set says of a baseline, and where.
type Said<'d> = (&'d str, Vec<Target>);

/// Keys of policies, by set and baseline.
#[derive(Default)]
pub(super) struct Assignment<'a> {
    keys: BTreeMap<&'a str, BTreeMap<&'a str, String>>,
    /// Where each set wants each policy, by key.
    claims: BTreeMap<String, Vec<(&'a str, BTreeSet<TargetId>)>>,
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
            let drift = draft.is_drift(&org.id);
            for (name, compiled) in draft.baselines.iter().filter(|(name, _)| alone(draft, name)) {
                let of_baseline = wants.entry(name).or_default();
                let same = |want: &Want<'_, '_>| want.is_of(draft.set, compiled);
                let at = of_baseline.iter().position(same).unwrap_or_else(|| {
                    of_baseline.push(Want::new(draft.set, compiled));
                    of_baseline.len() - 1
                });
                if let Some(want) = of_baseline.get_mut(at) {
                    want.add(draft.set, draft.needs(name), drift);
                }
            }
        }
        let mut assignment = Self::default();
        for (baseline, mut wants) in wants {
            // Of a set that cannot be compiled it is not known what it wants: what nobody else claims may be its.
            // One that is removed has what it had until it is taken away.
            let unclear = drafts.iter().any(|draft| draft.is_unclear(baseline));
            // What a set says of it in a policy with others comes and goes with that one.
            let packed = |draft: &'d Draft<'a>| {
                let compiled = draft.baselines.get(baseline).filter(|_| !alone(draft, baseline))?;
                Some((compiled.says.as_str(), draft.needs(baseline)))
            };
            let packed: Vec<Said<'_>> = drafts.iter().filter_map(packed).collect();
            assign(baseline, &mut wants, &packed, ownership, (org, unclear));
            assignment.record(baseline, &wants, ownership);
        }
        assignment
    }

    /// Notes which policy each set has for a baseline.
    fn record(&mut self, baseline: &'a str, wants: &[Want<'_, 'a>], ownership: &Ownership<'_>) {
        for want in wants {
            let own = want.key.as_deref().unwrap_or(baseline);
            for (set, targets) in &want.sets {
                let there = if want.looks { stands_on(want, targets, wants, baseline, ownership) } else { None };
                let key = there.unwrap_or(own);
                self.keys.entry(set).or_default().insert(baseline, key.to_owned());
                self.claims.entry(key.to_owned()).or_default().push((set, targets.clone()));
            }
        }
    }

    /// Whether another set wants a policy at a target.
    pub(super) fn wanted_by_others(&self, key: &str, set: &str, target: &TargetId) -> bool {
        let mut claims = self.claims.get(key).into_iter().flatten();
        claims.any(|(other, targets)| *other != set && targets.contains(target))
    }

    /// Whether another set wants a policy anywhere.
    pub(super) fn is_others(&self, key: &str, set: &str) -> bool {
        self.claims.get(key).into_iter().flatten().any(|(other, _)| *other != set)
    }

    /// The key of a set's policy for a baseline alone.
    pub(super) fn key(&self, set: &str, baseline: &str) -> Option<&str> {
        self.keys.get(set)?.get(baseline).map(String::as_str)
    }
}

/// The key of the policy that does for a set which only looks: it is at most of its targets, and says what the set does, or is to.
fn stands_on<'b>(
    want: &Want<'_, '_>,
    targets: &BTreeSet<TargetId>,
    wants: &[Want<'_, '_>],
    baseline: &'b str,
    ownership: &'b Ownership<'_>,
) -> Option<&'b str> {
    let to_say = |key: &str| wants.iter().any(|one| one.says == want.says && one.key.as_deref() == Some(key));
    let does =
        ownership.of_baseline(baseline).filter(|(key, carrier)| to_say(key) || want.is_said_by(carrier) == Some(true));
    let there = does.filter_map(|(key, carrier)| {
        let count = targets.iter().filter(|target| carrier.policy.targets.contains(&target.0)).count();
        (count > 0).then(|| ((count, want.key.as_deref() == Some(key), Reverse(key)), key))
    });
    there.max().map(|(_, key)| key)
}

fn assign(
    baseline: &str,
    wants: &mut [Want<'_, '_>],
    packed: &[Said<'_>],
    ownership: &Ownership<'_>,
    (org, unclear): (&Organization, bool),
) {
    let alone: Vec<bool> = (0..wants.len()).map(|number| is_alone(wants, number, packed, org)).collect();
    let alone = |number: usize| alone.get(number) == Some(&true);
    let there: Vec<(&str, &Carrier<'_>)> = ownership.of_baseline(baseline).collect();
    if let [want] = wants {
        let its = |(key, carrier): &(&str, &Carrier<'_>)| {
            *key == baseline
                && (!unclear || carrier.policy.targets.is_empty())
                && want.may_change_below(carrier, org, alone(0))
        };
        if there.is_empty() || (there.len() == 1 && there.iter().all(its)) {
            want.key = Some(baseline.to_owned());
            return;
        }
    }
    let mut given = keep(baseline, wants, &there, &alone);
    // Those that are written come first.
    let mut order: Vec<usize> = (0..wants.len()).collect();
    order.sort_by_key(|number| wants.get(*number).is_some_and(Want::comes_last));
    for number in order {
        let Some(want) = wants.get(number).filter(|want| want.key.is_none()) else { continue };
        // The baseline's own name goes to the first that has none, unless its policy is somebody's, or where it must not change.
        let own = ownership.carrier(baseline);
        let free = own.is_none_or(|own| {
            own.policy.targets.is_empty()
                || (!unclear && (want.may_change(own, alone(number)) || want.is_said_by(own).is_none()))
        });
        // What only looks would share a policy if it were written.
        let key = if let Some(twin) = wants.iter().find(|one| want.looks && one.key.is_some() && one.is_twin(want)) {
            twin.key.clone().unwrap_or_default()
        } else if free && !given.contains(baseline) {
            baseline.to_owned()
        } else {
            new_key(baseline, want.says, ownership, &given)
        };
        given.insert(key.clone());
        if let Some(want) = wants.get_mut(number) {
            want.key = Some(key);
        }
    }
}

/// Gives each what is there and does for it: that keeps its policy. The keys that are given.
fn keep(
    baseline: &str,
    wants: &mut [Want<'_, '_>],
    there: &[(&str, &Carrier<'_>)],
    alone: &dyn Fn(usize) -> bool,
) -> BTreeSet<String> {
    let written: BTreeSet<TargetId> =
        wants.iter().filter(|want| !want.looks).flat_map(|want| want.targets.iter().cloned()).collect();
    let mut pairs = Vec::new();
    for (policy, (key, carrier)) in there.iter().enumerate() {
        for (number, want) in wants.iter().enumerate() {
            let says = want.is_said_by(carrier);
            let shared = want.shared(carrier, &written);
            let may = says.is_none() || want.may_change(carrier, alone(number));
            // Where it is at another's targets who says the same, it is that one's.
            let anothers = |other: &Want<'_, '_>| other.says == want.says && other.shared(carrier, &written) > 0;
            let idle = carrier.policy.targets.is_empty() || !(want.looks || wants.iter().any(anothers));
            let says = says == Some(true);
            if (says && (shared > 0 || idle)) || (shared > 0 && may) {
                let more = carrier.policy.targets.len() - shared.min(carrier.policy.targets.len());
                // Half way through their attachments, a policy is that one's who has it at most of its targets: the other's may be
                // at one that only the other has.
                let missing = want.targets.len() - shared;
                let order = (
                    shared == 0,
                    Reverse(says),
                    want.comes_last(),
                    Reverse(shared),
                    !want.had(carrier),
                    more,
                    missing,
                    *key != baseline,
                );
                pairs.push((order, number, policy));
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
    given
}

/// Whether nothing else is wanted of the baseline where this is, in a policy of its own or in one with others.
fn is_alone(wants: &[Want<'_, '_>], number: usize, packed: &[Said<'_>], org: &Organization) -> bool {
    let Some(want) = wants.get(number) else { return false };
    let single = wants.iter().map(|other| (other.says, &other.places));
    let mut others = single.chain(packed.iter().map(|(says, places)| (*says, places)));
    others.all(|(says, places)| says == want.says || !overlap(&want.places, places, org))
}

/// A key that no policy has which is attached anywhere.
fn new_key(baseline: &str, says: &str, ownership: &Ownership<'_>, given: &BTreeSet<String>) -> String {
    let attached = |key: &String| ownership.carrier(key).is_some_and(|carrier| !carrier.policy.targets.is_empty());
    let free = |key: &String| !attached(key) && !given.contains(key);
    let numbered = (2..).map(|number| key::variant(baseline, &format!("{number} {says}")));
    std::iter::once(key::variant(baseline, says)).chain(numbered).find(free).unwrap_or_else(|| baseline.to_owned())
}
