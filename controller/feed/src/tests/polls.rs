//! Increments and suppressions.

use std::collections::BTreeSet;
use std::time::Duration;

use soc2_posture::index::Status;

use super::fake::{Fake, HOME, account};
use super::world::{Bench, HOUR, MINUTE, config};
use crate::Accounts;

#[tokio::test(start_paused = true)]
async fn changes_arrive_with_the_next_increment_and_name_their_accounts() {
    let fake = Fake::new(5);
    fake.cloud().fill(20);
    let bench = Bench::settled(fake, config()).await;
    let mut changes = bench.feed.world().subscribe();
    {
        let mut cloud = bench.fake.cloud();
        let row = cloud.rows.iter().position(|row| row.finding.account_id == account(3).to_string()).unwrap();
        cloud.change(row, |finding| finding.compliance = Some("WARNING".to_owned()));
        cloud.change(row + 1, |finding| finding.record_state = Some("ARCHIVED".to_owned()));
        cloud.import(account(4), HOME, "IAM.5", "new", "FAILED", Duration::ZERO);
    }
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert_eq!(bench.count(Status::Warning), 1);
    assert_eq!(changes.next().await.unwrap().accounts, Accounts::Some([3, 4].map(account).into()));
}

#[tokio::test(start_paused = true)]
async fn late_findings_are_found_as_long_as_they_are_less_than_fifteen_minutes_late() {
    let fake = Fake::new(2);
    fake.cloud().fill(5);
    let bench = Bench::settled(fake, config()).await;
    for n in 0..5 {
        tokio::time::sleep(7 * MINUTE).await;
        let mut cloud = bench.fake.cloud();
        cloud.import(account(1), HOME, "S3.1", &format!("now{n}"), "PASSED", Duration::ZERO);
        cloud.import(account(1), HOME, "S3.1", &format!("late{n}"), "FAILED", 10 * MINUTE);
    }
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
}

/// Requests of an interval in steady state: at most 1 + (updated in it and in the overlap) / 100 for each Region.
#[tokio::test(start_paused = true)]
async fn an_interval_costs_a_request_for_each_region_and_one_for_each_hundred_changes() {
    let fake = Fake::new(5);
    fake.cloud().fill(200);
    let bench = Bench::settled(fake, config()).await;
    tokio::time::sleep(30 * MINUTE).await;
    for updated in [0, 1, 99, 250, 700] {
        bench.fake.take_calls("Findings");
        for row in 0..updated {
            bench.fake.cloud().change(row, |finding| finding.compliance = Some("WARNING".to_owned()));
        }
        tokio::time::sleep(5 * MINUTE).await;
        let calls = bench.fake.take_calls("Findings");
        let regions = 2;
        assert!(calls * 100 <= regions * 100 + updated, "{calls} calls for {updated} changes");
        assert_eq!(bench.count(Status::Warning), u64::try_from(updated).unwrap());
        // Out of the overlap.
        tokio::time::sleep(25 * MINUTE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn suppressions_come_and_go_although_they_move_nothing() {
    let fake = Fake::new(3);
    fake.cloud().fill(20);
    let bench = Bench::settled(fake, config()).await;
    assert_eq!(bench.count(Status::Suppressed), 0);
    for index in [3, 17, 41] {
        bench.fake.cloud().workflow(index, "SUPPRESSED");
    }
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.count(Status::Suppressed), 3);
    assert_eq!(bench.wrong(), BTreeSet::new());
    bench.fake.cloud().workflow(17, "NEW");
    bench.fake.take_calls("Findings");
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(bench.count(Status::Suppressed), 2);
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert_eq!(bench.fake.take_calls("Findings"), 3, "the pair is read again by itself");
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(bench.fake.take_calls("Findings"), 4, "and not any more");
}

#[tokio::test(start_paused = true)]
async fn a_poll_for_suppressions_that_skips_one_lets_nothing_pass() {
    let fake = Fake::new(1);
    fake.cloud().fill(30);
    let bench = Bench::settled(fake, config()).await;
    {
        let mut cloud = bench.fake.cloud();
        for index in 0..20 {
            cloud.workflow(index, "SUPPRESSED");
        }
        cloud.page = 4;
    }
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.count(Status::Suppressed), 20);
    // Between pages of the listing some stop being suppressed, so that others move up and are skipped.
    let mut seen = 0;
    bench.fake.cloud().meddler = Some(Box::new(move |cloud, _| {
        seen += 1;
        if (2..6).contains(&seen) {
            cloud.workflow(seen, "NEW");
        }
    }));
    tokio::time::sleep(5 * MINUTE).await;
    bench.fake.cloud().meddler = None;
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(bench.count(Status::Suppressed), 16);
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn a_finding_from_the_future_hides_nothing() {
    let fake = Fake::new(2);
    {
        let mut cloud = fake.cloud();
        cloud.fill(20);
        cloud.change(0, |_| {});
        cloud.rows[0].updated += 1_000_000_000_000;
        cloud.rows[0].finding.updated_at = Some("2058-07-10T00:00:00.000Z".to_owned());
    }
    let bench = Bench::settled(fake, config()).await;
    // Our clock is hours ahead of the cloud's: without a limit the mark would lie decades ahead.
    bench.fake.cloud().change(7, |finding| finding.compliance = Some("WARNING".to_owned()));
    tokio::time::sleep(13 * HOUR).await;
    assert_eq!(bench.count(Status::Warning), 1);
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_attributed_makes_the_source_incomplete_until_it_is_gone() {
    let fake = Fake::new(2);
    fake.cloud().fill(5);
    let bench = Bench::settled(fake, config()).await;
    let unattributed = |bench: &Bench| bench.feed.world().read(|world| world.sources.unattributed.clone());
    assert!(unattributed(&bench).is_empty());
    let bad = {
        let mut cloud = bench.fake.cloud();
        cloud.import(account(1), HOME, "S3.1", "x", "FAILED", Duration::ZERO);
        let last = cloud.rows.len() - 1;
        cloud.rows[last].finding.control_id = None;
        cloud.import(account(2), HOME, "S3.1", "y", "FAILED", Duration::ZERO);
        cloud.rows[last + 1].finding.account_id = "not an account".to_owned();
        last
    };
    tokio::time::sleep(6 * MINUTE).await;
    let said = unattributed(&bench);
    assert!(said.contains_key(&("main".to_owned(), HOME.to_owned())), "{said:?}");
    bench.fake.cloud().rows.truncate(bad);
    tokio::time::sleep(13 * HOUR).await;
    assert!(unattributed(&bench).is_empty(), "a full sweep without one ends it");
}

#[tokio::test(start_paused = true)]
async fn an_empty_hub_is_complete_and_its_first_findings_are_seen() {
    let bench = Bench::settled(Fake::new(2), config()).await;
    assert_eq!(bench.facts().swept.len(), 3);
    bench.fake.cloud().fill(3);
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert_eq!(bench.facts().regions[0].findings, 9);
}
