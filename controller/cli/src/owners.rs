//! What owners wrote in the same files: exceptions, attestations, and catalogues beside the built-in one.

use std::sync::Arc;

use anyhow::{Result, bail};
use kube::ResourceExt;
use soc2_catalog::Catalog;
use soc2_crds::{AwsOrganization, ComplianceProfile};
use soc2_posture::assess::{Attestation, Exception, Owners};

use crate::manifests::Manifests;

/// The operator's namespace, as its chart installs it: without an `exceptionPolicy` only exceptions in it count.
pub const OPERATOR_NAMESPACE: &str = "soc2-operator";
/// Where a namespaced object is that does not say so.
const DEFAULT_NAMESPACE: &str = "default";

/// The exceptions of these files.
#[must_use]
pub fn exceptions(manifests: &Manifests) -> Vec<Exception<'_>> {
    let exceptions = manifests.exceptions.iter().map(|found| Exception {
        namespace: found.object.metadata.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE),
        name: found.object.metadata.name.as_deref().unwrap_or_default(),
        spec: &found.object.spec,
    });
    exceptions.collect()
}

/// The attestations of these files.
#[must_use]
pub fn attestations(manifests: &Manifests) -> Vec<Attestation<'_>> {
    let attestations = manifests.attestations.iter().map(|found| Attestation {
        namespace: found.object.metadata.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE),
        name: found.object.metadata.name.as_deref().unwrap_or_default(),
        spec: &found.object.spec,
    });
    attestations.collect()
}

/// Whether what owners wrote, or the policy that it is judged by, asks for tags of accounts.
#[must_use]
pub fn use_tags(manifests: &Manifests, organization: &AwsOrganization) -> bool {
    let (exceptions, attestations) = (exceptions(manifests), attestations(manifests));
    let owners = Owners {
        exceptions: &exceptions,
        attestations: &attestations,
        operator_namespace: OPERATOR_NAMESPACE,
        catalogs: &[],
    };
    owners.use_tags(organization.spec.exception_policy.as_ref())
}

/// Every catalogue that can be used: the built-in one, and those of these files without mistakes.
#[must_use]
pub fn catalogs(manifests: &Manifests, builtin: &Arc<Catalog>) -> Vec<Arc<Catalog>> {
    let extended = manifests.catalogs.iter().filter_map(|found| {
        let extended = Catalog::extended(builtin, &found.object.spec, &found.object.name_any());
        extended.ok().map(Arc::new)
    });
    std::iter::once(Arc::clone(builtin)).chain(extended).collect()
}

const NO_CATALOG: &str = "spec.catalogRef.name: there is no ControlCatalog";

/// Whether a message is of [`catalog_of`], that there is no such catalogue.
pub fn is_missing_catalog(message: &str) -> bool {
    message.starts_with(NO_CATALOG)
}

/// The catalogue of a profile: of the version that it names, else of the one of its status, if there is one.
///
/// # Errors
/// When it refers to one that is not in these files, or that has mistakes.
pub fn catalog_of(profile: &ComplianceProfile, manifests: &Manifests, builtin: &Arc<Catalog>) -> Result<Arc<Catalog>> {
    let base = Arc::clone(Catalog::pinned(profile)?.unwrap_or(builtin));
    let name = profile.spec.catalog_ref.as_ref().map(|wanted| wanted.name.as_str());
    let Some(name) = name.filter(|name| *name != Catalog::BUILTIN) else { return Ok(base) };
    let Some(found) = manifests.catalogs.iter().find(|found| found.object.name_any() == name) else {
        bail!("{NO_CATALOG} {name:?} in these files; add it, or correct the name");
    };
    match Catalog::extended(&base, &found.object.spec, name) {
        Ok(catalog) => Ok(Arc::new(catalog)),
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bail!("spec.catalogRef.name: ControlCatalog {name} in {}: {}", found.origin, problems.join("; "))
        }
    }
}
