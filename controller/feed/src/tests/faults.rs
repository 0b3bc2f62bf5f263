//! Errors, throttling, tokens that expire, listings without end.

use std::collections::BTreeSet;
use std::time::Duration;

use soc2_aws::ErrorClass::{Denied, Terminal, Throttled, Transient};
use soc2_posture::source::HubError;

use super::fake::{Fake, HOME, LINKED, account, error};
use super::world::{Bench, HOUR, MINUTE, config};

/// A fake with pages of 20.
fn filled(accounts: u64) -> Fake {
    let fake = Fake::new(accounts);
    {
        let mut cloud = fake.cloud();
        cloud.fill(40);
        cloud.page = 20;
    }
    fake
}

#[tokio::test(start_paused = true)]
async fn every_second_call_throttled_or_failed_changes_nothing_in_the_end() {
    let fake = filled(12);
    let errors = (0..200).map(|n| (n % 2 == 0).then(|| error(if n % 4 == 0 { Throttled } else { Transient }, "Some")));
    fake.cloud().failing.insert("Findings".to_owned(), errors.collect());
    let bench = Bench::settled(fake, config()).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert_eq!(bench.facts().regions[0].error, None);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_fails_is_tried_again_and_the_others_do_not_wait() {
    let fake = filled(12);
    // Long enough to exhaust the tries of several pages.
    let errors = (0..30).map(|n| (n > 5).then(|| error(Transient, "ServiceException")));
    fake.cloud().failing.insert("Findings".to_owned(), errors.collect());
    let bench = Bench::settled(fake, config()).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn what_stood_stands_while_aws_fails_and_calls_become_rare() {
    let bench = Bench::settled(filled(5), config()).await;
    let before = bench.facts().regions[0].complete_at.unwrap();
    bench.fake.cloud().broken.insert("Findings".to_owned(), error(Transient, "ServiceException"));
    tokio::time::sleep(20 * MINUTE).await;
    bench.fake.take_calls("Findings");
    tokio::time::sleep(10 * HOUR).await;
    let calls = bench.fake.take_calls("Findings");
    assert!((100..=400).contains(&calls), "{calls}");
    let facts = bench.facts();
    assert!(
        facts.regions[0].complete_at.unwrap().duration_since(before).as_mins() < 10,
        "its age says that nothing was read"
    );
    assert_eq!(facts.regions[0].error.as_ref().unwrap().code, "ServiceException");
    let hub = bench.hub(HOME).unwrap();
    assert_eq!((hub.error, hub.swept.len()), (None, 6));
    bench.fake.cloud().broken.clear();
    bench.fake.cloud().change(3, |finding| finding.compliance = Some("WARNING".to_owned()));
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert_eq!(bench.facts().regions[0].error, None);
}

#[tokio::test(start_paused = true)]
async fn findings_that_may_not_be_read_make_the_region_denied() {
    let bench = Bench::settled(filled(5), config()).await;
    bench.fake.cloud().broken.insert("Findings".to_owned(), error(Denied, "AccessDeniedException"));
    tokio::time::sleep(6 * MINUTE).await;
    for region in [HOME, LINKED] {
        let hub = bench.hub(region).unwrap();
        assert!(matches!(hub.error, Some(HubError::AccessDenied(_))), "{hub:?}");
        assert!(hub.members.is_empty());
    }
    bench.fake.cloud().broken.clear();
    tokio::time::sleep(6 * MINUTE).await;
    let hub = bench.hub(HOME).unwrap();
    assert_eq!((hub.error, hub.members.len(), hub.swept.len()), (None, 5, 6));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_was_never_readable_costs_little() {
    let fake = filled(40);
    fake.cloud().broken.insert("Findings".to_owned(), error(Denied, "AccessDeniedException"));
    let bench = Bench::start(fake, config());
    tokio::time::sleep(10 * HOUR).await;
    let calls = bench.fake.take_calls("Findings");
    assert!((20..=150).contains(&calls), "{calls}");
    assert!(!bench.facts().restarting, "nothing more can be read without somebody's help");
    assert!(bench.facts().regions[0].error.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_begins_the_listing_again() {
    let fake = filled(6);
    fake.cloud().meddler = Some(Box::new(|cloud, call| {
        if matches!(call, 6 | 13 | 14) {
            cloud.tokens_from = call;
        }
        if call == 8 {
            cloud.change(2, |finding| finding.record_state = Some("ARCHIVED".to_owned()));
        }
    }));
    let bench = Bench::settled(fake, config()).await;
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert_eq!(bench.facts().regions[0].error, None);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_always_expire_are_an_error_and_no_endless_loop() {
    let fake = filled(6);
    fake.cloud().meddler = Some(Box::new(|cloud, call| cloud.tokens_from = call));
    let bench = Bench::start(fake, config());
    tokio::time::sleep(HOUR).await;
    assert!(bench.fake.take_calls("Findings") < 1500);
    assert!(bench.facts().restarting);
    assert!(bench.hub(HOME).unwrap().swept.is_empty(), "nothing incomplete counts as swept");
    assert_eq!(bench.facts().regions[0].error.as_ref().unwrap().code, "InvalidInputException");
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_never_ends_is_given_up() {
    let fake = filled(6);
    fake.cloud().stuck = true;
    let bench = Bench::start(fake, config());
    tokio::time::sleep(HOUR).await;
    assert!(bench.fake.take_calls("Findings") < 1500);
    assert_eq!(bench.facts().regions[0].error.as_ref().unwrap().code, "EndlessListing");
    assert!(bench.hub(HOME).unwrap().swept.is_empty());
    bench.fake.cloud().stuck = false;
    bench.until(|bench| !bench.facts().restarting).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn pages_that_are_always_empty_are_given_up() {
    let fake = filled(2);
    fake.cloud().empty_every = 1;
    let bench = Bench::start(fake, config());
    tokio::time::sleep(HOUR).await;
    assert!(bench.facts().regions[0].error.is_some());
    assert!(bench.hub(HOME).unwrap().swept.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_never_comes_to_rest_stays_incomplete_and_the_others_are_swept() {
    let fake = filled(40);
    {
        let mut cloud = fake.cloud();
        cloud.latency = Duration::from_millis(100);
        let restless: Vec<usize> = (0..40).collect();
        // Each page of account 1 finds all of it moved.
        cloud.meddler = Some(Box::new(move |cloud, _| {
            for index in &restless {
                cloud.change(*index, |_| {});
            }
        }));
    }
    let bench = Bench::start(fake, config());
    tokio::time::sleep(2 * HOUR).await;
    let swept = bench.facts().swept;
    assert!(!swept.contains(&account(1)));
    assert!(swept.len() >= 30, "{}", swept.len());
    assert!(bench.facts().restarting);
    bench.fake.cloud().meddler = None;
    bench.until(|bench| !bench.facts().restarting).await;
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn a_survey_that_fails_for_a_moment_leaves_what_was_known() {
    let bench = Bench::settled(filled(3), config()).await;
    let before = bench.hub(LINKED);
    for operation in ["DescribeHub", "Aggregator"] {
        bench.fake.cloud().broken.insert(operation.to_owned(), error(Throttled, "TooManyRequestsException"));
        bench.fake.take_calls(operation);
        tokio::time::sleep(25 * MINUTE).await;
        let calls = bench.fake.take_calls(operation);
        assert!(calls < 60, "{operation}: {calls}");
        let now = bench
            .hub(LINKED)
            .map(|hub| soc2_posture::source::HubRegion { complete_at: before.as_ref().unwrap().complete_at, ..hub });
        assert_eq!(now, before, "{operation}");
        bench.fake.cloud().broken.clear();
    }
    // What somebody has to repair does not stand.
    bench.fake.cloud().broken.insert("Members".to_owned(), error(Denied, "AccessDeniedException"));
    tokio::time::sleep(11 * MINUTE).await;
    assert!(matches!(bench.hub(HOME).unwrap().error, Some(HubError::AccessDenied(_))));
    assert!(matches!(bench.hub(LINKED).unwrap().error, Some(HubError::AccessDenied(_))));
    // Operations that do not exist stop nothing.
    bench.fake.cloud().broken.clear();
    bench.fake.cloud().broken.insert("Standards".to_owned(), error(Terminal, "UnknownOperationException"));
    bench.fake.cloud().broken.insert("Associations".to_owned(), error(Denied, "AccessDeniedException"));
    tokio::time::sleep(61 * MINUTE).await;
    let hub = bench.hub(HOME).unwrap();
    assert_eq!((hub.error, hub.swept.len()), (None, 4));
    assert_eq!(bench.facts().regions[0].notes.len(), 1, "{:?}", bench.facts().regions[0].notes);
}
