//! A second assessment with work for what changed only.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use soc2_posture::ids::AccountId;
use soc2_posture::organization::AccountState;
use soc2_posture::protection::Protection;
use soc2_posture::{Assessment, assess, reassess};

use crate::scene::{ACCOUNT, ADMIN, Change, FindingExt, LINKED, Scene, finding, id};

fn before() -> Scene {
    let fields = serde_json::json!({
        "targets": {"include": [{"accountNames": ["prod-*", "security"]}]},
        "guardrails": {"required": ["deny-leave-org"]},
    });
    let admin =
        [finding("Account.1"), finding("Account.1").region(LINKED), finding("S3.2")].map(|one| one.account(ADMIN));
    Scene::new().with([finding("S3.2")]).with(admin).profile(fields)
}

/// Reassesses after a change, which must come to the same as assessing; no account's findings are said to have changed.
fn after(change: Change) -> Assessment {
    let (before, after) = (before(), before().but(change));
    let first = before.assess();
    let memory = first.memory();
    let all = assess(&after.wanted().desired(), &after.world(), &memory, after.now).unwrap();
    let some = reassess(first, &after.wanted().desired(), &after.world(), &BTreeSet::new(), after.now).unwrap();
    assert_eq!(some, all);
    some
}

#[test]
fn what_changes_for_some_accounts_renews_these() {
    let changes: [(&str, Change, &[&str]); 9] = [
        ("nothing", |_| {}, &[]),
        ("its state", |scene| scene.account().state = AccountState::Suspended, &[ACCOUNT]),
        ("its name", |scene| scene.account().name = "prod-billing".to_owned(), &[ACCOUNT]),
        ("its unit", |scene| scene.account().parent = "r-ab12".to_owned(), &[ACCOUNT]),
        ("when it joined", |scene| scene.account().joined_at = Some(scene.now), &[ACCOUNT]),
        ("its membership", |scene| scene.not_member(LINKED), &[ACCOUNT]),
        ("what was read", |scene| scene.not_swept(LINKED), &[ACCOUNT]),
        (
            "its guardrails",
            |scene| {
                let unprotected = [(id(ACCOUNT), Protection::Unprotected)].into();
                scene.protection.insert("deny-leave-org".to_owned(), unprotected);
            },
            &[ACCOUNT],
        ),
        ("when a Region was read, which matters to none", |scene| scene.hub(LINKED).complete_at = None, &[]),
    ];
    for (what, change, expected) in changes {
        let expected: BTreeSet<AccountId> = expected.iter().map(|account| id(account)).collect();
        assert_eq!(after(change).renewed(), Some(&expected), "{what}");
    }
}

#[test]
fn accounts_come_and_go() {
    let gone = after(|scene| scene.account().name = "test-payments".to_owned());
    assert_eq!((gone.accounts().collect::<Vec<_>>(), gone.status().targets.unwrap().accounts), (vec![id(ADMIN)], 1));
    let closed = after(|scene| scene.account().state = AccountState::Closed);
    assert_eq!(closed.accounts().count(), 1);
    let come = after(|scene| scene.add_account("444444444444", "prod-new", "r-ab12"));
    assert_eq!(come.renewed(), Some(&[id("444444444444")].into()));
    assert_eq!(come.status().targets.unwrap().accounts, 3);
}

#[test]
fn what_changes_for_all_renews_all() {
    let changes: [(&str, Change); 5] = [
        ("the limit", |scene| scene.profile.freshness = "12h".to_owned()),
        ("required Regions", |scene| scene.aws.required_regions = Some(vec![LINKED.to_owned()])),
        ("standards", |scene| scene.hub(LINKED).standards.clear()),
        ("disabled controls", |scene| scene.disable(LINKED, "S3.2")),
        ("findings of a new Region", |scene| scene.findings.push(finding("S3.2").region("ap-south-1"))),
    ];
    for (what, change) in changes {
        assert_eq!(after(change).renewed(), None, "{what}");
    }
}

#[test]
fn findings_renew_the_accounts_that_are_named_and_time_those_that_are_due() {
    let (scene, mut world) = (before(), before().world());
    let first = scene.assess();
    let changed = world.index.upsert(&[finding("S3.2").resource("two").failed()]).accounts;
    let second = reassess(first, &scene.wanted().desired(), &world, &changed, scene.now).unwrap();
    assert_eq!(second.renewed(), Some(&[id(ACCOUNT)].into()));
    assert_eq!(second.status().checks.unwrap().failed, 1);

    let later = scene.now + SignedDuration::from_hours(36);
    let third = reassess(second, &scene.wanted().desired(), &world, &BTreeSet::new(), later).unwrap();
    assert_eq!(third.renewed(), Some(&[id(ACCOUNT), id(ADMIN)].into()));
    assert_eq!(third.status().checks.unwrap().passed, 0);

    // The clock went back: what was stale is fresh again.
    let fourth = reassess(third, &scene.wanted().desired(), &world, &BTreeSet::new(), scene.now).unwrap();
    assert_eq!(fourth.renewed(), None);
    assert_eq!(fourth.status().checks.unwrap().passed, 1);
}
