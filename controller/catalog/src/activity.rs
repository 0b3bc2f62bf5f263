//! What people do and no API can check.

use soc2_crds::Cadence;

/// Something that people do again and again, and attest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Id, such as `access-review`.
    pub id: String,
    /// What is done, in one line.
    pub title: String,
    /// Criteria that it answers for: indexes into [`crate::Catalog::criteria`], each once.
    pub criteria: Vec<usize>,
    /// How often.
    pub cadence: Cadence,
    /// An attestation of it needs evidence.
    pub needs_evidence: bool,
    /// Who does it, where a `ControlCatalog` says so.
    pub owner: Option<String>,
    /// Who asks for it: source documents by number, `tsc` for the criteria themselves, or a `ControlCatalog` by name.
    pub sources: Vec<String>,
}
