//! A catalogue with what a `ControlCatalog` adds and overrides: all of it or nothing.
//!
//! Everything is checked here again, whatever the API server has checked before: the command line reads files.

mod activities;
mod check;
mod controls;
mod mappings;

use serde::Serialize;
use sha2::{Digest, Sha256};
use soc2_crds::{CatalogSummary, ControlCatalogSpec};

use crate::{Catalog, CatalogProblem};

impl Catalog {
    /// A catalogue of this name: `base`, a version of the built-in one, with what a `ControlCatalog` adds and overrides.
    ///
    /// Controls of the base keep their numbers, new ones come behind. The version is that of the base; the digest covers
    /// base, name and spec. When anything is wrong nothing takes effect, and every problem is listed.
    pub fn extended(base: &Self, spec: &ControlCatalogSpec, name: &str) -> Result<Self, Vec<CatalogProblem>> {
        let mut problems = Problems::default();
        if name == Self::BUILTIN {
            problems.add("metadata.name", "must not be soc2: that is the built-in catalogue");
        }
        if CatalogSummary::of(spec) == CatalogSummary::default() {
            problems.add("spec", "must say something: at least one of criteria, controls and activities");
        }
        let mut catalog = Self { name: name.to_owned(), ..base.clone() };
        controls::apply(&mut catalog, spec.controls.as_deref().unwrap_or_default(), &mut problems);
        mappings::apply(&mut catalog, spec, &mut problems);
        activities::apply(&mut catalog, spec.activities.as_deref().unwrap_or_default(), &mut problems);
        match digest(base, name, spec) {
            Ok(digest) => catalog.digest = digest,
            Err(error) => problems.add("spec", error.to_string()),
        }
        if problems.0.is_empty() { Ok(catalog) } else { Err(problems.0) }
    }
}

/// Over what the catalogue is made of, each part with its length.
fn digest(base: &Catalog, name: &str, spec: &impl Serialize) -> Result<String, serde_json::Error> {
    let spec = serde_json::to_vec(spec)?;
    let mut hash = Sha256::new();
    for part in [base.digest.as_bytes(), name.as_bytes(), &spec] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Ok(format!("sha256:{}", hex::encode(hash.finalize())))
}

/// What is wrong, in the order in which it is found.
#[derive(Default)]
struct Problems(Vec<CatalogProblem>);

impl Problems {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(CatalogProblem { field: field.into(), message: message.into() });
    }

    /// Adds a problem with a field unless `good`; says whether it is good.
    fn unless(&mut self, good: bool, field: &str, message: impl Into<String>) -> bool {
        if !good {
            self.add(field, message);
        }
        good
    }
}
