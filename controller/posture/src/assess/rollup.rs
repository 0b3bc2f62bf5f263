//! Sums over accounts, kept up to date account by account.

use soc2_crds::{AccountStates, State};

use super::account::AccountResult;
use super::oldest::OldestFailures;
use super::plan::Plan;
use super::reason::{REASONS, Reason, STATES};

/// Sums over the accounts of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rollup {
    pub(crate) accounts: u32,
    pub(crate) active: u32,
    /// Checks by state.
    pub(crate) checks: [u64; STATES],
    pub(crate) disabled: u64,
    /// Unknown checks of accounts that are new.
    pub(crate) onboarding: u64,
    /// Checks, and accounts with such a check, by reason.
    reasons: [(u64, u32); REASONS],
    /// Active accounts by technical state, for each criterion of the profile.
    pub(crate) criteria: Vec<[u32; STATES]>,
    /// Accounts by state, for each control of the catalogue.
    pub(crate) controls: Vec<[u32; STATES]>,
    /// Since when each control fails.
    pub(crate) oldest: OldestFailures,
    /// Accounts in which a control is unknown because they are new, for each control of the catalogue.
    pub(crate) onboarding_by_control: Vec<u32>,
    /// Checks that are waived inside some of their criteria only.
    pub(crate) waived_inside: u64,
    /// Accounts in which something fails.
    pub(crate) failing_accounts: u32,
    /// Accounts in which something is unknown.
    pub(crate) unknown_accounts: u32,
}

/// Whether an account comes or goes.
#[derive(Clone, Copy)]
enum Change {
    Comes,
    Goes,
}

impl Change {
    fn apply<N: Copy + std::ops::AddAssign + std::ops::SubAssign>(self, sum: &mut N, amount: N) {
        match self {
            Self::Comes => *sum += amount,
            Self::Goes => *sum -= amount,
        }
    }
}

impl Rollup {
    /// The sums over no account.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            accounts: 0,
            active: 0,
            checks: [0; STATES],
            disabled: 0,
            onboarding: 0,
            reasons: [(0, 0); REASONS],
            criteria: vec![[0; STATES]; plan.criteria.len()],
            controls: vec![[0; STATES]; plan.catalog.0.controls().len()],
            oldest: OldestFailures::new(plan.catalog.0.controls().len()),
            onboarding_by_control: vec![0; plan.catalog.0.controls().len()],
            waived_inside: 0,
            failing_accounts: 0,
            unknown_accounts: 0,
        }
    }

    /// Adds an account.
    pub(crate) fn add(&mut self, plan: &Plan, result: &AccountResult) {
        self.change(plan, result, Change::Comes);
    }

    /// Takes an account out.
    pub(crate) fn remove(&mut self, plan: &Plan, result: &AccountResult) {
        self.change(plan, result, Change::Goes);
    }

    /// Checks with a reason, and accounts that have one.
    pub(crate) fn reason(&self, reason: Reason) -> (u64, u32) {
        self.reasons[reason as usize]
    }

    fn change(&mut self, plan: &Plan, result: &AccountResult, change: Change) {
        change.apply(&mut self.accounts, 1);
        change.apply(&mut self.disabled, u64::from(plan.scope(&result.standing).disabled));
        change.apply(&mut self.onboarding, u64::from(result.onboarding));
        change.apply(&mut self.failing_accounts, u32::from(result.count(State::Failed) > 0));
        change.apply(&mut self.unknown_accounts, u32::from(result.count(State::Unknown) > 0));
        for (sum, count) in self.checks.iter_mut().zip(result.counts) {
            change.apply(sum, u64::from(count));
        }
        change.apply(&mut self.waived_inside, waived_inside(result));
        let mut seen = [false; REASONS];
        for check in &result.checks {
            change.apply(&mut self.reasons[check.reason as usize].0, 1);
            if !std::mem::replace(&mut seen[check.reason as usize], true) {
                change.apply(&mut self.reasons[check.reason as usize].1, 1);
            }
            if let Some(states) = self.controls.get_mut(usize::from(check.control)) {
                change.apply(&mut states[check.state as usize], 1);
            }
            match change {
                Change::Comes => self.oldest.add(check),
                Change::Goes => self.oldest.remove(check),
            }
            if check.reason == Reason::Onboarding
                && let Some(sum) = self.onboarding_by_control.get_mut(usize::from(check.control))
            {
                change.apply(sum, 1);
            }
        }
        if result.standing.active() {
            change.apply(&mut self.active, 1);
            for state in ALL_STATES {
                let set = result.criteria_in(state);
                for (bit, states) in self.criteria.iter_mut().enumerate().filter(|(bit, _)| set & 1 << bit != 0) {
                    let _ = bit;
                    change.apply(&mut states[state as usize], 1);
                }
            }
        }
    }
}

/// Checks that are waived inside some criteria, and are not waived everywhere.
fn waived_inside(result: &AccountResult) -> u64 {
    let mut checks: Vec<u16> = result
        .waived
        .iter()
        .filter(|waived| waived.criteria != 0 && waived.state == State::Excepted)
        .map(|waived| waived.check)
        .collect();
    checks.dedup();
    checks.len() as u64
}

/// Every state, the worst first.
pub(crate) const ALL_STATES: [State; STATES] =
    [State::Failed, State::Unknown, State::Excepted, State::Passed, State::NotApplicable];

/// Numbers of accounts as objects and metrics show them.
pub(crate) fn account_states(counts: &[u32; STATES]) -> AccountStates {
    AccountStates {
        passed: counts[State::Passed as usize],
        failed: counts[State::Failed as usize],
        unknown: counts[State::Unknown as usize],
        excepted: counts[State::Excepted as usize],
        not_applicable: counts[State::NotApplicable as usize],
    }
}
