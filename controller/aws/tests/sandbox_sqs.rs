//! The queue against aws-sandbox, over the real wire protocol.
#![allow(missing_docs, clippy::expect_used)]

mod common;

use std::sync::Arc;

use common::Opened;
use common::sandbox::{OPERATOR, Sandbox};
use serde_json::json;
use soc2_aws::{ErrorClass, EventQueue, QueueMessage, Role};

const URL: &str = "https://sqs.eu-west-1.amazonaws.com/222222222222/soc2";

fn role(name: &str) -> Role {
    Role { arn: format!("arn:aws:iam::222222222222:role/{name}"), external_id: Some("acme-7".to_owned()) }
}

async fn stand() -> (Sandbox, Opened, Arc<dyn EventQueue>) {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let queue = opened.aws.event_queue(Some(&role("soc2-events")), URL, "eu-west-1");
    (sandbox, opened, queue)
}

async fn send(sandbox: &Sandbox, body: &str) {
    sandbox.post("/world/queues/soc2/messages", json!({"body": body})).await;
}

fn bodies(messages: &[QueueMessage]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_str()).collect()
}

#[tokio::test]
async fn messages_are_given_out_until_they_are_deleted() {
    let (sandbox, opened, queue) = stand().await;
    for n in 0..12 {
        send(&sandbox, &n.to_string()).await;
    }
    let first = queue.receive().await.expect("messages");
    assert_eq!(bodies(&first), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    let receipts: Vec<String> = first[1..].iter().map(|message| message.receipt.clone()).collect();
    assert_eq!(queue.delete(receipts).await, Ok(9));
    assert_eq!(queue.delete(Vec::new()).await, Ok(0));
    assert_eq!(queue.delete(vec!["junk".to_owned(), first[0].receipt.clone()]).await, Ok(1));
    assert_eq!(bodies(&queue.receive().await.expect("the rest")), ["10", "11"]);
    sandbox.post("/clock", json!({"advanceSeconds": 31})).await;
    let again = queue.receive().await.expect("the same again");
    assert_eq!(bodies(&again), ["10", "11"]);
    // Ids are random: only the quoted text is the body.
    assert!(!format!("{again:?}").contains("\"10\""), "no body in logs: {again:?}");
    assert!(
        opened
            .metrics()
            .contains("soc2_aws_requests_total{service=\"sqs\",operation=\"ReceiveMessage\",outcome=\"ok\"} 3")
    );
}

#[tokio::test]
async fn an_empty_queue_is_waited_for() {
    let (sandbox, _opened, queue) = stand().await;
    let waiting = tokio::spawn(async move { queue.receive().await });
    while sandbox.calls().await.iter().all(|call| call["operation"] != "AssumeRole") {
        tokio::task::yield_now().await;
    }
    send(&sandbox, "at last").await;
    assert_eq!(bodies(&waiting.await.expect("no panic").expect("messages")), ["at last"]);
    assert_eq!(sandbox.outcomes("ReceiveMessage").await, ["ok"], "in one call");
}

#[tokio::test]
async fn errors_say_what_is_missing() {
    let (sandbox, opened, queue) = stand().await;
    let reader = opened.aws.event_queue(Some(&role("soc2-read")), URL, "eu-west-1");
    let error = reader.receive().await.expect_err("not allowed");
    assert_eq!(error.class, ErrorClass::Denied);
    assert!(
        error.message.starts_with(&format!(
            "sqs:ReceiveMessage on {URL} is not allowed for role arn:aws:iam::222222222222:role/soc2-read: grant it"
        )),
        "{error}"
    );

    sandbox.fault("DeleteMessageBatch", "accessDenied", json!({"times": 1})).await;
    let error = queue.delete(vec!["x".to_owned()]).await.expect_err("not allowed");
    assert_eq!(error.class, ErrorClass::Denied);
    assert!(error.message.starts_with("sqs:DeleteMessage on "), "{error}");

    let none = opened.aws.event_queue(Some(&role("soc2-events")), &URL.replace("soc2", "none"), "eu-west-1");
    let error = none.receive().await.expect_err("no queue");
    assert_eq!((error.class, error.is("QueueDoesNotExist")), (ErrorClass::Terminal, true), "{error:?}");
    assert!(error.message.starts_with("there is no queue https://"), "{error}");

    let foreign = opened.aws.event_queue(
        Some(&Role { arn: "arn:aws:iam::111111111111:role/half".into(), external_id: None }),
        URL,
        "x",
    );
    let error = foreign.receive().await.expect_err("not allowed");
    assert!(error.message.contains("in the queue's own policy too"), "{error}");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let (sandbox, _opened, queue) = stand().await;
    send(&sandbox, "x").await;
    for (after, kind) in ["throttle", "serverError", "cut"].into_iter().enumerate() {
        sandbox.fault("ReceiveMessage", kind, json!({"times": 1, "after": after})).await;
    }
    assert_eq!(bodies(&queue.receive().await.expect("in the end")), ["x"]);
    let outcomes = sandbox.outcomes("ReceiveMessage").await;
    assert_eq!(outcomes.last().map(String::as_str), Some("ok"), "{outcomes:?}");
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
}
