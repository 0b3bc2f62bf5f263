//! What a profile wants reached.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Something that is to be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "self.type in ['Compliance', 'Mfa', 'EncryptionAtRest', 'Attested'] || !has(self.minPercent)",
        "minPercent goes only with type Compliance, Mfa, EncryptionAtRest or Attested"
    ),
    validation = (
        "self.type == 'CriticalFindingsAge' || !has(self.maxAge) && !has(self.severity) && !has(self.products) && !has(self.maxCount)",
        "maxAge, severity, products and maxCount go only with type CriticalFindingsAge"
    ),
    validation = (
        "(self.type == 'Attested') == has(self.name)",
        "type Attested needs the name of a measurement, the other types have none"
    ),
    validation = (
        "self.type == 'Attested' \
         ? [has(self.minPercent), has(self.min), has(self.max)].filter(given, given).size() == 1 \
         : !has(self.min) && !has(self.max)",
        "type Attested needs exactly one of minPercent, min and max; min and max go with no other type"
    )
)]
pub struct Objective {
    /// What is measured.
    #[serde(rename = "type")]
    pub type_: ObjectiveType,
    /// Name of the measurement in attestations, with type Attested, such as `training`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::measurement_name")]
    pub name: Option<String>,
    /// Least percentage. Default: 95 for Compliance, 100 for Mfa and `EncryptionAtRest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub min_percent: Option<u32>,
    /// Least value that must be measured, in the unit of the measurement, such as `99.9%`; with type Attested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::measured")]
    pub min: Option<String>,
    /// Largest value that may be measured, in the unit of the measurement, such as `4h`; with type Attested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::measured")]
    pub max: Option<String>,
    /// How long a finding may be open, with type `CriticalFindingsAge`. From 1h to 8784h, default 720h: 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::finding_age")]
    pub max_age: Option<String>,
    /// Findings of this severity and worse ones count, with type `CriticalFindingsAge`. Default: Critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<FindingSeverity>,
    /// Whose findings count, with type `CriticalFindingsAge`. Default: all four.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::products")]
    pub products: Option<Vec<FindingProduct>>,
    /// How many findings may be open for longer, with type `CriticalFindingsAge`. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1_000_000))]
    pub max_count: Option<u32>,
}

/// What an objective measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ObjectiveType {
    /// Checks that passed, of those that passed, failed or are unknown.
    Compliance,
    /// The same of the controls about multi-factor authentication: IAM.5, IAM.6, IAM.9 and IAM.19.
    Mfa,
    /// The same of the controls about encryption of data at rest.
    EncryptionAtRest,
    /// Findings of GuardDuty, Inspector, Macie and Security Hub that are open for too long.
    CriticalFindingsAge,
    /// What people measured, from attestations that count.
    Attested,
}

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FindingSeverity {
    /// Only critical ones.
    Critical,
    /// High and critical ones.
    High,
    /// Medium and worse ones.
    Medium,
    /// All but informational ones.
    Low,
}

/// A product whose findings have an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FindingProduct {
    /// Amazon `GuardDuty`.
    GuardDuty,
    /// Amazon Inspector.
    Inspector,
    /// Amazon Macie.
    Macie,
    /// AWS Security Hub's own controls.
    SecurityHub,
}
