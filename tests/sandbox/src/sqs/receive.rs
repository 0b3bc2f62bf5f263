//! `ReceiveMessage`. How long it waits is the server's matter; here it answers at once.

use serde_json::{Value, json};

use super::{Queues, names, number};
use crate::call::{Answer, Call};
use crate::identity::Principal;

/// Answers `ReceiveMessage`.
pub(super) fn receive_message(queues: &mut Queues, caller: &Principal, call: &Call) -> Answer {
    let at = queues.named(caller, call)?;
    let most = number(call, "MaxNumberOfMessages", 1, 10)?.unwrap_or(1);
    let timeout = number(call, "VisibilityTimeout", 0, 43_200)?;
    number(call, "WaitTimeSeconds", 0, 20)?;
    let mut attributes = names(call, "AttributeNames")?;
    attributes.extend(names(call, "MessageSystemAttributeNames")?);
    let most = usize::try_from(most).unwrap_or(1);
    let (given, dead) = queues.queues[at].receive(call.now, most, timeout);
    let target = queues.queues[at].section.redrive.as_ref().map(|redrive| redrive.dead_letter_queue.clone());
    let target = target.and_then(|name| queues.beside(&queues.queues[at], &name));
    if let Some(target) = target {
        for message in dead {
            queues.queues[target].put(message);
        }
    }
    if given.is_empty() {
        return Ok(json!({}));
    }
    let messages: Vec<Value> = given.iter().map(|(handle, message)| message.message(handle, &attributes)).collect();
    Ok(json!({"Messages": messages}))
}
