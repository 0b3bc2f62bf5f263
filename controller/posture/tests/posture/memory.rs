//! Since when checks are in their state.

use jiff::{SignedDuration, Timestamp};
use soc2_crds::AccountPostureSpec;
use soc2_posture::{Assessment, Memory, assess, reassess};

use crate::scene::{ACCOUNT, FindingExt, Scene, catalog, finding, id, now};

fn after(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

fn assess_with(scene: &Scene, memory: &Memory, now: Timestamp) -> Assessment {
    assess(&scene.wanted().desired(), &scene.world(), memory, now).unwrap()
}

/// Since when a control is Failed or Unknown.
fn since(assessment: &Assessment, scene: &Scene, control: &str) -> Timestamp {
    let posture = assessment.posture(id(ACCOUNT), &scene.index()).unwrap();
    let row = posture.controls.iter().find(|row| row.id == control).map(|row| row.since.0);
    let group = posture.unknown.iter().find(|group| group.controls.iter().any(|id| id == control));
    row.or_else(|| group.map(|group| group.since.0)).unwrap()
}

/// What the published posture of an account says.
fn of_posture(account: &str, published: &AccountPostureSpec) -> Memory {
    let mut memory = Memory::default();
    memory.remember(catalog(), id(account), published);
    memory
}

#[test]
fn since_changes_only_with_the_state() {
    let failing = Scene::new().with([finding("S3.2").failed()]);
    let unclear = Scene::new().with([finding("S3.2").status("WARNING")]);
    let suppressed = Scene::new().with([finding("S3.2").suppressed()]);

    let first = assess_with(&failing, &Memory::default(), now());
    assert_eq!(since(&first, &failing, "S3.2"), now());
    let still = assess_with(&failing, &first.memory(), after(1));
    assert_eq!(since(&still, &failing, "S3.2"), now());
    let unknown = assess_with(&unclear, &still.memory(), after(2));
    assert_eq!(since(&unknown, &unclear, "S3.2"), after(2));
    let other_reason = assess_with(&suppressed, &unknown.memory(), after(3));
    assert_eq!(since(&other_reason, &suppressed, "S3.2"), after(2));
    let again = assess_with(&failing, &other_reason.memory(), after(4));
    assert_eq!(since(&again, &failing, "S3.2"), after(4));
}

#[test]
fn it_is_kept_over_a_restart_by_what_was_published() {
    let scene = Scene::new().with([finding("S3.2").failed(), finding("S3.3").status("WARNING"), finding("IAM.5")]);
    let first = assess_with(&scene, &Memory::default(), now());
    let published = first.posture(id(ACCOUNT), &scene.index()).unwrap();
    let memory = of_posture(ACCOUNT, &published);
    let second = assess_with(&scene, &memory, after(5));
    assert_eq!(since(&second, &scene, "S3.2"), now());
    assert_eq!(since(&second, &scene, "S3.3"), now());
    assert_eq!(second.posture(id(ACCOUNT), &scene.index()), Some(published));
    assert_eq!(second.status(), first.status());
}

#[test]
fn without_memory_it_is_since_now_and_of_another_account_it_does_not_count() {
    let scene = Scene::new().with([finding("S3.2").failed()]);
    let published = scene.posture();
    let memory = of_posture("444444444444", &published);
    assert_eq!(since(&assess_with(&scene, &memory, after(1)), &scene, "S3.2"), after(1));
}

#[test]
fn it_has_whole_seconds() {
    let scene = Scene::new().with([finding("S3.2").failed()]);
    let moment = now() + SignedDuration::from_millis(1999);
    let assessment = assess_with(&scene, &Memory::default(), moment);
    assert_eq!(since(&assessment, &scene, "S3.2"), now() + SignedDuration::from_secs(1));
}

#[test]
fn reassessing_keeps_it_even_when_everything_is_done_again() {
    let scene = Scene::new().with([finding("S3.2").failed()]);
    let first = scene.assess();
    let changed = scene.clone().profile(serde_json::json!({"freshness": "12h"}));
    let second = reassess(first, &changed.wanted().desired(), &changed.world(), &[].into(), after(1)).unwrap();
    assert_eq!(since(&second, &changed, "S3.2"), now());
    // The clock went back.
    let third = reassess(second, &changed.wanted().desired(), &changed.world(), &[].into(), now()).unwrap();
    assert_eq!(since(&third, &changed, "S3.2"), now());
}

#[test]
fn a_group_is_unknown_since_its_first_control_is() {
    let first = Scene::new().with([finding("S3.2").status("WARNING"), finding("S3.3")]);
    let second = Scene::new().with([finding("S3.2").status("WARNING"), finding("S3.3").status("WARNING")]);
    let assessment = assess_with(&second, &first.assess().memory(), after(1));
    assert_eq!(since(&assessment, &second, "S3.3"), now());
}
