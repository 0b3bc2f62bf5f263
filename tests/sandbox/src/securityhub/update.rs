//! `BatchUpdateFindings`: what customers note on findings. It never touches `UpdatedAt`.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::hubs::Standing;
use super::row::{Change, Workflow};
use super::{Hub, errors, import, input, when};
use crate::call::{Answer, ApiError, Call};

const VERIFICATION: [&str; 4] = ["UNKNOWN", "TRUE_POSITIVE", "FALSE_POSITIVE", "BENIGN_POSITIVE"];
const LABELS: [&str; 5] = ["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"];

/// What a call sets on all its findings.
#[derive(Default)]
struct Update {
    workflow: Option<Workflow>,
    members: Map<String, Value>,
}

/// Answers `BatchUpdateFindings`.
pub(super) fn batch_update_findings(hub: &mut Hub, call: &Call) -> Answer {
    if hub.hubs.standing(&call.account, &call.region) == Standing::Off {
        return Err(errors::not_subscribed(&call.account));
    }
    let identifiers = input::list(call, "FindingIdentifiers", 100)?;
    if identifiers.is_empty() {
        return Err(errors::invalid_input("Invalid parameter 'FindingIdentifiers'. Expected 1 to 100 identifiers."));
    }
    let update = read(call)?;
    let (mut processed, mut unprocessed, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for identifier in identifiers {
        let member = |name| identifier.get(name).and_then(Value::as_str).unwrap_or_default();
        let (id, product) = (member("Id"), member("ProductArn"));
        let outcome = match (id, product) {
            ("", _) | (_, "") => Err(("InvalidInput", "Invalid Input")),
            both if !seen.insert(both) => Err(("DuplicatedFindingIdentifier", "Finding Identifier is duplicated")),
            _ => apply(hub, call, id, product, &update).ok_or(("FindingNotFound", "Finding Not Found")),
        };
        match outcome {
            Ok(()) => processed.push(identifier.clone()),
            Err((code, message)) => {
                unprocessed.push(json!({"FindingIdentifier": identifier, "ErrorCode": code, "ErrorMessage": message}));
            }
        }
    }
    Ok(json!({"ProcessedFindings": processed, "UnprocessedFindings": unprocessed}))
}

fn apply(hub: &mut Hub, call: &Call, id: &str, product: &str, update: &Update) -> Option<()> {
    let place = hub.store.find(&hub.tables, id, product)?;
    let row = hub.store.get(place)?;
    let (account, region) = (hub.tables.accounts.get(row.account), hub.tables.regions.get(row.region));
    let read = hub.hubs.regions_read(&call.account, &call.region).contains(&region);
    if !read || !hub.hubs.sees(&call.account, account, region) {
        return None;
    }
    hub.store.change(place, |row| {
        if update.workflow.is_some() {
            row.apply(Change { workflow: update.workflow, ..Change::default() }, call.now);
        }
        import::overlay(row, &update.members);
    });
    Some(())
}

fn read(call: &Call) -> Result<Update, ApiError> {
    let wrong = |name: &str| errors::invalid_input(format!("Invalid parameter '{name}'."));
    let mut update = Update::default();
    let given = |name: &str| call.input.get(name).filter(|value| !value.is_null());
    if let Some(workflow) = given("Workflow") {
        let word = workflow.get("Status").and_then(Value::as_str).unwrap_or_default();
        update.workflow = Some(Workflow::of(word).ok_or_else(|| wrong("Workflow.Status"))?);
    }
    if let Some(note) = given("Note") {
        let member = |name| note.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let (text, by) = member("Text").zip(member("UpdatedBy")).ok_or_else(|| wrong("Note"))?;
        let at = when::text(call.now.as_millisecond());
        update.members.insert("Note".to_owned(), json!({"Text": text, "UpdatedBy": by, "UpdatedAt": at}));
    }
    if let Some(severity) = given("Severity") {
        let label = severity.get("Label").and_then(Value::as_str);
        let number = severity.get("Normalized").and_then(Value::as_i64);
        if label.is_some_and(|label| !LABELS.contains(&label)) || number.is_some_and(|n| !(0..=100).contains(&n)) {
            return Err(wrong("Severity"));
        }
        update.members.insert("Severity".to_owned(), import::severity(severity));
    }
    for name in ["Confidence", "Criticality"] {
        if let Some(value) = given(name) {
            value.as_i64().filter(|n| (0..=100).contains(n)).ok_or_else(|| wrong(name))?;
            update.members.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(value) = given("VerificationState") {
        value.as_str().filter(|word| VERIFICATION.contains(word)).ok_or_else(|| wrong("VerificationState"))?;
        update.members.insert("VerificationState".to_owned(), value.clone());
    }
    for (name, valid) in [
        ("Types", Value::is_array as fn(&Value) -> bool),
        ("RelatedFindings", Value::is_array),
        ("UserDefinedFields", Value::is_object),
    ] {
        if let Some(value) = given(name) {
            if !valid(value) {
                return Err(wrong(name));
            }
            update.members.insert(name.to_owned(), value.clone());
        }
    }
    Ok(update)
}
