//! How each attestation stands by itself.

use serde_json::json;
use soc2_crds::ControlAttestationSpec;
use soc2_posture::assess::{AttestationStanding, attestations};

use crate::scene::{ACCOUNT, ADMIN, Scene, at, catalog};
use crate::written::{Written, attestation};

fn review(name: &str, performed_at: &str) -> Written<ControlAttestationSpec> {
    attestation(name, "access-review").but(json!({"performedAt": performed_at}))
}

fn standings(all: impl IntoIterator<Item = Written<ControlAttestationSpec>>, now: &str) -> Vec<AttestationStanding> {
    let scene = Scene::silent().attested(all);
    let catalogs = [std::sync::Arc::clone(catalog())];
    let wanted = scene.wanted();
    attestations("acme", wanted.owners().attestations, Some(&scene.organization), &catalogs, at(now))
}

fn words(all: impl IntoIterator<Item = Written<ControlAttestationSpec>>) -> Vec<String> {
    Scene::silent().attested(all).attestation_words()
}

#[test]
fn current_then_due_then_overdue() {
    let review = || review("r", "2026-08-31T10:00:00Z");
    for (now, expected) in [
        ("2026-08-31T10:00:00Z", "Current: Current"),
        ("2026-11-30T09:59:59Z", "Current: Current"),
        ("2026-11-30T10:00:00Z", "Due: Due"),
        ("2026-12-14T09:59:59Z", "Due: Due"),
        ("2026-12-14T10:00:00Z", "Overdue: Overdue"),
    ] {
        let found = &standings([review()], now)[0];
        assert_eq!(format!("{:?}: {}", found.state, found.reason), expected, "{now}");
        assert_eq!(found.valid_until, Some(at("2026-11-30T10:00:00Z")));
        assert_eq!(found.overdue_at, Some(at("2026-12-14T10:00:00Z")));
    }
    assert_eq!(standings([review()], "2026-09-01T00:00:00Z")[0].next_change_at, Some(at("2026-11-30T10:00:00Z")));
    assert_eq!(standings([review()], "2026-11-30T10:00:00Z")[0].next_change_at, Some(at("2026-12-14T10:00:00Z")));
    assert_eq!(standings([review()], "2026-12-14T10:00:00Z")[0].next_change_at, None);
}

#[test]
fn of_several_cadences_the_earliest_end() {
    // Quarterly and monthly.
    let both = attestation("r", "access-review").but(json!({"activities": ["access-review", "monitoring-review"]}));
    let found = &standings([both], "2026-11-22T12:00:00Z")[0];
    assert_eq!(found.valid_until, Some(at("2026-12-15T12:00:00Z")));
}

#[test]
fn refused_with_the_reason_and_the_field() {
    let good = || attestation("r", "access-review");
    let report = json!({"name": "AWS SOC 2", "url": "https://aws.amazon.com/artifact"});
    for (fields, reason, field) in [
        (json!({"evidence": null}), "NoEvidence", "spec.evidence:"),
        (json!({"evidence": null, "method": "Inherited", "report": report}), "NoEvidence", "spec.report, spec.period:"),
        (json!({"performedAt": "2026-11-22T12:00:01Z"}), "InFuture", "spec.performedAt:"),
        (json!({"activities": ["access-review", "acces-review"]}), "UnknownActivity", "spec.activities[1]:"),
        (json!({"activities": null, "controls": ["S3.13", "S3.999"]}), "UnknownControl", "spec.controls[1]:"),
        (json!({"activities": null, "criteria": ["CC6.9"]}), "UnknownCriterion", "spec.criteria[0]:"),
        (json!({"activities": null}), "BadSpec", "spec.activities, spec.criteria, spec.controls:"),
        (json!({"controls": ["S3.13"]}), "BadSpec", "spec.activities, spec.criteria, spec.controls:"),
    ] {
        let found = &standings([good().but(fields)], "2026-11-22T12:00:00Z")[0];
        assert_eq!(format!("{:?}: {}", found.state, found.reason), format!("Refused: {reason}"));
        assert!(found.message.starts_with(field), "{}", found.message);
        assert_eq!((found.valid_until, found.late), (None, false));
        let conditions: Vec<&str> = found.conditions().iter().map(|condition| condition.type_).collect();
        assert_eq!(conditions, ["Ready", "Stalled"]);
    }
    let future = good().but(json!({"performedAt": "2026-11-22T12:00:01Z"}));
    assert_eq!(standings([future], "2026-11-22T12:00:00Z")[0].next_change_at, Some(at("2026-11-22T12:00:01Z")));
    let conditions = standings([good()], "2026-11-22T12:00:00Z")[0].conditions();
    assert_eq!((conditions.len(), conditions[0].status.as_str()), (1, "True"));
}

#[test]
fn superseded_where_a_newer_one_says_the_same_of_the_same_accounts() {
    let only = |account: &str| json!({"targets": {"include": [{"accountIds": [account]}]}});
    let (old, new) = (|| review("old", "2026-10-01T00:00:00Z"), || review("new", "2026-11-01T00:00:00Z"));
    let first = |all: Vec<Written<ControlAttestationSpec>>| {
        words(all).into_iter().find(|word| word.starts_with("old")).unwrap()
    };
    assert_eq!(first(vec![old(), new()]), "old Superseded: Superseded");
    assert_eq!(words([old(), new()])[0], "new Current: Current");
    assert_eq!(first(vec![old().but(only(ACCOUNT)), new()]), "old Superseded: Superseded");
    assert_eq!(first(vec![old().but(only(ACCOUNT)), new().but(only(ACCOUNT))]), "old Superseded: Superseded");
    // It still decides for other accounts, and for other activities.
    assert_eq!(first(vec![old(), new().but(only(ACCOUNT))]), "old Current: Current");
    assert_eq!(first(vec![old().but(only(ACCOUNT)), new().but(only(ADMIN))]), "old Current: Current");
    let two = || old().but(json!({"activities": ["access-review", "policy-review"]}));
    assert_eq!(first(vec![two(), new()]), "old Current: Current");
    assert_eq!(first(vec![two(), new(), attestation("policy", "policy-review")]), "old Superseded: Superseded");
    // What does not count supersedes nothing.
    assert_eq!(first(vec![old(), new().but(json!({"evidence": null}))]), "old Current: Current");
    assert_eq!(first(vec![old(), new().but(json!({"performedAt": "2027-01-01T00:00:00Z"}))]), "old Current: Current");
    assert_eq!(first(vec![old(), new().but(json!({"organizationRef": {"name": "other"}}))]), "old Current: Current");
    // Of the same moment the first by name decides.
    let same = [review("old", "2026-11-01T00:00:00Z"), new()];
    assert_eq!(words(same), ["new Current: Current", "old Superseded: Superseded"]);
    let message = standings([old(), new()], "2026-11-22T12:00:00Z").pop().unwrap().message;
    assert!(message.starts_with("soc2-operator/new is newer"), "{message}");
}

#[test]
fn late_is_what_was_done_when_the_one_before_had_been_overdue() {
    let only = |account: &str| json!({"targets": {"include": [{"accountIds": [account]}]}});
    // Valid until 1 July, with grace until 15 July.
    let old = || review("old", "2026-04-01T00:00:00Z");
    let late = |new: Written<ControlAttestationSpec>, old: Written<ControlAttestationSpec>| {
        standings([old, new], "2026-11-22T12:00:00Z")[0].late
    };
    assert!(!late(review("new", "2026-07-14T23:59:59Z"), old()));
    assert!(late(review("new", "2026-07-15T00:00:00Z"), old()));
    assert!(late(review("new", "2026-07-15T00:00:00Z").but(only(ACCOUNT)), old()));
    assert!(!late(review("new", "2026-07-15T00:00:00Z").but(only(ACCOUNT)), old().but(only(ADMIN))));
    assert!(!late(attestation("new", "policy-review"), old()));
    // The one before, not one long ago.
    let between = review("middle", "2026-07-01T00:00:00Z");
    let all = standings([old(), between, review("new", "2026-09-15T00:00:00Z")], "2026-11-22T12:00:00Z");
    assert_eq!(
        all.iter().map(|one| (one.name.as_str(), one.late)).collect::<Vec<_>>(),
        [("middle", false), ("new", false), ("old", false)]
    );
}

#[test]
fn without_the_tree_what_names_accounts_supersedes_nothing() {
    let scene = Scene::silent().attested([
        review("old", "2026-10-01T00:00:00Z"),
        review("new", "2026-11-01T00:00:00Z").but(json!({"targets": {}})),
    ]);
    let catalogs = [std::sync::Arc::clone(catalog())];
    let wanted = scene.wanted();
    let found = attestations("acme", wanted.owners().attestations, None, &catalogs, scene.now);
    assert!(found.iter().all(|one| one.reason == "Current"), "{found:?}");
}
