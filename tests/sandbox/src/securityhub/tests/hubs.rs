//! Who sees what, and what Security Hub says of itself.

use serde_json::{Value, json};

use super::super::Hub;
use super::{
    ADMINISTRATOR, HOME, LINKED, MANAGEMENT, ORGANIZATION, PAYMENTS, SANDBOX, all, ask, code, post, texts, world,
};

fn hub() -> Hub {
    world(&format!("{ORGANIZATION}\ngenerate: [{{seed: 1, controls: [IAM.5, S3.2, GuardDuty.1]}}]"))
}

/// Accounts and Regions of all findings that a caller reads.
fn seen(hub: &mut Hub, account: &str, region: &str) -> String {
    let found = all(hub, account, region, &json!({}));
    let mut places: Vec<String> = found
        .iter()
        .map(|finding| {
            format!("{}/{}", &finding["AwsAccountId"].as_str().unwrap()[..3], finding["Region"].as_str().unwrap())
        })
        .collect();
    places.sort();
    places.dedup();
    places.join(" ")
}

#[test]
fn the_home_region_shows_linked_regions() {
    let mut hub = hub();
    let everywhere = "111/eu-west-1 111/us-east-1 222/eu-west-1 222/us-east-1 333/eu-west-1 333/us-east-1";
    assert_eq!(seen(&mut hub, ADMINISTRATOR, HOME), everywhere);
    assert_eq!(seen(&mut hub, ADMINISTRATOR, LINKED), "111/us-east-1 222/us-east-1 333/us-east-1");
    assert_eq!(seen(&mut hub, PAYMENTS, HOME), "333/eu-west-1 333/us-east-1");
    assert_eq!(seen(&mut hub, PAYMENTS, LINKED), "333/us-east-1");
    post(&mut hub, "/world/hub", json!({"linkedRegions": []})).unwrap();
    assert_eq!(seen(&mut hub, ADMINISTRATOR, HOME), "111/eu-west-1 222/eu-west-1 333/eu-west-1");
}

#[test]
fn members_come_and_go() {
    let mut hub = hub();
    post(&mut hub, "/world/hub", json!({"region": HOME, "members": {PAYMENTS: "Removed"}})).unwrap();
    assert!(!seen(&mut hub, ADMINISTRATOR, HOME).contains("333/eu-west-1"));
    assert_eq!(seen(&mut hub, PAYMENTS, HOME), "333/eu-west-1");
    post(&mut hub, "/world/hub", json!({"region": HOME, "members": {PAYMENTS: {"status": "Enabled", "hub": false}}}))
        .unwrap();
    assert_eq!(code(ask(&mut hub, "DescribeHub", PAYMENTS, HOME, json!({}))), "InvalidAccessException");
    assert!(!seen(&mut hub, ADMINISTRATOR, HOME).contains("333/eu-west-1"));
    post(&mut hub, "/world/hub", json!({"region": LINKED, "enabled": false})).unwrap();
    assert!(!seen(&mut hub, ADMINISTRATOR, HOME).contains("us-east-1"));
    assert!(post(&mut hub, "/world/hub", json!({"region": HOME, "members": {PAYMENTS: "Gone"}})).is_err());
}

#[test]
fn security_hub_must_be_enabled() {
    let mut hub = hub();
    for operation in [
        "GetFindings",
        "DescribeHub",
        "GetEnabledStandards",
        "ListFindingAggregators",
        "ListMembers",
        "ListSecurityControlDefinitions",
        "ListStandardsControlAssociations",
        "BatchImportFindings",
        "BatchUpdateFindings",
    ] {
        for (account, region) in [(SANDBOX, HOME), (ADMINISTRATOR, "eu-north-1")] {
            let error = ask(&mut hub, operation, account, region, json!({})).unwrap_err();
            assert_eq!((error.status, error.code.as_str()), (401, "InvalidAccessException"), "{operation}");
            assert_eq!(error.message, format!("Account {account} is not subscribed to AWS Security Hub"));
        }
    }
}

#[test]
fn members_are_listed_with_their_status() {
    let mut hub = hub();
    post(&mut hub, "/world/hub", json!({"region": HOME, "members": {PAYMENTS: "Removed", SANDBOX: "Created"}}))
        .unwrap();
    let list = |hub: &mut Hub, input: Value| {
        let answer = ask(hub, "ListMembers", ADMINISTRATOR, HOME, input).unwrap();
        texts(answer["Members"].as_array().unwrap(), "/AccountId").join(" ")
    };
    assert_eq!(list(&mut hub, json!({})), MANAGEMENT);
    assert_eq!(list(&mut hub, json!({"OnlyAssociated": "true"})), MANAGEMENT);
    assert_eq!(list(&mut hub, json!({"OnlyAssociated": "false"})), format!("{MANAGEMENT} {PAYMENTS} {SANDBOX}"));
    let first =
        ask(&mut hub, "ListMembers", ADMINISTRATOR, HOME, json!({"OnlyAssociated": false, "MaxResults": "2"})).unwrap();
    let next = json!({"OnlyAssociated": false, "MaxResults": "2", "NextToken": first["NextToken"]});
    assert_eq!(list(&mut hub, next), SANDBOX);
    let other = json!({"NextToken": first["NextToken"]});
    assert_eq!(code(ask(&mut hub, "ListMembers", ADMINISTRATOR, HOME, other)), "InvalidInputException");
    assert_eq!(
        code(ask(&mut hub, "ListMembers", ADMINISTRATOR, HOME, json!({"MaxResults": 51}))),
        "InvalidInputException"
    );
    assert_eq!(code(ask(&mut hub, "ListMembers", MANAGEMENT, HOME, json!({}))), "InvalidAccessException");
}

#[test]
fn the_aggregator_is_the_administrators() {
    let mut hub = hub();
    for region in [HOME, LINKED] {
        let list = ask(&mut hub, "ListFindingAggregators", ADMINISTRATOR, region, json!({})).unwrap();
        let arn = &list["FindingAggregators"][0]["FindingAggregatorArn"];
        let one =
            ask(&mut hub, "GetFindingAggregator", ADMINISTRATOR, region, json!({"FindingAggregatorArn": arn})).unwrap();
        assert_eq!(one["FindingAggregationRegion"], HOME);
        assert_eq!(one["RegionLinkingMode"], "SPECIFIED_REGIONS");
        assert_eq!(one["Regions"], json!([LINKED]));
    }
    let other = json!({"FindingAggregatorArn": "arn:aws:securityhub:eu-west-1:222222222222:finding-aggregator/x"});
    assert_eq!(code(ask(&mut hub, "GetFindingAggregator", ADMINISTRATOR, HOME, other)), "ResourceNotFoundException");
    assert_eq!(code(ask(&mut hub, "ListFindingAggregators", PAYMENTS, HOME, json!({}))), "AccessDeniedException");
}

#[test]
fn regions_are_linked_in_four_ways() {
    for (mode, expected) in [
        ("linkingMode: SPECIFIED_REGIONS, regions: [us-east-1]", "222/eu-west-1 222/us-east-1"),
        ("linkingMode: SPECIFIED_REGIONS, regions: []", "222/eu-west-1"),
        ("linkingMode: ALL_REGIONS", "222/ap-south-1 222/eu-west-1 222/us-east-1"),
        ("linkingMode: ALL_REGIONS_EXCEPT_SPECIFIED, regions: [us-east-1]", "222/ap-south-1 222/eu-west-1"),
        ("linkingMode: NO_REGIONS", "222/eu-west-1"),
    ] {
        let mut hub = world(&format!(
            "administrator: {ADMINISTRATOR}
aggregator: {{homeRegion: {HOME}, {mode}}}
regions: {{eu-west-1: {{standards: [FSBP]}}, us-east-1: {{standards: [FSBP]}}, ap-south-1: {{standards: [FSBP]}}}}
generate: [{{seed: 1, controls: [S3.2], accounts: [{ADMINISTRATOR}]}}]"
        ));
        assert_eq!(seen(&mut hub, ADMINISTRATOR, HOME), expected, "{mode}");
        assert_eq!(seen(&mut hub, ADMINISTRATOR, LINKED), "222/us-east-1", "{mode}");
    }
}

#[test]
fn regions_may_consolidate_or_not() {
    let mut hub = world(&format!(
        "administrator: {ADMINISTRATOR}
controlFindingGenerator: STANDARD_CONTROL
regions: {{eu-west-1: {{standards: [FSBP, CIS5]}}, us-east-1: {{standards: [FSBP, CIS5], controlFindingGenerator: SECURITY_CONTROL}}}}
generate: [{{seed: 1, controls: [CloudTrail.1], accounts: [{ADMINISTRATOR}]}}]"
    ));
    for (region, mode, findings) in [(HOME, "STANDARD_CONTROL", 2), (LINKED, "SECURITY_CONTROL", 1)] {
        let described = ask(&mut hub, "DescribeHub", ADMINISTRATOR, region, json!({})).unwrap();
        assert_eq!(described["ControlFindingGenerator"], mode);
        assert_eq!(all(&mut hub, ADMINISTRATOR, region, &json!({})).len(), findings);
    }
}

#[test]
fn standards_and_controls() {
    let mut hub = hub();
    let describe = ask(&mut hub, "DescribeHub", PAYMENTS, HOME, json!({})).unwrap();
    assert_eq!(describe["HubArn"], "arn:aws:securityhub:eu-west-1:333333333333:hub/default");
    assert_eq!(describe["ControlFindingGenerator"], "SECURITY_CONTROL");
    let standards = ask(&mut hub, "GetEnabledStandards", ADMINISTRATOR, HOME, json!({})).unwrap();
    assert_eq!(
        texts(standards["StandardsSubscriptions"].as_array().unwrap(), "/StandardsArn"),
        [
            "arn:aws:securityhub:eu-west-1::standards/aws-foundational-security-best-practices/v/1.0.0",
            "arn:aws:securityhub:eu-west-1::standards/cis-aws-foundations-benchmark/v/5.0.0",
        ]
    );
    let associations = |hub: &mut Hub, control: &str| {
        let input = json!({"SecurityControlId": control});
        let answer = ask(hub, "ListStandardsControlAssociations", ADMINISTRATOR, HOME, input).unwrap();
        texts(answer["StandardsControlAssociationSummaries"].as_array().unwrap(), "/AssociationStatus").join(" ")
    };
    assert_eq!(associations(&mut hub, "IAM.5"), "ENABLED ENABLED");
    assert_eq!(associations(&mut hub, "S3.9"), "DISABLED");
    assert_eq!(associations(&mut hub, "arn:aws:securityhub:eu-west-1:222222222222:security-control/S3.2"), "ENABLED");
    let unknown = json!({"SecurityControlId": "S3.999"});
    assert_eq!(
        code(ask(&mut hub, "ListStandardsControlAssociations", ADMINISTRATOR, HOME, unknown)),
        "InvalidInputException"
    );
}

#[test]
fn definitions_are_paged() {
    let mut hub = hub();
    let ask = |hub: &mut Hub, input: Value| ask(hub, "ListSecurityControlDefinitions", ADMINISTRATOR, HOME, input);
    assert_eq!(ask(&mut hub, json!({})).unwrap()["SecurityControlDefinitions"].as_array().unwrap().len(), 25);
    let arn = "arn:aws:securityhub:eu-west-1::standards/cis-aws-foundations-benchmark/v/5.0.0";
    let cis = ask(&mut hub, json!({"StandardsArn": arn, "MaxResults": "100"})).unwrap();
    assert_eq!(cis["SecurityControlDefinitions"].as_array().unwrap().len(), 40);
    assert!(cis.get("NextToken").is_none());
    for wrong in [json!({"StandardsArn": "FSBP"}), json!({"MaxResults": 0}), json!({"NextToken": "1"})] {
        assert_eq!(code(ask(&mut hub, wrong.clone())), "InvalidInputException", "{wrong}");
    }
}

#[test]
fn without_administrator_everyone_stands_alone() {
    let mut hub = world(&format!(
        "regions: {{{HOME}: {{standards: [FSBP], standalone: ['{PAYMENTS}', '{SANDBOX}']}}}}\ngenerate: [{{seed: 1, controls: [S3.2]}}]"
    ));
    assert_eq!(seen(&mut hub, PAYMENTS, HOME), "333/eu-west-1");
    assert_eq!(seen(&mut hub, SANDBOX, HOME), "444/eu-west-1");
    let members = ask(&mut hub, "ListMembers", PAYMENTS, HOME, json!({})).unwrap();
    assert_eq!(members["Members"], json!([]));
    let aggregators = ask(&mut hub, "ListFindingAggregators", PAYMENTS, HOME, json!({})).unwrap();
    assert_eq!(aggregators["FindingAggregators"], json!([]));
}
