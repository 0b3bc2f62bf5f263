//! The report step: status, conditions and events of a set, on every path.

use kube::{Resource, ResourceExt};
use soc2_crds::{AppliedStatus, BaselineStatus, GuardrailSet, GuardrailSetStatus, PlanStatus};
use soc2_guardrails::{Mode, SetPlan, Step};

use super::enact::Enacted;
use super::observe::{Blocked, Observed};
use crate::context::Context;
use crate::error::Error;
use crate::kubernetes::conditions::{Fact, time};
use crate::kubernetes::events::Happening;
use crate::kubernetes::status::{Desired, StatusWriter, fields_of};
use crate::requested_at;

/// Field manager of the guardrails' part.
pub const MANAGER: &str = "soc2-operator/guardrails";

const FIELDS: &[&str] = &["observedGeneration", "lastHandledReconcileAt", "plan", "applied", "baselines"];
const CONDITIONS: &[&str] = &["Ready", "Stalled", "Reconciling", "InSync", "Applying", "Held", "Refused"];

/// What the metrics show of a set.
#[derive(Clone, Debug, Default)]
pub struct SetSnapshot {
    /// Organization's object.
    pub organization: String,
    /// For each baseline: its name, whether it is where it has to be, and how often it was put back.
    pub baselines: Vec<(String, bool, u64)>,
}

/// Says that writing begins, before the first write: after a crash it is on record.
pub async fn applying(context: &Context, set: &GuardrailSet, plan: &SetPlan) -> Result<(), Error> {
    let mut status = base(set);
    status.plan = plan_status(plan);
    let message = format!("{} of {} steps done", 0, plan.steps.len());
    let facts = vec![
        keep(set, "InSync").unwrap_or_else(|| Fact::no("InSync", "Applying", words(&plan.drift))),
        Fact::yes("Applying", "Applying", message.clone()),
        Fact::yes("Reconciling", "Applying", message.clone()),
        Fact::unknown("Ready", "Applying", message),
    ];
    write(context, set, &status, facts).await
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
    plan: &SetPlan,
    enacted: &Enacted,
) -> Result<(), Error> {
    let in_sync = plan.in_sync && !observed.settling;
    let mut status = base(set);
    let drift_before = status.applied.as_ref().is_some_and(|applied| applied.hash == plan.hash);
    status.plan = plan_status(plan);
    if in_sync && plan.mode == Mode::Enforce && !drift_before {
        status.applied = Some(AppliedStatus { hash: plan.hash.clone(), at: time((context.now)()) });
    }
    status.baselines = baselines(set, plan, enacted, drift_before);
    let snapshot = SetSnapshot {
        organization: observed.object.name_any(),
        baselines: status
            .baselines
            .iter()
            .map(|found| (found.name.clone(), in_sync && found.attached == found.targets, found.drift_reverted))
            .collect(),
    };
    context.published.set(&set.name_any(), snapshot);
    let facts = facts(plan, enacted, in_sync, observed.settling);
    context.events.publish(&set.object_ref(&()), happenings(set, plan, enacted, drift_before));
    write(context, set, &status, facts).await
}

fn facts(plan: &SetPlan, enacted: &Enacted, in_sync: bool, settling: bool) -> Vec<Fact> {
    if let Some(refused) = &plan.refused {
        let message = refused.message.clone();
        return vec![
            Fact::no("Ready", refused.reason, message.clone()),
            Fact::yes("Stalled", refused.reason, message.clone()),
            Fact::yes("Refused", refused.reason, message.clone()),
            Fact::no("InSync", refused.reason, message),
        ];
    }
    let attached: u32 = plan.baselines.iter().map(|baseline| baseline.attached).sum();
    let mut facts = Vec::new();
    if in_sync {
        let message = format!(
            "{} policies on {attached} targets protect {} accounts",
            plan.baselines.len(),
            plan.affected_accounts
        );
        facts.push(Fact::yes("InSync", "InSync", message));
        facts.push(Fact::yes("Ready", "Reconciled", "AWS is as this set wants it"));
        return facts;
    }
    let drift = words(&plan.drift);
    if let Some(error) = &enacted.error {
        facts.push(Fact::no("Ready", "ApplyFailed", error.message.clone()));
        facts.push(Fact::no("InSync", "ApplyFailed", drift));
    } else if let Some(held) = &enacted.held {
        facts.push(Fact::no("Ready", "Held", format!("nothing is written: {held}")));
        facts.push(Fact::yes("Held", "Held", held.clone()));
        facts.push(Fact::no("InSync", "Held", drift));
    } else if plan.mode == Mode::Observe {
        facts.push(Fact::yes("Ready", "Observed", "mode Observe: differences are reported, nothing is written"));
        facts.push(Fact::no("InSync", "Drifted", drift));
    } else if settling || !enacted.done.is_empty() {
        let message =
            format!("{} of {} steps done; waiting until AWS shows them", enacted.done.len(), plan.steps.len());
        facts.push(Fact::yes("Applying", "Verifying", message.clone()));
        facts.push(Fact::yes("Reconciling", "Verifying", message.clone()));
        facts.push(Fact::unknown("Ready", "Verifying", message.clone()));
        facts.push(Fact::no("InSync", "Verifying", if plan.drift.is_empty() { message } else { drift }));
    } else {
        facts.push(Fact::yes("Ready", "Reconciled", "what differs is not this operator's to change"));
        facts.push(Fact::no("InSync", "Drifted", drift));
    }
    facts
}

fn happenings(set: &GuardrailSet, plan: &SetPlan, enacted: &Enacted, drift_before: bool) -> Vec<Happening> {
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
        found.push(event(false, if drift_before { "DriftReverted" } else { "Applied" }, steps.join("; ")));
    }
    if let Some(error) = &enacted.error {
        found.push(event(true, "ApplyFailed", error.message.clone()));
    }
    if let Some(refused) = &plan.refused
        && keep(set, "Refused").is_none_or(|old| old.reason != refused.reason)
    {
        found.push(event(true, refused.reason, refused.message.clone()));
    }
    found
}

fn baselines(set: &GuardrailSet, plan: &SetPlan, enacted: &Enacted, drift_before: bool) -> Vec<BaselineStatus> {
    let before = set.status.as_ref().map(|status| status.baselines.as_slice()).unwrap_or_default();
    plan.baselines
        .iter()
        .map(|baseline| {
            let reverted = before.iter().find(|old| old.name == baseline.name).map_or(0, |old| old.drift_reverted);
            let done = enacted.done.iter().filter(|step| step.baseline() == baseline.name).count();
            BaselineStatus {
                name: baseline.name.clone(),
                policy_id: baseline.policy_id.clone(),
                targets: u32::try_from(baseline.targets.len()).unwrap_or(u32::MAX),
                attached: baseline.attached,
                drift_reverted: reverted + if drift_before { done as u64 } else { 0 },
            }
        })
        .collect()
}

fn plan_status(plan: &SetPlan) -> Option<PlanStatus> {
    if plan.steps.is_empty() {
        return None;
    }
    let (create, update, attach) = plan.counts();
    Some(PlanStatus {
        hash: plan.hash.clone(),
        create,
        update,
        attach,
        affected_accounts: plan.affected_accounts,
        summary: plan.steps.iter().take(20).map(Step::to_string).collect(),
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
