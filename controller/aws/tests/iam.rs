//! The policies in deploy/iam grant exactly the operations that this crate calls: nothing is missing, nothing is idle.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The service of the operations of each source file that calls AWS.
const SERVICES: [(&str, &str); 8] = [
    ("directory.rs", "organizations"),
    ("walk.rs", "organizations"),
    ("policies.rs", "organizations"),
    ("security_hub.rs", "securityhub"),
    ("findings.rs", "securityhub"),
    ("queue.rs", "sqs"),
    ("core.rs", "sts"),
    ("identity.rs", "sts"),
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Actions that a policy of deploy/iam grants.
fn granted(policy: &str) -> BTreeSet<String> {
    let path = repository().join(format!("deploy/iam/policies/{policy}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let document: Value = serde_json::from_str(&text).unwrap();
    let statements = document["Statement"].as_array().unwrap();
    let actions = statements.iter().flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        action => vec![action.clone()],
    });
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// The operations that the sources name as the first argument of `method`.
fn called(method: &str) -> BTreeSet<String> {
    let folder = repository().join("controller/aws/src");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().is_some_and(|path| path.ends_with("_tests.rs")) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let name = path.file_name().unwrap().to_str().unwrap();
        for after in text.split(&format!(".{method}(")).skip(1) {
            let Some(operation) = after.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                continue;
            };
            let service = SERVICES.iter().find(|(file, _)| *file == name);
            let (_, service) = service.unwrap_or_else(|| panic!("{name} calls {operation}: of which service?"));
            // SQS's batches need what each of their entries needs.
            let operation = if *service == "sqs" { operation.trim_end_matches("Batch") } else { operation };
            found.insert(format!("{service}:{operation}"));
        }
    }
    found
}

fn of<'a>(actions: &'a BTreeSet<String>, service: &str) -> BTreeSet<&'a str> {
    actions.iter().map(String::as_str).filter(|action| action.starts_with(&format!("{service}:"))).collect()
}

fn all(policy: &BTreeSet<String>) -> BTreeSet<&str> {
    policy.iter().map(String::as_str).collect()
}

#[test]
fn each_policy_grants_what_is_called_and_nothing_else() {
    let (reads, writes) = (called("call"), called("write"));
    assert!(reads.len() > 15 && writes.len() > 4, "{reads:?} {writes:?}");
    assert_eq!(of(&reads, "organizations"), all(&granted("read-organization")));
    assert_eq!(of(&reads, "securityhub"), all(&granted("read-security-hub")));
    assert_eq!(of(&reads, "sqs"), all(&granted("read-queue")));
    assert_eq!(all(&writes), all(&granted("write-guardrails")));
    // Everybody may ask who they are.
    let sts: BTreeSet<&str> = of(&reads, "sts").into_iter().filter(|a| *a != "sts:GetCallerIdentity").collect();
    assert_eq!(sts, all(&granted("pod")));
}

#[test]
fn a_member_and_a_delegated_administrator_have_no_more_than_that() {
    assert!(granted("read-member").is_subset(&granted("read-security-hub")));
    let both: BTreeSet<String> = granted("read-organization").union(&granted("write-guardrails")).cloned().collect();
    assert_eq!(granted("delegation"), both);
    // Files are read and written by another library, which names no operations.
    assert_eq!(all(&granted("state-bucket")), BTreeSet::from(["s3:GetObject", "s3:ListBucket", "s3:PutObject"]));
    assert_eq!(all(&granted("read-trail")), BTreeSet::from(["s3:GetObject", "s3:ListBucket"]));
}

#[test]
fn the_documentation_lists_the_same_actions() {
    let path = repository().join("docs/security.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let policies = ["pod", "read-organization", "write-guardrails", "read-security-hub", "read-queue", "state-bucket"];
    for policy in policies {
        for action in granted(policy) {
            let operation = action.split(':').nth(1).unwrap_or_default();
            assert!(text.contains(&format!("`{operation}`")), "docs/security.md does not say why {action}");
        }
    }
}
