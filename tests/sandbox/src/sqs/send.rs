//! `SendMessage`.

use serde_json::{Value, json};

use super::queue::md5;
use super::{MOST_BYTES, Queues, number, text};
use crate::call::{Answer, ApiError, Call};
use crate::identity::Principal;

/// Members that change what readers see; taking them and not doing so would be a lie.
const NOT_MODELLED: [&str; 4] =
    ["MessageAttributes", "MessageSystemAttributes", "MessageDeduplicationId", "MessageGroupId"];

/// Answers `SendMessage`.
pub(super) fn send_message(queues: &mut Queues, caller: &Principal, call: &Call) -> Answer {
    let at = queues.named(caller, call)?;
    let body = text(call, "MessageBody")?;
    if let Some(name) = NOT_MODELLED.iter().find(|name| call.input.get(**name).is_some_and(|value| !empty(value))) {
        return Err(ApiError::bad_request("UnsupportedOperation", format!("{name} is not supported by aws-sandbox.")));
    }
    let delay = number(call, "DelaySeconds", 0, 900)?.unwrap_or(0);
    if body.len() > MOST_BYTES {
        let message =
            format!("One or more parameters are invalid. Reason: Message must be shorter than {MOST_BYTES} bytes.");
        return Err(ApiError::bad_request("InvalidParameterValueException", message));
    }
    if let Some(bad) = body.chars().find(|c| !is_allowed(*c)) {
        let message = format!("Invalid binary character '#x{:X}' was found in the message body.", u32::from(bad));
        return Err(ApiError::bad_request("InvalidMessageContents", message));
    }
    let id = queues.queues[at].send(body, &caller.user_id, call.now, delay);
    Ok(json!({"MessageId": id, "MD5OfMessageBody": md5(body)}))
}

fn empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// The characters that the W3C allows in XML, which SQS still asks for.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}
