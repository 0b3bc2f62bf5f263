//! What owners wrote in the same files: exceptions, attestations, and catalogues beside the built-in one.

use std::sync::Arc;

use anyhow::{Result, bail};
use kube::ResourceExt;
use soc2_catalog::Catalog;
use soc2_crds::ComplianceProfile;
use soc2_posture::assess::{Attestation, Exception};

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

/// The catalogue of a profile.
///
/// # Errors
/// When it refers to one that is not in these files, or that has mistakes.
pub fn catalog_of(profile: &ComplianceProfile, manifests: &Manifests, builtin: &Arc<Catalog>) -> Result<Arc<Catalog>> {
    let name = profile.spec.catalog_ref.as_ref().map(|wanted| wanted.name.as_str());
    let Some(name) = name.filter(|name| *name != Catalog::BUILTIN) else { return Ok(Arc::clone(builtin)) };
    let Some(found) = manifests.catalogs.iter().find(|found| found.object.name_any() == name) else {
        bail!(
            "ComplianceProfile {}: spec.catalogRef.name: there is no ControlCatalog {name:?} in these files",
            profile.name_any()
        );
    };
    match Catalog::extended(builtin, &found.object.spec, name) {
        Ok(catalog) => Ok(Arc::new(catalog)),
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bail!("{}: ControlCatalog {name}: {}", found.origin, problems.join("; "))
        }
    }
}
