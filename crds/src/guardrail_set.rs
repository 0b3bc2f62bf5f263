//! `GuardrailSet`: which guardrails are enforced, where and how.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{ObjectRef, Targets};
use crate::schema;
use crate::scp_baseline::AnyValue;

/// Which guardrails are enforced, where and how.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "GuardrailSet",
    plural = "guardrailsets",
    shortname = "grset",
    category = "soc2",
    status = "GuardrailSetStatus",
    derive = "PartialEq",
    doc = "Which guardrails (service control policies) are enforced, where and how.",
    printcolumn(
        name = "Organization",
        type_ = "string",
        description = "AwsOrganization of the accounts",
        json_path = ".spec.organizationRef.name"
    ),
    printcolumn(
        name = "Mode",
        type_ = "string",
        description = "Observe reports, Enforce writes",
        json_path = ".spec.mode"
    ),
    printcolumn(
        name = "In-Sync",
        type_ = "string",
        description = "Everything is in place",
        json_path = r#".status.conditions[?(@.type=="InSync")].status"#
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "The operator does its job",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        description = "What InSync says",
        json_path = r#".status.conditions[?(@.type=="InSync")].message"#,
        priority = 1
    ),
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name has at most 63 characters: it becomes a label")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct GuardrailSetSpec {
    /// The `AwsOrganization` of the accounts. Immutable.
    #[x_kube(validation = ("self == oldSelf", "organizationRef is immutable: create another guardrail set"))]
    pub organization_ref: ObjectRef,
    /// Accounts to protect. Each entry names accounts by organizational unit, tags, ids or names; of an entry all keys must match.
    /// An account belongs when any entry of `include` matches it and no entry of `exclude` does. Policies are attached as high
    /// as possible without reaching an account outside.
    #[serde(default)]
    pub targets: Targets,
    /// Most accounts that get an attachment of their own because no organizational unit covers them exactly. More: the set is
    /// refused, with the organizational unit that would do. Default: 50.
    #[serde(default = "default_max_direct_attachments")]
    #[schemars(range(max = 1000))]
    pub max_direct_attachments: u32,
    /// Guardrails of the library, or of `ScpBaseline` objects, at least one.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = (
        "self.all(one, self.exists_one(other, other.name == one.name))",
        "must not name a guardrail twice"
    ))]
    pub baselines: Vec<BaselineRef>,
    /// ARN patterns of roles and users that no guardrail of this set restricts, beside those that the organization exempts. Whoever
    /// can create or change such a role is exempt too: `protect-exempt-principals` comes with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::principal_patterns")]
    pub exempt_principals: Option<Vec<String>>,
    /// What is done about differences. Default: Observe.
    #[serde(default)]
    pub mode: GuardrailMode,
    /// Stops work on this set; what is in AWS stands and is not watched.
    #[serde(default)]
    pub suspend: bool,
}

fn default_max_direct_attachments() -> u32 {
    50
}

/// A guardrail, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BaselineRef {
    /// Name of a guardrail of the library, such as `deny-leave-org`, or of an `ScpBaseline`.
    #[schemars(schema_with = "schema::baseline_name")]
    pub name: String,
    /// Parameters by name, each a value or a list of values, such as `{allowedRegions: [eu-west-1, us-east-1]}`. The guardrail says
    /// which there are; those without a default have to be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::scp_baseline::parameter_values")]
    pub parameters: Option<BTreeMap<String, AnyValue>>,
}

/// What is done with a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GuardrailMode {
    /// Report what is missing; write nothing.
    #[default]
    Observe,
    /// Write it to AWS and keep it there.
    Enforce,
}

/// How a set stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct GuardrailSetStatus {
    /// Generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Echo of the annotation `soc2-operator.dev/requestedAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// What would be, or is being, written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// The plan that was last applied in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<AppliedStatus>,
    /// Where each baseline has to be, and whether it is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub baselines: Vec<BaselineStatus>,
    /// `Ready`, `Stalled`, `Reconciling`, `InSync`, and `Applying`, `Held` or `Refused` while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::cel::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Steps of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Hash of the plan's content, 64 hex digits.
    pub hash: String,
    /// Policies to create.
    pub create: u32,
    /// Policies to put back or change.
    pub update: u32,
    /// Attachments to make.
    pub attach: u32,
    /// Accounts that the attachments affect, after inheritance.
    pub affected_accounts: u32,
    /// The first steps, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub summary: Vec<String>,
}

/// A plan that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedStatus {
    /// Hash of the desired state (contents and targets) that was reached.
    pub hash: String,
    /// When.
    pub at: Time,
}

/// One baseline of the set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BaselineStatus {
    /// Name of the baseline.
    pub name: String,
    /// The policy that carries it, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
    /// Targets (root, organizational units, accounts) that have to have it.
    pub targets: u32,
    /// Targets that have it.
    pub attached: u32,
    /// Differences found since the set was created that were put back.
    #[serde(default)]
    pub drift_reverted: u64,
}
