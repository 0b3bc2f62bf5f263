//! What the granted exceptions of one account cover.

use std::sync::Arc;

use jiff::Timestamp;
use soc2_crds::State;

use super::Waiver;
use crate::assess::decide::{Check, Circumstances};
use crate::assess::evidence::{Outcome, Reader, ResourceResult, Tally};
use crate::assess::findings::Findings;
use crate::assess::reason::Reason;
use crate::assess::scope::{CriterionSet, Scoped};
use crate::index::Row;

/// A check of which exceptions cover something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaivedCheck {
    /// Which of the account's checks.
    pub(crate) check: u16,
    /// The exception that is shown, by its number in the account's list.
    pub(crate) waiver: u16,
    /// 0: it counts wherever the control does. Else: inside these criteria only.
    pub(crate) criteria: CriterionSet,
    /// State of the control there.
    pub(crate) state: State,
    /// Resources that are waived there.
    pub(crate) resources: u32,
}

/// What one exception covers of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) check: u16,
    /// Number in the account's list.
    pub(crate) waiver: u16,
    pub(crate) resources: u32,
}

/// The exceptions of an account that hold now.
pub(crate) struct Waiving<'a> {
    /// With their numbers in the account's list, the one that ends last first.
    active: Vec<(u16, &'a Waiver)>,
    findings: &'a Findings<'a>,
    pub(crate) checks: Vec<WaivedCheck>,
    pub(crate) matches: Vec<Match>,
}

impl<'a> Waiving<'a> {
    /// Those of a list that hold at a moment.
    pub(crate) fn new(list: &'a [Arc<Waiver>], findings: &'a Findings<'a>, now: Timestamp) -> Self {
        let numbered = list.iter().zip(0_u16..);
        let active =
            numbered.filter(|(waiver, _)| waiver.active(now)).map(|(waiver, number)| (number, waiver.as_ref()));
        Self { active: active.collect(), findings, checks: Vec::new(), matches: Vec::new() }
    }

    /// Whether any holds: without one there is nothing to do.
    pub(crate) fn any(&self) -> bool {
        !self.active.is_empty()
    }

    /// Whether an exception that counts everywhere covers the resource of a finding of this control.
    pub(crate) fn covers(&self, scoped: &Scoped, row: &Row) -> bool {
        self.active.iter().any(|(_, waiver)| waiver.everywhere(scoped.control) && self.covers_row(waiver, row))
    }

    /// Waives what the exceptions cover of a check, which was decided without them; notes what that was.
    pub(crate) fn waive(
        &mut self,
        rules: &Circumstances<'_>,
        reader: &Reader<'_>,
        scoped: &Scoped,
        rows: &[Row],
        (number, check): (u16, &mut Check),
    ) {
        let naming = |(_, waiver): &&(u16, &Waiver)| {
            waiver.everywhere(scoped.control) || waiver.inside(scoped.control) & scoped.criteria != 0
        };
        let naming: Vec<(u16, &'a Waiver)> = self.active.iter().filter(naming).copied().collect();
        if naming.is_empty() {
            return;
        }
        let results: Vec<ResourceResult<'_>> = reader.results(rows).collect();
        let case = Case {
            rules,
            reader,
            scoped,
            results: &results,
            findings: self.findings,
            unknown: check.state == State::Unknown,
        };
        let matching: Vec<(u16, &'a Waiver)> =
            naming.into_iter().filter(|(waiver, one)| self.note(&case, number, *waiver, one)).collect();
        let everywhere = |(_, waiver): &&(u16, &Waiver)| waiver.everywhere(scoped.control);
        let general: Vec<(u16, &Waiver)> = matching.iter().filter(everywhere).copied().collect();
        if let Some((shown, _)) = general.first() {
            let (decided, resources) = case.decide(&general);
            *check = decided;
            let state = check.state;
            self.checks.push(WaivedCheck { check: number, waiver: *shown, criteria: 0, state, resources });
        }
        for bit in (0..CriterionSet::BITS).map(|bit| 1 << bit).filter(|bit| scoped.criteria & bit != 0) {
            self.inside(&case, bit, &matching, (number, check));
        }
    }

    /// Waives what the exceptions cover inside one criterion.
    fn inside(
        &mut self,
        case: &Case<'_>,
        bit: CriterionSet,
        matching: &[(u16, &Waiver)],
        (number, check): (u16, &Check),
    ) {
        let control = case.scoped.control;
        let inside = |waiver: &Waiver| waiver.inside(control) & bit != 0;
        let Some((shown, _)) = matching.iter().find(|(_, waiver)| inside(waiver)) else { return };
        let here = |(_, waiver): &&(u16, &Waiver)| inside(waiver) || waiver.everywhere(control);
        let here: Vec<(u16, &Waiver)> = matching.iter().filter(here).copied().collect();
        let (decided, resources) = case.decide(&here);
        if decided.state == check.state {
            return;
        }
        let new = WaivedCheck { check: number, waiver: *shown, criteria: bit, state: decided.state, resources };
        match self.checks.last_mut() {
            // The same in another criterion.
            Some(last) if last.criteria != 0 && WaivedCheck { criteria: bit, ..*last } == new => last.criteria |= bit,
            _ => self.checks.push(new),
        }
    }

    /// Notes what an exception covers of a case. Whether that is anything.
    fn note(&mut self, case: &Case<'_>, check: u16, number: u16, waiver: &Waiver) -> bool {
        let resources = case.covered(waiver);
        let matches = resources > 0 || waiver.covers_unknown && case.unknown && case.rules.readable(case.scoped);
        if matches {
            self.matches.push(Match { check, waiver: number, resources });
        }
        matches
    }

    fn covers_row(&self, waiver: &Waiver, row: &Row) -> bool {
        covers_row(waiver, row, self.findings)
    }
}

fn covers_row(waiver: &Waiver, row: &Row, findings: &Findings<'_>) -> bool {
    waiver.covers(row, findings)
}

/// One check, with what exceptions may cover of it.
struct Case<'a> {
    rules: &'a Circumstances<'a>,
    reader: &'a Reader<'a>,
    scoped: &'a Scoped,
    results: &'a [ResourceResult<'a>],
    findings: &'a Findings<'a>,
    /// Without exceptions it is unknown.
    unknown: bool,
}

impl Case<'_> {
    /// The check with some of the exceptions, and how many resources they waive.
    fn decide(&self, waivers: &[(u16, &Waiver)]) -> (Check, u32) {
        let mut tally = Tally::NONE;
        for result in self.results {
            let waived = can_be_waived(result.outcome)
                && waivers.iter().any(|(_, waiver)| covers_row(waiver, result.row, self.findings));
            let outcome = if waived { Outcome::Waived } else { result.outcome };
            self.reader.count(&mut tally, ResourceResult { outcome, ..*result });
        }
        let check = self.rules.decide(self.scoped, &tally);
        let covers_unknown = waivers.iter().any(|(_, waiver)| waiver.covers_unknown);
        if check.state == State::Unknown && covers_unknown && self.rules.readable(self.scoped) {
            let resources = tally.waived + tally.unknown;
            let check =
                Check { state: State::Excepted, reason: Reason::Excepted, unknown: 0, at: 0, regions: 0, ..check };
            return (check, resources);
        }
        (check, tally.waived)
    }

    /// Resources that one exception covers.
    fn covered(&self, waiver: &Waiver) -> u32 {
        let unknown_too = waiver.covers_unknown && self.rules.readable(self.scoped);
        let is_covered = |result: &&ResourceResult<'_>| {
            let counts = can_be_waived(result.outcome) || unknown_too && result.outcome != Outcome::Passed;
            counts && covers_row(waiver, result.row, self.findings)
        };
        u32::try_from(self.results.iter().filter(is_covered).count()).unwrap_or(u32::MAX)
    }
}

/// Whether a result is one that exceptions are for: it failed, or somebody suppressed it in Security Hub.
fn can_be_waived(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Failed | Outcome::Suppressed | Outcome::Excepted)
}
