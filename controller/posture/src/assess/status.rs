//! The sums as the status of a `ComplianceProfile`.

use std::cmp::Reverse;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use soc2_catalog::{Automation, ControlIx};
use soc2_crds::{
    ActivityStatus, CatalogStatus, CheckCounts, ComplianceProfileStatus, Coverage, CriterionStatus, HalfState,
    ManualState, State, TargetStatus, WorstAccount, WorstControl,
};

use super::assessment::Assessment;
use super::message::time;
use super::rollup::{ALL_STATES, account_states};

/// Most entries of lists of the worst.
const WORST: usize = 20;
/// Most selectors named that match nothing.
const MAX_UNMATCHED: usize = 50;
/// Reason of what people track in another system.
pub(crate) const TRACKED_ELSEWHERE: &str = "TrackedElsewhere";

impl Assessment {
    /// Status of the profile, without `conditions`, `assessedAt`, `observedGeneration` and `lastHandledReconcileAt`.
    #[must_use]
    pub fn status(&self) -> ComplianceProfileStatus {
        let (worst_controls, more_failing_controls) = self.worst_controls();
        let (worst_accounts, more_failing_accounts) = self.worst_accounts();
        let catalog = &self.plan.catalog.0;
        ComplianceProfileStatus {
            catalog: Some(CatalogStatus {
                name: catalog.name().to_owned(),
                version: catalog.version().to_owned(),
                digest: catalog.digest().to_owned(),
            }),
            targets: Some(TargetStatus {
                accounts: self.rollup.accounts,
                active: self.rollup.active,
                baseline: None,
                unmatched: self.plan.unmatched.iter().take(MAX_UNMATCHED).cloned().collect(),
            }),
            checks: Some(self.checks()),
            criteria: self.criteria(),
            activities: self.activities(),
            guardrails: self.guardrails.iter().map(super::guardrails::GuardrailFacts::coverage).collect(),
            worst_controls,
            more_failing_controls,
            worst_accounts,
            more_failing_accounts,
            coverage: Some(self.coverage()),
            ..ComplianceProfileStatus::default()
        }
    }

    /// (account, control) pairs by state.
    pub(super) fn checks(&self) -> CheckCounts {
        let count = |state: State| self.rollup.checks[state as usize];
        CheckCounts {
            passed: count(State::Passed),
            failed: count(State::Failed),
            unknown: count(State::Unknown),
            excepted: count(State::Excepted),
            not_applicable: count(State::NotApplicable),
            disabled: self.rollup.disabled,
        }
    }

    /// How each criterion of the profile stands, in the catalogue's order.
    pub(super) fn criteria(&self) -> Vec<CriterionStatus> {
        let criteria = self.plan.criteria.iter().enumerate();
        criteria.filter_map(|(bit, at)| self.criterion(bit, *at)).collect()
    }

    fn criterion(&self, bit: usize, at: usize) -> Option<CriterionStatus> {
        let criterion = self.plan.catalog.0.criteria().get(at)?;
        let counts = self.rollup.criteria.get(bit)?;
        let controls = self.controls_of(bit);
        let worst = ALL_STATES.into_iter().find(|state| counts[*state as usize] > 0);
        let (state, technical) = match worst {
            _ if controls.is_empty() => (State::NotApplicable, HalfState::NotCovered),
            Some(state) => (state, half(state)),
            None => (State::NotApplicable, HalfState::NotApplicable),
        };
        let manual = self.needs_people(bit, criterion.automation, &controls);
        let not_covered = technical == HalfState::NotCovered;
        Some(CriterionStatus {
            id: criterion.id.clone(),
            state,
            reason: not_covered.then(|| TRACKED_ELSEWHERE.to_owned()),
            technical,
            manual: manual.then_some(ManualState::TrackedElsewhere),
            technical_only: manual,
            accounts: account_states(counts),
            controls: u32::try_from(controls.len()).unwrap_or(u32::MAX),
            partial_coverage: self.plan.scopes.partial & 1 << bit != 0,
        })
    }

    /// Controls in scope of any account for a criterion.
    fn controls_of(&self, bit: usize) -> Vec<ControlIx> {
        let scoped = self.plan.scopes.list.iter().flat_map(|scope| &scope.controls);
        let of_criterion = scoped.filter(|scoped| scoped.criteria & 1 << bit != 0).map(|scoped| scoped.control);
        let mut controls: Vec<ControlIx> = of_criterion.collect();
        controls.sort_unstable();
        controls.dedup();
        controls
    }

    /// Whether a criterion has a manual half: findings show only a part of it, or little, or people took a control over.
    fn needs_people(&self, bit: usize, automation: Automation, controls: &[ControlIx]) -> bool {
        let Some(criterion) = self.plan.criteria.get(bit) else { return true };
        let mappings = || self.plan.catalog.0.mappings().iter().filter(|mapping| mapping.criterion == *criterion);
        let weak = |control: &ControlIx| mappings().any(|mapping| mapping.control == *control && mapping.weak);
        let taken_over = mappings().any(|mapping| self.plan.scopes.activities.contains(&mapping.control));
        automation != Automation::Full || controls.iter().all(weak) || taken_over
    }

    fn activities(&self) -> Vec<ActivityStatus> {
        let catalog = &self.plan.catalog.0;
        let activity = |control: &ControlIx| ActivityStatus {
            id: catalog.get(*control).id.clone(),
            criteria: Vec::new(),
            state: ManualState::TrackedElsewhere,
            valid_until: None,
            overdue_at: None,
            attestation: None,
            missing_accounts: 0,
        };
        self.plan.scopes.activities.iter().map(activity).collect()
    }

    /// The controls that fail in most accounts, and how many more fail.
    fn worst_controls(&self) -> (Vec<WorstControl>, u32) {
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
            oldest: self.oldest_failure(number),
        });
        (worst.collect(), u32::try_from(more).unwrap_or(u32::MAX))
    }

    /// Since when a control fails in the account where it has failed longest.
    fn oldest_failure(&self, control: u16) -> Option<Time> {
        let failing = self.accounts.values().filter(|account| account.count(State::Failed) > 0);
        let checks = failing.filter_map(|account| {
            let at = account.checks.binary_search_by_key(&control, |check| check.control).ok()?;
            account.checks.get(at).filter(|check| check.state == State::Failed)
        });
        time(checks.map(|check| check.since).min()?).map(Time)
    }

    /// The accounts with most failing controls, and how many more fail.
    fn worst_accounts(&self) -> (Vec<WorstAccount>, u32) {
        let mut failing: Vec<_> =
            self.accounts.iter().filter(|(_, account)| account.count(State::Failed) > 0).collect();
        failing.sort_by_key(|(_, account)| {
            (Reverse(account.count(State::Failed)), Reverse(account.count(State::Unknown)))
        });
        let more = failing.len().saturating_sub(WORST);
        let worst = failing.into_iter().take(WORST).map(|(id, account)| WorstAccount {
            id: id.to_string(),
            name: account.standing.name.to_string(),
            failed: account.count(State::Failed),
            unknown: account.count(State::Unknown),
        });
        (worst.collect(), u32::try_from(more).unwrap_or(u32::MAX))
    }

    fn coverage(&self) -> Coverage {
        let criteria = self.plan.criteria.len();
        let automated = (0..criteria).filter(|bit| !self.controls_of(*bit).is_empty()).count();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Coverage {
            criteria: number(criteria),
            automated: number(automated),
            manual: number(criteria - automated),
            reachable_compliance: None,
            controls_without_standard: self.without_standard(),
        }
    }

    /// Ids of controls that are mapped, but belong to no required or enabled standard.
    pub(super) fn without_standard(&self) -> Vec<String> {
        let catalog = &self.plan.catalog.0;
        self.plan.scopes.without_standard.iter().map(|control| catalog.get(*control).id.clone()).collect()
    }
}

fn half(state: State) -> HalfState {
    match state {
        State::Failed => HalfState::Failed,
        State::Unknown => HalfState::Unknown,
        State::Excepted => HalfState::Excepted,
        State::Passed => HalfState::Passed,
        State::NotApplicable => HalfState::NotApplicable,
    }
}
