//! The report step: status, conditions and events of a set, on every path.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, Resource, ResourceExt};
use soc2_crds::{AppliedStatus, BaselineStatus, GuardrailSet, GuardrailSetStatus, PlanStatus};
use soc2_guardrails::plan::reason;
use soc2_guardrails::{Clearance, Mode, SetPlan, Step, Waiting, WaitingKind};

use super::enact::Enacted;
use super::observe::{Blocked, Observed};
use crate::context::Context;
use crate::error::Error;
use crate::kubernetes::conditions::{Fact, time};
use crate::kubernetes::events::Happening;
use crate::kubernetes::status::{Desired, StatusWriter, fields_of};
use crate::owners::Nudge;
use crate::requested_at;

/// Field manager of the guardrails' part.
pub const MANAGER: &str = "soc2-operator/guardrails";

const FIELDS: &[&str] = &[
    "observedGeneration",
    "lastHandledReconcileAt",
    "plan",
    "applied",
    "inPlaceSince",
    "removing",
    "removingPlan",
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
    "Refused",
];
/// Most removals that are remembered over a crash; of more the rest needs a second approval then.
const MOST_REMOVALS: usize = 500;

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
}

/// Says that writing begins, before the first write: after a crash it is on record, and approved removals go on.
///
/// Gives the object as it is then: what comes after builds on it.
pub async fn applying(
    context: &Context,
    set: &GuardrailSet,
    plan: &SetPlan,
    clearance: &Clearance,
) -> Result<Option<Arc<GuardrailSet>>, Error> {
    let mut status = base(set);
    status.plan = plan_status(plan);
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
    let facts = vec![
        keep(set, "InSync").unwrap_or_else(|| Fact::no("InSync", "Applying", words(&plan.drift))),
        Fact::yes("Applying", "Applying", message.clone()),
        Fact::yes("Reconciling", "Applying", message.clone()),
        Fact::unknown("Ready", "Applying", message),
    ];
    write(context, set, &status, facts).await?;
    let api: Api<GuardrailSet> = Api::all(context.client.clone());
    Ok(api.get_opt(&set.name_any()).await?.map(Arc::new))
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
    write(context, set, &base(set), facts).await
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
    write(context, set, &base(set), facts).await
}

/// Says how the set stands after its writes, if there were any.
pub async fn report(
    context: &Context,
    set: &GuardrailSet,
    observed: &Observed,
    outcome: &Outcome<'_>,
) -> Result<(), Error> {
    let Outcome { plan, enacted, .. } = outcome;
    let in_sync = plan.in_sync && !observed.settling;
    let mut status = base(set);
    let drift_before = status.applied.as_ref().is_some_and(|applied| applied.hash == plan.wanted);
    status.plan = plan_status(plan);
    in_place(&mut status, plan, observed.settling, time((context.now)()));
    let gone = plan.removals.iter().filter(|step| !enacted.done.contains(step)).map(Step::to_string);
    let left: BTreeSet<String> = gone.collect();
    status.removing.retain(|step| left.contains(step));
    if status.removing.is_empty() {
        status.removing_plan = None;
    }
    status.baselines = baselines(set, observed, outcome, drift_before);
    let snapshot = SetSnapshot {
        organization: observed.object.name_any(),
        baselines: status
            .baselines
            .iter()
            .map(|found| (found.name.clone(), in_sync && found.attached == found.targets, found.drift_reverted))
            .collect(),
        pending_since: pending_since(set, outcome, (context.now)()),
    };
    context.published.set(&set.name_any(), snapshot);
    let before = set.status.clone().unwrap_or_default();
    if (&before.plan, &before.applied) != (&status.plan, &status.applied) {
        context.nudges.send(Nudge::ApprovalsOf(set.name_any()));
    }
    let facts = facts(outcome, in_sync, observed.settling);
    context.events.publish(&set.object_ref(&()), happenings(set, outcome, drift_before));
    write(context, set, &status, facts).await
}

/// Since when a plan waits for a person or for its window.
fn pending_since(set: &GuardrailSet, outcome: &Outcome<'_>, now: Timestamp) -> Option<Timestamp> {
    let type_ = match outcome.clearance.waiting.as_ref()?.kind {
        WaitingKind::ApprovalPending => "ApprovalPending",
        WaitingKind::WaitingForWindow => "WaitingForWindow",
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
            status.applied = Some(AppliedStatus { hash: plan.wanted.clone(), at: now.clone() });
            status.in_place_since = None;
        }
        status.in_place_since.get_or_insert(now);
    }
}

fn facts(outcome: &Outcome<'_>, in_sync: bool, settling: bool) -> Vec<Fact> {
    let Outcome { plan, clearance, enacted } = outcome;
    if let Some(refused) = &plan.refused {
        let message = refused.message.clone();
        return vec![
            Fact::no("Ready", refused.reason, message.clone()),
            Fact::yes("Stalled", refused.reason, message.clone()),
            Fact::yes("Refused", refused.reason, message.clone()),
            Fact::no("InSync", refused.reason, message),
        ];
    }
    let drift = words(&plan.drift);
    if let Some(error) = &enacted.error {
        return vec![Fact::no("Ready", "ApplyFailed", error.message.clone()), Fact::no("InSync", "ApplyFailed", drift)];
    }
    if let Some(held) = &enacted.held {
        return vec![
            Fact::no("Ready", "Held", format!("nothing is written: {held}")),
            Fact::yes("Held", "Held", held.clone()),
            Fact::no("InSync", "Held", drift),
        ];
    }
    if let Some(waiting) = &clearance.waiting
        && enacted.done.is_empty()
    {
        return waits(plan, waiting, in_sync);
    }
    if in_sync {
        let attached: u32 = plan.baselines.iter().map(|baseline| baseline.attached).sum();
        let (policies, accounts) = (plan.baselines.len(), plan.affected_accounts);
        let message = format!("{policies} policies on {attached} targets protect {accounts} accounts");
        return vec![
            Fact::yes("InSync", "InSync", message),
            Fact::yes("Ready", "Reconciled", "AWS is as this set wants it"),
        ];
    }
    if plan.mode == Mode::Observe {
        return vec![
            Fact::yes("Ready", "Observed", "mode Observe: differences are reported, nothing is written"),
            Fact::no("InSync", "Drifted", drift),
        ];
    }
    if settling || !enacted.done.is_empty() {
        let (done, all) = (enacted.done.len(), plan.all().count());
        let message = format!("{done} of {all} steps done; waiting until AWS shows them");
        return vec![
            Fact::yes("Applying", "Verifying", message.clone()),
            Fact::yes("Reconciling", "Verifying", message.clone()),
            Fact::unknown("Ready", "Verifying", message.clone()),
            Fact::no("InSync", "Verifying", if plan.drift.is_empty() { message } else { drift }),
        ];
    }
    vec![
        Fact::yes("Ready", "Reconciled", "what differs is not this operator's to change"),
        Fact::no("InSync", "Drifted", drift),
    ]
}

/// Why the rest is not done. The operator did its job: `Ready` is true.
fn waits(plan: &SetPlan, waiting: &Waiting, in_sync: bool) -> Vec<Fact> {
    let (reason, message) = (waiting.reason, waiting.message.clone());
    let drift = if plan.drift.is_empty() { message.clone() } else { words(&plan.drift) };
    let in_sync =
        if in_sync { Fact::yes("InSync", "InSync", message.clone()) } else { Fact::no("InSync", reason, drift) };
    let mut facts = vec![Fact::yes("Ready", reason, message.clone()), in_sync];
    let type_ = match waiting.kind {
        WaitingKind::Planned => "Planned",
        WaitingKind::ApprovalPending => "ApprovalPending",
        WaitingKind::WaitingForWindow => "WaitingForWindow",
        WaitingKind::Propagating => "Propagating",
        // InSync says it.
        WaitingKind::Drifted => return facts,
    };
    facts.push(Fact::yes(type_, reason, message));
    facts
}

fn happenings(set: &GuardrailSet, outcome: &Outcome<'_>, drift_before: bool) -> Vec<Happening> {
    let Outcome { plan, clearance, enacted } = outcome;
    let mut found = Vec::new();
    let was_in_sync = keep(set, "InSync").is_some_and(|fact| fact.status == "True");
    let event = |warning: bool, reason: &str, note: String| Happening {
        warning,
        reason: reason.to_owned(),
        action: "Reconcile",
        note,
    };
    if (drift_before || was_in_sync) && !plan.drift.is_empty() && (was_in_sync || !enacted.done.is_empty()) {
        found.push(event(true, "DriftDetected", words(&plan.drift)));
    }
    if !enacted.done.is_empty() {
        let steps: Vec<String> = enacted.done.iter().map(Step::to_string).collect();
        let removed = enacted.done.iter().all(|step| matches!(step, Step::Detach { .. } | Step::Delete { .. }));
        let reason = if drift_before && !removed { "DriftReverted" } else { "Applied" };
        let approved = clearance.approval.as_ref().map(|name| format!(" (approved by {name})")).unwrap_or_default();
        found.push(event(false, reason, steps.join("; ") + &approved));
    }
    if let Some(error) = &enacted.error {
        found.push(event(true, "ApplyFailed", error.message.clone()));
    }
    let new = |type_: &'static str, message: &str| keep(set, type_).is_none_or(|old| old.message != message);
    if let Some(refused) = &plan.refused
        && keep(set, "Refused").is_none_or(|old| old.reason != refused.reason)
    {
        found.push(event(true, refused.reason, refused.message.clone()));
    }
    if let Some(waiting) = &clearance.waiting
        && waiting.kind == WaitingKind::ApprovalPending
        && new("ApprovalPending", &waiting.message)
    {
        found.push(event(false, "ApprovalPending", waiting.message.clone()));
    }
    found
}

fn baselines(
    set: &GuardrailSet,
    observed: &Observed,
    outcome: &Outcome<'_>,
    drift_before: bool,
) -> Vec<BaselineStatus> {
    let before = set.status.as_ref().map(|status| status.baselines.as_slice()).unwrap_or_default();
    let Outcome { plan, enacted, .. } = outcome;
    let current = plan.baselines.iter().map(|baseline| {
        let reverted = before.iter().find(|old| old.name == baseline.name).map_or(0, |old| old.drift_reverted);
        let adds = |step: &&Step| !matches!(step, Step::Detach { .. } | Step::Delete { .. });
        let done = enacted.done.iter().filter(adds).filter(|step| step.baseline() == baseline.name).count();
        BaselineStatus {
            name: baseline.name.clone(),
            policy_id: baseline.policy_id.clone(),
            targets: u32::try_from(baseline.targets.len()).unwrap_or(u32::MAX),
            attached: baseline.attached,
            drift_reverted: reverted + if drift_before { done as u64 } else { 0 },
        }
    });
    // What it had before stays on record until its policy is gone, or it would be nobody's to take away.
    let named = |name: &str| {
        observed.plan.sets.iter().any(|other| other.baselines.iter().any(|baseline| baseline.name == name))
    };
    let gone = before.iter().filter(|old| !named(&old.name) && observed.plan.carriers.contains_key(&old.name));
    let gone = gone.map(|old| BaselineStatus { targets: 0, ..old.clone() });
    current.chain(gone).collect()
}

fn plan_status(plan: &SetPlan) -> Option<PlanStatus> {
    plan.all().next()?;
    let counts = plan.counts();
    Some(PlanStatus {
        hash: plan.hash.clone(),
        create: counts.create,
        update: counts.update,
        attach: counts.attach,
        detach: counts.detach,
        delete: counts.delete,
        weakens: plan.weakens(),
        affected_accounts: plan.affected_accounts,
        changed_accounts: plan.changed_accounts,
        summary: plan.all().take(20).map(Step::to_string).collect(),
    })
}

fn words(drift: &[soc2_guardrails::Drift]) -> String {
    let lines: Vec<String> = drift.iter().take(10).map(ToString::to_string).collect();
    let more = drift.len().saturating_sub(lines.len());
    let text = lines.join("; ");
    if more > 0 { format!("{text}; and {more} more") } else { text }
}

/// A condition that stands, as a fact.
fn keep(set: &GuardrailSet, type_: &'static str) -> Option<Fact> {
    let found = set.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == type_)?;
    let status = match found.status.as_str() {
        "True" => "True",
        "False" => "False",
        _ => "Unknown",
    };
    Some(Fact { type_, status, reason: found.reason.clone(), message: found.message.clone() })
}

/// What every report says, and what stands until a report says otherwise.
fn base(set: &GuardrailSet) -> GuardrailSetStatus {
    let before = set.status.clone().unwrap_or_default();
    GuardrailSetStatus {
        observed_generation: set.metadata.generation,
        last_handled_reconcile_at: requested_at(set),
        plan: None,
        applied: before.applied,
        in_place_since: before.in_place_since,
        removing: before.removing,
        removing_plan: before.removing_plan,
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
    let writer = StatusWriter::new(context.client.clone(), MANAGER, FIELDS, CONDITIONS);
    let live = serde_json::to_value(&set.status).unwrap_or_default();
    let desired = Desired { fields: fields_of(status), conditions: facts };
    writer.write(set, &live, &desired, (context.now)()).await?;
    Ok(())
}
