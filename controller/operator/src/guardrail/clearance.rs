//! The gate step: what of a set's plan may be written now.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use soc2_crds::{ApprovalMode, GuardrailSet, GuardrailSetStatus};
use soc2_guardrails::{Approval, Begun, Clearance, Drift, GateInput, MaxAffected, Mode, SetPlan, Step, Window, gate};
use soc2_posture::duration;
use soc2_posture::organization::AccountState;

use super::observe::{Blocked, Observed};
use super::report::puts_back;
use super::restrain;
use super::retire;
use crate::context::Context;

/// Decides what may be written.
///
/// # Errors
/// When a field of the set makes no sense that the CRD could not see.
pub fn clearance(
    context: &Context,
    observed: &Observed,
    set: &GuardrailSet,
    plan: &SetPlan,
) -> Result<Clearance, Blocked> {
    let now = (context.now)();
    let spec = &set.spec;
    let max_affected: MaxAffected = spec
        .max_affected_accounts
        .parse()
        .map_err(|error| Blocked::stalled("InvalidSpec", format!("spec.maxAffectedAccounts: {error}")))?;
    let window = window(set, now)?;
    let approvals = context.stores.approvals_of(&set.name_any());
    let approvals: Vec<Approval> = approvals
        .into_iter()
        // One that moves a wave approves no plan.
        .filter(|found| found.spec.promote.is_none())
        .map(|found| Approval {
            name: found.name_any(),
            hash: found.spec.plan_hash,
            expires_at: found.spec.expires_at.map(|at| at.0),
        })
        .collect();
    let status = set.status.clone().unwrap_or_default();
    let begun = Begun {
        hash: status.removing_plan.clone().unwrap_or_default(),
        steps: status.removing.iter().cloned().collect(),
    };
    let others = others(context, set, plan);
    let active = observed.organization.accounts.values().filter(|account| account.state == AccountState::Active);
    Ok(gate(&GateInput {
        plan,
        automatic: spec.approval == ApprovalMode::Automatic,
        max_affected,
        accounts: active.count(),
        approvals: &approvals,
        applied: status.applied.as_ref().map(|applied| applied.hash.as_str()),
        in_place_since: in_place_since(observed, plan, &status, &others),
        nothing_wanted: plan.removing && others.is_empty(),
        begun: &begun,
        drifting_since: &drifting_since(plan, &status, now),
        revert_after: signed("spec.drift.revertAfter", &spec.drift.revert_after)?,
        window: window.as_ref(),
        propagation: signed("spec.guardrails.propagationDelay", &observed.object.spec.guardrails.propagation_delay)?,
        now,
    }))
}

/// Since when what each step puts back is known to differ. What a release kept off until its end is put back then.
fn drifting_since(plan: &SetPlan, status: &GuardrailSetStatus, now: Timestamp) -> Vec<Timestamp> {
    // Of more differences than a status has room for, what is not in it is as old as the oldest.
    let full = status.differences.len() >= restrain::MOST;
    let oldest = status.differences.iter().map(|found| found.since.0).min().filter(|_| full);
    let known = |drift: &Drift| {
        let text = drift.to_string();
        let found = status.differences.iter().find(|found| text.starts_with(&found.what));
        found.map_or(oldest.unwrap_or(now), |found| found.since.0)
    };
    let since = |step: &Step| {
        if status.released.iter().any(|released| released.until.0 <= now && puts_back(plan, step, released)) {
            return Timestamp::MIN;
        }
        plan.drift.iter().filter(|drift| drift.is_put_back_by(step)).map(known).max().unwrap_or(Timestamp::MIN)
    };
    plan.steps.iter().map(since).collect()
}

/// Other sets of the organization that name, or had, a baseline of which this one takes something away.
fn others(context: &Context, set: &GuardrailSet, plan: &SetPlan) -> Vec<GuardrailSet> {
    let taken: BTreeSet<&str> = plan.removals.iter().map(Step::baseline_name).collect();
    let mut sets = context.stores.sets_of(&set.spec.organization_ref.name);
    sets.retain(|other| {
        other.name_any() != set.name_any() && retire::names_of(other).any(|name| taken.contains(name.as_str()))
    });
    sets
}

/// Since when everything that any set wants of what is taken away is in place: the latest of all of them; `None` when something of it
/// is not, or when that is not on record yet.
fn in_place_since(
    observed: &Observed,
    plan: &SetPlan,
    status: &GuardrailSetStatus,
    others: &[GuardrailSet],
) -> Option<Timestamp> {
    let since = |status: &GuardrailSetStatus| status.in_place_since.as_ref().map(|at| at.0);
    let mut latest = if plan.removing { None } else { Some(since(status)?) };
    for other in others {
        let planned = observed.plan.sets.iter().find(|found| found.name == other.name_any());
        // One that does not write, or is suspended, puts nothing in place that would have to be waited for.
        let Some(planned) = planned.filter(|found| found.mode == Mode::Enforce && !found.removing) else { continue };
        if !planned.steps.is_empty() {
            return None;
        }
        latest = latest.max(Some(since(&other.status.clone().unwrap_or_default())?));
    }
    latest
}

/// The maintenance window of a set.
pub(super) fn window(set: &GuardrailSet, now: Timestamp) -> Result<Option<Window>, Blocked> {
    let Some(window) = &set.spec.window else { return Ok(None) };
    let length = signed("spec.window.duration", &window.duration)?;
    Window::new(&window.schedule, length, &window.time_zone, now)
        .map(Some)
        .map_err(|error| Blocked::stalled("InvalidWindow", format!("spec.{error}")))
}

/// A duration of a field.
pub(super) fn signed(field: &str, text: &str) -> Result<SignedDuration, Blocked> {
    let wrong = |error: String| Blocked::stalled("InvalidSpec", format!("{field}: {error}"));
    let found = duration::parse(text).map_err(|error| wrong(error.to_string()))?;
    SignedDuration::try_from(found).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use soc2_crds::DifferenceStatus;
    use soc2_guardrails::{PolicyRef, Target, TargetId, TargetKind};

    use super::*;
    use crate::kubernetes::conditions::time;

    const BASELINE: &str = "deny-leave-org";

    /// A plan that attaches a policy again which somebody detached from so many accounts.
    fn plan(accounts: usize) -> SetPlan {
        let (id, baseline) = ("p-12345678".to_owned(), BASELINE.to_owned());
        let account = |number: usize| Target {
            kind: TargetKind::Account,
            id: TargetId(format!("{:012}", 300_000_000_000 + number)),
            name: format!("account-{number}"),
        };
        let detached = |target| Drift::Detached { baseline: baseline.clone(), policy: id.clone(), target };
        let attach = |target| Step::Attach { policy: PolicyRef::ById(id.clone()), baseline: baseline.clone(), target };
        SetPlan {
            name: "all".to_owned(),
            mode: Mode::Enforce,
            hash: String::new(),
            wanted: String::new(),
            in_sync: false,
            drift: (0..accounts).map(account).map(detached).collect(),
            steps: (0..accounts).map(account).map(attach).collect(),
            removals: Vec::new(),
            refused: None,
            baselines: Vec::new(),
            rollout: None,
            affected_accounts: 0,
            changed_accounts: 0,
            removing: false,
            shared: Vec::new(),
            own: Vec::new(),
            policies: 1,
        }
    }

    /// What is on record of the first differences: since when each is known.
    fn known(plan: &SetPlan, since: &[Timestamp]) -> GuardrailSetStatus {
        let difference = |(drift, since): (&Drift, &Timestamp)| DifferenceStatus {
            what: drift.to_string(),
            since: time(*since),
            in_place_since: None,
            by: None,
            call: None,
            at: None,
        };
        GuardrailSetStatus {
            differences: plan.drift.iter().zip(since).map(difference).collect(),
            ..GuardrailSetStatus::default()
        }
    }

    #[test]
    fn what_a_status_has_no_room_for_is_as_old_as_the_oldest_that_it_has() {
        let at = |minute: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        let (older, newer, now) = (at(10), at(20), at(60));
        let most = restrain::MOST;
        let full = |first: Timestamp| [vec![first], vec![newer; most - 1]].concat();
        // How many differ, since when those on record do, and since when the last one does then.
        let cases = [
            (most + 10, full(newer), newer),
            (most + 10, full(older), older),
            // One of these that is on record has its own time.
            (most, full(older), newer),
            // A status with room left has all that was there: what is not in it is new.
            (most - 1, vec![newer; most - 2], now),
            (most + 10, vec![older; most - 1], now),
            (1, vec![], now),
        ];
        for (number, (differ, since, last)) in cases.into_iter().enumerate() {
            let plan = plan(differ);
            let found = drifting_since(&plan, &known(&plan, &since), now);
            assert_eq!(found[..since.len()], since, "case {number}");
            assert_eq!(found[since.len()..], vec![last; differ - since.len()], "case {number}");
            assert_eq!(found.last(), Some(&last), "case {number}");
        }
    }
}
