//! The state of what the operator watches, at scrape time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use soc2_posture::ids::AccountId;

use super::organizations::ReadOf;
use super::profiles::SumsOf;
use super::{AccountTags, AccountsOf, Allotment, Budget, Family, Level, write_accounts};
use super::{accounts, conditions, guardrails, organizations, people, profiles};
use crate::context::Stores;
use crate::feeds::Feeds;
use crate::guardrail::SetSnapshot;
use crate::leads::{Belongs, Leads, Scope};
use crate::postures::PostureWriter;
use crate::published::{ProfileSnapshot, Published, demands};

/// Walks the current state at each scrape.
pub struct StateCollector {
    /// What people declared.
    pub stores: Stores,
    /// What was found.
    pub published: Arc<Published>,
    /// What was read.
    pub feeds: Arc<Feeds>,
    /// What this replica leads.
    pub leads: Arc<Leads>,
    /// Writer of `AccountPosture` objects.
    pub postures: Arc<PostureWriter>,
    /// The cap on series.
    pub budget: Arc<Budget>,
    /// Account tags to export.
    pub tags: AccountTags,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl fmt::Debug for StateCollector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StateCollector")
    }
}

/// The objects that this replica looks after: each is on the page of one replica.
#[derive(Clone, Copy)]
pub(super) struct Ours<'a> {
    /// What people declared.
    pub(super) stores: &'a Stores,
    /// What is led.
    pub(super) leads: &'a Leads,
}

impl Ours<'_> {
    /// Whether this replica looks after an object.
    pub(super) fn has<K: Belongs + Resource<DynamicType = ()>>(&self, guard: &DeserializeGuard<K>) -> bool {
        self.leads.leads(&self.stores.scope_of(guard))
    }
}

/// Profiles that still exist, with what was found.
pub(super) type Profiles = Vec<(String, Arc<ProfileSnapshot>)>;

impl Collector for StateCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let read = self.read();
        let ours = Ours { stores: &self.stores, leads: &self.leads };
        let mut families = vec![self.leader(), self.leaders(), build_info(), self.pending()];
        families.extend(conditions::families(&ours));
        families.extend(organizations::families(&read));
        families.extend(guardrails::families(&self.sets()));
        families.push(guardrails::releases(&ours, (self.now)()));
        let profiles = self.profiles();
        families.extend(people::families(&ours, &profiles, (self.now)()));
        let others: usize = families.iter().map(Family::len).sum();
        self.budget.set_others(others + dropped(&Allotment::default()).len());

        let allotment = self.budget.allot(&demands(&profiles));
        families.extend(profiles::families(&sums(&profiles, &allotment)));
        families.push(dropped(&allotment));
        for family in &families {
            family.write(encoder)?;
        }
        let shown = write_of_accounts(encoder, &profiles, &allotment)?;
        self.write_info(encoder, &read, &shown)
    }
}

impl StateCollector {
    fn leader(&self) -> Family {
        let help = "Whether this replica looks after what belongs to no organization";
        Family::gauge("leader", help, vec![(vec![], self.leads_now(&Scope::Common))])
    }

    fn leaders(&self) -> Family {
        let mut names: Vec<String> = self.stores.organizations.state().iter().map(|guard| guard.name_any()).collect();
        names.sort_unstable();
        let series = names.into_iter().map(|name| {
            let leads = self.leads_now(&Scope::Organization(name.clone()));
            (vec![("organization", name)], leads)
        });
        Family::gauge("organization_leader", "Whether this replica leads an organization", series.collect())
    }

    fn leads_now(&self, scope: &Scope) -> f64 {
        if self.leads.is_current(scope) { 1.0 } else { 0.0 }
    }

    fn pending(&self) -> Family {
        let series = vec![(vec![], self.postures.pending() as f64)];
        Family::gauge("posture_writes_pending", "AccountPosture objects that wait to be written", series)
    }

    fn profiles(&self) -> Profiles {
        let ours = Ours { stores: &self.stores, leads: &self.leads };
        let exists = |name: &str| self.stores.profiles.get(&ObjectRef::new(name)).is_some_and(|guard| ours.has(&guard));
        self.published.profiles().into_iter().filter(|(name, _)| exists(name)).collect()
    }

    fn sets(&self) -> Vec<(String, SetSnapshot)> {
        let ours = Ours { stores: &self.stores, leads: &self.leads };
        let exists = |name: &str| self.stores.sets.get(&ObjectRef::new(name)).is_some_and(|guard| ours.has(&guard));
        self.published.sets().into_iter().filter(|(name, _)| exists(name)).collect()
    }

    /// Organizations that still exist and are read.
    fn read(&self) -> Vec<ReadOf> {
        let mut names: Vec<String> = self.stores.all_organizations().iter().map(ResourceExt::name_any).collect();
        names.sort_unstable();
        let read = |organization: String| {
            let (view, found) = (self.feeds.view(&organization)?, self.published.of_organization(&organization));
            Some(ReadOf { organization, view, found })
        };
        names.into_iter().filter_map(read).collect()
    }

    /// Writes `account_info` of these accounts, by the name of their organization.
    fn write_info(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        read: &[ReadOf],
        shown: &BTreeMap<String, BTreeSet<AccountId>>,
    ) -> fmt::Result {
        if shown.is_empty() {
            return Ok(());
        }
        let mut metric = accounts::info(encoder)?;
        for of in read {
            let Some(accounts) = shown.get(&of.organization) else { continue };
            of.view.world.read(|world| {
                let Some(tree) = &world.organization else { return Ok(()) };
                accounts::write_info(&mut metric, &of.organization, tree, accounts, &self.tags)
            })?;
        }
        Ok(())
    }
}

fn build_info() -> Family {
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    Family::gauge("build_info", "Version of the operator", vec![(version, 1.0)])
}

fn sums<'a>(profiles: &'a Profiles, allotment: &Allotment) -> Vec<SumsOf<'a>> {
    let of = |(profile, snapshot): &'a (String, Arc<ProfileSnapshot>)| SumsOf {
        profile,
        level: allotment.level(profile),
        snapshot,
    };
    profiles.iter().map(of).collect()
}

fn dropped(allotment: &Allotment) -> Family {
    let dropped = |level: Level| {
        let number = allotment.dropped.get(&level).copied().unwrap_or_default();
        (vec![("detail", level.as_str().to_owned())], number as f64)
    };
    let series = Level::DROPPABLE.into_iter().map(dropped).collect();
    Family::gauge("metric_series_dropped", "Series left out of this page because of --metrics-max-series", series)
}

/// Writes what there is of single accounts; gives the accounts, by the name of their organization. No assessment is read
/// any more when it returns.
fn write_of_accounts(
    encoder: &mut DescriptorEncoder<'_>,
    profiles: &Profiles,
    allotment: &Allotment,
) -> Result<BTreeMap<String, BTreeSet<AccountId>>, fmt::Error> {
    let guards: Vec<_> = profiles.iter().map(|(_, snapshot)| snapshot.assessment.read()).collect();
    let mut shown: BTreeMap<String, BTreeSet<AccountId>> = BTreeMap::new();
    let mut accounts = Vec::new();
    for ((profile, snapshot), guard) in profiles.iter().zip(&guards) {
        let Some(assessment) = guard.as_ref() else { continue };
        let level = allotment.level(profile);
        accounts.push(AccountsOf { profile, level, assessment });
        if level >= Level::Account {
            shown.entry(snapshot.organization.clone()).or_default().extend(assessment.accounts());
        }
    }
    write_accounts(encoder, &accounts)?;
    Ok(shown)
}
