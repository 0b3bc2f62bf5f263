//! Sums of profiles, over all their accounts.

use prometheus_client::registry::Unit;
use soc2_crds::{AccountStates, CheckCounts};
use soc2_posture::assess::ProfileMetrics;

use super::{Family, Labels, Level, with};
use crate::published::ProfileSnapshot;

/// Series of `profile_checks` of each profile.
const CHECK_STATES: usize = 6;

/// The sums of one profile, and how far it may go.
pub(super) struct SumsOf<'a> {
    pub(super) profile: &'a str,
    pub(super) level: Level,
    pub(super) snapshot: &'a ProfileSnapshot,
}

impl SumsOf<'_> {
    fn labels(&self) -> Labels {
        vec![("profile", self.profile.to_owned())]
    }
}

/// How many series the sums of a profile are, and how many its criteria and controls.
#[must_use]
pub fn sums_series(metrics: &ProfileMetrics) -> (usize, usize) {
    let ratios = usize::from(metrics.compliance_ratio.is_some()) + usize::from(metrics.unwaived_ratio.is_some());
    let states = |states: &AccountStates| by_state(states).count();
    let criteria: usize = metrics.criteria.iter().map(|(_, accounts)| states(accounts)).sum();
    let controls: usize = metrics.controls.iter().map(|control| states(&control.accounts)).sum();
    (CHECK_STATES + 1 + ratios, criteria + controls)
}

/// The metrics of profiles.
pub(super) fn families(profiles: &[SumsOf<'_>]) -> Vec<Family> {
    let (mut checks, mut compliance, mut unwaived) = (Vec::new(), Vec::new(), Vec::new());
    let (mut accounts, mut criteria, mut controls) = (Vec::new(), Vec::new(), Vec::new());
    for of in profiles {
        let metrics = &of.snapshot.metrics;
        for (state, number) in checks_by_state(&metrics.checks) {
            checks.push((with(of.labels(), "state", state), number as f64));
        }
        compliance.extend(metrics.compliance_ratio.map(|ratio| (of.labels(), ratio)));
        unwaived.extend(metrics.unwaived_ratio.map(|ratio| (of.labels(), ratio)));
        accounts.push((of.labels(), f64::from(metrics.accounts)));
        if of.level < Level::Profile {
            continue;
        }
        for (criterion, states) in &metrics.criteria {
            let labels = with(of.labels(), "criterion", criterion);
            criteria.extend(by_state(states).map(|(state, number)| (with(labels.clone(), "state", state), number)));
        }
        for control in &metrics.controls {
            let labels = with(with(of.labels(), "control", &control.id), "severity", control.severity.as_str());
            let states = by_state(&control.accounts);
            controls.extend(states.map(|(state, number)| (with(labels.clone(), "state", state), number)));
        }
    }
    let ratio = || Unit::Other("ratio".to_owned());
    let passed = "Passed / (Passed + Failed + Unknown) over the checks of a profile; absent when nothing was assessed";
    let waived = "Passed / (Passed + Failed + Unknown + Excepted) over the checks of a profile; absent when nothing was \
                  assessed";
    vec![
        Family::gauge("profile_checks", "(account, control) pairs of a profile in each state", checks),
        Family::gauge("profile_compliance", passed, compliance).in_unit(ratio()),
        Family::gauge("profile_unwaived", waived, unwaived).in_unit(ratio()),
        Family::gauge("profile_accounts", "Accounts of a profile", accounts),
        Family::gauge("criterion_accounts", "Accounts in each technical state of a criterion", criteria),
        Family::gauge("control_accounts", "Accounts in each state of a control", controls),
    ]
}

fn checks_by_state(checks: &CheckCounts) -> [(&'static str, u64); CHECK_STATES] {
    [
        ("Passed", checks.passed),
        ("Failed", checks.failed),
        ("Unknown", checks.unknown),
        ("Excepted", checks.excepted),
        ("NotApplicable", checks.not_applicable),
        ("Disabled", checks.disabled),
    ]
}

/// Each state that some account is in.
fn by_state(states: &AccountStates) -> impl Iterator<Item = (&'static str, f64)> {
    let by_state = [
        ("Passed", states.passed),
        ("Failed", states.failed),
        ("Unknown", states.unknown),
        ("Excepted", states.excepted),
        ("NotApplicable", states.not_applicable),
    ];
    by_state.into_iter().filter(|(_, number)| *number > 0).map(|(state, number)| (state, f64::from(number)))
}
