//! `impact`, on files as CloudTrail writes them.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::soc2ctl;

const DENY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Sid":"Regions","Effect":"Deny","Action":"ec2:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}},
    {"Sid":"Bucket","Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::secret/*"},
    {"Sid":"Org","Effect":"Deny","Action":"sqs:SendMessage","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-exampleorgid"}}}]}"#;

/// An event of a role of this account.
fn event(account: &str, time: &str, service: &str, name: &str, more: &Value) -> Value {
    let mut event = json!({
        "eventTime": time, "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "awsRegion": "us-east-1",
        "eventType": "AwsApiCall", "sourceIPAddress": "203.0.113.7",
        "userIdentity": {"type": "AssumedRole", "arn": format!("arn:aws:sts::{account}:assumed-role/dev/me"), "accountId": account,
            "sessionContext": {"sessionIssuer": {"arn": format!("arn:aws:iam::{account}:role/dev")}}},
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

fn write(folder: &Path, tail: &str, events: &[Value]) {
    let path = folder.join(tail);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = json!({"Records": events}).to_string();
    if path.extension().is_some_and(|end| end == "gz") {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        std::fs::write(path, gzip.finish().unwrap()).unwrap();
    } else {
        std::fs::write(path, text).unwrap();
    }
}

/// A trail of an account and of an organization, with a digest that is not to be read.
fn trail() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (none, prod) = (json!({}), "333333333333");
    let secret = json!({"resources": [{"ARN": "arn:aws:s3:::secret/a"}]});
    let both = json!({"resources": [{"ARN": "arn:aws:s3:::secret/a"}, {"ARN": "arn:aws:s3:::secret"}]});
    write(
        folder.path(),
        "AWSLogs/333333333333/CloudTrail/us-east-1/2026/11/01/a.json.gz",
        &[
            event(prod, "2026-11-01T02:00:00Z", "ec2", "RunInstances", &none),
            event(prod, "2026-11-01T01:00:00Z", "ec2", "RunInstances", &none),
            event(prod, "2026-11-01T03:00:00Z", "ec2", "RunInstances", &json!({"awsRegion": "eu-west-1"})),
            event(
                prod,
                "2026-11-01T04:00:00Z",
                "ec2",
                "RunInstances",
                &json!({"errorCode": "Client.UnauthorizedOperation"}),
            ),
            event(prod, "2026-11-01T05:00:00Z", "signin", "ConsoleLogin", &json!({"eventType": "AwsConsoleSignIn"})),
            event(
                prod,
                "2026-11-01T06:00:00Z",
                "ec2",
                "RunInstances",
                &json!({"userIdentity": {"type": "AWSService"}}),
            ),
        ],
    );
    write(
        folder.path(),
        "AWSLogs/o-exampleorgid/343434343434/CloudTrail/us-east-1/2026/11/01/b.json",
        &[
            event("343434343434", "2026-11-01T00:00:00Z", "s3", "HeadObject", &secret),
            event("343434343434", "2026-11-01T00:00:01Z", "s3", "GetObject", &both),
            event("343434343434", "2026-11-01T00:00:02Z", "s3", "GetObject", &none),
            event("343434343434", "2026-11-01T00:00:03Z", "sqs", "SendMessage", &none),
            event("111111111111", "2026-11-01T00:00:04Z", "ec2", "RunInstances", &none),
            event("999999999999", "2026-11-01T00:00:05Z", "ec2", "RunInstances", &none),
        ],
    );
    write(folder.path(), "AWSLogs/333333333333/CloudTrail-Digest/us-east-1/2026/11/01/d.json", &[none]);
    std::fs::write(folder.path().join("deny.scp"), DENY).unwrap();
    folder
}

#[test]
fn calls_that_succeeded_and_would_have_been_denied_are_grouped() {
    let folder = trail();
    let policy = folder.path().join("deny.scp");
    let (trail, policy) = (folder.path().to_str().unwrap(), policy.to_str().unwrap());
    let args = ["impact", "--cloudtrail", trail, "--snapshot", "snapshot", "--policies", policy];
    let run = soc2ctl(&[&args[..], &["-o", "json"]].concat());
    assert_eq!((run.code, run.errors.as_str()), (1, ""));
    let found: Value = serde_json::from_str(&run.out).unwrap();
    let counts = json!({
        "files": 2, "events": 12, "noCalls": 1, "failed": 1, "notAffected": 3, "calls": 7, "allowed": 1, "denied": 3, "undecided": 3,
        "deniedInNoGroup": 0, "undecidedInNoGroup": 0,
    });
    assert_eq!(found["counts"], counts);
    let denied = [
        json!({"account": "333333333333", "principal": "arn:aws:iam::333333333333:role/dev", "service": "ec2", "action": "RunInstances",
            "target": "r-acme", "policy": "deny.scp", "statement": "Regions", "calls": 2,
            "first": "2026-11-01T01:00:00Z", "last": "2026-11-01T02:00:00Z"}),
        json!({"account": "343434343434", "principal": "arn:aws:iam::343434343434:role/dev", "service": "s3", "action": "GetObject",
            "target": "r-acme", "policy": "deny.scp", "statement": "Bucket", "calls": 1,
            "first": "2026-11-01T00:00:00Z", "last": "2026-11-01T00:00:00Z"}),
    ];
    assert_eq!(found["denied"], json!(denied));
    let missing: Vec<&Value> = found["undecided"].as_array().unwrap().iter().map(|row| &row["missing"]).collect();
    let expected = [
        json!(["the resource"]),
        json!(["which of its resources the call was checked for"]),
        json!(["aws:PrincipalOrgID"]),
    ];
    assert_eq!(missing, expected.iter().collect::<Vec<_>>());

    let run = soc2ctl(&args);
    let row = "  2 x ec2:RunInstances by arn:aws:iam::333333333333:role/dev of 333333333333, 2026-11-01T01:00:00Z to 2026-11-01T02:00:00Z: statement Regions of deny.scp on r-acme\n";
    assert!(run.out.contains(row), "{}", run.out);
    assert!(run.out.contains("sqs:SendMessage") && run.out.contains("depends on aws:PrincipalOrgID"), "{}", run.out);
    // A bounded number of groups; the rest is counted.
    let run = soc2ctl(&[&args[..], &["-o", "json", "--groups", "0"]].concat());
    let found: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&found["counts"]["deniedInNoGroup"], &found["denied"]), (&json!(3), &json!([])));
}

#[test]
fn a_damaged_file_is_named_and_the_others_count() {
    let folder = trail();
    std::fs::write(folder.path().join("AWSLogs/c.json"), r#"{"Records":[{"eventName":"#).unwrap();
    let policy = folder.path().join("deny.scp");
    let run =
        soc2ctl(&["impact", "--cloudtrail", folder.path().to_str().unwrap(), "--policies", policy.to_str().unwrap()]);
    assert_eq!(run.code, 2);
    assert!(run.errors.contains("c.json: after 0 records: the file is cut off"), "{}", run.errors);
    assert!(run.out.contains("3 files, 12 events"), "{}", run.out);
    let empty = tempfile::tempdir().unwrap();
    let run =
        soc2ctl(&["impact", "--cloudtrail", empty.path().to_str().unwrap(), "--policies", policy.to_str().unwrap()]);
    assert_eq!(run.code, 2);
    assert!(run.errors.contains("has no .json or .json.gz file"), "{}", run.errors);
}

#[test]
fn a_plan_that_is_not_written_yet_is_tried_on_recorded_calls() {
    let folder = trail();
    let (trail, manifests) = (folder.path().to_str().unwrap(), folder.path().join("guardrails.yaml"));
    let text = "apiVersion: soc2-operator.dev/v1alpha1
kind: AwsOrganization
metadata: {name: acme}
spec: {}
---
apiVersion: soc2-operator.dev/v1alpha1
kind: GuardrailSet
metadata: {name: production}
spec:
  organizationRef: {name: acme}
  targets: {include: [{organizationalUnit: {path: Prod}}]}
  baselines: [{name: restrict-regions, parameters: {allowedRegions: [eu-west-1]}}]
";
    std::fs::write(&manifests, text).unwrap();
    let manifests = manifests.to_str().unwrap();
    let args = ["impact", "--cloudtrail", trail, "--snapshot", "snapshot", "-f", manifests, "-o", "json"];
    let run = soc2ctl(&args);
    assert_eq!((run.code, run.errors.as_str()), (1, ""), "{}", run.out);
    let found: Value = serde_json::from_str(&run.out).unwrap();
    let rows = found["denied"].as_array().unwrap();
    let first = rows.iter().find(|row| row["account"] == "333333333333").unwrap();
    assert_eq!(first["statement"], json!("DenyOtherRegions"), "{found}");
    assert_eq!((&first["target"], &first["calls"]), (&json!("ou-acme-prod0000"), &json!(2)));
    let policy = first["policy"].as_str().unwrap();
    assert!(policy.starts_with("soc2-acme-restrict-regions-"), "{policy}");
    // Without the plan nothing is denied, and manifests need a snapshot.
    let run = soc2ctl(&["impact", "--cloudtrail", trail, "--snapshot", "snapshot", "-o", "json"]);
    let found: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(found["counts"]["denied"], json!(0));
    let run = soc2ctl(&["impact", "--cloudtrail", trail, "--policies", "x.json", "-f", manifests]);
    assert!(run.code == 2 && run.errors.contains("--snapshot"), "{}", run.errors);
}
