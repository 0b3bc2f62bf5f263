//! Everything that is known of one organization.

use crate::index::FindingIndex;
use crate::organization::Organization;
use crate::source::Sources;

/// What is known of one AWS Organization: read once, assessed under each of its profiles.
#[derive(Clone, Debug)]
pub struct World {
    /// The tree; `None` until it was read once.
    pub organization: Option<Organization>,
    /// Where findings come from, and how complete they are.
    pub sources: Sources,
    /// The findings.
    pub index: FindingIndex,
}
