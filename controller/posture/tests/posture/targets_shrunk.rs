//! Losing accounts must not look like getting better.

use serde_json::json;
use soc2_posture::{Assessment, Memory, World, assess, reassess};

use crate::scene::{Scene, id};

/// Active accounts, all of them in the profile.
fn scene(count: u32) -> Scene {
    let mut scene = Scene::silent().profile(json!({"targets": {"include": [{"accountNames": ["made-*"]}]}}));
    for number in 0..count {
        scene.add_account(&format!("5{number:011}"), &format!("made-{number}"), "r-ab12");
    }
    scene
}

fn assess_after(scene: &Scene, baseline: Option<u32>) -> Assessment {
    let memory = Memory::default().with_baseline(baseline);
    assess(&scene.wanted().desired(), &scene.world(), &memory, scene.now).unwrap()
}

fn reason(assessment: &Assessment) -> String {
    assessment.conditions().into_iter().find(|one| one.type_ == "Compliant").unwrap().reason
}

fn baseline(assessment: &Assessment) -> Option<u32> {
    assessment.status().targets.unwrap().baseline
}

#[test]
fn ten_percent_fewer_than_at_the_reading_before_is_shrunk() {
    for (before, now, shrunk) in [
        (None, 1, false),
        (Some(20), 20, false),
        (Some(20), 30, false),
        (Some(20), 19, false),
        (Some(20), 18, true),
        (Some(19), 18, false),
        (Some(9), 8, true),
        (Some(11), 10, false),
        (Some(2), 1, true),
        (Some(100), 1, true),
    ] {
        let assessment = assess_after(&scene(now), before);
        assert_eq!(reason(&assessment) == "TargetsShrunk", shrunk, "{before:?} {now}");
        let expected = if shrunk { before } else { Some(now) };
        assert_eq!(baseline(&assessment), expected, "{before:?} {now}");
        assert_eq!(assessment.status().targets.unwrap().active, now);
    }
    let message = assess_after(&scene(18), Some(20)).conditions().remove(0).message;
    assert!(
        message.starts_with("18 active accounts in spec.targets, 20 at the reading before; 0 failed checks there."),
        "{message}"
    );
    assert!(
        message.ends_with("kubectl annotate --overwrite cprof NAME soc2-operator.dev/acknowledge-targets=18"),
        "{message}"
    );
}

#[test]
fn it_stays_shrunk_until_it_is_acknowledged_or_the_accounts_are_back() {
    let (small, large) = (scene(18), scene(20));
    let first = assess_after(&large, None);
    let again = |previous: Assessment, scene: &Scene| {
        reassess(previous, &scene.wanted().desired(), &scene.world(), &[].into(), scene.now).unwrap()
    };
    let shrunk = again(first, &small);
    assert_eq!((reason(&shrunk).as_str(), baseline(&shrunk)), ("TargetsShrunk", Some(20)));
    let still = again(shrunk, &small);
    assert_eq!(reason(&still), "TargetsShrunk");
    assert_eq!(still.memory(), assess_after(&small, Some(20)).memory());
    // The number of another time is no acknowledgement.
    for (acknowledged, expected) in [(17, "TargetsShrunk"), (19, "TargetsShrunk"), (18, "ControlsUnknown")] {
        let scene = small.clone().but(|scene| scene.acknowledged = Some(acknowledged));
        let found = again(still.clone(), &scene);
        assert_eq!(reason(&found), expected, "{acknowledged}");
    }
    let acknowledged = again(still.clone(), &small.clone().but(|scene| scene.acknowledged = Some(18)));
    assert_eq!(baseline(&acknowledged), Some(18));
    // From then on it is the measure, without the annotation too.
    assert_eq!(reason(&again(acknowledged.clone(), &small)), "ControlsUnknown");
    let smaller = scene(16).but(|scene| scene.acknowledged = Some(18));
    assert_eq!(reason(&again(acknowledged, &smaller)), "TargetsShrunk");
    let back = again(still, &large);
    assert_eq!((reason(&back).as_str(), baseline(&back)), ("ControlsUnknown", Some(20)));
}

#[test]
fn only_active_accounts_count_and_what_was_not_read_is_no_reading() {
    let suspended = scene(20).but(|scene| {
        for number in 0..5 {
            let account = scene.organization.accounts.get_mut(&id(&format!("5{number:011}"))).unwrap();
            account.state = soc2_posture::organization::AccountState::Suspended;
        }
    });
    let found = assess_after(&suspended, Some(20));
    assert_eq!((reason(&found).as_str(), found.status().targets.unwrap().accounts), ("TargetsShrunk", 20));

    let scene = scene(20);
    let world = World { organization: None, ..scene.world() };
    let memory = Memory::default().with_baseline(Some(20));
    let unread = assess(&scene.wanted().desired(), &world, &memory, scene.now).unwrap();
    assert_eq!((reason(&unread).as_str(), baseline(&unread)), ("OrganizationNotRead", Some(20)));
    let tags = json!({"targets": {"include": [{"accountNames": ["made-1"], "accountTags": {"env": "prod"}}]}});
    let untagged = scene.clone().profile(tags).but(|scene| scene.account().tags = None);
    let unread = assess_after(&untagged, Some(20));
    assert_eq!((reason(&unread).as_str(), baseline(&unread)), ("TagsNotRead", Some(20)));
    // No account at all is said as such, and is no measure for the next.
    let none = assess_after(&scene.profile(json!({"targets": {"include": [{"accountNames": ["nobody"]}]}})), Some(20));
    assert_eq!((reason(&none).as_str(), baseline(&none)), ("NoTargets", Some(20)));
}

#[test]
fn min_accounts_is_said_first_and_is_not_acknowledged() {
    let scene = scene(18).but(|scene| {
        scene.profile.targets.min_accounts = Some(19);
        scene.acknowledged = Some(18);
    });
    let assessment = assess_after(&scene, Some(20));
    assert_eq!(reason(&assessment), "TargetsShrunk");
    assert!(assessment.conditions()[0].message.contains("fewer than minAccounts (19)"));
}

#[test]
fn guardrails_and_data_are_said_all_the_same() {
    let types: Vec<&str> = assess_after(&scene(18), Some(20)).conditions().iter().map(|one| one.type_).collect();
    assert_eq!(types, ["Compliant", "DataComplete", "CoverageComplete"]);
}
