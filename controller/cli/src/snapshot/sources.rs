//! `sources.json`: where the findings come from, and whether they are all there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soc2_catalog::{Catalog, Matcher, standards};
use soc2_crds::{AwsOrganizationSpec, FindingProduct, FindingSeverity};
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::interest::Interest;
use soc2_posture::organization::Organization;
use soc2_posture::source::{HubError, HubRegion, SignalReading, Sources};
use soc2_posture::targets;

const CONSOLIDATED: &str = "Consolidated";
const ACCESS_DENIED: &str = "AccessDenied";
const NOT_ENABLED: &str = "SecurityHubNotEnabled";

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SourcesFile {
    /// When the reading began.
    pub(crate) taken_at: Timestamp,
    security_hub: Vec<Entry>,
}

/// One Region of one source.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    name: String,
    region: Region,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<AccountId>,
    /// Regions that are read through this one. Those without an entry of their own are as this one is.
    #[serde(default)]
    linked_regions: Vec<Region>,
    #[serde(default)]
    control_findings: String,
    #[serde(default)]
    enabled_standards: Vec<String>,
    #[serde(default)]
    member_account_ids: BTreeSet<AccountId>,
    #[serde(default)]
    disabled_controls: Vec<String>,
    /// Whether all findings of all of these accounts are there. Absent: no.
    #[serde(default)]
    complete: bool,
    /// Which findings of other products are all there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    other_products: Vec<OtherProducts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What was wrong, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Findings of other products that are all there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OtherProducts {
    #[serde(flatten)]
    read: OfProducts,
    /// When their reading began; absent: with the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    complete_at: Option<Timestamp>,
    /// Accounts whose findings are not all there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    missing_account_ids: BTreeSet<AccountId>,
}

/// Which of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum OfProducts {
    /// Those of a product that are open, of this severity and worse.
    #[serde(rename_all = "PascalCase")]
    Open { product: FindingProduct, severity: FindingSeverity },
    /// Those that a control of an organization's own is about: globs over their ASFF.
    #[serde(rename_all = "PascalCase")]
    Matching { matching: Globs },
}

/// What findings have in their ASFF, as globs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Globs {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generator_id: Option<String>,
    /// Over `ProductName` and `ProductArn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    types: Option<String>,
}

impl OtherProducts {
    fn new(reading: &SignalReading) -> Self {
        let read = match reading.interest.clone() {
            Interest::Open(product, severity) => OfProducts::Open { product, severity },
            Interest::Matching(Matcher { generator_id, product, kind }) => {
                OfProducts::Matching { matching: Globs { generator_id, product, types: kind } }
            }
        };
        let missing_account_ids = reading.missing.clone();
        Self { read, complete_at: Some(reading.complete_at), missing_account_ids }
    }

    fn reading(&self, taken_at: Timestamp) -> SignalReading {
        let interest = match &self.read {
            OfProducts::Open { product, severity } => Interest::Open(*product, *severity),
            OfProducts::Matching { matching: Globs { generator_id, product, types } } => Interest::Matching(Matcher {
                generator_id: generator_id.clone(),
                product: product.clone(),
                kind: types.clone(),
            }),
        };
        let complete_at = self.complete_at.unwrap_or(taken_at);
        SignalReading { interest, complete_at, missing: self.missing_account_ids.clone() }
    }
}

impl SourcesFile {
    /// From what was read.
    pub(crate) fn new(sources: &Sources, catalog: &Catalog, taken_at: Timestamp) -> Self {
        let security_hub = sources.regions.iter().map(|hub| entry(hub, sources, catalog)).collect();
        Self { taken_at, security_hub }
    }

    /// The sources. `wanted` says which accounts each serves.
    pub(crate) fn sources(
        &self,
        catalog: &Catalog,
        organization: &Organization,
        wanted: Option<&AwsOrganizationSpec>,
    ) -> Sources {
        let mut regions = Vec::new();
        for entry in &self.security_hub {
            let serves = self.serves(entry, organization, wanted);
            let hub = entry.hub(catalog, self.taken_at, self.read_through(entry), serves);
            let alone = |region: &&Region| !self.has(&entry.name, region, entry.account_id);
            let linked = entry.linked_regions.iter().filter(alone);
            regions.extend(linked.map(|region| HubRegion { region: region.clone(), ..hub.clone() }));
            regions.push(hub);
        }
        regions.sort_by(|one, other| {
            (&one.source, &one.region, one.account).cmp(&(&other.source, &other.region, other.account))
        });
        Sources { regions, unattributed: BTreeMap::new() }
    }

    fn has(&self, name: &str, region: &str, account: Option<AccountId>) -> bool {
        self.security_hub
            .iter()
            .any(|entry| entry.name == name && entry.region == region && entry.account_id == account)
    }

    /// The Region through which the findings of an entry were read.
    fn read_through(&self, entry: &Entry) -> Region {
        let reads = |other: &&Entry| other.name == entry.name && other.linked_regions.contains(&entry.region);
        self.security_hub.iter().find(reads).map_or_else(|| entry.region.clone(), |other| other.region.clone())
    }

    /// The accounts that an entry serves; `None`: all.
    fn serves(
        &self,
        entry: &Entry,
        organization: &Organization,
        wanted: Option<&AwsOrganizationSpec>,
    ) -> Option<BTreeSet<AccountId>> {
        let beside = self.security_hub.iter().filter(|other| other.name == entry.name && other.region == entry.region);
        let source = wanted.and_then(|spec| spec.security_hub.iter().find(|source| source.name == entry.name));
        if beside.count() > 1 || source.is_some_and(|source| source.per_account.is_some()) {
            // Each account has its own Security Hub.
            return Some(entry.account_id.into_iter().chain(entry.member_account_ids.iter().copied()).collect());
        }
        let targets = source?.targets.as_ref()?;
        Some(targets::select(targets, organization, "spec.securityHub.targets").accounts)
    }
}

impl Entry {
    fn hub(
        &self,
        catalog: &Catalog,
        taken_at: Timestamp,
        read_through: Region,
        serves: Option<BTreeSet<AccountId>>,
    ) -> HubRegion {
        let message = || self.message.clone().unwrap_or_else(|| "the reading was denied".to_owned());
        let error = match self.error.as_deref() {
            None => None,
            Some(ACCESS_DENIED) => Some(HubError::AccessDenied(message())),
            Some(NOT_ENABLED) => Some(HubError::NotEnabled),
            Some(other) => Some(HubError::NotRead(self.message.clone().unwrap_or_else(|| other.to_owned()))),
        };
        let members = if error.is_some() { BTreeSet::new() } else { self.member_account_ids.clone() };
        let swept = if self.complete && error.is_none() {
            members.iter().copied().chain(self.account_id).collect()
        } else {
            BTreeSet::new()
        };
        let mut disabled = BTreeSet::new();
        for id in &self.disabled_controls {
            // One that this catalogue does not know is in no profile's scope.
            disabled.extend(catalog.control(id));
        }
        let signals = match error {
            None => self.other_products.iter().map(|read| read.reading(taken_at)).collect(),
            Some(_) => Vec::new(),
        };
        HubRegion {
            source: self.name.clone(),
            region: self.region.clone(),
            read_through,
            error,
            account: self.account_id,
            consolidated: self.control_findings == CONSOLIDATED,
            members,
            standards: self.enabled_standards.iter().filter_map(|name| standards::parse(name)).collect(),
            disabled_controls: disabled,
            serves,
            swept,
            complete_at: self.complete.then_some(taken_at),
            signals,
        }
    }
}

fn entry(hub: &HubRegion, sources: &Sources, catalog: &Catalog) -> Entry {
    let (error, message) = match &hub.error {
        None => (None, None),
        Some(HubError::AccessDenied(message)) => (Some(ACCESS_DENIED.to_owned()), Some(message.clone())),
        Some(HubError::NotEnabled) => (Some(NOT_ENABLED.to_owned()), None),
        Some(HubError::NotRead(message)) => (Some("NotRead".to_owned()), Some(message.clone())),
    };
    let unattributed = sources.unattributed.get(&(hub.source.clone(), hub.read_through.clone()));
    let everybody = hub.members.iter().chain(&hub.account);
    let all_swept = everybody
        .filter(|id| hub.serves.as_ref().is_none_or(|serves| serves.contains(id)))
        .all(|id| hub.swept.contains(id));
    let linked = sources.regions.iter().filter(|other| {
        other.source == hub.source
            && other.read_through == hub.region
            && other.region != hub.region
            && other.account == hub.account
    });
    Entry {
        name: hub.source.clone(),
        region: hub.region.clone(),
        account_id: hub.account,
        linked_regions: linked.map(|other| other.region.clone()).collect(),
        control_findings: if hub.consolidated { CONSOLIDATED } else { "PerStandard" }.to_owned(),
        enabled_standards: hub.standards.iter().map(|code| standards::short(*code).to_owned()).collect(),
        member_account_ids: hub.members.clone(),
        disabled_controls: hub.disabled_controls.iter().map(|ix| catalog.get(*ix).id.clone()).collect(),
        complete: error.is_none() && unattributed.is_none() && all_swept,
        other_products: hub.signals.iter().map(OtherProducts::new).collect(),
        error,
        message: message.or_else(|| unattributed.cloned()),
    }
}
