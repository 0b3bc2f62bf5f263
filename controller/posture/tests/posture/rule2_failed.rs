//! Rule 2: a failed result in hand decides, whatever else is missing.

use soc2_posture::source::HubError;

use crate::scene::{FindingExt, HOME, LINKED, Scene, broken, finding, now};

#[test]
fn a_failed_result_decides_whatever_is_missing() {
    let failed = || Scene::silent().with([finding("S3.2").failed()]);
    let denied = || HubError::AccessDenied("securityhub:GetFindings".to_owned());
    let scenes = vec![
        ("nothing else is known", failed()),
        ("the Region is denied", failed().but(|scene| *scene.hub(HOME) = broken(HOME, denied()))),
        ("Security Hub is off", failed().but(|scene| *scene.hub(HOME) = broken(HOME, HubError::NotEnabled))),
        ("not a member", failed().but(|scene| scene.not_member(HOME))),
        ("no source", failed().but(|scene| scene.sources.regions.clear())),
        ("not swept", failed().but(|scene| scene.hub(HOME).swept.clear())),
        ("no standard", failed().but(|scene| scene.hub(HOME).standards.clear())),
        ("disabled", failed().but(|scene| scene.disable(HOME, "S3.2"))),
        ("onboarding", failed().but(|scene| scene.account().joined_at = Some(now()))),
        ("another resource passes", failed().with([finding("S3.2").resource("two")])),
        ("another is suppressed", failed().with([finding("S3.2").resource("two").failed().suppressed()])),
        ("another is unclear", failed().with([finding("S3.2").resource("two").status("WARNING")])),
    ];
    for (what, scene) in scenes {
        assert_eq!(scene.check("S3.2"), "Failed: FindingsFailed", "{what}");
    }
}

#[test]
fn however_old_and_in_whatever_region() {
    let old = Scene::new().with([finding("S3.2").failed().updated("2026-09-01T00:00:00Z")]);
    assert_eq!(old.check("S3.2"), "Failed: FindingsFailed");
    assert_eq!(
        old.message("S3.2"),
        "1 of 1 resource fails in eu-west-1; last checked at 2026-09-01T00:00:00Z, older than 36h"
    );

    let elsewhere = Scene::new().with([finding("S3.2").failed().region("ap-south-1"), finding("S3.2")]);
    assert_eq!(elsewhere.check("S3.2"), "Failed: FindingsFailed");
    assert_eq!(elsewhere.message("S3.2"), "1 of 2 resources fails in ap-south-1");

    let not_required = Scene::new()
        .with([finding("S3.2").failed().region(LINKED), finding("S3.2")])
        .profile(serde_json::json!({"requiredRegions": [HOME]}));
    assert_eq!(not_required.check("S3.2"), "Failed: FindingsFailed");
}

#[test]
fn without_a_usable_time_it_still_fails() {
    for when in ["", "yesterday", "2026-11-22T12:00:01Z", "2099-01-01T00:00:00Z"] {
        let scene = Scene::new().with([finding("S3.2").failed().updated(when)]);
        assert_eq!(scene.check("S3.2"), "Failed: FindingsFailed", "{when:?}");
    }
}

#[test]
fn the_message_counts_resources_and_names_regions() {
    let scene = Scene::new().with([
        finding("S3.2").failed(),
        finding("S3.2").resource("two").failed().region(LINKED),
        finding("S3.2").resource("three"),
        finding("S3.2").resource("four").status("WARNING"),
    ]);
    assert_eq!(scene.message("S3.2"), "2 of 4 resources fail in eu-west-1, us-east-1");
    let row = &scene.posture().controls[0];
    assert_eq!((row.resources.failed, row.resources.passed, row.resources.unknown), (2, 1, 1));
    assert_eq!(row.resources.sample.as_deref(), Some("arn:aws:s3:::one"));
    assert_eq!(
        (row.severity.as_str(), row.criteria.as_slice()),
        ("Critical", &["CC6.1".to_owned(), "CC6.6".to_owned()][..])
    );
}
