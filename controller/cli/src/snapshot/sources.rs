//! `sources.json`: where the findings come from, and whether they are all there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soc2_catalog::{Catalog, Matcher, standards};
use soc2_crds::AwsOrganizationSpec;
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

/// Findings of other products that are all there: of a `Product` those that are open, of a `Severity` and worse, or those that a
/// control of an organization's own is about (`Matching`).
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OtherProducts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    severity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    matching: Option<Globs>,
    /// When their reading began; absent: with the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    complete_at: Option<Timestamp>,
    /// Accounts whose findings are not all there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    missing_account_ids: BTreeSet<AccountId>,
}

/// What findings have in their ASFF, as globs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
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
        let (complete_at, missing_account_ids) = (Some(reading.complete_at), reading.missing.clone());
        let base = Self { complete_at, missing_account_ids, ..Self::default() };
        match reading.interest.clone() {
            Interest::Open(product, severity) => {
                Self { product: Some(format!("{product:?}")), severity: Some(format!("{severity:?}")), ..base }
            }
            Interest::Matching(Matcher { generator_id, product, kind }) => {
                Self { matching: Some(Globs { generator_id, product, types: kind }), ..base }
            }
        }
    }

    fn reading(&self, taken_at: Timestamp) -> Result<SignalReading> {
        let interest = match (&self.product, &self.severity, &self.matching) {
            (Some(product), Some(severity), None) => Interest::Open(
                named(product)
                    .context("Product: is GuardDuty, Inspector, Macie or SecurityHub; others are found by Matching")?,
                named(severity).context("Severity: is Critical, High, Medium or Low")?,
            ),
            (None, None, Some(Globs { generator_id, product, types })) => Interest::Matching(Matcher {
                generator_id: generator_id.clone(),
                product: product.clone(),
                kind: types.clone(),
            }),
            _ => bail!("has either Product and Severity, or Matching"),
        };
        let complete_at = self.complete_at.unwrap_or(taken_at);
        Ok(SignalReading { interest, complete_at, missing: self.missing_account_ids.clone() })
    }
}

/// A value by its name in manifests.
fn named<T: serde::de::DeserializeOwned>(name: &str) -> Result<T> {
    Ok(serde_json::from_value(serde_json::Value::from(name))?)
}

/// Whether the organization reads what an entry is of, by this Region.
fn reads(spec: &AwsOrganizationSpec, read_through: &str, entry: &Entry) -> bool {
    spec.security_hub.iter().filter(|source| source.name == entry.name).any(|source| {
        let mut regions = source.home_region.iter().chain(source.regions.iter().flatten());
        regions.any(|region| region == read_through || *region == entry.region)
    })
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
    ) -> Result<Sources> {
        let mut regions: Vec<HubRegion> = wanted.map(|spec| self.absent(spec)).unwrap_or_default();
        let declared =
            |entry: &&Entry| wanted.is_none_or(|spec| spec.security_hub.iter().any(|source| source.name == entry.name));
        for (at, entry) in self.security_hub.iter().enumerate().filter(|(_, entry)| declared(entry)) {
            let serves = self.serves(entry, organization, wanted);
            let hub = entry.hub(catalog, self.taken_at, self.read_through(entry), serves);
            let mut hub = hub.with_context(|| format!("SecurityHub[{at}]"))?;
            if wanted.is_some_and(|spec| !reads(spec, &self.read_through(entry), entry)) {
                hub.error = Some(HubError::NotRead(format!("the AwsOrganization reads no {} there", entry.name)));
                (hub.members, hub.swept, hub.signals) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
            }
            let alone = |region: &&Region| !self.has(&entry.name, region, entry.account_id);
            let linked = entry.linked_regions.iter().filter(alone);
            regions.extend(linked.map(|region| HubRegion { region: region.clone(), ..hub.clone() }));
            regions.push(hub);
        }
        regions.sort_by(|one, other| {
            (&one.source, &one.region, one.account).cmp(&(&other.source, &other.region, other.account))
        });
        Ok(Sources { regions, unattributed: BTreeMap::new() })
    }

    /// What the organization reads and the file does not speak of.
    fn absent(&self, spec: &AwsOrganizationSpec) -> Vec<HubRegion> {
        let mut absent = Vec::new();
        for source in &spec.security_hub {
            for region in source.home_region.iter().chain(source.regions.iter().flatten()) {
                if self.security_hub.iter().any(|entry| entry.name == source.name && entry.region == *region) {
                    continue;
                }
                let words = "the snapshot has nothing of it: take it again with these manifests";
                absent.push(HubRegion {
                    source: source.name.clone(),
                    region: region.clone(),
                    read_through: region.clone(),
                    error: Some(HubError::NotRead(words.to_owned())),
                    account: None,
                    consolidated: true,
                    members: BTreeSet::new(),
                    standards: BTreeSet::new(),
                    disabled_controls: BTreeSet::new(),
                    serves: None,
                    swept: BTreeSet::new(),
                    complete_at: None,
                    signals: Vec::new(),
                });
            }
        }
        absent
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
    ) -> Result<HubRegion> {
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
            None => self.readings(taken_at)?,
            Some(_) => Vec::new(),
        };
        Ok(HubRegion {
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
        })
    }

    fn readings(&self, taken_at: Timestamp) -> Result<Vec<SignalReading>> {
        let reading = |(at, read): (usize, &OtherProducts)| {
            read.reading(taken_at).with_context(|| format!("OtherProducts[{at}]"))
        };
        self.other_products.iter().enumerate().map(reading).collect()
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
