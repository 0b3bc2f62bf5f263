//! World files and the control port: findings made up, listed, changed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{HubSection, OrgFacts};
use super::{
    ADMINISTRATOR, CLOSED, HOME, LINKED, ORGANIZATION, PAYMENTS, SANDBOX, all, get, post, texts, truth, world,
};

#[test]
fn findings_are_made_of_the_seed_alone() {
    let make = |seed: u32| {
        let mut hub =
            world(&format!("{ORGANIZATION}\ngenerate: [{{seed: {seed}, failing: 0.07, resourcesPerControl: 2}}]"));
        truth(&mut hub, &[])
    };
    let findings = make(7);
    assert_eq!(findings, make(7));
    assert_ne!(findings, make(8));
    assert_eq!(texts(&findings, "/id").iter().collect::<BTreeSet<_>>().len(), findings.len(), "ids are unique");
    let failed = findings.iter().filter(|finding| finding["status"] == "FAILED").count() as f64 / findings.len() as f64;
    assert!((0.06..0.08).contains(&failed), "{failed}");
    let accounts: BTreeSet<String> = texts(&findings, "/account").into_iter().collect();
    assert!(!accounts.contains(SANDBOX) && !accounts.contains(CLOSED), "no hub, no findings: {accounts:?}");
    let of = |control: &str, region: &str| {
        findings.iter().filter(|f| f["control"] == control && f["region"] == region && f["account"] == PAYMENTS).count()
    };
    assert_eq!((of("IAM.5", HOME), of("IAM.5", LINKED)), (2, 0), "global controls in one Region");
    assert_eq!((of("S3.2", HOME), of("S3.2", LINKED)), (2, 2));
    assert_eq!((of("GuardDuty.1", HOME), of("GuardDuty.1", LINKED)), (1, 1), "settings of the account once");
    assert_eq!(of("S3.9", HOME), 0, "disabled");
    assert_eq!(of("CloudTrail.3", HOME), 0, "its standards are not enabled");
}

#[test]
fn a_finding_looks_like_security_hubs() {
    let mut hub = world(&format!(
        "{ORGANIZATION}\ngenerate: [{{seed: 1, failing: 1.0, controls: [IAM.5, IAM.6], accounts: ['{PAYMENTS}']}}]"
    ));
    let found = all(
        &mut hub,
        ADMINISTRATOR,
        HOME,
        &json!({"SortCriteria": [{"Field": "ComplianceSecurityControlId", "SortOrder": "asc"}]}),
    );
    let (user, root) = (&found[0], &found[1]);
    for (pointer, expected) in [
        ("/ProductArn", json!("arn:aws:securityhub:eu-west-1::product/aws/securityhub")),
        ("/ProductName", json!("Security Hub CSPM")),
        ("/GeneratorId", json!("security-control/IAM.5")),
        ("/AwsAccountId", json!(PAYMENTS)),
        (
            "/Compliance/AssociatedStandards/0/StandardsId",
            json!("standards/aws-foundational-security-best-practices/v/1.0.0"),
        ),
        ("/Compliance/AssociatedStandards/1/StandardsId", json!("standards/cis-aws-foundations-benchmark/v/5.0.0")),
        ("/Resources/0/Type", json!("AwsIamUser")),
        ("/Resources/0/Partition", json!("aws")),
        ("/Severity/Label", json!("MEDIUM")),
    ] {
        assert_eq!(user.pointer(pointer), Some(&expected), "{pointer}");
    }
    assert!(
        user["Id"]
            .as_str()
            .unwrap()
            .starts_with("arn:aws:securityhub:eu-west-1:333333333333:security-control/IAM.5/finding/")
    );
    assert_eq!(root["Resources"][0]["Type"], "AwsAccount");
    assert_eq!(root["Resources"][0]["Id"], "AWS::::Account:333333333333");
    assert_eq!(user["UpdatedAt"].as_str().unwrap().len(), "2026-11-20T12:00:00.000Z".len());
}

#[test]
fn standards_have_findings_of_their_own_without_consolidation() {
    let mut hub = world(&format!(
        "{ORGANIZATION}\ncontrolFindingGenerator: STANDARD_CONTROL\ngenerate: [{{seed: 1, failing: 1.0, controls: [IAM.5], accounts: ['{PAYMENTS}']}}]"
    ));
    let found = all(&mut hub, ADMINISTRATOR, HOME, &json!({}));
    assert_eq!(
        texts(&found, "/GeneratorId"),
        ["aws-foundational-security-best-practices/v/1.0.0/IAM.5", "cis-aws-foundations-benchmark/v/5.0.0/IAM.5"]
    );
    assert!(found.iter().all(|finding| finding["Compliance"]["AssociatedStandards"].as_array().unwrap().len() == 1));
    assert!(found.iter().all(|finding| finding["Compliance"]["SecurityControlId"] == "IAM.5"));
    assert_eq!(texts(&found, "/Resources/0/Id")[0], texts(&found, "/Resources/0/Id")[1]);
    let arn = found[0]["ProductFields"]["StandardsSubscriptionArn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:securityhub:eu-west-1:333333333333:subscription/"), "{arn}");
    let set = json!({"account": PAYMENTS, "control": "IAM.5", "status": "PASSED"});
    assert_eq!(post(&mut hub, "/world/findings/set", set).unwrap(), json!({"changed": 2, "created": 0}));
}

#[test]
fn counts_lengths_and_shares_are_kept() {
    let mut hub = world(&format!(
        "{ORGANIZATION}\ngenerate: [{{seed: 1, count: 5000, idLength: 200, nothingToCheck: 0.5, unknown: 0.2, archived: 0.1, suppressed: 0.1}}]"
    ));
    let findings = truth(&mut hub, &[]);
    assert_eq!(findings.len(), 5000);
    assert!(findings.iter().all(|finding| finding["id"].as_str().unwrap().len() == 200));
    let share = |member: &str, value: &str| findings.iter().filter(|f| f[member] == value).count() as f64 / 5000.0;
    assert!((0.08..0.12).contains(&share("status", "WARNING")));
    assert!((0.08..0.12).contains(&share("status", "NOT_AVAILABLE")));
    assert!((0.08..0.12).contains(&share("recordState", "ARCHIVED")));
    assert!((0.08..0.12).contains(&share("workflow", "SUPPRESSED")));
    let warning = json!({"Filters": {"ComplianceStatus": [{"Comparison": "EQUALS", "Value": "WARNING"}]}});
    let warning = get(&mut hub, warning).unwrap();
    assert!(
        warning["Findings"][0]["Compliance"]["StatusReasons"][0]["Description"]
            .as_str()
            .unwrap()
            .contains("AWS Config")
    );
}

#[test]
fn resources_are_as_long_and_as_many_as_is_asked_for() {
    let ids = |options: &str| {
        let mut hub = world(&format!("{ORGANIZATION}\ngenerate: [{{seed: 1, count: 5000{options}}}]"));
        let findings = truth(&mut hub, &[]);
        let ids = findings.iter().map(|finding| finding["resource"].as_str().unwrap().to_owned());
        ids.collect::<std::collections::BTreeSet<String>>()
    };
    let (few, many) = (ids(""), ids(", resourceIdLength: 80, resourceGroups: 3"));
    assert!(many.len() > few.len() * 3 / 2, "{} and {}", few.len(), many.len());
    let arns = many.iter().filter(|id| id.starts_with("arn:"));
    assert!(arns.clone().count() > few.len() && arns.clone().all(|id| id.len() >= 80), "{many:#?}");
}

#[test]
fn a_world_lists_findings_in_short_form() {
    let mut hub = world(&format!(
        r#"{ORGANIZATION}
findings:
- {{account: "{PAYMENTS}", region: eu-west-1, control: IAM.5, resource: "arn:aws:iam::333333333333:user/alice", status: FAILED, updatedAt: -3h}}
- {{account: "{PAYMENTS}", region: eu-west-1, control: S3.2, resource: account, status: PASSED, updatedAt: "2026-11-01T00:00:00Z"}}
- {{account: "{PAYMENTS}", region: eu-west-1, control: IAM.6, workflow: SUPPRESSED}}
- {{control: IAM.6, workflow: NOTIFIED}}
"#
    ));
    let line = |finding: &Value| {
        ["control", "status", "workflow", "updatedAt", "resource"]
            .map(|member| finding[member].as_str().unwrap().to_owned())
            .join(" ")
    };
    let lines: Vec<String> = truth(&mut hub, &[]).iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "IAM.5 FAILED NEW 2026-11-20T09:00:00.000Z arn:aws:iam::333333333333:user/alice",
            "S3.2 PASSED RESOLVED 2026-11-01T00:00:00.000Z AWS::::Account:333333333333",
            "IAM.6 FAILED NOTIFIED 2026-11-20T12:00:00.000Z AWS::::Account:333333333333",
        ]
    );
}

#[test]
fn the_control_port_sets_and_deletes() {
    let mut hub = world(&format!("{ORGANIZATION}\ngenerate: [{{seed: 1, controls: [S3.2, S3.3], updatedWithin: 1h}}]"));
    let before = truth(&mut hub, &[("account", PAYMENTS), ("region", HOME), ("control", "S3.2")]);
    let place = json!({"account": PAYMENTS, "region": HOME, "control": "S3.2"});
    let with = |member: &str, value: &str| {
        let mut body = place.clone();
        body[member] = json!(value);
        body
    };
    post(&mut hub, "/world/findings/set", with("workflow", "SUPPRESSED")).unwrap();
    let suppressed = truth(&mut hub, &[("workflow", "SUPPRESSED")]);
    assert_eq!(suppressed[0]["updatedAt"], before[0]["updatedAt"], "a workflow alone leaves UpdatedAt");
    post(&mut hub, "/world/findings/set", with("status", "FAILED")).unwrap();
    let failed = truth(&mut hub, &[("status", "FAILED")]);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["updatedAt"], "2026-11-20T12:00:00.000Z");
    let created = post(&mut hub, "/world/findings/set", with("resource", "arn:aws:s3:::new")).unwrap();
    assert_eq!(created, json!({"changed": 0, "created": 1}));
    assert_eq!(post(&mut hub, "/world/findings/delete", place.clone()).unwrap(), json!({"deleted": 2}));
    assert_eq!(all(&mut hub, PAYMENTS, HOME, &json!({})).iter().filter(|f| f["Region"] == HOME).count(), 1);
    for (path, body) in [
        ("/world/findings/set", json!({"control": "X.1"})),
        ("/world/findings/set", json!({"account": PAYMENTS, "kontrol": "X.1"})),
        ("/world/findings/set", json!({"account": PAYMENTS, "status": "failed"})),
        ("/world/findings/set", json!({"control": "S3.3", "updatedAt": "soon"})),
        ("/world/findings/import", json!({"Findings": []})),
        ("/world/hub", json!({"region": "mars-1"})),
        ("/world/other", json!({})),
    ] {
        assert!(post(&mut hub, path, body.clone()).is_err(), "{path} {body}");
    }
}

#[test]
fn wrong_worlds_are_refused_with_the_place() {
    let check = |text: &str| {
        let section: Result<HubSection, _> = serde_yaml::from_str(text);
        match section {
            Err(error) => error.to_string(),
            Ok(section) => super::Hub::new(section, &OrgFacts::default(), super::now())
                .err()
                .map_or_else(String::new, |e| format!("{e:#}")),
        }
    };
    for (text, expected) in [
        ("regions: {eu-west-1: {standards: [SOC2]}}", "securityHub.regions.eu-west-1: standard \"SOC2\" is unknown"),
        ("region: {}", "unknown field `region`"),
        (
            "generate: [{regions: [eu-west-1]}]",
            "securityHub.generate[0]: Region \"eu-west-1\" is not in securityHub.regions",
        ),
        ("regions: {eu-west-1: {}}\ngenerate: [{accounts: some}]", "accounts: \"some\""),
        ("findings: [{control: S3.1}]", "securityHub.findings[0]: nothing matches"),
        ("regions: {eu-west-1: {members: {'1': Member}}}", "member status \"Member\""),
    ] {
        assert!(check(text).contains(expected), "{text}: {}", check(text));
    }
}
