//! What people answer for: which attestation decides, until when, for which accounts.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use soc2_crds::{ActivityStatus, ControlAttestationSpec, ManualState};
use soc2_posture::organization::AccountState;
use soc2_posture::{assess, reassess};

use crate::scene::{ACCOUNT, ADMIN, FindingExt, MANAGEMENT, Scene, at, finding, now};
use crate::written::{Written, attestation};

fn review(name: &str) -> Written<ControlAttestationSpec> {
    attestation(name, "access-review")
}

fn only(account: &str) -> serde_json::Value {
    json!({"targets": {"include": [{"accountIds": [account]}]}})
}

/// Three active accounts.
fn scene(attestations: impl IntoIterator<Item = Written<ControlAttestationSpec>>) -> Scene {
    let targets = json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN, MANAGEMENT]}]}});
    Scene::silent().profile(targets).attested(attestations)
}

fn state_at(scene: &Scene, activity: &str, moment: Timestamp) -> ManualState {
    scene.clone().but(|scene| scene.now = moment).activity(activity).state
}

fn time(found: Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>) -> String {
    found.map(|time| time.0.to_string()).unwrap_or_default()
}

#[test]
fn it_is_attested_for_one_cadence_then_due_for_the_days_of_grace_then_overdue() {
    // Access reviews are quarterly.
    let scene = scene([review("r").but(json!({"performedAt": "2026-08-31T10:00:00.7Z", "graceDays": 7}))]);
    let (due, overdue) = (at("2026-11-30T10:00:00Z"), at("2026-12-07T10:00:00Z"));
    let second = SignedDuration::from_secs(1);
    for (moment, state) in [
        (at("2026-08-31T10:00:00Z"), ManualState::Attested),
        (due - second, ManualState::Attested),
        (due, ManualState::Due),
        (overdue - second, ManualState::Due),
        (overdue, ManualState::Overdue),
        (at("2030-01-01T00:00:00Z"), ManualState::Overdue),
    ] {
        assert_eq!(state_at(&scene, "access-review", moment), state, "{moment}");
    }
    let found = scene.activity("access-review");
    assert_eq!(
        (time(found.valid_until.as_ref()), time(found.overdue_at.as_ref())),
        (due.to_string(), overdue.to_string())
    );
    assert_eq!((found.attestation.as_deref(), found.missing_accounts), (Some("soc2-operator/r"), 0));
    assert_eq!(found.criteria, ["CC6.1", "CC6.2", "CC6.3"]);
    assert_eq!(scene.assess().next_change_at(), Some(due));
    let later = scene.clone().but(|scene| scene.now = due);
    assert_eq!(later.assess().next_change_at(), Some(overdue));
    assert_eq!(later.but(|scene| scene.now = overdue).assess().next_change_at(), None);
}

#[test]
fn cadence_is_its_own_else_the_catalogues_for_a_control_quarterly() {
    let until = |one: Written<ControlAttestationSpec>, activity: &str| {
        let scene = scene([one.but(json!({"performedAt": "2026-11-01T00:00:00Z"}))]);
        let manual = json!([{"id": "S3.13", "action": "Manual", "rationale": "people look at it"}]);
        time(scene.profile(json!({"controls": manual})).activity(activity).valid_until.as_ref())
    };
    assert_eq!(until(review("r"), "access-review"), "2027-02-01T00:00:00Z");
    assert_eq!(until(review("r").but(json!({"cadence": "Weekly"})), "access-review"), "2026-11-08T00:00:00Z");
    assert_eq!(until(attestation("r", "policy-review"), "policy-review"), "2027-11-01T00:00:00Z");
    assert_eq!(until(attestation("r", "monitoring-review"), "monitoring-review"), "2026-12-01T00:00:00Z");
    let control = || review("r").but(json!({"activities": null, "controls": ["s3.13"]}));
    assert_eq!(until(control(), "S3.13"), "2027-02-01T00:00:00Z");
    assert_eq!(until(control().but(json!({"cadence": "SemiAnnual"})), "S3.13"), "2027-05-01T00:00:00Z");
    let criterion = review("r").but(json!({"activities": null, "criteria": ["CC1.1"]}));
    assert_eq!(until(criterion, "CC1.1"), "2027-11-01T00:00:00Z");
}

#[test]
fn what_was_never_attested_is_due_until_start_by_and_fails_from_then_on() {
    let scene = scene([]).profile(json!({"manual": {"tracking": "Here", "startBy": "2026-11-23"}}));
    let start = at("2026-11-23T00:00:00Z");
    assert_eq!(state_at(&scene, "access-review", start - SignedDuration::from_secs(1)), ManualState::Due);
    assert_eq!(state_at(&scene, "access-review", start), ManualState::NeverAttested);
    assert_eq!(scene.assess().next_change_at(), Some(start));
    let found = scene.activity("access-review");
    assert_eq!((found.attestation, time(found.overdue_at.as_ref())), (None, start.to_string()));
    let at_once = self::scene([]).activity("access-review");
    assert_eq!((at_once.state, at_once.overdue_at), (ManualState::NeverAttested, None));
    let wrong = scene.profile(json!({"manual": {"tracking": "Here", "startBy": "soon"}})).try_assess().unwrap_err();
    assert_eq!((wrong.reason(), wrong.to_string().split(':').next()), ("BadDate", Some("spec.manual.startBy")));
}

#[test]
fn one_that_leaves_accounts_out_is_partly_attested_with_their_number() {
    let with =
        |targets: serde_json::Value| scene([review("r").but(json!({"targets": targets}))]).activity("access-review");
    for (targets, state, missing) in [
        (json!(null), ManualState::Attested, 0),
        (json!({}), ManualState::Attested, 0),
        (json!({"include": [{"accountIds": [ACCOUNT, ADMIN, MANAGEMENT]}]}), ManualState::Attested, 0),
        (json!({"include": [{"accountIds": [ACCOUNT, ADMIN]}]}), ManualState::PartlyAttested, 1),
        (json!({"exclude": [{"accountIds": [ACCOUNT, ADMIN]}]}), ManualState::PartlyAttested, 2),
        // With none of the accounts it does not count.
        (json!({"include": [{"accountNames": ["nobody"]}]}), ManualState::NeverAttested, 0),
    ] {
        let found = with(targets.clone());
        assert_eq!((found.state, found.missing_accounts), (state, missing), "{targets}");
    }
    // Accounts that are not active need nothing.
    let suspended = scene([review("r").but(only(ACCOUNT))])
        .profile(json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN]}]}}))
        .but(|scene| {
            scene.organization.accounts.get_mut(&crate::scene::id(ADMIN)).unwrap().state = AccountState::Suspended;
        });
    assert_eq!(suspended.activity("access-review").state, ManualState::Attested);
    // When it has run out, that is what is said.
    let old = review("r").but(only(ACCOUNT)).but(json!({"performedAt": "2026-01-01T00:00:00Z"}));
    assert_eq!(scene([old]).activity("access-review").state, ManualState::Overdue);
    let due = review("r").but(only(ACCOUNT)).but(json!({"performedAt": "2026-08-15T00:00:00Z"}));
    assert_eq!(scene([due]).activity("access-review").state, ManualState::PartlyAttested);
}

#[test]
fn the_newest_that_counts_decides_only_for_what_it_names() {
    let old = || review("old").but(json!({"performedAt": "2026-07-01T00:00:00Z"}));
    let decided =
        |all: Vec<Written<ControlAttestationSpec>>, activity: &str| -> ActivityStatus { scene(all).activity(activity) };
    let by = |found: &ActivityStatus| found.attestation.clone().unwrap_or_default();
    let found = decided(vec![old(), review("new")], "access-review");
    assert_eq!((found.state, by(&found).as_str()), (ManualState::Attested, "soc2-operator/new"));
    // Not for others.
    let found = decided(vec![old(), attestation("new", "restore-test")], "access-review");
    assert_eq!((found.state, by(&found).as_str()), (ManualState::Overdue, "soc2-operator/old"));
    // The newest, although an older one has more accounts.
    let partial = review("new").but(only(ACCOUNT));
    let found =
        decided(vec![review("all").but(json!({"performedAt": "2026-11-01T00:00:00Z"})), partial], "access-review");
    assert_eq!((found.state, found.missing_accounts), (ManualState::PartlyAttested, 2));
    // Those that do not count do not decide: in the future, without evidence, with none of the accounts, of another organization.
    for fields in [
        json!({"performedAt": "2026-11-22T12:00:01Z"}),
        json!({"evidence": null}),
        json!({"evidence": [{"url": " "}]}),
        json!({"targets": {"include": [{"accountNames": ["nobody"]}]}}),
        json!({"organizationRef": {"name": "other"}}),
        json!({"activities": ["access-review", "no-such-thing"]}),
        json!({"targets": {"include": [{"accountTags": {"env": "prod"}}]}}),
    ] {
        let unread = scene([
            review("good").but(json!({"performedAt": "2026-11-01T00:00:00Z"})),
            review("bad").but(fields.clone()),
        ])
        .but(|scene| scene.account().tags = None);
        assert_eq!(by(&unread.activity("access-review")), "soc2-operator/good", "{fields}");
    }
    // At the same moment the first by name.
    assert_eq!(by(&decided(vec![review("b"), review("a")], "access-review")), "soc2-operator/a");
}

#[test]
fn one_of_the_future_counts_from_then_on() {
    let then = at("2026-11-25T08:00:00Z");
    let scene = scene([review("r").but(json!({"performedAt": "2026-11-25T08:00:00Z"}))]);
    assert_eq!(scene.activity("access-review").state, ManualState::NeverAttested);
    assert_eq!(scene.assess().next_change_at(), Some(then));
    assert_eq!(state_at(&scene, "access-review", then), ManualState::Attested);
}

#[test]
fn inherited_needs_a_report_and_its_period_instead_of_evidence() {
    let report = json!({"name": "AWS SOC 2", "url": "https://aws.amazon.com/artifact"});
    let period = json!({"from": "2025-10-01", "to": "2026-09-30"});
    let physical = || attestation("r", "physical-security").but(json!({"evidence": null, "method": "Inherited"}));
    for (fields, state) in [
        (json!({"report": report, "period": period}), ManualState::Attested),
        (json!({"report": report}), ManualState::NeverAttested),
        (json!({"period": period}), ManualState::NeverAttested),
        (json!({"method": "Performed", "report": report, "period": period}), ManualState::NeverAttested),
    ] {
        assert_eq!(scene([physical().but(fields.clone())]).activity("physical-security").state, state, "{fields}");
    }
}

#[test]
fn a_criterion_that_is_attested_itself_stands_for_what_has_no_attestation_of_its_own() {
    let itself = |ids: serde_json::Value| review("c").but(json!({"activities": null, "criteria": ids}));
    // CC6.2 has only access-review; CC9.1 has risk-assessment and disaster-recovery-test.
    let scene_of = |all: Vec<Written<ControlAttestationSpec>>| scene(all);
    assert_eq!(scene_of(vec![]).criterion("CC9.1").manual, Some(ManualState::NeverAttested));
    let both = scene_of(vec![itself(json!(["cc9.1"]))]);
    assert_eq!(both.criterion("CC9.1").manual, Some(ManualState::Attested));
    assert_eq!(both.activity("CC9.1").criteria, ["CC9.1"]);
    // An activity of its own that is worse decides.
    let overdue = attestation("o", "risk-assessment").but(json!({"performedAt": "2024-01-01T00:00:00Z"}));
    let found = scene_of(vec![itself(json!(["CC9.1"])), overdue]);
    assert_eq!(found.criterion("CC9.1").manual, Some(ManualState::Overdue));
    // Where every activity has its own, the criterion's is not needed.
    let old = itself(json!(["CC9.1"])).but(json!({"performedAt": "2024-01-01T00:00:00Z"}));
    let own = [attestation("a", "risk-assessment"), attestation("b", "disaster-recovery-test")];
    let found = scene_of(own.into_iter().chain([old.clone()]).collect());
    assert_eq!(found.criterion("CC9.1").manual, Some(ManualState::Attested));
    let found = scene_of(vec![attestation("a", "risk-assessment"), old]);
    assert_eq!(found.criterion("CC9.1").manual, Some(ManualState::Overdue));
    // An activity that serves several criteria is shown as the worst of them has it.
    let some = scene_of(vec![itself(json!(["CC6.1", "CC6.2"]))]);
    assert_eq!(some.activity("access-review").state, ManualState::NeverAttested);
    let all = scene_of(vec![itself(json!(["CC6.1", "CC6.2", "CC6.3"]))]);
    let found = all.activity("access-review");
    assert_eq!((found.state, found.attestation.as_deref()), (ManualState::Attested, Some("soc2-operator/c")));
}

#[test]
fn a_control_made_manual_is_an_activity_of_the_same_id() {
    let manual = |targets: serde_json::Value| {
        let entry = json!({"id": "s3.2", "action": "Manual", "rationale": "people look at it", "targets": targets});
        json!({"controls": [entry]})
    };
    let all = || manual(json!({}));
    let never = scene([]).profile(all());
    assert_eq!(never.activity("S3.2").state, ManualState::NeverAttested);
    assert_eq!(never.check("S3.2"), "-");
    for fields in [
        json!({"activities": null, "controls": ["S3.2"]}),
        json!({"activities": null, "controls": ["s3.*"]}),
        json!({"activities": ["S3.2"]}),
        json!({"activities": ["access-review", "s3.2"]}),
    ] {
        let found = scene([review("r").but(fields.clone())]).profile(all()).activity("S3.2");
        assert_eq!(
            (found.state, found.attestation.as_deref()),
            (ManualState::Attested, Some("soc2-operator/r")),
            "{fields}"
        );
    }
    let other = review("r").but(json!({"activities": null, "controls": ["S3.3"]}));
    assert_eq!(scene([other]).profile(all()).activity("S3.2").state, ManualState::NeverAttested);
    // Its criteria are those that it has in the profile's tier, else those of the Extended one.
    let failing = Scene::silent().with([finding("S3.2").failed()]).posture().controls;
    assert_eq!(never.activity("S3.2").criteria, failing[0].criteria);
    let extended = json!([{"id": "IAM.28", "action": "Manual", "rationale": "people look at it"}]);
    assert_eq!(
        scene([]).profile(json!({"controls": extended})).activity("IAM.28").criteria,
        ["CC6.1", "CC6.2", "CC6.3"]
    );
    // Where it is Manual for some accounts, only these must be attested.
    let some = || manual(json!({"include": [{"accountIds": [ACCOUNT, ADMIN]}]}));
    let control = |account: &str| review("r").but(json!({"activities": null, "controls": ["S3.2"]})).but(only(account));
    let found = scene([control(ACCOUNT)]).profile(some()).activity("S3.2");
    assert_eq!((found.state, found.missing_accounts), (ManualState::PartlyAttested, 1));
    let found = scene([control(MANAGEMENT)]).profile(some()).activity("S3.2");
    assert_eq!(found.state, ManualState::NeverAttested);
    let one = manual(json!({"include": [{"accountIds": [ACCOUNT]}]}));
    assert_eq!(scene([control(ACCOUNT)]).profile(one).activity("S3.2").state, ManualState::Attested);
    let nobody = manual(json!({"include": [{"accountNames": ["nobody"]}]}));
    assert!(!scene([]).profile(nobody).assess().activities().iter().any(|row| row.id == "S3.2"));
}

#[test]
fn tracked_elsewhere_is_listed_and_decides_nothing() {
    let elsewhere = json!({"manual": {"tracking": "Elsewhere", "rationale": "the register of the team"}});
    let itself = review("c").but(json!({"activities": null, "criteria": ["CC6.6"]}));
    let scene = scene([review("r"), itself]).profile(elsewhere);
    let all = scene.assess().activities();
    assert!(
        all.len() > 20 && all.iter().all(|row| row.state == ManualState::TrackedElsewhere && row.attestation.is_none())
    );
    assert!(!all.iter().any(|row| row.id == "CC6.6"));
    assert_eq!(scene.criterion("CC6.1").manual, Some(ManualState::TrackedElsewhere));
    assert_eq!(scene.criterion("CC6.6").manual, None);
}

#[test]
fn activities_of_other_categories_are_not_asked_for() {
    let ids = |scene: &Scene| -> Vec<String> { scene.assess().activities().into_iter().map(|row| row.id).collect() };
    let security = ids(&scene([]));
    assert!(security.contains(&"restore-test".to_owned()) && !security.contains(&"capacity-review".to_owned()));
    let more = scene([]).profile(json!({"categories": ["Availability"]}));
    assert!(ids(&more).contains(&"capacity-review".to_owned()));
    assert_eq!(more.activity("restore-test").criteria, ["CC7.5", "A1.2", "A1.3"]);
    // CC7.1 is shown fully by findings: what serves only it is not asked for there.
    assert_eq!(scene([]).activity("vulnerability-scan").criteria, ["CC6.8"]);
}

#[test]
fn attestations_are_heard_again_only_where_something_changed() {
    let before = scene([review("r"), attestation("p", "policy-review")]);
    let first = before.assess();
    let changes: [fn(&mut Scene); 5] = [
        |_| {},
        |scene| scene.attestations[1] = review("r").but(json!({"performedAt": "2026-11-16T00:00:00Z"})),
        |scene| drop(scene.attestations.pop()),
        |scene| scene.now += SignedDuration::from_hours(24 * 400),
        |scene| drop(scene.organization.accounts.remove(&crate::scene::id(ADMIN))),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let after = before.clone().but(change);
        let all = assess(&after.wanted().desired(), &after.world(), &first.memory(), after.now).unwrap();
        let some = reassess(first.clone(), &after.wanted().desired(), &after.world(), &[].into(), after.now).unwrap();
        assert_eq!((all.activities(), all.status()), (some.activities(), some.status()), "{number}");
        assert_eq!(all, some, "{number}");
    }
    assert_eq!(first.renewed(), None);
    assert_eq!(now(), before.now);
}
