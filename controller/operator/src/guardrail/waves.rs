//! The waves of a set: what is on record, what the calls of a wave's accounts say, and what comes next.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use soc2_aws::Role;
use soc2_crds::{CloudTrailSource, GuardrailSet, OnNoData, RolledBackStatus, RolloutSpec, RolloutStatus};
use soc2_guardrails::declared::wave_name;
use soc2_guardrails::rollout::{Gate, Go, Reading, RolledBack, RolloutInput, State, decide};
use soc2_guardrails::{Clearance, Mode, RolloutPlan, SetPlan};

use super::clearance::signed;
use super::observe::{Blocked, Observed};
use super::trail::{Question, Trails};
use crate::context::Context;
use crate::kubernetes::conditions::time;

/// Most approvals that a rollback remembers.
const MOST_SEEN: usize = 200;
/// Recorded calls are read this often at most and at least.
const EVERY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(5));

/// What of a cleared plan may be written in this turn, and what is on record of its waves from now on.
///
/// # Errors
/// When a field of the set makes no sense that the CRD could not see.
pub fn advance(
    context: &Context,
    observed: &Observed,
    set: &GuardrailSet,
    plan: &SetPlan,
    clearance: Clearance,
) -> Result<(Clearance, Option<RolloutStatus>), Blocked> {
    let before = set.status.as_ref().and_then(|status| status.rollout.clone());
    let (Some(spec), Some(rollout)) = (&set.spec.rollout, &plan.rollout) else {
        context.trails.forget(&plan.name);
        // A refusal passes; what is done, or not enforced any more, is over.
        return Ok((clearance, before.filter(|_| plan.refused.is_some() && set.spec.rollout.is_some())));
    };
    if plan.mode != Mode::Enforce {
        return Ok((clearance, None));
    }
    let (now, soak) = ((context.now)(), signed("spec.rollout.soak", &spec.soak)?);
    let state = before.as_ref().map(state_of).unwrap_or_default();
    let question = question(observed, spec, rollout, &state);
    let reading = question.as_ref().and_then(|question| context.trails.last(&plan.name, question));
    let mut turn = decide(&RolloutInput {
        plan,
        rollout,
        clearance: &clearance,
        state: &state,
        approvals: &approvals(context, &plan.name),
        soak,
        gate: gate(spec, reading.as_ref()),
        settling: observed.settling,
        now,
    });
    if let Some(question) = question.filter(|_| turn.watch.is_some()) {
        let soaked = turn.state.as_ref().and_then(|state| state.since?.checked_add(soak).ok());
        let every = Duration::try_from(soak).unwrap_or_default().div_f64(4.0).clamp(EVERY.0, EVERY.1);
        let organization = &set.spec.organization_ref.name;
        Trails::read_on(context, &plan.name, organization, question, soaked.unwrap_or(now), every);
        if let Some(waiting) = &mut turn.clearance.waiting {
            let again = now.checked_add(every).unwrap_or(Timestamp::MAX);
            waiting.until = Some(waiting.until.map_or(again, |until| until.min(again)));
        }
    }
    Ok((turn.clearance, turn.state.map(|state| status_of(spec, &state))))
}

fn approvals(context: &Context, set: &str) -> Vec<Go> {
    let found = context.stores.approvals_of(set);
    let go = |found: soc2_crds::GuardrailApproval| Go {
        name: found.name_any(),
        uid: found.uid().unwrap_or_default(),
        hash: found.spec.plan_hash,
        wave: found.spec.promote.map(|promote| promote.wave as usize),
        expires_at: found.spec.expires_at.map(|at| at.0),
    };
    found.into_iter().map(go).collect()
}

fn gate<'a>(spec: &RolloutSpec, reading: Option<&'a Reading>) -> Gate<'a> {
    match spec.gate.as_ref().filter(|gate| gate.source.is_some()) {
        None => Gate::Person,
        Some(gate) => {
            Gate::Recorded { most: gate.max_new_denials.into(), proceed: gate.on_no_data == OnNoData::Proceed, reading }
        }
    }
}

/// What to ask of the trail about the wave that is on record.
fn question(observed: &Observed, spec: &RolloutSpec, rollout: &RolloutPlan, state: &State) -> Option<Question> {
    let CloudTrailSource { bucket, prefix, region, role, url } = &spec.gate.as_ref()?.source.as_ref()?.cloud_trail;
    let of_bucket = |bucket: &String| format!("s3://{bucket}/{}", prefix.as_deref().unwrap_or_default());
    let wave = rollout.waves.get(state.wave.checked_sub(1)?)?;
    Some(Question {
        wave: (state.hash.clone(), state.wave),
        since: state.begun_at?,
        url: url.clone().or_else(|| bucket.as_ref().map(of_bucket))?,
        region: region.clone(),
        role: role.as_ref().map(|role| Role { arn: role.arn.clone(), external_id: role.external_id.clone() }),
        accounts: wave.accounts.clone(),
        organization: observed.organization.id.clone(),
        changes: rollout.changes.clone(),
    })
}

fn state_of(status: &RolloutStatus) -> State {
    let rolled_back = status.rolled_back.as_ref().map(|found| RolledBack {
        at: found.at.0,
        denials: found.denials,
        sample: found.sample.clone(),
        seen: found.seen.iter().cloned().collect(),
    });
    State {
        hash: status.hash.clone(),
        wave: status.wave as usize,
        begun_at: status.begun_at.as_ref().map(|at| at.0),
        since: status.since.as_ref().map(|at| at.0),
        rolled_back,
    }
}

fn status_of(spec: &RolloutSpec, state: &State) -> RolloutStatus {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let rolled_back = state.rolled_back.as_ref().map(|found| RolledBackStatus {
        at: time(found.at),
        denials: found.denials,
        sample: found.sample.clone(),
        seen: found.seen.iter().take(MOST_SEEN).cloned().collect(),
    });
    RolloutStatus {
        hash: state.hash.clone(),
        wave: count(state.wave),
        of: count(spec.waves.len()),
        name: spec.waves.get(state.wave.saturating_sub(1)).map(wave_name).unwrap_or_default(),
        begun_at: state.begun_at.map(time),
        // Whole seconds are kept: a soak is not to be shorter for that.
        since: state.since.map(|at| time(at.saturating_add(SignedDuration::from_millis(999)).unwrap_or(at))),
        rolled_back,
    }
}
