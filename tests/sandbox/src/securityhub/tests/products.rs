//! Findings of other products.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ADMINISTRATOR, HOME, LINKED, ORGANIZATION, PAYMENTS, all, get, post, texts, truth, world};

#[test]
fn each_product_has_its_own_shape() {
    let mut hub = world(&format!(
        "{ORGANIZATION}\nproducts: [{{product: GuardDuty, accounts: [{PAYMENTS}], regions: [{HOME}]}}, {{product: Inspector, accounts: [{PAYMENTS}], regions: [{HOME}]}}, \
         {{product: Macie, accounts: [{PAYMENTS}], regions: [{HOME}]}}, {{product: Prowler, accounts: [{PAYMENTS}], regions: [{HOME}], status: FAILED}}, \
         {{product: Acme Scanner, accounts: [{PAYMENTS}], regions: [{HOME}]}}]"
    ));
    let found = all(&mut hub, ADMINISTRATOR, HOME, &json!({}));
    let of = |name: &str| found.iter().find(|finding| finding["ProductName"] == name).unwrap();
    for (name, arn, generator, kind, resource) in [
        (
            "GuardDuty",
            "arn:aws:securityhub:eu-west-1::product/aws/guardduty",
            "arn:aws:guardduty:eu-west-1:333333333333:detector/",
            "TTPs/",
            "AwsEc2Instance",
        ),
        (
            "Inspector",
            "arn:aws:securityhub:eu-west-1::product/aws/inspector",
            "AWSInspector",
            "Software and Configuration Checks/Vulnerabilities/CVE",
            "AwsEc2Instance",
        ),
        (
            "Macie",
            "arn:aws:securityhub:eu-west-1::product/aws/macie",
            "aws/macie",
            "Sensitive Data Identifications/",
            "AwsS3Bucket",
        ),
        (
            "Prowler",
            "arn:aws:securityhub:eu-west-1::product/prowler/prowler",
            "prowler-",
            "Software and Configuration Checks/",
            "AwsIamUser",
        ),
        (
            "Acme Scanner",
            "arn:aws:securityhub:eu-west-1:333333333333:product/333333333333/default",
            "acme-scanner/rule",
            "Software and",
            "Other",
        ),
    ] {
        let finding = of(name);
        assert_eq!(finding["ProductArn"], arn);
        assert_eq!(finding["ProductFields"]["aws/securityhub/ProductName"], name);
        assert!(finding["GeneratorId"].as_str().unwrap().starts_with(generator), "{name}");
        assert!(finding["Types"][0].as_str().unwrap().starts_with(kind), "{name}");
        assert_eq!(finding["Resources"][0]["Type"], resource);
        assert_eq!((&finding["AwsAccountId"], &finding["Region"]), (&json!(PAYMENTS), &json!(HOME)));
        assert_eq!(finding["Severity"], json!({"Label": "HIGH", "Normalized": 70}));
        assert_eq!((&finding["Workflow"]["Status"], &finding["RecordState"]), (&json!("NEW"), &json!("ACTIVE")));
        assert_eq!(finding.get("Compliance").is_some(), name == "Prowler");
        assert_eq!(finding.get("FirstObservedAt").is_some(), name != "Macie");
    }
    assert_eq!(of("Inspector")["Vulnerabilities"][0]["FixAvailable"], "YES");
    assert_eq!(of("Prowler")["Compliance"], json!({"Status": "FAILED"}));
}

#[test]
fn findings_are_made_of_the_seed_in_each_account_and_region() {
    let make = |seed: u32| {
        let mut hub = world(&format!("{ORGANIZATION}\nproducts: [{{product: GuardDuty, each: 3, seed: {seed}}}]"));
        truth(&mut hub, &[])
    };
    let findings = make(7);
    assert_eq!((&findings, findings.len()), (&make(7), 3 * 3 * 2));
    assert!(
        texts(&findings, "/id").iter().collect::<BTreeSet<_>>().is_disjoint(&texts(&make(8), "/id").iter().collect())
    );
    assert_eq!(texts(&findings, "/id").iter().collect::<BTreeSet<_>>().len(), findings.len(), "ids are unique");
}

#[test]
fn the_control_port_adds_and_changes_them() {
    let mut hub = world(ORGANIZATION);
    let form = |more: Value| {
        let mut form = json!({"product": "GuardDuty", "accounts": [PAYMENTS], "regions": [HOME]});
        form.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        form
    };
    let path = "/world/findings/product";
    let added = post(&mut hub, path, form(json!({"severity": "CRITICAL", "firstObservedAt": "-40d"}))).unwrap();
    assert_eq!(added, json!({"created": 1, "changed": 0}));
    let first = get(&mut hub, json!({})).unwrap()["Findings"][0].clone();
    assert_eq!(first["FirstObservedAt"], "2026-10-11T12:00:00.000Z");
    assert_eq!(first["Severity"]["Label"], "CRITICAL");
    // Who resolves a finding moves no time.
    let changed = post(&mut hub, path, form(json!({"workflow": "RESOLVED"}))).unwrap();
    assert_eq!(changed, json!({"created": 0, "changed": 1}));
    let resolved = get(&mut hub, json!({})).unwrap()["Findings"][0].clone();
    assert_eq!((&resolved["Workflow"]["Status"], &resolved["UpdatedAt"]), (&json!("RESOLVED"), &first["UpdatedAt"]));
    post(&mut hub, path, form(json!({"recordState": "ARCHIVED"}))).unwrap();
    let archived = get(&mut hub, json!({})).unwrap()["Findings"][0].clone();
    assert_eq!(
        (&archived["RecordState"], &archived["UpdatedAt"]),
        (&json!("ARCHIVED"), &json!("2026-11-20T12:00:00.000Z"))
    );
    assert_eq!(post(&mut hub, path, form(json!({"seed": 2, "regions": [LINKED]}))).unwrap()["created"], 1);
    assert!(post(&mut hub, path, json!({"accounts": [PAYMENTS]})).unwrap_err().to_string().contains("product"));
    let unknown = post(&mut hub, path, form(json!({"sevrity": "LOW"}))).unwrap_err();
    assert!(format!("{unknown:#}").contains("sevrity"), "{unknown:#}");
}
