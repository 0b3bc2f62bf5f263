//! From the spec of an AwsOrganization to what its feed is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use soc2_aws::Role;
use soc2_catalog::{Catalog, Tier};
use soc2_crds::{
    AwsOrganization, ComplianceProfile, EventQueue, GuardrailSet, OrganizationsAccess, ProfileTier, RoleRef,
    SecurityHubSource, TailoringAction,
};
use soc2_posture::interest::Interests;
use soc2_posture::{duration, targets};

use crate::config::{
    EventsConfig, FeedConfig, Intervals, OrganizationEvents, PerAccount, Selection, SourceConfig, SourceRegions,
};

/// What the feed of this organization is told. `tags`: others than the profiles and sets want tags of accounts too, such as
/// metrics or exceptions. `catalog`: the one of a profile, if there is nothing wrong with it.
#[must_use]
pub fn feed_config(
    object: &AwsOrganization,
    profiles: &[ComplianceProfile],
    sets: &[GuardrailSet],
    tags: bool,
    catalog: impl Fn(&ComplianceProfile) -> Option<Arc<Catalog>>,
) -> FeedConfig {
    let spec = &object.spec;
    let by_source = spec.security_hub.iter().filter_map(|source| source.targets.as_ref()).any(targets::uses_tags);
    let defaults = Intervals::default();
    FeedConfig {
        organization: object.metadata.name.clone().unwrap_or_default(),
        read_role: spec.organizations.role.as_ref().map(role),
        organization_events: organization_events(&spec.organizations),
        sources: spec.security_hub.iter().map(source).collect(),
        required_regions: spec.required_regions.clone().unwrap_or_default(),
        intervals: Intervals {
            organization: interval(&spec.sync.organization_interval, defaults.organization),
            findings: interval(&spec.sync.findings_interval, defaults.findings),
            full_sweep: interval(&spec.sync.full_sweep_interval, defaults.full_sweep),
        },
        get_findings_per_second: spec.limits.get_findings_per_second,
        tags_needed: tags || by_source || tags_needed(profiles, sets),
        controls: controls(profiles, &catalog),
        interests: interests(profiles, &catalog),
    }
}

/// What the profiles want to know of findings of other products. One whose catalogue is wrong is not assessed, and wants
/// nothing.
fn interests(
    profiles: &[ComplianceProfile],
    catalog: impl Fn(&ComplianceProfile) -> Option<Arc<Catalog>>,
) -> Interests {
    let mut interests = Interests::default();
    for profile in profiles {
        if let Some(catalog) = catalog(profile) {
            interests.extend(Interests::of(&profile.spec, &catalog).iter());
        }
    }
    interests
}

/// The controls that a profile may have in its scope: those of its catalogue's tier, and those that it enables.
fn controls(
    profiles: &[ComplianceProfile],
    catalog: impl Fn(&ComplianceProfile) -> Option<Arc<Catalog>>,
) -> BTreeSet<String> {
    let mut controls = BTreeSet::new();
    for profile in profiles {
        let Some(catalog) = catalog(profile) else { continue };
        let extended = profile.spec.tier == ProfileTier::Extended;
        let mapped = catalog.mappings().iter().filter(|mapping| extended || mapping.tier == Tier::Default);
        let enabling = profile.spec.controls.iter().filter(|entry| entry.action == TailoringAction::Enable);
        let enabled = enabling.flat_map(|entry| catalog.resolve(&entry.id));
        let all = mapped.map(|mapping| mapping.control).chain(enabled);
        controls.extend(all.map(|control| catalog.get(control).id.clone()));
    }
    controls
}

/// Whether any selector of these objects asks for account tags.
fn tags_needed(profiles: &[ComplianceProfile], sets: &[GuardrailSet]) -> bool {
    let in_controls = |profile: &ComplianceProfile| {
        profile.spec.controls.iter().filter_map(|entry| entry.targets.as_ref()).any(targets::uses_tags)
    };
    profiles.iter().any(|profile| targets::uses_tags(&profile.spec.targets.targets()) || in_controls(profile))
        || sets.iter().any(|set| targets::uses_tags(&set.spec.targets))
}

/// The CRD's pattern lets nothing else through than what can be parsed.
fn interval(text: &str, default: Duration) -> Duration {
    duration::parse(text).unwrap_or(default)
}

fn role(role: &RoleRef) -> Role {
    Role { arn: role.arn.clone(), external_id: role.external_id.clone() }
}

fn source(source: &SecurityHubSource) -> SourceConfig {
    let regions = match (&source.home_region, &source.regions) {
        (Some(home), _) => SourceRegions::Home(home.clone()),
        (None, regions) => SourceRegions::Each(regions.clone().unwrap_or_default()),
    };
    let serves = source.targets.clone().map(|wanted| {
        let key = serde_json::to_string(&wanted).unwrap_or_default();
        Selection::new(key, move |organization| {
            targets::select(&wanted, organization, "spec.securityHub.targets").accounts
        })
    });
    SourceConfig {
        name: source.name.clone(),
        role: source.role.as_ref().map(role),
        regions,
        per_account: source
            .per_account
            .as_ref()
            .map(|found| PerAccount { role_name: found.role_name.clone(), external_id: found.external_id.clone() }),
        serves,
        events: source.events.as_ref().map(|queue| events(queue, source.role.as_ref())),
    }
}

fn events(queue: &EventQueue, otherwise: Option<&RoleRef>) -> EventsConfig {
    let reader = queue.role.as_ref().or(otherwise);
    EventsConfig { queue_url: queue.queue_url.clone(), role: reader.map(role) }
}

fn organization_events(access: &OrganizationsAccess) -> Option<OrganizationEvents> {
    let queue = events(access.events.as_ref()?, access.role.as_ref());
    Some(OrganizationEvents { queue, own_role: access.write_role.as_ref().map(|role| role.arn.clone()) })
}
