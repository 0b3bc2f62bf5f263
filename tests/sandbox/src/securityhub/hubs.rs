//! Hubs, members, standards and aggregation: who sees what, and what is enabled where.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, ensure};
use jiff::Timestamp;

use super::OrgFacts;
use super::catalog::{Catalog, StandardSet};
use super::section::{
    AggregatorSection, ControlFindingGenerator, DisabledSection, LinkingMode, MemberSection, RegionSection,
};

/// Relationship of an account with the administrator in one Region.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// `MemberStatus`, such as `Enabled` or `Removed`.
    pub status: String,
    /// Whether the account's own hub is enabled.
    pub hub: bool,
    pub updated: Timestamp,
}

/// Security Hub in one Region.
#[derive(Debug, Clone)]
pub(super) struct RegionHub {
    pub enabled: bool,
    pub standards: StandardSet,
    pub generator: ControlFindingGenerator,
    /// For each control the standards in which it is disabled, and when it became so.
    pub disabled: BTreeMap<String, (StandardSet, Timestamp)>,
    pub members: BTreeMap<String, Member>,
    pub standalone: BTreeSet<String>,
    pub subscribed: Timestamp,
}

/// Words for `MemberStatus`.
pub(super) const MEMBER_STATUSES: [&str; 7] =
    ["Created", "Invited", "Enabled", "Removed", "Resigned", "Deleted", "AccountSuspended"];

impl RegionHub {
    /// Makes a Region of its section.
    pub(super) fn new(
        section: &RegionSection,
        administrator: Option<&str>,
        org: &OrgFacts,
        catalog: &Catalog,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let mut hub = Self {
            enabled: section.enabled,
            standards: catalog.set(section.standards.iter().map(String::as_str))?,
            generator: section.control_finding_generator.unwrap_or_default(),
            disabled: BTreeMap::new(),
            members: BTreeMap::new(),
            standalone: section.standalone.iter().map(|account| account.0.clone()).collect(),
            subscribed: now,
        };
        hub.disable(&section.disabled_controls, catalog, now)?;
        if administrator.is_some() {
            let hub_of_its_own = |id: &str| section.standalone.iter().any(|account| account.0 == id);
            let active = org.accounts.iter().filter(|(_, _, state)| state == "ACTIVE").map(|(id, _, _)| id);
            for account in active.filter(|id| Some(id.as_str()) != administrator && !hub_of_its_own(id)) {
                hub.set_member(account, &section.default_member, true, now)?;
            }
        }
        for (account, member) in &section.members {
            let (status, own) = match member {
                MemberSection::Status(status) => (status, true),
                MemberSection::Full { status, hub } => (status, *hub),
            };
            hub.set_member(&account.0, status, own, now)?;
        }
        Ok(hub)
    }

    /// Sets a member's status; `None` (or `NotMember`) makes it none, with its hub off.
    pub(super) fn set_member(&mut self, account: &str, status: &str, hub: bool, now: Timestamp) -> anyhow::Result<()> {
        if matches!(status, "None" | "NotMember") {
            self.members.remove(account);
            return Ok(());
        }
        ensure!(
            MEMBER_STATUSES.contains(&status),
            "member status {status:?}: allowed are NotMember, {}",
            MEMBER_STATUSES.join(", ")
        );
        self.members.insert(account.to_owned(), Member { status: status.to_owned(), hub, updated: now });
        Ok(())
    }

    /// Replaces what is disabled.
    pub(super) fn disable(
        &mut self,
        controls: &[DisabledSection],
        catalog: &Catalog,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        self.disabled.clear();
        for entry in controls {
            let (control, standards) = match entry {
                DisabledSection::Everywhere(control) => (control, StandardSet::MAX),
                DisabledSection::In { control, standards } => {
                    (control, catalog.set(standards.iter().map(String::as_str))?)
                }
            };
            self.disabled.insert(control.clone(), (standards, now));
        }
        Ok(())
    }

    /// Enabled standards that have a control which is not disabled in them.
    pub(super) fn standards_of(&self, catalog: &Catalog, control: u16) -> StandardSet {
        let control = catalog.control(control);
        let disabled = self.disabled.get(&control.id).map_or(0, |(standards, _)| *standards);
        control.standards & self.standards & !disabled
    }
}

/// The administrator's finding aggregator.
#[derive(Debug, Clone)]
pub(super) struct Aggregator {
    pub home: String,
    pub mode: LinkingMode,
    pub regions: Vec<String>,
}

impl From<AggregatorSection> for Aggregator {
    fn from(section: AggregatorSection) -> Self {
        Self { home: section.home_region, mode: section.linking_mode, regions: section.regions }
    }
}

impl Aggregator {
    /// Whether a Region's findings are brought to the home Region.
    pub(super) fn links(&self, region: &str) -> bool {
        let listed = self.regions.iter().any(|listed| listed == region);
        region != self.home
            && match self.mode {
                LinkingMode::SpecifiedRegions => listed,
                LinkingMode::AllRegions => true,
                LinkingMode::AllRegionsExceptSpecified => !listed,
                LinkingMode::NoRegions => false,
            }
    }
}

/// What an account is to Security Hub in a Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Security Hub is off.
    Off,
    Administrator,
    /// Its hub is on and belongs to the administrator.
    Member,
    /// Its hub is on, nobody's member.
    Alone,
}

/// All Regions.
#[derive(Debug, Clone)]
pub(super) struct Hubs {
    pub administrator: Option<String>,
    pub aggregator: Option<Aggregator>,
    pub regions: BTreeMap<String, RegionHub>,
}

impl Hubs {
    /// What the account is in the Region.
    pub(super) fn standing(&self, account: &str, region: &str) -> Standing {
        let Some(hub) = self.regions.get(region).filter(|hub| hub.enabled) else { return Standing::Off };
        if self.administrator.as_deref() == Some(account) {
            return Standing::Administrator;
        }
        match hub.members.get(account) {
            Some(member) if !member.hub => Standing::Off,
            Some(member) if member.status == "Enabled" => Standing::Member,
            Some(_) => Standing::Alone,
            None if hub.standalone.contains(account) => Standing::Alone,
            None => Standing::Off,
        }
    }

    /// The Regions whose findings an account reads in a Region: its own, and at home the linked ones.
    pub(super) fn regions_read<'a>(&'a self, account: &str, region: &'a str) -> Vec<&'a str> {
        let aggregates = matches!(self.standing(account, region), Standing::Administrator | Standing::Member);
        let aggregator = self.aggregator.as_ref().filter(|a| aggregates && a.home == region);
        let linked = self.regions.keys().filter(|other| aggregator.is_some_and(|a| a.links(other)));
        std::iter::once(region).chain(linked.map(String::as_str)).collect()
    }

    /// Whether a caller sees the findings of an account in a Region (which is one that it reads).
    pub(super) fn sees(&self, caller: &str, account: &str, region: &str) -> bool {
        match self.standing(account, region) {
            Standing::Off => false,
            _ if caller == account => true,
            Standing::Member => self.administrator.as_deref() == Some(caller),
            Standing::Administrator | Standing::Alone => false,
        }
    }

    /// The Region's hub.
    pub(super) fn region(&self, region: &str) -> anyhow::Result<&RegionHub> {
        self.regions.get(region).with_context(|| format!("Region {region:?} is not in securityHub.regions"))
    }

    /// ARN of the aggregator, which belongs to the administrator.
    pub(super) fn aggregator_arn(&self, partition: &str) -> Option<String> {
        let (aggregator, administrator) = (self.aggregator.as_ref()?, self.administrator.as_ref()?);
        let id = "2f4d5a1e-7b1c-4c8e-9d57-6a0f3b5c8e21";
        Some(format!("arn:{partition}:securityhub:{}:{administrator}:finding-aggregator/{id}", aggregator.home))
    }
}
