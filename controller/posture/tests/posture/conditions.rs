//! The conditions of a profile.

use std::collections::BTreeMap;

use soc2_posture::organization::AccountState;
use soc2_posture::protection::Protection;
use soc2_posture::source::HubError;

use crate::scene::{ACCOUNT, ADMIN, Change, FindingExt, LINKED, MANAGEMENT, Scene, broken, finding, id, now};
use crate::status::all_passing;

pub fn passing() -> Scene {
    Scene::silent().with(all_passing(&[ACCOUNT]))
}

#[test]
fn compliant_needs_every_criterion_and_says_that_it_is_the_technical_half() {
    let condition = passing().condition("Compliant");
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("True", "TechnicallyCompliant"));
    assert!(condition.message.contains("0 waived, 0 disabled"), "{}", condition.message);
    let failing = passing().with([finding("IAM.5").resource("two").failed()]).condition("Compliant");
    assert_eq!((failing.status.as_str(), failing.reason.as_str()), ("False", "ControlsFailing"));
    assert!(failing.message.starts_with("1 of "), "{}", failing.message);
    assert!(
        failing.message.ends_with("checks fails in 1 account; worst CC3.2 (IAM.5 in 1 account)"),
        "{}",
        failing.message
    );
    let unknown = passing().with([finding("IAM.5").resource("two").aged("40h")]).condition("Compliant");
    assert_eq!((unknown.status.as_str(), unknown.reason.as_str()), ("Unknown", "ControlsUnknown"));
    assert!(unknown.message.ends_with("is unknown in 1 account: 1 Stale"), "{}", unknown.message);
}

#[test]
fn waivers_and_what_is_disabled_are_said() {
    let suppressed = serde_json::json!({"treatAs": "Excepted", "until": "2027-01-31", "rationale": "we move them"});
    let disable = serde_json::json!([{"id": "IAM.6", "action": "Disable", "rationale": "root is locked away"}]);
    let scene = passing()
        .with([finding("IAM.5").resource("two").suppressed()])
        .profile(serde_json::json!({"suppressed": suppressed, "controls": disable}));
    let condition = scene.condition("Compliant");
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("True", "CompliantWithExceptions"));
    assert!(condition.message.contains("1 waived, 1 disabled"), "{}", condition.message);
}

#[test]
fn too_few_accounts_are_no_compliance() {
    let suspended = passing().but(|scene| scene.account().state = AccountState::Suspended);
    assert_eq!(suspended.condition_words("Compliant"), "Unknown: NoTargets");
    assert_eq!(suspended.condition_words("DataComplete"), "Unknown: NoTargets");
    let nobody = passing().but(|scene| drop(scene.organization.accounts.remove(&id(ACCOUNT))));
    assert_eq!(nobody.condition_words("Compliant"), "Unknown: NoTargets");
    let least = |least: u32| {
        let targets = serde_json::json!({"include": [{"accountIds": [ACCOUNT]}], "minAccounts": least});
        passing().profile(serde_json::json!({"targets": targets}))
    };
    assert_eq!(least(1).condition_words("Compliant"), "True: TechnicallyCompliant");
    assert_eq!(least(2).condition_words("Compliant"), "Unknown: TargetsShrunk");
    let failing = least(2).with([finding("IAM.5").resource("two").failed()]).condition("Compliant");
    assert_eq!(failing.reason, "TargetsShrunk");
    assert!(failing.message.contains("fewer than minAccounts (2); 1 failed check"), "{}", failing.message);
}

#[test]
fn nothing_assessed_is_no_compliance() {
    let nothing = serde_json::json!({"id": "*", "action": "Disable", "rationale": "let us see what happens"});
    let scene = passing().profile(serde_json::json!({"controls": [nothing]}));
    // Three criteria are for findings alone to show.
    assert_eq!(scene.condition_words("Compliant"), "Unknown: NotCovered");
    assert_eq!(
        scene.condition("Compliant").message,
        "no control in scope answers for CC6.6, CC6.7, CC7.1, and nobody attested it"
    );
    assert!(scene.assess().status().checks.unwrap().disabled > 50);
    let retired = serde_json::json!({
        "id": "RDS.18", "action": "Enable", "criteria": ["CC6.6", "CC6.7", "CC7.1"], "rationale": "let us see what happens",
    });
    let scene = passing().profile(serde_json::json!({"controls": [nothing, retired]}));
    assert_eq!(scene.condition_words("Compliant"), "Unknown: NothingAssessed");
}

#[test]
fn an_organization_that_was_not_read_is_no_compliance() {
    let scene = passing();
    let world = soc2_posture::World { organization: None, ..scene.world() };
    let assessment =
        soc2_posture::assess(&scene.wanted().desired(), &world, &soc2_posture::Memory::default(), now()).unwrap();
    let words: Vec<String> = assessment
        .conditions()
        .iter()
        .map(|condition| format!("{}={} {}", condition.type_, condition.status.as_str(), condition.reason))
        .collect();
    assert_eq!(words[..2], ["Compliant=Unknown OrganizationNotRead", "DataComplete=False OrganizationNotRead"]);
    assert_eq!(assessment.accounts().count(), 0);
}

#[test]
fn data_are_incomplete_when_what_should_come_does_not() {
    let not_read = || HubError::NotRead("HTTP 500".to_owned());
    let scenes: [(&str, Change); 6] = [
        ("AccessDenied", |scene| *scene.hub(LINKED) = broken(LINKED, HubError::AccessDenied("no".to_owned()))),
        ("SecurityHubNotEnabled", |scene| *scene.hub(LINKED) = broken(LINKED, HubError::NotEnabled)),
        ("AccountNotMember", |scene| scene.not_member(LINKED)),
        ("SweepIncomplete", |scene| scene.not_swept(LINKED)),
        ("NotAvailable", |scene| scene.findings.push(finding("IAM.5").resource("two").status("NOT_AVAILABLE"))),
        ("Stale", |scene| scene.findings.push(finding("IAM.5").resource("two").aged("40h"))),
    ];
    for (reason, change) in scenes {
        let scene = passing().but(change);
        assert_eq!(scene.condition_words("DataComplete"), format!("False: {reason}"));
        assert_eq!(scene.condition_words("Compliant"), "Unknown: ControlsUnknown");
    }
    let unread = passing().but(|scene| *scene.hub(LINKED) = broken(LINKED, not_read()));
    assert_eq!(unread.condition_words("DataComplete"), "False: SweepIncomplete");
    assert_eq!(passing().condition_words("DataComplete"), "True: Complete");
    let two = passing()
        .with([finding("IAM.5").resource("two").aged("40h"), finding("S3.2").resource("two").status("NOT_AVAILABLE")]);
    let condition = two.condition("DataComplete");
    assert_eq!(condition.reason, "NotAvailable");
    assert_eq!(
        condition.message,
        "1 check in 1 account has no usable result in Security Hub; 1 check in 1 account is older than 36h"
    );
}

#[test]
fn how_it_is_set_up_is_no_outage() {
    // With every standard enabled, no control lacks one.
    let covered = || {
        passing().but(|scene| {
            let all: std::collections::BTreeSet<_> = soc2_catalog::standards::all().collect();
            scene.sources.regions.iter_mut().for_each(|hub| hub.standards.clone_from(&all));
        })
    };
    assert_eq!(covered().condition_words("CoverageComplete"), "True: Covered");
    let scenes: [(&str, Change); 6] = [
        ("RegionNotCovered", |scene| scene.aws.required_regions = Some(vec!["ap-south-1".to_owned()])),
        ("StandardNotEnabled", |scene| {
            scene.hub(LINKED).standards.clear();
            scene.findings.retain(|finding| finding.control_id.as_deref() != Some("GuardDuty.1"));
        }),
        ("ControlDisabled", |scene| {
            scene.disable(LINKED, "GuardDuty.1");
            scene.findings.retain(|finding| finding.control_id.as_deref() != Some("GuardDuty.1"));
        }),
        ("Suppressed", |scene| scene.findings.push(finding("IAM.5").resource("two").suppressed())),
        ("Warning", |scene| scene.findings.push(finding("IAM.5").resource("two").status("WARNING"))),
        ("NoFindings", |scene| scene.findings.retain(|finding| finding.control_id.as_deref() != Some("S3.2"))),
    ];
    for (reason, change) in scenes {
        let scene = covered().but(change);
        assert_eq!(scene.condition_words("CoverageComplete"), format!("False: {reason}"));
        assert_eq!(scene.condition_words("DataComplete"), "True: Complete", "{reason}");
        assert_eq!(scene.condition_words("Compliant"), "Unknown: ControlsUnknown", "{reason}");
    }
}

#[test]
fn new_accounts_are_no_outage() {
    let scene = Scene::silent().but(|scene| scene.account().joined_at = Some(now()));
    assert_eq!(scene.condition_words("DataComplete"), "True: Complete");
    assert_eq!(scene.condition_words("Compliant"), "Unknown: ControlsUnknown");
    assert!(scene.condition("Compliant").message.contains("Onboarding"));
}

#[test]
fn required_guardrails_must_be_in_force_in_every_active_account() {
    let scene = |answers: &[(&str, Protection)]| {
        let answers: BTreeMap<_, _> = answers.iter().map(|(account, answer)| (id(account), answer.clone())).collect();
        let targets = serde_json::json!({"include": [{"accountIds": [ACCOUNT, ADMIN, MANAGEMENT]}]});
        Scene::silent()
            .with(all_passing(&[ACCOUNT, ADMIN, MANAGEMENT]))
            .profile(serde_json::json!({"guardrails": {"required": ["deny-leave-org", "deny-leave-org"]}, "targets": targets}))
            .but(|scene| drop(scene.protection.insert("deny-leave-org".to_owned(), answers)))
    };
    let protected = || Protection::Protected { by: vec!["p-abc12345".to_owned()] };
    let unknown = || Protection::Unknown { message: "SCPs may not be listed".to_owned() };
    let management = (MANAGEMENT, Protection::ManagementAccount);
    let good = scene(&[(ACCOUNT, protected()), (ADMIN, protected()), management.clone()]);
    assert_eq!(good.condition_words("GuardrailsInForce"), "True: Protected");
    assert_eq!(good.condition_words("Compliant"), "True: TechnicallyCompliant");
    let coverage = &good.assess().status().guardrails;
    assert_eq!((coverage.len(), coverage[0].protected, coverage[0].not_applicable), (1, 2, 1));
    assert_eq!(coverage[0].by, ["p-abc12345"]);

    let missing = scene(&[(ACCOUNT, Protection::Unprotected), (ADMIN, unknown()), management.clone()]);
    assert_eq!(missing.condition_words("GuardrailsInForce"), "False: Unprotected");
    assert_eq!(missing.condition_words("Compliant"), "False: GuardrailsNotInForce");
    assert!(missing.condition("Compliant").message.contains(ACCOUNT));
    assert_eq!(missing.assess().status().guardrails[0].unprotected_sample, [ACCOUNT]);
    let and_failing = missing.with([finding("IAM.5").resource("two").failed()]);
    assert_eq!(and_failing.condition_words("Compliant"), "False: ControlsFailing");

    let unclear = scene(&[(ACCOUNT, protected()), (ADMIN, unknown()), management.clone()]);
    assert_eq!(unclear.condition_words("GuardrailsInForce"), "Unknown: ProtectionUnknown");
    assert_eq!(unclear.condition_words("Compliant"), "Unknown: GuardrailsUnknown");
    assert!(unclear.condition("GuardrailsInForce").message.contains("SCPs may not be listed"));
    let no_answer = scene(&[(ACCOUNT, protected()), management]);
    assert_eq!(no_answer.condition_words("GuardrailsInForce"), "Unknown: ProtectionUnknown");

    let none_required = passing().assess().conditions();
    assert!(!none_required.iter().any(|condition| condition.type_ == "GuardrailsInForce"));
}

#[test]
fn the_worst_criterion_is_the_one_that_fails_in_most_accounts() {
    let scene = Scene::silent()
        .profile(serde_json::json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN]}]}}))
        .with(all_passing(&[ACCOUNT, ADMIN]))
        .with([
            finding("IAM.5").resource("two").failed(),
            finding("S3.5").resource("two").failed(),
            finding("S3.5").account(ADMIN).resource("two").failed(),
        ]);
    let message = scene.condition("Compliant").message;
    assert!(message.ends_with("3 of 158 checks fail in 2 accounts; worst CC6.1 (S3.5 in 2 accounts)"), "{message}");
}
