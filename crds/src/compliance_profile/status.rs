//! How the accounts of a profile stand.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ObjectiveType;
use crate::common::is_zero;
use crate::schema;

/// How the accounts of a profile stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct ComplianceProfileStatus {
    /// Generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Echo of the annotation `soc2-operator.dev/requestedAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Moves when something changed, else at most hourly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assessed_at: Option<Time>,
    /// The catalogue that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<CatalogStatus>,
    /// The accounts that matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<TargetStatus>,
    /// (account, control) pairs by state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<CheckCounts>,
    /// Each criterion of the categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 61))]
    pub criteria: Vec<CriterionStatus>,
    /// What people answer for: activities of the catalogue, controls made `Manual`, criteria that were attested themselves. Of more
    /// than 100 the worst.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub activities: Vec<ActivityStatus>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_activities: u32,
    /// Each required guardrail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub guardrails: Vec<GuardrailCoverage>,
    /// The 20 controls that fail in most accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub worst_controls: Vec<WorstControl>,
    /// How many more controls fail.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_failing_controls: u32,
    /// The 20 accounts with most failing controls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub worst_accounts: Vec<WorstAccount>,
    /// How many more accounts fail.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_failing_accounts: u32,
    /// Each objective.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub objectives: Vec<ObjectiveStatus>,
    /// Exceptions that are granted for accounts of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<ExceptionCounts>,
    /// What the profile can and cannot see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// `Ready`, `Stalled`, `Reconciling`, `Compliant`, `DataComplete`, `CoverageComplete`, `GuardrailsInForce`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::cel::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A catalogue by name, version and content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogStatus {
    /// `soc2` is the built-in one.
    pub name: String,
    /// Version, such as `2026.11`.
    pub version: String,
    /// `sha256:` and 64 hex digits.
    pub digest: String,
}

/// The accounts that matched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// Accounts in the target that are not closed.
    pub accounts: u32,
    /// Of these, accounts in state ACTIVE.
    #[serde(default)]
    pub active: u32,
    /// Active accounts at the last reading that was not 10 % smaller than the one before, or was acknowledged: what the next is
    /// compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<u32>,
    /// Selectors that match nothing, by field path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub unmatched: Vec<String>,
}

/// (account, control) pairs by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckCounts {
    /// Fresh evidence that they passed.
    pub passed: u64,
    /// Evidence that they failed.
    pub failed: u64,
    /// Missing, stale or partial data.
    pub unknown: u64,
    /// Waived.
    pub excepted: u64,
    /// Nothing to check, or the account is suspended.
    pub not_applicable: u64,
    /// Taken out by tailoring.
    pub disabled: u64,
}

/// State of a check, of a criterion's half, or of a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum State {
    /// Evidence that it failed.
    Failed,
    /// Missing, stale or partial data.
    Unknown,
    /// Waived.
    Excepted,
    /// Fresh evidence that it passed.
    Passed,
    /// Does not apply.
    NotApplicable,
}

/// State of the half of a criterion that AWS answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HalfState {
    /// A control failed.
    Failed,
    /// A control is unknown.
    Unknown,
    /// A control is waived.
    Excepted,
    /// Every control passed.
    Passed,
    /// No control applies.
    NotApplicable,
    /// No control in scope answers for it.
    NotCovered,
}

/// State of what people answer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ManualState {
    /// The last attestation ran out, with its days of grace.
    Overdue,
    /// It was never attested.
    NeverAttested,
    /// The last attestation leaves accounts out.
    PartlyAttested,
    /// It has to be attested (again), and still counts.
    Due,
    /// It is attested.
    Attested,
    /// It is tracked in another system.
    TrackedElsewhere,
}

/// How one criterion stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriterionStatus {
    /// AICPA id, such as `CC6.1`.
    pub id: String,
    /// The two halves together.
    pub state: State,
    /// Why it is in its state, where people's half decides, such as `AttestationOverdue`, or nothing does: `NotCovered`,
    /// `TrackedElsewhere`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The half that AWS answers.
    pub technical: HalfState,
    /// The half that people answer; absent where nobody has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<ManualState>,
    /// Only the technical half decided.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub technical_only: bool,
    /// Active accounts by technical state.
    pub accounts: AccountStates,
    /// Controls in scope.
    pub controls: u32,
    /// A control of the criterion belongs to no enabled or required standard.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial_coverage: bool,
}

/// Numbers of accounts by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountStates {
    /// Accounts that passed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed: u32,
    /// Accounts that failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// Accounts that are unknown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u32,
    /// Accounts that are waived.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub excepted: u32,
    /// Accounts it does not apply to.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_applicable: u32,
}

/// Something that people answer for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityStatus {
    /// Id of the activity, or of the control or criterion that is attested itself.
    pub id: String,
    /// Criteria of the profile that it serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 61))]
    pub criteria: Vec<String>,
    /// Whether it was done.
    pub state: ManualState,
    /// From then on it has to be done again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Time>,
    /// From then on it counts no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_at: Option<Time>,
    /// The attestation that decides, as `<namespace>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<String>,
    /// Accounts of the profile that it leaves out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing_accounts: u32,
}

/// How far a required guardrail protects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardrailCoverage {
    /// Name of the guardrail.
    pub name: String,
    /// Accounts in which what it prevents is denied.
    pub protected: u32,
    /// Accounts in which it is not.
    pub unprotected: u32,
    /// Accounts it cannot affect: the management account.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_applicable: u32,
    /// The first unprotected accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub unprotected_sample: Vec<String>,
    /// Policies that deny it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub by: Vec<String>,
}

/// A control that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorstControl {
    /// Control id.
    pub id: String,
    /// Critical, High, Medium or Low.
    pub severity: String,
    /// Accounts in which it fails.
    pub failed_accounts: u32,
    /// Since when it fails in the account where it has failed longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Time>,
}

/// An account with failing controls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorstAccount {
    /// Account id.
    pub id: String,
    /// Account name.
    pub name: String,
    /// Controls that fail.
    pub failed: u32,
    /// Controls that are unknown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u32,
}

/// What the profile can and cannot see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// Criteria of the categories.
    pub criteria: u32,
    /// Of these, with at least one control in scope.
    pub automated: u32,
    /// Of these, without.
    pub manual: u32,
    /// The compliance that could be reached by repairing resources alone: the share of checks that are not Unknown because of how
    /// things are set up, such as a control or standard that is not enabled. Absent when there is no check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reachable_compliance: Option<String>,
    /// Mapped controls that belong to no enabled or required standard, and so can have no finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub controls_without_standard: Vec<String>,
}

/// How an objective stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveStatus {
    /// What is measured.
    #[serde(rename = "type")]
    pub type_: ObjectiveType,
    /// Name of the measurement, with type Attested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Percentage, rounded down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u32>,
    /// Least percentage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_percent: Option<u32>,
    /// Findings that are open for too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// How many there may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u32>,
    /// What was measured, as it was attested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Largest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Whether it is reached.
    pub met: bool,
    /// Why it is met or not, where the numbers do not say it: without data it is not met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Numbers of exceptions for accounts of a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionCounts {
    /// They waive something now.
    pub active: u32,
    /// Of these, exceptions that end within 14 days.
    pub expiring_soon: u32,
    /// They have ended.
    pub expired: u32,
}
