//! The library of guardrails: one file for each, in the shape of a `ScpBaseline`'s spec.

use soc2_crds::ScpBaselineSpec;

use super::{File, Release, wrong};
use crate::{Catalog, CatalogError, Guardrail};

/// In the order of the release.
pub(super) fn guardrails(release: &Release, catalog: &Catalog) -> Result<Vec<Guardrail>, CatalogError> {
    release.guardrails.iter().map(|file| guardrail(file, catalog)).collect()
}

fn guardrail(file: &File, catalog: &Catalog) -> Result<Guardrail, CatalogError> {
    let spec: ScpBaselineSpec = serde_yaml::from_str(file.text).map_err(|error| {
        let line = error.location().map_or(0, |location| u64::try_from(location.line()).unwrap_or_default());
        wrong(file, line, error.to_string())
    })?;
    let name = file.name.strip_suffix(".yaml").unwrap_or(file.name);
    Guardrail::read(catalog, name, &spec).map_err(|problems| {
        let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
        wrong(file, 0, words.join("; "))
    })
}
