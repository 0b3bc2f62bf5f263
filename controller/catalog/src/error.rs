//! What can be wrong with a catalogue's data.

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
