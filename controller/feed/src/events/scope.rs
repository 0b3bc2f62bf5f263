//! Whose findings a source reads, as far as a listener needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};

use crate::lane::Lane;

/// The accounts that a source reads, by Region; none while it cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    accounts: BTreeMap<Region, Arc<BTreeSet<AccountId>>>,
    /// Increments have read everything that was updated before; `None`: not yet.
    pub(super) read_until: Option<Timestamp>,
}

impl Scope {
    /// What these lanes read, those that can be read.
    pub(crate) fn of<'a>(lanes: impl Iterator<Item = &'a Lane>) -> Self {
        let mut scope = Self::default();
        let mut read_until = Vec::new();
        for lane in lanes.filter(|lane| lane.readable() && lane.record.mark.is_some()) {
            read_until.push(lane.read_until());
            for region in lane.regions() {
                let accounts = scope.accounts.entry(region).or_default();
                if accounts.is_empty() {
                    *accounts = Arc::clone(&lane.wanted);
                } else {
                    Arc::make_mut(accounts).extend(lane.wanted.iter());
                }
            }
        }
        scope.read_until = read_until.into_iter().min().flatten();
        scope
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Whether the source reads findings of this one's account and Region. Those of nobody are not.
    pub(super) fn covers(&self, finding: &Finding) -> bool {
        let accounts = self.accounts.get(&finding.region);
        accounts.is_some_and(|accounts| finding.account_id.parse().is_ok_and(|id| accounts.contains(&id)))
    }
}
