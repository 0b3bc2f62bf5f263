//! What the metrics show of single accounts, read straight from the results: nothing is copied.

use soc2_crds::State;

use super::account::AccountResult;
use super::assessment::Assessment;
use super::rollup::ALL_STATES;
use crate::ids::AccountId;

/// How many series each level of detail adds for the accounts of a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountSeries {
    /// Accounts.
    pub accounts: usize,
    /// (account, state) pairs with a check.
    pub checks: usize,
    /// (account, criterion) pairs.
    pub criteria: usize,
    /// (account, control) pairs.
    pub controls: usize,
}

impl Assessment {
    /// How many series each level of detail adds.
    #[must_use]
    pub fn account_series(&self) -> AccountSeries {
        let mut series = AccountSeries { accounts: self.accounts.len(), ..AccountSeries::default() };
        for result in self.accounts.values() {
            series.checks += result.counts.iter().filter(|count| **count > 0).count();
            let criteria = |state: &State| result.criteria_in(*state).count_ones() as usize;
            series.criteria += ALL_STATES.iter().map(criteria).sum::<usize>();
            series.controls += result.checks.len();
        }
        series
    }

    /// For each account, in order of id, how many of its checks are in each state that some are in.
    pub fn account_checks(&self) -> impl Iterator<Item = (AccountId, State, u32)> + '_ {
        self.each(move |result| {
            let counts = ALL_STATES.into_iter().map(|state| (state, result.count(state)));
            counts.filter(|(_, count)| *count > 0)
        })
        .map(|(account, (state, count))| (account, state, count))
    }

    /// For each account, in order of id, the technical state of each criterion that it has a check for.
    pub fn account_criteria(&self) -> impl Iterator<Item = (AccountId, &str, State)> + '_ {
        self.each(move |result| {
            ALL_STATES.into_iter().flat_map(move |state| {
                let set = result.criteria_in(state);
                let criteria = self.plan.criteria.iter().enumerate().filter(move |(bit, _)| set & 1 << bit != 0);
                criteria.filter_map(move |(_, at)| Some((self.plan.catalog.0.criteria().get(*at)?.id.as_str(), state)))
            })
        })
        .map(|(account, (criterion, state))| (account, criterion, state))
    }

    /// For each account, in order of id, the state of each control in scope.
    pub fn account_controls(&self) -> impl Iterator<Item = (AccountId, &str, State)> + '_ {
        self.each(move |result| {
            let controls = self.plan.catalog.0.controls();
            result
                .checks
                .iter()
                .filter_map(|check| Some((controls.get(usize::from(check.control))?.id.as_str(), check.state)))
        })
        .map(|(account, (control, state))| (account, control, state))
    }

    fn each<'a, I: Iterator + 'a>(
        &'a self,
        of: impl Fn(&'a AccountResult) -> I + 'a,
    ) -> impl Iterator<Item = (AccountId, I::Item)> + 'a {
        self.accounts.iter().flat_map(move |(account, result)| of(result).map(|item| (*account, item)))
    }
}
