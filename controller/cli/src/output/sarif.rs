//! SARIF 2.1.0, for code scanning: a rule for each control, a result for each account and control that does not pass, and for
//! each profile that is not compliant.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use soc2_catalog::{Control, Severity};
use soc2_crds::{AccountPosture, State};

use super::checks::{Check, checks};
use crate::assess::Assessed;

/// The whole log.
#[must_use]
pub fn sarif(all: &[Assessed]) -> Value {
    let mut rules: BTreeMap<String, Value> = BTreeMap::new();
    let mut results = Vec::new();
    for assessed in all {
        if let Some(of_profile) = profile(assessed) {
            rules.entry(PROFILE.to_owned()).or_insert_with(|| {
                json!({"id": PROFILE, "shortDescription": {"text": "The profile is compliant"}, "properties": {"tags": ["soc2"]}})
            });
            results.push(of_profile);
        }
        for posture in &assessed.postures {
            for check in checks(posture) {
                if matches!(check.state, State::Failed | State::Unknown | State::Excepted) {
                    let control = assessed.catalog.control(check.control).map(|ix| assessed.catalog.get(ix));
                    rules.entry(check.control.to_owned()).or_insert_with(|| rule(check.control, control));
                    results.push(result(assessed, posture, &check, control));
                }
            }
        }
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "soc2ctl",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_values().collect::<Vec<_>>(),
            }},
            "results": results,
        }],
    })
}

/// Rule of results that are about a profile as a whole.
const PROFILE: &str = "Compliant";

/// That a profile is not compliant, or cannot be assessed: people's part, missing accounts and guardrails are not to be seen in
/// any check.
fn profile(assessed: &Assessed) -> Option<Value> {
    let (status, reason, message) = match &assessed.result {
        Ok(_) => assessed.condition("Compliant").filter(|(status, _, _)| *status != "True")?,
        Err(_) => assessed.condition("Stalled")?,
    };
    let known = assessed.result.is_err() || status == "False";
    Some(json!({
        "ruleId": PROFILE,
        "kind": if known { "fail" } else { "open" },
        "level": if known { "error" } else { "none" },
        "message": {"text": format!("ComplianceProfile {}: {reason}: {message}", assessed.name())},
        "locations": [{"physicalLocation": place(assessed)}],
        "partialFingerprints": {"profileAccountControl/v1": assessed.name()},
        "properties": {"profile": assessed.name(), "reason": reason},
    }))
}

/// Code scanning wants a file: the one that asks for the control.
fn place(assessed: &Assessed) -> Value {
    json!({"artifactLocation": {"uri": uri(&assessed.origin.file)}, "region": {"startLine": assessed.origin.line}})
}

/// A path as a URI reference (RFC 3986).
#[must_use]
pub fn uri(path: &str) -> String {
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn rule(id: &str, control: Option<&Control>) -> Value {
    let title = control.map_or(id, |control| control.title.as_str());
    let mut rule = json!({
        "id": id,
        "shortDescription": {"text": title},
        "properties": {"tags": ["soc2"], "security-severity": security_severity(control)},
    });
    if let Some(link) = control.and_then(Control::remediation_url) {
        rule["helpUri"] = json!(link);
    }
    rule
}

/// As code scanning sorts: the middle of the range of each severity.
fn security_severity(control: Option<&Control>) -> &'static str {
    match control.map(|control| control.severity) {
        Some(Severity::Critical) => "9.5",
        Some(Severity::High) => "8.0",
        Some(Severity::Medium) => "5.5",
        Some(Severity::Low) | None => "2.0",
    }
}

fn result(assessed: &Assessed, posture: &AccountPosture, check: &Check<'_>, control: Option<&Control>) -> Value {
    let account = &posture.spec.account;
    let words = if check.message.is_empty() { check.reason } else { check.message };
    let text = format!("{} in account {} ({}): {words}", check.control, account.id, account.name);
    let level = match control.map(|control| control.severity) {
        Some(Severity::Critical | Severity::High) => "error",
        Some(Severity::Medium) => "warning",
        Some(Severity::Low) | None => "note",
    };
    let mut logical =
        vec![json!({"fullyQualifiedName": format!("{}/{}", account.id, check.control), "kind": "account"})];
    logical.extend(check.resource.map(|arn| json!({"fullyQualifiedName": arn, "kind": "resource"})));
    let mut result = json!({
        "ruleId": check.control,
        "message": {"text": text},
        "locations": [{
            "physicalLocation": place(assessed),
            "logicalLocations": logical,
        }],
        "partialFingerprints": {"profileAccountControl/v1": format!("{}/{}/{}", assessed.name(), account.id, check.control)},
        "properties": {"profile": assessed.name(), "account": account.id, "reason": check.reason},
    });
    if check.state == State::Unknown {
        // A kind other than fail has no level.
        result["kind"] = json!("open");
        result["level"] = json!("none");
    } else {
        result["kind"] = json!("fail");
        result["level"] = json!(level);
    }
    if check.state == State::Excepted {
        result["suppressions"] = json!([{"kind": "external", "justification": words}]);
    }
    result
}
