//! Everything that is known of one organization.

use std::collections::BTreeMap;

use crate::ids::Region;
use crate::index::{FindingIndex, Status};
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

impl World {
    /// Findings in the index by source, Region and status, tombstones included. The source is the first that reads the
    /// Region for the account; empty for what no source reads any more.
    #[must_use]
    pub fn findings_by_source(&self) -> BTreeMap<(&str, Region, Status), u64> {
        let mut counts = BTreeMap::new();
        self.index.count_each(|account, region, status, count| {
            let reads = self.sources.regions.iter().find(|hub| {
                hub.region == region && hub.serves.as_ref().is_none_or(|accounts| accounts.contains(&account))
            });
            let source = reads.map_or("", |hub| hub.source.as_str());
            *counts.entry((source, region.to_owned(), status)).or_default() += count;
        });
        counts
    }
}
