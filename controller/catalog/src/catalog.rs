//! The catalogue itself.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use soc2_crds::ComplianceProfile;

use crate::ids::{self, normalize_control_id};
use crate::load::{self, RELEASES};
use crate::{Activity, CatalogError, Control, ControlIx, Criterion, Guardrail, Mapping, OtherCheck, UnknownVersion};

/// Criteria, controls, mappings, activities and guardrails of one version.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) digest: String,
    pub(crate) criteria: Vec<Criterion>,
    pub(crate) activities: Vec<Activity>,
    pub(crate) controls: Vec<Control>,
    pub(crate) by_id: HashMap<String, ControlIx>,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) other_checks: Vec<OtherCheck>,
    pub(crate) guardrails: Vec<Guardrail>,
}

impl Catalog {
    /// Name of the built-in catalogue; no `ControlCatalog` may have it.
    pub const BUILTIN: &'static str = "soc2";

    /// The newest version of the catalogue that is part of the program, parsed once.
    pub fn builtin() -> Result<&'static Arc<Self>, CatalogError> {
        release(0).unwrap_or_else(|| Err(CatalogError::none()))
    }

    /// The built-in catalogue of a version, parsed once; `None`: the program does not carry it, see [`Catalog::versions`].
    pub fn of_version(version: &str) -> Result<Option<&'static Arc<Self>>, CatalogError> {
        let at = RELEASES.iter().position(|release| release.version == version);
        at.and_then(release).transpose()
    }

    /// Versions of the built-in catalogue that the program carries, the newest first.
    pub fn versions() -> impl Iterator<Item = &'static str> {
        RELEASES.iter().map(|release| release.version)
    }

    /// The built-in catalogue that a profile is bound to: of the version that it names, else of the one that it was assessed with
    /// before, as long as the program carries it; `None`: to none, so that the newest counts.
    ///
    /// # Errors
    /// When it names a version that the program does not carry.
    pub fn pinned(profile: &ComplianceProfile) -> Result<Option<&'static Arc<Self>>, UnknownVersion> {
        let named = profile.spec.catalog_ref.as_ref().and_then(|wanted| wanted.version.as_deref());
        let before = profile.status.as_ref().and_then(|status| status.catalog.as_ref());
        let pinned = named.or(before.map(|catalog| catalog.version.as_str()));
        let carried = pinned.and_then(|version| Self::of_version(version).ok().flatten());
        match (carried, named) {
            (None, Some(version)) => Err(UnknownVersion(version.to_owned())),
            (carried, _) => Ok(carried),
        }
    }

    /// Name: `soc2`, or that of the `ControlCatalog` that extends it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version, such as `2026.11`: year and month of the built-in data.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// `sha256:` and 64 hex digits over the content: two programs with the same digest assess alike.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The 61 criteria in the AICPA's order: CC1.1 to CC9.2, A1.1 to A1.3, C1.1, C1.2, PI1.1 to PI1.5, P1.1 to P8.1.
    #[must_use]
    pub fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// Index of the criterion with this id; blanks around it and case do not matter.
    #[must_use]
    pub fn criterion(&self, id: &str) -> Option<usize> {
        self.criteria.iter().position(|criterion| criterion.id.eq_ignore_ascii_case(id.trim()))
    }

    /// What people do and attest.
    #[must_use]
    pub fn activities(&self) -> &[Activity] {
        &self.activities
    }

    /// Index of the activity with this id; blanks around it and case do not matter.
    #[must_use]
    pub fn activity(&self, id: &str) -> Option<usize> {
        self.activities.iter().position(|activity| activity.id.eq_ignore_ascii_case(id.trim()))
    }

    /// Every control, active and retired; [`ControlIx`] is an index into it.
    #[must_use]
    pub fn controls(&self) -> &[Control] {
        &self.controls
    }

    /// The control with this id, active or retired; blanks around it and case do not matter, `PCA` is
    /// `PrivateCertificateAuthority`.
    #[must_use]
    pub fn control(&self, id: &str) -> Option<ControlIx> {
        self.by_id.get(&normalize_control_id(id)).copied()
    }

    /// The control of an index of this catalogue.
    #[must_use]
    pub fn get(&self, ix: ControlIx) -> &Control {
        &self.controls[usize::from(ix.0)]
    }

    /// The controls that an id, or a glob over ids, means, in the order of [`Catalog::controls`]. Empty: unknown.
    #[must_use]
    pub fn resolve(&self, id_or_glob: &str) -> Vec<ControlIx> {
        let glob = normalize_control_id(id_or_glob);
        if !glob.contains(['*', '?']) {
            return self.control(&glob).into_iter().collect();
        }
        let mut found: Vec<ControlIx> =
            self.by_id.iter().filter(|(id, _)| ids::id_matches(&glob, id)).map(|(_, ix)| *ix).collect();
        found.sort_unstable();
        found
    }

    /// Controls of an organization's own: findings of other products are their evidence.
    pub fn custom_controls(&self) -> impl Iterator<Item = (ControlIx, &Control)> {
        (0..).map(ControlIx).zip(&self.controls).filter(|(_, control)| control.matcher.is_some())
    }

    /// Which control answers for which criterion, by criterion and then by control.
    #[must_use]
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// Checks of other tools for a criterion that no control does, by criterion.
    #[must_use]
    pub fn other_checks(&self) -> &[OtherCheck] {
        &self.other_checks
    }

    /// The library of guardrails.
    #[must_use]
    pub fn guardrails(&self) -> &[Guardrail] {
        &self.guardrails
    }

    /// The guardrail of this name.
    #[must_use]
    pub fn guardrail(&self, name: &str) -> Option<&Guardrail> {
        self.guardrails.iter().find(|guardrail| guardrail.name == name)
    }
}

/// A version that the program carries, by its place.
fn release(at: usize) -> Option<Result<&'static Arc<Catalog>, CatalogError>> {
    static PARSED: [OnceLock<Result<Arc<Catalog>, CatalogError>>; RELEASES.len()] =
        [const { OnceLock::new() }; RELEASES.len()];
    let (parsed, release) = (PARSED.get(at)?, RELEASES.get(at)?);
    Some(parsed.get_or_init(|| load::load(release).map(Arc::new)).as_ref().map_err(Clone::clone))
}
