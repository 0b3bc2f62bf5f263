//! How the accounts of a profile stand.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use soc2_crds::State;

use super::account::{AccountResult, Now, millis};
use super::basis::Basis;
use super::findings::Sight;
use super::guardrails::GuardrailFacts;
use super::memory::{Memory, Remembered};
use super::objectives::{self, Found};
use super::owners::Judgements;
use super::people::{Parts, Subject};
use super::plan::{Plan, Planned};
use super::rollup::Rollup;
use super::shrunk::Shrinking;
use crate::ids::AccountId;
use crate::world::World;

/// How the accounts of a profile stand: compact, some 32 bytes a check. Words are made on demand.
#[derive(Clone, Debug)]
pub struct Assessment {
    pub(super) plan: Plan,
    pub(super) accounts: BTreeMap<AccountId, AccountResult>,
    pub(super) guardrails: Vec<GuardrailFacts>,
    pub(super) rollup: Rollup,
    pub(super) basis: Basis,
    pub(super) judgements: Judgements,
    /// What people answer for.
    pub(super) subjects: Vec<Subject>,
    pub(super) parts: Parts,
    pub(super) shrinking: Shrinking,
    /// Findings that are open for too long, for each objective that asks for them.
    pub(super) overdue_findings: Vec<Option<Found>>,
    pub(super) now: Timestamp,
    /// Accounts that were assessed anew; `None`: all.
    renewed: Option<BTreeSet<AccountId>>,
}

/// Two assessments are equal when they say the same; how they came to it does not matter.
impl PartialEq for Assessment {
    fn eq(&self, other: &Self) -> bool {
        let Self { plan, accounts, guardrails, rollup, judgements, subjects, parts, shrinking, .. } = self;
        *plan == other.plan
            && *accounts == other.accounts
            && *guardrails == other.guardrails
            && *rollup == other.rollup
            && *judgements == other.judgements
            && *subjects == other.subjects
            && *parts == other.parts
            && *shrinking == other.shrinking
            && self.overdue_findings == other.overdue_findings
            && self.now == other.now
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
        let Planned { basis, plan, standings, guardrails, judgements, subjects, acknowledged } = planned;
        let (bits, sight) = (plan.region_bits(&world.index), Sight::new(&plan, &world.index));
        let moment = Now { at: now, reader: plan.reader(&bits, now), numbers: &sight.numbers };
        let mut rollup = Rollup::new(&plan);
        let result = |(id, standing)| {
            let result = AccountResult::new(&plan, standing, &sight.of(id, &moment.reader), memory.of(id), &moment);
            rollup.add(&plan, &result);
            (id, result)
        };
        let accounts: BTreeMap<AccountId, AccountResult> = standings.into_iter().map(result).collect();
        let parts = Parts::new(&subjects, &judgements.words, plan.manual.start_by, now);
        let shrinking = Shrinking::new(&plan, rollup.active, memory.baseline(), acknowledged);
        let overdue_findings = objectives::overdue_findings(&plan, world, &accounts, now);
        Self {
            plan,
            accounts,
            guardrails,
            rollup,
            basis,
            judgements,
            subjects,
            parts,
            shrinking,
            overdue_findings,
            now,
            renewed: None,
        }
    }

    /// Assesses anew what is not as it was.
    pub(super) fn update(self, planned: Planned, world: &World, changed: &BTreeSet<AccountId>, now: Timestamp) -> Self {
        if planned.plan != self.plan || now < self.now {
            let memory = self.memory();
            return Self::new(planned, world, &memory, now);
        }
        let Self { plan, accounts: mut before, mut rollup, shrinking, .. } = self;
        let Planned { basis, plan: _, standings, guardrails, judgements, subjects, acknowledged } = planned;
        let (bits, sight) = (plan.region_bits(&world.index), Sight::new(&plan, &world.index));
        let moment = Now { at: now, reader: plan.reader(&bits, now), numbers: &sight.numbers };
        let (mut accounts, mut renewed) = (BTreeMap::new(), BTreeSet::new());
        for (id, standing) in standings {
            let old = before.remove(&id);
            let stands = |old: &AccountResult| {
                old.standing == standing && old.changes_at > millis(now) && !changed.contains(&id)
            };
            let result = match old {
                Some(old) if stands(&old) => old,
                old => {
                    let remembered = old.as_ref().map(Remembered::of).unwrap_or_default();
                    let new = AccountResult::new(&plan, standing, &sight.of(id, &moment.reader), &remembered, &moment);
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
        rollup.oldest.settle(accounts.values());
        let parts = Parts::new(&subjects, &judgements.words, plan.manual.start_by, now);
        let shrinking = Shrinking::new(&plan, rollup.active, shrinking.baseline(), acknowledged);
        let overdue_findings = objectives::overdue_findings(&plan, world, &accounts, now);
        Self {
            plan,
            accounts,
            guardrails,
            rollup,
            basis,
            judgements,
            subjects,
            parts,
            shrinking,
            overdue_findings,
            now,
            renewed: Some(renewed),
        }
    }

    /// Assesses anew the accounts whose findings changed and those that are due, where nothing else changed: no account comes
    /// or goes, and each stands as it stood.
    pub(super) fn advance(
        mut self,
        world: &World,
        changed: &BTreeSet<AccountId>,
        acknowledged: Option<u32>,
        now: Timestamp,
    ) -> Self {
        let (bits, sight) = (self.plan.region_bits(&world.index), Sight::new(&self.plan, &world.index));
        let moment = Now { at: now, reader: self.plan.reader(&bits, now), numbers: &sight.numbers };
        let mut renewed = self.due(now);
        renewed.extend(changed.iter().filter(|account| self.accounts.contains_key(account)));
        for id in &renewed {
            let Some(old) = self.accounts.remove(id) else { continue };
            self.rollup.remove(&self.plan, &old);
            let remembered = Remembered::of(&old);
            let new =
                AccountResult::new(&self.plan, old.standing, &sight.of(*id, &moment.reader), &remembered, &moment);
            self.rollup.add(&self.plan, &new);
            self.accounts.insert(*id, new);
        }
        self.rollup.oldest.settle(self.accounts.values());
        self.parts = Parts::new(&self.subjects, &self.judgements.words, self.plan.manual.start_by, now);
        self.shrinking = Shrinking::new(&self.plan, self.rollup.active, self.shrinking.baseline(), acknowledged);
        self.overdue_findings = objectives::overdue_findings(&self.plan, world, &self.accounts, now);
        self.now = now;
        self.renewed = Some(renewed);
        self
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

    /// The first moment at which time alone changes something: evidence gets too old, onboarding ends, `until` passes, an
    /// exception begins, ends or will soon end, something has to be attested again.
    #[must_use]
    pub fn next_change_at(&self) -> Option<Timestamp> {
        let first = self.accounts.values().map(|account| account.changes_at).min();
        let of_accounts = first.and_then(|first| Timestamp::from_millisecond(i64::try_from(first).ok()?).ok());
        let of_findings = self.overdue_findings.iter().flatten().flatten().filter_map(|found| found.next_change_at);
        let others = [of_accounts, self.exceptions_change_at(), self.parts.changes_at];
        others.into_iter().flatten().chain(of_findings).min()
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
        let has = |state: State| result.criteria_in(state) != 0;
        let label = if has(State::Failed) || !result.standing.unprotected.is_empty() {
            CompliantLabel::False
        } else if has(State::Unknown)
            || !result.standing.protection_unknown.is_empty()
            || !(has(State::Passed) || has(State::Excepted))
        {
            CompliantLabel::Unknown
        } else {
            CompliantLabel::True
        };
        Some(label)
    }

    /// Since when each check is in its state, and how many accounts there were.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let results = self.accounts.iter().map(|(id, result)| (*id, result));
        Memory::from_results(results).with_baseline(self.shrinking.baseline())
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let of_account = |account: &AccountResult| {
            let waived = size_of_val(&*account.waived) + size_of_val(&*account.matches);
            size_of_val(account) + size_of_val(&*account.checks) + waived + account.standing.name.len()
        };
        let sums = size_of_val(&*self.rollup.controls) + size_of_val(&*self.rollup.criteria);
        size_of_val(self) + sums + self.accounts.values().map(of_account).sum::<usize>()
    }
}
