//! Which accounts a `targets` names.

use std::collections::BTreeMap;

use soc2_crds::Targets;
use soc2_posture::organization::AccountState;
use soc2_posture::targets::{Selection, select, uses_tags};

use crate::scene::{ACCOUNT, ADMIN, MANAGEMENT, Scene, id};

const DEV: &str = "444444444444";

/// The scene's tree with one more account in Workloads.
fn scene() -> Scene {
    Scene::new().but(|scene| {
        scene.add_account(DEV, "dev-payments", "ou-ab12-workloads");
        scene.account().tags = Some(BTreeMap::from([("env".to_owned(), "prod-eu".to_owned())]));
    })
}

fn selection(targets: &serde_json::Value) -> Selection {
    let targets: Targets = serde_json::from_value(targets.clone()).unwrap();
    select(&targets, &scene().organization, "spec.targets")
}

fn selected(targets: &serde_json::Value) -> Vec<String> {
    selection(targets).accounts.iter().map(ToString::to_string).collect()
}

#[test]
fn include_and_exclude() {
    for (targets, expected) in [
        (serde_json::json!({}), vec![MANAGEMENT, ADMIN, ACCOUNT, DEV]),
        (serde_json::json!({"include": []}), vec![]),
        (serde_json::json!({"include": [{"accountIds": [ACCOUNT]}, {"accountIds": [DEV]}]}), vec![ACCOUNT, DEV]),
        (serde_json::json!({"exclude": [{"accountIds": [ACCOUNT]}]}), vec![MANAGEMENT, ADMIN, DEV]),
        (
            serde_json::json!({"include": [{"accountNames": ["*payments"]}], "exclude": [{"accountIds": [DEV]}]}),
            vec![ACCOUNT],
        ),
        (
            serde_json::json!({"include": [{"accountNames": ["*payments"], "accountTags": {"env": "prod*"}}]}),
            vec![ACCOUNT],
        ),
    ] {
        assert_eq!(selected(&targets), expected, "{targets}");
    }
}

#[test]
fn organizational_units_by_path_and_id() {
    let unit = |selector: serde_json::Value| serde_json::json!({"include": [{"organizationalUnit": selector}]});
    for (selector, expected) in [
        (serde_json::json!({"path": "/"}), vec![MANAGEMENT, ADMIN, ACCOUNT, DEV]),
        (serde_json::json!({"path": "/", "recursive": false}), vec![MANAGEMENT]),
        (serde_json::json!({"path": "Workloads"}), vec![ACCOUNT, DEV]),
        (serde_json::json!({"path": "Workloads", "recursive": true}), vec![ACCOUNT, DEV]),
        (serde_json::json!({"path": "Workloads", "recursive": false}), vec![DEV]),
        (serde_json::json!({"path": "Workloads/Prod"}), vec![ACCOUNT]),
        (serde_json::json!({"path": "W*/P?od"}), vec![ACCOUNT]),
        (serde_json::json!({"path": "*"}), vec![ADMIN, ACCOUNT, DEV]),
        (serde_json::json!({"path": "Work"}), vec![]),
        (serde_json::json!({"path": "workloads"}), vec![]),
        (serde_json::json!({"path": "Prod"}), vec![]),
        (serde_json::json!({"path": "Workloads/Prod/Deeper"}), vec![]),
        (serde_json::json!({"path": "Workloads*Prod"}), vec![]),
        (serde_json::json!({"id": "ou-ab12-workloads"}), vec![ACCOUNT, DEV]),
        (serde_json::json!({"id": "ou-ab12-workloads", "recursive": false}), vec![DEV]),
        (serde_json::json!({"id": "r-ab12"}), vec![MANAGEMENT, ADMIN, ACCOUNT, DEV]),
        (serde_json::json!({"id": "r-ab12", "recursive": false}), vec![MANAGEMENT]),
        (serde_json::json!({"id": "ou-ab12-workloads", "path": "Workloads/Prod"}), vec![ACCOUNT]),
        (serde_json::json!({"id": "ou-ab12-*"}), vec![]),
    ] {
        assert_eq!(selected(&unit(selector.clone())), expected, "{selector}");
    }
}

#[test]
fn names_match_as_a_whole_and_with_case_and_tags_all_of_them() {
    for (entry, expected) in [
        (serde_json::json!({"accountNames": ["prod-*", "dev-payments"]}), vec![ACCOUNT, DEV]),
        (serde_json::json!({"accountNames": ["prod"]}), vec![]),
        (serde_json::json!({"accountNames": ["PROD-*"]}), vec![]),
        (serde_json::json!({"accountTags": {"env": "prod-eu"}}), vec![ACCOUNT]),
        (serde_json::json!({"accountTags": {"env": "prod"}}), vec![]),
        (serde_json::json!({"accountTags": {"Env": "*"}}), vec![]),
        (serde_json::json!({"accountTags": {"env": "*", "team": "*"}}), vec![]),
    ] {
        assert_eq!(selected(&serde_json::json!({"include": [entry]})), expected, "{entry}");
    }
}

#[test]
fn selectors_that_match_nothing_are_named() {
    let targets = serde_json::json!({
        "include": [
            {"accountIds": [ACCOUNT, "999999999999", "12"]},
            {"organizationalUnit": {"path": "Nowhere"}, "accountNames": ["prod-*", "none-*"]},
            {"accountTags": {"env": "test"}},
            {"organizationalUnit": {"path": "Security"}, "accountNames": ["prod-*"]},
        ],
        "exclude": [{"accountNames": ["gone-*"]}],
    });
    assert_eq!(
        selection(&targets).unmatched,
        [
            "spec.targets.include[0].accountIds[1]",
            "spec.targets.include[0].accountIds[2]",
            "spec.targets.include[1].organizationalUnit",
            "spec.targets.include[1].accountNames[1]",
            "spec.targets.include[2].accountTags",
            "spec.targets.include[3]",
            "spec.targets.exclude[0].accountNames[0]",
        ]
    );
}

#[test]
fn closed_accounts_are_selected_but_not_assessed() {
    let scene =
        scene().profile(serde_json::json!({"targets": {}})).but(|scene| scene.account().state = AccountState::Closed);
    let all = select(&Targets::default(), &scene.organization, "spec.targets");
    assert!(all.accounts.contains(&id(ACCOUNT)));
    assert!(!scene.assess().accounts().any(|account| account == id(ACCOUNT)));
}

#[test]
fn tags_that_were_not_read_make_the_selection_doubtful() {
    let by_tag = serde_json::json!({"include": [{"accountTags": {"env": "prod*"}}, {"accountIds": [ACCOUNT]}]});
    let targets: Targets = serde_json::from_value(by_tag.clone()).unwrap();
    assert!(uses_tags(&targets) && !selection(&by_tag).tags_missing);
    assert!(!uses_tags(&Targets::default()));
    let unread = scene().profile(serde_json::json!({"targets": by_tag})).but(|scene| scene.account().tags = None);
    assert!(select(&targets, &unread.organization, "spec.targets").tags_missing);
    // An account that its tags would add may be missing.
    assert_eq!(unread.condition_words("Compliant"), "Unknown: TagsNotRead");
    assert_eq!(unread.condition_words("DataComplete"), "False: TagsNotRead");
    assert!(!select(&Targets::default(), &unread.organization, "spec.targets").tags_missing);
}

#[test]
fn an_exclusion_by_tags_that_were_not_read_is_doubtful_as_well() {
    let targets = serde_json::json!({"exclude": [{"accountTags": {"env": "prod*"}}]});
    assert_eq!(selected(&targets), [MANAGEMENT, ADMIN, DEV]);
    let unread = scene().profile(serde_json::json!({"targets": targets})).but(|scene| scene.account().tags = None);
    assert_eq!(unread.condition_words("Compliant"), "Unknown: TagsNotRead");
}
