//! Accounts that come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use soc2_posture::organization::{Account, AccountState};

use super::fake::{Fake, HOME, LINKED, account, admin};
use super::world::{Bench, HOUR, MINUTE, config};
use crate::Selection;

fn join(fake: &Fake, number: u64) {
    let mut cloud = fake.cloud();
    let joined_at = Some(cloud.epoch);
    let parent = "r-ab12".to_owned();
    let joined =
        Account { name: format!("account-{number}"), state: AccountState::Active, parent, joined_at, tags: None };
    cloud.organization.accounts.insert(account(number), joined);
    for region in [HOME, LINKED] {
        let hub = cloud.hubs.get_mut(&(admin(), region.to_owned())).unwrap();
        hub.members.insert(account(number), "Enabled".to_owned());
    }
}

fn membership(fake: &Fake, number: u64, word: Option<&str>) {
    let mut cloud = fake.cloud();
    for hub in cloud.hubs.values_mut() {
        match word {
            Some(word) => hub.members.insert(account(number), word.to_owned()),
            None => hub.members.remove(&account(number)),
        };
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_account_is_swept_at_once_by_itself() {
    let fake = Fake::new(30);
    fake.cloud().fill(10);
    let bench = Bench::settled(fake, config()).await;
    let sweep = bench.facts().regions[0].last_full_sweep;
    join(&bench.fake, 31);
    // Its findings are older than any increment reaches.
    bench.fake.cloud().import(account(31), HOME, "S3.1", "old", "FAILED", 20 * HOUR);
    bench.fake.take_calls("Findings");
    bench.until(|bench| bench.facts().swept.contains(&account(31))).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
    assert!(bench.hub(LINKED).unwrap().swept.contains(&account(31)));
    assert!(bench.fake.take_calls("Findings") <= 5, "one call, besides the polls");
    assert_eq!(bench.facts().regions[0].last_full_sweep, sweep);
    assert!(!bench.facts().restarting);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_left_the_organization_is_dropped() {
    let fake = Fake::new(3);
    fake.cloud().fill(10);
    let bench = Bench::settled(fake, config()).await;
    bench.fake.cloud().organization.accounts.remove(&account(2));
    let has_findings =
        |bench: &Bench| bench.feed.world().read(|world| world.index.accounts().any(|id| id == account(2)));
    assert!(has_findings(&bench));
    bench.until(|bench| !has_findings(bench)).await;
    bench.feed.world().read(|world| {
        assert!(!world.organization.as_ref().unwrap().accounts.contains_key(&account(2)));
        assert!(world.sources.regions.iter().all(|hub| !hub.swept.contains(&account(2))));
    });
    // Its findings are still in the hub, and changing; nobody wants them.
    bench.fake.cloud().change(12, |finding| finding.compliance = Some("FAILED".to_owned()));
    tokio::time::sleep(13 * HOUR).await;
    assert!(!has_findings(&bench));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_was_disabled_keeps_its_findings_until_the_hub_has_none_of_them() {
    let fake = Fake::new(3);
    fake.cloud().fill(10);
    let bench = Bench::settled(fake, config()).await;
    membership(&bench.fake, 2, Some("Removed"));
    tokio::time::sleep(11 * MINUTE).await;
    let has = |bench: &Bench| bench.feed.world().read(|world| world.index.accounts().any(|id| id == account(2)));
    assert!(has(&bench), "what failed has failed");
    let hub = bench.hub(HOME).unwrap();
    assert!(!hub.members.contains(&account(2)) && !hub.swept.contains(&account(2)));
    assert!(!bench.facts().swept.contains(&account(2)));
    tokio::time::sleep(12 * HOUR).await;
    assert!(!has(&bench), "the next full sweep does not find it any more");
    // It comes back, with its old findings.
    membership(&bench.fake, 2, Some("ENABLED"));
    bench.fake.cloud().hubs.values_mut().for_each(|hub| drop(hub.members.insert(account(2), "Enabled".to_owned())));
    tokio::time::sleep(11 * MINUTE).await;
    assert!(has(&bench));
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn what_changed_while_an_account_was_no_member_is_read_when_it_is_one_again() {
    for linked_enabled in [true, false] {
        let fake = Fake::new(3);
        fake.cloud().fill(10);
        fake.cloud().rows.retain(|row| row.finding.region == HOME);
        if !linked_enabled {
            fake.cloud().hubs.remove(&(admin(), LINKED.to_owned()));
        }
        let bench = Bench::settled(fake, config()).await;
        membership(&bench.fake, 2, None);
        tokio::time::sleep(11 * MINUTE).await;
        let hidden = bench.fake.cloud().rows.iter().position(|row| row.finding.account_id == account(2).to_string());
        bench.fake.cloud().change(hidden.unwrap(), |finding| finding.compliance = Some("FAILED".to_owned()));
        // No increment reaches back so far.
        tokio::time::sleep(HOUR).await;
        bench.fake.cloud().change(0, |_| {});
        tokio::time::sleep(HOUR).await;
        membership(&bench.fake, 2, Some("Enabled"));
        tokio::time::sleep(11 * MINUTE).await;
        assert_eq!(bench.wrong(), BTreeSet::new(), "linked Region enabled: {linked_enabled}");
        assert!(bench.facts().swept.contains(&account(2)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_does_not_count_for_an_account_that_was_no_member_meanwhile() {
    let fake = Fake::new(12);
    {
        let mut cloud = fake.cloud();
        cloud.fill(40);
        (cloud.page, cloud.latency) = (2, Duration::from_secs(20));
    }
    let mut quick = config();
    quick.intervals.organization = MINUTE;
    let bench = Bench::start(fake, quick);
    bench.until(|bench| bench.facts().regions[0].running.is_some()).await;
    tokio::time::sleep(MINUTE).await;
    membership(&bench.fake, 1, None);
    bench.until(|bench| !bench.hub(HOME).unwrap().members.contains(&account(1))).await;
    // Its shard reads on, of the other account in it; then it is back, too late for what was passed by.
    tokio::time::sleep(2 * MINUTE).await;
    membership(&bench.fake, 1, Some("Enabled"));
    bench.until(|bench| bench.facts().swept.len() == 13).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn a_member_of_one_region_only_is_swept_once_and_again_when_it_joins_the_other() {
    let fake = Fake::new(3);
    fake.cloud().fill(10);
    fake.cloud().hubs.get_mut(&(admin(), LINKED.to_owned())).unwrap().members.remove(&account(2));
    let bench = Bench::settled(fake, config()).await;
    assert!(bench.facts().swept.contains(&account(2)));
    assert!(bench.hub(HOME).unwrap().swept.contains(&account(2)));
    assert!(!bench.hub(LINKED).unwrap().swept.contains(&account(2)));
    bench.fake.take_calls("Findings");
    tokio::time::sleep(HOUR).await;
    assert_eq!(bench.fake.take_calls("Findings"), 24, "polls only");
    membership(&bench.fake, 2, Some("Enabled"));
    tokio::time::sleep(11 * MINUTE).await;
    assert!(bench.hub(LINKED).unwrap().swept.contains(&account(2)));
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn only_served_accounts_of_the_organization_are_read() {
    let fake = Fake::new(6);
    fake.cloud().fill(10);
    // A member by invitation, of no organization of ours.
    fake.cloud().organization.accounts.remove(&account(6));
    let mut wanted = config();
    wanted.sources[0].serves =
        Some(Selection::new("1 and 2", |_| BTreeSet::from([account(1), account(2), account(77)])));
    let bench = Bench::settled(fake.clone(), wanted.clone()).await;
    assert_eq!(*bench.facts().swept, BTreeSet::from([account(1), account(2)]));
    let hub = bench.hub(HOME).unwrap();
    assert!(hub.serves.unwrap().contains(&account(1)));
    assert_eq!(bench.feed.world().read(|world| world.index.accounts().count()), 2);
    // Others are served now.
    wanted.sources[0].serves = Some(Selection::new("2 and 3", |_| BTreeSet::from([account(2), account(3)])));
    bench.feed.update_config(wanted);
    bench.until(|bench| *bench.facts().swept == BTreeSet::from([account(2), account(3)])).await;
    let there: Vec<_> = bench.feed.world().read(|world| world.index.accounts().collect());
    assert_eq!(there, [account(2), account(3)]);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_comes_during_a_long_sweep_does_not_wait_for_it() {
    let fake = Fake::new(80);
    {
        let mut cloud = fake.cloud();
        cloud.fill(200);
        (cloud.latency, cloud.spacing) = (Duration::from_millis(800), Duration::from_secs(10));
    }
    let mut quick = config();
    quick.intervals.organization = MINUTE;
    let bench = Bench::start(fake, quick);
    bench.until(|bench| bench.facts().swept.len() > 10).await;
    tokio::time::sleep(MINUTE).await;
    join(&bench.fake, 0);
    bench.fake.cloud().import(account(0), HOME, "S3.1", "old", "FAILED", 20 * HOUR);
    bench.until(|bench| bench.facts().swept.contains(&account(0))).await;
    assert!(bench.facts().regions[0].running.is_some_and(|(done, all)| done < all), "{:?}", bench.facts().regions);
    bench.until(|bench| !bench.facts().restarting).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn tags_are_read_when_they_are_needed_and_then_hourly() {
    let fake = Fake::new(4);
    fake.cloud().tags.insert(account(1), BTreeMap::from([("env".to_owned(), "prod".to_owned())]));
    let bench = Bench::settled(fake, config()).await;
    assert_eq!(bench.fake.take_calls("AccountTags"), 0);
    let tags = |bench: &Bench| {
        let tags =
            |world: &soc2_posture::World| world.organization.as_ref().unwrap().accounts[&account(1)].tags.clone();
        bench.feed.world().read(tags)
    };
    assert_eq!(tags(&bench), None);
    let mut tagged = config();
    tagged.tags_needed = true;
    bench.feed.update_config(tagged.clone());
    bench.until(|bench| tags(bench).is_some_and(|tags| tags["env"] == "prod")).await;
    assert_eq!(bench.fake.take_calls("AccountTags"), 5);
    tokio::time::sleep(55 * MINUTE).await;
    assert_eq!(bench.fake.take_calls("AccountTags"), 0);
    join(&bench.fake, 5);
    tokio::time::sleep(HOUR).await;
    assert_eq!(bench.fake.take_calls("AccountTags"), 6);
    // After a restart they are known.
    let bench = bench.restart(tagged).await;
    bench.until(|bench| tags(bench).is_some()).await;
    assert_eq!(bench.fake.take_calls("AccountTags"), 0);
}
