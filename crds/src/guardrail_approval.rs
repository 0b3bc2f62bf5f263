//! `GuardrailApproval`: a person lets a plan through.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::ObjectRef;
use crate::schema;

/// A person lets a plan through.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "GuardrailApproval",
    plural = "guardrailapprovals",
    shortname = "grapp",
    category = "soc2",
    status = "GuardrailApprovalStatus",
    derive = "PartialEq",
    doc = "A person lets a plan of a guardrail set through: its contents, its target rules and what it takes away. Never changed: RBAC decides who approves, the audit log says who did.",
    printcolumn(
        name = "Set",
        type_ = "string",
        description = "The guardrail set",
        json_path = ".spec.guardrailSetRef.name"
    ),
    printcolumn(
        name = "State",
        type_ = "string",
        description = "Current, Stale, Expired or SetNotFound",
        json_path = ".status.state"
    ),
    printcolumn(name = "Approved-By", type_ = "string", description = "Who approved", json_path = ".spec.approvedBy"),
    printcolumn(name = "Expires", type_ = "string", description = "When it ends", json_path = ".spec.expiresAt"),
    printcolumn(
        name = "Plan",
        type_ = "string",
        description = "Hash of the plan",
        json_path = ".spec.planHash",
        priority = 1
    ),
    printcolumn(name = "Reason", type_ = "string", description = "Why", json_path = ".spec.reason", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
#[x_kube(validation = ("self == oldSelf", "an approval is never changed: delete it and create another one"))]
pub struct GuardrailApprovalSpec {
    /// The `GuardrailSet` of the plan.
    pub guardrail_set_ref: ObjectRef,
    /// Hash of the plan, as `status.plan.hash` of the set has it. It covers contents, target rules and what is taken away: new
    /// accounts that a rule matches need no new approval.
    #[schemars(schema_with = "schema::plan_hash")]
    pub plan_hash: String,
    /// Who approves, such as `security-team@example.com`.
    #[schemars(schema_with = "schema::person")]
    pub approved_by: String,
    /// Why, in at least 10 characters: auditors read it.
    #[schemars(schema_with = "schema::rationale")]
    pub reason: String,
    /// URL or key of the ticket in which it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ticket")]
    pub ticket: Option<String>,
    /// Lets a wave of the set's rollout begin, instead of the plan as a whole: after the soak of the wave before it, whatever its gate
    /// says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<Promotion>,
    /// Until when it may be used. What was applied stays. Omitted: no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// A wave that may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Promotion {
    /// Number of the wave that may begin, from 2: the first one begins with the approval of the plan.
    #[schemars(range(min = 2, max = 10))]
    pub wave: u32,
}

/// Whether an approval counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct GuardrailApprovalStatus {
    /// Generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Current`: it is for the set's plan as it is now, or for what is in place. `Stale`: the plan is another one. `Expired`.
    /// `SetNotFound`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ApprovalState>,
    /// `Ready`, and `Stalled` while it cannot count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::cel::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Whether an approval counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApprovalState {
    /// It is for the plan as it is, or for what is in place.
    Current,
    /// The plan is another one now.
    Stale,
    /// Its time is over.
    Expired,
    /// There is no such set.
    SetNotFound,
}
