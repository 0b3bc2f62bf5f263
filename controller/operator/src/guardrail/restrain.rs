//! The restrain step: what the gate let through and is left alone all the same, because a person released it, a break-glass principal
//! changed it, or it was put back too often. What has to survive a restart is in the set's status.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::ResourceExt;
use soc2_crds::{DifferenceStatus, GuardrailSet, GuardrailSetStatus, HoldStatus, ReleasedStatus, RevertStatus};
use soc2_feed::ORGANIZATIONS;
use soc2_guardrails::fight::{self, Reverts};
use soc2_guardrails::hold::{BREAK_GLASS, is_about, subject_of};
use soc2_guardrails::plan::baseline_of;
use soc2_guardrails::release::{Ground, kept_off, needed_by, reduced};
use soc2_guardrails::{
    Because, Deed, Document, Drift, Release, SetPlan, Step, TargetId, Withheld, responsible, withhold,
};

use super::observe::Observed;
use super::releases;
use crate::context::Context;
use crate::kubernetes::conditions::time;
use crate::requested_at;

/// Reason of a hold because of who made the difference.
pub const BREAK_GLASS_DRIFT: &str = "BreakGlassDrift";
/// Most entries of each list in the status.
pub(super) const MOST: usize = 50;
/// Longest description of a difference.
const LONGEST: usize = 300;

/// What holds back, and what of it is remembered.
#[derive(Debug, Default)]
pub struct Restraints {
    /// Steps that nothing here holds back.
    pub steps: Vec<Step>,
    /// Steps that are not done.
    pub withheld: Vec<Withheld>,
    /// What differs from what was in place.
    pub differences: Vec<DifferenceStatus>,
    /// Differences that break-glass principals made.
    pub holds: Vec<HoldStatus>,
    /// What was put back lately.
    pub reverts: Vec<RevertStatus>,
    /// What releases keep off.
    pub released: Vec<ReleasedStatus>,
    /// What they kept off before and no more.
    pub ended: Vec<ReleasedStatus>,
    /// Policies, by what they are for, that say less than they have to only because of releases.
    pub reduced: BTreeSet<String>,
}

/// Holds steps back.
pub fn restrain(
    context: &Context,
    observed: &Observed,
    set: &GuardrailSet,
    plan: &SetPlan,
    steps: Vec<Step>,
) -> Restraints {
    let now = (context.now)();
    let status = set.status.clone().unwrap_or_default();
    let view = context.feeds.view(&observed.object.name_any());
    let facts = view.map(|view| view.facts).unwrap_or_default();
    let library = context.library();
    let ground = releases::ground(observed, &library.guardrails);
    let active = releases::active(context, observed, &library.guardrails, now);
    let released = released(observed, plan, &active);
    let (steps, less) = without_released(&active, &ground, steps);
    // Also of what is not to be put back yet.
    let (_, of_plan) = without_released(&active, &ground, plan.steps.clone());
    let reduced: BTreeSet<String> = of_plan.iter().map(|withheld| withheld.step.baseline().to_owned()).collect();
    let is_drift = status.applied.as_ref().is_some_and(|applied| applied.hash == plan.wanted);
    let found: Vec<Found<'_>> =
        if is_drift { differences(plan, &status, &facts.deeds, (&released, &reduced), now) } else { Vec::new() };
    let holds = holds(observed, &status, &found, now);
    let keys: BTreeSet<String> = plan.steps.iter().filter_map(|step| key(observed, step)).collect();
    let acted = acted(set);
    let known = if acted { Vec::new() } else { status.reverts.iter().map(of_status).collect() };
    // What is written and not shown yet is neither there nor gone.
    let reverts = if observed.settling { known } else { fight::now_there(known, &keys, now) };
    // Who made what is found may be told by what is still in the queue.
    let unheard = is_drift
        && facts.events.iter().any(|queue| queue.source == ORGANIZATIONS && !queue.heard && queue.error.is_none());
    let because = |step: &Step| -> Option<Because> {
        if matches!(step, Step::Detach { .. } | Step::Delete { .. }) {
            let needed = needed_by(&active, &observed.organization, step).filter(|_| !plan.removing);
            return needed.map(of_release);
        }
        released_step(observed, &active, step)
            .or_else(|| kept_off(&active, &ground, step).map(of_release))
            .or_else(|| fighting(&reverts, &key(observed, step)?))
            .or_else(|| held(&holds, step))
            .or_else(|| unheard.then_some(Because::Unheard))
    };
    let (steps, mut withheld) = withhold(steps, because);
    withheld.extend(less);
    let ended = status.released.iter().filter(|before| !released.iter().any(|still| is_same(still, before)));
    Restraints {
        steps,
        withheld,
        differences: found.into_iter().map(|found| found.difference).collect(),
        holds,
        reverts: reverts.iter().map(to_status).collect(),
        ended: ended.cloned().collect(),
        released,
        reduced,
    }
}

/// Changes of policies with several guardrails without what releases took out of these, and those that are nothing else.
fn without_released(releases: &[Release], ground: &Ground<'_>, steps: Vec<Step>) -> (Vec<Step>, Vec<Withheld>) {
    let (mut left, mut withheld) = (Vec::new(), Vec::new());
    for step in steps {
        match reduced(releases, ground, &step) {
            None => left.push(step),
            Some((less, release)) if is_done(ground, &less) => {
                withheld.push(Withheld { step, because: of_release(release) });
            }
            Some((less, _)) => left.push(less),
        }
    }
    (left, withheld)
}

/// Whether a policy is already as a step would make it.
fn is_done(ground: &Ground<'_>, step: &Step) -> bool {
    let Step::Update { id, policy, .. } = step else { return false };
    let document = |content: &str| Document::parse(content).ok();
    ground.inventory.policies.get(id).is_some_and(|found| {
        found.name == policy.name && document(&found.content).is_some_and(|one| Some(one) == document(&policy.content))
    })
}

fn of_release(release: &Release) -> Because {
    Because::Release { name: release.name.clone(), until: release.until }
}

/// Whether a person did something to the set since the last report: fights are begun anew then.
pub fn acted(set: &GuardrailSet) -> bool {
    let Some(status) = &set.status else { return false };
    status.observed_generation != set.metadata.generation || status.last_handled_reconcile_at != requested_at(set)
}

/// What a set puts back when it does a step, as fights are told by.
pub fn key(observed: &Observed, step: &Step) -> Option<String> {
    let found = if let Step::Update { id, .. } = step { observed.policy(id) } else { None };
    fight::key(step, found)
}

/// What was put back lately, these included.
pub fn put_back(reverts: &[RevertStatus], keys: Vec<String>, now: Timestamp) -> Vec<RevertStatus> {
    fight::put_back(reverts.iter().map(of_status).collect(), keys, now).iter().map(to_status).collect()
}

fn is_same(one: &ReleasedStatus, other: &ReleasedStatus) -> bool {
    (&one.baseline, &one.target) == (&other.baseline, &other.target)
}

/// Where releases keep a baseline of this set off: where it is to be in the end, and where its waves want it before that.
fn released(observed: &Observed, plan: &SetPlan, releases: &[Release]) -> Vec<ReleasedStatus> {
    let in_the_end = plan.baselines.iter().flat_map(|baseline| {
        let name = baseline.name.as_str();
        baseline.targets.iter().map(move |target| (name, &target.id))
    });
    let in_waves = plan.rollout.iter().flat_map(|rollout| &rollout.waves).flat_map(|wave| &wave.steps);
    let in_waves = in_waves.filter_map(|step| match step {
        Step::Attach { baseline, target, .. } => Some((baseline_of(baseline), &target.id)),
        _ => None,
    });
    let places: BTreeSet<(&str, &TargetId)> = in_the_end.chain(in_waves).collect();
    let found = places.into_iter().filter_map(|(name, target)| {
        let keeps_off = |release: &&Release| release.keeps_off(&observed.organization, name, target);
        releases.iter().find(keeps_off).map(|release| ReleasedStatus {
            baseline: name.to_owned(),
            target: target.0.clone(),
            release: release.name.clone(),
            until: time(release.until),
        })
    });
    found.take(MOST).collect()
}

fn released_step(observed: &Observed, releases: &[Release], step: &Step) -> Option<Because> {
    let Step::Attach { baseline, target, .. } = step else { return None };
    let keeps_off = |release: &&Release| release.keeps_off(&observed.organization, baseline, &target.id);
    releases.iter().find(keeps_off).map(of_release)
}

fn fighting(reverts: &[Reverts], key: &str) -> Option<Because> {
    let since = reverts.iter().find(|reverts| reverts.what == key)?.fighting_since?;
    Some(Because::Fight { since })
}

fn held(holds: &[HoldStatus], step: &Step) -> Option<Because> {
    let hold = holds.iter().find(|hold| is_about(step, &hold.on))?;
    Some(Because::BreakGlass { who: hold.by.clone().unwrap_or_default(), until: hold.until.0 })
}

/// A difference, and the call that made it, where an event told.
struct Found<'a> {
    drift: &'a Drift,
    difference: DifferenceStatus,
    deed: Option<&'a Deed>,
}

/// What differs from what was in place, and who did it. What a release took off is no such thing.
fn differences<'a>(
    plan: &'a SetPlan,
    status: &GuardrailSetStatus,
    deeds: &'a [Deed],
    (released, reduced): (&[ReleasedStatus], &BTreeSet<String>),
    now: Timestamp,
) -> Vec<Found<'a>> {
    let is_ours = |drift: &Drift| matches!(drift, Drift::Staged { .. }) || is_released(drift, plan, released, reduced);
    let differing = plan.drift.iter().filter(|drift| !drift.is_harmless() && !is_ours(drift));
    let found = differing.take(MOST).map(|drift| {
        let what: String = drift.to_string().chars().take(LONGEST).collect();
        let before = status.differences.iter().find(|before| before.what == what);
        let carrier =
            status.baselines.iter().find(|baseline| Some(baseline.name.as_str()) == drift.baseline().map(baseline_of));
        let carrier = carrier.and_then(|baseline| baseline.policy_id.as_deref());
        let since = before.map_or(now, |before| before.since.0);
        let mut difference = before.cloned().unwrap_or(DifferenceStatus {
            what,
            since: time(now),
            in_place_since: status.in_place_since.clone(),
            by: None,
            call: None,
            at: None,
        });
        let in_place = difference.in_place_since.as_ref().map(|at| at.0);
        let deed = responsible(drift, carrier, deeds, since, in_place);
        if let Some(deed) = deed {
            let (by, call) = (deed.by.clone(), deed.call.clone());
            (difference.by, difference.call, difference.at) = (Some(by), Some(call), Some(time(deed.at)));
        }
        Found { drift, difference, deed }
    });
    found.collect()
}

/// Whether a difference is what a release wants. `reduced`: policies that say less only because of releases.
pub fn is_released(drift: &Drift, plan: &SetPlan, released: &[ReleasedStatus], reduced: &BTreeSet<String>) -> bool {
    match drift {
        Drift::Detached { baseline, target, .. } => {
            released.iter().any(|found| found.target == target.id.0 && is_in(plan, &found.baseline, baseline))
        }
        Drift::Edited { baseline, .. } => reduced.contains(baseline),
        _ => false,
    }
}

/// Whether the policy for `key` carries a baseline of a set: its own, a variant of it, or one with several.
pub fn is_in(plan: &SetPlan, baseline: &str, key: &str) -> bool {
    plan.baselines.iter().any(|found| found.name == baseline && found.key.as_deref() == Some(key))
}

/// Differences that break-glass principals made, each for as long as it is left alone.
fn holds(observed: &Observed, status: &GuardrailSetStatus, found: &[Found<'_>], now: Timestamp) -> Vec<HoldStatus> {
    let patterns = observed.object.spec.guardrails.break_glass_principals.clone().unwrap_or_default();
    let mut holds: Vec<HoldStatus> = Vec::new();
    for Found { drift, deed, .. } in found {
        let Some(on) = subject_of(drift).filter(|on| !holds.iter().any(|hold| hold.on == *on)) else { continue };
        let before = status.holds.iter().find(|hold| hold.reason == BREAK_GLASS_DRIFT && hold.on == on);
        let hold = match deed {
            Some(deed) if deed.is_by(&patterns) => deed.at.checked_add(BREAK_GLASS).ok().map(|until| HoldStatus {
                on,
                reason: BREAK_GLASS_DRIFT.to_owned(),
                until: time(until),
                tag: None,
                by: Some(deed.by.clone()),
            }),
            // Somebody else changed it since.
            Some(_) => None,
            // What was told before a restart is on record.
            None => before.cloned(),
        };
        holds.extend(hold.filter(|hold| hold.until.0 > now));
    }
    holds
}

fn of_status(status: &RevertStatus) -> Reverts {
    Reverts {
        what: status.what.clone(),
        at: status.at.iter().map(|at| at.0).collect(),
        fighting_since: status.fighting_since.as_ref().map(|at| at.0),
    }
}

fn to_status(reverts: &Reverts) -> RevertStatus {
    RevertStatus {
        what: reverts.what.clone(),
        at: reverts.at.iter().map(|at| time(*at)).collect(),
        fighting_since: reverts.fighting_since.map(time),
    }
}
