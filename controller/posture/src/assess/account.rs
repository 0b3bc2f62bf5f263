//! One account: its circumstances, and one pass over its findings.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use soc2_crds::State;

use super::coverage::Covered;
use super::decide::{Check, Circumstances, since_1970};
use super::evidence::Reader;
use super::findings::Findings;
use super::memory::Remembered;
use super::plan::Plan;
use super::reason::{Reason, STATES};
use super::regions::RegionSet;
use super::scope::{CriterionSet, Scope, Scoped};
use super::waivers::{Match, WaivedCheck, Waiver, Waiving};
use crate::index::{AccountRows, Row};
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
    /// For each interest of the plan the Regions in which findings of other products were not completely read.
    pub(crate) unread: Box<[RegionSet]>,
    /// Required guardrails that do not protect it, by number.
    pub(crate) unprotected: Box<[u16]>,
    /// Required guardrails of which nobody knows.
    pub(crate) protection_unknown: Box<[u16]>,
    /// Guardrails cannot act in it: it is the management account.
    pub(crate) is_management: bool,
    /// Granted exceptions that name it, the one that ends last first, whether they hold now or not.
    pub(crate) waivers: Option<Arc<[Arc<Waiver>]>>,
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
    /// Criteria with a check in each state, there where the criterion counts it.
    criteria: [CriterionSet; STATES],
    /// What exceptions cover; in the order of checks.
    pub(crate) waived: Box<[WaivedCheck]>,
    /// What each exception covers; in the order of checks.
    pub(crate) matches: Box<[Match]>,
    /// When time alone changes something, in milliseconds since 1970.
    pub(crate) changes_at: u64,
}

/// A moment, as evaluation needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now<'a> {
    pub(crate) at: Timestamp,
    pub(crate) reader: Reader<'a>,
    pub(crate) numbers: &'a Numbers,
}

/// Numbers of the catalogue's controls in the index.
#[derive(Clone, Debug)]
pub(crate) enum Numbers {
    /// The same.
    Same,
    /// Others, by number in the catalogue; `None`: the index has no finding of it.
    Others(Vec<Option<u16>>),
}

impl Numbers {
    /// The number of a control in the index.
    pub(crate) fn of(&self, control: u16) -> Option<u16> {
        match self {
            Self::Same => Some(control),
            Self::Others(numbers) => numbers.get(usize::from(control)).copied().flatten(),
        }
    }
}

impl Standing {
    pub(crate) fn active(&self) -> bool {
        self.state == AccountState::Active
    }

    /// Granted exceptions that name it.
    pub(crate) fn waivers(&self) -> &[Arc<Waiver>] {
        self.waivers.as_deref().unwrap_or_default()
    }

    /// When time alone begins or ends an exception that names it.
    fn waivers_change_at(&self, now: Timestamp) -> u64 {
        self.waivers().iter().filter_map(|waiver| waiver.changes_at(now)).min().map_or(u64::MAX, millis)
    }
}

impl Plan {
    /// Whether an account joined so short a time ago that nothing needs to be known of it.
    pub(crate) fn is_new(&self, standing: &Standing, now: Timestamp) -> bool {
        Window::of(standing.joined_at, self.onboarding, now).open
    }
}

impl AccountResult {
    /// Assesses an account.
    pub(crate) fn new(
        plan: &Plan,
        standing: Standing,
        findings: &Findings<'_>,
        remembered: &[Remembered],
        now: &Now<'_>,
    ) -> Self {
        let scope = plan.scope(&standing);
        let window = Window::of(standing.joined_at, plan.onboarding, now.at);
        let life = Life::read(&now.reader, plan.regions.required(), rows(findings.hub()));
        let rules = circumstances(plan, &standing, &life, &window);
        let mut changes_at =
            life.changes_at(&now.reader).min(window.changes_at).min(standing.waivers_change_at(now.at));
        let mut suppressed = false;
        let mut checks = Vec::with_capacity(scope.controls.len());
        let mut waiving = Waiving::new(standing.waivers(), findings, now.at);
        let mut pass = Pass::new(findings, now.numbers);
        for (scoped, number) in scope.controls.iter().zip(0_u16..) {
            let rows = pass.of_control(scoped);
            let tally = now.reader.tally(rows);
            changes_at = changes_at.min(tally.changes_at);
            suppressed |= tally.suppressed;
            let mut check = rules.decide(scoped, &tally);
            if waiving.any() && check.state <= State::Excepted {
                waiving.waive(&rules, &now.reader, scoped, rows, (number, &mut check));
            }
            checks.push(check);
        }
        if let Some(until) = plan.suppressed_until.filter(|until| *until > now.at && suppressed) {
            changes_at = changes_at.min(millis(until));
        }
        if !standing.active() {
            changes_at = u64::MAX;
        }
        let Waiving { checks: waived, matches, .. } = waiving;
        let mut checks = checks.into_boxed_slice();
        remember(&mut checks, remembered, since_1970(now.at));
        let criteria = criteria(&checks, &waived, scope);
        let (counts, onboarding) = counts(&checks);
        let (waived, matches) = (waived.into_boxed_slice(), matches.into_boxed_slice());
        Self { standing, checks, counts, onboarding, criteria, waived, matches, changes_at }
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

/// What is the same for all checks of an account.
fn circumstances<'a>(plan: &'a Plan, standing: &'a Standing, life: &Life, window: &Window) -> Circumstances<'a> {
    Circumstances {
        active: standing.active(),
        onboarding: window.open,
        covered: &standing.covered,
        wanted: &plan.wanted,
        unread: &standing.unread,
        required: plan.regions.required(),
        alive: life.alive,
        hubs: &plan.hubs,
        no_findings_is_not_applicable: plan.no_findings_is_not_applicable,
    }
}

/// Checks by state, and how many are unknown because the account is new.
fn counts(checks: &[Check]) -> ([u32; STATES], u32) {
    let (mut counts, mut onboarding) = ([0; STATES], 0);
    for check in checks {
        counts[check.state as usize] += 1;
        onboarding += u32::from(check.reason == Reason::Onboarding);
    }
    (counts, onboarding)
}

/// Criteria with a check in each state. A check that is waived inside some criteria is there in another state.
fn criteria(checks: &[Check], waived: &[WaivedCheck], scope: &Scope) -> [CriterionSet; STATES] {
    let mut criteria = [0; STATES];
    let mut waived = waived.iter().filter(|waived| waived.criteria != 0).peekable();
    for ((check, scoped), number) in checks.iter().zip(&scope.controls).zip(0_u16..) {
        let mut rest = scoped.criteria;
        while let Some(inside) = waived.next_if(|inside| inside.check == number) {
            criteria[inside.state as usize] |= inside.criteria;
            rest &= !inside.criteria;
        }
        criteria[check.state as usize] |= rest;
    }
    criteria
}

/// The findings of an account.
fn rows(findings: Option<&AccountRows>) -> &[Row] {
    findings.map(AccountRows::rows).unwrap_or_default()
}

/// One pass over the findings of an account, which are in the order of the index's controls, as those of the catalogue are.
/// What an own catalogue added may be in another order: it is looked up.
struct Pass<'r> {
    findings: &'r Findings<'r>,
    rest: &'r [Row],
    /// Least number that may still come.
    next: u16,
    numbers: &'r Numbers,
}

impl<'r> Pass<'r> {
    fn new(findings: &'r Findings<'r>, numbers: &'r Numbers) -> Self {
        Self { findings, rest: rows(findings.hub()), next: 0, numbers }
    }

    /// The rows of a control.
    fn of_control(&mut self, scoped: &Scoped) -> &'r [Row] {
        if scoped.custom {
            return self.findings.own(scoped.control.0);
        }
        let Some(control) = self.numbers.of(scoped.control.0) else { return &[] };
        if control < self.next {
            return self.findings.hub().map(|findings| findings.of_control(control)).unwrap_or_default();
        }
        self.next = control.saturating_add(1);
        let before = self.rest.iter().take_while(|row| row.control < control).count();
        let found = self.rest[before..].iter().take_while(|row| row.control == control).count();
        let (rows, behind) = self.rest[before..].split_at(found);
        self.rest = behind;
        rows
    }
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
