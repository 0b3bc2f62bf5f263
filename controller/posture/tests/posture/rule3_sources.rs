//! Rule 3: what is known of the sources.

use std::collections::BTreeSet;

use soc2_crds::State;
use soc2_posture::source::{HubError, HubRegion};

use crate::scene::{ACCOUNT, ADMIN, Change, FindingExt, HOME, LINKED, Scene, broken, finding, hub, id};

/// All that passes, passes.
fn passing() -> Scene {
    Scene::new().with([finding("S3.2"), finding("IAM.5")])
}

fn denied() -> HubError {
    HubError::AccessDenied("the role may not call securityhub:GetFindings".to_owned())
}

fn not_read() -> HubError {
    HubError::NotRead("HTTP 500".to_owned())
}

#[test]
fn each_reason_in_a_required_region() {
    let scenes: [(&str, Change, &str); 12] = [
        ("all is well", |_| {}, "Passed"),
        ("denied", |scene| *scene.hub(LINKED) = broken(LINKED, denied()), "Unknown: AccessDenied"),
        ("off", |scene| *scene.hub(LINKED) = broken(LINKED, HubError::NotEnabled), "Unknown: SecurityHubNotEnabled"),
        ("no member", |scene| scene.not_member(LINKED), "Unknown: AccountNotMember"),
        ("not linked", |scene| drop(scene.sources.regions.pop()), "Passed"),
        (
            "required, but not linked",
            |scene| {
                scene.sources.regions.pop();
                scene.aws.required_regions = Some(vec![HOME.to_owned(), LINKED.to_owned()]);
            },
            "Unknown: RegionNotCovered",
        ),
        ("no source at all", |scene| scene.sources.regions.clear(), "Unknown: RegionNotCovered"),
        (
            "the source serves others",
            |scene| scene.hub(LINKED).serves = Some(BTreeSet::from([id(ADMIN)])),
            "Unknown: RegionNotCovered",
        ),
        ("not swept", |scene| scene.not_swept(LINKED), "Unknown: SweepIncomplete"),
        ("not read", |scene| *scene.hub(LINKED) = broken(LINKED, not_read()), "Unknown: SweepIncomplete"),
        (
            "a finding that belongs to nobody",
            |scene| {
                let read = ("main".to_owned(), HOME.to_owned());
                scene.sources.unattributed.insert(read, "finding \"x\" has no AwsAccountId".to_owned());
            },
            "Unknown: SweepIncomplete",
        ),
        (
            "a finding that belongs to nobody, of another source",
            |scene| {
                let read = ("acquired".to_owned(), HOME.to_owned());
                scene.sources.unattributed.insert(read, "finding \"x\" has no AwsAccountId".to_owned());
            },
            "Passed",
        ),
    ];
    for (what, change, expected) in scenes {
        let scene = passing().but(change);
        assert_eq!(scene.check("S3.2"), expected, "{what}");
        assert_eq!(scene.check("IAM.5"), expected, "{what}: a Global control as well");
    }
}

#[test]
fn the_administrator_itself_needs_no_membership() {
    let scene =
        passing().profile(serde_json::json!({"targets": {"include": [{"accountIds": [ADMIN]}]}})).but(|scene| {
            scene.findings = scene.findings.iter().map(|finding| finding.clone().account(ADMIN)).collect();
            assert!(!scene.hub(HOME).members.contains(&id(ADMIN)));
        });
    assert!(scene.assess().account_checks().any(|check| check == (id(ADMIN), State::Passed, 2)));
}

#[test]
fn messages_say_where_and_what_to_do() {
    let scenes: [(Change, &str); 6] = [
        (
            |scene| *scene.hub(LINKED) = broken(LINKED, denied()),
            "findings of us-east-1 cannot be read: the role may not call securityhub:GetFindings",
        ),
        (
            |scene| *scene.hub(LINKED) = broken(LINKED, HubError::NotEnabled),
            "Security Hub is not enabled in us-east-1: enable it, or take the Region out of requiredRegions",
        ),
        (
            |scene| scene.not_member(LINKED),
            "the account is no enabled member of the Security Hub administrator in us-east-1: add it there",
        ),
        (
            |scene| scene.aws.required_regions = Some(vec!["ap-south-1".to_owned(), HOME.to_owned()]),
            "no source covers ap-south-1 for this account: link it to the aggregator, or add a source",
        ),
        (|scene| scene.sources.regions.clear(), "no Security Hub source is configured: add one to the AwsOrganization"),
        (
            |scene| {
                let read = ("main".to_owned(), HOME.to_owned());
                scene.sources.unattributed.insert(read, "finding \"x\" has no AwsAccountId".to_owned());
            },
            "findings of eu-west-1, us-east-1 are not completely read: finding \"x\" has no AwsAccountId",
        ),
    ];
    for (change, expected) in scenes {
        assert_eq!(passing().but(change).message("S3.2"), expected);
    }
}

#[test]
fn required_regions_are_the_profiles_else_the_organizations_else_those_of_the_sources() {
    let broken_linked = || passing().but(|scene| *scene.hub(LINKED) = broken(LINKED, denied()));
    assert_eq!(broken_linked().check("S3.2"), "Unknown: AccessDenied");

    let organization = |regions: &[&str]| {
        let regions = Some(regions.iter().map(|region| (*region).to_owned()).collect());
        broken_linked().but(|scene| scene.aws.required_regions = regions)
    };
    assert_eq!(organization(&[HOME]).check("S3.2"), "Passed");
    assert_eq!(organization(&[HOME, LINKED]).check("S3.2"), "Unknown: AccessDenied");
    let profile =
        |regions: &[&str]| organization(&[HOME, LINKED]).profile(serde_json::json!({"requiredRegions": regions}));
    assert_eq!(profile(&[HOME]).check("S3.2"), "Passed");
    assert_eq!(profile(&[LINKED]).check("S3.2"), "Unknown: AccessDenied");
}

#[test]
fn a_region_that_is_read_must_be_complete_even_when_it_is_not_required() {
    let home_only = || passing().profile(serde_json::json!({"requiredRegions": [HOME]}));
    let scenes: [(&str, Change, &str); 5] = [
        ("not swept", |scene| scene.not_swept(LINKED), "Unknown: SweepIncomplete"),
        ("not read yet", |scene| *scene.hub(LINKED) = broken(LINKED, not_read()), "Unknown: SweepIncomplete"),
        ("never to be read", |scene| *scene.hub(LINKED) = broken(LINKED, denied()), "Passed"),
        ("off", |scene| *scene.hub(LINKED) = broken(LINKED, HubError::NotEnabled), "Passed"),
        ("no member there", |scene| scene.not_member(LINKED), "Passed"),
    ];
    for (what, change, expected) in scenes {
        assert_eq!(home_only().but(change).check("S3.2"), expected, "{what}");
    }
}

/// A source of its own for the account, in us-east-1.
fn own_source() -> HubRegion {
    HubRegion {
        source: "acquired".to_owned(),
        account: Some(id(ACCOUNT)),
        members: BTreeSet::new(),
        serves: Some(BTreeSet::from([id(ACCOUNT)])),
        read_through: LINKED.to_owned(),
        ..hub(LINKED)
    }
}

#[test]
fn any_source_that_covers_the_account_in_the_region_will_do() {
    let scenes: [(&str, Change, &str); 5] = [
        ("no member", |scene| scene.not_member(LINKED), "Passed"),
        ("denied", |scene| *scene.hub(LINKED) = broken(LINKED, denied()), "Passed"),
        ("off", |scene| *scene.hub(LINKED) = broken(LINKED, HubError::NotEnabled), "Passed"),
        ("not read: it cannot be a member of both", |scene| *scene.hub(LINKED) = broken(LINKED, not_read()), "Passed"),
        ("covered twice, read once", |scene| scene.hub(LINKED).swept.clear(), "Unknown: SweepIncomplete"),
    ];
    for (what, change, expected) in scenes {
        let scene = passing().but(change).but(|scene| scene.sources.regions.push(own_source()));
        assert_eq!(scene.check("S3.2"), expected, "{what}");
    }
    // What covers the account is what counts: that another source does not is no news.
    let scene = passing().but(|scene| {
        scene.not_member(LINKED);
        scene.sources.regions.push(HubRegion { swept: BTreeSet::new(), ..own_source() });
    });
    assert_eq!(scene.check("S3.2"), "Unknown: SweepIncomplete");
}

#[test]
fn of_several_reasons_the_first_in_order_is_given_with_its_regions() {
    let scene = |home: fn(&mut HubRegion), linked: fn(&mut HubRegion)| {
        passing().but(|scene| {
            home(scene.hub(HOME));
            linked(scene.hub(LINKED));
        })
    };
    let no_member: fn(&mut HubRegion) = |hub| hub.members.clear();
    let off: fn(&mut HubRegion) = |hub| *hub = broken(LINKED, HubError::NotEnabled);
    let not_swept: fn(&mut HubRegion) = |hub| hub.swept.clear();
    assert_eq!(scene(no_member, off).check("S3.2"), "Unknown: SecurityHubNotEnabled");
    assert_eq!(scene(not_swept, no_member).check("S3.2"), "Unknown: AccountNotMember");
    assert!(scene(no_member, no_member).message("S3.2").contains("in eu-west-1, us-east-1"));
}

#[test]
fn in_the_first_days_every_unknown_is_onboarding() {
    let scene = |joined: &str| {
        passing().with([finding("RDS.3").failed()]).but(|scene| {
            scene.account().joined_at = Some(joined.parse().unwrap());
            scene.not_member(LINKED);
        })
    };
    for (joined, expected) in [
        ("2026-11-22T11:00:00Z", "Unknown: Onboarding"),
        ("2026-11-19T12:00:01Z", "Unknown: Onboarding"),
        ("2026-11-19T12:00:00Z", "Unknown: AccountNotMember"),
        ("2026-11-22T12:00:01Z", "Unknown: AccountNotMember"),
    ] {
        assert_eq!(scene(joined).check("S3.2"), expected, "{joined}");
        assert_eq!(scene(joined).check("RDS.3"), "Failed: FindingsFailed");
    }
    let unread_time = scene("2026-11-22T11:00:00Z").but(|scene| scene.account().joined_at = None);
    assert_eq!(unread_time.check("S3.2"), "Unknown: AccountNotMember");
    assert_eq!(
        scene("2026-11-22T11:00:00Z").message("S3.2"),
        "the account joined at 2026-11-22T11:00:00Z; missing data are expected until 2026-11-25T11:00:00Z"
    );
    let shorter = scene("2026-11-22T11:00:00Z").profile(serde_json::json!({"onboarding": "0s"}));
    assert_eq!(shorter.check("S3.2"), "Unknown: AccountNotMember");
    let passes = passing().but(|scene| scene.account().joined_at = Some(scene.now));
    assert_eq!(passes.check("S3.2"), "Passed");
}
