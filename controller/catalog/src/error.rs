//! What can be wrong with a catalogue.

use soc2_crds::CatalogProblemStatus;

/// A catalogue that cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("catalogue file {file}, line {line}: {problem}")]
pub struct CatalogError {
    /// Name of the data file.
    pub file: &'static str,
    /// Line, from 1; 0 when it is the file as a whole.
    pub line: u64,
    /// What is wrong.
    pub problem: String,
}

impl CatalogError {
    /// There is no data at all.
    pub(crate) fn none() -> Self {
        Self { file: "data", line: 0, problem: "the program carries no version".to_owned() }
    }
}

/// Something that is wrong with a `ControlCatalog`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{field}: {message}")]
pub struct CatalogProblem {
    /// Path of the field, such as `spec.controls[0].id`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl From<CatalogProblem> for CatalogProblemStatus {
    fn from(problem: CatalogProblem) -> Self {
        Self { field: problem.field, message: problem.message }
    }
}

/// A version of the built-in catalogue that a profile names and the program does not carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("spec.catalogRef.version: this program has no catalogue {0:?}; it has {known}", known = crate::Catalog::versions().collect::<Vec<_>>().join(", "))]
pub struct UnknownVersion(pub String);
