//! What is left as it is for a while: the tag of a hold, and where a step writes.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use soc2_posture::organization::Organization;

use crate::inventory::PolicyInventory;
use crate::plan::{Drift, PolicyRef, Step};
use crate::tree::path;

/// Tag of a policy, unit, account or root: until when nothing is written there, as RFC 3339 has it.
pub const HOLD_TAG: &str = "soc2-operator.dev/hold";
/// The longest that a tag holds.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// How long a difference that a break-glass principal made is left alone.
pub const BREAK_GLASS: SignedDuration = SignedDuration::from_hours(4);

/// What the value of a tag means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It holds until then.
    Until(Timestamp),
    /// It says a time that is too far; it holds until this one.
    Cut(Timestamp),
    /// It is over.
    Over,
    /// It is no time: it holds nothing, because nobody knows until when.
    NotUnderstood,
}

/// What the value of a tag means. `known` is until when the same tag held when it was seen first: one that says a time too far does not
/// hold for ever by being looked at again.
#[must_use]
pub fn read_tag(value: &str, known: Option<Timestamp>, now: Timestamp) -> Hold {
    let Ok(wanted) = value.trim().parse::<Timestamp>() else { return Hold::NotUnderstood };
    let latest = known.unwrap_or_else(|| now.saturating_add(LONGEST).unwrap_or(now));
    let until = wanted.min(latest);
    if until <= now {
        Hold::Over
    } else if wanted > latest {
        Hold::Cut(until)
    } else {
        Hold::Until(until)
    }
}

/// Ids of everything of which a tag holds a step back: the policy, the places that it writes to, and all above those. A content is
/// written to everything that the policy is attached to.
#[must_use]
pub fn places(step: &Step, inventory: &PolicyInventory, org: &Organization) -> Vec<String> {
    let (policy, targets): (Option<&String>, Vec<&str>) = match step {
        Step::Create { .. } => (None, Vec::new()),
        Step::Update { id, .. } => {
            let policy = inventory.policies.get(id);
            (Some(id), policy.into_iter().flat_map(|policy| &policy.targets).map(String::as_str).collect())
        }
        Step::Attach { policy: PolicyRef::ById(id), target, .. } => (Some(id), vec![&target.id.0]),
        Step::Attach { target, .. } => (None, vec![&target.id.0]),
        Step::Detach { id, target, .. } => (Some(id), vec![&target.0]),
        Step::Adopt { id, .. } | Step::Delete { id, .. } => (Some(id), Vec::new()),
    };
    let mut seen = BTreeSet::new();
    let above =
        targets.into_iter().flat_map(|target| path(org, target).unwrap_or_else(|| vec![target]).into_iter().rev());
    let all = policy.map(String::as_str).into_iter().chain(above);
    all.filter(|id| seen.insert(id.to_owned())).map(str::to_owned).collect()
}

/// What a step writes, so that a difference can be recognized: the baseline, or the baseline and its target.
#[must_use]
pub fn subject(step: &Step) -> String {
    match step {
        Step::Adopt { baseline, .. }
        | Step::Create { baseline, .. }
        | Step::Update { baseline, .. }
        | Step::Delete { baseline, .. } => baseline.clone(),
        Step::Attach { baseline, target, .. } => on(baseline, &target.id.0),
        Step::Detach { baseline, target, .. } => on(baseline, &target.0),
    }
}

/// The same of a difference; `None`: no step puts it back.
#[must_use]
pub fn subject_of(drift: &Drift) -> Option<String> {
    match drift {
        Drift::Missing { baseline, .. } | Drift::Edited { baseline, .. } | Drift::Renamed { baseline, .. } => {
            Some(baseline.clone())
        }
        Drift::Detached { baseline, target, .. } => Some(on(baseline, &target.id.0)),
        Drift::Foreign { baseline, .. } => Some(baseline.clone()),
        Drift::ScpDisabled { .. }
        | Drift::OtherCluster { .. }
        | Drift::Left { .. }
        | Drift::Elsewhere { .. }
        | Drift::Duplicate { .. }
        | Drift::Staged { .. } => None,
    }
}

fn on(baseline: &str, target: &str) -> String {
    format!("{baseline} on {target}")
}

/// Whether a step puts back a difference that is left alone. A policy that is missing is missing on its targets too.
#[must_use]
pub fn is_about(step: &Step, subject_of_drift: &str) -> bool {
    let of_missing = matches!(step, Step::Attach { policy: PolicyRef::ByName(_), .. });
    subject(step) == subject_of_drift || (of_missing && step.baseline() == subject_of_drift)
}
