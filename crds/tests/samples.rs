//! Samples and the examples of the documentation are valid, and mean to the operator what they say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use soc2_crds::{
    AccountPosture, AwsOrganization, ComplianceException, ComplianceProfile, ControlAttestation, ControlCatalog,
    GuardrailApproval, GuardrailRelease, GuardrailSet, ScpBaseline,
};

/// Documents with the name of the file that they are in.
fn examples() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let folders = ["docs/samples", "docs/samples/owners"].map(support::folder);
    for path in folders.iter().flat_map(|folder| support::files(folder, "yaml")) {
        let text = std::fs::read_to_string(&path).unwrap();
        found.extend(support::documents(&text).into_iter().map(|document| (path.display().to_string(), document)));
    }
    for path in support::files(&support::folder("docs/kinds"), "md") {
        let text = std::fs::read_to_string(&path).unwrap();
        let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        // A block without a kind is a part of an object.
        for document in blocks.filter(|block| block.contains("\nkind: ")).flat_map(support::documents) {
            found.push((path.display().to_string(), document));
        }
    }
    found
}

/// The object as the operator reads and writes it again.
fn round_trip<K: DeserializeOwned + Serialize>(document: &Value) -> Value {
    let object: K = serde_json::from_value(document.clone()).expect("the operator reads it");
    serde_json::to_value(object).expect("and writes it")
}

fn read_again(document: &Value) -> Value {
    match document["kind"].as_str().unwrap() {
        "AwsOrganization" => round_trip::<AwsOrganization>(document),
        "ComplianceProfile" => round_trip::<ComplianceProfile>(document),
        "ComplianceException" => round_trip::<ComplianceException>(document),
        "ControlAttestation" => round_trip::<ControlAttestation>(document),
        "ControlCatalog" => round_trip::<ControlCatalog>(document),
        "GuardrailApproval" => round_trip::<GuardrailApproval>(document),
        "GuardrailRelease" => round_trip::<GuardrailRelease>(document),
        "GuardrailSet" => round_trip::<GuardrailSet>(document),
        "ScpBaseline" => round_trip::<ScpBaseline>(document),
        "AccountPosture" => round_trip::<AccountPosture>(document),
        other => panic!("kind {other}"),
    }
}

/// Whether `part` says nothing that `whole` does not say.
fn is_within(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|found| is_within(value, found)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(part, whole)| is_within(part, whole))
        }
        _ => part == whole,
    }
}

#[test]
fn every_sample_is_valid_and_read_in_full() {
    let examples = examples();
    for crd in soc2_crds::crds() {
        let kind = crd.spec.names.kind;
        assert!(examples.iter().any(|(_, document)| document["kind"] == kind.as_str()), "no example of {kind}");
    }
    for (file, document) in examples {
        assert_eq!(document["apiVersion"], "soc2-operator.dev/v1alpha1", "{file}");
        assert_eq!(support::errors(&document, None), "", "{file}");
        let read = read_again(&document);
        assert!(is_within(&document, &read), "{file}: something is lost\n{document:#}\n{read:#}");
        assert_eq!(support::errors(&read, None), "", "{file}: what the operator writes is valid too");
    }
}

/// Guardrails of the built-in library are written in the shape of the kind, and as good as anybody's.
#[test]
fn the_built_in_library_has_the_shape_of_the_kind() {
    let files = support::files(&support::folder("controller/catalog/data/2026.11/guardrails"), "yaml");
    let mut names: Vec<String> = Vec::new();
    for path in &files {
        let spec = support::documents(&std::fs::read_to_string(path).unwrap()).remove(0);
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let document = serde_json::json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ScpBaseline", "metadata": {"name": name}, "spec": spec,
        });
        assert_eq!(support::errors(&document, None), "", "{}", path.display());
        assert!(is_within(&document["spec"], &read_again(&document)["spec"]), "{}", path.display());
        names.push(name);
    }
    let mut known: Vec<&str> = soc2_crds::GUARDRAILS.to_vec();
    known.sort_unstable();
    assert_eq!(names, known);
}

#[test]
fn defaults_of_the_types_and_of_the_schemas_are_the_same() {
    for (kind, smallest) in [
        ("AwsOrganization", serde_json::json!({})),
        ("ComplianceProfile", serde_json::json!({"organizationRef": {"name": "acme"}})),
        (
            "GuardrailSet",
            serde_json::json!({"organizationRef": {"name": "acme"}, "baselines": [{"name": "deny-leave-org"}]}),
        ),
        (
            "ComplianceException",
            serde_json::json!({
                "organizationRef": {"name": "acme"}, "controls": ["IAM.5"], "targets": {}, "owner": "payments-team",
                "reason": "Vendor scanner cannot use MFA", "startsAt": "2026-11-22T00:00:00Z", "expiresAt": "2026-12-31T00:00:00Z",
            }),
        ),
        (
            "ControlAttestation",
            serde_json::json!({
                "organizationRef": {"name": "acme"}, "activities": ["access-review"], "performedBy": "it-security",
                "statement": "Access was reviewed", "performedAt": "2026-10-04T00:00:00Z", "evidence": [{"url": "s3://a/b"}],
            }),
        ),
        ("AwsOrganization", serde_json::json!({"exceptionPolicy": {}})),
    ] {
        let document = serde_json::json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": smallest,
        });
        assert_eq!(support::errors(&document, None), "", "{kind}");
        let read = read_again(&document);
        let defaulted = kube::core::cel::apply_defaults(&support::schema(kind), &document);
        let defaulted = kube::core::cel::apply_defaults(&support::schema(kind), &defaulted);
        assert_eq!(read["spec"], defaulted["spec"], "{kind}");
    }
}
