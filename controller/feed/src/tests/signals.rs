//! Findings of other products, read from listings that findings leave while they are read.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use soc2_aws::{Aws as _, ErrorClass, FindingsQuery, OtherFilters};
use soc2_catalog::Matcher;
use soc2_crds::{FindingProduct, FindingSeverity};
use soc2_posture::finding::Finding;
use soc2_posture::ids::AccountId;
use soc2_posture::interest::Interest;
use soc2_posture::source::SignalReading;
use tokio::runtime::Builder;

use super::fake::{Cloud, Fake, HOME, LINKED, Order, account, admin, error};
use super::world::{Bench, HOUR, MINUTE, config};
use crate::reading::pages::Reader;
use crate::reading::window::Windows;
use crate::{Accounts, FeedConfig};

const GUARDDUTY: &str = "aws/guardduty";
const SCANNER: &str = "acme/scanner";

fn open() -> Interest {
    Interest::Open(FindingProduct::GuardDuty, FindingSeverity::Critical)
}

fn scanned() -> Interest {
    Interest::Matching(Matcher { generator_id: Some("acme/*".to_owned()), ..Matcher::default() })
}

fn interested(interests: &[Interest]) -> FeedConfig {
    FeedConfig { interests: interests.iter().cloned().collect(), ..config() }
}

/// Accounts of which the index differs from what listings of both interests would show.
fn wrong(bench: &Bench) -> BTreeSet<AccountId> {
    let is_listed = |finding: &Finding| {
        let active = finding.record_state.as_deref() == Some("ACTIVE");
        let open = matches!(finding.workflow.as_deref(), Some("NEW" | "NOTIFIED"));
        let by = |product: &str| finding.product_arn.ends_with(product);
        active && (by(SCANNER) || by(GUARDDUTY) && open && finding.severity.as_deref() == Some("CRITICAL"))
    };
    let truth: Vec<Finding> = bench.fake.cloud().truth().into_iter().filter(is_listed).collect();
    bench.feed.world().read(|world| {
        let mut copy = world.index.clone();
        let everyone: BTreeSet<AccountId> = (1..9).map(account).chain([admin()]).collect();
        let shown = [HOME, LINKED].map(|region| (region.to_owned(), everyone.clone())).into();
        let mut batch = copy.signals();
        batch.add(&truth);
        copy.install_signals(&[open(), scanned()], &shown, batch).accounts
    })
}

fn readings(bench: &Bench) -> Vec<SignalReading> {
    bench.hub(HOME).map(|hub| hub.signals).unwrap_or_default()
}

fn complete(bench: &Bench) -> BTreeSet<Interest> {
    readings(bench).into_iter().filter(|reading| reading.missing.is_empty()).map(|reading| reading.interest).collect()
}

async fn settled(fake: Fake, interests: &[Interest]) -> Bench {
    let bench = Bench::settled(fake, interested(interests)).await;
    bench.until(|bench| complete(bench).len() == interests.len()).await;
    bench
}

fn filled(each: usize) -> Fake {
    let fake = Fake::new(5);
    {
        let mut cloud = fake.cloud();
        cloud.fill(3);
        for n in 0..each {
            let of = account(1 + n as u64 % 5);
            let age = Duration::from_secs(3600 + (n as u64 * 7919) % 86_400);
            cloud.import_other(of, GUARDDUTY, "detector", age);
            cloud.import_other(of, SCANNER, "acme/rule", age);
            cloud.import_other(of, "acme/other", "nobody asks", age);
        }
    }
    fake
}

#[tokio::test(start_paused = true)]
async fn what_is_open_is_read_and_what_somebody_dealt_with_is_not() {
    let bench = settled(filled(20), &[open(), scanned()]).await;
    assert_eq!(wrong(&bench), BTreeSet::new());
    let count = || bench.feed.world().read(|world| world.index.signal_count());
    assert_eq!(count(), 40);
    let mut changes = bench.feed.world().subscribe();
    let at = bench.fake.cloud().import_other(account(2), GUARDDUTY, "detector", Duration::ZERO);
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!((count(), wrong(&bench)), (41, BTreeSet::new()));
    assert_eq!(changes.next().await.unwrap().accounts, Accounts::Some([account(2)].into()));
    // That moves no time, and the listing does not show it any more.
    bench.fake.cloud().workflow(at, "RESOLVED");
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!((count(), wrong(&bench)), (40, BTreeSet::new()));
    // Nothing of it is evidence for anything of Security Hub.
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn reading_costs_one_call_for_each_question_and_nothing_when_nobody_asks() {
    for (interests, expected) in [(vec![], 2), (vec![open()], 3), (vec![open(), scanned()], 4)] {
        let bench = settled(filled(2), &interests).await;
        tokio::time::sleep(10 * MINUTE).await;
        bench.fake.take_calls("Findings");
        tokio::time::sleep(5 * MINUTE).await;
        assert_eq!(bench.fake.take_calls("Findings"), expected, "{interests:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn interests_come_and_go() {
    let bench = settled(filled(5), &[open()]).await;
    bench.feed.update_config(interested(&[scanned()]));
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.until(|bench| complete(bench) == [scanned()].into()).await;
    let (count, interests) =
        bench.feed.world().read(|world| (world.index.signal_count(), world.index.interests().clone()));
    assert_eq!((count, interests.iter().collect::<Vec<_>>()), (5, vec![scanned()]));
    bench.feed.update_config(interested(&[]));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((bench.feed.world().read(|world| world.index.signal_count()), complete(&bench)), (0, BTreeSet::new()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_complete_and_disturbs_nothing_else() {
    let fake = filled(5);
    // Only questions about open findings fail.
    fake.cloud().refuses_open = Some(error(ErrorClass::Terminal, "InvalidInputException"));
    let bench = Bench::settled(fake, interested(&[open(), scanned()])).await;
    tokio::time::sleep(11 * MINUTE).await;
    assert_eq!(complete(&bench), [scanned()].into());
    assert_eq!(bench.wrong(), BTreeSet::new());
    let said = |bench: &Bench| bench.facts().regions[0].notes.iter().any(|note| note.contains("other products"));
    assert!(said(&bench) && bench.facts().regions[0].error.is_none(), "{:?}", bench.facts().regions);
    bench.fake.cloud().refuses_open = None;
    tokio::time::sleep(11 * MINUTE).await;
    assert_eq!((complete(&bench), said(&bench)), ([open(), scanned()].into(), false));
}

#[tokio::test(start_paused = true)]
async fn a_finding_of_nobody_makes_the_reading_incomplete() {
    let fake = filled(5);
    {
        let mut cloud = fake.cloud();
        let at = cloud.import_other(account(1), GUARDDUTY, "detector", HOUR);
        "?".clone_into(&mut cloud.rows[at].finding.account_id);
    }
    let bench = Bench::settled(fake, interested(&[open(), scanned()])).await;
    tokio::time::sleep(11 * MINUTE).await;
    assert_eq!(complete(&bench), [scanned()].into());
    assert_eq!(bench.wrong(), BTreeSet::new());
    bench.fake.cloud().rows.pop();
    tokio::time::sleep(11 * MINUTE).await;
    assert_eq!(complete(&bench), [open(), scanned()].into());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_becomes_a_member_is_missing_until_all_is_read_again() {
    let fake = filled(5);
    for hub in fake.cloud().hubs.values_mut() {
        hub.members.insert(account(3), "Removed".to_owned());
    }
    let bench = settled(fake, &[open()]).await;
    assert_eq!(bench.feed.world().read(|world| world.index.signal_count()), 4);
    bench.fake.cloud().refuses_open = Some(error(ErrorClass::Transient, "InternalFailure"));
    for hub in bench.fake.cloud().hubs.values_mut() {
        hub.members.insert(account(3), "Enabled".to_owned());
    }
    bench.until(|bench| bench.hub(HOME).is_some_and(|hub| hub.members.contains(&account(3)))).await;
    let missing = |bench: &Bench| readings(bench)[0].missing.clone();
    assert_eq!(missing(&bench), [account(3)].into(), "nothing of it was read since");
    bench.fake.cloud().refuses_open = None;
    bench.until(|bench| missing(bench).is_empty()).await;
    assert_eq!(bench.feed.world().read(|world| world.index.signal_count()), 5);
    // And one that leaves takes its findings with it.
    bench.fake.cloud().organization.accounts.remove(&account(3));
    tokio::time::sleep(12 * MINUTE).await;
    assert_eq!(bench.feed.world().read(|world| world.index.signal_count()), 4);
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_what_was_read() {
    let bench = settled(filled(5), &[open(), scanned()]).await;
    let (before, count) = (readings(&bench), bench.feed.world().read(|world| world.index.signal_count()));
    let fake = bench.fake.clone();
    fake.cloud().refuses_open = Some(error(ErrorClass::Transient, "InternalFailure"));
    let bench = bench.restart(interested(&[open()])).await;
    bench.until(|bench| !readings(bench).is_empty()).await;
    // Only what is still wanted, and no newer than it was.
    let wanted: Vec<_> = before.into_iter().filter(|reading| reading.interest == open()).collect();
    assert_eq!((readings(&bench), count), (wanted, 10));
    assert_eq!(bench.feed.world().read(|world| world.index.signal_count()), 5);
}

#[tokio::test(start_paused = true)]
async fn where_reading_all_takes_long_changes_are_read_in_between() {
    let fake = filled(60);
    {
        let mut cloud = fake.cloud();
        (cloud.page, cloud.latency) = (2, Duration::from_secs(3));
    }
    let bench = settled(fake, &[open()]).await;
    bench.fake.cloud().import_other(account(2), GUARDDUTY, "detector", Duration::ZERO);
    let calls = bench.fake.take_calls("Findings");
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.feed.world().read(|world| world.index.signal_count()), 61);
    assert!(bench.fake.take_calls("Findings") < calls / 2, "everything was read again at once");
    bench.fake.cloud().workflow(0, "RESOLVED");
    let first = bench.fake.cloud().rows.iter().position(|row| row.finding.product_arn.ends_with(GUARDDUTY)).unwrap();
    bench.fake.cloud().workflow(first, "RESOLVED");
    tokio::time::sleep(HOUR).await;
    assert_eq!(bench.feed.world().read(|world| world.index.signal_count()), 60, "and all again after a while");
}

/// What happens between two pages.
#[derive(Clone, Debug)]
enum Event {
    /// It leaves the listing, or comes back: that moves no time.
    Work(usize),
    /// It is seen again.
    Touch(usize),
    /// It is archived, or comes back.
    Archive(usize),
    /// It is deleted.
    Delete(usize),
    /// A new one, some milliseconds late.
    Create(u64),
}

impl Event {
    fn happen(&self, cloud: &mut Cloud, gone: &mut BTreeSet<String>) {
        let at = |index: &usize| index % cloud.rows.len().max(1);
        match self {
            Self::Create(late) => drop(cloud.import_other(account(1), GUARDDUTY, "late", Duration::from_millis(*late))),
            _ if cloud.rows.is_empty() => {}
            Self::Work(index) => {
                let at = at(index);
                gone.insert(cloud.rows[at].finding.id.clone());
                let open = cloud.rows[at].finding.workflow.as_deref() == Some("NEW");
                cloud.workflow(at, if open { "RESOLVED" } else { "NEW" });
            }
            Self::Touch(index) => {
                let at = at(index);
                cloud.change(at, |_| {});
            }
            Self::Archive(index) => {
                let at = at(index);
                gone.insert(cloud.rows[at].finding.id.clone());
                cloud.change(at, |finding| {
                    let active = finding.record_state.as_deref() == Some("ACTIVE");
                    finding.record_state = Some(if active { "ARCHIVED" } else { "ACTIVE" }.to_owned());
                });
            }
            Self::Delete(index) => {
                let at = at(index);
                gone.insert(cloud.rows.remove(at).finding.id);
            }
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<usize>().prop_map(Event::Work),
        3 => any::<usize>().prop_map(Event::Touch),
        2 => any::<usize>().prop_map(Event::Archive),
        1 => any::<usize>().prop_map(Event::Delete),
        1 => (0..600_000_u64).prop_map(Event::Create),
    ]
}

fn is_open(finding: &Finding) -> bool {
    finding.record_state.as_deref() == Some("ACTIVE") && finding.workflow.as_deref() == Some("NEW")
}

/// Reads what is open while things happen. Gives what was open all the time and was not read.
fn skipped(
    ages: &[u64],
    page: usize,
    events: Vec<(usize, Event)>,
    order: Order,
    heeds: bool,
) -> Result<BTreeSet<String>, String> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let fake = Fake::new(5);
        let left = std::sync::Arc::new(std::sync::Mutex::new(BTreeSet::new()));
        {
            let mut cloud = fake.cloud();
            for (n, age) in ages.iter().enumerate() {
                cloud.import_other(account(1 + n as u64 % 5), GUARDDUTY, "detector", Duration::from_secs(3600 * age));
            }
            (cloud.page, cloud.latency, cloud.order, cloud.ignores_filters) =
                (page, Duration::from_secs(1), order, !heeds);
            let gone = std::sync::Arc::clone(&left);
            cloud.meddler = Some(Box::new(move |cloud, call| {
                for (_, event) in events.iter().filter(|(at, _)| *at == call) {
                    event.happen(cloud, &mut gone.lock().unwrap());
                }
            }));
        }
        let there: BTreeSet<String> =
            fake.cloud().rows.iter().filter(|row| is_open(&row.finding)).map(|row| row.finding.id.clone()).collect();
        let others = OtherFilters { active: true, open: true, ..OtherFilters::default() };
        let product_arns = vec![format!("arn:aws:securityhub:{HOME}::product/{GUARDDUTY}")];
        let query = FindingsQuery { product_arns, others, ..FindingsQuery::default() };
        let mut reader = Reader::new(fake.security_hub(None, HOME, 2));
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let take = |page: &[Finding]| seen.extend(page.iter().map(|finding| finding.id.clone()));
        let read = Windows { reader: &mut reader, take }.read(&query).await;
        read.map_err(|error| error.code)?;
        let left = left.lock().unwrap();
        Ok(there.difference(&left).filter(|id| !seen.contains(*id)).cloned().collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever leaves, comes or moves between pages: nothing that stays is skipped.
    #[test]
    fn nothing_that_stays_open_is_skipped(
        ages in prop::collection::vec(0..40_u64, 0..60),
        page in 1..7_usize,
        events in prop::collection::vec((1..40_usize, event()), 0..30),
    ) {
        let skipped = skipped(&ages, page, events, Order::NewestFirst, true);
        prop_assert!(matches!(&skipped, Ok(none) if none.is_empty()) || skipped == Err("FindingsChangeTooFast".to_owned()), "{skipped:?}");
    }

    /// Findings of one scan have one time, and may be more than a page: they are read until nobody leaves meanwhile.
    #[test]
    fn many_of_one_time_are_read_too(count in 0..40_usize, page in 1..6_usize, others in prop::collection::vec(0..3_u64, 0..20)) {
        let ages: Vec<u64> = std::iter::repeat_n(1, count).chain(others).collect();
        prop_assert_eq!(skipped(&ages, page, Vec::new(), Order::NewestFirst, true), Ok(BTreeSet::new()));
    }

    /// A stand-in for AWS may care for neither filters nor order.
    #[test]
    fn a_source_without_filters_and_order_is_read_too(
        ages in prop::collection::vec(0..40_u64, 0..40),
        page in 1..7_usize,
        order in prop::sample::select(&[Order::OldestFirst, Order::AsImported, Order::NewestFirst][..]),
    ) {
        prop_assert_eq!(skipped(&ages, page, Vec::new(), order, false), Ok(BTreeSet::new()));
    }
}
