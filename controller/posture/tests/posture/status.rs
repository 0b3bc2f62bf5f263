//! The status of a profile, and its metrics.

use crate::written::attestation;
use soc2_crds::{CriterionStatus, HalfState, ManualState, State};
use soc2_posture::finding::Finding;
use soc2_posture::organization::AccountState;

use crate::scene::{ACCOUNT, ADMIN, FindingExt, LINKED, Scene, catalog, finding, id, now};

/// Findings of every control in both Regions for some accounts.
pub fn all_passing(accounts: &[&str]) -> Vec<Finding> {
    let ids: Vec<String> =
        catalog().controls().iter().filter(|control| !control.retired).map(|one| one.id.clone()).collect();
    let of = |account: &str| -> Vec<Finding> {
        ids.iter().flat_map(|id| [finding(id).account(account), finding(id).account(account).region(LINKED)]).collect()
    };
    accounts.iter().flat_map(|account| of(account)).collect()
}

fn two_accounts() -> Scene {
    Scene::silent()
        .profile(serde_json::json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN]}]}}))
        .with(all_passing(&[ACCOUNT, ADMIN]))
}

fn criterion(scene: &Scene, id: &str) -> CriterionStatus {
    scene.assess().status().criteria.into_iter().find(|criterion| criterion.id == id).unwrap()
}

#[test]
fn checks_are_pairs_of_account_and_control() {
    let scene =
        two_accounts().with([finding("S3.2").resource("two").failed(), finding("IAM.5").aged("40h").resource("two")]);
    let checks = scene.assess().status().checks.unwrap();
    let all = checks.passed + checks.failed + checks.unknown;
    assert_eq!((checks.failed, checks.unknown), (1, 1));
    assert_eq!(all % 2, 0);
    let metrics = scene.assess().metrics();
    assert_eq!(metrics.checks, checks);
    assert_eq!(metrics.accounts, 2);
    assert!((metrics.compliance_ratio.unwrap() - checks.passed as f64 / all as f64).abs() < 1e-12);
    assert_eq!(metrics.unwaived_ratio, metrics.compliance_ratio);
    let assessment = scene.assess();
    let of_account = assessment
        .account_checks()
        .filter(|(account, state, _)| *account == id(ACCOUNT) && matches!(state, State::Failed | State::Unknown));
    let states: Vec<_> = of_account.map(|(_, state, count)| (state, count)).collect();
    assert_eq!(states, [(State::Failed, 1), (State::Unknown, 1)]);
    let s3 = metrics.controls.iter().find(|control| control.id == "S3.2").unwrap();
    assert_eq!((s3.severity.as_str(), s3.accounts.failed, s3.accounts.passed), ("Critical", 1, 1));
    assert!(!metrics.controls.iter().any(|control| control.id == "EC2.13"));
}

#[test]
fn series_of_accounts_are_as_many_as_their_levels_say() {
    let scene = two_accounts().with([finding("S3.2").resource("two").failed()]);
    let assessment = scene.assess();
    let series = assessment.account_series();
    assert_eq!(series.accounts, 2);
    assert_eq!(series.checks, assessment.account_checks().count());
    assert_eq!(series.criteria, assessment.account_criteria().count());
    assert_eq!(series.controls, assessment.account_controls().count());
    let failed: Vec<_> = assessment.account_controls().filter(|(_, _, state)| *state == State::Failed).collect();
    assert_eq!(failed, [(id(ACCOUNT), "S3.2", State::Failed)]);
    // A criterion is in one state in an account: the worst of its controls.
    let mut criteria: Vec<_> = assessment.account_criteria().map(|(account, id, _)| (account, id)).collect();
    let all = criteria.len();
    criteria.sort_unstable();
    criteria.dedup();
    assert_eq!(criteria.len(), all);
    assert!(assessment.account_criteria().any(|one| one == (id(ACCOUNT), "CC6.1", State::Failed)));
    assert!(assessment.account_criteria().any(|one| one == (id(ADMIN), "CC6.1", State::Passed)));
}

#[test]
fn ratios_leave_out_new_accounts_and_are_absent_when_nothing_was_assessed() {
    let onboarding = two_accounts().but(|scene| {
        scene.findings.retain(|finding| finding.account_id == ADMIN);
        scene.account().joined_at = Some(now());
    });
    let metrics = onboarding.assess().metrics();
    assert!(metrics.checks.unknown > 50);
    assert_eq!(metrics.compliance_ratio, Some(1.0));
    let unknown = Scene::silent().assess().metrics();
    assert_eq!(unknown.compliance_ratio, Some(0.0));
    let none = Scene::silent().but(|scene| scene.account().state = AccountState::Suspended).assess().metrics();
    assert_eq!((none.compliance_ratio, none.unwaived_ratio), (None, None));

    let suppressed = serde_json::json!({"treatAs": "Excepted", "until": "2027-01-31", "rationale": "we move them"});
    let waived = two_accounts()
        .with([finding("S3.2").resource("two").suppressed()])
        .profile(serde_json::json!({"suppressed": suppressed}));
    let metrics = waived.assess().metrics();
    assert_eq!(metrics.compliance_ratio, Some(1.0));
    assert!(metrics.unwaived_ratio.unwrap() < 1.0);
    assert_eq!(metrics.checks.excepted, 1);
}

#[test]
fn a_criterion_is_as_its_worst_control_in_its_worst_account() {
    let worse = |finding: Finding| two_accounts().with([finding.resource("two")]);
    // IAM.5 answers for CC3.2 and CC6.6.
    for (finding, state, half) in [
        (finding("IAM.5"), State::Passed, HalfState::Passed),
        (finding("IAM.5").failed(), State::Failed, HalfState::Failed),
        (finding("IAM.5").status("WARNING"), State::Unknown, HalfState::Unknown),
    ] {
        let found = criterion(&worse(finding), "CC3.2");
        assert_eq!((found.state, found.technical, found.reason), (state, half, None));
        assert_eq!((found.manual, found.technical_only), (Some(ManualState::TrackedElsewhere), true));
    }
    let failing = criterion(&worse(finding("IAM.5").failed()), "CC3.2");
    assert_eq!((failing.accounts.failed, failing.accounts.passed), (1, 1));
    let other = criterion(&worse(finding("IAM.5").failed()), "CC6.3");
    assert_eq!((other.state, other.accounts.passed, other.controls), (State::Passed, 2, 4));
    let suppressed = serde_json::json!({"treatAs": "Excepted", "until": "2027-01-31", "rationale": "we move them"});
    let waived = worse(finding("IAM.5").suppressed()).profile(serde_json::json!({"suppressed": suppressed}));
    assert_eq!(criterion(&waived, "CC3.2").state, State::Excepted);
}

#[test]
fn a_criterion_that_no_control_answers_for_is_tracked_elsewhere() {
    let found = criterion(&two_accounts(), "CC1.1");
    assert_eq!((found.state, found.reason.as_deref()), (State::NotApplicable, Some("TrackedElsewhere")));
    assert_eq!((found.technical, found.manual), (HalfState::NotCovered, Some(ManualState::TrackedElsewhere)));
    assert!(found.technical_only);
    assert_eq!((found.controls, found.accounts.passed), (0, 0));
    let coverage = two_accounts().assess().status().coverage.unwrap();
    assert_eq!(coverage.criteria, 33);
    assert_eq!(coverage.automated + coverage.manual, 33);
}

#[test]
fn a_criterion_that_findings_show_fully_has_no_manual_half_unless_people_take_over() {
    let full: Vec<&str> = catalog()
        .criteria()
        .iter()
        .filter(|criterion| criterion.automation == soc2_catalog::Automation::Full && criterion.id.starts_with("CC"))
        .map(|criterion| criterion.id.as_str())
        .collect();
    let all = Scene::silent().assess().status().criteria;
    let with_people: Vec<&str> =
        all.iter().filter(|criterion| criterion.manual.is_none()).map(|one| one.id.as_str()).collect();
    assert_eq!(with_people, full);
    assert!(!full.is_empty());
    let manual = serde_json::json!([{"id": "*", "action": "Manual", "rationale": "people do it all"}]);
    let taken_over = Scene::silent().profile(serde_json::json!({"controls": manual})).assess().status();
    assert!(taken_over.criteria.iter().all(|criterion| criterion.technical_only));
    // Of too many activities the status has a hundred, and counts the rest.
    assert_eq!(taken_over.activities.len(), 100);
    assert!(taken_over.more_activities > 400);
}

#[test]
fn suspended_accounts_count_as_targets_and_not_in_criteria() {
    let scene = two_accounts().but(|scene| scene.account().state = AccountState::Suspended);
    let status = scene.assess().status();
    assert_eq!(status.targets.unwrap().accounts, 2);
    let found = criterion(&scene, "CC3.2");
    assert_eq!((found.state, found.accounts.passed, found.accounts.not_applicable), (State::Passed, 1, 0));
    let checks = status.checks.unwrap();
    assert_eq!(checks.passed, checks.not_applicable);
}

#[test]
fn the_worst_come_first_and_the_rest_is_counted() {
    let mut scene = two_accounts();
    let ids: Vec<String> =
        catalog().controls().iter().filter(|control| !control.retired).map(|one| one.id.clone()).collect();
    for id in &ids {
        scene.findings.push(finding(id).resource("two").failed());
    }
    scene.findings.push(finding("IAM.2").account(ADMIN).resource("two").failed());
    let status = scene.assess().status();
    let worst: Vec<&str> = status.worst_controls.iter().map(|worst| worst.id.as_str()).collect();
    assert_eq!((worst[0], worst.len()), ("IAM.2", 20));
    assert_eq!(status.worst_controls[0].failed_accounts, 2);
    assert!(status.worst_controls[1..].iter().all(|worst| worst.severity == "Critical" || worst.severity == "High"));
    assert_eq!(status.worst_controls[0].oldest.as_ref().unwrap().0, now());
    let failed = status.checks.unwrap().failed;
    assert_eq!(u64::from(status.more_failing_controls), failed - 1 - 20);
    let accounts: Vec<&str> = status.worst_accounts.iter().map(|worst| worst.id.as_str()).collect();
    assert_eq!((accounts, status.more_failing_accounts), (vec![ACCOUNT, ADMIN], 0));
    assert_eq!((status.worst_accounts[1].failed, status.worst_accounts[0].name.as_str()), (1, "prod-payments"));
}

#[test]
fn a_status_is_bounded() {
    let mut scene = Scene::silent().profile(serde_json::json!({
        "targets": {"include": [{"organizationalUnit": {"path": "/"}}]},
        "categories": ["Security", "Availability", "Confidentiality", "ProcessingIntegrity", "Privacy"],
        "standards": {"required": ["aws-resource-tagging-standard/v/1.0.0"]},
        "guardrails": {"required": ["deny-leave-org"]},
    }));
    scene.sources.regions.iter_mut().for_each(|hub| hub.standards.clear());
    let ids: Vec<String> = (0..200).map(|number| format!("9999{number:08}")).collect();
    let names = serde_json::json!([{"accountIds": ids}, {"organizationalUnit": {"path": "/"}}]);
    let scene = scene.profile(serde_json::json!({"targets": {"include": names}}));
    let status = scene.assess().status();
    assert_eq!(status.targets.as_ref().unwrap().unmatched.len(), 50);
    assert_eq!(status.criteria.len(), 61);
    let bytes = serde_json::to_vec(&status).unwrap().len();
    assert!(bytes < 32 * 1024, "{bytes}");
    assert_eq!(status.catalog.unwrap().version, catalog().version());
    assert!(status.conditions.is_empty() && status.assessed_at.is_none());
}

#[test]
fn what_people_answer_for_is_bounded_too() {
    let attestations = (0..100).map(|number| {
        // As long as names can be.
        let name = format!("{number:03}-{}", "long".repeat(62));
        let targets = serde_json::json!({"include": [{"accountIds": [ACCOUNT, ADMIN]}]});
        let control = &catalog().controls()[number * 5].id;
        attestation(&name, "access-review")
            .within(&"n".repeat(63))
            .but(serde_json::json!({"activities": null, "controls": [control], "targets": targets}))
    });
    let manual = serde_json::json!([{"id": "*", "action": "Manual", "rationale": "people do it all"}]);
    let objective =
        |number: usize| serde_json::json!({"type": "Attested", "name": format!("measure-{number}"), "max": "4h"});
    let objectives: Vec<_> = (0..20).map(objective).collect();
    let scene = two_accounts().attested(attestations).profile(serde_json::json!({
        "controls": manual,
        "objectives": objectives,
        "categories": ["Security", "Availability", "Confidentiality", "ProcessingIntegrity", "Privacy"],
    }));
    let status = scene.assess().status();
    assert_eq!(scene.assess().activities().len(), status.activities.len() + status.more_activities as usize);
    assert!(status.activities.len() > 30 && status.more_activities > 500);
    // The worst stay: what was never attested.
    assert!(status.activities.iter().all(|row| row.state == ManualState::NeverAttested));
    let bytes = serde_json::to_vec(&status).unwrap().len();
    assert!(bytes < 48 * 1024, "{bytes}");
    // A few that are attested by long names are cut by their size.
    let few = scene.profile(
        serde_json::json!({"controls": [{"id": "S3.*", "action": "Manual", "rationale": "people do it all"}]}),
    );
    let few = few.assess().status();
    assert!(few.activities.len() <= 100 && serde_json::to_vec(&few).unwrap().len() < 48 * 1024);
}
