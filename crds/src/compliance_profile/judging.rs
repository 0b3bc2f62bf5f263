//! What the absence of evidence means, and suppressions in Security Hub, and where people's part is tracked.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Treatment of Regional controls without any finding, where the account is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoFindings {
    /// What no finding is taken for.
    pub treat_as: NoFindingsTreatment,
    /// Why, in at least 10 characters: auditors read it.
    #[schemars(schema_with = "schema::rationale")]
    pub rationale: String,
}

/// What no finding may be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NoFindingsTreatment {
    /// Nothing of the kind is there.
    NotApplicable,
}

/// Treatment of findings that are suppressed in Security Hub, for a transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suppressed {
    /// What a suppression is taken for.
    pub treat_as: SuppressedTreatment,
    /// Until the beginning of this day (UTC), such as `2027-01-31`; from then on it is Unknown again.
    #[schemars(schema_with = "schema::day")]
    pub until: String,
    /// Why, in at least 10 characters: auditors read it.
    #[schemars(schema_with = "schema::rationale")]
    pub rationale: String,
}

/// What a suppression in Security Hub may be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SuppressedTreatment {
    /// Waived.
    Excepted,
}

/// How the manual parts of criteria are tracked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.tracking != 'Elsewhere' || has(self.rationale)",
    "tracking Elsewhere needs a rationale: where people's part is tracked instead, and why there"
))]
pub struct ManualSpec {
    /// Where the manual parts are tracked. Default: Here.
    #[serde(default)]
    pub tracking: ManualTracking,
    /// Until the beginning of this day (UTC), such as `2026-12-31`, what was never attested is Due; from then on it is `NeverAttested`,
    /// and fails. Omitted: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::day")]
    pub start_by: Option<String>,
    /// Where elsewhere, and why there, in at least 10 characters: auditors read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::rationale")]
    pub rationale: Option<String>,
}

/// Where manual parts are tracked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ManualTracking {
    /// Here, by `ControlAttestation` objects: a criterion passes only when both its halves do.
    #[default]
    Here,
    /// In another system: the technical half of a criterion alone decides, and is marked so.
    Elsewhere,
}
