//! The organization, its policies, and how the feed is steered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use soc2_aws::ErrorClass::{Denied, Transient};
use soc2_guardrails::inventory::Policy;
use tokio::time::timeout;

use super::fake::{Fake, error};
use super::world::{Bench, HOUR, MINUTE, config};
use crate::Accounts;

fn policy(name: &str, owned: bool) -> Policy {
    let tags = if owned {
        BTreeMap::from([("soc2-operator.dev/owner-id".to_owned(), "acme".to_owned())])
    } else {
        BTreeMap::new()
    };
    Policy {
        name: name.to_owned(),
        aws_managed: name == "FullAWSAccess",
        content: format!("content of {name}"),
        tags,
        targets: BTreeSet::from(["r-ab12".to_owned()]),
    }
}

fn policies(foreign: usize) -> Fake {
    let fake = Fake::new(1);
    {
        let mut cloud = fake.cloud();
        cloud.policies.insert("p-FullAWSAccess".to_owned(), policy("FullAWSAccess", false));
        cloud.policies.insert("p-own".to_owned(), policy("soc2-acme", true));
        for n in 0..foreign {
            cloud.policies.insert(format!("p-{n:02}"), policy(&format!("foreign{n:02}"), false));
        }
    }
    fake
}

#[tokio::test(start_paused = true)]
async fn policies_are_read_once_and_then_little_by_little() {
    let bench = Bench::settled(policies(10), config()).await;
    bench.until(|bench| bench.facts().inventory.is_some()).await;
    assert_eq!(bench.facts().inventory.unwrap().policies, bench.fake.cloud().policies);
    let calls = |operation| bench.fake.take_calls(operation);
    assert_eq!(
        (calls("ListPolicies"), calls("PolicyTargets"), calls("PolicyContent"), calls("PolicyTags")),
        (1, 12, 12, 11)
    );
    tokio::time::sleep(10 * MINUTE).await;
    // Targets of all; content and tags of our own and of three others.
    assert_eq!(
        (calls("ListPolicies"), calls("PolicyTargets"), calls("PolicyContent"), calls("PolicyTags")),
        (1, 12, 4, 4)
    );
    // Every foreign one has its turn.
    bench.fake.cloud().policies.values_mut().for_each(|policy| policy.content.push('!'));
    tokio::time::sleep(40 * MINUTE).await;
    let mut expected = bench.fake.cloud().policies.clone();
    expected.get_mut("p-FullAWSAccess").unwrap().content = "content of FullAWSAccess".to_owned();
    assert_eq!(bench.facts().inventory.unwrap().policies, expected);
}

#[tokio::test(start_paused = true)]
async fn a_new_name_and_new_targets_are_seen_at_the_next_reading() {
    let bench = Bench::settled(policies(30), config()).await;
    bench.until(|bench| bench.facts().inventory.is_some()).await;
    let mut changes = bench.feed.world().subscribe();
    {
        let mut cloud = bench.fake.cloud();
        let renamed = cloud.policies.get_mut("p-29").unwrap();
        (renamed.name, renamed.content) = ("renamed".to_owned(), "other".to_owned());
        cloud.policies.get_mut("p-28").unwrap().targets.insert("ou-ab12-11111111".to_owned());
        cloud.policies.remove("p-27");
        cloud.policies.insert("p-new".to_owned(), policy("new", false));
    }
    bench.feed.request_policies();
    let change = timeout(Duration::from_secs(5), changes.next()).await.unwrap().unwrap();
    assert!(change.policies && change.accounts == Accounts::default());
    assert_eq!(bench.facts().inventory.unwrap().policies, bench.fake.cloud().policies);
}

#[tokio::test(start_paused = true)]
async fn an_inventory_that_cannot_be_complete_is_an_error_and_the_last_one_stands() {
    let bench = Bench::settled(policies(5), config()).await;
    bench.until(|bench| bench.facts().inventory.is_some()).await;
    let before = bench.facts();
    bench.fake.cloud().broken.insert("PolicyTargets p-03".to_owned(), error(Denied, "AccessDeniedException"));
    bench.fake.cloud().policies.remove("p-04");
    tokio::time::sleep(11 * MINUTE).await;
    let facts = bench.facts();
    assert_eq!(facts.policies.error.as_ref().unwrap().code, "AccessDeniedException");
    assert_eq!((facts.policies.read_at, facts.inventory), (before.policies.read_at, before.inventory));
    bench.fake.cloud().broken.clear();
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(bench.facts().policies.error, None);
    assert_eq!(bench.facts().inventory.unwrap().policies, bench.fake.cloud().policies);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_goes_while_it_is_read_is_no_error() {
    let fake = policies(5);
    // Listed, but gone when its content is asked for.
    let gone = error(soc2_aws::ErrorClass::Terminal, "PolicyNotFoundException");
    fake.cloud().failing.insert("PolicyContent p-02".to_owned(), vec![Some(gone)]);
    let bench = Bench::settled(fake, config()).await;
    bench.until(|bench| bench.facts().inventory.is_some()).await;
    assert_eq!(bench.facts().policies.error, None);
}

#[tokio::test(start_paused = true)]
async fn a_request_while_policies_are_read_reads_them_once_more() {
    let fake = policies(2);
    fake.cloud().latency = Duration::from_secs(10);
    let bench = Bench::start(fake, config());
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.feed.request_policies();
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(bench.fake.take_calls("ListPolicies"), 2);
}

#[tokio::test(start_paused = true)]
async fn the_last_organization_stands_while_it_cannot_be_read() {
    let bench = Bench::settled(Fake::new(2), config()).await;
    let before = bench.feed.world().read(|world| world.organization.clone()).unwrap();
    bench.fake.cloud().broken.insert("Organization".to_owned(), error(Transient, "ServiceException"));
    tokio::time::sleep(HOUR).await;
    let after = bench.feed.world().read(|world| world.organization.clone()).unwrap();
    assert_eq!(after.accounts, before.accounts);
    assert!(after.read_at.duration_since(before.read_at).as_mins() <= 10);
    assert_eq!(bench.facts().organization.error.unwrap().code, "ServiceException");
    let calls = bench.fake.take_calls("Organization");
    assert!((10..=25).contains(&calls), "{calls}");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_feed_makes_no_call_and_goes_on_where_it_was() {
    let fake = Fake::new(3);
    fake.cloud().fill(10);
    let bench = Bench::settled(fake, config()).await;
    bench.feed.suspend(true);
    bench.until(|bench| bench.facts().suspended).await;
    bench.fake.cloud().calls.clear();
    bench.fake.cloud().change(1, |finding| finding.compliance = Some("WARNING".to_owned()));
    bench.feed.request_now();
    tokio::time::sleep(20 * HOUR).await;
    assert_eq!(bench.fake.cloud().calls.len(), 0);
    bench.feed.suspend(false);
    bench.until(|bench| !bench.facts().suspended).await;
    tokio::time::sleep(MINUTE).await;
    assert_eq!(bench.wrong(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_requested_is_read_at_once_and_new_intervals_hold_at_once() {
    let fake = Fake::new(3);
    fake.cloud().fill(10);
    let bench = Bench::settled(fake, config()).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    bench.fake.cloud().calls.clear();
    bench.feed.request_now();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let calls = |operation| bench.fake.take_calls(operation);
    assert_eq!((calls("Organization"), calls("ListPolicies"), calls("DescribeHub"), calls("Findings")), (1, 1, 2, 2));
    let mut quick = config();
    quick.intervals.findings = MINUTE;
    bench.feed.update_config(quick);
    tokio::time::sleep(10 * MINUTE).await;
    let polls = bench.fake.take_calls("Findings");
    assert!((18..=20).contains(&polls), "{polls}");
    assert!(!bench.facts().restarting && bench.facts().swept.len() == 4, "what stood stands");
}
