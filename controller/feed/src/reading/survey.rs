//! What is known of Security Hub: for each lane the Regions read through it, and each Region's hub.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use serde::{Deserialize, Serialize};
use soc2_aws::{Aggregator, AwsError, Role, SecurityHub};
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::source::{HubError, HubRegion};

use super::clients::Clients;
use super::hub::{self, HubReading, hub_error, patiently, unknown_operation};
use crate::regions::known_beside;

/// Hubs that are read at once.
const AT_ONCE: usize = 4;

/// What findings are read through: one Security Hub in one Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LaneKey {
    /// Name of the source.
    pub(crate) source: String,
    /// The Region that `GetFindings` is called in.
    pub(crate) region: Region,
    /// For a source with a hub per account, the account.
    pub(crate) account: Option<AccountId>,
}

/// A lane to be surveyed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) key: LaneKey,
    pub(crate) role: Option<Role>,
    /// Whether it is the home Region of an aggregator.
    pub(crate) aggregates: bool,
    pub(crate) serves: Option<BTreeSet<AccountId>>,
    /// Regions that must be covered.
    pub(crate) required: BTreeSet<Region>,
    /// Where an aggregator says "all Regions": look for those that were not enabled before.
    pub(crate) explore: bool,
    /// The survey before.
    pub(crate) before: Vec<HubReading>,
}

/// What a survey found.
#[derive(Clone, Debug)]
pub(crate) struct Surveyed {
    pub(crate) plan: Plan,
    /// The Region itself first.
    pub(crate) hubs: Vec<HubReading>,
    pub(crate) notes: Vec<String>,
}

/// Surveys lanes, some at once.
pub(crate) async fn survey(plans: Vec<Plan>, clients: Arc<Clients>) -> Vec<Surveyed> {
    let surveys = stream::iter(plans).map(|plan| {
        let clients = Arc::clone(&clients);
        async move { plan.read(&clients).await }
    });
    surveys.buffered(AT_ONCE).collect().await
}

impl Plan {
    async fn read(self, clients: &Clients) -> Surveyed {
        let mut notes = Vec::new();
        let home = self.read_hub(clients, &self.key.region).await;
        let hubs = match home.hub.error {
            Some(_) => self.all_fail(home),
            None if self.aggregates => self.read_linked(clients, home, &mut notes).await,
            None => vec![home],
        };
        Surveyed { plan: self, hubs, notes }
    }

    /// Nothing can be read through a home Region that cannot be read.
    fn all_fail(&self, home: HubReading) -> Vec<HubReading> {
        let failed = |before: &HubReading| HubReading {
            hub: HubRegion { error: home.hub.error.clone(), members: BTreeSet::new(), ..before.hub.clone() },
            error: home.error.clone(),
            ..before.clone()
        };
        let linked: Vec<HubReading> =
            self.before.iter().filter(|before| before.hub.region != self.key.region).map(failed).collect();
        std::iter::once(home).chain(linked).collect()
    }

    async fn read_linked(&self, clients: &Clients, mut home: HubReading, notes: &mut Vec<String>) -> Vec<HubReading> {
        let client = clients.hub(self.role.as_ref(), &self.key.region);
        let linked = match self.linked(&*client, notes).await {
            Ok(linked) => linked,
            Err(error) => match (hub_error(&error), self.before.is_empty()) {
                // What was linked before stands for as long as the error may pass.
                (HubError::NotRead(_), false) => {
                    home.error = Some(error);
                    let linked = self.before.iter().map(|before| (before.hub.region.clone(), true));
                    linked.filter(|(region, _)| *region != self.key.region).collect()
                }
                // Which Regions are linked is not known: what is in them might be missed, so nothing counts as read.
                (because, _) => {
                    home.hub = HubRegion { error: Some(because), members: BTreeSet::new(), ..home.hub };
                    home.error = Some(error);
                    return self.all_fail(home);
                }
            },
        };
        let read =
            stream::iter(linked).map(|(region, surely)| async move { (self.read_hub(clients, &region).await, surely) });
        let read: Vec<(HubReading, bool)> = read.buffered(AT_ONCE).collect().await;
        let there = read.into_iter().filter(|(reading, surely)| *surely || reading.hub.error.is_none());
        std::iter::once(home).chain(there.map(|(reading, _)| reading)).collect()
    }

    /// Linked Regions, and whether they count even if their hub cannot be read.
    async fn linked(&self, client: &dyn SecurityHub, notes: &mut Vec<String>) -> Result<Vec<(Region, bool)>, AwsError> {
        let aggregator = match patiently(|| client.aggregator()).await {
            Err(error) if unknown_operation(&error) => {
                notes.push(error.message);
                None
            }
            result => result?,
        };
        let home = &self.key.region;
        let Some(aggregator) = aggregator else {
            notes.push(format!("there is no finding aggregator in {home}: only this Region is read"));
            return Ok(Vec::new());
        };
        if aggregator.home != *home {
            let other = &aggregator.home;
            notes.push(format!(
                "the aggregator's home Region is {other}, not {home}: only {home} is read; make {other} the homeRegion"
            ));
            return Ok(Vec::new());
        }
        Ok(self.regions_of(&aggregator))
    }

    fn regions_of(&self, aggregator: &Aggregator) -> Vec<(Region, bool)> {
        let home = &self.key.region;
        let named: BTreeSet<Region> = aggregator.regions.iter().cloned().collect();
        let all_but = match aggregator.mode.as_str() {
            "NO_REGIONS" => return Vec::new(),
            "ALL_REGIONS" => BTreeSet::new(),
            "ALL_REGIONS_EXCEPT_SPECIFIED" => named,
            _ => return named.into_iter().filter(|region| region != home).map(|region| (region, true)).collect(),
        };
        // A Region that was found enabled once stays: that it is not any more must not go unnoticed.
        let before = self.before.iter().map(|before| &before.hub.region);
        let sure: BTreeSet<Region> = self.required.iter().chain(before).cloned().collect();
        let known = if self.explore { known_beside(home) } else { &[] };
        let maybe: BTreeSet<Region> = known.iter().map(|region| (*region).to_owned()).collect();
        let regions = sure.union(&maybe).filter(|region| *region != home && !all_but.contains(*region));
        regions.map(|region| (region.clone(), sure.contains(region))).collect()
    }

    async fn read_hub(&self, clients: &Clients, region: &str) -> HubReading {
        let empty = HubRegion {
            source: self.key.source.clone(),
            region: region.to_owned(),
            read_through: self.key.region.clone(),
            error: None,
            account: None,
            consolidated: false,
            members: BTreeSet::new(),
            standards: BTreeSet::new(),
            disabled_controls: BTreeSet::new(),
            serves: self.serves.clone(),
            swept: BTreeSet::new(),
            complete_at: None,
            signals: Vec::new(),
        };
        let client = clients.hub(self.role.as_ref(), region);
        let before = self.before.iter().find(|before| before.hub.region == region);
        let mut reading = hub::read(&*client, empty, self.key.account.is_none(), before).await;
        // What stood from before may have served others.
        reading.hub.serves.clone_from(&self.serves);
        reading
    }
}
