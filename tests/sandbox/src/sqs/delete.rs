//! `DeleteMessage` and `DeleteMessageBatch`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Queues, errors, text};
use crate::call::{Answer, ApiError, Call};
use crate::identity::Principal;

/// The most that one batch may have.
const MOST: usize = 10;

/// Answers `DeleteMessage`. A message that is gone already is no error, nor is one that was received again since.
pub(super) fn delete_message(queues: &mut Queues, caller: &Principal, call: &Call) -> Answer {
    let at = queues.named(caller, call)?;
    let handle = text(call, "ReceiptHandle")?;
    queues.queues[at].delete(handle).ok_or_else(|| errors::bad_handle(handle))?;
    Ok(json!({}))
}

/// Answers `DeleteMessageBatch`: each entry on its own.
pub(super) fn delete_message_batch(queues: &mut Queues, caller: &Principal, call: &Call) -> Answer {
    let at = queues.named(caller, call)?;
    let entries = entries(call)?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, handle) in entries {
        if handle.and_then(|handle| queues.queues[at].delete(handle)).is_some() {
            successful.push(json!({"Id": id}));
        } else {
            let error = errors::bad_handle(handle.unwrap_or_default());
            failed.push(json!({"Id": id, "SenderFault": true, "Code": error.code, "Message": error.message}));
        }
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}

/// Ids and receipt handles of a batch that keeps the rules.
fn entries(call: &Call) -> Result<Vec<(&str, Option<&str>)>, ApiError> {
    let given = call.input.get("Entries").filter(|value| !value.is_null()).ok_or_else(|| errors::missing("Entries"))?;
    let given = given.as_array().ok_or_else(|| errors::unreadable("Entries"))?;
    let refuse = |code: &str, message: String| Err(ApiError::bad_request(code, message));
    if given.is_empty() {
        return refuse(
            "EmptyBatchRequest",
            "There should be at least one DeleteMessageBatchRequestEntry in the request.".into(),
        );
    }
    if given.len() > MOST {
        let message = format!("Maximum number of entries per request are {MOST}. You have sent {}.", given.len());
        return refuse("TooManyEntriesInBatchRequest", message);
    }
    let mut seen = BTreeSet::new();
    for entry in given {
        let id = entry.get("Id").and_then(Value::as_str).unwrap_or_default();
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !(1..=80).contains(&id.len()) || !plain {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.";
            return refuse("InvalidBatchEntryId", message.to_owned());
        }
        if !seen.insert(id) {
            return refuse("BatchEntryIdsNotDistinct", format!("Id {id} repeated."));
        }
    }
    Ok(given.iter().filter_map(pair).collect())
}

fn pair(entry: &Value) -> Option<(&str, Option<&str>)> {
    Some((entry.get("Id")?.as_str()?, entry.get("ReceiptHandle").and_then(Value::as_str)))
}
