//! The control port's `/world/queues`: queues as they are, changes of them, messages from nowhere.

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Queues;
use super::queue::Queue;
use super::section::QueueChange;
use crate::securityhub::ControlRequest;

/// `POST /world/queues/{name}/messages`: a text goes as it stands, anything else as JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewMessage {
    body: Value,
}

/// Answers one request. `rest` is the path behind `/world/queues`.
pub fn control(queues: &mut Queues, now: Timestamp, request: &ControlRequest, rest: &[&str]) -> anyhow::Result<Value> {
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let all: Vec<Value> = queues.queues.iter().map(|queue| show(queue, now)).collect();
            Ok(json!({"queues": all}))
        }
        ("GET", [name]) => {
            let queue = queue(queues, name)?;
            let mut shown = show(queue, now);
            shown["content"] = json!(queue.show(now));
            Ok(shown)
        }
        ("POST", [name]) => {
            let queue = queue(queues, name)?;
            queue.section.change(body::<QueueChange>(request)?)?;
            Ok(show(queue, now))
        }
        ("POST", [name, "messages"]) => {
            let NewMessage { body } = body(request)?;
            let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            Ok(json!({"id": queue(queues, name)?.send(&text, "outside", now, 0)}))
        }
        ("DELETE", [name, "messages"]) => Ok(json!({"deleted": queue(queues, name)?.purge()})),
        (method, _) => bail!("{method} {}: nothing here", request.path),
    }
}

fn body<T: serde::de::DeserializeOwned>(request: &ControlRequest) -> anyhow::Result<T> {
    serde_json::from_value(request.body.clone()).with_context(|| format!("body of {}", request.path))
}

fn queue<'a>(queues: &'a mut Queues, name: &str) -> anyhow::Result<&'a mut Queue> {
    let mut found = queues.queues.iter_mut().filter(|queue| queue.section.name == name);
    let queue = found.next().with_context(|| format!("no queue {name:?}"))?;
    anyhow::ensure!(found.next().is_none(), "more than one queue is called {name:?}");
    Ok(queue)
}

fn show(queue: &Queue, now: Timestamp) -> Value {
    let (section, numbers) = (&queue.section, queue.numbers(now));
    json!({
        "name": section.name, "account": section.account.0, "region": section.region, "url": queue.url,
        "events": section.events, "managementEvents": section.management_events, "duplicateEvery": section.duplicate_every, "shuffle": section.shuffle,
        "visible": numbers.visible, "inFlight": numbers.in_flight, "delayed": numbers.delayed,
    })
}
