//! The worst controls and accounts of a profile.

use std::cmp::Reverse;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use soc2_crds::{State, WorstAccount, WorstControl};

use super::account::AccountResult;
use super::assessment::Assessment;
use super::message::time;
use crate::ids::AccountId;

/// Most entries of lists of the worst.
const WORST: usize = 20;

impl Assessment {
    /// The controls that fail in most accounts, and how many more fail.
    pub(super) fn worst_controls(&self) -> (Vec<WorstControl>, u32) {
        let catalog = &self.plan.catalog.0;
        let failing = self.rollup.controls.iter().zip(catalog.controls()).zip(0_u16..);
        let failing = failing.map(|((counts, control), number)| (counts[State::Failed as usize], control, number));
        let mut failing: Vec<_> = failing.filter(|(accounts, _, _)| *accounts > 0).collect();
        failing.sort_by_key(|(accounts, control, _)| (Reverse(*accounts), control.severity));
        let more = failing.len().saturating_sub(WORST);
        failing.truncate(WORST);
        let worst = failing.into_iter().map(|(failed_accounts, control, number)| WorstControl {
            id: control.id.clone(),
            severity: control.severity.as_str().to_owned(),
            failed_accounts,
            oldest: self.rollup.oldest.of(number).and_then(time).map(Time),
        });
        (worst.collect(), u32::try_from(more).unwrap_or(u32::MAX))
    }

    /// The accounts with most failing controls, and how many more fail.
    pub(super) fn worst_accounts(&self) -> (Vec<WorstAccount>, u32) {
        let mut failing: Vec<_> =
            self.accounts.iter().filter(|(_, account)| account.count(State::Failed) > 0).collect();
        let badness = |(id, account): &(&AccountId, &AccountResult)| {
            (Reverse(account.count(State::Failed)), Reverse(account.count(State::Unknown)), **id)
        };
        let more = failing.len().saturating_sub(WORST);
        if more > 0 {
            failing.select_nth_unstable_by_key(WORST, badness);
            failing.truncate(WORST);
        }
        failing.sort_by_key(badness);
        let worst = failing.into_iter().map(|(id, account)| WorstAccount {
            id: id.to_string(),
            name: account.standing.name.to_string(),
            failed: account.count(State::Failed),
            unknown: account.count(State::Unknown),
        });
        (worst.collect(), u32::try_from(more).unwrap_or(u32::MAX))
    }
}
