//! The findings of one account as its checks see them: the rows of Security Hub's controls, and rows that findings of other
//! products make for controls of an organization's own.

use std::collections::HashSet;

use soc2_catalog::ControlIx;

use super::account::Numbers;
use super::evidence::Reader;
use super::plan::Plan;
use crate::ids::AccountId;
use crate::index::{AccountRows, Compliance, FindingIndex, Row, Said, SignalRow, Status, Verdict};

/// Findings of one account.
pub(crate) struct Findings<'a> {
    hub: Option<&'a AccountRows>,
    /// Of controls of an organization's own, by their number in the catalogue.
    own: AccountRows,
}

impl<'a> Findings<'a> {
    /// Those of Security Hub's controls.
    pub(crate) fn hub(&self) -> Option<&'a AccountRows> {
        self.hub
    }

    /// Those of a control of an organization's own.
    pub(crate) fn own(&self, control: u16) -> &[Row] {
        self.own.of_control(control)
    }

    /// Id of a resource.
    pub(crate) fn text(&self, resource: u64) -> Option<&str> {
        self.hub.and_then(|rows| rows.text(resource)).or_else(|| self.own.text(resource))
    }
}

/// What is needed to find the findings of accounts.
pub(crate) struct Sight<'a> {
    index: &'a FindingIndex,
    pub(crate) numbers: Numbers,
    /// Controls of an organization's own, in order, and for each set of patterns whether the control is about it.
    own: Vec<(ControlIx, Vec<bool>)>,
}

impl<'a> Sight<'a> {
    pub(crate) fn new(plan: &Plan, index: &'a FindingIndex) -> Self {
        let sets = index.beside().sets();
        let about = |control: &ControlIx| {
            let matcher = plan.catalog.0.get(*control).matcher.as_ref();
            sets.with_any(&matcher.into_iter().collect::<HashSet<_>>())
        };
        let own = plan.wanted.own().map(|control| (control, about(&control))).collect();
        Self { index, numbers: plan.numbers(index), own }
    }

    /// The findings of an account.
    pub(crate) fn of(&self, account: AccountId, reader: &Reader<'_>) -> Findings<'a> {
        let hub = self.index.of(account);
        let own = if self.own.is_empty() { None } else { self.index.beside().of(account) };
        Findings { hub, own: own.map(|signals| self.rows(signals, reader)).unwrap_or_default() }
    }

    /// What findings of other products are evidence of: of each resource in a Region the worst, whether it is fresh or not. They
    /// are different problems, not one problem seen by several standards.
    fn rows(&self, signals: &AccountRows<SignalRow>, reader: &Reader<'_>) -> AccountRows {
        let mut rows = Vec::new();
        let same_resource =
            |one: &SignalRow, other: &SignalRow| (one.region, one.resource) == (other.region, other.resource);
        for (control, about) in &self.own {
            let meant = |row: &&SignalRow| !row.archived() && about.get(row.matched as usize).copied().unwrap_or(false);
            for group in signals.rows().chunk_by(same_resource) {
                let worst = group.iter().filter(meant).map(|signal| evidence(*control, signal));
                rows.extend(worst.min_by_key(|row| badness(row, reader)));
            }
        }
        signals.with_rows(rows)
    }
}

/// How bad what a row says is: the least is the worst. Of two of the same kind that which stays so for the longest.
fn badness(row: &Row, reader: &Reader<'_>) -> (u8, u64) {
    let rank = match row.status() {
        Status::Failed => 0,
        Status::Suppressed if !reader.suppressed_excepted => 1,
        Status::Warning => 2,
        Status::NotAvailable => 3,
        Status::Passed if !reader.freshness.is_fresh(row) => 4,
        Status::Suppressed => 5,
        Status::Passed | Status::Archived => 6,
    };
    // What passed lasts for as long as the oldest; of the rest the newest tells most.
    (rank, if row.status() == Status::Passed { row.updated() } else { u64::MAX - row.updated() })
}

/// What a finding of another product says, as a finding of a control.
fn evidence(control: ControlIx, signal: &SignalRow) -> Row {
    let status = signal.status();
    let verdict = Verdict {
        compliance: match signal.said() {
            Said::Failed | Said::Nothing => Compliance::Failed,
            Said::Warning => Compliance::Warning,
            Said::NotAvailable => Compliance::NotAvailable,
            Said::Passed => Compliance::Passed,
        },
        suppressed: status == Status::Suppressed,
        archived: status == Status::Archived,
        account_resource: signal.account_resource(),
        updated: i64::try_from(signal.updated()).ok().filter(|updated| *updated != 0),
        reason: 0,
    };
    Row::new(signal.id, control.0, signal.region, signal.resource, verdict)
}
