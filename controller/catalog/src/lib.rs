//! What the operator knows: SOC 2 criteria, Security Hub controls, which control answers for which criterion, and the
//! library of guardrails.
//!
//! All of it is data under `data/`, with its source and date in `data/VERSION.md`; [`Catalog::builtin`] parses it once.
//! Nothing here does IO or knows the time.

mod control;
mod criterion;
mod error;
mod guardrail;
mod ids;
mod load;
mod mapping;
pub mod standards;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

pub use control::{Control, ControlIx, Reach, Severity};
pub use criterion::{Automation, Criterion, TscCategory};
pub use error::CatalogError;
pub use guardrail::{ExampleCall, Guardrail};
pub use ids::{glob_match, normalize_control_id};
pub use mapping::{Confidence, Mapping, Source, Tier};
pub use standards::StandardCode;

/// Criteria, controls, mappings and guardrails of one version.
#[derive(Clone, Debug)]
pub struct Catalog {
    digest: String,
    criteria: Vec<Criterion>,
    controls: Vec<Control>,
    by_id: HashMap<String, ControlIx>,
    mappings: Vec<Mapping>,
    guardrails: Vec<Guardrail>,
}

impl Catalog {
    /// The catalogue that is part of the program, parsed once.
    pub fn builtin() -> Result<&'static Arc<Self>, CatalogError> {
        static BUILTIN: OnceLock<Result<Arc<Catalog>, CatalogError>> = OnceLock::new();
        BUILTIN.get_or_init(|| load::builtin().map(Arc::new)).as_ref().map_err(Clone::clone)
    }

    /// Name, `soc2`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        "soc2"
    }

    /// Version, such as `2026.11`: year and month of the data.
    #[must_use]
    pub fn version(&self) -> &'static str {
        "2026.11"
    }

    /// `sha256:` and 64 hex digits over the data files: two programs with the same digest assess alike.
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

    /// Which control answers for which criterion, by criterion and then by control.
    #[must_use]
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
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
