//! What the conditions and events of a set say of a turn.

use std::collections::BTreeMap;

use soc2_crds::GuardrailSet;
use soc2_guardrails::{Mode, SetPlan, Step, Waiting, WaitingKind};

use super::Outcome;
use crate::kubernetes::conditions::Fact;
use crate::kubernetes::events::Happening;

/// The conditions after a turn.
pub(super) fn facts(outcome: &Outcome<'_>, in_sync: bool, settling: bool) -> Vec<Fact> {
    let Outcome { plan, clearance, enacted, .. } = outcome;
    if let Some(refused) = &plan.refused {
        let message = refused.message.clone();
        return vec![
            Fact::no("Ready", refused.reason, message.clone()),
            Fact::yes("Stalled", refused.reason, message.clone()),
            Fact::yes("Refused", refused.reason, message.clone()),
            Fact::no("InSync", refused.reason, message),
        ];
    }
    let drift = outcome.drift();
    if let Some(error) = &enacted.error {
        return vec![Fact::no("Ready", "ApplyFailed", error.message.clone()), Fact::no("InSync", "ApplyFailed", drift)];
    }
    if let Some(held) = &enacted.held {
        return vec![
            Fact::no("Ready", "Held", format!("nothing is written: {held}")),
            Fact::yes("Held", &format!("{held:?}"), held.to_string()),
            Fact::no("InSync", "Held", drift),
        ];
    }
    if let Some(why) = &enacted.ended {
        let message = format!("{} of {} steps done; {why}", enacted.done.len(), plan.all().count());
        return under_way(plan, "Applying", message, drift);
    }
    if let Some(waiting) = &clearance.waiting
        && enacted.done.is_empty()
    {
        return waits(outcome, waiting, in_sync);
    }
    if in_sync {
        let message = in_place(plan);
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
        return under_way(plan, "Verifying", message, drift);
    }
    vec![
        Fact::yes("Ready", "Reconciled", "what differs is not this operator's to change"),
        Fact::no("InSync", "Drifted", drift),
    ]
}

/// Not all is written yet, or does not show.
fn under_way(plan: &SetPlan, reason: &str, message: String, drift: String) -> Vec<Fact> {
    vec![
        Fact::yes("Applying", reason, message.clone()),
        Fact::yes("Reconciling", reason, message.clone()),
        Fact::unknown("Ready", reason, message.clone()),
        Fact::no("InSync", reason, if plan.drift.is_empty() { message } else { drift }),
    ]
}

/// What protects the accounts.
fn in_place(plan: &SetPlan) -> String {
    // Of baselines in one policy each is attached where the policy is.
    let by_policy: BTreeMap<_, u32> =
        plan.baselines.iter().map(|baseline| (&baseline.policy, baseline.attached)).collect();
    let (attached, accounts) = (by_policy.values().sum::<u32>(), plan.affected_accounts);
    let mut message = format!("{} policies on {attached} targets protect {accounts} accounts", plan.policies);
    let satisfied = plan.baselines.iter().filter(|baseline| !baseline.satisfied.is_empty());
    let satisfied: Vec<String> = satisfied
        .map(|baseline| {
            let by: Vec<&str> = baseline.satisfied_by().into_iter().take(3).collect();
            format!("{} on {} targets by {}", baseline.name, baseline.satisfied.len(), by.join(", "))
        })
        .collect();
    if !satisfied.is_empty() {
        message = format!("{message}; policies of others deny the same: {}", satisfied.join("; "));
    }
    message
}

/// Why the rest is not done. The operator did its job: `Ready` is true.
fn waits(outcome: &Outcome<'_>, waiting: &Waiting, in_sync: bool) -> Vec<Fact> {
    let (reason, message) = (waiting.reason, waiting.message.clone());
    let drift = if outcome.plan.drift.is_empty() { message.clone() } else { outcome.drift() };
    let in_sync =
        if in_sync { Fact::yes("InSync", "InSync", message.clone()) } else { Fact::no("InSync", reason, drift) };
    let mut facts = vec![Fact::yes("Ready", reason, message.clone()), in_sync];
    let type_ = match waiting.kind {
        WaitingKind::Planned => "Planned",
        WaitingKind::ApprovalPending => "ApprovalPending",
        WaitingKind::WaitingForWindow => "WaitingForWindow",
        WaitingKind::Propagating => "Propagating",
        WaitingKind::Soaking => "Soaking",
        WaitingKind::AwaitingPromotion => "AwaitingPromotion",
        WaitingKind::RolledBack => return rolled_back(facts, reason, message),
        // InSync says it.
        WaitingKind::Drifted => return facts,
    };
    facts.push(Fact::yes(type_, reason, message));
    facts
}

/// What was asked for is not what is there, and only a person can change that.
fn rolled_back(mut facts: Vec<Fact>, reason: &str, message: String) -> Vec<Fact> {
    facts.retain(|fact| fact.type_ != "Ready");
    let stalls = ["Stalled", "RolledBack"].map(|type_| Fact::yes(type_, reason, message.clone()));
    facts.extend(stalls);
    facts.push(Fact::no("Ready", reason, message));
    facts
}

/// The events of a turn.
pub(super) fn happenings(set: &GuardrailSet, outcome: &Outcome<'_>, drift_before: bool) -> Vec<Happening> {
    let Outcome { plan, clearance, enacted, .. } = outcome;
    let mut found = Vec::new();
    let was_in_sync = keep(set, "InSync").is_some_and(|fact| fact.status == "True");
    let event = |warning: bool, reason: &str, note: String| Happening {
        warning,
        reason: reason.to_owned(),
        action: "Reconcile",
        note,
    };
    if (drift_before || was_in_sync) && outcome.drifted() && (was_in_sync || !enacted.done.is_empty()) {
        found.push(event(true, "DriftDetected", outcome.drift()));
    }
    let done: Vec<&Step> = enacted.done.iter().filter(|step| !outcome.ends_release(step)).collect();
    if !done.is_empty() {
        let steps: Vec<String> = done.iter().map(ToString::to_string).collect();
        let removed = done.iter().all(|step| matches!(step, Step::Detach { .. } | Step::Delete { .. }));
        let reason = if drift_before && !removed { "DriftReverted" } else { "Applied" };
        let approved = clearance.approval.as_ref().map(|name| format!(" (approved by {name})")).unwrap_or_default();
        found.push(event(false, reason, steps.join("; ") + &approved));
    }
    if let Some(error) = &enacted.error {
        found.push(event(true, "ApplyFailed", error.message.clone()));
    }
    found.extend(super::restraints::happenings(set, outcome));
    let new = |type_: &'static str, message: &str| keep(set, type_).is_none_or(|old| old.message != message);
    if let Some(refused) = &plan.refused
        && keep(set, "Refused").is_none_or(|old| old.reason != refused.reason)
    {
        found.push(event(true, refused.reason, refused.message.clone()));
    }
    if let Some(waiting) = &clearance.waiting {
        let type_ = match waiting.kind {
            WaitingKind::ApprovalPending => "ApprovalPending",
            WaitingKind::AwaitingPromotion => "AwaitingPromotion",
            WaitingKind::RolledBack => "RolledBack",
            _ => return found,
        };
        if new(type_, &waiting.message) {
            found.push(event(type_ == "RolledBack", type_, waiting.message.clone()));
        }
    }
    found
}

/// The first differences in one line.
pub(super) fn words(drift: &[soc2_guardrails::Drift]) -> String {
    let lines: Vec<String> = drift.iter().take(10).map(ToString::to_string).collect();
    let more = drift.len().saturating_sub(lines.len());
    let text = lines.join("; ");
    if more > 0 { format!("{text}; and {more} more") } else { text }
}

/// A condition that stands, as a fact.
pub(super) fn keep(set: &GuardrailSet, type_: &'static str) -> Option<Fact> {
    let found = set.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == type_)?;
    let status = match found.status.as_str() {
        "True" => "True",
        "False" => "False",
        _ => "Unknown",
    };
    Some(Fact { type_, status, reason: found.reason.clone(), message: found.message.clone() })
}
