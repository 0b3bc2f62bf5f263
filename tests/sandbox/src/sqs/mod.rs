//! SQS: standard queues, for events and their readers.

mod control;
mod delete;
mod errors;
mod queue;
mod receive;
mod section;
mod send;
#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::call::{Answer, ApiError, Call};
use crate::identity::Principal;
use queue::Queue;

pub use control::control;
pub use errors::{query_code, type_of};
pub use section::QueueSection;

/// The operations.
const OPERATIONS: &[&str] =
    &["ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "GetQueueUrl", "GetQueueAttributes", "SendMessage"];
/// Attributes that `GetQueueAttributes` knows by name; those that are for FIFO queues and encryption have no value here.
const ATTRIBUTES: [&str; 21] = [
    "All",
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
    "ApproximateNumberOfMessagesDelayed",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
    "FifoThroughputLimit",
];
/// Longest message in bytes.
const MOST_BYTES: usize = 1 << 20;

/// All queues.
#[derive(Debug, Default)]
pub struct Queues {
    queues: Vec<Queue>,
}

impl Queues {
    /// Those of a world file; errors name the field.
    pub fn new(sections: Vec<QueueSection>, partition: &str, now: Timestamp) -> anyhow::Result<Self> {
        let mut queues = Self::default();
        for (at, section) in sections.into_iter().enumerate() {
            section.check().with_context(|| format!("queues[{at}]"))?;
            let taken = queues.place(&section.region, &section.account.0, &section.name).is_some();
            ensure!(!taken, "queues[{at}].name: {} is there twice in its account and Region", section.name);
            queues.queues.push(Queue::new(section, partition, now));
        }
        for (at, queue) in queues.queues.iter().enumerate() {
            let dead = queue.section.redrive.as_ref().map(|redrive| redrive.dead_letter_queue.as_str());
            let known = dead.is_none_or(|name| queues.beside(queue, name).is_some());
            ensure!(known, "queues[{at}].redrive.deadLetterQueue: no queue {dead:?} in the same account and Region");
        }
        Ok(queues)
    }

    /// Account and Region of each queue that `EventBridge` sends findings to, with its place.
    #[must_use]
    pub fn watchers(&self) -> Vec<(usize, String, String)> {
        let watching = self.queues.iter().enumerate().filter(|(_, queue)| queue.section.events);
        watching.map(|(at, queue)| (at, queue.section.account.0.clone(), queue.section.region.clone())).collect()
    }

    /// `EventBridge` sends an event to the queue at a place.
    pub fn deliver(&mut self, at: usize, event: &Value, now: Timestamp) {
        if let Some(queue) = self.queues.get_mut(at) {
            queue.send(&event.to_string(), "events.amazonaws.com", now, 0);
        }
    }

    /// `EventBridge` sends what CloudTrail tells to the queues of an account that are to get it.
    pub fn deliver_management(&mut self, account: &str, event: &Value, now: Timestamp) {
        let listening = |queue: &&mut Queue| queue.section.management_events && queue.section.account.0 == account;
        for queue in self.queues.iter_mut().filter(listening) {
            queue.send(&event.to_string(), "events.amazonaws.com", now, 0);
        }
    }

    /// When a message that nobody can see now can be received again.
    #[must_use]
    pub fn next_visible(&self, now: Timestamp) -> Option<Timestamp> {
        self.queues.iter().filter_map(|queue| queue.next_visible(now)).min()
    }

    fn place(&self, region: &str, account: &str, name: &str) -> Option<usize> {
        self.queues.iter().position(|queue| {
            let section = &queue.section;
            section.region == region && section.account.0 == account && section.name == name
        })
    }

    fn beside(&self, queue: &Queue, name: &str) -> Option<usize> {
        self.place(&queue.section.region, &queue.section.account.0, name)
    }

    /// The place of the queue that a call names by its URL, if the caller may use it.
    fn named(&self, caller: &Principal, call: &Call) -> Result<usize, ApiError> {
        let (region, account, name) = parse_url(text(call, "QueueUrl")?)?;
        if region.is_some_and(|region| region != call.region) {
            return Err(errors::wrong_address(region.unwrap_or_default()));
        }
        let at = self.place(&call.region, account, name).ok_or_else(errors::no_queue)?;
        let queue = &self.queues[at];
        if queue.admits(caller) { Ok(at) } else { Err(errors::denied(&caller.arn, &call.operation, &queue.arn)) }
    }
}

/// Whether there is such an operation here.
#[must_use]
pub fn knows(operation: &str) -> bool {
    OPERATIONS.contains(&operation)
}

/// Whether the operation changes a queue for good.
#[must_use]
pub fn is_write(operation: &str) -> bool {
    operation.starts_with("Send") || operation.starts_with("Delete")
}

/// What a call is about, for the words of IAM.
#[must_use]
pub fn resource(call: &Call) -> String {
    let url = call.input.get("QueueUrl").and_then(Value::as_str).unwrap_or_default();
    let named = call.input.get("QueueName").and_then(Value::as_str);
    let (account, name) =
        parse_url(url).map_or((call.account.as_str(), named), |(_, account, name)| (account, Some(name)));
    format!("arn:aws:sqs:{}:{account}:{}", call.region, name.unwrap_or("*"))
}

/// How long a call is held back for a message, if there is none.
#[must_use]
pub fn patience(call: &Call) -> Duration {
    let seconds =
        call.input.get("WaitTimeSeconds").and_then(Value::as_u64).filter(|_| call.operation == "ReceiveMessage");
    Duration::from_secs(seconds.unwrap_or(0))
}

/// Answers one call.
pub fn handle(queues: &mut Queues, caller: Option<&Principal>, call: &Call) -> Answer {
    let Some(caller) = caller else { return Err(errors::denied("anonymous", &call.operation, "*")) };
    match call.operation.as_str() {
        "ReceiveMessage" => receive::receive_message(queues, caller, call),
        "DeleteMessage" => delete::delete_message(queues, caller, call),
        "DeleteMessageBatch" => delete::delete_message_batch(queues, caller, call),
        "GetQueueUrl" => get_queue_url(queues, caller, call),
        "GetQueueAttributes" => get_queue_attributes(queues, caller, call),
        _ => send::send_message(queues, caller, call),
    }
}

fn get_queue_url(queues: &Queues, caller: &Principal, call: &Call) -> Answer {
    let owner = call.input.get("QueueOwnerAWSAccountId").and_then(Value::as_str).unwrap_or(&caller.account);
    let at = queues.place(&call.region, owner, text(call, "QueueName")?);
    // Of a queue in another account AWS does not say whether it exists.
    let queue = at.map(|at| &queues.queues[at]).filter(|queue| queue.admits(caller)).ok_or_else(errors::no_queue)?;
    Ok(json!({"QueueUrl": queue.url}))
}

fn get_queue_attributes(queues: &Queues, caller: &Principal, call: &Call) -> Answer {
    let queue = &queues.queues[queues.named(caller, call)?];
    let asked = names(call, "AttributeNames")?;
    if let Some(unknown) = asked.iter().find(|name| !ATTRIBUTES.contains(name)) {
        return Err(ApiError::bad_request("InvalidAttributeName", format!("Unknown Attribute {unknown}.")));
    }
    let numbers = queue.numbers(call.now);
    let section = &queue.section;
    let created = queue.created.as_second().to_string();
    let mut all = vec![
        ("QueueArn", queue.arn.clone()),
        ("VisibilityTimeout", section.visibility_timeout_seconds.to_string()),
        ("MessageRetentionPeriod", section.retention_seconds.to_string()),
        ("MaximumMessageSize", MOST_BYTES.to_string()),
        ("DelaySeconds", "0".to_owned()),
        ("ReceiveMessageWaitTimeSeconds", "0".to_owned()),
        ("CreatedTimestamp", created.clone()),
        ("LastModifiedTimestamp", created),
        ("SqsManagedSseEnabled", "true".to_owned()),
        ("ApproximateNumberOfMessages", numbers.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", numbers.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", numbers.delayed.to_string()),
    ];
    if let Some((redrive, dead)) =
        section.redrive.as_ref().and_then(|r| Some((r, queues.beside(queue, &r.dead_letter_queue)?)))
    {
        let policy =
            json!({"deadLetterTargetArn": queues.queues[dead].arn, "maxReceiveCount": redrive.max_receive_count});
        all.push(("RedrivePolicy", policy.to_string()));
    }
    let wanted = |name: &str| asked.iter().any(|asked| *asked == name || *asked == "All");
    let given: serde_json::Map<String, Value> =
        all.into_iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.to_owned(), json!(value))).collect();
    Ok(if given.is_empty() { json!({}) } else { json!({"Attributes": given}) })
}

/// Region (where the host tells it), account and name in the URL of a queue.
fn parse_url(url: &str) -> Result<(Option<&str>, &str, &str), ApiError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let parts: Vec<&str> = rest.unwrap_or_default().split('/').collect();
    let [host, account, name] = parts[..] else { return Err(errors::no_queue()) };
    let host = host.trim_end_matches(".cn");
    let region = host
        .strip_prefix("sqs.")
        .and_then(|rest| rest.strip_suffix(".amazonaws.com"))
        .or_else(|| host.strip_suffix(".queue.amazonaws.com"))
        .or_else(|| (host == "queue.amazonaws.com").then_some("us-east-1"));
    Ok((region, account, name))
}

/// A text that must be there.
fn text<'a>(call: &'a Call, name: &str) -> Result<&'a str, ApiError> {
    match call.input.get(name) {
        None | Some(Value::Null) => Err(errors::missing(name)),
        Some(Value::String(text)) if text.is_empty() => Err(errors::missing(name)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(errors::unreadable(name)),
    }
}

/// A list of texts; empty when left out.
fn names<'a>(call: &'a Call, name: &str) -> Result<Vec<&'a str>, ApiError> {
    let Some(given) = call.input.get(name).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let texts = given.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
    texts.ok_or_else(|| errors::unreadable(name))
}

/// A number within bounds.
fn number(call: &Call, name: &str, least: i64, most: i64) -> Result<Option<i64>, ApiError> {
    let Some(given) = call.input.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let number = given.as_i64().ok_or_else(|| errors::unreadable(name))?;
    if (least..=most).contains(&number) {
        return Ok(Some(number));
    }
    let reason = format!("Must be >= {least} and <= {most}, if provided.");
    Err(errors::invalid(name, &number.to_string(), &reason))
}
