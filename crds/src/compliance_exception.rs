//! `ComplianceException`: a waiver with an end.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{ObjectRef, Targets};
use crate::schema;

/// A waiver with an end.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "ComplianceException",
    plural = "complianceexceptions",
    shortname = "cexc",
    category = "soc2",
    namespaced,
    status = "ComplianceExceptionStatus",
    derive = "PartialEq",
    doc = "A waiver with an end: failing resources of some controls and accounts count as waived, never as passed.",
    printcolumn(
        name = "Organization",
        type_ = "string",
        description = "AwsOrganization of the accounts",
        json_path = ".spec.organizationRef.name"
    ),
    printcolumn(
        name = "State",
        type_ = "string",
        description = "Pending, Active, Expired, Unmatched or Refused",
        json_path = ".status.state"
    ),
    printcolumn(
        name = "Accounts",
        type_ = "integer",
        description = "Accounts in which it waives something",
        json_path = ".status.matches.accounts"
    ),
    printcolumn(
        name = "Resources",
        type_ = "integer",
        description = "Resources that it waives",
        json_path = ".status.matches.resources"
    ),
    printcolumn(name = "Expires", type_ = "string", description = "When it ends", json_path = ".spec.expiresAt"),
    printcolumn(name = "Owner", type_ = "string", description = "Who answers for it", json_path = ".spec.owner"),
    printcolumn(
        name = "Approved-By",
        type_ = "string",
        description = "Who allowed it",
        json_path = ".spec.approvedBy",
        priority = 1
    ),
    printcolumn(
        name = "Renewals",
        type_ = "integer",
        description = "How often its end was moved to a later time",
        json_path = ".status.renewals",
        priority = 1
    ),
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
    validation = (
        "has(self.controls) != has(self.criteria)",
        "an exception needs exactly one of controls (waived wherever they count) and criteria (waived inside these criteria only)"
    ),
    validation = (
        "self.expiresAt > self.startsAt",
        "expiresAt must be later than startsAt"
    ),
    validation = (
        "self.expiresAt - self.startsAt <= duration('8784h')",
        "expiresAt must be at most 8784h (366 days) after startsAt: renew an exception, and look at it again"
    ),
    validation = (
        "!self.coversUnknown || !has(self.resources)",
        "coversUnknown excludes resources: nobody knows of which resources data is missing"
    )
)]
pub struct ComplianceExceptionSpec {
    /// The `AwsOrganization` of the accounts. Immutable.
    #[x_kube(validation = ("self == oldSelf", "organizationRef is immutable: create another exception"))]
    pub organization_ref: ObjectRef,
    /// Controls that are waived, by id, such as `IAM.5`, or by a glob over ids; case does not matter. Exactly one of `controls`
    /// and `criteria`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::control_globs")]
    pub controls: Option<Vec<String>>,
    /// Criteria inside which every control is waived; elsewhere the same results count as before. Exactly one of `controls` and
    /// `criteria`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::criteria")]
    pub criteria: Option<Vec<String>>,
    /// Accounts in which it holds; the shape is that of a profile's targets. All of them must be granted to the namespace by the
    /// organization's `exceptionPolicy`, or the exception is refused as a whole.
    pub targets: Targets,
    /// Resources that it waives: globs over their ids, such as `arn:aws:iam::*:user/scanner-*`; the whole id must match, case
    /// matters. Omitted: every resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::resource_globs")]
    pub resources: Option<Vec<String>>,
    /// Also waives missing, old and unclear data of the controls, where their source can be read. Not together with `resources`.
    #[serde(default)]
    pub covers_unknown: bool,
    /// Why, in at least 10 characters: auditors read it.
    #[schemars(schema_with = "schema::rationale")]
    pub reason: String,
    /// Who answers for it, such as `payments-team@example.com`.
    #[schemars(schema_with = "schema::person")]
    pub owner: String,
    /// Who allowed it. The organization's `exceptionPolicy` may ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::person")]
    pub approved_by: Option<String>,
    /// URL or key of the ticket in which it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ticket")]
    pub ticket: Option<String>,
    /// What is done instead, in at least 10 characters: auditors read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::rationale")]
    pub compensating_control: Option<String>,
    /// From when on it holds, such as `2026-11-22T00:00:00Z`.
    pub starts_at: Time,
    /// From when on it no longer holds; at most 8784h (366 days) after `startsAt`. Nothing has to be done for it to end.
    pub expires_at: Time,
}

/// How an exception stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct ComplianceExceptionStatus {
    /// Generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Echo of the annotation `soc2-operator.dev/requestedAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Whether it has an effect; the condition `Ready` says why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ExceptionState>,
    /// What it waives now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<ExceptionMatches>,
    /// How often `expiresAt` was moved to a later time.
    #[serde(default)]
    pub renewals: u32,
    /// `expiresAt` as it was last seen; a later one is a renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// `Ready`, and `Stalled` while it is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::cel::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Whether an exception has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ExceptionState {
    /// It begins later, or its accounts are not known yet.
    Pending,
    /// It waives something.
    Active,
    /// It has ended.
    Expired,
    /// It holds, and there is nothing that it waives.
    Unmatched,
    /// It was not granted, or says what cannot be: it has no effect at all.
    Refused,
}

/// What an exception waives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionMatches {
    /// Accounts in which it waives something.
    pub accounts: u32,
    /// Resources that it waives, each once for each control.
    pub resources: u32,
}
