//! Filters: every comparison, every way to combine them, every way to get them wrong.

use serde_json::{Value, json};

use super::super::Hub;
use super::{ADMINISTRATOR, HOME, ORGANIZATION, all, code, get, post, world};

/// Four findings of another product, told apart by title.
fn hub() -> Hub {
    let mut hub = world(&format!("{ORGANIZATION}\nacceptContains: true"));
    let finding = |title: &str, kinds: &[&str], updated: &str, confidence: i64| {
        let resources: Vec<Value> =
            kinds.iter().map(|kind| json!({"Type": kind, "Id": format!("{title}-{kind}")})).collect();
        json!({
            "Id": title, "Title": title, "AwsAccountId": ADMINISTRATOR, "Region": HOME, "ProductArn": "p",
            "Resources": resources, "UpdatedAt": updated, "Confidence": confidence, "Sample": title == "Open port",
            "ProductFields": {"team": title.split(' ').next()}, "Network": {"SourceIpV4": format!("10.0.0.{confidence}")},
            "Compliance": {"AssociatedStandards": [{"StandardsId": "s/1"}, {"StandardsId": format!("s/{confidence}")}]},
        })
    };
    let findings = json!([
        finding("Lambda old", &["AwsLambdaFunction"], "2026-11-20T11:00:00Z", 10),
        finding("Lambda new", &["AwsLambdaFunction", "AwsIamRole"], "2026-11-18T12:00:00Z", 20),
        finding("Open port", &["AwsEc2SecurityGroup"], "2026-11-01T00:00:00.000Z", 30),
        finding("open bucket", &["AwsS3Bucket"], "2026-10-01T00:00:00+02:00", 40),
    ]);
    post(&mut hub, "/world/findings/import", findings).unwrap();
    hub
}

fn titles(hub: &mut Hub, filters: &Value) -> String {
    let found = all(hub, ADMINISTRATOR, HOME, &json!({"Filters": filters}));
    super::texts(&found, "/Title").join(", ")
}

fn compare(comparison: &str, values: &[&str]) -> Vec<Value> {
    values.iter().map(|value| json!({"Comparison": comparison, "Value": value})).collect()
}

fn both(comparisons: &[&str]) -> Vec<Value> {
    comparisons.iter().flat_map(|comparison| compare(comparison, &["x"])).collect()
}

#[test]
fn strings_compare_as_documented() {
    let mut hub = hub();
    let everything = "Lambda new, Lambda old, Open port, open bucket";
    for (attribute, values, expected) in [
        ("Title", compare("EQUALS", &["Lambda old"]), "Lambda old"),
        ("Title", compare("EQUALS", &["lambda old"]), ""),
        ("Title", compare("EQUALS", &["Lambda old", "Open port"]), "Lambda old, Open port"),
        ("Title", compare("PREFIX", &["Lambda"]), "Lambda new, Lambda old"),
        ("Title", compare("PREFIX", &["open"]), "open bucket"),
        ("Title", compare("NOT_EQUALS", &["Lambda old", "Open port"]), "Lambda new, open bucket"),
        ("Title", compare("PREFIX_NOT_EQUALS", &["Lambda", "open"]), "Open port"),
        ("Title", compare("CONTAINS", &["port", "bucket"]), "Open port, open bucket"),
        ("Title", compare("CONTAINS", &["Port"]), ""),
        ("Title", compare("NOT_CONTAINS", &["port", "new"]), "Lambda old, open bucket"),
        ("Title", compare("CONTAINS_WORD", &["OPEN"]), "Open port, open bucket"),
        ("Title", compare("CONTAINS_WORD", &["ope"]), ""),
        ("ResourceType", compare("EQUALS", &["AwsIamRole"]), "Lambda new"),
        ("ResourceType", compare("NOT_EQUALS", &["AwsIamRole"]), "Lambda old, Open port, open bucket"),
        (
            "ResourceType",
            [compare("PREFIX", &["AwsL", "AwsE"]), compare("NOT_EQUALS", &["AwsIamRole"])].concat(),
            "Lambda old, Open port",
        ),
        (
            "ResourceType",
            [compare("PREFIX", &["Aws"]), compare("PREFIX_NOT_EQUALS", &["AwsS3", "AwsLa"])].concat(),
            "Open port",
        ),
        (
            "ResourceType",
            [compare("EQUALS", &["AwsS3Bucket"]), compare("PREFIX", &["AwsEc2"])].concat(),
            "Open port, open bucket",
        ),
        ("ComplianceAssociatedStandardsId", compare("EQUALS", &["s/1"]), everything),
        ("ComplianceAssociatedStandardsId", compare("EQUALS", &["s/30"]), "Open port"),
        ("MalwareName", compare("EQUALS", &["x"]), ""),
        ("MalwareName", compare("NOT_EQUALS", &["x"]), everything),
        ("AwsAccountId", vec![], everything),
    ] {
        assert_eq!(titles(&mut hub, &json!({attribute: values})), expected, "{attribute} {values:?}");
    }
}

#[test]
fn dates_numbers_and_the_rest() {
    let mut hub = hub();
    for (attribute, value, expected) in [
        (
            "UpdatedAt",
            json!({"Start": "2026-11-18T12:00:00Z", "End": "2099-01-01T00:00:00Z"}),
            "Lambda new, Lambda old",
        ),
        ("UpdatedAt", json!({"Start": "2026-11-18T12:00:00.001Z", "End": "2099-01-01T00:00:00Z"}), "Lambda old"),
        ("UpdatedAt", json!({"Start": "2026-09-30T22:00:00Z", "End": "2026-09-30T22:00:00Z"}), "open bucket"),
        ("UpdatedAt", json!({"DateRange": {"Value": 1, "Unit": "DAYS"}}), "Lambda old"),
        (
            "UpdatedAt",
            json!({"DateRange": {"Value": 2, "Unit": "DAYS", "Comparison": "WITHIN"}}),
            "Lambda new, Lambda old",
        ),
        (
            "UpdatedAt",
            json!({"DateRange": {"Value": 2, "Unit": "DAYS", "Comparison": "OLDER_THAN"}}),
            "Open port, open bucket",
        ),
        ("Confidence", json!({"Gte": 20, "Lt": 40}), "Lambda new, Open port"),
        ("Confidence", json!({"Eq": 40}), "open bucket"),
        ("Sample", json!({"Value": true}), "Open port"),
        ("NetworkSourceIpV4", json!({"Cidr": "10.0.0.16/28"}), "Lambda new, Open port"),
        ("NetworkSourceIpV4", json!({"Cidr": "10.0.0.10"}), "Lambda old"),
        ("ProductFields", json!({"Key": "team", "Value": "Lambda", "Comparison": "EQUALS"}), "Lambda new, Lambda old"),
        (
            "ProductFields",
            json!({"Key": "team", "Value": "Lambda", "Comparison": "NOT_EQUALS"}),
            "Open port, open bucket",
        ),
        ("Keyword", json!({"Value": "AwsS3Bucket"}), "open bucket"),
    ] {
        assert_eq!(titles(&mut hub, &json!({attribute: [value]})), expected, "{attribute} {value}");
    }
}

#[test]
fn attributes_are_joined_by_and_values_by_or() {
    let mut hub = hub();
    let filters = json!({
        "Title": compare("PREFIX", &["Lambda", "open"]),
        "Confidence": [{"Lte": 10}, {"Gte": 40}],
        "AwsAccountId": compare("EQUALS", &[ADMINISTRATOR]),
    });
    assert_eq!(titles(&mut hub, &filters), "Lambda old, open bucket");
}

#[test]
fn wrong_filters_are_refused() {
    let mut hub = world(ORGANIZATION);
    let many: Vec<String> = (0..21).map(|number| format!("{number:012}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let eleven: serde_json::Map<String, Value> = [
        "AwsAccountId",
        "Region",
        "Title",
        "Id",
        "ProductArn",
        "ProductName",
        "RecordState",
        "WorkflowStatus",
        "ComplianceStatus",
        "ResourceId",
        "ResourceType",
    ]
    .iter()
    .map(|name| ((*name).to_owned(), json!(compare("EQUALS", &["x"]))))
    .collect();
    for (what, filters) in [
        ("unknown attribute", json!({"AccountId": compare("EQUALS", &["x"])})),
        ("attribute in another case", json!({"awsAccountId": compare("EQUALS", &["x"])})),
        ("21 values", json!({"AwsAccountId": compare("EQUALS", &many)})),
        ("11 attributes", Value::Object(eleven)),
        ("no list", json!({"AwsAccountId": {"Comparison": "EQUALS", "Value": "x"}})),
        ("list of strings", json!({"AwsAccountId": ["x"]})),
        ("no structure", json!([])),
        ("no comparison", json!({"AwsAccountId": [{"Value": "x"}]})),
        ("unknown comparison", json!({"AwsAccountId": compare("LIKE", &["x"])})),
        ("no value", json!({"AwsAccountId": [{"Comparison": "EQUALS"}]})),
        ("blank value", json!({"AwsAccountId": compare("EQUALS", &["  "])})),
        ("contains", json!({"Title": compare("CONTAINS", &["x"])})),
        ("contains word", json!({"Title": compare("CONTAINS_WORD", &["x"])})),
        ("both ways", json!({"Title": both(&["EQUALS", "NOT_EQUALS"])})),
        ("both ways, prefix", json!({"Title": both(&["EQUALS", "PREFIX_NOT_EQUALS"])})),
        ("start without end", json!({"UpdatedAt": [{"Start": "2026-01-01T00:00:00Z"}]})),
        ("end without start", json!({"UpdatedAt": [{"End": "2026-01-01T00:00:00Z"}]})),
        ("start after end", json!({"UpdatedAt": [{"Start": "2026-01-02T00:00:00Z", "End": "2026-01-01T00:00:00Z"}]})),
        ("no timestamp", json!({"UpdatedAt": [{"Start": "2026-01-02", "End": "2026-01-03"}]})),
        ("unit", json!({"UpdatedAt": [{"DateRange": {"Value": 1, "Unit": "HOURS"}}]})),
        ("zero days", json!({"UpdatedAt": [{"DateRange": {"Value": 0, "Unit": "DAYS"}}]})),
        ("string as date", json!({"UpdatedAt": compare("EQUALS", &["x"])})),
        ("number", json!({"Confidence": [{"Min": 1}]})),
        ("boolean", json!({"Sample": [{"Value": "true"}]})),
        ("address", json!({"NetworkSourceIpV4": [{"Cidr": "10.0.0.0/33"}]})),
    ] {
        assert_eq!(code(get(&mut hub, json!({"Filters": filters}))), "InvalidInputException", "{what}");
    }
}

#[test]
fn contains_may_only_be_combined_with_itself() {
    let mut hub = hub();
    for values in
        [both(&["CONTAINS", "NOT_CONTAINS"]), both(&["CONTAINS", "EQUALS"]), both(&["NOT_CONTAINS", "NOT_EQUALS"])]
    {
        assert_eq!(code(get(&mut hub, json!({"Filters": {"Title": values}}))), "InvalidInputException", "{values:?}");
    }
}

#[test]
fn compact_and_whole_findings_are_read_alike() {
    let mut hub = world(&format!(
        "{ORGANIZATION}\ngenerate: [{{seed: 5, failing: 0.3, unknown: 0.1, suppressed: 0.1, controls: ['IAM.*', 'S3.*'], resourcesPerControl: 1.5}}]"
    ));
    let mut copy = world(ORGANIZATION);
    let everything = all(&mut hub, ADMINISTRATOR, HOME, &json!({}));
    assert!(everything.len() > 100);
    post(&mut copy, "/world/findings/import", Value::Array(everything.clone())).unwrap();
    for (attribute, pointer) in [
        ("AwsAccountId", "/AwsAccountId"),
        ("Region", "/Region"),
        ("ComplianceStatus", "/Compliance/Status"),
        ("WorkflowStatus", "/Workflow/Status"),
        ("RecordState", "/RecordState"),
        ("ComplianceSecurityControlId", "/Compliance/SecurityControlId"),
        ("ComplianceAssociatedStandardsId", "/Compliance/AssociatedStandards/0/StandardsId"),
        ("ProductName", "/ProductName"),
        ("CompanyName", "/CompanyName"),
        ("SeverityLabel", "/Severity/Label"),
        ("ProductArn", "/ProductArn"),
        ("GeneratorId", "/GeneratorId"),
        ("Id", "/Id"),
        ("Title", "/Title"),
        ("ResourceId", "/Resources/0/Id"),
        ("ResourceType", "/Resources/0/Type"),
        ("ResourceRegion", "/Resources/0/Region"),
    ] {
        let value = everything[everything.len() / 2].pointer(pointer).unwrap().as_str().unwrap();
        let query = json!({"Filters": {attribute: compare("EQUALS", &[value])}});
        let ids = super::texts(&all(&mut hub, ADMINISTRATOR, HOME, &query), "/Id");
        assert!(!ids.is_empty(), "{attribute} {value}");
        assert_eq!(ids, super::texts(&all(&mut copy, ADMINISTRATOR, HOME, &query), "/Id"), "{attribute} {value}");
    }
}
