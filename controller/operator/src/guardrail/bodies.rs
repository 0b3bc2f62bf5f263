//! Plans in full, for whoever has to decide about one: a status has room for its first lines only. One immutable `ConfigMap` in the
//! operator's namespace for each set whose plan waits, named by what is in it.

use serde_json::{Value, json};
use soc2_crds::GuardrailSet;
use soc2_guardrails::plan::{EffectiveChange, Most, effective_changes};
use soc2_guardrails::{Clearance, SetPlan, Step};

use super::kept;
use super::observe::Observed;
use crate::context::Context;
use crate::error::Error;

/// Beginning of their names.
const PREFIX: &str = "soc2-plan-";
/// The one key of the data.
const KEY: &str = "plan.json";
/// Most steps that are shown.
const MOST_STEPS: usize = 100;
/// An object may have 1 MiB. What has more is shown without documents.
const MOST_BYTES: usize = 900_000;
/// Most that is shown of what comes and goes for each target.
const MOST: Most = Most { targets: 30, statements: 10, characters: 500 };

fn recorded(set: &GuardrailSet) -> Option<&str> {
    set.status.as_ref()?.plan.as_ref()?.body.as_deref()
}

/// Keeps a plan that waits, and gives the name of its `ConfigMap`. One that cannot be kept stops nothing: the status has its hash.
pub async fn keep(
    context: &Context,
    set: &GuardrailSet,
    observed: &Observed,
    (plan, clearance): (&SetPlan, &Clearance),
) -> Option<String> {
    if clearance.waiting.is_none() || plan.all().next().is_none() {
        return None;
    }
    let text = text(plan, observed);
    let name = kept::name_of(PREFIX, set, &text);
    if recorded(set) != Some(name.as_str())
        && let Err(error) = kept::put(context, set, &name, (KEY, text)).await
    {
        tracing::warn!(%error, set = %plan.name, "the plan in full cannot be kept");
        return None;
    }
    Some(name)
}

/// The plan with its documents, as far as they fit.
fn text(plan: &SetPlan, observed: &Observed) -> String {
    let print = |documents| serde_json::to_string_pretty(&body(plan, observed, documents)).unwrap_or_default();
    let whole = print(true);
    if whole.len() <= MOST_BYTES { whole } else { print(false) }
}

/// Deletes what is not on record any more.
///
/// # Errors
/// Of the API server.
pub async fn forget(context: &Context, set: &GuardrailSet, kept: Option<&str>) -> Result<(), Error> {
    match recorded(set).filter(|old| Some(*old) != kept) {
        Some(old) => kept::remove(context, old).await,
        None => Ok(()),
    }
}

fn body(plan: &SetPlan, observed: &Observed, documents: bool) -> Value {
    let steps: Vec<&Step> = plan.all().collect();
    let effective = effective_changes(&observed.organization, &observed.planned_on, &steps, MOST);
    json!({
        "set": plan.name,
        "hash": plan.hash,
        "weakens": plan.weakens(),
        "affectedAccounts": plan.affected_accounts,
        "changedAccounts": plan.changed_accounts,
        "steps": steps.iter().take(MOST_STEPS).map(|step| shown(step, observed, documents)).collect::<Vec<_>>(),
        "documents": documents,
        "moreSteps": steps.len().saturating_sub(MOST_STEPS),
        "effective": effective.targets.iter().map(EffectiveChange::to_json).collect::<Vec<_>>(),
        "moreTargets": effective.more,
    })
}

/// A step with what its policy says before and after.
fn shown(step: &Step, observed: &Observed, documents: bool) -> Value {
    let before = |id: &String| observed.planned_on.policies.get(id).map(|policy| document(&policy.content));
    let (before, after) = match step {
        _ if !documents => (None, None),
        Step::Create { policy, .. } => (None, Some(document(&policy.content))),
        Step::Update { id, policy, .. } => (before(id), Some(document(&policy.content))),
        Step::Delete { id, .. } => (before(id), None),
        Step::Adopt { .. } | Step::Attach { .. } | Step::Detach { .. } => (None, None),
    };
    json!({"step": step.to_string(), "weakens": step.weakens(), "before": before, "after": after})
}

fn document(content: &str) -> Value {
    serde_json::from_str(content).unwrap_or_else(|_| json!(content))
}
