//! What is news about a profile: events.

use soc2_crds::{ActivityStatus, ComplianceProfile, ManualState};
use soc2_posture::assess::ProfileMetrics;

use crate::kubernetes::conditions::Fact;
use crate::kubernetes::events::Happening;

/// Most names in a note.
const NAMES: usize = 10;

/// Whether what stands is of accounts: an assessment, or one that stands while something is wrong.
pub fn was_published(profile: &ComplianceProfile) -> bool {
    profile.status.as_ref().is_some_and(|status| status.assessed_at.is_some() && status.checks.is_some())
}

/// Whether what stands is an assessment.
pub fn was_assessed(profile: &ComplianceProfile) -> bool {
    let before = profile.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    before.iter().any(|condition| condition.type_ == "Ready" && condition.reason == "Assessed")
}

/// One event for each condition that changed.
pub fn transitions(profile: &ComplianceProfile, facts: &[Fact]) -> Vec<Happening> {
    let before = profile.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    facts
        .iter()
        .filter(|fact| fact.type_ != "Ready")
        .filter(|fact| {
            before
                .iter()
                .find(|old| old.type_ == fact.type_)
                .is_none_or(|old| old.status != fact.status || old.reason != fact.reason)
        })
        .map(|fact| Happening {
            warning: (fact.status == "True") == matches!(fact.type_, "Stalled" | "MetricsReduced"),
            reason: fact.reason.clone(),
            action: "Assess",
            note: format!("{} is {}: {}", fact.type_, fact.status, fact.message),
        })
        .collect()
}

/// Controls that fail in more, or in fewer, accounts than at the last assessment.
pub fn controls_changed(before: &ProfileMetrics, after: &ProfileMetrics) -> Vec<Happening> {
    let failed = |metrics: &ProfileMetrics, id: &str| {
        metrics.controls.iter().find(|control| control.id == id).map_or(0, |control| control.accounts.failed)
    };
    let words = |more: bool| -> Vec<String> {
        after
            .controls
            .iter()
            .filter_map(|control| {
                let (old, new) = (failed(before, &control.id), control.accounts.failed);
                let changed = if more { new > old } else { new < old };
                changed.then(|| format!("{} in {new} accounts (was {old})", control.id))
            })
            .collect()
    };
    let event = |warning: bool, reason: &str, words: &[String]| Happening {
        warning,
        reason: reason.to_owned(),
        action: "Assess",
        note: words.join(", "),
    };
    let (worse, better) = (words(true), words(false));
    let mut found = Vec::new();
    if !worse.is_empty() {
        found.push(event(true, "ControlsNewlyFailing", &worse));
    }
    if !better.is_empty() {
        found.push(event(false, "ControlsRecovered", &better));
    }
    found
}

/// Activities that became due, overdue, or are done again, by the status before.
pub fn activities_changed(profile: &ComplianceProfile, now: &[ActivityStatus]) -> Vec<Happening> {
    let before = profile.status.as_ref().map(|status| status.activities.as_slice()).unwrap_or_default();
    let state_before = |id: &str| before.iter().find(|known| known.id == id).map(|known| known.state);
    let became = |state: ManualState| -> Vec<&str> {
        let changed = now.iter().filter(|activity| {
            activity.state == state && state_before(&activity.id).is_some_and(|before| before != state)
        });
        changed.map(|activity| activity.id.as_str()).collect()
    };
    let event = |state: ManualState, warning: bool, reason: &str, words: &str| -> Option<Happening> {
        let ids = became(state);
        let more = ids.len().saturating_sub(NAMES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let shown = ids.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
        let note = format!("{shown}{more}: {words}");
        (!ids.is_empty()).then(|| Happening { warning, reason: reason.to_owned(), action: "Assess", note })
    };
    let due = "to be done again and attested; the last attestation still counts for its days of grace";
    let overdue = "not done in time: the last attestation counts no longer";
    [
        event(ManualState::Due, true, "ActivityDue", due),
        event(ManualState::Overdue, true, "ActivityOverdue", overdue),
        event(ManualState::Attested, false, "ActivityAttested", "attested"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn activity(id: &str, state: ManualState) -> ActivityStatus {
        serde_json::from_value(json!({"id": id, "state": state})).unwrap()
    }

    #[test]
    fn an_activity_is_news_when_its_state_changes_and_not_at_its_first_sight() {
        let before = [activity("access-review", ManualState::Attested), activity("restore-test", ManualState::Due)];
        let profile: ComplianceProfile = serde_json::from_value(json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ComplianceProfile", "metadata": {"name": "a"},
            "spec": {"organizationRef": {"name": "acme"}}, "status": {"activities": before},
        }))
        .unwrap();
        let now = [
            activity("access-review", ManualState::Due),
            activity("restore-test", ManualState::Overdue),
            activity("vendor-review", ManualState::Overdue),
        ];
        let found = activities_changed(&profile, &now);
        let found: Vec<_> =
            found.iter().map(|one| (one.reason.as_str(), one.note.split(':').next().unwrap())).collect();
        assert_eq!(found, [("ActivityDue", "access-review"), ("ActivityOverdue", "restore-test")]);
        assert!(activities_changed(&profile, &before).is_empty());
    }
}
