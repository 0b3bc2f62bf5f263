//! What time alone changes, and when.

use jiff::{SignedDuration, Timestamp};

use crate::scene::{FindingExt, LINKED, Scene, at, finding, id, now};

fn next(scene: &Scene) -> Option<Timestamp> {
    scene.assess().next_change_at()
}

/// The same scene later.
fn later(scene: &Scene, now: Timestamp) -> Scene {
    scene.clone().but(|scene| scene.now = now)
}

#[test]
fn without_findings_and_new_accounts_time_changes_nothing() {
    assert_eq!(next(&Scene::silent()), None);
}

#[test]
fn evidence_runs_out_a_millisecond_after_the_limit() {
    let scene = Scene::silent().with([finding("IAM.5").aged("10h")]);
    let runs_out = at("2026-11-23T14:00:00.001Z");
    assert_eq!(next(&scene), Some(runs_out));
    let before = later(&scene, runs_out - SignedDuration::from_millis(1));
    assert_eq!(before.check("IAM.5"), "Passed");
    assert_eq!(later(&scene, runs_out).check("IAM.5"), "Unknown: Stale");
    assert_eq!(next(&later(&scene, runs_out)), None);
}

#[test]
fn signs_of_life_run_out() {
    let scene = Scene::silent().with([finding("S3.2"), finding("Account.1").region(LINKED).aged("20h")]);
    let runs_out = at("2026-11-23T04:00:00.001Z");
    assert_eq!(next(&scene), Some(runs_out));
    assert_eq!(later(&scene, runs_out).check("S3.2"), "Unknown: NoFindings");
    // A newer one keeps it alive, in whatever order they are.
    for (older, newer) in [("Account.1", "Account.2"), ("Account.2", "Account.1")] {
        let signs = [finding(older).aged("20h"), finding(newer).aged("2h")].map(|sign| sign.region(LINKED));
        let both = Scene::silent().with([finding("S3.2")]).with(signs);
        assert_eq!(next(&both), Some(at("2026-11-23T22:00:00.001Z")), "{older} {newer}");
    }
}

#[test]
fn findings_from_the_future_begin_to_count() {
    let scene = Scene::silent().with([finding("IAM.5").aged("-1h")]);
    assert_eq!(next(&scene), Some(at("2026-11-22T13:00:00Z")));
    assert_eq!(later(&scene, at("2026-11-22T12:59:59.999Z")).check("IAM.5"), "Unknown: Stale");
    assert_eq!(later(&scene, at("2026-11-22T13:00:00Z")).check("IAM.5"), "Passed");
}

#[test]
fn onboarding_and_treatments_end() {
    let onboarding = Scene::silent().but(|scene| scene.account().joined_at = Some(at("2026-11-21T12:00:00Z")));
    assert_eq!(next(&onboarding), Some(at("2026-11-24T12:00:00Z")));
    let suppressed = serde_json::json!({"treatAs": "Excepted", "until": "2026-11-23", "rationale": "we move them"});
    let treated = Scene::silent().profile(serde_json::json!({"suppressed": suppressed}));
    assert_eq!(next(&treated), None);
    let treated = treated.with([finding("IAM.5").failed().suppressed()]);
    assert_eq!(next(&treated), Some(at("2026-11-23T00:00:00Z")));
}

#[test]
fn accounts_are_due_when_their_time_has_come() {
    let scene = Scene::silent().with([finding("IAM.5").aged("10h")]);
    let assessment = scene.assess();
    let runs_out = at("2026-11-23T14:00:00.001Z");
    assert!(assessment.due(runs_out - SignedDuration::from_millis(1)).is_empty());
    assert_eq!(assessment.due(runs_out), [id(crate::scene::ACCOUNT)].into());
}

#[test]
fn nothing_in_the_result_moves_while_the_world_does_not() {
    let scene = Scene::new()
        .with([
            finding("IAM.5").failed().aged("40h"),
            finding("S3.2").aged("40h"),
            finding("S3.3").resource("x").status("WARNING"),
            finding("S3.5").suppressed(),
        ])
        .but(|scene| scene.not_swept("us-east-1"));
    let first = scene.assess();
    let second = soc2_posture::reassess(
        scene.assess(),
        &scene.wanted().desired(),
        &scene.world(),
        &[].into(),
        now() + SignedDuration::from_hours(3),
    );
    let second = second.unwrap();
    let index = scene.index();
    let account = id(crate::scene::ACCOUNT);
    assert_eq!(first.posture(account, &index), second.posture(account, &index));
    assert_eq!((first.status(), first.conditions()), (second.status(), second.conditions()));
    assert_eq!(second.assessed_at(), now() + SignedDuration::from_hours(3));
}
