//! What a profile is judged by, and what is shown of it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// A catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogRef {
    /// `soc2` is the built-in one; any other is the name of a `ControlCatalog`.
    #[schemars(schema_with = "schema::object_name")]
    pub name: String,
    /// Version, such as `2026.11`; omitted: the one that the operator has. One that it does not have stops the assessment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::catalog_version")]
    pub version: Option<String>,
}

/// Which mappings of the catalogue count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ProfileTier {
    /// Those that a source states directly, or two sources share.
    #[default]
    Default,
    /// All.
    Extended,
}

/// How far metrics go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricsSpec {
    /// How far series go for each account. Default: Account.
    #[serde(default)]
    pub detail: MetricsDetail,
}

/// How far series go for each account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum MetricsDetail {
    /// No series for an account.
    Profile,
    /// Checks by state for each account.
    #[default]
    Account,
    /// And the state of each criterion.
    Criterion,
    /// And the state of each control: up to 200 series an account.
    Control,
}

/// Which accounts get an `AccountPosture`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PosturesWanted {
    /// Every account.
    #[default]
    All,
    /// Accounts in which something fails or is unknown.
    NotCompliant,
    /// None.
    None,
}

/// The time that an audit covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.end) ? self.end > self.start : self.type == 'Type1'",
    "end must be later than start; only an audit of Type1 is of a single day"
))]
pub struct AuditPeriod {
    /// What is audited.
    #[serde(rename = "type")]
    pub type_: AuditType,
    /// First day (UTC), such as `2026-07-01`.
    #[schemars(schema_with = "schema::day")]
    pub start: String,
    /// Last day (UTC), such as `2027-06-30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::day")]
    pub end: Option<String>,
}

/// What an audit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AuditType {
    /// Whether controls are suitably designed, on a day.
    Type1,
    /// Whether they also worked, all the time.
    Type2,
}
