//! Findings that are not as they should be.

use soc2_posture::finding::Finding;
use soc2_posture::index::Intake;
use soc2_posture::{FindingIndex, index::Status};

use crate::scene::{ACCOUNT, FindingExt, HOME, LINKED, Scene, catalog, finding, id};

fn s3() -> Finding {
    finding("S3.2")
}

#[test]
fn what_cannot_be_attributed_is_said_and_not_lost() {
    for (finding, expected) in [
        (s3().change(|finding| finding.account_id.clear()), "has AwsAccountId \"\""),
        (s3().change(|finding| finding.account_id = "33333333333".to_owned()), "has AwsAccountId \"33333333333\""),
        (s3().change(|finding| finding.account_id = "３33333333333".to_owned()), "which is no account id"),
        (s3().change(|finding| finding.account_id = " 333333333333".to_owned()), "which is no account id"),
        (s3().change(|finding| finding.account_id = "x".repeat(9999)), "which is no account id"),
        (s3().change(|finding| finding.control_id = None), "has no Compliance.SecurityControlId"),
        (s3().change(|finding| finding.control_id = Some("  ".to_owned())), "has no Compliance.SecurityControlId"),
    ] {
        let Intake::Unattributable { message } = FindingIndex::intake(&finding) else { panic!("{finding:?}") };
        assert!(message.contains(expected), "{message}");
        assert!(message.len() < 600, "{message}");
        let mut index = FindingIndex::new(catalog());
        let changes = index.upsert(std::slice::from_ref(&finding));
        assert_eq!((changes.unattributable, changes.other, index.len()), (vec![message.clone()], 0, 0));
        let mut batch = index.sweep(&[id(ACCOUNT)].into());
        batch.add(&[finding]);
        assert_eq!(batch.unattributable(), [message.as_str()]);
        assert_eq!(index.install(&[id(ACCOUNT)].into(), &[HOME.to_owned()].into(), batch).unattributable, [message]);
    }
}

#[test]
fn other_products_may_be_as_they_like() {
    let other = finding("S3.2").change(|finding| {
        finding.product_arn = "arn:aws:securityhub:eu-west-1::product/aws/guardduty".to_owned();
        finding.account_id.clear();
        finding.control_id = None;
    });
    assert_eq!(FindingIndex::intake(&other), Intake::OtherProduct);
    let changes = FindingIndex::new(catalog()).upsert(&[other.clone(), other]);
    assert_eq!((changes.other, changes.unattributable.len(), changes.accounts.len()), (2, 0, 0));
}

#[test]
fn what_is_unusable_makes_its_control_unknown() {
    for (what, finding) in [
        ("no id", s3().id("")),
        ("no Region", s3().change(|finding| finding.region.clear())),
        ("a Region that is none", s3().change(|finding| finding.region = "eu west 1".to_owned())),
        ("no record state", s3().change(|finding| finding.record_state = None)),
        ("another record state", s3().record("DELETED")),
        ("another workflow", s3().workflow("MUTED")),
    ] {
        assert_eq!(Scene::new().with([finding.clone()]).check("S3.2"), "Unknown: NotAvailable", "{what}");
        let with_a_pass = Scene::new().with([finding, s3().resource("two")]);
        assert_eq!(with_a_pass.check("S3.2"), "Unknown: NotAvailable", "{what}, and another passes");
    }
    let failed = Scene::new().with([s3().failed().workflow("MUTED")]);
    assert_eq!(failed.check("S3.2"), "Failed: FindingsFailed");
    let no_workflow = Scene::new().with([s3().change(|finding| finding.workflow = None)]);
    assert_eq!(no_workflow.check("S3.2"), "Passed");
}

#[test]
fn without_an_id_the_same_finding_is_still_one() {
    let mut index = FindingIndex::new(catalog());
    index.upsert(&[s3().id(""), s3().id(""), s3().id("").resource("two").id("")]);
    assert_eq!(index.len(), 2);
}

#[test]
fn a_finding_without_a_region_goes_with_the_sweep_of_the_region_it_came_from() {
    let mut index = FindingIndex::new(catalog());
    index.upsert(&[s3().change(|finding| finding.region = "?".to_owned())]);
    assert_eq!(index.count().keys().next(), Some(&(HOME.to_owned(), Status::NotAvailable)));
    let empty = index.sweep(&[id(ACCOUNT)].into());
    index.install(&[id(ACCOUNT)].into(), &[LINKED.to_owned()].into(), empty);
    assert_eq!(index.len(), 1);
    let empty = index.sweep(&[id(ACCOUNT)].into());
    index.install(&[id(ACCOUNT)].into(), &[HOME.to_owned()].into(), empty);
    assert!(index.is_empty());
}

#[test]
fn controls_that_the_catalogue_does_not_know_only_show_that_the_account_is_alive() {
    let scene = Scene::new().with([finding("Unheard.1").failed(), finding("S3.2")]);
    assert_eq!(scene.check("S3.2"), "Passed");
    assert_eq!(scene.check("Unheard.1"), "-");
    assert_eq!(scene.posture().summary.failed, 0);
}
