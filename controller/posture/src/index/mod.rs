//! The findings of one organization, compactly.
//!
//! Each finding is one [`row::Row`] of 32 bytes with its newest version; the rows of an account are one slice in the
//! order of controls, so that assessing an account is one pass over it, and a change touches its account only.

mod account;
mod hear;
mod intake;
mod names;
mod row;
mod signal;
mod since;
mod store;
mod sweep;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use soc2_catalog::{Catalog, ControlIx};

use crate::finding::Finding;
use crate::ids::{AccountId, Region};
use crate::interest::Interests;

pub(crate) use account::AccountRows;
use account::{Ids, Incoming, Mode};
pub use hear::Heard;
use names::Names;
pub(crate) use row::{Compliance, Row, Verdict};
pub use signal::SignalBatch;
pub(crate) use signal::{Said, SignalRow, Signals};
use since::{Begun, Since};
pub use store::LoadError;
use sweep::Found;
pub use sweep::SweepBatch;

/// The findings of Security Hub's own controls, of every account of one organization: 32 bytes each. Beside them, in 48
/// bytes each, what somebody wants to know of other products.
#[derive(Clone, Debug)]
pub struct FindingIndex {
    names: Names,
    accounts: BTreeMap<AccountId, AccountRows>,
    signals: Signals,
    /// Counts what was done to the index: tells what is newer than a sweep.
    clock: u32,
    since: Since,
}

/// What a change did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Accounts of which something really changed; seeing the same again is no change.
    pub accounts: BTreeSet<AccountId>,
    /// For each finding from Security Hub that cannot be attributed, why. They make their shard or source incomplete.
    pub unattributable: Vec<String>,
    /// Findings of other products that nobody is interested in, which were left out.
    pub other: u64,
}

/// What becomes of one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It is evidence about this account.
    Indexed(AccountId),
    /// It is not from Security Hub itself.
    OtherProduct,
    /// It is from Security Hub, but does not say of which account or control.
    Unattributable {
        /// What is missing, naming the finding.
        message: String,
    },
}

/// How a finding in the index counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// `FAILED`.
    Failed,
    /// Workflow `SUPPRESSED`, whatever the compliance status.
    Suppressed,
    /// `WARNING`.
    Warning,
    /// `NOT_AVAILABLE`, another word, none, or a finding that is unusable otherwise.
    NotAvailable,
    /// The newest version is `ARCHIVED`: kept so that an older version cannot come back; no evidence.
    Archived,
    /// `PASSED`.
    Passed,
}

impl Status {
    /// Every status, in order.
    pub const ALL: [Self; 6] =
        [Self::Failed, Self::Suppressed, Self::Warning, Self::NotAvailable, Self::Archived, Self::Passed];

    /// As the metric's label spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::Suppressed => "Suppressed",
            Self::Warning => "Warning",
            Self::NotAvailable => "NotAvailable",
            Self::Archived => "Archived",
            Self::Passed => "Passed",
        }
    }
}

impl FindingIndex {
    /// An index without findings.
    #[must_use]
    pub fn new(catalog: &Arc<Catalog>) -> Self {
        let signals = Signals::new(Interests::default());
        Self { names: Names::new(catalog), accounts: BTreeMap::new(), signals, clock: 0, since: Since::default() }
    }

    /// What would become of a finding. Changes nothing.
    #[must_use]
    pub fn intake(finding: &Finding) -> Intake {
        intake::attribute(finding)
    }

    /// Takes in findings as they were read, in any order. A newer version replaces an older one; of versions of the
    /// same time the one that is worse in the end stays. Removes nothing: an archived version stays as a tombstone.
    pub fn upsert(&mut self, findings: &[Finding]) -> Changes {
        self.take(findings, How::Upsert)
    }

    /// As [`FindingIndex::upsert`], for findings that were read after everything in the index: a version of the same
    /// time replaces the one in the index. For the re-reading that [`FindingIndex::reconcile_suppressed`] asks for.
    pub fn refresh(&mut self, findings: &[Finding]) -> Changes {
        self.take(findings, How::Refresh)
    }

    /// Begins to collect a sweep of these accounts. What changes in the index from now on is newer than the sweep.
    #[must_use]
    pub fn sweep(&mut self, accounts: &BTreeSet<AccountId>) -> SweepBatch {
        let begun = self.since.begin(self.clock, accounts);
        SweepBatch { names: Names::new(self.names.catalog()), begun, found: Found::default() }
    }

    /// Puts in place a complete sweep of these accounts, all of which it was begun for, read in these Regions: what the sweep
    /// did not see and did not change since it began goes, with tombstones from before. Only this, and
    /// [`FindingIndex::retain_accounts`], removes. Findings of other accounts or Regions in the batch are taken in as by [`FindingIndex::upsert`].
    ///
    /// An incomplete sweep must not be installed: read it again.
    pub fn install(
        &mut self,
        accounts: &BTreeSet<AccountId>,
        regions: &BTreeSet<Region>,
        batch: SweepBatch,
    ) -> Changes {
        let SweepBatch { names, begun, mut found } = batch;
        found.translate(&names, &mut self.names);
        let regions: BTreeSet<u16> = regions.iter().filter_map(|name| self.names.known_region(name)).collect();
        for account in accounts {
            found.accounts.entry(*account).or_default();
        }
        self.since.end(&begun);
        self.merge(found, How::Swept { begun: &begun, accounts, regions: &regions })
    }

    /// Removes every account that is not in `accounts`, because it left the organization.
    pub fn retain_accounts(&mut self, accounts: &BTreeSet<AccountId>) {
        self.accounts.retain(|account, _| accounts.contains(account));
        self.signals.retain_accounts(accounts);
    }

    /// After a complete poll of the suppressed findings of `regions`: marks those listed, and gives the (account,
    /// control) pairs that the index has as suppressed although the poll does not list them. Read these again, with
    /// [`FindingIndex::refresh`]: nothing stops being suppressed, and so perhaps passes, by absence alone.
    pub fn reconcile_suppressed(
        &mut self,
        regions: &BTreeSet<Region>,
        listed: &[Finding],
    ) -> (Changes, BTreeSet<(AccountId, ControlIx)>) {
        let mut found = Found::default();
        found.add(&mut self.names, listed);
        let ids: Ids = found.accounts.values().flatten().map(|incoming| incoming.row.id).collect();
        let regions: BTreeSet<u16> = regions.iter().filter_map(|name| self.names.known_region(name)).collect();
        let changes = self.merge(found, How::Refresh);
        let mut doubtful = BTreeSet::new();
        for (account, rows) in &self.accounts {
            let unlisted = rows.rows().iter().filter(|row| row.suppressed() && !row.archived());
            let unlisted = unlisted.filter(|row| regions.contains(&row.region) && !ids.contains(&row.id));
            let controls = unlisted.filter_map(|row| self.names.control_ix(row.control));
            doubtful.extend(controls.map(|control| (*account, control)));
        }
        (changes, doubtful)
    }

    /// Findings by Region and status, tombstones included.
    #[must_use]
    pub fn count(&self) -> BTreeMap<(Region, Status), u64> {
        let mut counts = BTreeMap::new();
        self.count_each(|_, region, status, count| *counts.entry((region.to_owned(), status)).or_default() += count);
        counts
    }

    /// Hands each account's number of findings by Region and status to `visit`, tombstones included, zeros left out.
    pub fn count_each(&self, mut visit: impl FnMut(AccountId, &str, Status, u64)) {
        let regions = self.names.regions();
        let mut counts = vec![[0_u64; Status::ALL.len()]; regions.len()];
        for (account, rows) in &self.accounts {
            for row in rows.rows() {
                if let Some(of_region) = counts.get_mut(usize::from(row.region)) {
                    of_region[row.status() as usize] += 1;
                }
            }
            for (region, of_region) in regions.iter().zip(&mut counts) {
                for (status, count) in Status::ALL.into_iter().zip(of_region) {
                    if *count > 0 {
                        visit(*account, region, status, std::mem::take(count));
                    }
                }
            }
        }
    }

    /// Number of findings, tombstones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.values().map(|account| account.rows().len()).sum()
    }

    /// Whether there is no finding.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.values().all(AccountRows::is_empty)
    }

    /// Accounts with findings.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.accounts.keys().copied()
    }

    /// Bytes of memory that the findings take.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let accounts: usize = self.accounts.values().map(AccountRows::memory_bytes).sum();
        accounts + self.signals.memory_bytes() + self.names.memory_bytes()
    }

    /// Names that rows refer to.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// Findings of one account.
    pub(crate) fn of(&self, account: AccountId) -> Option<&AccountRows> {
        self.accounts.get(&account)
    }

    /// Findings of other products.
    pub(crate) fn beside(&self) -> &Signals {
        &self.signals
    }

    fn take(&mut self, findings: &[Finding], how: How<'_>) -> Changes {
        let mut found = Found::default();
        found.add(&mut self.names, findings);
        let mut changes = self.merge(found, how);
        let mode = if matches!(how, How::Refresh) { Mode::Refresh } else { Mode::Upsert };
        let signals = self.signals.take(&mut self.names, findings, mode, self.clock);
        changes.accounts.extend(signals.accounts);
        changes.other = signals.other;
        changes
    }

    /// Puts findings among those of their accounts. One tick of the clock.
    fn merge(&mut self, found: Found, how: How<'_>) -> Changes {
        self.clock = self.clock.saturating_add(1);
        let Found { accounts, unattributable, other } = found;
        let mut changes = Changes { accounts: BTreeSet::new(), unattributable, other };
        for (account, incoming) in accounts {
            let touched = self.since.noteworthy(account, &incoming);
            if self.merge_account(account, incoming, how) {
                changes.accounts.insert(account);
            }
            self.since.note(account, &touched, self.clock);
        }
        self.since.tidy();
        changes
    }

    /// Gives whether any evidence changed.
    fn merge_account(&mut self, account: AccountId, incoming: Vec<Incoming>, how: How<'_>) -> bool {
        let rows = self.accounts.entry(account).or_default();
        let changed = match how {
            How::Swept { begun, accounts, regions } if accounts.contains(&account) => {
                let later = |row: &Row| self.since.is_later(account, row, begun);
                let covers = |row: &Row| regions.contains(&row.region);
                rows.merge(incoming, Mode::Sweep { later: &later, covers: &covers }, self.clock)
            }
            How::Refresh => rows.merge(incoming, Mode::Refresh, self.clock),
            How::Upsert | How::Swept { .. } => rows.merge(incoming, Mode::Upsert, self.clock),
        };
        if rows.is_empty() {
            self.accounts.remove(&account);
        }
        changed
    }
}

/// How findings were read.
#[derive(Clone, Copy)]
enum How<'a> {
    /// At any time.
    Upsert,
    /// After everything in the index.
    Refresh,
    /// Everything that these accounts have in these Regions; of others, at any time.
    Swept { begun: &'a Begun, accounts: &'a BTreeSet<AccountId>, regions: &'a BTreeSet<u16> },
}
