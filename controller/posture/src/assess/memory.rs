//! Since when each check is in its state.

use std::collections::BTreeMap;

use soc2_catalog::Catalog;
use soc2_crds::{AccountPostureSpec, State};

use super::account::AccountResult;
use super::decide::since_1970;
use crate::ids::AccountId;

/// What an assessment needs to know of the past: since when each (account, control) is in its state (without it, since now),
/// and how many accounts there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Each in the order of controls.
    accounts: BTreeMap<AccountId, Box<[Remembered]>>,
    /// Active accounts that the next reading is compared with.
    baseline: Option<u32>,
}

/// Since when one control of one account is in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Remembered {
    /// Number of the control in the catalogue.
    pub(crate) control: u16,
    pub(crate) state: State,
    /// Seconds since 1970.
    pub(crate) since: u32,
}

impl Memory {
    /// Adds what the published posture of one account says; after a restart. Of what passed it does not say since when.
    pub fn remember(&mut self, catalog: &Catalog, account: AccountId, posture: &AccountPostureSpec) {
        self.accounts.insert(account, published(catalog, posture));
    }

    /// The same, with the number of active accounts that the next reading is compared with: `status.targets.baseline` of the
    /// profile; after a restart.
    #[must_use]
    pub fn with_baseline(self, baseline: Option<u32>) -> Self {
        Self { baseline, ..self }
    }

    /// Active accounts that the next reading is compared with.
    pub(crate) fn baseline(&self) -> Option<u32> {
        self.baseline
    }

    /// What an assessment says.
    pub(crate) fn from_results<'a>(results: impl Iterator<Item = (AccountId, &'a AccountResult)>) -> Self {
        let accounts = results.map(|(account, result)| (account, Remembered::of(result))).collect();
        Self { accounts, baseline: None }
    }

    /// What is known of an account.
    pub(crate) fn of(&self, account: AccountId) -> &[Remembered] {
        self.accounts.get(&account).map(Box::as_ref).unwrap_or_default()
    }
}

impl Remembered {
    /// What a result says.
    pub(crate) fn of(result: &AccountResult) -> Box<[Self]> {
        let remembered =
            |check: &super::decide::Check| Self { control: check.control, state: check.state, since: check.since };
        result.checks.iter().map(remembered).collect()
    }
}

fn published(catalog: &Catalog, posture: &AccountPostureSpec) -> Box<[Remembered]> {
    let rows = posture.controls.iter().map(|row| (&row.id, row.state, &row.since));
    let grouped = |group: &'_ soc2_crds::UnknownGroup| {
        let since = group.since.clone();
        group.controls.iter().map(move |id| (id.clone(), State::Unknown, since.clone())).collect::<Vec<_>>()
    };
    let unknown = posture.unknown.iter().flat_map(grouped);
    let all = rows.map(|(id, state, since)| (id.clone(), state, since.clone())).chain(unknown);
    let known = all.filter_map(|(id, state, since)| {
        let control = catalog.control(&id)?.0;
        Some(Remembered { control, state, since: since_1970(since.0) })
    });
    let mut known: Vec<Remembered> = known.collect();
    known.sort_unstable();
    known.dedup_by_key(|known| known.control);
    known.into_boxed_slice()
}
