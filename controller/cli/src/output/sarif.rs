//! SARIF 2.1.0, for code scanning: a rule for each control, a result for each account and control that does not pass.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use soc2_catalog::{Catalog, Control, Severity};
use soc2_crds::{AccountPosture, State};

use super::checks::{Check, checks};
use crate::assess::Assessed;

/// The whole log.
#[must_use]
pub fn sarif(all: &[Assessed], catalog: &Catalog) -> Value {
    let mut rules: BTreeMap<String, Value> = BTreeMap::new();
    let mut results = Vec::new();
    for assessed in all {
        for posture in &assessed.postures {
            for check in checks(posture) {
                if matches!(check.state, State::Failed | State::Unknown | State::Excepted) {
                    let control = catalog.control(check.control).map(|ix| catalog.get(ix));
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
            // Code scanning wants a file: the one that asks for the control.
            "physicalLocation": {"artifactLocation": {"uri": assessed.origin.file}, "region": {"startLine": assessed.origin.line}},
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
