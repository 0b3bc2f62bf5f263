//! The plan of manifests on a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use kube::ResourceExt;
use soc2_crds::AwsOrganization;
use soc2_guardrails::library::exempt_by_organization;
use soc2_guardrails::plan::after;
use soc2_guardrails::{CLUSTER_TAG, OWNER_TAG, Owner, Plan, PlanInput, PolicyInventory, SetInput, Window, declared};
use soc2_posture::organization::Organization;

use super::super::{Notes, prepare};
use super::schedule;
use crate::args::Manifests as Files;
use crate::exit::Exit;
use crate::manifests::Manifests;
use crate::snapshot;

/// Annotation by which the policies of a cluster that is gone become this one's.
const TAKE_OVER: &str = "soc2-operator.dev/take-over";

/// What is planned.
pub struct Request<'a> {
    /// Folder of the snapshot.
    pub snapshot: &'a Path,
    /// The manifests.
    pub files: &'a Files,
    /// Which organization, if there are several.
    pub organization: Option<&'a str>,
    /// The cluster that enforces.
    pub cluster_id: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
}

/// A plan, with what it was made from.
pub struct Planned {
    /// The organization of the snapshot.
    pub organization: Organization,
    /// Its policies.
    pub inventory: PolicyInventory,
    /// The plan.
    pub plan: Plan,
    /// Maintenance windows, by name of the set.
    pub windows: BTreeMap<String, Window>,
}

impl Planned {
    /// Plans every set of an organization as if it were to be written now, whatever its mode.
    ///
    /// # Errors
    /// When there is nothing to plan from.
    pub fn new(request: &Request<'_>, notes: &Notes) -> Result<Self> {
        let (manifests, exit) = prepare::manifests(request.files, notes)?;
        ensure!(exit == Exit::Passed, "nothing is planned from manifests that are not valid");
        let object = the_organization(&manifests, request.organization)?;
        let (organization, inventory) = snapshot::organization(request.snapshot)?;
        let inventory = inventory.context("organization.json has no Policies: they were not read")?;
        let objects = manifests.baselines.iter().map(|found| (found.object.name_any(), &found.object.spec));
        let objects: Vec<_> = objects.collect();
        let objects = objects.iter().map(|(name, spec)| (name.as_str(), *spec));
        let (library, invalid) = declared::library(prepare::catalog()?, objects);
        let of_organization = |set: &&soc2_crds::GuardrailSet| set.spec.organization_ref.name == object.name_any();
        let objects = || manifests.sets.iter().map(|found| &found.object).filter(of_organization);
        let windows = schedule::windows(objects(), request.now)?;
        let sets = objects().map(|set| declared::set_input(set, &organization, &invalid, false));
        let sets: Vec<SetInput> = sets.collect();
        ensure!(!sets.is_empty(), "there is no GuardrailSet of organization {} in these files", object.name_any());
        let take_over = object.annotations().get(TAKE_OVER).map(|cluster| cluster.trim());
        let owner = owner(request.cluster_id, take_over, object, &organization.id, &inventory)?;
        let exempt = exempt_by_organization(&object.spec).map_err(anyhow::Error::msg)?;
        let guarded = declared::guarded(&object.spec);
        let plan = soc2_guardrails::plan(&PlanInput {
            org: &organization,
            inventory: &inventory,
            owner: &owner,
            library: &library,
            sets: &sets,
            exempt: &exempt,
            limits: declared::limits(&object.spec),
            reserved_slots: object.spec.guardrails.reserved_slots,
            guarded: &guarded,
            take_over,
        });
        Ok(Self { organization, inventory, plan, windows })
    }

    /// The policies as they are once all of it is written, removals too.
    #[must_use]
    pub fn after(&self) -> PolicyInventory {
        let sets = || self.plan.sets.iter();
        let steps = sets().flat_map(|set| &set.steps).chain(sets().flat_map(|set| &set.removals));
        after(&self.inventory, steps)
    }
}

/// The organization of these files.
fn the_organization<'a>(manifests: &'a Manifests, wanted: Option<&str>) -> Result<&'a AwsOrganization> {
    let mut found = manifests.organizations.iter().map(|found| &found.object);
    if let Some(name) = wanted {
        return found
            .find(|object| object.name_any() == name)
            .with_context(|| format!("there is no AwsOrganization {name}"));
    }
    let first = found.next().context("there is no AwsOrganization in these files")?;
    ensure!(found.next().is_none(), "there are several AwsOrganizations in these files: say which with --organization");
    Ok(first)
}

/// Who owns policies. The cluster is told by the tags, if all policies of ours agree, those aside that are taken over.
fn owner(
    cluster_id: Option<&str>,
    take_over: Option<&str>,
    object: &AwsOrganization,
    organization: &str,
    inventory: &PolicyInventory,
) -> Result<Owner> {
    let owner_id = object.spec.owner_id.clone().unwrap_or_else(|| object.name_any());
    let ours = inventory.policies.values().filter(|policy| policy.tags.get(OWNER_TAG) == Some(&owner_id));
    let clusters = ours.filter_map(|policy| policy.tags.get(CLUSTER_TAG));
    let clusters: BTreeSet<&String> = clusters.filter(|cluster| Some(cluster.as_str()) != take_over).collect();
    let cluster_id = match (cluster_id, clusters.len()) {
        (Some(id), _) => id.to_owned(),
        (None, 0) => "(the cluster's)".to_owned(),
        (None, 1) => clusters.into_iter().next().cloned().unwrap_or_default(),
        (None, _) => bail!(
            "policies of owner {owner_id} are of several clusters ({}): say which with --cluster-id",
            clusters.into_iter().cloned().collect::<Vec<_>>().join(", ")
        ),
    };
    Ok(Owner { owner_id, cluster_id, organization_id: organization.to_owned() })
}
