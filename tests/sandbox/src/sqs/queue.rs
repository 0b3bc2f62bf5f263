//! One standard queue: at least once, in any order, out of sight for a while once received.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::section::QueueSection;
use crate::clock::shifted;
use crate::identity::Principal;

/// Receipt handles begin like AWS's.
const HANDLE: &str = "AQEB";

/// A queue with its messages.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) section: QueueSection,
    pub(super) arn: String,
    pub(super) url: String,
    pub(super) created: Timestamp,
    /// Copies of messages, in the order in which they came.
    copies: BTreeMap<u64, Stored>,
    /// Copies so far.
    serial: u64,
    /// Messages so far.
    sent: u64,
}

/// A copy of a message. A duplicate has the same id and is deleted by itself.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) body: Arc<str>,
    pub(super) sender: String,
    pub(super) sent: Timestamp,
    visible_at: Timestamp,
    first_received: Option<Timestamp>,
    received: u32,
    /// Part of the newest receipt handle; older ones delete nothing.
    token: u128,
}

/// How many messages there are: those that can be received, those in flight, those still delayed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) visible: u64,
    pub(super) in_flight: u64,
    pub(super) delayed: u64,
}

impl Queue {
    pub(super) fn new(section: QueueSection, partition: &str, created: Timestamp) -> Self {
        let QueueSection { name, region, .. } = &section;
        let account = &section.account.0;
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Self {
            arn: format!("arn:{partition}:sqs:{region}:{account}:{name}"),
            url: format!("https://sqs.{region}.{suffix}/{account}/{name}"),
            section,
            created,
            copies: BTreeMap::new(),
            serial: 0,
            sent: 0,
        }
    }

    /// Whether a caller may use the queue as far as the queue is concerned.
    pub(super) fn admits(&self, caller: &Principal) -> bool {
        let named = |name: &str| {
            let root = name.ends_with(":root") && name.split(':').nth(4) == Some(&caller.account);
            name == "*" || name == caller.account || root || name == caller.arn || Some(name) == caller.role.as_deref()
        };
        self.section.account.0 == caller.account || self.section.principals.iter().any(|name| named(&name.0))
    }

    /// Takes a message in. Gives its id.
    pub(super) fn send(&mut self, body: &str, sender: &str, now: Timestamp, delay: i64) -> String {
        self.sent += 1;
        let message = Stored {
            id: crate::server::request_id(),
            body: body.into(),
            sender: sender.to_owned(),
            sent: now,
            visible_at: later(now, delay),
            first_received: None,
            received: 0,
            token: 0,
        };
        let id = message.id.clone();
        let every = self.section.duplicate_every;
        if every > 0 && self.sent.is_multiple_of(every) {
            self.put(message.clone());
        }
        self.put(message);
        id
    }

    /// Takes in a message that another queue gave up; its age goes on.
    pub(super) fn put(&mut self, message: Stored) {
        self.serial += 1;
        self.copies.insert(self.serial, message);
    }

    /// Gives out at most `most` messages with their receipt handles, and those that were received too often.
    pub(super) fn receive(
        &mut self,
        now: Timestamp,
        most: usize,
        timeout: Option<i64>,
    ) -> (Vec<(String, Stored)>, Vec<Stored>) {
        self.forget_old(now);
        let limit = self.section.redrive.as_ref().map(|redrive| redrive.max_receive_count);
        let hidden_until = later(now, timeout.unwrap_or(self.section.visibility_timeout_seconds));
        let (mut given, mut dead) = (Vec::new(), Vec::new());
        for serial in self.visible(now) {
            if given.len() == most {
                break;
            }
            let Some(copy) = self.copies.get_mut(&serial) else { continue };
            if limit.is_some_and(|limit| copy.received >= limit) {
                dead.extend(self.copies.remove(&serial));
                continue;
            }
            copy.received += 1;
            copy.first_received = copy.first_received.or(Some(now));
            copy.visible_at = hidden_until;
            copy.token = rand::random();
            given.push((handle(&self.arn, serial, copy.token), copy.clone()));
        }
        let revive = |copy: Stored| Stored { visible_at: now, received: 0, first_received: None, ..copy };
        (given, dead.into_iter().map(revive).collect())
    }

    /// Deletes the copy of a receipt handle, if the handle is its newest; `None` when the text is no handle of this queue.
    pub(super) fn delete(&mut self, text: &str) -> Option<()> {
        let (serial, token) = parse(&self.arn, text)?;
        if self.copies.get(&serial).is_some_and(|copy| copy.token == token) {
            self.copies.remove(&serial);
        }
        Some(())
    }

    /// Takes all messages away.
    pub(super) fn purge(&mut self) -> usize {
        std::mem::take(&mut self.copies).len()
    }

    /// When the next message comes into sight.
    pub(super) fn next_visible(&self, now: Timestamp) -> Option<Timestamp> {
        self.copies.values().map(|copy| copy.visible_at).filter(|at| *at > now).min()
    }

    pub(super) fn numbers(&self, now: Timestamp) -> Numbers {
        let mut numbers = Numbers::default();
        for copy in self.copies.values().filter(|copy| !self.is_old(copy, now)) {
            match (copy.visible_at > now, copy.received) {
                (false, _) => numbers.visible += 1,
                (true, 0) => numbers.delayed += 1,
                (true, _) => numbers.in_flight += 1,
            }
        }
        numbers
    }

    /// All copies, for the control port.
    pub(super) fn show(&self, now: Timestamp) -> Vec<Value> {
        let shown = self.copies.values().map(|copy| {
            let visible = copy.visible_at <= now;
            json!({"id": copy.id, "body": copy.body, "sentAt": copy.sent, "received": copy.received, "visible": visible})
        });
        shown.collect()
    }

    /// Copies that can be received, oldest first or in no order at all.
    fn visible(&self, now: Timestamp) -> Vec<u64> {
        let visible = self.copies.iter().filter(|(_, copy)| copy.visible_at <= now);
        let mut serials: Vec<u64> = visible.map(|(serial, _)| *serial).collect();
        if self.section.shuffle {
            let hasher = BuildHasherDefault::<DefaultHasher>::default();
            serials.sort_by_key(|serial| hasher.hash_one(serial));
        }
        serials
    }

    fn is_old(&self, copy: &Stored, now: Timestamp) -> bool {
        later(copy.sent, self.section.retention_seconds) <= now
    }

    fn forget_old(&mut self, now: Timestamp) {
        let retention = self.section.retention_seconds;
        self.copies.retain(|_, copy| later(copy.sent, retention) > now);
    }
}

impl Stored {
    /// The message as `ReceiveMessage` answers it, with the attributes asked for.
    pub(super) fn message(&self, handle: &str, attributes: &[&str]) -> Value {
        let millis = |time: Timestamp| time.as_millisecond().to_string();
        let all = [
            ("SenderId", self.sender.clone()),
            ("SentTimestamp", millis(self.sent)),
            ("ApproximateReceiveCount", self.received.to_string()),
            ("ApproximateFirstReceiveTimestamp", millis(self.first_received.unwrap_or(self.sent))),
        ];
        let asked = |name: &str| attributes.iter().any(|asked| *asked == name || *asked == "All");
        let attributes: serde_json::Map<String, Value> = all
            .into_iter()
            .filter(|(name, _)| asked(name))
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let mut message = json!({
            "MessageId": self.id, "ReceiptHandle": handle, "MD5OfBody": md5(&self.body), "Body": self.body,
        });
        if !attributes.is_empty() {
            message["Attributes"] = Value::Object(attributes);
        }
        message
    }
}

/// MD5 of a message's body, in hexadecimal.
pub(super) fn md5(body: &str) -> String {
    hex::encode(Md5::digest(body))
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    shifted(time, SignedDuration::from_secs(seconds))
}

/// Stands for the queue in its handles.
fn mark(arn: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(arn)
}

fn handle(arn: &str, serial: u64, token: u128) -> String {
    format!("{HANDLE}{:016x}{serial:016x}{token:032x}", mark(arn))
}

fn parse(arn: &str, text: &str) -> Option<(u64, u128)> {
    let digits = text.strip_prefix(HANDLE).filter(|digits| digits.len() == 64 && digits.is_ascii())?;
    let own = u64::from_str_radix(&digits[..16], 16).ok()? == mark(arn);
    let serial = u64::from_str_radix(&digits[16..32], 16).ok()?;
    let token = u128::from_str_radix(&digits[32..], 16).ok()?;
    own.then_some((serial, token))
}
