//! What objects say of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;
use soc2_catalog::Catalog;
use soc2_crds::{AttestationState, AwsOrganizationSpec, ComplianceException, ComplianceProfile, ControlAttestation};
use soc2_posture::assess::{Attestation, Exception, ExceptionVerdict, Owners};
use soc2_posture::organization::Organization;
use soc2_posture::source::Sources;
use soc2_posture::{Desired, FindingIndex, Memory, World, assess};

use super::{Loaded, Manifests, Problem, guardrails};
use crate::owners;

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
            add(missing.then(message).map(|message| Problem {
                origin: origin.of(&message),
                object: Some(object.clone()),
                message,
            }));
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
    // One catalogue that is missing is one mistake, however many profiles name it.
    let mut said = BTreeSet::new();
    let of_profiles = manifests.profiles.iter().filter_map(|found| profile(found, manifests, catalog, elsewhere));
    for problem in of_profiles
        .filter(|problem| !owners::is_missing_catalog(&problem.message) || said.insert(problem.message.clone()))
    {
        add(Some(problem));
    }
    problems.extend(guardrails::check(manifests, catalog, elsewhere));
    problems.extend(exceptions(manifests, catalog));
    problems.extend(attestations(manifests, catalog));
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

pub(super) fn of<K>(found: &Loaded<K>, kind: &str, name: &str, message: String) -> Problem {
    Problem { origin: found.origin.of(&message), object: Some(format!("{kind} {name}")), message }
}

/// What the operator would refuse of a profile, whatever AWS has: the very same function decides.
fn profile(
    found: &Loaded<ComplianceProfile>,
    manifests: &Manifests,
    builtin: &Arc<Catalog>,
    elsewhere: bool,
) -> Option<Problem> {
    let name = found.object.name_any();
    let wanted = found.object.spec.catalog_ref.as_ref().map(|wanted| wanted.name.as_str());
    let in_files =
        |name: &str| name == Catalog::BUILTIN || manifests.catalogs.iter().any(|one| one.object.name_any() == name);
    if elsewhere && wanted.is_some_and(|name| !in_files(name)) {
        // Which controls and criteria there are is known in the cluster only.
        return None;
    }
    let catalog = match owners::catalog_of(&found.object, manifests, builtin) {
        Ok(catalog) => catalog,
        Err(error) => return Some(of(found, "ComplianceProfile", &name, error.to_string())),
    };
    let (organization, protection) = (AwsOrganizationSpec::default(), BTreeMap::new());
    let desired = Desired {
        profile: &found.object.spec,
        catalog: &catalog,
        organization: &organization,
        protection: &protection,
        owners: Owners::default(),
        acknowledged_targets: None,
    };
    let nothing = World { organization: None, sources: Sources::default(), index: FindingIndex::new(&catalog) };
    let error = assess(&desired, &nothing, &Memory::default(), Timestamp::UNIX_EPOCH).err()?;
    Some(of(found, "ComplianceProfile", &name, error.to_string()))
}

/// Exceptions that the operator would refuse, whatever accounts there are. By the organization's policy only where it is in
/// these files.
fn exceptions(manifests: &Manifests, builtin: &Arc<Catalog>) -> Vec<Problem> {
    let (written, catalogs) = (owners::exceptions(manifests), owners::catalogs(manifests, builtin));
    let owners = Owners {
        exceptions: &written,
        attestations: &[],
        operator_namespace: owners::OPERATOR_NAMESPACE,
        catalogs: &catalogs,
    };
    let names: BTreeSet<&str> = written.iter().map(|one| one.spec.organization_ref.name.as_str()).collect();
    let (unknown, no_accounts) = (AwsOrganizationSpec::default(), no_accounts());
    let judged = names.into_iter().flat_map(|name| match manifests.organization(name) {
        Some(object) => soc2_posture::assess::exceptions(name, &object.spec, &owners, builtin, no_accounts.as_ref()),
        None => soc2_posture::assess::exceptions(name, &unknown, &owners, builtin, None),
    });
    let refused = judged.filter_map(|fact| match fact.verdict {
        ExceptionVerdict::Refused { message, .. } => Some(((fact.namespace, fact.name), message)),
        ExceptionVerdict::Granted | ExceptionVerdict::Waiting { .. } => None,
    });
    let refused: BTreeMap<(String, String), String> = refused.collect();
    let problem = |(found, one): (&Loaded<ComplianceException>, &Exception<'_>)| {
        let message = refused.get(&(one.namespace.to_owned(), one.name.to_owned()))?;
        Some(of(found, "ComplianceException", &name_of(&found.object), message.clone()))
    };
    manifests.exceptions.iter().zip(&written).filter_map(problem).collect()
}

/// An organization without accounts: nothing is refused because of them.
fn no_accounts() -> Option<Organization> {
    Some(Organization {
        id: String::new(),
        management_account: "000000000000".parse().ok()?,
        root: String::new(),
        scp_enabled: true,
        units: BTreeMap::new(),
        accounts: BTreeMap::new(),
        read_at: Timestamp::UNIX_EPOCH,
    })
}

/// Attestations that the operator would refuse.
fn attestations(manifests: &Manifests, builtin: &Arc<Catalog>) -> Vec<Problem> {
    let (written, catalogs) = (owners::attestations(manifests), owners::catalogs(manifests, builtin));
    let names: BTreeSet<&str> = written.iter().map(|one| one.spec.organization_ref.name.as_str()).collect();
    let now = Timestamp::now();
    let all =
        names.into_iter().flat_map(|name| soc2_posture::assess::attestations(name, &written, None, &catalogs, now));
    let refused = all.filter(|standing| standing.state == AttestationState::Refused);
    let refused: BTreeMap<(String, String), String> =
        refused.map(|standing| ((standing.namespace, standing.name), standing.message)).collect();
    let problem = |(found, one): (&Loaded<ControlAttestation>, &Attestation<'_>)| {
        let message = refused.get(&(one.namespace.to_owned(), one.name.to_owned()))?;
        Some(of(found, "ControlAttestation", &name_of(&found.object), message.clone()))
    };
    manifests.attestations.iter().zip(&written).filter_map(problem).collect()
}
