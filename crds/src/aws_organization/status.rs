//! What the operator found in an organization.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What the operator found in the organization.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct AwsOrganizationStatus {
    /// Generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Echo of the annotation `soc2-operator.dev/requestedAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Id of the organization, such as `o-exampleorgid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// Id of the management account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_account_id: Option<String>,
    /// Accounts found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<AccountCounts>,
    /// Organizational units found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organizational_units: Option<u32>,
    /// Service control policies found; written by the guardrails' part of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_control_policies: Option<PolicyCounts>,
    /// What guardrail sets would write now, by name of the set; sets with nothing to write are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub plans: Vec<OrganizationPlan>,
    /// Sets with something to write that are not in `plans`, because that would be too many.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub more_plans: u32,
    /// One entry per source and Region that is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub security_hub: Vec<SecurityHubStatus>,
    /// `Ready`, `Stalled`, `Reconciling`, `OrganizationRead`, `FindingsComplete`, `EventsReceived`, `AllAccountsAssigned`, `CanEnforce`, `GuardrailsInSync`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::cel::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Numbers of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountCounts {
    /// All accounts, whatever their state.
    pub total: u32,
    /// Accounts in state ACTIVE.
    pub active: u32,
    /// Accounts in state SUSPENDED or `PENDING_CLOSURE`.
    pub suspended: u32,
    /// Active accounts that are in no profile and not listed in `unassigned`.
    pub unassigned: u32,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unassigned_sample: Vec<String>,
}

/// What one guardrail set would write; its own status has more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationPlan {
    /// Name of the `GuardrailSet`.
    pub set: String,
    /// Hash of its plan, 64 hex digits.
    pub hash: String,
    /// Writes to AWS.
    pub steps: u32,
    /// Whether an account would be less protected afterwards. Then a person has to approve.
    #[serde(default)]
    pub weakens: bool,
    /// Accounts for which it changes something, after inheritance.
    pub changed_accounts: u32,
}

/// Numbers of service control policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyCounts {
    /// Whether the policy type is enabled in the root.
    pub enabled: bool,
    /// All service control policies.
    pub total: u32,
    /// Those that this operator owns.
    pub owned: u32,
    /// Whether Control Tower's `aws-guardrails-*` policies are there.
    pub control_tower: bool,
}

/// One source in one Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityHubStatus {
    /// Name of the source.
    pub source: String,
    /// Region that is read.
    pub region: String,
    /// Account whose Security Hub is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Regions whose findings come through this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub linked_regions: Vec<String>,
    /// `Consolidated` or `PerStandard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_findings: Option<String>,
    /// Enabled members, the administrator not counted.
    #[serde(default)]
    pub members: u32,
    /// Standards enabled at the source, in short form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enabled_standards: Vec<String>,
    /// Findings of Security Hub's own controls in the index.
    #[serde(default)]
    pub findings: u64,
    /// Shards of the sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<ShardCounts>,
    /// The last full sweep that was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_full_sweep: Option<SweepStatus>,
    /// Why the source cannot be read, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Shards of at most 20 accounts each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardCounts {
    /// All shards.
    pub total: u32,
    /// Shards that were read completely.
    pub complete: u32,
}

/// A full sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SweepStatus {
    /// When it began.
    pub started_at: Time,
    /// When its last shard was complete.
    pub completed_at: Time,
    /// `GetFindings` calls that it took.
    pub requests: u64,
    /// Of these, calls that AWS throttled.
    pub throttled: u64,
}
