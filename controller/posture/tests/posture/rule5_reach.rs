//! Rule 5: evidence that is missing where the control's reach needs it.

use soc2_catalog::StandardCode;
use soc2_posture::finding::Finding;
use soc2_posture::source::HubRegion;

use crate::scene::{Change, FindingExt, HOME, LINKED, Scene, control, finding};

fn noted(scene: Scene) -> Scene {
    scene.profile(serde_json::json!({"noFindings": {"treatAs": "NotApplicable", "rationale": "we use few services"}}))
}

#[test]
fn a_global_control_needs_one_finding_anywhere() {
    // Nothing else is there: the account need not be alive in every Region.
    let scene = |findings: Vec<Finding>| Scene::silent().with(findings);
    assert_eq!(scene(vec![finding("IAM.5")]).check("IAM.5"), "Passed");
    assert_eq!(scene(vec![finding("IAM.5").region(LINKED)]).check("IAM.5"), "Passed");
    assert_eq!(scene(vec![finding("IAM.5").region("ap-south-1")]).check("IAM.5"), "Passed");
    assert_eq!(scene(vec![]).check("IAM.5"), "Unknown: NoFindings");
    assert_eq!(scene(vec![finding("IAM.5").archived()]).check("IAM.5"), "Unknown: NoFindings");
    assert_eq!(noted(scene(vec![])).check("IAM.5"), "Unknown: NoFindings");
    assert_eq!(noted(Scene::new()).check("IAM.5"), "Unknown: NoFindings");
}

#[test]
fn a_setting_of_account_and_region_needs_one_in_each_required_region() {
    let home = || finding("GuardDuty.1");
    let linked = || finding("GuardDuty.1").region(LINKED);
    for (findings, expected) in [
        (vec![home(), linked()], "Passed"),
        (vec![home()], "Unknown: NoFindings"),
        (vec![linked()], "Unknown: NoFindings"),
        (vec![home(), finding("GuardDuty.1").region("ap-south-1")], "Unknown: NoFindings"),
        (vec![home(), linked().archived()], "Unknown: NoFindings"),
        (vec![home(), linked().aged("37h")], "Unknown: Stale"),
        (vec![home(), linked().suppressed()], "Unknown: Suppressed"),
        (vec![home(), linked().failed()], "Failed: FindingsFailed"),
    ] {
        assert_eq!(Scene::silent().with(findings.clone()).check("GuardDuty.1"), expected, "{findings:?}");
        assert_eq!(noted(Scene::new().with(findings)).check("GuardDuty.1"), expected);
    }
    let missing = Scene::new().with([home()]);
    assert!(missing.message("GuardDuty.1").starts_with("no finding in us-east-1: "));
    let one_region = Scene::new().with([home()]).profile(serde_json::json!({"requiredRegions": [HOME]}));
    assert_eq!(one_region.check("GuardDuty.1"), "Passed");
}

#[test]
fn a_regional_control_needs_one_finding_and_an_account_that_is_alive_in_every_required_region() {
    // Of a control that no profile asks for.
    let alive = || finding("Account.1").region(LINKED);
    let scene = |sign_of_life: Finding| Scene::silent().with([finding("S3.2"), sign_of_life]);
    for (sign_of_life, expected) in [
        (alive(), "Passed"),
        (alive().failed(), "Passed"),
        (alive().suppressed(), "Passed"),
        (alive().failed().suppressed(), "Passed"),
        (alive().aged("36h"), "Passed"),
        (alive().change(|finding| finding.control_id = Some("Unheard.1".to_owned())), "Passed"),
        (alive().aged("37h"), "Unknown: NoFindings"),
        (alive().aged("-1s"), "Unknown: NoFindings"),
        (alive().archived(), "Unknown: NoFindings"),
        (alive().status("WARNING"), "Unknown: NoFindings"),
        (alive().status("WARNING").suppressed(), "Unknown: NoFindings"),
        (alive().status("NOT_AVAILABLE"), "Unknown: NoFindings"),
        (alive().account("222222222222"), "Unknown: NoFindings"),
        (alive().region("ap-south-1"), "Unknown: NoFindings"),
        (
            alive()
                .change(|finding| finding.product_arn = "arn:aws:securityhub:us-east-1::product/aws/macie".to_owned()),
            "Unknown: NoFindings",
        ),
    ] {
        assert_eq!(scene(sign_of_life.clone()).check("S3.2"), expected, "{sign_of_life:?}");
    }
    let dead = scene(alive().aged("37h"));
    assert!(dead.message("S3.2").starts_with("no finding in us-east-1: "));
}

#[test]
fn what_is_missing_says_whether_a_standard_is_not_enabled_or_the_control_is_disabled() {
    let none: fn(&mut HubRegion) = |_| {};
    let other: fn(&mut HubRegion) = |hub| hub.standards = [StandardCode::Tag].into();
    let disabled: fn(&mut HubRegion) =
        |hub| hub.disabled_controls.extend(["S3.2", "IAM.5", "GuardDuty.1"].map(control));
    let check = |id: &str, home: fn(&mut HubRegion), linked: fn(&mut HubRegion)| {
        let scene = Scene::new().but(|scene| {
            home(scene.hub(HOME));
            linked(scene.hub(LINKED));
        });
        scene.check(id)
    };
    for (id, home, linked, expected) in [
        ("S3.2", none, none, "NoFindings"),
        ("S3.2", other, other, "StandardNotEnabled"),
        ("S3.2", none, other, "StandardNotEnabled"),
        ("S3.2", disabled, none, "ControlDisabled"),
        ("S3.2", disabled, other, "StandardNotEnabled"),
        ("GuardDuty.1", none, none, "NoFindings"),
        ("GuardDuty.1", disabled, none, "ControlDisabled"),
        ("GuardDuty.1", disabled, other, "StandardNotEnabled"),
        // One finding anywhere would do: that it is disabled in one Region explains nothing.
        ("IAM.5", none, none, "NoFindings"),
        ("IAM.5", disabled, none, "NoFindings"),
        ("IAM.5", other, none, "NoFindings"),
        ("IAM.5", disabled, other, "ControlDisabled"),
        ("IAM.5", disabled, disabled, "ControlDisabled"),
        ("IAM.5", other, other, "StandardNotEnabled"),
    ] {
        assert_eq!(check(id, home, linked), format!("Unknown: {expected}"), "{id} {expected}");
    }
}

#[test]
fn evidence_that_is_there_counts_although_the_control_is_disabled_elsewhere() {
    let scene = Scene::new().with([finding("S3.2")]).but(|scene| {
        scene.disable(LINKED, "S3.2");
    });
    assert_eq!(scene.check("S3.2"), "Passed");
}

#[test]
fn of_what_is_missing_and_what_is_there_the_first_reason_in_order() {
    let silent = |finding: Finding| Scene::silent().with([finding]);
    // Alive at home by the finding itself, not in the linked Region.
    assert_eq!(silent(finding("S3.2").status("FAILED")).check("S3.2"), "Failed: FindingsFailed");
    assert_eq!(silent(finding("S3.2").aged("37h")).check("S3.2"), "Unknown: Stale");
    assert_eq!(silent(finding("S3.2").status("WARNING")).check("S3.2"), "Unknown: Warning");
    let no_standard = silent(finding("S3.2").aged("37h")).but(|scene| scene.hub(LINKED).standards.clear());
    assert_eq!(no_standard.check("S3.2"), "Unknown: StandardNotEnabled");
    assert!(no_standard.message("S3.2").contains("in us-east-1"));
    let disabled = silent(finding("S3.2").suppressed()).but(|scene| {
        scene.disable(LINKED, "S3.2");
    });
    assert_eq!(disabled.check("S3.2"), "Unknown: ControlDisabled");
}

#[test]
fn no_findings_may_mean_nothing_is_there_only_where_there_would_be_some() {
    assert_eq!(noted(Scene::new()).check("S3.2"), "NotApplicable: NoFindings");
    assert_eq!(Scene::new().check("S3.2"), "Unknown: NoFindings");
    let scenes: [(&str, Change, &str); 6] = [
        ("not alive", |scene| drop(scene.findings.pop()), "Unknown: NoFindings"),
        ("not alive at all", |scene| scene.findings.clear(), "Unknown: NoFindings"),
        ("no standard", |scene| scene.hub(LINKED).standards.clear(), "Unknown: StandardNotEnabled"),
        ("disabled", |scene| scene.disable(LINKED, "S3.2"), "Unknown: ControlDisabled"),
        ("stale evidence", |scene| scene.findings.push(finding("S3.2").aged("37h")), "Unknown: Stale"),
        ("archived evidence", |scene| scene.findings.push(finding("S3.2").archived()), "NotApplicable: NoFindings"),
    ];
    for (what, change, expected) in scenes {
        assert_eq!(noted(Scene::new()).but(change).check("S3.2"), expected, "{what}");
    }
    let not_swept = noted(Scene::new()).but(|scene| scene.hub(HOME).swept.clear());
    assert_eq!(not_swept.check("S3.2"), "Unknown: SweepIncomplete");
}

#[test]
fn a_pass_for_which_everything_was_suppressed_is_waived_and_needs_the_same_reach() {
    let suppressed = serde_json::json!({"treatAs": "Excepted", "until": "2027-01-31", "rationale": "we move them"});
    let scene =
        |findings: Vec<Finding>| Scene::silent().with(findings).profile(serde_json::json!({"suppressed": suppressed}));
    let one = finding("S3.2").failed().suppressed();
    assert_eq!(scene(vec![one.clone()]).check("S3.2"), "Unknown: NoFindings");
    assert_eq!(scene(vec![one, finding("Account.1").region(LINKED)]).check("S3.2"), "Excepted: SuppressedUpstream");
    let guard_duty = |region: &str| finding("GuardDuty.1").failed().suppressed().region(region);
    assert_eq!(scene(vec![guard_duty(HOME)]).check("GuardDuty.1"), "Unknown: NoFindings");
    assert_eq!(scene(vec![guard_duty(HOME), guard_duty(LINKED)]).check("GuardDuty.1"), "Excepted: SuppressedUpstream");
}
