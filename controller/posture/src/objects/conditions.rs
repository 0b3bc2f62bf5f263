//! Conditions by the Kubernetes API conventions: a transition time moves only when the status does.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// A condition without its times: what a reconcile found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Type, such as `Ready`.
    pub type_: &'static str,
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// Reason in CamelCase.
    pub reason: String,
    /// In words, with what to do.
    pub message: String,
}

impl Fact {
    /// A condition that is true.
    pub fn yes(type_: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self { type_, status: "True", reason: reason.to_owned(), message: message.into() }
    }

    /// A condition that is false.
    pub fn no(type_: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self { type_, status: "False", reason: reason.to_owned(), message: message.into() }
    }

    /// A condition that is not known.
    pub fn unknown(type_: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self { type_, status: "Unknown", reason: reason.to_owned(), message: message.into() }
    }
}

/// The facts as conditions. Times of conditions whose status did not change are kept.
#[must_use]
pub fn merge(facts: &[Fact], previous: &[Condition], generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    facts
        .iter()
        .map(|fact| {
            let old = previous.iter().find(|condition| condition.type_ == fact.type_);
            let last_transition_time = match old {
                Some(old) if old.status == fact.status => old.last_transition_time.clone(),
                _ => time(now),
            };
            Condition {
                type_: fact.type_.to_owned(),
                status: fact.status.to_owned(),
                reason: fact.reason.clone(),
                message: bounded(&fact.message),
                observed_generation: generation,
                last_transition_time,
            }
        })
        .collect()
}

/// Now, in whole seconds: the API server would cut the rest, and the next comparison would see a difference.
#[must_use]
pub fn time(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// The API conventions allow 32 KiB; nobody reads more than this.
fn bounded(message: &str) -> String {
    const LIMIT: usize = 2048;
    if message.len() <= LIMIT {
        return message.to_owned();
    }
    let end = (0..=LIMIT - 4).rev().find(|index| message.is_char_boundary(*index)).unwrap_or(0);
    format!("{} ...", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_transition_time_moves_only_with_the_status() {
        let first = merge(&[Fact::no("Ready", "Reading", "x")], &[], Some(1), at(10));
        let second = merge(&[Fact::no("Ready", "Denied", "y")], &first, Some(2), at(20));
        assert_eq!(second[0].last_transition_time, time(at(10)));
        assert_eq!(second[0].reason, "Denied");
        let third = merge(&[Fact::yes("Ready", "Read", "z")], &second, Some(2), at(30));
        assert_eq!(third[0].last_transition_time, time(at(30)));
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let facts = [Fact::yes("Ready", "Read", "ä".repeat(3000))];
        let merged = merge(&facts, &[], None, at(0));
        assert!(merged[0].message.len() <= 2048);
        assert!(merged[0].message.ends_with(" ..."));
    }
}
