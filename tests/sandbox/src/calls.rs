//! The log of calls that AWS was asked, bounded, and their counts, which are not.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde_json::{Value, json};

/// Calls that the log remembers.
const CAPACITY: usize = 200_000;
/// Inputs longer than this are not kept.
const LONGEST_INPUT: usize = 4096;

/// One call and how it ended.
#[derive(Debug)]
pub struct LoggedCall {
    /// When it was answered, by the sandbox's clock.
    pub at: Timestamp,
    /// Signing name of the service.
    pub service: String,
    /// Operation, or what was asked for when there is no such operation.
    pub operation: String,
    /// Account of the caller; empty when not authenticated.
    pub account: String,
    /// Region of the credential scope.
    pub region: String,
    /// ARN of the caller; empty when not authenticated.
    pub principal: String,
    /// `ok`, an error code, `cut` or `timeout`.
    pub outcome: String,
    /// Input of the operation.
    pub input: Value,
    /// Whether the operation is a write.
    pub writes: bool,
    /// The fault that acted on the call.
    pub fault: Option<String>,
}

#[derive(Debug)]
struct Entry {
    n: u64,
    /// Text, because a parsed input takes ten times the memory.
    input: Box<str>,
    call: LoggedCall,
}

/// The log.
#[derive(Debug, Default)]
pub struct CallLog {
    entries: VecDeque<Entry>,
    last: u64,
    counts: BTreeMap<String, BTreeMap<String, BTreeMap<String, u64>>>,
    throttles: u64,
    writes: u64,
}

impl CallLog {
    /// Adds a call.
    pub fn add(&mut self, mut call: LoggedCall) {
        self.last += 1;
        let input = text_of(call.input.take());
        let operations = self.counts.entry(call.service.clone()).or_default();
        *operations.entry(call.operation.clone()).or_default().entry(call.outcome.clone()).or_default() += 1;
        self.throttles += u64::from(is_throttle(&call.outcome));
        self.writes += u64::from(call.writes);
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { n: self.last, input, call });
    }

    /// Calls numbered above `after`, oldest first, and the number of the newest.
    #[must_use]
    pub fn after(&self, after: u64) -> Value {
        let from = self.entries.partition_point(|entry| entry.n <= after);
        let calls: Vec<Value> = self.entries.range(from..).map(Entry::show).collect();
        json!({"calls": calls, "last": self.last})
    }

    /// Counts by service, operation and outcome since the log was cleared, also of calls it no longer remembers.
    #[must_use]
    pub fn summary(&self) -> Value {
        let total: u64 = self.counts.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values).sum();
        json!({"total": total, "throttles": self.throttles, "writes": self.writes, "counts": self.counts})
    }

    /// Forgets all calls and counts; numbers go on.
    pub fn clear(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }
}

impl Entry {
    fn show(&self) -> Value {
        let call = &self.call;
        json!({
            "n": self.n, "at": call.at, "service": call.service, "operation": call.operation, "account": call.account,
            "region": call.region, "principal": call.principal, "outcome": call.outcome, "writes": call.writes,
            "fault": call.fault, "input": serde_json::from_str::<Value>(&self.input).unwrap_or(Value::Null),
        })
    }
}

fn is_throttle(outcome: &str) -> bool {
    matches!(outcome, "TooManyRequestsException" | "Throttling" | "ThrottlingException" | "RequestThrottled")
}

/// The input as text, without what is secret or too long.
fn text_of(mut input: Value) -> Box<str> {
    if let Some(token) = input.get_mut("WebIdentityToken") {
        *token = json!("(not logged)");
    }
    let text = input.to_string();
    if text.len() > LONGEST_INPUT { json!({"truncated": text.len()}).to_string().into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str, outcome: &str, input: Value) -> LoggedCall {
        LoggedCall {
            at: Timestamp::UNIX_EPOCH,
            service: "organizations".into(),
            operation: operation.into(),
            account: "111111111111".into(),
            region: "us-east-1".into(),
            principal: String::new(),
            outcome: outcome.into(),
            input,
            writes: operation.starts_with("Create"),
            fault: None,
        }
    }

    #[test]
    fn after_skips_what_was_seen_and_numbers_survive_clearing() {
        let mut log = CallLog::default();
        log.add(call("ListRoots", "ok", json!({})));
        log.add(call("CreatePolicy", "TooManyRequestsException", json!({"Name": "n"})));
        let seen = log.after(1);
        assert_eq!(seen["last"], 2);
        assert_eq!(seen["calls"].as_array().unwrap().len(), 1);
        assert_eq!(seen["calls"][0]["input"]["Name"], "n");
        let summary = log.summary();
        assert_eq!((&summary["total"], &summary["throttles"], &summary["writes"]), (&json!(2), &json!(1), &json!(1)));
        assert_eq!(summary["counts"]["organizations"]["ListRoots"]["ok"], 1);
        log.clear();
        log.add(call("ListRoots", "ok", json!({})));
        assert_eq!(log.after(0)["calls"][0]["n"], 3);
        assert_eq!(log.summary()["total"], 1);
    }

    #[test]
    fn tokens_and_long_inputs_are_not_kept() {
        let mut log = CallLog::default();
        log.add(call("AssumeRoleWithWebIdentity", "ok", json!({"WebIdentityToken": "eyJ"})));
        log.add(call("CreatePolicy", "ok", json!({"Content": "x".repeat(5000)})));
        let calls = log.after(0);
        assert_eq!(calls["calls"][0]["input"]["WebIdentityToken"], "(not logged)");
        assert!(calls["calls"][1]["input"]["truncated"].as_u64().unwrap() > 5000);
    }
}
