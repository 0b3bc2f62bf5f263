//! Findings of other products, as far as somebody is interested in them, and findings of Security Hub whose age somebody
//! asks for. They are kept beside the rows of Security Hub's controls and never mix with them.

mod intake;
mod row;
mod sets;
mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use soc2_catalog::Matcher;

pub(crate) use row::{Said, SignalRow};
use sets::PatternSets;

use super::account::{AccountRows, Mode};
use super::names::Names;
use super::{Changes, FindingIndex};
use crate::finding::Finding;
use crate::ids::{AccountId, Region};
use crate::interest::{Interest, Interests};
use intake::Found;

/// The findings, of every account: 48 bytes each, and the resource's id of those that report a problem.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    interests: Interests,
    sets: PatternSets,
    accounts: BTreeMap<AccountId, AccountRows<SignalRow>>,
}

/// A reading of findings of other products, apart from the index that gave it.
#[derive(Clone, Debug)]
pub struct SignalBatch {
    interests: Interests,
    sets: PatternSets,
    /// Of the batch; the index translates them when it is installed.
    names: Names,
    started: u32,
    found: Found,
}

impl Signals {
    pub(super) fn new(interests: Interests) -> Self {
        Self { sets: PatternSets::new(&interests), interests, accounts: BTreeMap::new() }
    }

    /// What is wanted.
    fn interests(&self) -> &Interests {
        &self.interests
    }

    /// The sets of patterns that rows refer to.
    pub(crate) fn sets(&self) -> &PatternSets {
        &self.sets
    }

    /// Findings of one account.
    pub(crate) fn of(&self, account: AccountId) -> Option<&AccountRows<SignalRow>> {
        self.accounts.get(&account)
    }

    pub(super) fn len(&self) -> usize {
        self.accounts.values().map(|account| account.rows().len()).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.accounts.values().map(AccountRows::memory_bytes).sum::<usize>() + self.sets.memory_bytes()
    }

    pub(super) fn retain_accounts(&mut self, accounts: &BTreeSet<AccountId>) {
        self.accounts.retain(|account, _| accounts.contains(account));
    }

    /// Takes in findings as they were read. Gives how many of other products nobody is interested in.
    pub(super) fn take(
        &mut self,
        names: &mut Names,
        findings: &[Finding],
        mode: Mode<'_, SignalRow>,
        clock: u32,
    ) -> Changes {
        let mut found = Found::default();
        found.add(&self.interests, &mut self.sets, names, findings);
        let mut changes = Changes { other: found.other, ..Changes::default() };
        self.merge(found, clock, &mut changes, |_| mode);
        changes
    }

    fn merge<'a>(
        &mut self,
        found: Found,
        clock: u32,
        changes: &mut Changes,
        mode: impl Fn(AccountId) -> Mode<'a, SignalRow>,
    ) {
        for (account, incoming) in found.accounts {
            let rows = self.accounts.entry(account).or_default();
            if rows.merge(incoming, mode(account), clock) {
                changes.accounts.insert(account);
            }
            if rows.is_empty() {
                self.accounts.remove(&account);
            }
        }
    }

    /// Changes each row of each account, or drops it. Gives the accounts that lost something.
    fn revise(&mut self, mut revise: impl FnMut(AccountId, SignalRow) -> Option<SignalRow>) -> BTreeSet<AccountId> {
        let mut poorer = BTreeSet::new();
        for (account, rows) in &mut self.accounts {
            let before = rows.rows().len();
            rows.revise(|row| revise(*account, row));
            if rows.rows().len() < before {
                poorer.insert(*account);
            }
        }
        self.accounts.retain(|_, rows| !rows.is_empty());
        poorer
    }
}

/// A complete reading: of what, and whose findings it shows.
struct Reading<'a> {
    open: Vec<&'a Interest>,
    /// For each set of patterns, whether the reading is of any of them.
    matching: Vec<bool>,
    /// By number of the Region the accounts that are shown there.
    shown: HashMap<u16, &'a BTreeSet<AccountId>>,
}

impl Reading<'_> {
    /// Whether a finding that was not read is gone: it would have been listed as it stands, or nobody wants it as it is.
    fn covers(&self, account: AccountId, row: &SignalRow, sets: &PatternSets) -> bool {
        if !self.shown.get(&row.region).is_some_and(|shown| shown.contains(&account)) {
            return false;
        }
        if self.matching.get(row.matched as usize).copied().unwrap_or(false) {
            return true;
        }
        let concerned = self.open.iter().any(|interest| {
            matches!(interest, Interest::Open(product, mildest)
                if row.product() == Some(*product) && row.label().counts(*mildest))
        });
        concerned && (row.open() || row.archived() || sets.is_empty_set(row.matched))
    }
}

impl SignalBatch {
    /// Takes in a page: what nobody is interested in is left out.
    pub fn add(&mut self, findings: &[Finding]) {
        self.found.add(&self.interests, &mut self.sets, &mut self.names, findings);
    }

    /// For each finding that somebody is interested in and that does not say of which account it is, why. Such a reading
    /// is not complete.
    #[must_use]
    pub fn unattributable(&self) -> &[String] {
        &self.found.unattributable
    }

    /// Number of findings taken in, every version of each.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.accounts.values().map(Vec::len).sum()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.accounts.is_empty()
    }
}

impl FindingIndex {
    /// What is kept of findings of other products.
    #[must_use]
    pub fn interests(&self) -> &Interests {
        self.signals.interests()
    }

    /// From now on this is kept of findings of other products. What is not wanted any more goes; what is wanted now has
    /// to be read. Gives the accounts that lost something.
    pub fn set_interests(&mut self, interests: &Interests) -> Changes {
        if self.signals.interests() == interests {
            return Changes::default();
        }
        let mut sets = PatternSets::new(interests);
        let numbers = sets.translate(&self.signals.sets);
        let accounts = self.signals.revise(|_, row| {
            let row = row.rematched(numbers.get(row.matched as usize).copied().unwrap_or_default());
            let wanted = intake::concerns(interests, row.product(), row.label()) || !sets.is_empty_set(row.matched);
            wanted.then_some(row)
        });
        (self.signals.interests, self.signals.sets) = (interests.clone(), sets);
        Changes { accounts, ..Changes::default() }
    }

    /// Begins to collect a reading of findings of other products. What changes in the index from now on is newer.
    #[must_use]
    pub fn signals(&self) -> SignalBatch {
        let signals = &self.signals;
        SignalBatch {
            interests: signals.interests.clone(),
            sets: PatternSets::new(&signals.interests),
            names: Names::new(self.names.catalog()),
            started: self.clock,
            found: Found::default(),
        }
    }

    /// Puts a complete reading in place: of `read`, showing by Region the accounts of `shown`. It listed every finding that
    /// is ACTIVE, of [`Interest::Open`] only those that are neither RESOLVED nor SUPPRESSED: what it did not list, and did
    /// not change since it began, goes. Findings of other accounts or Regions in the batch are taken in as by
    /// [`FindingIndex::upsert`].
    ///
    /// A batch that was begun for other interests changes nothing: read again. So must an incomplete reading be.
    pub fn install_signals(
        &mut self,
        read: &[Interest],
        shown: &BTreeMap<Region, BTreeSet<AccountId>>,
        batch: SignalBatch,
    ) -> Changes {
        let SignalBatch { interests, sets, names, started, mut found } = batch;
        if interests != self.signals.interests {
            return Changes::default();
        }
        let numbers = self.signals.sets.translate(&sets);
        let regions: Vec<u16> = names.regions().iter().map(|name| self.names.region(name)).collect();
        for incoming in found.accounts.values_mut().flatten() {
            let matched = numbers.get(incoming.row.matched as usize).copied().unwrap_or_default();
            let region = regions.get(usize::from(incoming.row.region)).copied().unwrap_or_default();
            incoming.row = incoming.row.rematched(matched).renamed(region);
        }
        let reading = self.reading(read, shown);
        let everyone: BTreeSet<AccountId> = shown.values().flatten().copied().collect();
        let known = self.signals.accounts.keys().filter(|account| everyone.contains(account));
        for account in known {
            found.accounts.entry(*account).or_default();
        }
        self.clock = self.clock.saturating_add(1);
        let mut changes = Changes { other: found.other, ..Changes::default() };
        for (account, incoming) in found.accounts {
            let sets = &self.signals.sets;
            let covers = |row: &SignalRow| reading.covers(account, row, sets);
            let later = |row: &SignalRow| row.touched > started;
            let mode = Mode::Sweep { later: &later, covers: &covers };
            let mode = if everyone.contains(&account) { mode } else { Mode::Upsert };
            let rows = self.signals.accounts.entry(account).or_default();
            if rows.merge(incoming, mode, self.clock) {
                changes.accounts.insert(account);
            }
            if rows.is_empty() {
                self.signals.accounts.remove(&account);
            }
        }
        changes
    }

    fn reading<'a>(&self, read: &'a [Interest], shown: &'a BTreeMap<Region, BTreeSet<AccountId>>) -> Reading<'a> {
        let patterns: HashSet<&Matcher> = read
            .iter()
            .filter_map(|interest| match interest {
                Interest::Matching(pattern) => Some(pattern),
                Interest::Open(..) => None,
            })
            .collect();
        let shown = shown.iter().filter_map(|(name, accounts)| Some((self.names.known_region(name)?, accounts)));
        Reading {
            open: read.iter().filter(|interest| matches!(interest, Interest::Open(..))).collect(),
            matching: self.signals.sets.with_any(&patterns),
            shown: shown.collect(),
        }
    }

    /// Removes findings of other products of these accounts in these Regions: nothing reads them any more.
    pub fn forget_signals(&mut self, accounts: &BTreeSet<AccountId>, regions: &BTreeSet<Region>) -> Changes {
        let regions: BTreeSet<u16> = regions.iter().filter_map(|name| self.names.known_region(name)).collect();
        let gone = |account, row: &SignalRow| accounts.contains(&account) && regions.contains(&row.region);
        let accounts = self.signals.revise(|account, row| (!gone(account, &row)).then_some(row));
        Changes { accounts, ..Changes::default() }
    }

    /// Number of findings of other products, tombstones included.
    #[must_use]
    pub fn signal_count(&self) -> usize {
        self.signals.len()
    }
}
