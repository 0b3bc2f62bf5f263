//! What owners wrote, and what is to be reached.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;
use prometheus_client::registry::Unit;
use soc2_crds::{ActivityStatus, ExceptionState, ManualState, ObjectiveStatus};

use super::state::{Ours, Profiles};
use super::{Family, Labels, with};

type Series = Vec<(Labels, f64)>;

/// The metrics of what owners wrote and of objectives, at a moment.
pub(super) fn families(ours: &Ours<'_>, profiles: &Profiles, now: Timestamp) -> Vec<Family> {
    let mut families = vec![exceptions(profiles, now), expiries(ours, now)];
    families.extend(activities(profiles));
    families.extend(objectives(profiles));
    families
}

/// Exceptions that are granted for accounts of a profile, by state.
fn exceptions(profiles: &Profiles, now: Timestamp) -> Family {
    let mut series = Series::new();
    for (profile, snapshot) in profiles {
        let mut counts: BTreeMap<&'static str, u32> = BTreeMap::new();
        for fact in snapshot.exceptions.facts.iter().filter(|fact| fact.concerns_profile) {
            *counts.entry(exception_word(fact.standing(now).state)).or_default() += 1;
        }
        let of_profile = counts.into_iter().map(|(state, number)| {
            (vec![("profile", profile.clone()), ("state", state.to_owned())], f64::from(number))
        });
        series.extend(of_profile);
    }
    Family::gauge("exceptions", "Exceptions that are granted for accounts of a profile, in each state", series)
}

/// When each exception ends that may still waive something.
fn expiries(ours: &Ours<'_>, now: Timestamp) -> Family {
    let mut series = Series::new();
    for guard in ours.stores.exceptions.state().into_iter().filter(|guard| ours.has(guard)) {
        let Ok(exception) = &guard.0 else { continue };
        let state = exception.status.as_ref().and_then(|status| status.state);
        let counts =
            matches!(state, Some(ExceptionState::Pending | ExceptionState::Active | ExceptionState::Unmatched));
        let expires_at = exception.spec.expires_at.0;
        if counts && now < expires_at {
            let labels = vec![
                ("namespace", exception.namespace().unwrap_or_default()),
                ("exception", exception.name_any()),
                ("owner", exception.spec.owner.clone()),
            ];
            series.push((labels, expires_at.as_second() as f64));
        }
    }
    series.sort_by(|(one, _), (other, _)| one.cmp(other));
    let help = "Time at which an exception ends, as seconds since 1970; gone when it has ended";
    Family::gauge("exception_expiry_timestamp", help, series).in_unit(Unit::Seconds)
}

/// What people answer for under each profile.
fn activities(profiles: &Profiles) -> [Family; 2] {
    let (mut states, mut due) = (Series::new(), Series::new());
    for (profile, snapshot) in profiles {
        for ActivityStatus { id, state, valid_until, .. } in &snapshot.activities {
            let labels = || vec![("profile", profile.clone()), ("activity", id.clone())];
            states.push((with(labels(), "state", manual_word(*state)), 1.0));
            due.extend(valid_until.as_ref().map(|at| (labels(), at.0.as_second() as f64)));
        }
    }
    let help = "Time from which on an activity has to be done again, as seconds since 1970";
    [
        Family::gauge("activity_state", "1 for the current state of an activity", states),
        Family::gauge("activity_due_timestamp", help, due).in_unit(Unit::Seconds),
    ]
}

/// What is to be reached under each profile.
fn objectives(profiles: &Profiles) -> [Family; 3] {
    let (mut values, mut targets, mut met) = (Series::new(), Series::new(), Series::new());
    for (profile, snapshot) in profiles {
        for fact in &snapshot.objectives {
            let labels = || vec![("profile", profile.clone()), ("objective", objective_word(&fact.status))];
            values.extend(fact.value.map(|value| (labels(), value)));
            targets.push((labels(), fact.target));
            met.push((labels(), if fact.status.met { 1.0 } else { 0.0 }));
        }
    }
    [
        Family::gauge("objective_value", "What was measured of an objective; absent where nothing was", values),
        Family::gauge("objective_target", "What the value of an objective is compared with", targets),
        Family::gauge("objective_met", "Whether an objective is reached", met),
    ]
}

/// The objective's type; of what is attested with the name of the measurement, as `Attested/training`.
fn objective_word(status: &ObjectiveStatus) -> String {
    match &status.name {
        Some(name) => format!("{:?}/{name}", status.type_),
        None => format!("{:?}", status.type_),
    }
}

fn exception_word(state: ExceptionState) -> &'static str {
    match state {
        ExceptionState::Pending => "Pending",
        ExceptionState::Active => "Active",
        ExceptionState::Expired => "Expired",
        ExceptionState::Unmatched => "Unmatched",
        ExceptionState::Refused => "Refused",
    }
}

fn manual_word(state: ManualState) -> &'static str {
    match state {
        ManualState::NeverAttested => "NeverAttested",
        ManualState::Overdue => "Overdue",
        ManualState::PartlyAttested => "PartlyAttested",
        ManualState::Due => "Due",
        ManualState::Attested => "Attested",
        ManualState::TrackedElsewhere => "TrackedElsewhere",
    }
}
