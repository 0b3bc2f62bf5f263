//! Events: one per reason and reconcile, at most one a second, and a failing one never fails a reconcile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::conditions::Fact;
use crate::waiting::{Troubles, class_of};

/// What happened to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// Whether somebody should look.
    pub warning: bool,
    /// Reason in CamelCase.
    pub reason: String,
    /// What the operator was doing.
    pub action: &'static str,
    /// In words.
    pub note: String,
}

/// An event when an object becomes valid or invalid; of a valid one at its first sight none.
#[must_use]
pub fn of_validity(before: &[Condition], facts: &[Fact]) -> Vec<Happening> {
    let before = before.iter().find(|condition| condition.type_ == "Ready");
    let Some(ready) = facts.iter().find(|fact| fact.type_ == "Ready") else { return Vec::new() };
    let news = match before {
        Some(before) => before.status != ready.status,
        None => ready.status != "True",
    };
    let happening = || Happening {
        warning: ready.status != "True",
        reason: ready.reason.clone(),
        action: "Validate",
        note: ready.message.clone(),
    };
    if news { vec![happening()] } else { Vec::new() }
}

/// At most one a second, whoever asks.
#[derive(Clone)]
struct Pace(Arc<Mutex<Instant>>);

impl Pace {
    /// Waits for the next turn.
    async fn turn(&self) {
        let mut next = self.0.lock().await;
        tokio::time::sleep_until(*next).await;
        *next = Instant::now() + Duration::from_secs(1);
    }
}

/// Publishes events.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    pace: Pace,
    troubles: Arc<Troubles>,
}

impl Events {
    /// A publisher that reports as `instance`.
    #[must_use]
    pub fn new(client: Client, instance: &str) -> Self {
        let reporter = Reporter { controller: "soc2-operator".to_owned(), instance: Some(instance.to_owned()) };
        let pace = Pace(Arc::new(Mutex::new(Instant::now())));
        Self { recorder: Recorder::new(client, reporter), pace, troubles: Arc::default() }
    }

    /// Publishes in the background, the first of each reason.
    pub fn publish(&self, reference: &ObjectReference, happenings: Vec<Happening>) {
        if happenings.is_empty() {
            return;
        }
        let (events, reference) = (self.clone(), reference.clone());
        tokio::spawn(async move {
            for happening in first_of_each(happenings) {
                events.publish_one(&reference, happening).await;
            }
        });
    }

    async fn publish_one(&self, reference: &ObjectReference, happening: Happening) {
        self.pace.turn().await;
        let event = Event {
            type_: if happening.warning { EventType::Warning } else { EventType::Normal },
            reason: happening.reason,
            note: Some(cut(&happening.note)),
            action: happening.action.to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, reference).await
            && self.troubles.is_news(&class_of(&error))
        {
            tracing::warn!(%error, reason = %event.reason, "an event could not be published");
        }
    }
}

/// The first of each reason.
fn first_of_each(mut happenings: Vec<Happening>) -> Vec<Happening> {
    let mut reasons = BTreeSet::new();
    happenings.retain(|happening| reasons.insert(happening.reason.clone()));
    happenings
}

/// The API allows 1 kB.
fn cut(note: &str) -> String {
    let end = (0..=note.len().min(1000)).rev().find(|index| note.is_char_boundary(*index)).unwrap_or(0);
    note[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn events_are_a_second_apart_whoever_publishes_them() {
        let pace = Pace(Arc::new(Mutex::new(Instant::now())));
        let began = Instant::now();
        let turns = (0..3).map(|_| {
            let pace = pace.clone();
            tokio::spawn(async move {
                pace.turn().await;
                pace.turn().await;
                began.elapsed().as_secs()
            })
        });
        let turns: Vec<_> = turns.collect();
        let mut seconds = Vec::new();
        for turn in turns {
            seconds.push(turn.await.unwrap());
        }
        assert_eq!(seconds.iter().max(), Some(&5), "six turns: {seconds:?}");
        // After a rest the next one comes at once.
        tokio::time::sleep(Duration::from_mins(1)).await;
        let began = Instant::now();
        pace.turn().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[test]
    fn a_reconcile_has_one_event_a_reason() {
        let happening = |reason: &str, note: &str| Happening {
            warning: false,
            reason: reason.to_owned(),
            action: "Assess",
            note: note.to_owned(),
        };
        let all = vec![happening("A", "1"), happening("B", "2"), happening("A", "3")];
        assert_eq!(first_of_each(all), [happening("A", "1"), happening("B", "2")]);
    }

    #[test]
    fn a_note_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(600);
        assert_eq!(cut(&long).len(), 1000);
    }
}
