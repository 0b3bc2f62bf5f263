//! Guardrail sets: observe, plan, gate, enact, report.
//!
//! All sets of an organization are planned together, because they share slots; each set enacts and reports its own part.

mod approvals;
mod bodies;
mod clearance;
mod enact;
mod good;
mod guard;
mod kept;
mod observe;
mod overlay;
mod releases;
mod report;
mod restrain;
mod retire;
mod tags;
mod trail;
mod waves;
mod written;

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;
use kube::{Api, ResourceExt};
use soc2_crds::{GuardrailSet, RolloutStatus};
use soc2_guardrails::{CLUSTER_TAG, Clearance, Mode, SetPlan, WaitingKind};

use self::tags::Tags;
use crate::context::Context;
use crate::control::{Reconciler, jittered, until};
use crate::error::Error;

pub use approvals::ApprovalReconciler;
pub use good::Goods;
pub use observe::{Blocked, Observed, observe};
pub use overlay::Overlay;
pub use releases::ReleaseReconciler;
pub use report::{MANAGER, SetSnapshot};
pub use retire::{has_finalizer, is_let_go, is_removing};
pub use trail::Trails;
pub use written::Written;

/// When nothing happens, a set is looked at this often; drift is found when the feed reads the policies.
const IDLE: Duration = Duration::from_mins(5);
/// What was written is not readable at once.
const AFTER_WRITES: Duration = Duration::from_secs(3);
/// How often it is looked whether a tag still holds.
const TAGS: Duration = Duration::from_secs(30);
/// A turn ends by itself, after the write that it is at; what waits for turns of others is not cut off.
const TURNS: Duration = Duration::from_mins(30);
/// The watch is behind what was read; what it tells brings the set here as well.
const BEHIND: Duration = Duration::from_secs(1);
/// What failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(15);

/// Reconciles guardrail sets.
#[derive(Debug, Default)]
pub struct GuardrailReconciler;

impl Reconciler for GuardrailReconciler {
    type Kind = GuardrailSet;
    const KIND: &'static str = "GuardrailSet";
    const MANAGER: &'static str = MANAGER;
    const LIMIT: Duration = TURNS;

    async fn reconcile(&self, context: &Context, set: Arc<GuardrailSet>) -> Result<Action, Error> {
        let leaving = set.metadata.deletion_timestamp.is_some();
        if leaving && !retire::is_held(&set) || !leaving && set.spec.suspend {
            return Ok(Action::await_change());
        }
        if leaving && retire::is_let_go(&*set) {
            return retire::release(context, &set).await;
        }
        if context.is_asked_anew(&*set) {
            context.feeds.touch(&set.spec.organization_ref.name);
            context.written.forget(&set.name_any());
        }
        // Its own status brings it here at once; what failed is tried again after a while.
        if let Some(rest) = context.written.rest(&set.name_any()) {
            return Ok(Action::requeue(rest));
        }
        let writing = context.feeds.writing(&set.spec.organization_ref.name);
        // One writer per organization: plans of two sets must not be enacted side by side.
        let _turn = writing.lock().await;
        let set = fresh(context, &set).await?.unwrap_or(set);
        if !is_told(context, &set) {
            return Ok(Action::requeue(BEHIND));
        }
        if let Some(rest) = after_another(context, &set) {
            return Ok(Action::requeue(rest));
        }
        good::load(context, &set).await?;
        match turn(context, &set).await {
            Ok(Done::Next(action)) => Ok(action),
            Ok(Done::Blocked(blocked)) => {
                report::blocked(context, &set, &blocked).await?;
                Ok(Action::requeue(jittered(AFTER_FAILURE)))
            }
            Err(error) => Err(error),
        }
    }
}

/// The set as the API server has it: what was written to its status a moment ago decides what comes next and goes on being counted,
/// and a watch may be late.
async fn fresh(context: &Context, set: &GuardrailSet) -> Result<Option<Arc<GuardrailSet>>, Error> {
    let api: Api<GuardrailSet> = Api::all(context.client.clone());
    Ok(api.get_opt(&set.name_any()).await?.map(Arc::new))
}

/// Whether the watch has told of the set as it is now: the plan is of what it told, and would be reported as that of what is new.
fn is_told(context: &Context, set: &GuardrailSet) -> bool {
    let told = context.stores.sets_of(&set.spec.organization_ref.name);
    let told = told.iter().find(|told| told.name_any() == set.name_any());
    told.is_none_or(|told| told.metadata.generation == set.metadata.generation)
}

/// How long a set rests that a former process was writing when it ended.
fn after_another(context: &Context, set: &GuardrailSet) -> Option<Duration> {
    let mut conditions = set.status.iter().flat_map(|status| &status.conditions);
    let applying = conditions.any(|found| found.type_ == "Applying" && found.status == "True");
    if applying { unreadable(context, &set.spec.organization_ref.name) } else { None }
}

/// How long what a former process wrote last may not be readable yet, and would be written once more. A reading that began late
/// enough after it shows it; it is asked for.
fn unreadable(context: &Context, organization: &str) -> Option<Duration> {
    let readable = context.feeds.since(organization)? + AFTER_WRITES;
    let begun_at = context.feeds.view(organization)?.facts.policies_begun_at;
    if begun_at.is_some_and(|begun_at| begun_at >= readable) {
        return None;
    }
    let now = (context.now)();
    if now >= readable {
        context.feeds.request_policies(organization);
    }
    Some(until(readable, now).max(BEHIND))
}

/// How a turn ended.
enum Done {
    /// What comes next.
    Next(Action),
    /// There was nothing to plan from, or a field makes no sense.
    Blocked(Blocked),
}

/// One turn of a set, with nobody else writing.
async fn turn(context: &Context, set: &Arc<GuardrailSet>) -> Result<Done, Error> {
    let observed = match observe(context, &set.spec.organization_ref.name) {
        Ok(observed) => observed,
        Err(blocked) => return Ok(Done::Blocked(blocked)),
    };
    if retire::is_held(set) && !is_removing(set) {
        return retire::retain(context, &observed, Arc::clone(set)).await.map(Done::Next);
    }
    let Some(plan) = observed.plan.sets.iter().find(|plan| plan.name == set.name_any()).cloned() else {
        return Ok(Done::Next(Action::requeue(AFTER_WRITES)));
    };
    if is_removing(set) && plan.refused.is_none() && plan.removals.is_empty() && !observed.settling {
        let Some(other) = retire::waits_for(context, &observed, set) else {
            return retire::release(context, set).await.map(Done::Next);
        };
        let message = format!("what GuardrailSet {other} wants of the same baselines is not known: see its conditions");
        return Ok(Done::Blocked(Blocked::waiting("OtherSetRefused", message)));
    }
    if !is_removing(set) && plan.refused.is_none() {
        retire::hold(context, set).await?;
    }
    // What is taken over is ours by its tag before anything is written to it, whichever set comes first.
    if plan.mode == Mode::Enforce && !observed.plan.retag.is_empty() {
        return take_over(context, &observed).await;
    }
    let clearance = match clearance::clearance(context, &observed, set, &plan) {
        Ok(clearance) => clearance,
        Err(blocked) => return Ok(Done::Blocked(blocked)),
    };
    let advanced = match waves::advance(context, &observed, set, &plan, clearance) {
        Ok(advanced) => advanced,
        Err(blocked) => return Ok(Done::Blocked(blocked)),
    };
    carry_out(context, &observed, set, &plan, advanced).await.map(Done::Next)
}

/// Writes what the gate and the waves let through and nothing holds back, and reports.
async fn carry_out(
    context: &Context,
    observed: &Observed,
    set: &GuardrailSet,
    plan: &SetPlan,
    (mut clearance, rollout): (Clearance, Option<RolloutStatus>),
) -> Result<Action, Error> {
    let known = set.status.as_ref().map(|status| status.holds.clone()).unwrap_or_default();
    let tags = Tags::new(context, observed, &known);
    let restraints = restrain::restrain(context, observed, set, plan, std::mem::take(&mut clearance.steps));
    clearance.steps.clone_from(&restraints.steps);
    // What is held is not begun.
    let begins = enact::may_write(observed).is_ok() && tags.let_any_through(&clearance.steps).await;
    let begun = if begins { report::applying(context, set, plan, (&clearance, rollout.as_ref())).await? } else { None };
    let set: &GuardrailSet = begun.as_deref().unwrap_or(set);
    let stands = || guard::stands(context, set, &clearance);
    let enacted = enact::enact(context, observed, &plan.name, &clearance.steps, &tags, &stands).await;
    if enacted.error.is_some() {
        context.written.failed(&plan.name, jittered(AFTER_FAILURE));
    }
    let (holds, not_understood) = (tags.on_record(), tags.not_understood());
    let (clearance, enacted, restraints) = (&clearance, &enacted, &restraints);
    let rollout = rollout.as_ref();
    let outcome = report::Outcome { plan, clearance, enacted, rollout, restraints, holds, not_understood };
    report::report(context, set, observed, &outcome).await?;
    if observed.settling {
        // The feed's own interval is too long to wait for.
        context.feeds.request_policies(&set.spec.organization_ref.name);
    }
    let rest = next(context, clearance, enacted, observed.settling);
    Ok(Action::requeue(rest.min(until_let_go(context, restraints, enacted))))
}

/// When something that is held back may be let go.
fn until_let_go(context: &Context, restraints: &restrain::Restraints, enacted: &enact::Enacted) -> Duration {
    let now = (context.now)();
    let withheld = restraints.withheld.iter().chain(&enacted.withheld).filter_map(|withheld| withheld.because.until());
    let released = restraints.released.iter().map(|released| released.until.0);
    let ends = withheld.chain(released).map(|end| until(end, now)).min().unwrap_or(IDLE);
    // Nobody tells when a tag is taken away, unless there is a queue of events.
    if enacted.withheld.is_empty() { ends } else { ends.min(jittered(TAGS)) }
}

/// Tags the policies of a cluster that is taken over as this one's.
async fn take_over(context: &Context, observed: &Observed) -> Result<Done, Error> {
    let ids = &observed.plan.retag;
    if let Some(rest) = unreadable(context, &observed.object.name_any()) {
        return Ok(Done::Next(Action::requeue(rest)));
    }
    Ok(match enact::tag(context, observed, ids, CLUSTER_TAG, &observed.owner.cluster_id).await {
        Ok(()) => Done::Next(Action::requeue(AFTER_WRITES)),
        Err(held) => {
            let message = format!("{} policies of another cluster cannot be taken over yet: {held}", ids.len());
            Done::Blocked(Blocked::waiting("TakingOver", message))
        }
    })
}

fn next(context: &Context, clearance: &Clearance, enacted: &enact::Enacted, settling: bool) -> Duration {
    if enacted.error.is_some() || enacted.held.is_some() {
        return jittered(AFTER_FAILURE);
    }
    if settling || !enacted.done.is_empty() || enacted.ended.is_some() {
        return AFTER_WRITES;
    }
    let due = clearance.waiting.as_ref().and_then(|waiting| waiting.until);
    if let Some(due) = due {
        return until(due, (context.now)()).min(jittered(IDLE));
    }
    // In place for the first time: that is recorded now, and what is too much can be timed.
    if clearance.waiting.as_ref().is_some_and(|waiting| waiting.kind == WaitingKind::Propagating) {
        return AFTER_WRITES;
    }
    jittered(IDLE)
}
