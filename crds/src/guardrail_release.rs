//! `GuardrailRelease`: a guardrail is off somewhere for some hours.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::ObjectRef;
use crate::schema;

/// A guardrail is off somewhere for some hours.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "GuardrailRelease",
    plural = "guardrailreleases",
    shortname = "grrel",
    category = "soc2",
    status = "GuardrailReleaseStatus",
    derive = "PartialEq",
    doc = "Takes a guardrail off a target now, past windows, waves and approval, and puts it back at the end. Never changed: RBAC decides who releases, the audit log says who did; deleting it ends it.",
    printcolumn(
        name = "Organization",
        type_ = "string",
        description = "AwsOrganization of the target",
        json_path = ".spec.organizationRef.name"
    ),
    printcolumn(
        name = "Baseline",
        type_ = "string",
        description = "Guardrail that is off",
        json_path = ".spec.baseline"
    ),
    printcolumn(name = "Target", type_ = "string", description = "Where it is off", json_path = ".spec.target"),
    printcolumn(
        name = "State",
        type_ = "string",
        description = "Pending, Active, Expired or Refused",
        json_path = ".status.state"
    ),
    printcolumn(name = "Expires", type_ = "string", description = "When it ends", json_path = ".spec.expiresAt"),
    printcolumn(name = "Released-By", type_ = "string", description = "Who released", json_path = ".spec.releasedBy"),
    printcolumn(name = "Reason", type_ = "string", description = "Why", json_path = ".spec.reason", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        description = "What Ready says",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
#[x_kube(
    validation = ("self == oldSelf", "a release is never changed: delete it, which ends it, and create another one"),
    validation = ("self.expiresAt > self.startsAt", "expiresAt must be later than startsAt"),
    validation = (
        "self.expiresAt - self.startsAt <= duration('24h')",
        "expiresAt must be at most 24h after startsAt: for longer, change the guardrail set"
    )
)]
pub struct GuardrailReleaseSpec {
    /// The `AwsOrganization` of the target.
    pub organization_ref: ObjectRef,
    /// The guardrail to take off, such as `deny-leave-org`; `*`: every one of the operator's.
    #[schemars(schema_with = "schema::released_baseline")]
    pub baseline: String,
    /// Where: an account id, the id or path of an organizational unit, such as `Workloads/Prod`, or `/` for the root. It has to be
    /// where the guardrail is attached, or above that.
    #[schemars(schema_with = "schema::release_target")]
    pub target: String,
    /// Why, in at least 10 characters: auditors read it.
    #[schemars(schema_with = "schema::rationale")]
    pub reason: String,
    /// Who releases, such as `oncall@example.com`.
    #[schemars(schema_with = "schema::person")]
    pub released_by: String,
    /// URL or key of the ticket of the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ticket")]
    pub ticket: Option<String>,
    /// From when on, such as `2026-11-26T03:10:00Z`.
    pub starts_at: Time,
    /// Until when; at most 24h after `startsAt`, and after the object was created. Then the guardrail is put back.
    pub expires_at: Time,
}

/// Whether a release is in effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct GuardrailReleaseStatus {
    /// Generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Pending`: it begins later, or AWS is not changed yet. `Active`: the guardrail is off. `Expired`: it is over. `Refused`: the
    /// condition `Ready` says why, and what to release instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ReleaseState>,
    /// What was taken off, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub detached: Vec<String>,
    /// Since when guardrails that stay have a policy of their own, beside the one with several that is to go; it goes when that is surely
    /// enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_since: Option<Time>,
    /// `Ready`, `Released` while the guardrail is off, and `Stalled` while it is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::cel::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Whether a release is in effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReleaseState {
    /// It begins later, or AWS is not changed yet.
    Pending,
    /// The guardrail is off.
    Active,
    /// Its time is over.
    Expired,
    /// It cannot be done.
    Refused,
}
