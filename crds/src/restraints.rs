//! What the status of a `GuardrailSet` says of differences, and of what is left as it is for a while.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A difference from what was in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DifferenceStatus {
    /// What differs, in words.
    pub what: String,
    /// Since when it is known.
    pub since: Time,
    /// Since when it had been in place before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place_since: Option<Time>,
    /// ARN of who changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The call that changed it, such as `DetachPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// When it was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// Something that is left as it is for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldStatus {
    /// What is left as it is: id of a policy, organizational unit, account or root with the tag, or a baseline and its target.
    pub on: String,
    /// `HeldByTag` or `BreakGlassDrift`.
    pub reason: String,
    /// Until when.
    pub until: Time,
    /// Value of the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// ARN of the break-glass principal who changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A difference that was put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevertStatus {
    /// Which difference: baseline, target, digest of the content that somebody else wrote.
    pub what: String,
    /// When it was put back, the newest last.
    #[schemars(length(max = 5))]
    pub at: Vec<Time>,
    /// It came back too often, and is left alone since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fighting_since: Option<Time>,
}

/// Something that a release keeps off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleasedStatus {
    /// Name of the baseline.
    pub baseline: String,
    /// Id of the root, unit or account.
    pub target: String,
    /// Name of the `GuardrailRelease`.
    pub release: String,
    /// Until when.
    pub until: Time,
}
