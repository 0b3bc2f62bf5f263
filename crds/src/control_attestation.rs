//! `ControlAttestation`: what people did and no API can check.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{Cadence, ObjectRef, Targets};
use crate::schema;

/// What people did and no API can check.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "ControlAttestation",
    plural = "controlattestations",
    shortname = "catt",
    category = "soc2",
    namespaced,
    status = "ControlAttestationStatus",
    derive = "PartialEq",
    doc = "What people did and no API can check, such as a review of access, with its evidence.",
    printcolumn(
        name = "Organization",
        type_ = "string",
        description = "AwsOrganization of the accounts",
        json_path = ".spec.organizationRef.name"
    ),
    printcolumn(
        name = "State",
        type_ = "string",
        description = "Current, Due, Overdue, Superseded or Refused",
        json_path = ".status.state"
    ),
    printcolumn(name = "Performed", type_ = "date", description = "When it was done", json_path = ".spec.performedAt"),
    printcolumn(
        name = "Valid-Until",
        type_ = "string",
        description = "When it has to be done again",
        json_path = ".status.validUntil"
    ),
    printcolumn(name = "By", type_ = "string", description = "Who did it", json_path = ".spec.performedBy"),
    printcolumn(
        name = "Method",
        type_ = "string",
        description = "Performed, or Inherited from another's report",
        json_path = ".spec.method",
        priority = 1
    ),
    printcolumn(
        name = "Late",
        type_ = "boolean",
        description = "It was done when the one before had been overdue",
        json_path = ".status.late",
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
        "[has(self.activities), has(self.criteria), has(self.controls)].filter(given, given).size() == 1",
        "an attestation needs exactly one of activities, criteria and controls"
    ),
    validation = (
        "self.method != 'Inherited' || has(self.report) && has(self.period)",
        "method Inherited needs report and period: whose report it is, and which time it covers"
    ),
    validation = (
        "self.method != 'Performed' || !has(self.report) && !has(self.period)",
        "report and period go only with method Inherited"
    ),
    validation = (
        "self.method != 'Performed' || has(self.evidence)",
        "method Performed needs evidence: at least one URL of what shows it"
    )
)]
pub struct ControlAttestationSpec {
    /// The `AwsOrganization` of the accounts. Immutable.
    #[x_kube(validation = ("self == oldSelf", "organizationRef is immutable: create another attestation"))]
    pub organization_ref: ObjectRef,
    /// Activities of the catalogue that were done, such as `access-review`. Exactly one of `activities`, `criteria` and `controls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::activities")]
    pub activities: Option<Vec<String>>,
    /// Criteria that are attested themselves: that stands for each of their activities that has no attestation of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::criteria")]
    pub criteria: Option<Vec<String>>,
    /// Controls that a profile made `Manual`, such as `S3.13`, or globs over their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::control_globs")]
    pub controls: Option<Vec<String>>,
    /// Accounts for which it was done; the shape is that of a profile's targets. Omitted: the whole organization. A profile of
    /// which it leaves accounts out is partly attested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Targets>,
    /// What was done and found, in at least 10 characters: auditors read it.
    #[schemars(schema_with = "schema::rationale")]
    pub statement: String,
    /// How it is known.
    #[serde(default)]
    pub method: AttestationMethod,
    /// Who did it, such as `it-security@example.com`.
    #[schemars(schema_with = "schema::person")]
    pub performed_by: String,
    /// When it was done, such as `2026-10-04T00:00:00Z`; it counts from then on for one cadence. Not in the future.
    pub performed_at: Time,
    /// Whose report it is taken from, with method `Inherited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Time that the report covers, with method `Inherited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Where it is shown; at least one with method `Performed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    pub evidence: Option<Vec<Evidence>>,
    /// What was measured; objectives of type `Attested` read it by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(validation = (
        "self.all(one, self.exists_one(other, other.name == one.name))",
        "must not measure one thing twice"
    ))]
    pub measurements: Option<Vec<Measurement>>,
    /// How often it has to be done again. Default: the catalogue's, for a control Quarterly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cadence: Option<Cadence>,
    /// Days after the end of its cadence in which it is due but still counts. From 0 to 90, default 14.
    #[serde(default = "default_grace_days")]
    #[schemars(range(max = 90))]
    pub grace_days: u32,
}

fn default_grace_days() -> u32 {
    14
}

/// How it is known that something was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AttestationMethod {
    /// Own people did it.
    #[default]
    Performed,
    /// Somebody else did it, and an auditor's report on them says so, such as the SOC 2 report of AWS.
    Inherited,
}

/// An auditor's report on somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What it is called.
    #[schemars(length(min = 3, max = 254))]
    pub name: String,
    /// Where it is.
    #[schemars(schema_with = "schema::url")]
    pub url: String,
}

/// A time in days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.to > self.from", "to must be later than from"))]
pub struct Period {
    /// First day, such as `2025-10-01`.
    #[schemars(schema_with = "schema::day")]
    pub from: String,
    /// Last day, such as `2026-09-30`.
    #[schemars(schema_with = "schema::day")]
    pub to: String,
}

/// Where something is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Where it is, such as `s3://acme-evidence/2026-Q4/access-review.pdf`.
    #[schemars(schema_with = "schema::url")]
    pub url: String,
    /// SHA-256 of the file, so that it can be told later that it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::sha256")]
    pub sha256: Option<String>,
    /// What it is, in one word, such as `AccessReview`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::evidence_type")]
    pub type_: Option<String>,
}

/// Something that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// What, such as `training`: the name of an objective.
    #[schemars(schema_with = "schema::measurement_name")]
    pub name: String,
    /// A number, a percentage or a duration, such as `12`, `98.5%` or `3h30m`.
    #[schemars(schema_with = "schema::measured")]
    pub value: String,
}

/// How an attestation stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct ControlAttestationStatus {
    /// Generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Echo of the annotation `soc2-operator.dev/requestedAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Whether it counts; the condition `Ready` says why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<AttestationState>,
    /// From then on it has to be done again; of several cadences the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Time>,
    /// It was done when the attestation before it had been overdue.
    #[serde(default)]
    pub late: bool,
    /// `Ready`, and `Stalled` while it is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::cel::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Whether an attestation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AttestationState {
    /// It counts.
    Current,
    /// It has to be done again, and still counts for the days of grace.
    Due,
    /// It counts no longer.
    Overdue,
    /// A newer one says the same of the same accounts.
    Superseded,
    /// It does not count: it lacks evidence, is dated in the future, or names what the catalogue does not know.
    Refused,
}
