//! The condition `EventsReceived`: whether the queues of events can be read, else what to do. Findings are read all the same,
//! only more slowly.

use soc2_feed::{EventFacts, FeedFacts, ORGANIZATIONS};

use crate::kubernetes::conditions::Fact;
use crate::reasons;

/// Its type.
pub const TYPE: &str = "EventsReceived";

/// `EventsReceived` of an organization; `None` where no source has a queue.
#[must_use]
pub fn fact(feed: &FeedFacts) -> Option<Fact> {
    let mut failing = feed.events.iter().filter_map(|queue| Some((queue, queue.error.as_ref()?))).peekable();
    if let Some((queue, first)) = failing.peek() {
        let first_is_findings = queue.source != ORGANIZATIONS;
        let reason = if first.is("QueueDoesNotExist") { "QueueNotFound" } else { reasons::of(first) };
        let words: Vec<String> = failing.map(|(queue, error)| format!("{}: {}", queue.source, error.message)).collect();
        let meanwhile =
            if first_is_findings { "findings are read by increments" } else { "AWS is read at its interval" };
        let message = format!("{}; {meanwhile} meanwhile", words.join("; "));
        return Some(Fact::no(TYPE, reason, message));
    }
    if feed.events.iter().any(|queue: &EventFacts| !queue.heard) {
        let message = "queues of findings are read once their sources are, so that it is known whose findings count";
        return Some(Fact::unknown(TYPE, "Reading", message));
    }
    let queues = feed.events.len();
    let message = format!("{queues} {} read", if queues == 1 { "queue is" } else { "queues are" });
    (queues > 0).then(|| Fact::yes(TYPE, "Receiving", message))
}

#[cfg(test)]
mod tests {
    use soc2_aws::{AwsError, ErrorClass};

    use super::*;

    fn queue(source: &str, heard: bool, error: Option<(ErrorClass, &str)>) -> EventFacts {
        let error = error.map(|(class, code)| AwsError { class, code: code.to_owned(), message: format!("{code}!") });
        EventFacts { source: source.to_owned(), heard, error, ..EventFacts::default() }
    }

    fn said(events: Vec<EventFacts>) -> Option<(&'static str, String, String)> {
        let fact = fact(&FeedFacts { events, ..FeedFacts::default() })?;
        Some((fact.status, fact.reason, fact.message))
    }

    #[test]
    fn it_is_there_only_with_a_queue_and_names_what_is_wrong() {
        assert_eq!(said(vec![]), None);
        let (status, reason, _) = said(vec![queue("a", true, None), queue("b", false, None)]).unwrap();
        assert_eq!((status, reason.as_str()), ("Unknown", "Reading"));
        let (status, reason, message) = said(vec![queue("a", true, None)]).unwrap();
        assert_eq!((status, reason.as_str(), message.as_str()), ("True", "Receiving", "1 queue is read"));
        let denied = Some((ErrorClass::Denied, "AccessDenied"));
        let (status, reason, message) = said(vec![queue("a", true, None), queue("b", true, denied)]).unwrap();
        assert_eq!((status, reason.as_str()), ("False", "AccessDenied"));
        assert_eq!(message, "b: AccessDenied!; findings are read by increments meanwhile");
        let (_, _, message) = said(vec![queue("a", true, None), queue(ORGANIZATIONS, true, denied)]).unwrap();
        assert_eq!(message, "Organizations: AccessDenied!; AWS is read at its interval meanwhile");
        let gone = Some((ErrorClass::Terminal, "QueueDoesNotExist"));
        assert_eq!(said(vec![queue("a", false, gone)]).unwrap().1, "QueueNotFound");
    }
}
