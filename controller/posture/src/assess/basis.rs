//! What an assessment was made from, so that the next one knows whether anything but findings and time changed.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;

use soc2_catalog::Catalog;
use soc2_crds::{AwsOrganizationSpec, ComplianceProfileSpec};

use super::Desired;
use super::owners::Judgements;
use crate::organization::Organization;
use crate::source::{HubRegion, SignalReading, Sources};
use crate::world::World;

/// What an assessment was made from, apart from findings, time and what owners wrote. Large parts are kept as a hash with keys
/// of its own, so that nobody can make two that are taken for the same.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    profile: ComplianceProfileSpec,
    organization: AwsOrganizationSpec,
    operator_namespace: String,
    /// The profile's, then the others in use.
    catalogs: Vec<Arc<Catalog>>,
    keys: RandomState,
    /// Of the organization tree, the sources, the guardrails in force and the Regions of the index.
    world: u64,
}

impl Basis {
    /// What an assessment is made from.
    pub(crate) fn new(desired: &Desired<'_>, world: &World) -> Self {
        let keys = RandomState::new();
        Self {
            profile: desired.profile.clone(),
            organization: desired.organization.clone(),
            operator_namespace: desired.owners.operator_namespace.to_owned(),
            catalogs: catalogs(desired).map(Arc::clone).collect(),
            world: hash(&keys, desired, world),
            keys,
        }
    }

    /// Whether an assessment would be made from the same now, what owners wrote included.
    pub(crate) fn is_same(&self, desired: &Desired<'_>, world: &World, judgements: &Judgements) -> bool {
        let same_catalogs = self.catalogs.iter().zip(catalogs(desired)).all(|(known, one)| same_catalog(known, one));
        self.profile == *desired.profile
            && self.organization == *desired.organization
            && self.operator_namespace == desired.owners.operator_namespace
            && self.catalogs.len() == 1 + desired.owners.catalogs.len()
            && same_catalogs
            && judgements.are_of(desired)
            && self.world == hash(&self.keys, desired, world)
    }
}

fn catalogs<'a>(desired: &Desired<'a>) -> impl Iterator<Item = &'a Arc<Catalog>> {
    std::iter::once(desired.catalog).chain(desired.owners.catalogs)
}

fn same_catalog(one: &Arc<Catalog>, other: &Arc<Catalog>) -> bool {
    Arc::ptr_eq(one, other) || one.digest() == other.digest()
}

fn hash(keys: &RandomState, desired: &Desired<'_>, world: &World) -> u64 {
    let mut hasher = keys.build_hasher();
    world.organization.is_some().hash(&mut hasher);
    if let Some(tree) = &world.organization {
        hash_tree(tree, &mut hasher);
    }
    hash_sources(&world.sources, &mut hasher);
    desired.protection.hash(&mut hasher);
    world.index.names().regions().hash(&mut hasher);
    hasher.finish()
}

/// When it was read does not matter.
fn hash_tree(tree: &Organization, hasher: &mut impl Hasher) {
    let Organization { id, management_account, root, scp_enabled, units, accounts, read_at: _ } = tree;
    (id, management_account, root, scp_enabled, units, accounts).hash(hasher);
}

/// When a Region was read does not matter.
fn hash_sources(sources: &Sources, hasher: &mut impl Hasher) {
    let Sources { regions, unattributed } = sources;
    unattributed.hash(hasher);
    for hub in regions {
        let HubRegion {
            source,
            region,
            read_through,
            error,
            account,
            consolidated,
            members,
            standards,
            disabled_controls,
            serves,
            swept,
            complete_at: _,
            signals,
        } = hub;
        (source, region, read_through, error, account, consolidated).hash(hasher);
        (members, standards, disabled_controls, serves, swept).hash(hasher);
        signals.len().hash(hasher);
        for SignalReading { interest, complete_at: _, missing } in signals {
            (interest, missing).hash(hasher);
        }
    }
}
