//! How a `ControlCatalog` stands.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ControlCatalogSpec;
use crate::compliance_profile::CatalogStatus;
use crate::schema;

/// How a catalogue stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct ControlCatalogStatus {
    /// Generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Echo of the annotation `soc2-operator.dev/requestedAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The catalogue that results, on the newest version of the built-in one. Absent while there are problems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<CatalogStatus>,
    /// What it adds and overrides. Absent while there are problems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<CatalogSummary>,
    /// What is wrong with it; while there is anything, nothing of it takes effect. At most 20, with the rest in `moreProblems`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub problems: Vec<CatalogProblemStatus>,
    /// Problems beyond those listed.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub more_problems: u32,
    /// `Ready`, and `Stalled` while there are problems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::cel::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// What a catalogue adds and overrides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogSummary {
    /// Controls that it adds or overrides.
    pub controls: u32,
    /// Of these, controls of the organization's own, whose evidence is findings of other products.
    pub custom_controls: u32,
    /// Pairs of a criterion and a control.
    pub mappings: u32,
    /// Activities that it adds or overrides.
    pub activities: u32,
}

impl CatalogSummary {
    /// What a catalogue would add and override, were it without mistakes.
    #[must_use]
    pub fn of(spec: &ControlCatalogSpec) -> Self {
        let count = |counted: usize| u32::try_from(counted).unwrap_or(u32::MAX);
        let controls = spec.controls.as_deref().unwrap_or_default();
        Self {
            controls: count(controls.len()),
            custom_controls: count(controls.iter().filter(|control| control.matches.is_some()).count()),
            mappings: count(spec.criteria.iter().flatten().map(|criterion| criterion.controls.len()).sum()),
            activities: count(spec.activities.as_deref().unwrap_or_default().len()),
        }
    }
}

/// Something that is wrong with a catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogProblemStatus {
    /// Path of the field, such as `spec.controls[0].id`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub message: String,
}
