//! The report step: status, conditions and events of a set, on every path.

mod facts;
mod restraints;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};
use soc2_crds::{
    AppliedStatus, BaselineStatus, GuardrailSet, GuardrailSetStatus, HoldStatus, PlanStatus, RolloutStatus,
};
use soc2_guardrails::plan::reason;
use soc2_guardrails::{Clearance, Mode, SetPlan, Step, WaitingKind};

use self::facts::{facts, happenings, keep, words};
pub use self::restraints::puts_back;
use self::restraints::restrained;
use super::enact::Enacted;
use super::observe::{Blocked, Observed};
use super::restrain::{self, Restraints};
use super::{bodies, good};
use crate::context::Context;
use crate::error::Error;
use crate::kubernetes::conditions::{Fact, time};
use crate::kubernetes::status::{Desired, fields_of};
use crate::owners::Nudge;
use crate::requested_at;

/// Field manager of the guardrails' part.
pub const MANAGER: &str = "soc2-operator/guardrails";

const FIELDS: &[&str] = &[
    "observedGeneration",
    "lastHandledReconcileAt",
    "plan",
    "applied",
    "rollout",
    "inPlaceSince",
    "removing",
    "removingPlan",
    "differences",
    "holds",
    "reverts",
    "released",
    "baselines",
];
const CONDITIONS: &[&str] = &[
    "Ready",
    "Stalled",
    "Reconciling",
    "InSync",
    "Planned",
    "ApprovalPending",
    "WaitingForWindow",
    "Applying",
    "Propagating",
    "Held",
    "Released",
    "DriftFight",
    "Refused",
    "Soaking",
    "AwaitingPromotion",
    "RolledBack",
];
/// Most policies of others, and other sets, that a baseline's status names.
const MOST_NAMED: usize = 20;
/// Most removals that are remembered over a crash; of more the rest needs a second approval then.
const MOST_REMOVALS: usize = 500;

/// Most holds on record.
const MOST_HOLDS: usize = 50;

/// What the metrics show of a set.
#[derive(Clone, Debug, Default)]
pub struct SetSnapshot {
    /// Organization's object.
    pub organization: String,
    /// For each baseline: its name, whether it is where it has to be, and how often it was put back.
    pub baselines: Vec<(String, bool, u64)>,
    /// Since when its plan waits for a person or for its window, if it does.
    pub pending_since: Option<Timestamp>,
}

/// A turn: what was planned, what of it was let through, and what became of that.
pub struct Outcome<'a> {
    /// The plan.
    pub plan: &'a SetPlan,
    /// What may be done now.
    pub clearance: &'a Clearance,
    /// What was done.
    pub enacted: &'a Enacted,
    /// How far its waves are.
    pub rollout: Option<&'a RolloutStatus>,
    /// What was held back, but for tags.
    pub restraints: &'a Restraints,
    /// What is to be on record of holds by tags.
    pub holds: Vec<HoldStatus>,
    /// Tags that nobody understands, in words.
    pub not_understood: BTreeSet<String>,
}

/// Says that writing begins, before the first write: after a crash it is on record, and approved removals go on.
///
/// Gives the object as it is then: what comes after builds on it.
pub async fn applying(
    context: &Context,
    set: &GuardrailSet,
    plan: &SetPlan,
    (clearance, rollout): (&Clearance, Option<&RolloutStatus>),
) -> Result<Option<Arc<GuardrailSet>>, Error> {
    let mut status = base(set);
    status.rollout = rollout.cloned();
    status.plan = plan_status(plan);
    // Still to be read while it is written.
    let body = set.status.as_ref().and_then(|status| status.plan.as_ref()?.body.clone());
    status.plan.iter_mut().for_each(|plan| plan.body.clone_from(&body));
    let weakening = clearance.steps.iter().filter(|step| matches!(step, Step::Detach { weakens: true, .. }));
    let weakening: Vec<String> = weakening.take(MOST_REMOVALS).map(Step::to_string).collect();
    if clearance.approval.is_some() && !weakening.is_empty() {
        (status.removing, status.removing_plan) = (weakening, Some(plan.hash.clone()));
    }
    if !plan.steps.is_empty() {
        status.in_place_since = None;
    }
    let approved = clearance.approval.as_ref().map(|name| format!(", approved by {name}")).unwrap_or_default();
    let message = format!("0 of {} steps done{approved}", clearance.steps.len());
    let mut facts: Vec<Fact> =
        ["Held", "Released", "DriftFight"].into_iter().filter_map(|type_| keep(set, type_)).collect();
    facts.extend([
        keep(set, "InSync").unwrap_or_else(|| Fact::no("InSync", "Applying", words(&plan.drift))),
        Fact::yes("Applying", "Applying", message.clone()),
        Fact::yes("Reconciling", "Applying", message.clone()),
        Fact::unknown("Ready", "Applying", message),
    ]);
    write(context, set, &status, facts).await?;
    super::fresh(context, set).await
}

/// Says why a set that is being deleted is still there.
pub async fn retiring(context: &Context, set: &GuardrailSet, held: &str) -> Result<(), Error> {
    let message = format!(
        "its policies cannot be tagged as left behind: {held}; or let go of it with the annotation soc2-operator.dev/abandon: \"true\""
    );
    let facts = vec![
        Fact::no("Ready", "Retiring", message.clone()),
        Fact::yes("Reconciling", "Retiring", message.clone()),
        Fact::unknown("InSync", "Retiring", message),
    ];
    write(context, set, &base(set), facts).await?;
    bodies::forget(context, set, None).await
}

/// Says why there is no plan.
pub async fn blocked(context: &Context, set: &GuardrailSet, blocked: &Blocked) -> Result<(), Error> {
    let mut facts = vec![
        Fact::no("Ready", &blocked.reason, blocked.message.clone()),
        Fact::unknown("InSync", &blocked.reason, blocked.message.clone()),
    ];
    if blocked.stalled {
        facts.push(Fact::yes("Stalled", &blocked.reason, blocked.message.clone()));
    }
    write(context, set, &base(set), facts).await?;
    bodies::forget(context, set, None).await
}

/// Says how the set stands after its writes, if there were any.
pub async fn report(
    context: &Context,
    set: &GuardrailSet,
    observed: &Observed,
    outcome: &Outcome<'_>,
) -> Result<(), Error> {
    let Outcome { plan, enacted, rollout, restraints, .. } = outcome;
    let in_sync = plan.in_sync && !observed.settling;
    let mut status = base(set);
    let drift_before = status.applied.as_ref().is_some_and(|applied| applied.hash == plan.wanted);
    status.plan = plan_status(plan);
    let body = bodies::keep(context, set, observed, (plan, outcome.clearance)).await;
    status.plan.iter_mut().for_each(|plan| plan.body.clone_from(&body));
    in_place(&mut status, plan, observed.settling, time((context.now)()));
    status.rollout = rollout.cloned();
    let kept = good::keep(context, set, observed, plan).await?;
    status.applied.iter_mut().for_each(|applied| applied.content.clone_from(&kept));
    let gone = plan.removals.iter().filter(|step| !enacted.done.contains(step)).map(Step::to_string);
    let left: BTreeSet<String> = gone.collect();
    status.removing.retain(|step| left.contains(step));
    if status.removing.is_empty() {
        status.removing_plan = None;
    }
    let adds = |step: &&Step| !matches!(step, Step::Detach { .. } | Step::Delete { .. }) && !outcome.ends_release(step);
    let reverted: Vec<&Step> = enacted.done.iter().filter(adds).filter(|_| drift_before).collect();
    status.baselines = baselines(set, observed, plan, &reverted);
    status.differences.clone_from(&restraints.differences);
    status.holds = outcome.holds.iter().chain(&restraints.holds).take(MOST_HOLDS).cloned().collect();
    let keys = reverted.iter().filter_map(|step| restrain::key(observed, step)).collect();
    status.reverts = restrain::put_back(&restraints.reverts, keys, (context.now)());
    status.released = restraints.released.iter().chain(outcome.to_be_put_back()).cloned().collect();
    let snapshot = SetSnapshot {
        organization: observed.object.name_any(),
        baselines: status
            .baselines
            .iter()
            .map(|found| {
                let there = found.attached + found.satisfied >= found.targets;
                (found.name.clone(), in_sync && there, found.drift_reverted)
            })
            .collect(),
        pending_since: pending_since(set, outcome, (context.now)()),
    };
    context.published.set(&set.name_any(), snapshot);
    let before = set.status.clone().unwrap_or_default();
    if (&before.plan, &before.applied) != (&status.plan, &status.applied) {
        context.nudges.send(Nudge::ApprovalsOf(set.name_any()));
    }
    let facts = restrained(facts(outcome, in_sync, observed.settling), plan, outcome);
    context.events.publish(&set.object_ref(&()), happenings(set, outcome, drift_before));
    write(context, set, &status, facts).await?;
    bodies::forget(context, set, body.as_deref()).await?;
    good::forget(context, set, kept.as_deref().filter(|_| status.applied.is_some())).await
}

/// Since when a plan waits for a person or for its window.
fn pending_since(set: &GuardrailSet, outcome: &Outcome<'_>, now: Timestamp) -> Option<Timestamp> {
    let type_ = match outcome.clearance.waiting.as_ref()?.kind {
        WaitingKind::ApprovalPending => "ApprovalPending",
        WaitingKind::WaitingForWindow => "WaitingForWindow",
        WaitingKind::AwaitingPromotion => "AwaitingPromotion",
        _ => return None,
    };
    let conditions = set.status.iter().flat_map(|status| &status.conditions);
    let mut before = conditions.filter(|found| found.type_ == type_ && found.status == "True");
    Some(before.next().map_or(now, |found| found.last_transition_time.0))
}

/// Since when everything wanted is in place.
fn in_place(status: &mut GuardrailSetStatus, plan: &SetPlan, settling: bool, now: Time) {
    if plan.removing {
        return;
    }
    // While it does not write, or contradicts another set, others may make what it had stricter: to go back is no drift then.
    let contradicts = plan.refused.as_ref().is_some_and(|refusal| refusal.reason == reason::BASELINE_CONFLICT);
    if plan.mode != Mode::Enforce || contradicts {
        (status.applied, status.in_place_since) = (None, None);
        return;
    }
    if plan.refused.is_some() {
        return;
    }
    if !plan.steps.is_empty() {
        status.in_place_since = None;
    } else if !settling {
        if status.applied.as_ref().is_none_or(|applied| applied.hash != plan.wanted) {
            status.applied = Some(AppliedStatus { hash: plan.wanted.clone(), at: now.clone(), content: None });
            status.in_place_since = None;
        }
        status.in_place_since.get_or_insert(now);
    }
}

/// `put_back`: steps that put back what was in place.
fn baselines(set: &GuardrailSet, observed: &Observed, plan: &SetPlan, put_back: &[&Step]) -> Vec<BaselineStatus> {
    let before = set.status.as_ref().map(|status| status.baselines.as_slice()).unwrap_or_default();
    let current = plan.baselines.iter().map(|baseline| {
        let reverted = before.iter().find(|old| old.name == baseline.name).map_or(0, |old| old.drift_reverted);
        let its = |step: &&&Step| Some(step.baseline()) == baseline.key.as_deref();
        let done = put_back.iter().filter(its).count();
        let others = plan.shared.iter().filter(|shared| shared.baseline == baseline.name);
        BaselineStatus {
            name: baseline.name.clone(),
            policy_id: baseline.policy_id.clone(),
            targets: count(baseline.targets.len()),
            attached: baseline.attached,
            satisfied: count(baseline.satisfied.len()),
            satisfied_by: baseline.satisfied_by().into_iter().take(MOST_NAMED).map(str::to_owned).collect(),
            stricter: others.take(MOST_NAMED).map(|shared| shared.set.clone()).collect(),
            drift_reverted: reverted + done as u64,
        }
    });
    // What it had before stays on record until its policy is gone, or it would be nobody's to take away.
    let named = |name: &str| {
        observed.plan.sets.iter().any(|other| other.baselines.iter().any(|baseline| baseline.name == name))
    };
    let gone = before.iter().filter(|old| !named(&old.name) && observed.plan.carries(&old.name));
    let gone = gone.map(|old| BaselineStatus { targets: 0, ..old.clone() });
    current.chain(gone).collect()
}

fn plan_status(plan: &SetPlan) -> Option<PlanStatus> {
    plan.all().next()?;
    let counts = plan.counts();
    Some(PlanStatus {
        hash: plan.hash.clone(),
        adopt: counts.adopt,
        create: counts.create,
        update: counts.update,
        attach: counts.attach,
        detach: counts.detach,
        delete: counts.delete,
        weakens: plan.weakens(),
        affected_accounts: plan.affected_accounts,
        changed_accounts: plan.changed_accounts,
        summary: plan.all().take(20).map(Step::to_string).collect(),
        body: None,
    })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What every report says, and what stands until a report says otherwise.
fn base(set: &GuardrailSet) -> GuardrailSetStatus {
    let before = set.status.clone().unwrap_or_default();
    GuardrailSetStatus {
        observed_generation: set.metadata.generation,
        last_handled_reconcile_at: requested_at(set),
        plan: None,
        applied: before.applied,
        rollout: before.rollout,
        in_place_since: before.in_place_since,
        removing: before.removing,
        removing_plan: before.removing_plan,
        differences: before.differences,
        holds: before.holds,
        reverts: if restrain::acted(set) { Vec::new() } else { before.reverts },
        released: before.released,
        baselines: before.baselines,
        conditions: Vec::new(),
    }
}

async fn write(
    context: &Context,
    set: &GuardrailSet,
    status: &GuardrailSetStatus,
    facts: Vec<Fact>,
) -> Result<(), Error> {
    let writer = context.status_writer(MANAGER, FIELDS, CONDITIONS);
    let live = serde_json::to_value(&set.status).unwrap_or_default();
    let desired = Desired { fields: fields_of(status), conditions: facts };
    writer.write(set, &live, &desired, (context.now)()).await?;
    Ok(())
}
