//! `BatchImportFindings`: findings of an account's own product, checked as Security Hub checks them.

use serde_json::{Map, Value, json};

use super::hubs::Standing;
use super::row::{Body, Row};
use super::{Hub, errors, input, render, when};
use crate::call::{Answer, ApiError, Call};

/// Text members: name, greatest length, whether required.
const TEXTS: [(&str, usize, bool); 11] = [
    ("SchemaVersion", 16, true),
    ("Id", 512, true),
    ("ProductArn", 2048, true),
    ("GeneratorId", 512, true),
    ("AwsAccountId", 12, true),
    ("CreatedAt", 64, true),
    ("UpdatedAt", 64, true),
    ("Title", 256, true),
    ("Description", 1024, true),
    ("FirstObservedAt", 64, false),
    ("LastObservedAt", 64, false),
];
/// Members that belong to the customer: an import leaves them as they are.
const CUSTOMERS: [&str; 4] = ["Note", "UserDefinedFields", "VerificationState", "Workflow"];
const MOST_BYTES: usize = 240 * 1024;

/// Answers `BatchImportFindings`.
pub(super) fn batch_import_findings(hub: &mut Hub, call: &Call) -> Answer {
    if hub.hubs.standing(&call.account, &call.region) == Standing::Off {
        return Err(errors::not_subscribed(&call.account));
    }
    let findings = input::list(call, "Findings", 100)?;
    if findings.is_empty() {
        return Err(errors::invalid_input("Invalid parameter 'Findings'. Expected 1 to 100 findings."));
    }
    for finding in findings {
        authorize(hub, call, finding)?;
    }
    let mut failed = Vec::new();
    for finding in findings {
        if let Err(message) = import(hub, call, finding) {
            let id = finding.get("Id").and_then(Value::as_str).unwrap_or_default();
            failed.push(json!({"Id": id, "ErrorCode": "InvalidInput", "ErrorMessage": message}));
        }
    }
    Ok(json!({
        "FailedCount": failed.len(),
        "SuccessCount": findings.len() - failed.len(),
        "FailedFindings": failed,
    }))
}

/// AWS refuses the whole call when a finding belongs to another account or product.
fn authorize(hub: &Hub, call: &Call, finding: &Value) -> Result<(), ApiError> {
    let member = |name| finding.get(name).and_then(Value::as_str);
    let (account, region, partition) = (&call.account, &call.region, &hub.tables.partition);
    let own = format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default");
    let product = member("ProductArn").unwrap_or(&own);
    let stranger = member("AwsAccountId").is_some_and(|owner| owner != account);
    if product == own && !stranger {
        return Ok(());
    }
    let principal = &call.principal;
    Err(errors::access_denied(format!(
        "User: {principal} is not authorized to perform: securityhub:BatchImportFindings on resource: {product}"
    )))
}

fn import(hub: &mut Hub, call: &Call, finding: &Value) -> Result<(), String> {
    let mut finding = validated(finding)?;
    complete(&mut finding, call);
    let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let known = hub.store.find(&hub.tables, &text("Id"), &text("ProductArn"));
    let old = known.and_then(|place| hub.store.get(place));
    if let Some(old) = old {
        if when::of_asff(&text("UpdatedAt")) <= Some(old.updated) {
            return Err("UpdatedAt must be later than that of the finding to update.".to_owned());
        }
        let before = render::finding(&hub.tables, old);
        for name in CUSTOMERS {
            finding.remove(name);
            finding.extend(before.get_key_value(name).map(|(name, value)| (name.clone(), value.clone())));
        }
    }
    let number = |error: anyhow::Error| error.to_string();
    let account = hub.tables.accounts.intern(&call.account).map_err(number)?;
    let region = hub.tables.regions.intern(&call.region).map_err(number)?;
    let row = Row::raw(account, region, finding);
    match known {
        Some(place) => hub.store.change(place, |old| *old = row),
        None => drop(hub.store.push(&hub.tables, row)),
    }
    Ok(())
}

fn validated(finding: &Value) -> Result<Map<String, Value>, String> {
    let wrong = |what: String| format!("Finding does not adhere to Amazon Finding Format. {what}.");
    let map = finding.as_object().ok_or_else(|| wrong("data should be object".to_owned()))?;
    for (name, most, required) in TEXTS {
        match map.get(name) {
            None if required => return Err(wrong(format!("data should have required property '{name}'"))),
            Some(Value::String(text)) if text.trim().is_empty() => {
                return Err(wrong(format!("data.{name} should NOT be shorter than 1 characters")));
            }
            Some(Value::String(text)) if text.chars().count() > most => {
                return Err(wrong(format!("data.{name} should NOT be longer than {most} characters")));
            }
            Some(Value::String(text)) if name.ends_with("At") && when::of_asff(text).is_none() => {
                return Err(wrong(format!("data.{name} should match format \"date-time\"")));
            }
            None | Some(Value::String(_)) => {}
            Some(_) => return Err(wrong(format!("data.{name} should be string"))),
        }
    }
    if map.get("SchemaVersion").and_then(Value::as_str) != Some("2018-10-08") {
        return Err(wrong("data.SchemaVersion should be equal to one of the allowed values".to_owned()));
    }
    let provider = |name: &str| map.get("FindingProviderFields").and_then(|fields| fields.get(name)).is_some();
    for name in ["Types", "Severity"] {
        if !map.contains_key(name) && !provider(name) {
            return Err(wrong(format!(
                "data should have required property '{name}', data should have required property 'FindingProviderFields', data should match some schema in anyOf"
            )));
        }
    }
    resources(map).map_err(wrong)?;
    if finding.to_string().len() > MOST_BYTES {
        return Err("Finding size exceeded 240 KB.".to_owned());
    }
    Ok(map.clone())
}

fn resources(map: &Map<String, Value>) -> Result<(), String> {
    let resources = map.get("Resources").ok_or("data should have required property 'Resources'")?;
    let resources = resources.as_array().ok_or("data.Resources should be array")?;
    if resources.is_empty() || resources.len() > 32 {
        return Err("data.Resources should have 1 to 32 items".to_owned());
    }
    for (at, resource) in resources.iter().enumerate() {
        for name in ["Type", "Id"] {
            match resource.get(name).and_then(Value::as_str) {
                None => return Err(format!("data.Resources[{at}] should have required property '{name}'")),
                Some("") => {
                    return Err(format!("data.Resources[{at}].{name} should NOT be shorter than 1 characters"));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// Fills in what Security Hub sets itself.
fn complete(finding: &mut Map<String, Value>, call: &Call) {
    let now = when::text(call.now.as_millisecond());
    for (name, value) in [("ProductName", "Default"), ("CompanyName", "Personal"), ("Region", call.region.as_str())] {
        finding.insert(name.to_owned(), json!(value));
    }
    finding.insert("ProcessedAt".to_owned(), json!(now));
    finding.entry("RecordState").or_insert_with(|| json!("ACTIVE"));
    finding.entry("WorkflowState").or_insert_with(|| json!("NEW"));
    finding.entry("Workflow").or_insert_with(|| json!({"Status": "NEW"}));
    let mut fields = finding.get("FindingProviderFields").cloned().unwrap_or_else(|| json!({}));
    for name in ["Severity", "Types"] {
        let given = finding.get(name).or(fields.get(name)).cloned().unwrap_or(Value::Null);
        let given = if name == "Severity" { severity(&given) } else { given };
        finding.insert(name.to_owned(), given.clone());
        if fields.get(name).is_none() {
            fields[name] = given;
        }
    }
    finding.insert("FindingProviderFields".to_owned(), fields);
}

/// A severity with both label and number.
pub(super) fn severity(given: &Value) -> Value {
    let mut severity = given.as_object().cloned().unwrap_or_default();
    let number = severity.get("Normalized").and_then(Value::as_u64);
    let label = match (severity.get("Label").and_then(Value::as_str), number) {
        (Some(label), _) => label.to_owned(),
        (None, Some(1..=39)) => "LOW".to_owned(),
        (None, Some(40..=69)) => "MEDIUM".to_owned(),
        (None, Some(70..=89)) => "HIGH".to_owned(),
        (None, Some(90..)) => "CRITICAL".to_owned(),
        (None, _) => "INFORMATIONAL".to_owned(),
    };
    severity.entry("Normalized").or_insert_with(|| json!(render::normalized(&label)));
    severity.insert("Label".to_owned(), json!(label));
    Value::Object(severity)
}

/// Puts findings into the world as they are, without any check: bad data for tests.
pub(super) fn raw(hub: &mut Hub, account: &str, region: &str, finding: &Map<String, Value>) -> anyhow::Result<()> {
    let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default();
    let account = hub.tables.accounts.intern(account)?;
    let region = hub.tables.regions.intern(region)?;
    let known = hub.store.find(&hub.tables, text("Id"), text("ProductArn")).filter(|_| !text("Id").is_empty());
    let row = Row::raw(account, region, finding.clone());
    match known {
        Some(place) => hub.store.change(place, |old| *old = row),
        None => drop(hub.store.push(&hub.tables, row)),
    }
    Ok(())
}

/// Puts what a customer set over a finding.
pub(super) fn overlay(row: &mut Row, members: &Map<String, Value>) {
    match &mut row.body {
        Body::Raw(map) => map.extend(members.clone()),
        Body::Made(made) if members.is_empty() => drop(made.overlay.take_if(|overlay| overlay.is_empty())),
        Body::Made(made) => made.overlay.get_or_insert_default().extend(members.clone()),
    }
}
