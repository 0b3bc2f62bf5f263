//! Guardrail sets: observe, plan, enact, report.
//!
//! All sets of an organization are planned together, because they share slots; each set enacts and reports its own part.

mod enact;
mod observe;
mod overlay;
mod report;

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube::runtime::controller::Action;
use soc2_crds::GuardrailSet;
use soc2_guardrails::{Mode, SetPlan};

use crate::context::Context;
use crate::control::{Reconciler, jittered};
use crate::error::Error;

pub use observe::{Blocked, Observed, observe};
pub use overlay::Overlay;
pub use report::{MANAGER, SetSnapshot};

/// When nothing happens, a set is looked at this often; drift is found when the feed reads the policies.
const IDLE: Duration = Duration::from_mins(5);
/// What was written is not readable at once.
const AFTER_WRITES: Duration = Duration::from_secs(3);
/// What failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(15);

/// Reconciles guardrail sets.
#[derive(Debug, Default)]
pub struct GuardrailReconciler;

impl Reconciler for GuardrailReconciler {
    type Kind = GuardrailSet;
    const KIND: &'static str = "GuardrailSet";
    const MANAGER: &'static str = MANAGER;

    async fn reconcile(&self, context: &Context, set: Arc<GuardrailSet>) -> Result<Action, Error> {
        if set.metadata.deletion_timestamp.is_some() || set.spec.suspend {
            return Ok(Action::await_change());
        }
        if context.is_new_generation(&*set) {
            context.feeds.touch(&set.spec.organization_ref.name);
        }
        let writing = context.feeds.writing(&set.spec.organization_ref.name);
        // One writer per organization: plans of two sets must not be enacted side by side.
        let _turn = writing.lock().await;
        let observed = match observe(context, &set.spec.organization_ref.name) {
            Ok(observed) => observed,
            Err(blocked) => {
                report::blocked(context, &set, &blocked).await?;
                return Ok(Action::requeue(jittered(AFTER_FAILURE)));
            }
        };
        let Some(plan) = observed.plan.sets.iter().find(|plan| plan.name == set.name_any()).cloned() else {
            return Ok(Action::requeue(AFTER_WRITES));
        };
        if may_enact(&plan) {
            report::applying(context, &set, &plan).await?;
        }
        let enacted = enact::enact(context, &observed, &plan).await;
        report::report(context, &set, &observed, &plan, &enacted).await?;
        if observed.settling {
            // The feed's own interval is too long to wait for.
            context.feeds.request_policies(&set.spec.organization_ref.name);
        }
        Ok(Action::requeue(next(&plan, &enacted, observed.settling)))
    }
}

fn may_enact(plan: &SetPlan) -> bool {
    plan.mode == Mode::Enforce && plan.refused.is_none() && !plan.steps.is_empty()
}

fn next(plan: &SetPlan, enacted: &enact::Enacted, settling: bool) -> Duration {
    if enacted.error.is_some() || enacted.held.is_some() {
        jittered(AFTER_FAILURE)
    } else if settling {
        AFTER_WRITES
    } else if plan.in_sync && enacted.done.is_empty() {
        jittered(IDLE)
    } else if plan.mode == Mode::Enforce && plan.refused.is_none() {
        AFTER_WRITES
    } else {
        jittered(IDLE)
    }
}
