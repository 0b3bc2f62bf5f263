//! A small world to change in one place: account 333333333333, member of an aggregator in eu-west-1 with us-east-1 linked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use soc2_catalog::{Catalog, ControlIx, StandardCode};
use soc2_crds::{
    AccountPostureSpec, AwsOrganizationSpec, ComplianceExceptionSpec, ComplianceProfileSpec, ControlAttestationSpec,
};
use soc2_posture::assess::{ConditionFact, SpecError};
use soc2_posture::finding::Finding;
use soc2_posture::ids::AccountId;
use soc2_posture::interest::Interests;
use soc2_posture::organization::{Account, AccountState, Organization, Unit};
use soc2_posture::protection::ProtectionByAccount;
use soc2_posture::source::{HubError, HubRegion, SignalReading, Sources};
use soc2_posture::{Assessment, FindingIndex, Memory, World, assess};

use crate::written::{Written, merge};

/// The management account.
pub const MANAGEMENT: &str = "111111111111";
/// The administrator of Security Hub.
pub const ADMIN: &str = "222222222222";
/// The account of the profile.
pub const ACCOUNT: &str = "333333333333";
/// Home Region of the aggregator.
pub const HOME: &str = "eu-west-1";
/// Its linked Region.
pub const LINKED: &str = "us-east-1";

pub fn id(text: &str) -> AccountId {
    text.parse().unwrap()
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn now() -> Timestamp {
    at("2026-11-22T12:00:00Z")
}

pub fn catalog() -> &'static Arc<Catalog> {
    Catalog::builtin().unwrap()
}

pub fn control(id: &str) -> ControlIx {
    catalog().control(id).unwrap()
}

/// A change to a scene, in tables.
pub type Change = fn(&mut Scene);

/// Everything that an assessment depends on.
#[derive(Clone, Debug)]
pub struct Scene {
    pub organization: Organization,
    pub sources: Sources,
    pub findings: Vec<Finding>,
    pub profile: ComplianceProfileSpec,
    pub aws: AwsOrganizationSpec,
    pub protection: BTreeMap<String, ProtectionByAccount>,
    pub exceptions: Vec<Written<ComplianceExceptionSpec>>,
    pub attestations: Vec<Written<ControlAttestationSpec>>,
    pub acknowledged: Option<u32>,
    /// The profile's catalogue; `None`: the built-in one.
    pub catalog: Option<Arc<Catalog>>,
    /// Other catalogues in use.
    pub catalogs: Vec<Arc<Catalog>>,
    pub now: Timestamp,
}

impl Scene {
    /// The account is alive in both Regions: some check that no profile asks for passed there.
    pub fn new() -> Self {
        Self::silent().with([finding("Account.1"), finding("Account.1").region(LINKED)])
    }

    /// Without any finding.
    pub fn silent() -> Self {
        let profile = serde_json::json!({
            "organizationRef": {"name": "acme"},
            "targets": {"include": [{"accountIds": [ACCOUNT]}]},
            "manual": {"tracking": "Elsewhere", "rationale": "tests of people's part say Here"},
        });
        Self {
            organization: organization(),
            sources: Sources { regions: vec![hub(HOME), hub(LINKED)], ..Sources::default() },
            findings: Vec::new(),
            profile: serde_json::from_value(profile).unwrap(),
            aws: AwsOrganizationSpec::default(),
            protection: BTreeMap::new(),
            exceptions: Vec::new(),
            attestations: Vec::new(),
            acknowledged: None,
            catalog: None,
            catalogs: Vec::new(),
            now: now(),
        }
    }

    pub fn with(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self
    }

    /// Changes anything.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Sets fields of the profile, as a person would write them.
    pub fn profile(mut self, fields: serde_json::Value) -> Self {
        let mut spec = serde_json::to_value(&self.profile).unwrap();
        merge(&mut spec, fields);
        self.profile = serde_json::from_value(spec).unwrap();
        self
    }

    pub fn account(&mut self) -> &mut Account {
        self.organization.accounts.get_mut(&id(ACCOUNT)).unwrap()
    }

    pub fn hub(&mut self, region: &str) -> &mut HubRegion {
        self.sources.regions.iter_mut().find(|hub| hub.region == region).unwrap()
    }

    /// The account is no member there.
    pub fn not_member(&mut self, region: &str) {
        self.hub(region).members.remove(&id(ACCOUNT));
    }

    /// The account was not completely read there.
    pub fn not_swept(&mut self, region: &str) {
        self.hub(region).swept.remove(&id(ACCOUNT));
    }

    /// What was read of other products there does not count for the account.
    pub fn came_later(&mut self, region: &str) {
        for reading in &mut self.hub(region).signals {
            reading.missing.insert(id(ACCOUNT));
        }
    }

    /// Nothing was read of other products there.
    pub fn not_read(&mut self, region: &str) {
        self.hub(region).signals.clear();
    }

    /// Disables a control in Security Hub.
    pub fn disable(&mut self, region: &str, disabled: &str) {
        self.hub(region).disabled_controls.insert(control(disabled));
    }

    pub fn add_account(&mut self, account: &str, name: &str, parent: &str) {
        let account_id = id(account);
        self.organization.accounts.insert(account_id, active(name, parent));
        for hub in &mut self.sources.regions {
            hub.members.insert(account_id);
            hub.swept.insert(account_id);
        }
    }

    pub fn index(&self) -> FindingIndex {
        let mut index = FindingIndex::new(catalog());
        index.set_interests(&self.interests());
        index.upsert(&self.findings);
        index
    }

    /// What the profile wants to know of other products.
    pub fn interests(&self) -> Interests {
        Interests::of(&self.profile, self.catalog.as_ref().unwrap_or(catalog()))
    }

    /// All of that was completely read in every Region, just now.
    pub fn others_read(mut self) -> Self {
        let read = |interest| SignalReading { interest, complete_at: self.now, missing: BTreeSet::new() };
        let signals: Vec<SignalReading> = self.interests().iter().map(read).collect();
        for hub in &mut self.sources.regions {
            hub.signals.clone_from(&signals);
        }
        self
    }

    pub fn world(&self) -> World {
        World { organization: Some(self.organization.clone()), sources: self.sources.clone(), index: self.index() }
    }

    pub fn try_assess(&self) -> Result<Assessment, SpecError> {
        self.assess_world(&self.world())
    }

    /// The same with another world.
    pub fn assess_world(&self, world: &World) -> Result<Assessment, SpecError> {
        assess(&self.wanted().desired(), world, &Memory::default(), self.now)
    }

    pub fn assess(&self) -> Assessment {
        self.try_assess().unwrap()
    }

    pub fn posture(&self) -> AccountPostureSpec {
        self.assess().posture(id(ACCOUNT), &self.index()).unwrap()
    }

    /// State and reason of a control of the account, such as `Unknown: Stale`; `-` when it is not in scope.
    pub fn check(&self, control: &str) -> String {
        check(&self.posture(), control)
    }

    /// Message of a control of the account, or of its group.
    pub fn message(&self, control: &str) -> String {
        let posture = self.posture();
        let row = posture.controls.iter().find(|row| row.id == control).map(|row| row.message.clone());
        let group = posture.unknown.iter().find(|group| group.controls.iter().any(|id| id == control));
        row.or_else(|| group.map(|group| group.message.clone())).unwrap_or_default()
    }

    pub fn condition(&self, type_: &str) -> ConditionFact {
        self.assess().conditions().into_iter().find(|condition| condition.type_ == type_).unwrap()
    }

    /// Status and reason of a condition, such as `False: Stale`.
    pub fn condition_words(&self, type_: &str) -> String {
        let condition = self.condition(type_);
        format!("{}: {}", condition.status.as_str(), condition.reason)
    }
}

/// State and reason of a control in a posture.
pub fn check(posture: &AccountPostureSpec, control: &str) -> String {
    let has = |ids: &[String]| ids.iter().any(|id| id == control);
    if let Some(row) = posture.controls.iter().find(|row| row.id == control) {
        return format!("{:?}: {}", row.state, row.reason);
    }
    if let Some(group) = posture.unknown.iter().find(|group| has(&group.controls)) {
        return format!("Unknown: {}", group.reason);
    }
    if let Some(group) = posture.not_applicable.iter().find(|group| has(&group.controls)) {
        return format!("NotApplicable: {}", group.reason);
    }
    match (has(&posture.passed), has(&posture.nothing_to_check)) {
        (true, _) => "Passed".to_owned(),
        (_, true) => "Passed: NothingToCheck".to_owned(),
        _ => "-".to_owned(),
    }
}

fn active(name: &str, parent: &str) -> Account {
    Account {
        name: name.to_owned(),
        state: AccountState::Active,
        parent: parent.to_owned(),
        joined_at: Some(at("2024-01-01T00:00:00Z")),
        tags: Some(BTreeMap::new()),
    }
}

/// Root with Security and Workloads (with Prod), and an account in each.
fn organization() -> Organization {
    let unit = |name: &str, parent: Option<&str>| Unit { name: name.to_owned(), parent: parent.map(str::to_owned) };
    Organization {
        id: "o-exampleorgid".to_owned(),
        management_account: id(MANAGEMENT),
        root: "r-ab12".to_owned(),
        scp_enabled: true,
        units: BTreeMap::from([
            ("r-ab12".to_owned(), unit("Root", None)),
            ("ou-ab12-security".to_owned(), unit("Security", Some("r-ab12"))),
            ("ou-ab12-workloads".to_owned(), unit("Workloads", Some("r-ab12"))),
            ("ou-ab12-prod0000".to_owned(), unit("Prod", Some("ou-ab12-workloads"))),
        ]),
        accounts: BTreeMap::from([
            (id(MANAGEMENT), active("management", "r-ab12")),
            (id(ADMIN), active("security", "ou-ab12-security")),
            (id(ACCOUNT), active("prod-payments", "ou-ab12-prod0000")),
        ]),
        read_at: now(),
    }
}

/// A Region of the source `main`, completely read.
pub fn hub(region: &str) -> HubRegion {
    HubRegion {
        source: "main".to_owned(),
        region: region.to_owned(),
        read_through: HOME.to_owned(),
        error: None,
        account: Some(id(ADMIN)),
        consolidated: true,
        members: BTreeSet::from([id(MANAGEMENT), id(ACCOUNT)]),
        standards: BTreeSet::from([StandardCode::Fsbp]),
        disabled_controls: BTreeSet::new(),
        serves: None,
        swept: BTreeSet::from([id(MANAGEMENT), id(ADMIN), id(ACCOUNT)]),
        complete_at: Some(now()),
        signals: Vec::new(),
    }
}

/// A Region that cannot be read.
pub fn broken(region: &str, error: HubError) -> HubRegion {
    HubRegion {
        error: Some(error),
        account: None,
        members: BTreeSet::new(),
        standards: BTreeSet::new(),
        swept: BTreeSet::new(),
        complete_at: None,
        ..hub(region)
    }
}

/// A finding that passed an hour ago, of one resource.
pub fn finding(control: &str) -> Finding {
    Finding { account_id: ACCOUNT.to_owned(), control_id: Some(control.to_owned()), ..Finding::default() }
        .status("PASSED")
        .workflow("NEW")
        .record("ACTIVE")
        .aged("1h")
        .region(HOME)
        .resource("arn:aws:s3:::one")
        .of_type("AwsS3Bucket")
}

/// Changes to a finding, to be chained. Changing what identifies it gives it another id.
pub trait FindingExt: Sized {
    fn change(self, change: impl FnOnce(&mut Finding)) -> Finding;

    fn status(self, word: &str) -> Finding {
        self.change(|finding| finding.compliance = Some(word.to_owned()))
    }
    fn failed(self) -> Finding {
        self.status("FAILED")
    }
    fn workflow(self, word: &str) -> Finding {
        self.change(|finding| finding.workflow = Some(word.to_owned()))
    }
    fn suppressed(self) -> Finding {
        self.workflow("SUPPRESSED")
    }
    fn record(self, word: &str) -> Finding {
        self.change(|finding| finding.record_state = Some(word.to_owned()))
    }
    fn archived(self) -> Finding {
        self.record("ARCHIVED")
    }
    fn updated(self, when: &str) -> Finding {
        self.change(|finding| finding.updated_at = Some(when.to_owned()))
    }
    /// Updated so long before [`now`], such as `36h`; `-1s` is the future.
    fn aged(self, age: &str) -> Finding {
        let age: SignedDuration = age.parse().unwrap();
        self.change(|finding| finding.updated_at = Some((now() - age).to_string()))
    }
    fn of_type(self, kind: &str) -> Finding {
        self.change(|finding| finding.resource_type = Some(kind.to_owned()))
    }
    fn account(self, account: &str) -> Finding {
        self.change(|finding| account.clone_into(&mut finding.account_id)).named()
    }
    fn region(self, region: &str) -> Finding {
        self.change(|finding| {
            region.clone_into(&mut finding.region);
            finding.product_arn = format!("arn:aws:securityhub:{region}::product/aws/securityhub");
        })
        .named()
    }
    fn resource(self, resource: &str) -> Finding {
        self.change(|finding| finding.resource_id = Some(resource.to_owned())).named()
    }
    /// One of several findings about the same resource.
    fn id(self, id: &str) -> Finding {
        self.change(|finding| id.clone_into(&mut finding.id))
    }
    /// As the finding of another standard about the same resource.
    fn again(self, standard: &str) -> Finding {
        self.change(|finding| finding.id = format!("{}/{standard}", finding.id))
    }
    fn named(self) -> Finding {
        self.change(|finding| {
            let control = finding.control_id.clone().unwrap_or_default();
            let resource = finding.resource_id.clone().unwrap_or_default();
            finding.id = format!("{}/{}/{control}/{resource}", finding.account_id, finding.region);
        })
    }
}

impl FindingExt for Finding {
    fn change(mut self, change: impl FnOnce(&mut Finding)) -> Finding {
        change(&mut self);
        self
    }
}
