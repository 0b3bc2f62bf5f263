//! Approvals: whether each of them counts, and telling its set about it.

use std::sync::Arc;

use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use serde_json::json;
use soc2_crds::{ApprovalState, GuardrailApproval, GuardrailSet};

use super::report::MANAGER;
use crate::context::Context;
use crate::control::{Reconciler, until};
use crate::error::Error;
use crate::kubernetes::conditions::Fact;
use crate::kubernetes::status::Desired;

const FIELDS: &[&str] = &["observedGeneration", "state"];
const CONDITIONS: &[&str] = &["Ready", "Stalled"];

/// Reconciles approvals.
#[derive(Debug, Default)]
pub struct ApprovalReconciler;

impl Reconciler for ApprovalReconciler {
    type Kind = GuardrailApproval;
    const KIND: &'static str = "GuardrailApproval";
    const MANAGER: &'static str = MANAGER;

    async fn reconcile(&self, context: &Context, approval: Arc<GuardrailApproval>) -> Result<Action, Error> {
        if approval.metadata.deletion_timestamp.is_some() {
            return Ok(Action::await_change());
        }
        let now = (context.now)();
        let name = &approval.spec.guardrail_set_ref.name;
        let set = context.stores.sets.get(&ObjectRef::new(name)).and_then(|guard| guard.0.clone().ok());
        if let Some(set) = &set
            && context.is_asked_anew(&*approval)
        {
            context.feeds.touch(&set.spec.organization_ref.name);
        }
        let (state, message) = state(&approval, set.as_ref(), now);
        let reason = format!("{state:?}");
        let conditions = if state == ApprovalState::Current {
            vec![Fact::yes("Ready", &reason, message)]
        } else {
            vec![Fact::no("Ready", &reason, message.clone()), Fact::yes("Stalled", &reason, message)]
        };
        let fields = json!({"observedGeneration": approval.metadata.generation, "state": state});
        let fields = fields.as_object().cloned().unwrap_or_default();
        let live = serde_json::to_value(&approval.status).unwrap_or_default();
        let writer = context.status_writer(MANAGER, FIELDS, CONDITIONS);
        writer.write(&*approval, &live, &Desired { fields, conditions }, now).await?;
        let end = approval.spec.expires_at.as_ref().map(|at| at.0).filter(|at| *at > now);
        Ok(end.map_or_else(Action::await_change, |end| Action::requeue(until(end, now))))
    }
}

fn state(approval: &GuardrailApproval, set: Option<&GuardrailSet>, now: Timestamp) -> (ApprovalState, String) {
    let spec = &approval.spec;
    let Some(set) = set else {
        let message = format!("spec.guardrailSetRef.name: there is no GuardrailSet {:?}", spec.guardrail_set_ref.name);
        return (ApprovalState::SetNotFound, message);
    };
    if let Some(end) = spec.expires_at.as_ref().filter(|end| end.0 <= now) {
        return (ApprovalState::Expired, format!("it expired at {}", end.0));
    }
    let status = set.status.clone().unwrap_or_default();
    let planned = status.plan.as_ref().map(|plan| plan.hash.as_str());
    let applied = status.applied.as_ref().map(|applied| applied.hash.as_str());
    let hash = Some(spec.plan_hash.as_str());
    if let Some(promote) = spec.promote.as_ref().filter(|_| hash == planned) {
        let wave = promote.wave;
        return (
            ApprovalState::Current,
            format!("it lets wave {wave} of the set's plan begin when the one before it has soaked"),
        );
    }
    if hash == planned {
        return (ApprovalState::Current, "it is for the set's plan as it is now".to_owned());
    }
    if hash == applied {
        return (ApprovalState::Current, "it is for what is in place".to_owned());
    }
    let now_it_is = planned.or(applied).unwrap_or("not known yet");
    (ApprovalState::Stale, format!("the set's plan is {now_it_is} now: it lets nothing through"))
}
