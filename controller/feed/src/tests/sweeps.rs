//! Sweeps of data that changes while it is read.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use soc2_aws::Aws as _;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::index::{FindingIndex, Status};
use tokio::runtime::Builder;

use super::fake::{Cloud, Fake, HOME, LINKED, Order, account, admin};
use super::world::{Bench, HOUR, MINUTE, catalog, config, differing};
use crate::reading::pages::Reader;
use crate::reading::shard::Shard;

/// What happens between two pages.
#[derive(Clone, Debug)]
enum Event {
    /// A finding fails, or passes again.
    Turn(usize),
    /// A finding is archived, or comes back.
    Archive(usize),
    /// A new resource, some milliseconds late: its time lies behind what was seen already.
    Create(u64, u64),
    /// A finding's workflow changes, which moves nothing.
    Suppress(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<usize>().prop_map(Event::Turn),
        2 => any::<usize>().prop_map(Event::Archive),
        2 => (1..=5_u64, 0..600_000_u64).prop_map(|(of, late)| Event::Create(of, late)),
        1 => any::<usize>().prop_map(Event::Suppress),
    ]
}

impl Event {
    fn happen(&self, cloud: &mut Cloud, number: usize) {
        let at = |index: &usize| index % cloud.rows.len().max(1);
        match self {
            _ if cloud.rows.is_empty() => {}
            Self::Turn(index) => {
                let at = at(index);
                cloud.change(at, |finding| {
                    let failed = finding.compliance.as_deref() == Some("FAILED");
                    finding.compliance = Some(if failed { "PASSED" } else { "FAILED" }.to_owned());
                });
            }
            Self::Archive(index) => {
                let at = at(index);
                cloud.change(at, |finding| {
                    let archived = finding.record_state.as_deref() == Some("ARCHIVED");
                    finding.record_state = Some(if archived { "ACTIVE" } else { "ARCHIVED" }.to_owned());
                });
            }
            Self::Create(of, late) => {
                let resource = format!("new{number}-{late}");
                cloud.import(account(*of), HOME, "S3.1", &resource, "FAILED", Duration::from_millis(*late));
            }
            Self::Suppress(index) => {
                let at = at(index);
                let word =
                    if cloud.rows[at].finding.workflow.as_deref() == Some("SUPPRESSED") { "NEW" } else { "SUPPRESSED" };
                cloud.workflow(at, word);
            }
        }
    }
}

/// The fake, filled, with events between its pages; each page takes a second.
fn eventful(each: usize, page: usize, events: Vec<(usize, Event)>, empty_every: usize) -> Fake {
    let fake = Fake::new(5);
    {
        let mut cloud = fake.cloud();
        cloud.fill(each);
        (cloud.page, cloud.empty_every, cloud.latency) = (page, empty_every, Duration::from_secs(1));
        cloud.meddler = Some(Box::new(move |cloud, call| {
            for (number, (at, event)) in events.iter().enumerate() {
                if *at == call {
                    event.happen(cloud, number);
                }
            }
        }));
    }
    fake
}

/// Sweeps with events between pages, lets the feed poll twice in peace, and compares.
fn sweep_and_compare(each: usize, page: usize, events: Vec<(usize, Event)>, empty_every: usize) -> BTreeSet<AccountId> {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async move {
        let fake = eventful(each, page, events, empty_every);
        let bench = Bench::settled(fake, config()).await;
        bench.fake.cloud().meddler = None;
        tokio::time::sleep(11 * MINUTE).await;
        bench.wrong()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn after_a_sweep_and_quiet_polls_the_index_is_the_truth(
        each in 0..60_usize,
        page in 2..12_usize,
        events in prop::collection::vec((0..120_usize, event()), 0..60),
        empty_every in prop_oneof![Just(0), Just(3), Just(5)],
    ) {
        prop_assert_eq!(sweep_and_compare(each, page, events, empty_every), BTreeSet::new());
    }

    #[test]
    fn a_sweep_alone_misses_nothing_that_moves(
        each in 0..60_usize,
        page in 2..12_usize,
        events in prop::collection::vec((0..80_usize, moving_event()), 0..60),
        empty_every in prop_oneof![Just(0), Just(3), Just(5)],
    ) {
        prop_assert_eq!(sweep_alone(each, page, events, empty_every), BTreeSet::new());
    }
}

/// Events that move what they touch to the front.
fn moving_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<usize>().prop_map(Event::Turn),
        2 => any::<usize>().prop_map(Event::Archive),
        2 => (1..=5_u64).prop_map(|of| Event::Create(of, 0)),
    ]
}

/// Sweeps all accounts in one shard, without any poll; a sweep that gives up because too much changes misses nothing either.
fn sweep_alone(each: usize, page: usize, events: Vec<(usize, Event)>, empty_every: usize) -> BTreeSet<AccountId> {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async move {
        let fake = eventful(each, page, events, empty_every);
        let mut index = FindingIndex::new(catalog());
        let accounts: BTreeSet<AccountId> = (1..=5).map(account).chain([admin()]).collect();
        let regions = BTreeSet::from([HOME.to_owned(), LINKED.to_owned()]);
        let reader = Reader::new(fake.security_hub(None, HOME, 2));
        let shard =
            Shard { reader, accounts: accounts.clone(), regions: regions.clone(), batch: index.sweep(&accounts) };
        let Ok(swept) = shard.sweep().await.0 else { return BTreeSet::new() };
        index.install(&accounts, &regions, swept.batch);
        let truth = fake.cloud().truth();
        differing(&index, &truth)
    })
}

/// Sweeps one shard of account 1, the first finding to be updated at the given pages, and gives what it missed.
async fn sweep_one(order: Order, moves: &'static [(usize, usize)]) -> (BTreeSet<AccountId>, usize) {
    let fake = Fake::new(1);
    {
        let mut cloud = fake.cloud();
        (cloud.page, cloud.order, cloud.latency) = (3, order, Duration::from_secs(1));
        for n in 0..20 {
            cloud.import(account(1), HOME, "S3.1", &format!("r{n:02}"), "FAILED", Duration::from_secs(100_000 - n));
        }
        cloud.meddler = Some(Box::new(|cloud, call| {
            for (_, row) in moves.iter().filter(|(at, _)| *at == call) {
                cloud.change(*row, |finding| finding.compliance = Some("PASSED".to_owned()));
            }
        }));
    }
    let mut index = FindingIndex::new(catalog());
    let (accounts, regions) = (BTreeSet::from([account(1)]), BTreeSet::from([HOME.to_owned(), LINKED.to_owned()]));
    let reader = Reader::new(fake.security_hub(None, HOME, 2));
    let shard = Shard { reader, accounts: accounts.clone(), regions: regions.clone(), batch: index.sweep(&accounts) };
    let (swept, calls) = shard.sweep().await;
    index.install(&accounts, &regions, swept.unwrap().batch);
    let truth = fake.cloud().truth();
    (differing(&index, &truth), usize::try_from(calls).unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_order_decides_whether_findings_are_skipped() {
    // After three pages a finding of the second is updated: what comes behind it moves up by one, or not.
    let moves = &[(4, 4), (6, 19)];
    let (missed, _) = sweep_one(Order::OldestFirst, moves).await;
    assert_eq!(missed, BTreeSet::from([account(1)]), "the fake does not show the problem");
    assert_eq!(sweep_one(Order::NewestFirst, moves).await.0, BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn what_moves_while_it_is_read_is_read_again_at_the_front() {
    // Unread findings move to the front, also while the front is read again.
    let (missed, calls) =
        sweep_one(Order::NewestFirst, &[(2, 0), (3, 1), (8, 2), (9, 3), (9, 4), (9, 5), (9, 6)]).await;
    assert_eq!(missed, BTreeSet::new());
    assert!(calls <= 14, "{calls}");
    // In peace: seven pages and one look at the front.
    assert_eq!(sweep_one(Order::NewestFirst, &[]).await, (BTreeSet::new(), 8));
}

#[tokio::test(start_paused = true)]
async fn everything_is_read_and_counted() {
    let fake = Fake::new(45);
    fake.cloud().fill(30);
    let bench = Bench::start(fake, config());
    bench.until(|bench| !bench.facts().restarting).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    let facts = bench.facts();
    let region = &facts.regions[0];
    assert_eq!((region.source.as_str(), region.region.as_str(), region.account), ("main", HOME, Some(admin())));
    assert_eq!((region.members, region.findings), (45, 46 * 30));
    assert_eq!(region.linked_regions, [LINKED]);
    assert_eq!(region.standards, ["aws-foundational-security-best-practices/v/1.0.0"]);
    assert_eq!(region.shards, region.shards_complete);
    assert!(region.shards >= 3 && region.running.is_none() && region.error.is_none(), "{region:?}");
    let sweep = region.last_full_sweep.unwrap();
    assert_eq!(usize::try_from(sweep.requests).unwrap() + 1, bench.fake.take_calls("Findings"), "one probe besides");
    assert_eq!(facts.swept.len(), 46);
    for region in [HOME, LINKED] {
        let hub = bench.hub(region).unwrap();
        assert_eq!((hub.read_through.as_str(), hub.swept.len(), hub.members.len()), (HOME, 46, 45));
        assert!(hub.complete_at.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_complete_sweep_removes_and_it_comes_when_due() {
    let fake = Fake::new(3);
    fake.cloud().fill(10);
    let bench = Bench::settled(fake, config()).await;
    bench.fake.cloud().rows.remove(4);
    tokio::time::sleep(HOUR).await;
    assert_eq!(bench.wrong().len(), 1, "an increment cannot see it");
    let before = bench.facts().regions[0].last_full_sweep.unwrap();
    tokio::time::sleep(11 * HOUR).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    let after = bench.facts().regions[0].last_full_sweep.unwrap();
    let apart = after.started_at.duration_since(before.started_at).as_secs();
    assert!((43_200..43_260).contains(&apart), "{apart}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_ignores_filters_and_order_is_read_right_all_the_same() {
    let fake = Fake::new(30);
    {
        let mut cloud = fake.cloud();
        cloud.fill(20);
        (cloud.order, cloud.ignores_filters, cloud.latency) = (Order::AsImported, true, Duration::from_millis(100));
        cloud.workflow(5, "SUPPRESSED");
        cloud.meddler = Some(Box::new(|cloud, call| {
            if call == 9 {
                cloud.change(2, |finding| finding.compliance = Some("WARNING".to_owned()));
            }
        }));
    }
    let bench = Bench::settled(fake, config()).await;
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert_eq!((bench.count(Status::Suppressed), bench.count(Status::Warning)), (1, 1));
    // Nothing changes any more.
    let mut changes = bench.feed.world().subscribe();
    let quiet = tokio::time::timeout(HOUR, changes.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

#[tokio::test(start_paused = true)]
async fn more_than_twenty_regions_are_several_queries() {
    let fake = Fake::new(2);
    let regions: Vec<Region> = crate::regions::known_beside(HOME).iter().map(|region| (*region).to_owned()).collect();
    {
        let mut cloud = fake.cloud();
        let hub = cloud.hubs[&(admin(), HOME.to_owned())].clone();
        for region in &regions {
            cloud.hubs.insert((admin(), region.clone()), hub.clone());
            cloud.import(account(1), region, "S3.1", "bucket", "FAILED", HOUR);
        }
        let linked = regions.iter().filter(|region| *region != HOME).cloned().collect();
        cloud.hubs.get_mut(&(admin(), HOME.to_owned())).unwrap().aggregator.as_mut().unwrap().regions = linked;
    }
    let bench = Bench::settled(fake, config()).await;
    assert_eq!(bench.count(Status::Failed), regions.len() as u64);
    assert_eq!(bench.wrong(), BTreeSet::new());
}
