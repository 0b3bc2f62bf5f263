//! A cloud in memory: pages by offset over data that changes between pages, and fails when it is told to.

mod directory;
mod hub;
pub(crate) mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use soc2_aws::{
    Aggregator, Aws, AwsError, Directory, ErrorClass, EventQueue, Objects, PolicyWriter, Role, SecurityHub, StateStore,
};
use soc2_guardrails::inventory::Policy;
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::organization::{Account, AccountState, Organization, Unit};
use tokio::time::Instant;

pub(crate) const HOME: &str = "eu-west-1";
pub(crate) const LINKED: &str = "eu-central-1";
/// The cloud's time is not ours.
const SKEW: SignedDuration = SignedDuration::from_hours(-5);

/// The account of this number.
pub(crate) fn account(number: u64) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

/// The administrator.
pub(crate) fn admin() -> AccountId {
    account(222_222_222_222)
}

/// An error of AWS.
pub(crate) fn error(class: ErrorClass, code: &str) -> AwsError {
    AwsError { class, code: code.to_owned(), message: format!("{code} from the fake") }
}

/// A finding as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) finding: Finding,
    /// Milliseconds of the cloud's time.
    pub(crate) updated: i64,
}

/// One Security Hub.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hub {
    pub(crate) members: BTreeMap<AccountId, String>,
    pub(crate) standards: Vec<String>,
    pub(crate) aggregator: Option<Aggregator>,
    pub(crate) disabled: BTreeSet<String>,
}

/// How `GetFindings` behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    NewestFirst,
    OldestFirst,
    /// As they were imported, whatever was asked for.
    AsImported,
}

/// Done before a page is given out, with the number of the call.
pub(crate) type Meddler = Box<dyn FnMut(&mut Cloud, usize) + Send>;

/// Everything there is.
pub(crate) struct Cloud {
    pub(crate) organization: Organization,
    pub(crate) tags: BTreeMap<AccountId, BTreeMap<String, String>>,
    pub(crate) policies: BTreeMap<String, Policy>,
    pub(crate) hubs: BTreeMap<(AccountId, Region), Hub>,
    pub(crate) rows: Vec<Row>,
    pub(crate) queue: Vec<queue::Message>,
    /// Messages so far.
    pub(crate) sent: u64,
    pub(crate) page: usize,
    pub(crate) order: Order,
    pub(crate) ignores_filters: bool,
    pub(crate) latency: Duration,
    /// Spacing of `GetFindings`, for all callers together, as our limiter has it.
    pub(crate) spacing: Duration,
    pub(crate) next_start: Option<Instant>,
    /// Errors to give: by operation (and account or Region), the next ones.
    pub(crate) failing: BTreeMap<String, Vec<Option<AwsError>>>,
    /// Operations that always fail: by operation, or operation and what it is about.
    pub(crate) broken: BTreeMap<String, AwsError>,
    /// What questions about open findings get.
    pub(crate) refuses_open: Option<AwsError>,
    pub(crate) meddler: Option<Meddler>,
    /// Every n-th page of findings is empty, with a token.
    pub(crate) empty_every: usize,
    /// Tokens given out before this call number are no longer taken.
    pub(crate) tokens_from: usize,
    /// The token never changes and never ends.
    pub(crate) stuck: bool,
    /// Operations called, in order.
    pub(crate) calls: Vec<String>,
    pub(crate) pages: usize,
    started: Instant,
    pub(crate) epoch: Timestamp,
}

/// A handle to the cloud.
#[derive(Clone)]
pub(crate) struct Fake(pub(crate) Arc<Mutex<Cloud>>);

impl Fake {
    /// An organization with an administrator and `accounts` members; findings aggregated from one linked Region.
    pub(crate) fn new(accounts: u64) -> Self {
        let members: BTreeMap<AccountId, String> = (1..=accounts).map(|n| (account(n), "Enabled".to_owned())).collect();
        let standards = vec![
            "arn:aws:securityhub:eu-west-1::standards/aws-foundational-security-best-practices/v/1.0.0".to_owned(),
        ];
        let aggregator = Aggregator {
            home: HOME.to_owned(),
            mode: "SPECIFIED_REGIONS".to_owned(),
            regions: vec![LINKED.to_owned()],
        };
        let hub = Hub { members, standards, aggregator: Some(aggregator), disabled: BTreeSet::new() };
        let hubs = [HOME, LINKED].map(|region| ((admin(), region.to_owned()), hub.clone())).into_iter().collect();
        let epoch: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let cloud = Cloud {
            organization: organization((1..=accounts).map(account).chain([admin()]), epoch),
            tags: BTreeMap::new(),
            policies: BTreeMap::new(),
            hubs,
            rows: Vec::new(),
            queue: Vec::new(),
            sent: 0,
            page: 100,
            order: Order::NewestFirst,
            ignores_filters: false,
            latency: Duration::ZERO,
            spacing: Duration::ZERO,
            next_start: None,
            failing: BTreeMap::new(),
            broken: BTreeMap::new(),
            refuses_open: None,
            meddler: None,
            empty_every: 0,
            tokens_from: 0,
            stuck: false,
            calls: Vec::new(),
            pages: 0,
            started: Instant::now(),
            epoch,
        };
        Self(Arc::new(Mutex::new(cloud)))
    }

    pub(crate) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.0.lock().unwrap()
    }

    /// How often an operation was called since the last time.
    pub(crate) fn take_calls(&self, operation: &str) -> usize {
        let mut cloud = self.cloud();
        let count = cloud.calls.iter().filter(|call| call.starts_with(operation)).count();
        cloud.calls.retain(|call| !call.starts_with(operation));
        count
    }

    /// Our time.
    pub(crate) fn clock(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let cloud = self.cloud();
        let (epoch, started) = (cloud.epoch, cloud.started);
        drop(cloud);
        move || epoch + SignedDuration::try_from(started.elapsed()).unwrap()
    }

    /// Waits as long as a call takes, counts it, and fails if it is to.
    pub(crate) async fn call(&self, operation: &str, about: &str) -> Result<(), AwsError> {
        let name = format!("{operation} {about}");
        let (latency, outcome) = {
            let mut cloud = self.cloud();
            cloud.calls.push(name.clone());
            (cloud.latency, cloud.outcome(operation, &name))
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        outcome
    }
}

/// An organization with these accounts below its root.
fn organization(accounts: impl Iterator<Item = AccountId>, now: Timestamp) -> Organization {
    let made = |id| {
        let name = format!("account-{id}");
        let parent = "r-ab12".to_owned();
        (id, Account { name, state: AccountState::Active, parent, joined_at: Some(now), tags: None })
    };
    Organization {
        id: "o-exampleorgid".to_owned(),
        management_account: account(111_111_111_111),
        root: "r-ab12".to_owned(),
        scp_enabled: true,
        units: BTreeMap::from([("r-ab12".to_owned(), Unit { name: "Root".to_owned(), parent: None })]),
        accounts: accounts.map(made).collect(),
        read_at: now,
    }
}

impl Cloud {
    fn outcome(&mut self, operation: &str, name: &str) -> Result<(), AwsError> {
        for key in [operation, name] {
            if let Some(error) = self.broken.get(key) {
                return Err(error.clone());
            }
            if let Some(next) = self.failing.get_mut(key)
                && !next.is_empty()
                && let Some(error) = next.remove(0)
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// The cloud's time.
    pub(crate) fn now(&self) -> i64 {
        (self.epoch + SKEW).as_millisecond() + i64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    /// Imports a finding, updated some time ago.
    pub(crate) fn import(
        &mut self,
        of: AccountId,
        region: &str,
        control: &str,
        resource: &str,
        status: &str,
        age: Duration,
    ) {
        let updated = self.now() - i64::try_from(age.as_millis()).unwrap();
        let finding = Finding {
            id: format!("{of}/{region}/{control}/{resource}"),
            product_arn: format!("arn:aws:securityhub:{region}::product/aws/securityhub"),
            account_id: of.to_string(),
            region: region.to_owned(),
            control_id: Some(control.to_owned()),
            compliance: Some(status.to_owned()),
            workflow: Some("NEW".to_owned()),
            record_state: Some("ACTIVE".to_owned()),
            updated_at: Some(text(updated)),
            resource_type: Some("AwsS3Bucket".to_owned()),
            resource_id: Some(resource.to_owned()),
            ..Finding::default()
        };
        self.rows.push(Row { finding, updated });
    }

    /// Some findings of every account in both Regions, updated within the last day, except the last hour.
    pub(crate) fn fill(&mut self, each: usize) {
        let accounts: Vec<AccountId> = self.organization.accounts.keys().copied().collect();
        let mut n = 0;
        for of in accounts {
            for resource in 0..each {
                n += 1;
                let (region, status) =
                    (if n % 3 == 0 { LINKED } else { HOME }, if n % 7 == 0 { "FAILED" } else { "PASSED" });
                let age = Duration::from_secs(3600 + (n * 7919) % 86_400);
                self.import(of, region, ["S3.1", "S3.5", "IAM.5"][resource % 3], &format!("r{resource}"), status, age);
            }
        }
    }

    /// Imports a finding of another product, updated some time ago; says where it is.
    pub(crate) fn import_other(&mut self, of: AccountId, product: &str, generator: &str, age: Duration) -> usize {
        let updated = self.now() - i64::try_from(age.as_millis()).unwrap();
        let at = self.rows.len();
        let finding = Finding {
            id: format!("{of}/{product}/{generator}/{at}"),
            product_arn: format!("arn:aws:securityhub:{HOME}::product/{product}"),
            account_id: of.to_string(),
            region: HOME.to_owned(),
            workflow: Some("NEW".to_owned()),
            record_state: Some("ACTIVE".to_owned()),
            updated_at: Some(text(updated)),
            resource_id: Some(format!("resource-{at}")),
            generator_id: Some(generator.to_owned()),
            severity: Some("CRITICAL".to_owned()),
            first_observed_at: Some(text(updated)),
            ..Finding::default()
        };
        self.rows.push(Row { finding, updated });
        at
    }

    /// Changes a finding; that moves its `UpdatedAt`, always forward: two versions of one time would be a tie, at which the
    /// worse stands.
    pub(crate) fn change(&mut self, index: usize, change: impl FnOnce(&mut Finding)) {
        let now = self.now().max(self.rows[index].updated + 1);
        let row = &mut self.rows[index];
        change(&mut row.finding);
        row.updated = now;
        row.finding.updated_at = Some(text(now));
    }

    /// Changes the workflow of a finding; that does not.
    pub(crate) fn workflow(&mut self, index: usize, word: &str) {
        self.rows[index].finding.workflow = Some(word.to_owned());
    }

    /// The findings that an index of everything should have.
    pub(crate) fn truth(&self) -> Vec<Finding> {
        self.rows.iter().map(|row| row.finding.clone()).collect()
    }
}

fn text(milliseconds: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(milliseconds).unwrap())
}

impl Aws for Fake {
    fn directory(&self, _role: Option<&Role>) -> Arc<dyn Directory> {
        Arc::new(self.clone())
    }

    fn policy_writer(&self, _role: &Role) -> Arc<dyn PolicyWriter> {
        panic!("the feed writes nothing")
    }

    fn security_hub(&self, role: Option<&Role>, region: &str, _per_second: u32) -> Arc<dyn SecurityHub> {
        let of = role.and_then(|role| role.arn.split(':').nth(4)?.parse().ok()).unwrap_or_else(admin);
        Arc::new(hub::FakeHub { fake: self.clone(), account: of, region: region.to_owned() })
    }

    fn state_store(&self, _url: &str) -> Result<Arc<dyn StateStore>, AwsError> {
        panic!("the feed is given its store")
    }

    fn objects(&self, _role: Option<&Role>, _url: &str, _region: Option<&str>) -> Result<Arc<dyn Objects>, AwsError> {
        panic!("the feed reads no files")
    }

    fn event_queue(&self, _role: Option<&Role>, _url: &str, _region: &str) -> Arc<dyn EventQueue> {
        Arc::new(queue::FakeQueue(self.clone()))
    }
}
