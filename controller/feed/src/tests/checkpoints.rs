//! Restarts, with a checkpoint and without a usable one.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use soc2_aws::Role;
use soc2_posture::index::Status;

use super::fake::{Fake, HOME, LINKED, account, admin};
use super::world::{Bench, HOUR, MINUTE, config};
use crate::{SourceConfig, SourceRegions};

async fn filled(accounts: u64, each: usize) -> Bench {
    let fake = Fake::new(accounts);
    fake.cloud().fill(each);
    Bench::settled(fake, config()).await
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_a_checkpoint_makes_two_calls_and_changes_nothing() {
    let bench = filled(25, 60).await;
    tokio::time::sleep(20 * MINUTE).await;
    let bench = {
        let fake = bench.fake.clone();
        let restarted = bench.restart(config()).await;
        fake.take_calls("Findings");
        restarted
    };
    let mut changes = bench.feed.world().subscribe();
    bench.until(|bench| bench.facts().regions[0].complete_at.is_some()).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    tokio::time::sleep(4 * MINUTE).await;
    assert_eq!(bench.fake.take_calls("Findings"), 2);
    assert!(!bench.facts().restarting);
    let first = changes.next().await.unwrap();
    assert_eq!(first.accounts, crate::Accounts::All, "what the checkpoint had is news to readers");
    // The next increment reaches back; a full sweep comes when it is due, counted from the one before the restart.
    tokio::time::sleep(11 * HOUR).await;
    assert_eq!(bench.fake.take_calls("Findings") % 2, 0);
    assert!(bench.facts().regions[0].last_full_sweep.unwrap().started_at < "2026-11-01T00:01:00Z".parse().unwrap());
    tokio::time::sleep(HOUR).await;
    assert!(bench.facts().regions[0].last_full_sweep.unwrap().started_at > "2026-11-01T11:59:00Z".parse().unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_changed_while_nobody_looked_costs_its_pages() {
    let bench = filled(10, 60).await;
    let (fake, store) = (bench.fake.clone(), bench.store.clone());
    bench.feed.shutdown().await;
    tokio::time::sleep(HOUR).await;
    {
        let mut cloud = fake.cloud();
        for index in 0..250 {
            cloud.change(index, |finding| finding.compliance = Some("WARNING".to_owned()));
        }
    }
    fake.take_calls("Findings");
    let bench = Bench::start_with(fake, config(), store);
    bench.until(|bench| bench.count(Status::Warning) == 250).await;
    tokio::time::sleep(4 * MINUTE).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    // Three pages of changes, one of suppressions.
    assert_eq!(bench.fake.take_calls("Findings"), 4);
}

#[tokio::test(start_paused = true)]
async fn late_findings_of_before_the_restart_are_found_by_the_increment_after_the_next() {
    let bench = filled(3, 10).await;
    tokio::time::sleep(10 * MINUTE).await;
    bench.fake.cloud().change(0, |finding| finding.compliance = Some("FAILED".to_owned()));
    tokio::time::sleep(6 * MINUTE).await;
    let bench = bench.restart(config()).await;
    bench.until(|bench| bench.facts().regions[0].complete_at.is_some()).await;
    // It comes from a linked Region, ten minutes late.
    bench.fake.cloud().import(account(1), HOME, "S3.1", "late", "FAILED", 10 * MINUTE);
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_was_cut_off_goes_on_where_it_was() {
    let fake = Fake::new(60);
    {
        let mut cloud = fake.cloud();
        cloud.fill(100);
        (cloud.latency, cloud.spacing) = (Duration::from_millis(800), Duration::from_millis(500));
    }
    let bench = Bench::start(fake, config());
    bench.until(|bench| bench.facts().swept.len() >= 30).await;
    let before = bench.facts().swept.len();
    assert!(before < 60);
    let bench = bench.restart(config()).await;
    bench.fake.take_calls("Findings");
    bench.until(|bench| bench.facts().swept.len() >= before).await;
    assert!(bench.facts().restarting, "what was published before the first start still stands");
    bench.until(|bench| !bench.facts().restarting).await;
    let pages = bench.fake.take_calls("Findings");
    assert!(pages < 50, "{pages} of 61 pages and looks at the front");
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert!(bench.facts().regions[0].last_full_sweep.is_some());
}

#[tokio::test(start_paused = true)]
async fn without_a_checkpoint_it_is_said_when_it_is_known_what_is_disabled_and_with_one_it_is_known() {
    let fake = Fake::new(1);
    {
        let mut cloud = fake.cloud();
        cloud.hubs.get_mut(&(admin(), LINKED.to_owned())).unwrap().disabled.insert("S3.5".to_owned());
        // That takes a call for each control, and the findings here are a page.
        cloud.latency = Duration::from_secs(2);
    }
    let bench = Bench::start(fake, config());
    bench.until(|bench| !bench.facts().swept.is_empty()).await;
    let known = |bench: &Bench| (bench.facts().controls_read, !bench.hub(LINKED).unwrap().disabled_controls.is_empty());
    assert_eq!(known(&bench), (false, false));
    bench.until(|bench| bench.facts().controls_read).await;
    assert_eq!(known(&bench), (true, true));
    // That it is read again is no news.
    for _ in 0..70 {
        tokio::time::sleep(MINUTE + Duration::from_secs(1)).await;
        assert!(bench.facts().controls_read);
    }
    let bench = bench.restart(config()).await;
    bench.until(|bench| bench.hub(LINKED).is_some()).await;
    assert_eq!(known(&bench), (true, true));
}

/// Restarts with bytes that are not to be used.
async fn refused(change: impl FnOnce(&mut Vec<u8>)) {
    let bench = filled(2, 10).await;
    let (fake, store) = (bench.fake.clone(), bench.store.clone());
    bench.feed.shutdown().await;
    change(store.saved.lock().unwrap().get_mut("acme").unwrap());
    fake.take_calls("Findings");
    fake.cloud().latency = Duration::from_secs(1);
    let bench = Bench::start_with(fake, config(), store);
    bench.until(|bench| bench.facts().restarting).await;
    assert!(bench.feed.world().read(|world| world.index.is_empty()));
    bench.until(|bench| !bench.facts().restarting).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert!(bench.fake.take_calls("Findings") >= 3);
}

/// A checkpoint whose checksum fits, whatever is in it.
fn sealed_again(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() - 32);
    let checksum = Sha256::digest(&*bytes);
    bytes.extend_from_slice(&checksum);
}

fn replace(bytes: &mut Vec<u8>, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    bytes.splice(at..at + from.len(), to.bytes());
}

#[tokio::test(start_paused = true)]
async fn damaged_checkpoints_count_as_none() {
    refused(|bytes| bytes.truncate(bytes.len() / 2)).await;
    refused(|bytes| bytes.truncate(5)).await;
    refused(Vec::clear).await;
    refused(|bytes| *bytes.last_mut().unwrap() ^= 1).await;
    refused(|bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x20;
    })
    .await;
    refused(|bytes| bytes.extend_from_slice(b"more")).await;
    refused(|bytes| bytes[0] = b'X').await;
}

#[tokio::test(start_paused = true)]
async fn checkpoints_of_others_count_as_none() {
    refused(|bytes| {
        bytes[8] = 99;
        sealed_again(bytes);
    })
    .await;
    refused(|bytes| {
        replace(bytes, "o-exampleorgid", "o-exampleorgie");
        sealed_again(bytes);
    })
    .await;
    refused(|bytes| {
        replace(bytes, "\"acme\"", "\"evil\"");
        sealed_again(bytes);
    })
    .await;
    // The length of the state reaches beyond the end.
    refused(|bytes| {
        bytes[18] = 0xff;
        sealed_again(bytes);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_waits_until_the_organization_is_known_to_be_the_same() {
    let bench = filled(2, 10).await;
    let (fake, store) = (bench.fake.clone(), bench.store.clone());
    bench.feed.shutdown().await;
    fake.cloud()
        .broken
        .insert("Organization".to_owned(), super::fake::error(soc2_aws::ErrorClass::Denied, "AccessDenied"));
    fake.take_calls("Findings");
    let bench = Bench::start_with(fake, config(), store);
    tokio::time::sleep(HOUR).await;
    assert_eq!(bench.fake.take_calls("Findings"), 0);
    assert!(bench.facts().organization.error.is_some());
    assert!(bench.feed.world().read(|world| world.organization.is_none() && world.index.is_empty()));
    // Ending now must not lose it.
    bench.fake.cloud().broken.clear();
    let bench = bench.restart(config()).await;
    bench.until(|bench| bench.count(Status::Passed) > 0).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn another_organization_behind_the_same_name_is_read_from_nothing() {
    let bench = filled(2, 10).await;
    {
        let mut cloud = bench.fake.cloud();
        cloud.organization.id = "o-other".to_owned();
        cloud.organization.accounts.remove(&account(1));
    }
    bench
        .until(|bench| bench.feed.world().read(|world| world.organization.as_ref().is_some_and(|o| o.id == "o-other")))
        .await;
    bench.until(|bench| !bench.facts().restarting).await;
    bench.fake.cloud().rows.retain(|row| row.finding.account_id != account(1).to_string());
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn an_idle_feed_writes_a_checkpoint_every_ten_minutes_and_two_calls_every_five() {
    let bench = filled(5, 10).await;
    tokio::time::sleep(30 * MINUTE).await;
    let (saves, size) = (bench.store.saves.load(Ordering::SeqCst), bench.store.saved.lock().unwrap()["acme"].len());
    bench.fake.take_calls("Findings");
    tokio::time::sleep(5 * HOUR).await;
    let more = bench.store.saves.load(Ordering::SeqCst) - saves;
    assert!((29..=31).contains(&more), "{more}");
    assert_eq!(bench.fake.take_calls("Findings"), 2 * 60);
    let grown = bench.store.saved.lock().unwrap()["acme"].len().abs_diff(size);
    assert!(grown < 16, "{grown}");
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_only_sources_that_are_still_asked_for_stand() {
    let bench = filled(2, 10).await;
    let mut changed = config();
    let role = Some(Role { arn: "arn:aws:iam::333333333333:role/read".to_owned(), external_id: None });
    let regions = SourceRegions::Each(vec!["us-east-1".to_owned()]);
    changed.sources =
        vec![SourceConfig { name: "other".to_owned(), role, regions, per_account: None, serves: None, events: None }];
    let bench = bench.restart(changed).await;
    bench.until(|bench| bench.facts().regions[0].error.is_some()).await;
    assert!(bench.feed.world().read(|world| world.index.is_empty()), "nothing reads these findings any more");
}
