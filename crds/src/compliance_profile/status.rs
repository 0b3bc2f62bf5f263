//! How the accounts of a profile stand.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Controls that people answer for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub activities: Vec<ActivityStatus>,
    /// Each required guardrail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub guardrails: Vec<GuardrailCoverage>,
    /// The 20 controls that fail in most accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub worst_controls: Vec<WorstControl>,
    /// How many more controls fail.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub more_failing_controls: u32,
    /// The 20 accounts with most failing controls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub worst_accounts: Vec<WorstAccount>,
    /// How many more accounts fail.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub more_failing_accounts: u32,
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

/// State of one half of a criterion.
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
    /// The manual part is tracked in another system.
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
    /// Reason of a state that needs one, such as `NotCovered` or `TrackedElsewhere`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The half that AWS answers.
    pub technical: HalfState,
    /// The half that people answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<HalfState>,
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
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub passed: u32,
    /// Accounts that failed.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub failed: u32,
    /// Accounts that are unknown.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub unknown: u32,
    /// Accounts that are waived.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub excepted: u32,
    /// Accounts it does not apply to.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub not_applicable: u32,
}

/// A control that people answer for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityStatus {
    /// Id of the activity: that of the control.
    pub id: String,
    /// `TrackedElsewhere`.
    pub state: String,
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
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
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
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
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
    /// Mapped controls that belong to no enabled or required standard, and so can have no finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub controls_without_standard: Vec<String>,
}
