//! What is wanted, resolved against what exists: everything that is the same for many accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use soc2_catalog::{Catalog, StandardCode, Tier, TscCategory, standards};
use soc2_crds::{
    Category, ComplianceProfileSpec, ManualTracking, NoFindingsTreatment, Objective, ProfileTier, Suppressed,
    SuppressedTreatment,
};

use super::Desired;
use super::account::{Numbers, Standing, millis};
use super::basis::Basis;
use super::coverage::Hub;
use super::error::SpecError;
use super::evidence::{Freshness, Reader};
use super::guardrails::GuardrailFacts;
use super::objectives::Measure;
use super::owners::Judgements;
use super::people::Subject;
use super::regions::RegionTable;
use super::scope::{Entry, Material, Scope, Scopes, StandardSet, standard_set};
use super::standings;
use super::wanted::{Read, Wanted};
use crate::duration;
use crate::ids::AccountId;
use crate::index::FindingIndex;
use crate::organization::{AccountState, Organization};
use crate::targets;
use crate::world::World;

/// What is wanted, resolved. Two assessments with equal plans differ only in their accounts' standings and findings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) catalog: Known,
    /// The profile's criteria as indexes of the catalogue, in its order. The position is the bit in sets of criteria.
    pub(crate) criteria: Vec<usize>,
    pub(crate) scopes: Scopes,
    pub(crate) regions: RegionTable,
    pub(crate) hubs: Vec<Hub>,
    pub(crate) freshness: Duration,
    /// As the profile spells it.
    pub(crate) freshness_text: String,
    pub(crate) onboarding: Duration,
    pub(crate) no_findings_is_not_applicable: bool,
    pub(crate) suppressed_until: Option<Timestamp>,
    /// Required guardrails, each once.
    pub(crate) guardrails: Vec<String>,
    pub(crate) min_accounts: Option<u32>,
    pub(crate) manual: Manual,
    pub(crate) objectives: Vec<Objective>,
    /// What is to be known of other products.
    pub(crate) wanted: Wanted,
    /// Selectors that match nothing.
    pub(crate) unmatched: Vec<String>,
    /// The targets ask for tags that were not read.
    pub(crate) tags_missing: bool,
    /// The organization was read.
    pub(crate) organization_read: bool,
}

/// How people's part is tracked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manual {
    /// In another system.
    pub(crate) elsewhere: bool,
    /// Until then what was never attested is only due.
    pub(crate) start_by: Option<Timestamp>,
}

/// A catalogue, compared by content.
#[derive(Clone)]
pub(crate) struct Known(pub(crate) Arc<Catalog>);

impl fmt::Debug for Known {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Known({})", self.0.digest())
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest() == other.0.digest()
    }
}

/// A plan and the standing of each account it is for.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) standings: BTreeMap<AccountId, Standing>,
    pub(crate) guardrails: Vec<GuardrailFacts>,
    pub(crate) basis: Basis,
    pub(crate) judgements: Judgements,
    pub(crate) subjects: Vec<Subject>,
    /// Number of active accounts that somebody acknowledged.
    pub(crate) acknowledged: Option<u32>,
}

impl Plan {
    /// The scope of an account.
    pub(crate) fn scope(&self, standing: &Standing) -> &Scope {
        const EMPTY: &Scope = &Scope { controls: Vec::new(), disabled: 0, manual: Vec::new() };
        self.scopes.list.get(standing.scope).unwrap_or(EMPTY)
    }

    /// How findings are read at a moment. `bits` are those of the index's Regions.
    pub(crate) fn reader<'a>(&self, bits: &'a [u8], now: Timestamp) -> Reader<'a> {
        let limit = u64::try_from(self.freshness.as_millis()).unwrap_or(u64::MAX);
        Reader {
            freshness: Freshness::new(millis(now), limit),
            suppressed_excepted: self.suppressed_until.is_some_and(|until| now < until),
            bits,
        }
    }

    /// Bit of each of the index's Regions, by number.
    pub(crate) fn region_bits(&self, index: &FindingIndex) -> Vec<u8> {
        let names = index.names().regions();
        names.iter().map(|name| u8::try_from(self.regions.bit(name)).unwrap_or(63)).collect()
    }

    /// What was read of other products.
    pub(crate) fn read<'a>(&'a self, world: &'a World) -> Read<'a> {
        Read::new(&self.wanted, &world.sources, &self.regions)
    }

    /// Numbers of the catalogue's controls in the index, which has a catalogue of its own.
    pub(crate) fn numbers(&self, index: &FindingIndex) -> Numbers {
        let (catalog, names) = (&self.catalog.0, index.names());
        if Arc::ptr_eq(catalog, names.catalog()) {
            return Numbers::Same;
        }
        Numbers::Others(catalog.controls().iter().map(|control| names.known_control(&control.id)).collect())
    }
}

/// Resolves what is wanted; what owners wrote is judged again only where it changed since `before`.
pub(crate) fn plan(desired: &Desired<'_>, world: &World, before: &Judgements) -> Result<Planned, SpecError> {
    let profile = desired.profile;
    let accounts = Accounts::select(profile, world.organization.as_ref());
    let regions = regions(desired, world)?;
    let criteria = criteria(profile, desired.catalog);
    let required = required_standards(profile)?;
    let enabled = standard_set(enabled_standards(world, &accounts.targets));
    let (standards, tier) = (required | enabled, tier(profile.tier));
    let material = Material { catalog: desired.catalog, criteria: &criteria, standards, tier };
    let mut unmatched = accounts.unmatched;
    let mut tags_missing = accounts.tags_missing;
    let entries = entries(&material, profile, world.organization.as_ref(), &mut unmatched, &mut tags_missing)?;
    let (scopes, of_accounts) = material.scopes(&entries, &accounts.targets);
    let plan = Plan {
        catalog: Known(Arc::clone(desired.catalog)),
        scopes,
        hubs: Hub::all(&world.sources, &regions),
        regions,
        freshness: parse_duration("spec.freshness", &profile.freshness)?,
        freshness_text: profile.freshness.clone(),
        onboarding: parse_duration("spec.onboarding", &profile.onboarding)?,
        no_findings_is_not_applicable: profile
            .no_findings
            .as_ref()
            .is_some_and(|wanted| wanted.treat_as == NoFindingsTreatment::NotApplicable),
        suppressed_until: profile.suppressed.as_ref().map(suppressed_until).transpose()?,
        guardrails: guardrails(desired)?,
        min_accounts: profile.targets.min_accounts,
        manual: manual(profile)?,
        objectives: objectives(profile)?,
        wanted: Wanted::of(profile, desired.catalog),
        unmatched,
        tags_missing,
        organization_read: world.organization.is_some(),
        criteria,
    };
    let of_accounts: BTreeMap<AccountId, usize> = accounts.targets.into_iter().zip(of_accounts).collect();
    let active = standings::active(world.organization.as_ref(), &of_accounts);
    let subjects = standings::subjects(&plan, &of_accounts, &active);
    let judgements = Judgements::new(desired, world, &plan.criteria, (&subjects, &active), before);
    let standings = standings::standings(desired, world, &plan, &of_accounts, &judgements.waivers);
    let active: Vec<AccountId> = active.into_iter().collect();
    let facts = |name: &String| GuardrailFacts::new(name, desired.protection.get(name), &active);
    let guardrails = plan.guardrails.iter().map(facts).collect();
    let (basis, acknowledged) = (Basis::new(desired, world), desired.acknowledged_targets);
    Ok(Planned { plan, standings, guardrails, basis, judgements, subjects, acknowledged })
}

fn tier(wanted: ProfileTier) -> Tier {
    match wanted {
        ProfileTier::Default => Tier::Default,
        ProfileTier::Extended => Tier::Extended,
    }
}

/// How people's part is tracked.
fn manual(profile: &ComplianceProfileSpec) -> Result<Manual, SpecError> {
    let start_by = profile.manual.start_by.as_ref().map(|day| begin_of_day("spec.manual.startBy", day)).transpose()?;
    Ok(Manual { elsewhere: profile.manual.tracking == ManualTracking::Elsewhere, start_by })
}

/// The objectives; what they ask for must be readable.
fn objectives(profile: &ComplianceProfileSpec) -> Result<Vec<Objective>, SpecError> {
    for (at, objective) in profile.objectives.iter().enumerate() {
        let field = |name: &str| format!("spec.objectives[{at}].{name}");
        if let Some(age) = &objective.max_age {
            parse_duration(&field("maxAge"), age)?;
        }
        for (name, value) in [("min", &objective.min), ("max", &objective.max)] {
            if let Some(value) = value.as_ref().filter(|value| Measure::parse(value).is_none()) {
                return Err(SpecError::BadMeasure { field: field(name), value: value.clone() });
            }
        }
    }
    Ok(profile.objectives.clone())
}

/// The accounts of a profile.
struct Accounts {
    /// Not closed.
    targets: BTreeSet<AccountId>,
    unmatched: Vec<String>,
    tags_missing: bool,
}

impl Accounts {
    fn select(profile: &ComplianceProfileSpec, organization: Option<&Organization>) -> Self {
        let Some(organization) = organization else {
            return Self { targets: BTreeSet::new(), unmatched: Vec::new(), tags_missing: false };
        };
        let selection = targets::select(&profile.targets.targets(), organization, "spec.targets");
        let is_open =
            |id: &AccountId| organization.accounts.get(id).is_some_and(|account| account.state != AccountState::Closed);
        let targets = selection.accounts.into_iter().filter(is_open).collect();
        Self { targets, unmatched: selection.unmatched, tags_missing: selection.tags_missing }
    }
}

/// Required Regions: the profile's, else the organization's, else every Region of the sources.
fn regions(desired: &Desired<'_>, world: &World) -> Result<RegionTable, SpecError> {
    let of_profile = desired.profile.required_regions.as_deref().filter(|list| !list.is_empty());
    let of_organization = desired.organization.required_regions.as_deref().filter(|list| !list.is_empty());
    let of_sources: Vec<&str> = world.sources.regions.iter().map(|hub| hub.region.as_str()).collect();
    let in_index = world.index.names().regions().iter().map(String::as_str);
    let others = of_sources.iter().copied().chain(in_index);
    match of_profile.or(of_organization) {
        Some(list) => RegionTable::new("spec.requiredRegions", list.iter().map(String::as_str), others),
        None => RegionTable::new("spec.requiredRegions", of_sources.iter().copied(), others),
    }
}

fn criteria(profile: &ComplianceProfileSpec, catalog: &Catalog) -> Vec<usize> {
    let wanted = |category: TscCategory| {
        category == TscCategory::Security || profile.categories.iter().any(|known| tsc(*known) == category)
    };
    let all = catalog.criteria().iter().enumerate();
    all.filter(|(_, criterion)| wanted(criterion.category)).map(|(at, _)| at).collect()
}

fn tsc(category: Category) -> TscCategory {
    match category {
        Category::Security => TscCategory::Security,
        Category::Availability => TscCategory::Availability,
        Category::Confidentiality => TscCategory::Confidentiality,
        Category::ProcessingIntegrity => TscCategory::ProcessingIntegrity,
        Category::Privacy => TscCategory::Privacy,
    }
}

fn required_standards(profile: &ComplianceProfileSpec) -> Result<StandardSet, SpecError> {
    let mut required = Vec::new();
    for (at, name) in profile.standards.required.iter().enumerate() {
        let field = || format!("spec.standards.required[{at}]");
        let code = standards::parse(name);
        required.push(code.ok_or_else(|| SpecError::UnknownStandard { field: field(), name: name.clone() })?);
    }
    Ok(standard_set(&required))
}

/// Standards that are enabled at a source that serves some of the accounts.
fn enabled_standards<'a>(
    world: &'a World,
    accounts: &'a BTreeSet<AccountId>,
) -> impl Iterator<Item = &'a StandardCode> {
    let serves = |served: &BTreeSet<AccountId>| served.iter().any(|account| accounts.contains(account));
    let serving = world.sources.regions.iter().filter(move |hub| hub.serves.as_ref().is_none_or(serves));
    serving.flat_map(|hub| &hub.standards)
}

/// The tailoring, resolved.
fn entries(
    material: &Material<'_>,
    profile: &ComplianceProfileSpec,
    organization: Option<&Organization>,
    unmatched: &mut Vec<String>,
    tags_missing: &mut bool,
) -> Result<Vec<Entry>, SpecError> {
    let mut entries = Vec::new();
    for (at, tailoring) in profile.controls.iter().enumerate() {
        let selection = tailoring.targets.as_ref().zip(organization).map(|(wanted, organization)| {
            targets::select(wanted, organization, &format!("spec.controls[{at}].targets"))
        });
        let accounts = match (&tailoring.targets, selection) {
            (None, _) => None,
            (Some(_), None) => Some(BTreeSet::new()),
            (Some(_), Some(selection)) => {
                unmatched.extend(selection.unmatched);
                *tags_missing |= selection.tags_missing;
                Some(selection.accounts)
            }
        };
        entries.push(material.entry(at, tailoring, accounts)?);
    }
    Ok(entries)
}

fn parse_duration(field: &str, value: &str) -> Result<Duration, SpecError> {
    duration::parse(value).map_err(|_| SpecError::BadDuration { field: field.to_owned(), value: value.to_owned() })
}

/// The beginning of the day, in UTC, from which suppressions count no longer.
fn suppressed_until(wanted: &Suppressed) -> Result<Timestamp, SpecError> {
    let SuppressedTreatment::Excepted = wanted.treat_as;
    begin_of_day("spec.suppressed.until", &wanted.until)
}

/// The beginning of a day, in UTC.
fn begin_of_day(field: &str, value: &str) -> Result<Timestamp, SpecError> {
    let bad = || SpecError::BadDate { field: field.to_owned(), value: value.to_owned() };
    let day: Date = value.parse().map_err(|_| bad())?;
    day.to_zoned(TimeZone::UTC).map(|moment| moment.timestamp()).map_err(|_| bad())
}

/// The required guardrails: built-in ones, and others of which the caller knows what they protect.
fn guardrails(desired: &Desired<'_>) -> Result<Vec<String>, SpecError> {
    let mut names: Vec<String> = Vec::new();
    for (at, name) in desired.profile.guardrails.required.iter().enumerate() {
        if desired.catalog.guardrail(name).is_none() && !desired.protection.contains_key(name) {
            let field = format!("spec.guardrails.required[{at}]");
            return Err(SpecError::UnknownGuardrail { field, name: name.clone() });
        }
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Ok(names)
}
