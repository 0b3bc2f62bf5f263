//! Findings that somebody tells of, in any order and more than once, instead of their being read.

use std::collections::BTreeSet;

use jiff::Timestamp;
use soc2_catalog::ControlIx;

use super::account::{ById, Version as _};
use super::{Changes, FindingIndex, Intake, Row, intake};
use crate::finding::Finding;
use crate::ids::{AccountId, Region};

/// What was told did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// What changed.
    pub changes: Changes,
    /// Checks of which somebody told something else than what is known, or than somebody else, at the same `UpdatedAt`.
    pub doubtful: BTreeSet<(Region, AccountId, ControlIx)>,
}

impl FindingIndex {
    /// Takes in findings of events, as [`FindingIndex::upsert`] does: what is older than what is known, or the same, changes
    /// nothing.
    ///
    /// Suppressions do not move `UpdatedAt`, and the time of an event has whole seconds, so nothing tells a later word from an
    /// old one that comes twice. Of the two the worse stands, and their check is doubtful: read it again, with
    /// [`FindingIndex::refresh`], which decides.
    ///
    /// `read_until`: everything updated before it was read. What is older and not known is gone, or was never ours: a word of
    /// it comes too late, and is left out.
    pub fn hear(&mut self, findings: &[Finding], read_until: Option<Timestamp>) -> Heard {
        let mut told: ById<Row> = ById::default();
        let (mut news, mut doubtful) = (Vec::with_capacity(findings.len()), BTreeSet::new());
        for finding in findings {
            let Intake::Indexed(account) = intake::attribute(finding) else {
                // Of other products all that is wanted is read again and again: what is missing there is gone.
                if read_until.is_none_or(|until| intake::updated_at(finding).is_none_or(|updated| updated >= until)) {
                    news.push(finding.clone());
                }
                continue;
            };
            let new = intake::pack(&mut self.names, finding).row;
            let known = self.known(account, &new);
            if known.is_none() && read_until.is_some_and(|until| is_before(&new, until)) {
                continue;
            }
            let before = told.insert(new.id, new);
            let disputes = |other: Row| other.updated() == new.updated() && !other.same(&new);
            if known.into_iter().chain(before).any(disputes) {
                let region = self.names.regions().get(usize::from(new.region)).cloned().unwrap_or_default();
                doubtful.extend(self.names.control_ix(new.control).map(|control| (region, account, control)));
            }
            news.push(finding.clone());
        }
        Heard { changes: self.upsert(&news), doubtful }
    }

    /// The version of a finding that is known.
    fn known(&self, account: AccountId, of: &Row) -> Option<Row> {
        self.accounts.get(&account)?.of_control(of.control).iter().find(|row| row.id == of.id).copied()
    }
}

fn is_before(row: &Row, time: Timestamp) -> bool {
    i64::try_from(row.updated()).is_ok_and(|updated| updated < time.as_millisecond())
}
