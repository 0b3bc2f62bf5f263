//! Rule 7: passed, because there is nothing of the kind.

use soc2_catalog::{Control, Reach};

use crate::scene::{FindingExt, HOME, LINKED, Scene, catalog, finding};

#[test]
fn a_pass_of_the_account_alone_is_no_pass_of_resources() {
    let account =
        |region: &str| finding("S3.2").of_type("AwsAccount").resource("AWS::::Account:333333333333").region(region);
    for (findings, expected) in [
        (vec![account(HOME)], "Passed: NothingToCheck"),
        (vec![account(HOME), account(LINKED)], "Passed: NothingToCheck"),
        (vec![account(HOME), finding("S3.2").region(LINKED)], "Passed"),
        (vec![finding("S3.2")], "Passed"),
        (vec![account(HOME).failed()], "Failed: FindingsFailed"),
        (vec![account(HOME).aged("37h")], "Unknown: Stale"),
        (vec![account(HOME).of_type("awsaccount")], "Passed"),
    ] {
        assert_eq!(Scene::new().with(findings.clone()).check("S3.2"), expected, "{findings:?}");
    }
}

#[test]
fn it_is_an_ordinary_pass_where_the_control_is_about_the_account_or_of_unknown_type() {
    let on_account = |control: &str| Scene::new().with([finding(control).of_type("AwsAccount")]);
    assert_eq!(on_account("IAM.4").check("IAM.4"), "Passed");
    // The catalogue gives no type of resource.
    let of_no_type =
        |control: &&Control| control.resource_type.is_none() && !control.retired && control.reach == Reach::Regional;
    let control = &catalog().controls().iter().find(of_no_type).unwrap().id;
    let enable =
        serde_json::json!([{"id": control, "action": "Enable", "criteria": ["CC6.1"], "rationale": "to see it"}]);
    let scene = on_account(control).profile(serde_json::json!({"controls": enable}));
    assert_eq!(scene.check(control), "Passed");
}
