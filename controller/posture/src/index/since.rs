//! What was touched while sweeps are being read: it is newer than they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use super::account::{ById, Incoming};
use super::row::{IdHash, Row};
use crate::ids::AccountId;

/// The beginning of a sweep. Who drops it will not install it.
#[derive(Debug)]
pub(super) struct Begun {
    /// The index's clock.
    clock: u32,
    accounts: BTreeSet<AccountId>,
}

/// Remembers only what a sweep that is being read may ask for. Kept here, and not with every finding, because hardly any is
/// touched at such a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Since {
    sweeps: Vec<Weak<Begun>>,
    /// By account and finding the index's clock when it was last inserted, changed or seen.
    touched: BTreeMap<AccountId, ById<u32>>,
}

impl Since {
    /// A sweep of these accounts begins.
    pub(super) fn begin(&mut self, clock: u32, accounts: &BTreeSet<AccountId>) -> Arc<Begun> {
        let begun = Arc::new(Begun { clock, accounts: accounts.clone() });
        self.sweeps.push(Arc::downgrade(&begun));
        begun
    }

    /// A sweep is being installed: what is touched from now on is nothing to it.
    pub(super) fn end(&mut self, begun: &Arc<Begun>) {
        self.sweeps.retain(|sweep| !std::ptr::eq(sweep.as_ptr(), Arc::as_ptr(begun)));
    }

    /// Forgets what no sweep asks for any more.
    pub(super) fn tidy(&mut self) {
        self.sweeps.retain(|sweep| sweep.strong_count() > 0);
        let wanted: Vec<AccountId> = self.touched.keys().filter(|account| self.sweeping(**account)).copied().collect();
        self.touched.retain(|account, _| wanted.binary_search(account).is_ok());
    }

    /// These findings of an account were touched.
    pub(super) fn note(&mut self, account: AccountId, ids: &[IdHash], clock: u32) {
        if !ids.is_empty() {
            self.touched.entry(account).or_default().extend(ids.iter().map(|id| (*id, clock)));
        }
    }

    /// Those of these findings that have to be noted: all, or none.
    pub(super) fn noteworthy(&self, account: AccountId, incoming: &[Incoming]) -> Vec<IdHash> {
        if self.sweeping(account) { incoming.iter().map(|incoming| incoming.row.id).collect() } else { Vec::new() }
    }

    /// Whether a finding was touched after the sweep began.
    pub(super) fn is_later(&self, account: AccountId, row: &Row, begun: &Begun) -> bool {
        let touched = self.touched.get(&account).and_then(|touched| touched.get(&row.id));
        touched.is_some_and(|clock| *clock > begun.clock)
    }

    fn sweeping(&self, account: AccountId) -> bool {
        self.sweeps.iter().filter_map(Weak::upgrade).any(|sweep| sweep.accounts.contains(&account))
    }
}
