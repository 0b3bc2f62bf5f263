//! What CloudTrail tells through the organization's own queue: AWS is read at once, and it is known who did what.

use std::time::Duration;

use serde_json::{Value, json};
use soc2_aws::ErrorClass;

use super::fake::{Fake, error};
use super::world::{Bench, MINUTE, config};
use crate::{EventFacts, EventsConfig, FeedConfig, ORGANIZATIONS, OrganizationEvents};

const SECOND: Duration = Duration::from_secs(1);
const OWN: &str = "arn:aws:iam::111111111111:role/soc2-write";

fn with_queue() -> FeedConfig {
    let url = "https://sqs.us-east-1.amazonaws.com/111111111111/soc2".to_owned();
    let queue = EventsConfig { queue_url: url, role: None };
    FeedConfig { organization_events: Some(OrganizationEvents { queue, own_role: Some(OWN.to_owned()) }), ..config() }
}

async fn listening() -> Bench {
    let bench = Bench::settled(Fake::new(2), with_queue()).await;
    bench.until(|bench| facts(bench).heard).await;
    tokio::time::sleep(SECOND).await;
    for operation in ["ListPolicies", "Organization"] {
        bench.fake.take_calls(operation);
    }
    bench
}

fn facts(bench: &Bench) -> EventFacts {
    bench.facts().events.iter().find(|queue| queue.source == ORGANIZATIONS).cloned().unwrap_or_default()
}

fn event(call: &str, role: &str, request: &Value, time: &str) -> String {
    json!({
        "source": "aws.organizations", "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventName": call, "eventTime": time, "requestParameters": request,
            "userIdentity": {"arn": "arn:aws:sts::1:assumed-role/x/y", "sessionContext": {"sessionIssuer": {"arn": role}}},
        },
    })
    .to_string()
}

/// Readings of the policies and of the tree since the last time.
async fn readings(bench: &Bench) -> (usize, usize) {
    tokio::time::sleep(5 * SECOND).await;
    (bench.fake.take_calls("ListPolicies"), bench.fake.take_calls("Organization "))
}

#[tokio::test(start_paused = true)]
async fn a_call_of_somebody_has_read_what_it_may_have_changed_once() {
    let bench = listening().await;
    let time = "2026-11-01T00:00:01Z";
    let detached =
        event("DetachPolicy", "arn:aws:iam::1:role/a", &json!({"policyId": "p-1", "targetId": "ou-1"}), time);
    bench.fake.send(&*detached);
    assert_eq!(readings(&bench).await, (1, 0));
    let deeds = bench.facts().deeds;
    assert_eq!((deeds.len(), deeds[0].call.as_str(), deeds[0].policy.as_deref()), (1, "DetachPolicy", Some("p-1")));
    assert!(bench.fake.queued().is_empty(), "it was deleted");
    // The same comes again.
    bench.fake.send(&*detached);
    assert_eq!(readings(&bench).await, (0, 0));
    bench.fake.send(event("MoveAccount", "arn:aws:iam::1:role/a", &json!({"accountId": "000000000001"}), time));
    assert_eq!(readings(&bench).await, (0, 1));
    bench.fake.send(event("SomethingNew", "arn:aws:iam::1:role/a", &Value::Null, time));
    assert_eq!(readings(&bench).await, (1, 1));
    assert_eq!(bench.facts().deeds.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_changes_no_policy_is_told_all_the_same() {
    let bench = listening().await;
    let mut changes = bench.feed.world().subscribe();
    bench.fake.send(event(
        "UntagResource",
        "arn:aws:iam::1:role/a",
        &json!({"resourceId": "ou-1"}),
        "2026-11-01T00:00:01Z",
    ));
    let change = tokio::time::timeout(5 * SECOND, changes.next()).await.unwrap().unwrap();
    assert!(change.facts);
}

#[tokio::test(start_paused = true)]
async fn our_own_calls_and_poison_have_nothing_read() {
    let bench = listening().await;
    bench.fake.send(event("DetachPolicy", OWN, &json!({"policyId": "p-1"}), "2026-11-01T00:00:01Z"));
    let poison = bench.fake.send("junk");
    assert_eq!(readings(&bench).await, (0, 0));
    assert!(bench.facts().deeds.is_empty());
    assert_eq!(bench.fake.queued().into_iter().map(|message| message.id).collect::<Vec<_>>(), [poison]);
    let counters = facts(&bench).counters;
    assert_eq!((counters.poison(), counters.deleted()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_cannot_be_read_costs_speed_and_nothing_else() {
    let fake = Fake::new(2);
    fake.cloud().broken.insert("Receive".to_owned(), error(ErrorClass::Denied, "AccessDenied"));
    let bench = Bench::settled(fake, with_queue()).await;
    bench.until(|bench| facts(bench).error.is_some()).await;
    bench.fake.take_calls("ListPolicies");
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(bench.fake.take_calls("ListPolicies"), 1, "at its interval");
    assert!(bench.facts().policies.error.is_none());
    bench.fake.cloud().broken.clear();
    bench.until(|bench| facts(bench).heard && facts(bench).error.is_none()).await;
    bench.feed.update_config(config());
    bench.until(|bench| bench.facts().events.is_empty()).await;
}
