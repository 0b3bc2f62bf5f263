//! How the accounts of a profile stand.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use soc2_crds::State;

use super::account::{AccountResult, Now, millis};
use super::guardrails::GuardrailFacts;
use super::memory::{Memory, Remembered};
use super::plan::{Plan, Planned};
use super::rollup::Rollup;
use crate::ids::AccountId;
use crate::index::{AccountRows, FindingIndex, Row};
use crate::world::World;

/// How the accounts of a profile stand: compact, some 32 bytes a check. Words are made on demand.
#[derive(Clone, Debug)]
pub struct Assessment {
    pub(super) plan: Plan,
    pub(super) accounts: BTreeMap<AccountId, AccountResult>,
    pub(super) guardrails: Vec<GuardrailFacts>,
    pub(super) rollup: Rollup,
    pub(super) now: Timestamp,
    /// Accounts that were assessed anew; `None`: all.
    renewed: Option<BTreeSet<AccountId>>,
}

/// Two assessments are equal when they say the same; how they came to it does not matter.
impl PartialEq for Assessment {
    fn eq(&self, other: &Self) -> bool {
        let Self { plan, accounts, guardrails, rollup, now, renewed: _ } = self;
        *plan == other.plan
            && *accounts == other.accounts
            && *guardrails == other.guardrails
            && *rollup == other.rollup
            && *now == other.now
    }
}

/// Value of the label `soc2-operator.dev/compliant` of an account's posture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompliantLabel {
    /// Nothing fails, nothing is unknown, something passed.
    True,
    /// Something fails.
    False,
    /// Nothing fails, but something is unknown, or nothing was assessed.
    Unknown,
}

impl CompliantLabel {
    /// As the label spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }
}

impl Assessment {
    /// Assesses every account.
    pub(super) fn new(planned: Planned, world: &World, memory: &Memory, now: Timestamp) -> Self {
        let Planned { plan, standings, guardrails } = planned;
        let bits = plan.region_bits(&world.index);
        let moment = Now { at: now, reader: plan.reader(&bits, now) };
        let mut rollup = Rollup::new(&plan);
        let result = |(id, standing)| {
            let result = AccountResult::new(&plan, standing, rows(&world.index, id), memory.of(id), &moment);
            rollup.add(&plan, &result);
            (id, result)
        };
        let accounts = standings.into_iter().map(result).collect();
        Self { plan, accounts, guardrails, rollup, now, renewed: None }
    }

    /// Assesses anew what is not as it was.
    pub(super) fn update(self, planned: Planned, world: &World, changed: &BTreeSet<AccountId>, now: Timestamp) -> Self {
        if planned.plan != self.plan || now < self.now {
            let memory = self.memory();
            return Self::new(planned, world, &memory, now);
        }
        let Self { plan, accounts: mut before, mut rollup, .. } = self;
        let bits = plan.region_bits(&world.index);
        let moment = Now { at: now, reader: plan.reader(&bits, now) };
        let (mut accounts, mut renewed) = (BTreeMap::new(), BTreeSet::new());
        for (id, standing) in planned.standings {
            let old = before.remove(&id);
            let stands = |old: &AccountResult| {
                old.standing == standing && old.changes_at > millis(now) && !changed.contains(&id)
            };
            let result = match old {
                Some(old) if stands(&old) => old,
                old => {
                    let remembered = old.as_ref().map(Remembered::of).unwrap_or_default();
                    let new = AccountResult::new(&plan, standing, rows(&world.index, id), &remembered, &moment);
                    if let Some(old) = old {
                        rollup.remove(&plan, &old);
                    }
                    rollup.add(&plan, &new);
                    renewed.insert(id);
                    new
                }
            };
            accounts.insert(id, result);
        }
        for gone in before.values() {
            rollup.remove(&plan, gone);
        }
        Self { plan, accounts, guardrails: planned.guardrails, rollup, now, renewed: Some(renewed) }
    }

    /// When it was assessed.
    #[must_use]
    pub fn assessed_at(&self) -> Timestamp {
        self.now
    }

    /// Accounts that the last [`super::reassess`] assessed anew: only their postures may differ from before, and those of
    /// accounts that are gone. `None`: all.
    #[must_use]
    pub fn renewed(&self) -> Option<&BTreeSet<AccountId>> {
        self.renewed.as_ref()
    }

    /// The first moment at which time alone changes something: evidence gets too old, onboarding ends, `until` passes.
    #[must_use]
    pub fn next_change_at(&self) -> Option<Timestamp> {
        let first = self.accounts.values().map(|account| account.changes_at).min()?;
        Timestamp::from_millisecond(i64::try_from(first).ok()?).ok()
    }

    /// Accounts of which time alone may have changed something by `now`. [`super::reassess`] finds them itself.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> BTreeSet<AccountId> {
        let due = self.accounts.iter().filter(|(_, account)| account.changes_at <= millis(now));
        due.map(|(id, _)| *id).collect()
    }

    /// Accounts that have a posture: those of the target that are not closed.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.accounts.keys().copied()
    }

    /// Value of the label `compliant` of an account's posture; `None` when it is not in the target, or closed.
    #[must_use]
    pub fn compliant(&self, account: AccountId) -> Option<CompliantLabel> {
        let result = self.accounts.get(&account)?;
        let label = if result.count(State::Failed) > 0 || !result.standing.unprotected.is_empty() {
            CompliantLabel::False
        } else if result.count(State::Unknown) > 0
            || !result.standing.protection_unknown.is_empty()
            || result.count(State::Passed) + result.count(State::Excepted) == 0
        {
            CompliantLabel::Unknown
        } else {
            CompliantLabel::True
        };
        Some(label)
    }

    /// Since when each check is in its state.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory::from_results(self.accounts.iter().map(|(id, result)| (*id, result)))
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let of_account = |account: &AccountResult| {
            size_of_val(account) + size_of_val(&*account.checks) + account.standing.name.len()
        };
        let sums = size_of_val(&*self.rollup.controls) + size_of_val(&*self.rollup.criteria);
        size_of_val(self) + sums + self.accounts.values().map(of_account).sum::<usize>()
    }
}

/// The findings of an account.
pub(super) fn rows(index: &FindingIndex, account: AccountId) -> &[Row] {
    index.of(account).map(AccountRows::rows).unwrap_or_default()
}
