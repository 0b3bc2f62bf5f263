//! The sums as the status of a `ComplianceProfile`.

use soc2_crds::{
    CatalogStatus, CheckCounts, ComplianceProfileStatus, Coverage, ExceptionCounts, ExceptionState, State, TargetStatus,
};

use super::assessment::Assessment;
use super::conditions::SETUP;

/// Most selectors named that match nothing.
const MAX_UNMATCHED: usize = 50;

impl Assessment {
    /// Status of the profile, without `conditions`, `assessedAt`, `observedGeneration` and `lastHandledReconcileAt`.
    #[must_use]
    pub fn status(&self) -> ComplianceProfileStatus {
        let (worst_controls, more_failing_controls) = self.worst_controls();
        let (worst_accounts, more_failing_accounts) = self.worst_accounts();
        let (activities, more_activities) = self.activity_rows();
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
                baseline: self.shrinking.baseline(),
                unmatched: self.plan.unmatched.iter().take(MAX_UNMATCHED).cloned().collect(),
            }),
            checks: Some(self.checks()),
            criteria: self.criteria(),
            activities,
            more_activities,
            guardrails: self.guardrails.iter().map(super::guardrails::GuardrailFacts::coverage).collect(),
            worst_controls,
            more_failing_controls,
            worst_accounts,
            more_failing_accounts,
            objectives: self.objectives().into_iter().map(|fact| fact.status).collect(),
            exceptions: Some(self.exception_counts()),
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

    /// Exceptions that are granted for accounts of the profile.
    fn exception_counts(&self) -> ExceptionCounts {
        let mut counts = ExceptionCounts::default();
        for fact in self.exceptions().into_iter().filter(|fact| fact.concerns_profile) {
            let standing = fact.standing(self.now);
            counts.active += u32::from(standing.state == ExceptionState::Active);
            counts.expiring_soon += u32::from(standing.expiring_soon);
            counts.expired += u32::from(standing.state == ExceptionState::Expired);
        }
        counts
    }

    fn coverage(&self) -> Coverage {
        let criteria = self.plan.criteria.len();
        let automated = self.answers().controls.iter().filter(|controls| !controls.is_empty()).count();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Coverage {
            criteria: number(criteria),
            automated: number(automated),
            manual: number(criteria - automated),
            reachable_compliance: self.reachable(),
            controls_without_standard: self.without_standard(),
        }
    }

    /// The share of checks that repairing resources could make pass, rounded down: of the others, how things are set up would
    /// have to change. `None` when there is no check.
    fn reachable(&self) -> Option<String> {
        let all = self.assessed();
        let setup: u64 = SETUP.iter().map(|reason| self.rollup.reason(*reason).0).sum();
        (all > 0).then(|| format!("{}%", (all - setup.min(all)) * 100 / all))
    }

    /// Ids of controls that are mapped, but belong to no required or enabled standard.
    pub(super) fn without_standard(&self) -> Vec<String> {
        let catalog = &self.plan.catalog.0;
        self.plan.scopes.without_standard.iter().map(|control| catalog.get(*control).id.clone()).collect()
    }
}
