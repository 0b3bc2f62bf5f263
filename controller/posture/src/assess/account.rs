//! One account: its circumstances, and one pass over its findings.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use soc2_crds::State;

use super::coverage::Covered;
use super::decide::{Check, Circumstances, since_1970};
use super::evidence::Reader;
use super::memory::Remembered;
use super::plan::Plan;
use super::reason::{Reason, STATES};
use super::regions::RegionSet;
use super::scope::{CriterionSet, Scope};
use crate::index::Row;
use crate::organization::AccountState;

/// What holds for an account apart from its findings and the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) name: Box<str>,
    /// Path of its organizational unit.
    pub(crate) path: Arc<str>,
    pub(crate) state: AccountState,
    pub(crate) joined_at: Option<Timestamp>,
    /// Number of its scope in the plan.
    pub(crate) scope: usize,
    pub(crate) covered: Covered,
    /// Required guardrails that do not protect it, by number.
    pub(crate) unprotected: Box<[u16]>,
    /// Required guardrails of which nobody knows.
    pub(crate) protection_unknown: Box<[u16]>,
}

/// How one account stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountResult {
    pub(crate) standing: Standing,
    /// In the order of the scope's controls.
    pub(crate) checks: Box<[Check]>,
    /// Checks by state.
    pub(crate) counts: [u32; STATES],
    /// Unknown checks that are so because the account is new.
    pub(crate) onboarding: u32,
    /// Criteria with a check in each state.
    criteria: [CriterionSet; STATES],
    /// When time alone changes something, in milliseconds since 1970.
    pub(crate) changes_at: u64,
}

/// A moment, as evaluation needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now<'a> {
    pub(crate) at: Timestamp,
    pub(crate) reader: Reader<'a>,
}

impl Standing {
    pub(crate) fn active(&self) -> bool {
        self.state == AccountState::Active
    }
}

impl AccountResult {
    /// Assesses an account.
    pub(crate) fn new(plan: &Plan, standing: Standing, rows: &[Row], remembered: &[Remembered], now: &Now<'_>) -> Self {
        let scope = plan.scope(&standing);
        let required = plan.regions.required();
        let life = Life::read(&now.reader, required, rows);
        let window = Window::of(standing.joined_at, plan.onboarding, now.at);
        let circumstances = Circumstances {
            active: standing.active(),
            onboarding: window.open,
            covered: &standing.covered,
            required,
            alive: life.alive,
            hubs: &plan.hubs,
            no_findings_is_not_applicable: plan.no_findings_is_not_applicable,
        };
        let mut changes_at = life.changes_at(&now.reader).min(window.changes_at);
        let mut suppressed = false;
        let mut checks = Vec::with_capacity(scope.controls.len());
        // Both are in the order of controls: one pass over the findings.
        let mut rest = rows;
        for scoped in &scope.controls {
            let tally = now.reader.tally(of_control(&mut rest, scoped.control.0));
            changes_at = changes_at.min(tally.changes_at);
            suppressed |= tally.suppressed;
            checks.push(circumstances.decide(scoped, &tally));
        }
        if let Some(until) = plan.suppressed_until.filter(|until| *until > now.at && suppressed) {
            changes_at = changes_at.min(millis(until));
        }
        if !standing.active() {
            changes_at = u64::MAX;
        }
        let mut checks = checks.into_boxed_slice();
        remember(&mut checks, remembered, since_1970(now.at));
        Self::from_checks(standing, scope, checks, changes_at)
    }

    fn from_checks(standing: Standing, scope: &Scope, checks: Box<[Check]>, changes_at: u64) -> Self {
        let (mut counts, mut criteria, mut onboarding) = ([0; STATES], [0; STATES], 0);
        for (check, scoped) in checks.iter().zip(&scope.controls) {
            counts[check.state as usize] += 1;
            criteria[check.state as usize] |= scoped.criteria;
            onboarding += u32::from(check.reason == Reason::Onboarding);
        }
        Self { standing, checks, counts, onboarding, criteria, changes_at }
    }

    /// Criteria whose worst check is in a state.
    pub(crate) fn criteria_in(&self, state: State) -> CriterionSet {
        let worse = self.criteria[..state as usize].iter().fold(0, |set, criteria| set | criteria);
        self.criteria[state as usize] & !worse
    }

    /// Checks in a state.
    pub(crate) fn count(&self, state: State) -> u32 {
        self.counts[state as usize]
    }
}

/// Takes the rows of a control, and those of controls before it, off the front.
fn of_control<'r>(rest: &mut &'r [Row], control: u16) -> &'r [Row] {
    let before = rest.iter().take_while(|row| row.control < control).count();
    let found = rest[before..].iter().take_while(|row| row.control == control).count();
    let (rows, behind) = rest[before..].split_at(found);
    *rest = behind;
    rows
}

/// Whether an account is alive: some check of Security Hub ran there of late, and passed or failed.
struct Life {
    /// Required Regions in which it is.
    alive: RegionSet,
    /// Newest `UpdatedAt` of such a check, by Region.
    newest: [u64; RegionSet::BITS as usize],
    /// When a finding that is dated in the future begins to count.
    future: u64,
}

impl Life {
    fn read(reader: &Reader<'_>, required: RegionSet, rows: &[Row]) -> Self {
        let mut life = Self { alive: 0, newest: [0; RegionSet::BITS as usize], future: u64::MAX };
        for row in rows.iter().filter(|row| !row.archived() && row.compliance().alive()) {
            let region = reader.region(row);
            if region & required == 0 {
                continue;
            }
            if reader.freshness.is_fresh(row) {
                life.alive |= region;
                let newest = &mut life.newest[region.trailing_zeros() as usize];
                *newest = row.updated().max(*newest);
            } else {
                life.future = life.future.min(reader.freshness.changes_at(row));
            }
        }
        life
    }

    /// When time alone changes where it is alive.
    fn changes_at(&self, reader: &Reader<'_>) -> u64 {
        let ends = self.newest.iter().filter(|newest| **newest != 0).map(|newest| reader.freshness.ends_at(*newest));
        ends.chain([self.future]).min().unwrap_or(u64::MAX)
    }
}

/// The time in which an account is new.
struct Window {
    open: bool,
    changes_at: u64,
}

impl Window {
    /// A join time in the future, or none, opens no window: nobody knows when it would end.
    fn of(joined_at: Option<Timestamp>, length: Duration, now: Timestamp) -> Self {
        let (never, now) = (Self { open: false, changes_at: u64::MAX }, millis(now));
        let Some(joined_at) = joined_at.map(millis) else { return never };
        let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let ends_at = joined_at.saturating_add(length);
        if joined_at > now {
            Self { open: false, changes_at: joined_at }
        } else if now < ends_at {
            Self { open: true, changes_at: ends_at }
        } else {
            never
        }
    }
}

/// Milliseconds since 1970: the precision of everything here that has to do with time.
pub(crate) fn millis(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_millisecond()).unwrap_or(0)
}

/// Sets since when each check is in its state: `since` changes only with the state. Both are in the order of controls.
fn remember(checks: &mut [Check], remembered: &[Remembered], now: u32) {
    let mut remembered = remembered.iter().peekable();
    for check in checks {
        while remembered.next_if(|known| known.control < check.control).is_some() {}
        let known = remembered.next_if(|known| known.control == check.control);
        check.since = known.filter(|known| known.state == check.state).map_or(now, |known| known.since);
    }
}
