//! `AccountPosture`: what is true of one account under one profile. Written by the operator only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compliance_profile::State;
use crate::schema;

/// What is true of one account under one profile.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "AccountPosture",
    plural = "accountpostures",
    shortname = "apos",
    category = "soc2",
    no_spec,
    derive = "PartialEq",
    doc = "What is true of one AWS account under one profile; written by the operator only.",
    printcolumn(name = "Account", type_ = "string", description = "Name of the account", json_path = ".account.name"),
    printcolumn(
        name = "OU",
        type_ = "string",
        description = "Organizational unit of the account",
        json_path = ".account.ouPath"
    ),
    printcolumn(
        name = "Passed",
        type_ = "integer",
        description = "Controls that passed",
        json_path = ".summary.passed"
    ),
    printcolumn(
        name = "Failed",
        type_ = "integer",
        description = "Controls that failed",
        json_path = ".summary.failed"
    ),
    printcolumn(
        name = "Unknown",
        type_ = "integer",
        description = "Controls with missing, stale or partial data",
        json_path = ".summary.unknown"
    ),
    printcolumn(
        name = "Compliant",
        type_ = "string",
        description = "true, false or unknown: whether every control passes",
        json_path = r".metadata.labels.soc2-operator\.dev/compliant"
    ),
    printcolumn(
        name = "Profile",
        type_ = "string",
        description = "Profile that it was assessed under",
        json_path = r".metadata.labels.soc2-operator\.dev/profile",
        priority = 1
    ),
    printcolumn(
        name = "Account-Id",
        type_ = "string",
        description = "Id of the account",
        json_path = ".account.id",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct AccountPostureSpec {
    /// The account.
    pub account: PostureAccount,
    /// Controls by state.
    pub summary: PostureSummary,
    /// Criteria by technical state; empty lists are left out.
    #[serde(default)]
    pub criteria: PostureCriteria,
    /// Failed and Excepted controls, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlResult>,
    /// Ids of Failed and Excepted controls that did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<MoreControls>,
    /// Unknown controls, grouped by what is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<UnknownGroup>,
    /// Passed controls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<String>,
    /// Passed controls for which there is no resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nothing_to_check: Vec<String>,
    /// Controls that do not apply, by reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_applicable: Vec<ReasonGroup>,
    /// Required guardrails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<PostureGuardrails>,
}

/// The account of a posture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostureAccount {
    /// Twelve digits.
    pub id: String,
    /// Name.
    pub name: String,
    /// Names of the organizational units from below the root, joined by `/`; empty at the root.
    pub ou_path: String,
    /// AWS's `State`, such as ACTIVE.
    pub state: String,
}

/// Controls by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostureSummary {
    /// Fresh evidence that they passed.
    pub passed: u32,
    /// Evidence that they failed.
    pub failed: u32,
    /// Missing, stale or partial data.
    pub unknown: u32,
    /// Waived.
    pub excepted: u32,
    /// Not applicable.
    pub not_applicable: u32,
}

/// Criteria by technical state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostureCriteria {
    /// Failed criteria.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// Unknown criteria.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Waived criteria.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excepted: Vec<String>,
    /// Passed criteria.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<String>,
    /// Criteria that do not apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_applicable: Vec<String>,
}

/// A Failed or Excepted control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlResult {
    /// Control id, such as `IAM.5`.
    pub id: String,
    /// Criteria it serves.
    pub criteria: Vec<String>,
    /// Critical, High, Medium or Low.
    pub severity: String,
    /// Failed or Excepted.
    pub state: State,
    /// Reason, see docs.
    pub reason: String,
    /// In words.
    pub message: String,
    /// Since when it is in this state.
    pub since: Time,
    /// Resources.
    pub resources: ResourceCounts,
    /// `ComplianceException` that waives it, as `<namespace>/<name>`; of several the one that ends last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Criteria inside which alone it is waived; everywhere else it is in the state of this row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excepted_in: Vec<String>,
    /// Guardrails of the library that prevent what fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prevented_by: Vec<String>,
}

/// Resources of a control.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceCounts {
    /// Resources that fail.
    pub failed: u32,
    /// Resources that pass.
    pub passed: u32,
    /// Resources whose state is not known.
    pub unknown: u32,
    /// Resources that are waived.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub excepted: u32,
    /// One that fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
}

/// Ids of controls that did not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoreControls {
    /// Failed controls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// Excepted controls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excepted: Vec<String>,
}

/// Unknown controls of one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnknownGroup {
    /// Reason, see docs.
    pub reason: String,
    /// In words, with what to do.
    pub message: String,
    /// Since when the first of them is unknown.
    pub since: Time,
    /// The controls.
    pub controls: Vec<String>,
}

/// Controls of one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReasonGroup {
    /// Reason, see docs.
    pub reason: String,
    /// The controls.
    pub controls: Vec<String>,
}

/// Required guardrails of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostureGuardrails {
    /// Required guardrails that no policy provides.
    #[serde(default)]
    pub unprotected: Vec<String>,
    /// Why none of them can act here: `ManagementAccount`, which SCPs do not affect. It counts neither as protected nor as
    /// unprotected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_applicable: Option<String>,
}
