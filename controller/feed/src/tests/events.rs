//! The fast path: what a queue tells changes the world long before the next increment, and nothing it does is harmful.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use soc2_aws::ErrorClass;
use soc2_posture::index::Status;

use super::fake::queue::{HIDDEN, event};
use super::fake::{Fake, HOME, account, error};
use super::world::{Bench, HOUR, MINUTE, config};
use crate::{Accounts, EventFacts, EventsConfig, FeedConfig};

const SECOND: Duration = Duration::from_secs(1);
const URL: &str = "https://sqs.eu-west-1.amazonaws.com/222222222222/soc2";

/// With a queue, and increments so rare that what changes soon came through it.
fn with_queue() -> FeedConfig {
    let mut config = config();
    config.sources[0].events = Some(EventsConfig { queue_url: URL.to_owned(), role: None });
    config.intervals.findings = 6 * HOUR;
    config
}

async fn listening(fake: Fake) -> Bench {
    let bench = Bench::settled(fake, with_queue()).await;
    bench.until(|bench| facts(bench).heard).await;
    bench.fake.take_calls("Findings");
    bench
}

async fn filled() -> Bench {
    let fake = Fake::new(3);
    fake.cloud().fill(10);
    listening(fake).await
}

fn facts(bench: &Bench) -> EventFacts {
    bench.facts().events.first().cloned().unwrap_or_default()
}

fn fail(bench: &Bench, index: usize) {
    bench.fake.cloud().change(index, |finding| finding.compliance = Some("WARNING".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_event_changes_its_account_at_once_and_is_deleted() {
    let bench = filled().await;
    let mut changes = bench.feed.world().subscribe();
    fail(&bench, 0);
    let of = bench.fake.cloud().rows[0].finding.account_id.parse().unwrap();
    bench.fake.tell(0);
    tokio::time::sleep(SECOND).await;
    assert_eq!(changes.next().await.unwrap().accounts, Accounts::Some([of].into()));
    assert_eq!((bench.wrong(), bench.count(Status::Warning)), (BTreeSet::new(), 1));
    assert!(bench.fake.queued().is_empty());
    assert_eq!(bench.fake.take_calls("Findings"), 0, "without asking Security Hub");
    let counters = facts(&bench).counters;
    assert_eq!((counters.received(), counters.deleted(), counters.poison()), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn order_and_duplicates_do_not_matter() {
    let bench = filled().await;
    let mut versions = Vec::new();
    for word in ["WARNING", "FAILED", "PASSED", "FAILED", "NOT_AVAILABLE"] {
        let mut cloud = bench.fake.cloud();
        cloud.change(0, |finding| finding.compliance = Some(word.to_owned()));
        versions.push(event(&cloud.rows[0].finding));
    }
    for order in [[4, 0, 1, 2, 3], [2, 4, 4, 0, 2], [0, 1, 2, 3, 4]] {
        for version in order {
            bench.fake.send(versions[version].clone());
            tokio::time::sleep(SECOND).await;
        }
        assert_eq!(bench.wrong(), BTreeSet::new(), "{order:?}");
    }
    assert!(bench.fake.queued().is_empty());
    let mut changes = bench.feed.world().subscribe();
    bench.fake.send(versions[4].clone());
    tokio::time::sleep(SECOND).await;
    fail(&bench, 1);
    bench.fake.tell(1);
    let change = changes.next().await.unwrap();
    assert_eq!(
        change.accounts,
        Accounts::Some([bench.fake.cloud().rows[1].finding.account_id.parse().unwrap()].into())
    );
}

#[tokio::test(start_paused = true)]
async fn suppressions_that_come_and_go_are_confirmed_by_reading() {
    let bench = filled().await;
    let (mut before, mut after) = (String::new(), String::new());
    for (word, expected) in [("SUPPRESSED", 1), ("NEW", 0)] {
        before = event(&bench.fake.cloud().rows[0].finding);
        bench.fake.cloud().workflow(0, word);
        after = event(&bench.fake.cloud().rows[0].finding);
        bench.fake.send(after.clone());
        tokio::time::sleep(SECOND).await;
        assert_eq!((bench.count(Status::Suppressed), bench.wrong()), (expected, BTreeSet::new()));
        assert_eq!(bench.fake.take_calls("Findings"), 1, "one check is read again");
    }
    // The old word comes again, and again after the new one: reading decides each time.
    for order in [[&before, &after], [&after, &before]] {
        for told in order {
            bench.fake.send(told.clone());
        }
        tokio::time::sleep(SECOND).await;
        assert_eq!((bench.count(Status::Suppressed), bench.wrong()), (0, BTreeSet::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn while_security_hub_cannot_be_asked_the_worse_word_stands() {
    let bench = filled().await;
    bench.fake.cloud().workflow(0, "SUPPRESSED");
    bench.fake.tell(0);
    tokio::time::sleep(SECOND).await;
    assert_eq!(bench.count(Status::Suppressed), 1);
    bench.fake.cloud().broken.insert("Findings".to_owned(), error(ErrorClass::Denied, "AccessDenied"));
    bench.fake.cloud().workflow(0, "NEW");
    bench.fake.tell(0);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(bench.count(Status::Suppressed), 1, "it may be an old word that comes twice");
    bench.fake.cloud().broken.clear();
    bench.feed.request_now();
    tokio::time::sleep(MINUTE).await;
    assert_eq!((bench.count(Status::Suppressed), bench.wrong()), (0, BTreeSet::new()));
}

#[tokio::test(start_paused = true)]
async fn poison_is_counted_once_left_alone_and_stops_nothing() {
    let bench = filled().await;
    let poison: Vec<String> = ["", "{}", "not JSON"].iter().map(|body| bench.fake.send(*body)).collect();
    fail(&bench, 0);
    bench.fake.tell(0);
    tokio::time::sleep(SECOND).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    let left = |bench: &Bench| bench.fake.queued().into_iter().map(|message| message.id).collect::<Vec<_>>();
    assert_eq!(left(&bench), poison);
    tokio::time::sleep(10 * HIDDEN).await;
    let queued = bench.fake.queued();
    assert!(queued.iter().all(|message| (5..15).contains(&message.received)), "{queued:?}");
    let counters = facts(&bench).counters;
    assert_eq!((counters.poison(), counters.deleted()), (3, 1));
    assert!(facts(&bench).error.is_none() && bench.facts().regions[0].error.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_is_deleted_and_forgotten() {
    let bench = filled().await;
    let mut stranger = bench.fake.cloud().rows[0].finding.clone();
    stranger.account_id = account(999).to_string();
    bench.fake.send(event(&stranger));
    let mut elsewhere = bench.fake.cloud().rows[0].finding.clone();
    elsewhere.region = "ap-south-1".to_owned();
    bench.fake.send(event(&elsewhere));
    // Gone long ago: a sweep would have seen it.
    let mut gone = bench.fake.cloud().rows[0].finding.clone();
    gone.id = "gone".to_owned();
    bench.fake.send(event(&gone));
    tokio::time::sleep(SECOND).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert!(bench.fake.queued().is_empty());
    assert_eq!(facts(&bench).counters.deleted(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_an_event_lost_an_increment_finds() {
    let bench = filled().await;
    fail(&bench, 0);
    bench.fake.cloud().workflow(5, "SUPPRESSED");
    tokio::time::sleep(HOUR).await;
    assert_eq!(bench.wrong().len(), 1);
    tokio::time::sleep(6 * HOUR).await;
    assert_eq!((bench.wrong(), bench.count(Status::Suppressed)), (BTreeSet::new(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_cannot_be_read_is_said_and_nothing_else() {
    let fake = Fake::new(2);
    fake.cloud().fill(5);
    fake.cloud().broken.insert("Receive".to_owned(), error(ErrorClass::Denied, "AccessDenied"));
    let bench = Bench::settled(fake, with_queue()).await;
    bench.until(|bench| facts(bench).error.is_some()).await;
    let sources = bench.feed.world().read(|world| world.sources.clone());
    assert!(sources.regions.iter().all(|hub| hub.error.is_none()) && !facts(&bench).heard);
    bench.fake.take_calls("Receive");
    tokio::time::sleep(HOUR).await;
    let tries = bench.fake.take_calls("Receive");
    assert!((50..80).contains(&tries), "{tries} tries in an hour");
    assert_eq!(bench.feed.world().read(|world| world.sources.clone()), sources);
    bench.fake.cloud().broken.clear();
    bench.until(|bench| facts(bench).error.is_none() && facts(bench).heard).await;

    // Not being allowed to delete is trouble too: everything would come again and again.
    bench.fake.cloud().broken.insert("Delete".to_owned(), error(ErrorClass::Denied, "AccessDenied"));
    fail(&bench, 0);
    bench.fake.tell(0);
    bench.until(|bench| facts(bench).error.is_some()).await;
    assert_eq!(bench.wrong(), BTreeSet::new(), "it is taken in all the same");
    bench.fake.cloud().broken.clear();
    bench.until(|bench| facts(bench).error.is_none() && bench.fake.queued().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_from_the_queue_while_nobody_knows_whose_findings_count() {
    let fake = Fake::new(2);
    fake.cloud().fill(5);
    fake.cloud().broken.insert("DescribeHub".to_owned(), error(ErrorClass::Denied, "AccessDenied"));
    fake.tell(0);
    let bench = Bench::start(fake, with_queue());
    bench.until(|bench| bench.facts().regions.iter().any(|region| region.error.is_some())).await;
    tokio::time::sleep(MINUTE).await;
    assert_eq!((bench.fake.take_calls("Receive"), bench.fake.queued().len()), (0, 1));
    bench.fake.cloud().broken.clear();
    bench.feed.request_now();
    bench.until(|bench| facts(bench).heard && bench.fake.queued().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_checkpoint_loses_nothing_that_was_deleted() {
    let bench = filled().await;
    tokio::time::sleep(HOUR).await;
    let saved = bench.store.saved.lock().unwrap().clone();
    fail(&bench, 0);
    bench.fake.cloud().workflow(5, "SUPPRESSED");
    bench.fake.tell(0);
    bench.fake.tell(5);
    tokio::time::sleep(SECOND).await;
    assert!(bench.fake.queued().is_empty() && bench.wrong().is_empty());
    // A crash: the last checkpoint is from before.
    let Bench { fake, store, feed } = bench;
    feed.shutdown().await;
    *store.saved.lock().unwrap() = saved;
    let bench = Bench::start_with(fake, with_queue(), Arc::clone(&store));
    bench.until(|bench| facts(bench).heard).await;
    bench.until(|bench| bench.wrong().is_empty()).await;
    assert_eq!((bench.count(Status::Warning), bench.count(Status::Suppressed)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_deletion_is_harmless() {
    let bench = filled().await;
    bench.fake.cloud().broken.insert("Delete".to_owned(), error(ErrorClass::Transient, "Timeout"));
    fail(&bench, 0);
    bench.fake.tell(0);
    tokio::time::sleep(SECOND).await;
    assert_eq!((bench.wrong(), bench.fake.queued().len()), (BTreeSet::new(), 1));
    bench.fake.cloud().broken.clear();
    let bench = bench.restart(with_queue()).await;
    bench.until(|bench| facts(bench).heard).await;
    let mut changes = bench.feed.world().subscribe();
    bench.until(|bench| bench.fake.queued().is_empty()).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    bench.fake.cloud().import(account(1), HOME, "S3.1", "other", "FAILED", Duration::ZERO);
    let last = bench.fake.cloud().rows.len() - 1;
    bench.fake.tell(last);
    loop {
        let change = changes.next().await.unwrap();
        if !change.accounts.is_empty() {
            assert_eq!(change.accounts, Accounts::Some([account(1)].into()), "the second time was no change");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_may_come_and_go_with_the_spec() {
    let fake = Fake::new(2);
    fake.cloud().fill(5);
    let bench = Bench::settled(fake, config()).await;
    assert!(bench.facts().events.is_empty());
    bench.feed.update_config(with_queue());
    bench.until(|bench| facts(bench).heard).await;
    bench.feed.suspend(true);
    tokio::time::sleep(MINUTE).await;
    bench.fake.take_calls("Receive");
    fail(&bench, 0);
    bench.fake.tell(0);
    tokio::time::sleep(HOUR).await;
    assert_eq!((bench.fake.take_calls("Receive"), bench.fake.queued().len()), (0, 1));
    bench.feed.suspend(false);
    bench.until(|bench| bench.fake.queued().is_empty()).await;
    bench.feed.update_config(config());
    bench.until(|bench| bench.facts().events.is_empty()).await;
    tokio::time::sleep(MINUTE).await;
    bench.fake.take_calls("Receive");
    tokio::time::sleep(HOUR).await;
    assert_eq!(bench.fake.take_calls("Receive"), 0);
}
