//! Queues with a clock of their own.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::call::HandlerFaults;
use crate::world::World;

const URL: &str = "https://sqs.eu-west-1.amazonaws.com/222222222222/soc2";

/// Queues, someone who calls them, and the time.
struct Stand {
    queues: Queues,
    now: Timestamp,
}

impl Stand {
    fn new(more: &str) -> Self {
        let world = format!(
            "organization: {{id: o-exampleorgid, managementAccount: 111111111111}}
queues:
- {{name: soc2, account: 222222222222, region: eu-west-1, {more}}}
- {{name: dead, account: 222222222222, region: eu-west-1}}
"
        );
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        Self { queues: Queues::new(World::parse(&world).unwrap().queues, "aws", now).unwrap(), now }
    }

    fn wait(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    fn call_as(&mut self, account: &str, operation: &str, input: Value) -> Answer {
        let principal = format!("arn:aws:iam::{account}:root");
        let caller = Principal {
            arn: principal.clone(),
            user_id: account.into(),
            account: account.into(),
            role: None,
            rights: crate::iam::Rights::Everything,
        };
        let mut input = input;
        if input.get("QueueUrl").is_none() && operation != "GetQueueUrl" {
            input["QueueUrl"] = json!(URL);
        }
        let call = Call {
            operation: operation.into(),
            account: account.into(),
            principal,
            region: "eu-west-1".into(),
            now: self.now,
            input,
            path: "/".into(),
            query: BTreeMap::new(),
            faults: HandlerFaults::default(),
        };
        handle(&mut self.queues, Some(&caller), &call)
    }

    fn call(&mut self, operation: &str, input: Value) -> Answer {
        self.call_as("222222222222", operation, input)
    }

    fn send(&mut self, bodies: impl IntoIterator<Item = String>) {
        for body in bodies {
            self.call("SendMessage", json!({"MessageBody": body})).unwrap();
        }
    }

    /// Bodies and receipt handles.
    fn receive(&mut self, most: u64) -> Vec<(String, String)> {
        let answer = self.call("ReceiveMessage", json!({"MaxNumberOfMessages": most})).unwrap();
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let text = |message: &Value, name: &str| message[name].as_str().unwrap().to_owned();
        messages.iter().map(|message| (text(message, "Body"), text(message, "ReceiptHandle"))).collect()
    }

    fn delete(&mut self, handle: &str) {
        self.call("DeleteMessage", json!({"ReceiptHandle": handle})).unwrap();
    }
}

fn numbered(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|n| n.to_string())
}

#[test]
fn a_message_is_out_of_sight_until_it_is_deleted_or_its_time_is_over() {
    let mut stand = Stand::new("visibilityTimeoutSeconds: 30");
    stand.send(numbered(2));
    let first = stand.receive(10);
    assert_eq!(first.len(), 2);
    stand.wait(29);
    assert_eq!(stand.receive(10), []);
    stand.delete(&first[0].1);
    stand.wait(1);
    let second = stand.receive(10);
    assert_eq!(second.iter().map(|(body, _)| body.as_str()).collect::<Vec<_>>(), ["1"]);
    assert_ne!(second[0].1, first[1].1, "each receive has its own handle");
    // The old handle is taken, and does nothing.
    stand.delete(&first[1].1);
    stand.wait(30);
    let third = stand.receive(10);
    assert_eq!(third.len(), 1);
    stand.delete(&third[0].1);
    stand.delete(&third[0].1);
    stand.wait(100);
    assert_eq!(stand.receive(10), []);
}

#[test]
fn what_is_received_too_often_goes_to_the_dead_letters() {
    let mut stand = Stand::new("visibilityTimeoutSeconds: 10, redrive: {deadLetterQueue: dead, maxReceiveCount: 2}");
    stand.send(numbered(1));
    for _ in 0..2 {
        assert_eq!(stand.receive(1).len(), 1);
        stand.wait(10);
    }
    assert_eq!(stand.receive(1), []);
    let dead = json!({"QueueUrl": URL.replace("soc2", "dead")});
    let answer = stand.call("ReceiveMessage", dead).unwrap();
    assert_eq!(answer["Messages"][0]["Body"], "0");
}

#[test]
fn messages_are_not_kept_for_ever_and_may_be_delayed() {
    let mut stand = Stand::new("retentionSeconds: 60");
    stand.call("SendMessage", json!({"MessageBody": "late", "DelaySeconds": 50})).unwrap();
    stand.send(numbered(1));
    assert_eq!(stand.receive(10).len(), 1);
    stand.wait(50);
    assert_eq!(stand.receive(10).len(), 2);
    stand.wait(10);
    assert_eq!(stand.receive(10), []);
}

#[test]
fn duplicates_and_disorder_when_they_are_asked_for() {
    let mut stand = Stand::new("duplicateEvery: 3, shuffle: true");
    stand.send(numbered(30));
    let mut received = Vec::new();
    for _ in 0..4 {
        received.extend(stand.receive(10));
    }
    assert_eq!(received.len(), 40);
    assert_eq!(received.iter().map(|(body, _)| body).collect::<BTreeSet<_>>().len(), 30);
    let order: Vec<u32> = received.iter().map(|(body, _)| body.parse().unwrap()).collect();
    assert!(!order.is_sorted(), "{order:?}");
    // Deleting one of two leaves the other.
    for (_, handle) in &received[..39] {
        stand.delete(handle);
    }
    stand.wait(30);
    assert_eq!(stand.receive(10).len(), 1);
}

#[test]
fn others_need_the_queues_permission() {
    let mut stand = Stand::new("principals: [333333333333]");
    assert!(stand.call_as("333333333333", "ReceiveMessage", json!({})).is_ok());
    let error = stand.call_as("444444444444", "ReceiveMessage", json!({})).unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (403, "AccessDeniedException"));
    assert!(
        error.message.contains("sqs:receivemessage on resource: arn:aws:sqs:eu-west-1:222222222222:soc2"),
        "{error}"
    );
    let named = json!({"QueueName": "soc2", "QueueOwnerAWSAccountId": "222222222222"});
    assert_eq!(stand.call_as("333333333333", "GetQueueUrl", named.clone()).unwrap()["QueueUrl"], URL);
    assert_eq!(stand.call_as("444444444444", "GetQueueUrl", named).unwrap_err().code, "QueueDoesNotExist");
}

#[test]
fn sections_that_aws_would_refuse_are_refused() {
    for (queue, word) in [
        ("name: a b", "name"),
        ("name: x, visibilityTimeoutSeconds: 50000", "visibilityTimeoutSeconds"),
        ("name: x, retentionSeconds: 1", "retentionSeconds"),
        ("name: x, redrive: {deadLetterQueue: none, maxReceiveCount: 3}", "deadLetterQueue"),
        ("name: x, redrive: {deadLetterQueue: x, maxReceiveCount: 0}", "maxReceiveCount"),
    ] {
        let world = format!(
            "organization: {{id: o-exampleorgid, managementAccount: 111111111111}}\nqueues:\n- {{account: 222222222222, region: eu-west-1, {queue}}}\n"
        );
        let error = Queues::new(World::parse(&world).unwrap().queues, "aws", Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(format!("{error:#}").contains("queues[0]") && format!("{error:#}").contains(word), "{error:#}");
    }
}
