//! The sums as metrics show them; single accounts are in `per_account`.

use soc2_catalog::Severity;
use soc2_crds::{AccountStates, CheckCounts, State};

use super::assessment::Assessment;
use super::rollup::account_states;

/// What the metrics show.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileMetrics {
    /// Accounts of the profile that are not closed.
    pub accounts: u32,
    /// (account, control) pairs by state.
    pub checks: CheckCounts,
    /// Passed / (Passed + Failed + Unknown), the Unknown of new accounts left out; `None` when nothing was assessed.
    pub compliance_ratio: Option<f64>,
    /// The same with Excepted in the divisor.
    pub unwaived_ratio: Option<f64>,
    /// Criterion id, and active accounts by technical state.
    pub criteria: Vec<(String, AccountStates)>,
    /// Controls in scope.
    pub controls: Vec<ControlMetrics>,
}

/// One control in the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlMetrics {
    /// Control id.
    pub id: String,
    /// Its severity.
    pub severity: Severity,
    /// Accounts by state.
    pub accounts: AccountStates,
}

impl Assessment {
    /// What the metrics show.
    #[must_use]
    pub fn metrics(&self) -> ProfileMetrics {
        let criteria = self.criteria().into_iter().map(|criterion| (criterion.id, criterion.accounts));
        let controls = self.rollup.controls.iter().zip(self.plan.catalog.0.controls());
        let in_scope = controls.filter(|(counts, _)| counts.iter().any(|count| *count > 0));
        let control = |(counts, control): (&_, &soc2_catalog::Control)| ControlMetrics {
            id: control.id.clone(),
            severity: control.severity,
            accounts: account_states(counts),
        };
        ProfileMetrics {
            accounts: self.rollup.accounts,
            checks: self.checks(),
            compliance_ratio: self.ratio(0),
            unwaived_ratio: self.ratio(self.rollup.checks[State::Excepted as usize]),
            criteria: criteria.collect(),
            controls: in_scope.map(control).collect(),
        }
    }

    /// What passed of what was assessed, with `more` in the divisor.
    fn ratio(&self, more: u64) -> Option<f64> {
        let count = |state: State| self.rollup.checks[state as usize];
        let unknown = count(State::Unknown).saturating_sub(self.rollup.onboarding);
        let all = count(State::Passed) + count(State::Failed) + unknown + more;
        (all > 0).then(|| count(State::Passed) as f64 / all as f64)
    }
}
