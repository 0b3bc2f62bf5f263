//! The service control policies that exist, as they were read.

use std::collections::{BTreeMap, BTreeSet};

/// All service control policies of an organization. Only a complete reading is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyInventory {
    /// By policy id.
    pub policies: BTreeMap<String, Policy>,
}

/// A policy with all that is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Name, unique per type.
    pub name: String,
    /// Whether AWS made it.
    pub aws_managed: bool,
    /// Content as AWS returned it.
    pub content: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Roots, units and accounts it is attached to.
    pub targets: BTreeSet<String>,
}
