//! What owners of controls and accounts write, catalogues of an organization's own, and findings of other products.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::{NOW, Run, copy, data, soc2ctl_in, state};

/// The manifests of the tests' data, with more.
pub fn manifests(folder: &Path, more: &[Value]) {
    let below = folder.join("manifests");
    fs::create_dir(&below).unwrap();
    for file in ["organization.yaml", "profiles.yaml"] {
        fs::copy(data("manifests").join(file), below.join(file)).unwrap();
    }
    for (at, object) in more.iter().enumerate() {
        fs::write(below.join(format!("more-{at}.json")), object.to_string()).unwrap();
    }
}

pub fn object(kind: &str, metadata: &Value, spec: &Value) -> Value {
    json!({"apiVersion": "soc2-operator.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
}

/// An exception for S3.2 in the account in which it fails.
pub fn exception(namespace: &str, starts_at: &str) -> Value {
    object(
        "ComplianceException",
        &json!({"name": "known", "namespace": namespace}),
        &json!({
            "organizationRef": {"name": "acme"}, "controls": ["S3.2"],
            "targets": {"include": [{"accountIds": ["333333333333"]}]},
            "reason": "It is a public website", "owner": "web@example.com",
            "startsAt": starts_at, "expiresAt": "2026-12-20T12:00:00Z",
        }),
    )
}

fn assess(folder: &Path, profile: &str) -> Run {
    let args = ["assess", "--snapshot", ".", "-f", "manifests", "--now", NOW, "-o", "json", "--profile", profile];
    soc2ctl_in(folder, &args, "")
}

fn status(run: &Run) -> Value {
    let list: Value = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}", run.errors));
    list["items"][0]["status"].clone()
}

#[test]
fn an_exception_waives_where_its_namespace_may_and_while_it_lasts() {
    for (exception, expected) in [
        (exception("security", "2026-11-20T12:00:00Z"), "Excepted"),
        (exception("security", "2026-11-20T12:00:01Z"), "Failed"),
        (exception("somebody", "2026-11-20T12:00:00Z"), "Failed"),
    ] {
        let folder = copy();
        manifests(folder.path(), std::slice::from_ref(&exception));
        let run = assess(folder.path(), "production");
        assert_eq!(state(&run, "333333333333", "S3.2").0, expected, "{exception}");
    }
}

#[test]
fn what_people_attest_decides_the_manual_half() {
    let folder = copy();
    let attestation = object(
        "ControlAttestation",
        &json!({"name": "board", "namespace": "security"}),
        &json!({
            "organizationRef": {"name": "acme"}, "activities": ["board-oversight"], "performedAt": "2026-11-01T00:00:00Z",
            "performedBy": "ceo@example.com", "statement": "The board met",
            "evidence": [{"url": "https://example.com/minutes", "type": "Minutes"}],
        }),
    );
    let here = object(
        "ComplianceProfile",
        &json!({"name": "here"}),
        &json!({"organizationRef": {"name": "acme"}, "targets": {"include": [{"accountNames": ["security"]}]}}),
    );
    manifests(folder.path(), &[attestation, here]);
    let status = status(&assess(folder.path(), "here"));
    let activities = status["activities"].as_array().unwrap();
    let of = |id: &str| activities.iter().find(|row| row["id"] == id).unwrap()["state"].as_str().unwrap();
    assert_eq!((of("board-oversight"), of("code-of-conduct")), ("Attested", "NeverAttested"), "{status:#}");
}

#[test]
fn what_the_operator_would_refuse_is_not_valid() {
    let folder = tempfile::tempdir().unwrap();
    let mut unknown = exception("security", "2026-11-20T12:00:00Z");
    unknown["metadata"]["name"] = json!("unknown");
    unknown["spec"]["controls"] = json!(["S3.9999"]);
    let attestation = object(
        "ControlAttestation",
        &json!({"name": "board", "namespace": "security"}),
        &json!({
            "organizationRef": {"name": "acme"}, "activities": ["bored-oversight"], "performedAt": "2026-11-01T00:00:00Z",
            "performedBy": "ceo@example.com", "statement": "The board met",
            "evidence": [{"url": "https://example.com/minutes", "type": "Minutes"}],
        }),
    );
    // Two profiles without their catalogue are one mistake.
    let [lost, too] = ["lost", "lost-too"].map(|name| {
        let spec = json!({"organizationRef": {"name": "acme"}, "catalogRef": {"name": "soc2-acme"}});
        object("ComplianceProfile", &json!({"name": name}), &spec)
    });
    manifests(folder.path(), &[exception("somebody", "2026-11-20T12:00:00Z"), unknown, attestation, lost, too]);
    let run = soc2ctl_in(folder.path(), &["validate", "-f", "manifests"], "");
    assert_eq!(run.code, 2, "{}", run.out);
    insta::assert_snapshot!(run.out);
    // Who may waive, and which catalogues there are, is known in the cluster only.
    let run = soc2ctl_in(folder.path(), &["validate", "--allow-missing-references", "-f", "manifests/more-3.json"], "");
    assert_eq!((run.code, run.out.as_str()), (0, "1 object is valid\n"));
    let run = soc2ctl_in(folder.path(), &["validate", "--allow-missing-references", "-f", "manifests/more-0.json"], "");
    assert_eq!((run.code, run.out.as_str()), (0, "1 object is valid\n"));
}

/// A catalogue with a control of an organization's own.
pub fn own_control() -> Value {
    object(
        "ControlCatalog",
        &json!({"name": "soc2-acme"}),
        &json!({
            "extends": "soc2",
            "criteria": [{"id": "CC7.1", "controls": [{"id": "Own.1", "confidence": "Direct", "source": "SEC-77"}]}],
            "controls": [{"id": "Own.1", "title": "Images have no known holes", "severity": "High",
                          "match": {"generatorId": "acme/images/*"}}],
        }),
    )
}

/// A finding of another product in the account of `quiet`.
pub fn finding(product: &str, more: &Value) -> String {
    let mut finding = json!({
        "SchemaVersion": "2018-10-08", "Id": format!("arn:aws:x:eu-west-1:222222222222:{product}/{more}"),
        "ProductArn": format!("arn:aws:securityhub:eu-west-1::product/{product}"), "Region": "eu-west-1",
        "AwsAccountId": "222222222222", "GeneratorId": "acme/images/cve", "Severity": {"Label": "CRITICAL"},
        "CreatedAt": "2026-10-01T00:00:00Z", "UpdatedAt": "2026-11-20T06:00:00.000Z",
        "FirstObservedAt": "2026-10-01T00:00:00Z", "RecordState": "ACTIVE", "Workflow": {"Status": "NEW"},
        "Resources": [{"Type": "Other", "Id": "image-1"}],
    });
    finding.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("{finding}\n")
}

/// The snapshot, with findings and with what it says of other products.
pub fn with_others(findings: &str, complete: &Value) -> tempfile::TempDir {
    let folder = copy();
    let path = folder.path().join("findings/eu-west-1.jsonl");
    fs::write(&path, fs::read_to_string(&path).unwrap() + findings).unwrap();
    let path = folder.path().join("sources.json");
    let mut sources: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    sources["SecurityHub"][0]["OtherProducts"] = complete.clone();
    fs::write(path, sources.to_string()).unwrap();
    folder
}

#[test]
fn an_objective_is_met_only_where_all_findings_of_its_products_are_there() {
    let profile = object(
        "ComplianceProfile",
        &json!({"name": "aged"}),
        &json!({
            "organizationRef": {"name": "acme"}, "targets": {"include": [{"accountNames": ["security"]}]},
            "objectives": [{"type": "CriticalFindingsAge", "maxAge": "720h", "products": ["GuardDuty"]}],
        }),
    );
    let objective = |findings: &str, complete: Value| {
        let folder = with_others(findings, &complete);
        manifests(folder.path(), std::slice::from_ref(&profile));
        status(&assess(folder.path(), "aged"))["objectives"][0].clone()
    };
    let all = json!([{"Product": "GuardDuty", "Severity": "High"}]);
    let old = finding("aws/guardduty", &json!({}));
    let unread = objective(&old, json!([]));
    assert!(unread["met"] == false && unread["message"].as_str().unwrap().starts_with("there are no data"), "{unread}");
    let missed = objective(&old, all.clone());
    assert!(missed["met"] == false && missed["count"] == 1, "{missed}");
    let resolved = finding("aws/guardduty", &json!({"Workflow": {"Status": "RESOLVED"}}));
    assert_eq!(objective(&resolved, all)["met"], true);
    // What is milder was not read.
    assert_eq!(objective("", json!([{"Product": "Macie", "Severity": "Low"}]))["met"], false);
}

#[test]
fn a_control_of_ones_own_is_judged_by_the_catalogue_in_the_files() {
    let catalog = own_control();
    let profile = object(
        "ComplianceProfile",
        &json!({"name": "production"}),
        &json!({
            "organizationRef": {"name": "acme"}, "targets": {"include": [{"accountNames": ["security"]}]},
            "catalogRef": {"name": "soc2-acme"},
        }),
    );
    let own = |findings: &str, complete: Value| {
        let folder = with_others(findings, &complete);
        manifests(folder.path(), &[catalog.clone(), profile.clone()]);
        fs::remove_file(folder.path().join("manifests/profiles.yaml")).unwrap();
        let (state, reason) = state(&assess(folder.path(), "production"), "222222222222", "Own.1");
        format!("{state} {reason}")
    };
    let all = json!([{"Matching": {"GeneratorId": "acme/images/*"}}]);
    let passed = finding("acme/scanner", &json!({"Compliance": {"Status": "PASSED"}}));
    assert_eq!(own(&passed, all.clone()), "Passed ");
    let failed = passed.clone() + &finding("acme/scanner", &json!({}));
    assert_eq!(own(&failed, all), "Failed FindingsFailed");
    let unread = own(&passed, json!([]));
    assert!(unread.starts_with("Unknown"), "{unread}");
}
