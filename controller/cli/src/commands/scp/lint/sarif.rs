//! Findings as SARIF 2.1.0, for code scanning.

use serde_json::{Value, json};
use soc2_guardrails::lint::{Rule, Severity, rules};

use super::{Found, page};
use crate::output::sarif::uri;

/// The whole log, with all rules.
pub(super) fn sarif(found: &[Found<'_>]) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "soc2ctl",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules().into_iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": found.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.explanation},
        "help": {"text": rule.help},
        "helpUri": page(rule),
        "defaultConfiguration": {"level": rule.severity.as_str()},
        "properties": {"tags": ["soc2", "scp"], "security-severity": security_severity(rule.severity)},
    })
}

/// As code scanning sorts: high, medium, low.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "8.0",
        Severity::Warning => "5.5",
        Severity::Note => "2.0",
    }
}

fn result(found: &Found<'_>) -> Value {
    let Found { source, position, diagnostic } = found;
    let statement = diagnostic.statement.as_deref().unwrap_or_default();
    let policy = source.policy.as_deref().unwrap_or_default();
    let region = position.as_ref().map_or_else(
        || json!({"startLine": 1}),
        |position| {
            json!({
                "startLine": position.line,
                "startColumn": position.column,
                "endLine": position.end_line,
                "endColumn": position.end_column,
            })
        },
    );
    json!({
        "ruleId": diagnostic.id(),
        "level": diagnostic.severity().as_str(),
        "message": {"text": format!("{}. {}", diagnostic.message, diagnostic.help)},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri(&source.file)}, "region": region},
            "logicalLocations": [{"fullyQualifiedName": format!("{policy}#{}", diagnostic.pointer), "kind": "element"}],
        }],
        // Without line numbers, so that a finding stays the same when something in front of it changes.
        "partialFingerprints": {
            "ruleStatementMessage/v1": format!("{}/{policy}/{statement}/{}", diagnostic.id(), diagnostic.message),
        },
    })
}
