//! What objects say of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;
use soc2_catalog::Catalog;
use soc2_crds::{AwsOrganizationSpec, ComplianceProfile};
use soc2_posture::source::Sources;
use soc2_posture::{Desired, FindingIndex, Memory, World, assess};

use super::{Loaded, Manifests, Problem};

/// What refers to nothing, or cannot work together. With `elsewhere`, objects that are in no file are taken to be in the
/// cluster.
pub(super) fn check(manifests: &Manifests, elsewhere: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |problem: Option<Problem>| problems.extend(problem);
    if !elsewhere {
        let known: BTreeSet<String> = manifests.organizations.iter().map(|found| found.object.name_any()).collect();
        for (origin, object, organization) in organizations_wanted(manifests) {
            let message = || {
                format!(
                    "spec.organizationRef.name: there is no AwsOrganization {organization:?} in these files; add it, or correct the name"
                )
            };
            let missing = !known.contains(organization);
            add(missing.then(|| Problem { origin: origin.clone(), object: Some(object.clone()), message: message() }));
        }
    }
    let Ok(catalog) = Catalog::builtin() else { return problems };
    for found in &manifests.catalogs {
        let name = found.object.name_any();
        let wrong = Catalog::extended(catalog, &found.object.spec, &name).err().unwrap_or_default();
        for problem in wrong {
            add(Some(of(found, "ControlCatalog", &name, problem.to_string())));
        }
    }
    for found in &manifests.profiles {
        add(spec(found, catalog));
    }
    problems
}

/// Each object that names an organization: where it is, what it is, and the name.
fn organizations_wanted(manifests: &Manifests) -> Vec<(&super::Origin, String, &str)> {
    let named = |origin, kind: &str, name: String, organization| (origin, format!("{kind} {name}"), organization);
    let profiles = manifests.profiles.iter().map(|found| {
        named(
            &found.origin,
            "ComplianceProfile",
            found.object.name_any(),
            found.object.spec.organization_ref.name.as_str(),
        )
    });
    let sets = manifests.sets.iter().map(|found| {
        named(&found.origin, "GuardrailSet", found.object.name_any(), found.object.spec.organization_ref.name.as_str())
    });
    let exceptions = manifests.exceptions.iter().map(|found| {
        let organization = found.object.spec.organization_ref.name.as_str();
        named(&found.origin, "ComplianceException", name_of(&found.object), organization)
    });
    let attestations = manifests.attestations.iter().map(|found| {
        let organization = found.object.spec.organization_ref.name.as_str();
        named(&found.origin, "ControlAttestation", name_of(&found.object), organization)
    });
    profiles.chain(sets).chain(exceptions).chain(attestations).collect()
}

/// Namespace and name.
fn name_of(object: &impl ResourceExt) -> String {
    object.namespace().map_or_else(|| object.name_any(), |namespace| format!("{namespace}/{}", object.name_any()))
}

fn of<K>(found: &Loaded<K>, kind: &str, name: &str, message: String) -> Problem {
    Problem { origin: found.origin.clone(), object: Some(format!("{kind} {name}")), message }
}

/// What the operator would refuse of a profile's spec, whatever AWS has: the very same function decides.
fn spec(found: &Loaded<ComplianceProfile>, catalog: &Arc<Catalog>) -> Option<Problem> {
    let (organization, protection) = (AwsOrganizationSpec::default(), BTreeMap::new());
    let desired = Desired {
        profile: &found.object.spec,
        catalog,
        organization: &organization,
        protection: &protection,
        owners: soc2_posture::assess::Owners::default(),
        acknowledged_targets: None,
    };
    let nothing = World { organization: None, sources: Sources::default(), index: FindingIndex::new(catalog) };
    let error = assess(&desired, &nothing, &Memory::default(), Timestamp::UNIX_EPOCH).err()?;
    Some(of(found, "ComplianceProfile", &found.object.name_any(), error.to_string()))
}
