//! What is known of Security Hub: aggregators, disabled controls, a hub per account.

use std::collections::BTreeSet;

use soc2_aws::{Aggregator, ErrorClass::Denied, ErrorClass::Terminal, Role};
use soc2_catalog::{Tier, standards};
use soc2_posture::source::HubError;

use super::fake::{Fake, HOME, Hub, LINKED, account, admin, error};
use super::world::{Bench, HOUR, MINUTE, catalog, config};
use crate::{FeedConfig, PerAccount, SourceConfig, SourceRegions};

fn aggregate(fake: &Fake, home: &str, mode: &str, regions: &[&str]) {
    let regions = regions.iter().map(|region| (*region).to_owned()).collect();
    let aggregator = Aggregator { home: home.to_owned(), mode: mode.to_owned(), regions };
    fake.cloud().hubs.get_mut(&(admin(), HOME.to_owned())).unwrap().aggregator = Some(aggregator);
}

fn regions(bench: &Bench) -> Vec<String> {
    bench.feed.world().read(|world| world.sources.regions.iter().map(|hub| hub.region.clone()).collect())
}

#[tokio::test(start_paused = true)]
async fn a_linked_region_that_is_not_enabled_says_so_and_the_rest_is_read() {
    let fake = Fake::new(3);
    fake.cloud().fill(10);
    fake.cloud().rows.retain(|row| row.finding.region == HOME);
    fake.cloud().hubs.remove(&(admin(), LINKED.to_owned()));
    let bench = Bench::settled(fake, config()).await;
    assert_eq!(bench.hub(LINKED).unwrap().error, Some(HubError::NotEnabled));
    let home = bench.hub(HOME).unwrap();
    assert_eq!((home.error, home.swept.len()), (None, 4));
    assert_eq!(bench.facts().regions[0].error.as_ref().unwrap().code, "InvalidAccessException");
    assert_eq!(bench.wrong(), BTreeSet::new());
    // It is enabled later: everything is swept again, because nothing of it was.
    let hub = bench.fake.cloud().hubs[&(admin(), HOME.to_owned())].clone();
    bench.fake.cloud().hubs.insert((admin(), LINKED.to_owned()), hub);
    tokio::time::sleep(11 * MINUTE).await;
    assert_eq!(bench.hub(LINKED).unwrap().error, None);
    assert_eq!(bench.facts().regions[0].error, None);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_linked_later_is_swept_and_one_that_goes_is_forgotten() {
    let fake = Fake::new(3);
    fake.cloud().fill(10);
    aggregate(&fake, HOME, "SPECIFIED_REGIONS", &[]);
    let bench = Bench::settled(fake, config()).await;
    assert_eq!(regions(&bench), [HOME]);
    let alone = bench.facts().regions[0].findings;
    aggregate(&bench.fake, HOME, "SPECIFIED_REGIONS", &[LINKED]);
    bench.until(|bench| bench.hub(LINKED).is_some_and(|hub| hub.swept.len() == 4)).await;
    assert_eq!(bench.hub(HOME).unwrap().swept.len(), 4);
    assert_eq!(bench.wrong(), BTreeSet::new());
    aggregate(&bench.fake, HOME, "SPECIFIED_REGIONS", &[]);
    tokio::time::sleep(11 * MINUTE).await;
    assert_eq!((regions(&bench), bench.facts().regions[0].findings), (vec![HOME.to_owned()], alone));
    assert!(bench.feed.world().read(|world| world.index.count().keys().all(|(region, _)| region == HOME)));
}

#[tokio::test(start_paused = true)]
async fn all_regions_are_those_that_are_enabled_and_those_required() {
    let fake = Fake::new(2);
    fake.cloud().fill(10);
    aggregate(&fake, HOME, "ALL_REGIONS", &[]);
    let mut wanted = config();
    wanted.required_regions = vec!["us-east-1".to_owned()];
    let bench = Bench::settled(fake, wanted).await;
    assert_eq!(regions(&bench), [HOME, LINKED, "us-east-1"]);
    assert_eq!(bench.hub("us-east-1").unwrap().error, Some(HubError::NotEnabled));
    assert_eq!(bench.hub(LINKED).unwrap().error, None);
    assert_eq!(bench.wrong(), BTreeSet::new());
    // Those that are not enabled are looked for once an hour only.
    let probes = bench.fake.take_calls("DescribeHub");
    assert!((34..40).contains(&probes), "{probes}");
    tokio::time::sleep(50 * MINUTE).await;
    assert!(bench.fake.take_calls("DescribeHub") <= 20);
    // One that was enabled and is not any more does not go unnoticed.
    bench.fake.cloud().hubs.remove(&(admin(), LINKED.to_owned()));
    tokio::time::sleep(11 * MINUTE).await;
    assert_eq!(bench.hub(LINKED).unwrap().error, Some(HubError::NotEnabled));
    aggregate(&bench.fake, HOME, "ALL_REGIONS_EXCEPT_SPECIFIED", &[LINKED]);
    tokio::time::sleep(11 * MINUTE).await;
    assert_eq!(regions(&bench), [HOME, "us-east-1"]);
}

#[tokio::test(start_paused = true)]
async fn another_home_region_or_none_is_said_and_an_unreadable_one_is_an_error() {
    let fake = Fake::new(2);
    fake.cloud().fill(10);
    aggregate(&fake, "us-east-1", "SPECIFIED_REGIONS", &[LINKED]);
    let bench = Bench::settled(fake, config()).await;
    assert_eq!(regions(&bench), [HOME]);
    assert!(bench.facts().regions[0].notes[0].contains("us-east-1"), "{:?}", bench.facts().regions[0].notes);
    bench.fake.cloud().hubs.get_mut(&(admin(), HOME.to_owned())).unwrap().aggregator = None;
    tokio::time::sleep(11 * MINUTE).await;
    assert!(bench.facts().regions[0].notes[0].contains("no finding aggregator"));
    bench.fake.cloud().broken.insert("Aggregator".to_owned(), error(Denied, "AccessDeniedException"));
    tokio::time::sleep(11 * MINUTE).await;
    assert!(
        matches!(bench.hub(HOME).unwrap().error, Some(HubError::AccessDenied(_))),
        "which Regions are linked is not known"
    );
}

#[tokio::test(start_paused = true)]
async fn another_administrator_makes_everything_unswept() {
    let fake = Fake::new(3);
    fake.cloud().fill(10);
    let bench = Bench::settled(fake, config()).await;
    {
        let mut cloud = bench.fake.cloud();
        for region in [HOME, LINKED] {
            let mut hub = cloud.hubs[&(admin(), region.to_owned())].clone();
            hub.members.insert(admin(), "Enabled".to_owned());
            cloud.hubs.insert((account(3), region.to_owned()), hub);
        }
        cloud.latency = std::time::Duration::from_secs(1);
    }
    let mut changed = config();
    changed.sources[0].role = Some(Role { arn: format!("arn:aws:iam::{}:role/read", account(3)), external_id: None });
    bench.feed.update_config(changed);
    bench.until(|bench| bench.hub(HOME).unwrap().account == Some(account(3))).await;
    assert!(bench.hub(HOME).unwrap().swept.is_empty());
    bench.until(|bench| bench.hub(HOME).unwrap().swept.len() == 4).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn disabled_controls_are_read_hourly_for_the_controls_that_exist() {
    let fake = Fake::new(1);
    fake.cloud().hubs.get_mut(&(admin(), LINKED.to_owned())).unwrap().disabled.insert("S3.5".to_owned());
    let bench = Bench::settled(fake, config()).await;
    let disabled = |bench: &Bench, region: &str| -> Vec<String> {
        bench.hub(region).unwrap().disabled_controls.iter().map(|ix| catalog().get(*ix).id.clone()).collect()
    };
    bench.until(|bench| disabled(bench, LINKED) == ["S3.5"]).await;
    assert!(disabled(&bench, HOME).is_empty());
    let calls = bench.fake.take_calls("Associations");
    assert!((2..=8).contains(&calls), "{calls}");
    // Surveys keep it.
    tokio::time::sleep(45 * MINUTE).await;
    assert_eq!((disabled(&bench, LINKED), bench.fake.take_calls("Associations")), (vec!["S3.5".to_owned()], 0));
    bench.fake.cloud().hubs.get_mut(&(admin(), LINKED.to_owned())).unwrap().disabled.clear();
    tokio::time::sleep(HOUR).await;
    assert!(disabled(&bench, LINKED).is_empty());
}

#[tokio::test(start_paused = true)]
async fn controls_beyond_the_default_tier_are_asked_for_when_a_profile_may_have_them() {
    let catalog = catalog();
    let (default, extended): (Vec<_>, Vec<_>) =
        catalog.mappings().iter().partition(|mapping| mapping.tier == Tier::Default);
    let mut beyond = extended.iter().map(|mapping| mapping.control);
    let standard = standards::parse("aws-foundational-security-best-practices/v/1.0.0").unwrap();
    let rare = beyond.find(|control| {
        let known = catalog.get(*control);
        !default.iter().any(|mapping| mapping.control == *control)
            && !known.retired
            && known.standards.contains(&standard)
    });
    let rare = catalog.get(rare.unwrap()).id.clone();
    let fake = Fake::new(1);
    fake.cloud().hubs.get_mut(&(admin(), HOME.to_owned())).unwrap().disabled.insert(rare.clone());
    let bench = Bench::settled(fake, config()).await;
    tokio::time::sleep(2 * HOUR).await;
    assert!(bench.hub(HOME).unwrap().disabled_controls.is_empty());
    bench.feed.update_config(FeedConfig { controls: BTreeSet::from([rare]), ..config() });
    bench.until(|bench| bench.hub(HOME).unwrap().disabled_controls.len() == 1).await;
}

fn per_account() -> FeedConfig {
    let source = SourceConfig {
        name: "acquired".to_owned(),
        role: None,
        regions: SourceRegions::Each(vec![HOME.to_owned(), LINKED.to_owned()]),
        per_account: Some(PerAccount { role_name: "soc2-read".to_owned(), external_id: Some("x".to_owned()) }),
        serves: Some(crate::Selection::new("1 to 3", |_| (1..=3).map(account).collect())),
        events: None,
    };
    FeedConfig { sources: vec![source], ..config() }
}

fn own_hubs(accounts: u64) -> Fake {
    let fake = Fake::new(accounts);
    {
        let mut cloud = fake.cloud();
        let standards = cloud.hubs[&(admin(), HOME.to_owned())].standards.clone();
        cloud.hubs.clear();
        for number in 1..=accounts {
            for region in [HOME, LINKED] {
                cloud.hubs.insert(
                    (account(number), region.to_owned()),
                    Hub { standards: standards.clone(), ..Hub::default() },
                );
            }
        }
        cloud.fill(10);
    }
    fake
}

#[tokio::test(start_paused = true)]
async fn each_account_may_have_its_own_hub() {
    let fake = own_hubs(5);
    let bench = Bench::settled(fake, per_account()).await;
    assert_eq!(*bench.facts().swept, (1..=3).map(account).collect());
    let hubs = bench.feed.world().read(|world| world.sources.regions.clone());
    assert_eq!(hubs.len(), 6);
    for hub in &hubs {
        let of = hub.account.unwrap();
        assert_eq!((hub.serves.clone(), hub.swept.clone()), (Some(BTreeSet::from([of])), BTreeSet::from([of])));
        assert_eq!(hub.read_through, hub.region);
    }
    bench
        .fake
        .cloud()
        .rows
        .retain(|row| (1..=3).map(|n| account(n).to_string()).any(|id| id == row.finding.account_id));
    assert_eq!(bench.wrong(), BTreeSet::new());
    let facts = bench.facts();
    assert_eq!(facts.regions.len(), 2);
    assert_eq!((facts.regions[0].members, facts.regions[0].shards, facts.regions[0].account), (3, 3, None));
    assert_eq!(bench.fake.take_calls("Members"), 0, "such a hub has none");
}

#[tokio::test(start_paused = true)]
async fn one_account_that_cannot_be_read_does_not_stop_the_others() {
    let fake = own_hubs(5);
    fake.cloud().broken.insert(format!("DescribeHub {} {HOME}", account(2)), error(Denied, "AccessDenied"));
    fake.cloud()
        .broken
        .insert(format!("DescribeHub {} {LINKED}", account(3)), error(Terminal, "InvalidAccessException"));
    let bench = Bench::start(fake, per_account());
    bench.until(|bench| !bench.facts().restarting).await;
    let facts = bench.facts();
    assert_eq!((facts.regions[0].accounts_with_error, facts.regions[0].members), (1, 2));
    assert_eq!((facts.regions[1].accounts_with_error, facts.regions[1].members), (1, 2));
    let error = |of: u64, region: &str| {
        let of = Some(account(of));
        bench.feed.world().read(|world| {
            let mut hubs = world.sources.regions.iter();
            hubs.find(|hub| {
                hub.serves.as_ref().and_then(|serves| serves.first().copied()) == of && hub.region == region
            })
            .unwrap()
            .error
            .clone()
        })
    };
    assert!(matches!(error(2, HOME), Some(HubError::AccessDenied(_))));
    assert_eq!((error(3, LINKED), error(1, HOME)), (Some(HubError::NotEnabled), None));
    // After a restart the same, with two calls per hub that can be read.
    bench.fake.take_calls("Findings");
    let bench = bench.restart(per_account()).await;
    bench.until(|bench| bench.facts().regions[1].error.is_some()).await;
    tokio::time::sleep(4 * MINUTE).await;
    assert_eq!(bench.fake.take_calls("Findings"), 2 * 4);
}
