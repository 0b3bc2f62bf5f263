//! `ControlCatalog`: what an organization adds to the built-in catalogue, or overrides in it.

mod formats;
mod status;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use status::*;

use crate::common::Cadence;
use crate::schema;

/// What an organization adds to the built-in catalogue, or overrides in it.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "ControlCatalog",
    plural = "controlcatalogs",
    shortname = "ccat",
    category = "soc2",
    status = "ControlCatalogStatus",
    derive = "PartialEq",
    doc = "Criteria, controls and activities that an organization adds to the built-in catalogue, or overrides in it.",
    printcolumn(
        name = "Extends",
        type_ = "string",
        description = "Catalogue that it adds to",
        json_path = ".spec.extends"
    ),
    printcolumn(
        name = "Controls",
        type_ = "integer",
        description = "Controls that it adds or overrides",
        json_path = ".status.summary.controls"
    ),
    printcolumn(
        name = "Mappings",
        type_ = "integer",
        description = "Controls that it maps to criteria",
        json_path = ".status.summary.mappings"
    ),
    printcolumn(
        name = "Activities",
        type_ = "integer",
        description = "Activities that it adds or overrides",
        json_path = ".status.summary.activities"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "It is without mistakes, and in effect wherever a profile names it",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        description = "What Ready says",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    validation = Rule::new("self.metadata.name != 'soc2'")
        .message("metadata.name must not be soc2: that is the built-in catalogue; call this one soc2-acme, for example"),
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name has at most 63 characters: it becomes a label")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
#[x_kube(validation = (
    "has(self.criteria) || has(self.controls) || has(self.activities)",
    "a catalogue says something: at least one of criteria, controls and activities"
))]
pub struct ControlCatalogSpec {
    /// The catalogue that this one adds to. `soc2` is the built-in one, of the version that the profile is on.
    pub extends: BaseCatalog,
    /// Criteria for which more controls answer, each criterion once. What the built-in catalogue says of them stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 61))]
    #[x_kube(validation = (
        "self.all(one, self.exists_one(other, other.id == one.id))",
        "must not name a criterion twice: put its controls into one list"
    ))]
    pub criteria: Option<Vec<CriterionControls>>,
    /// Controls that are new, or that override what the built-in catalogue says of one, each once.
    ///
    /// With `match` it is a control of the organization's own: the findings of other products that match are its evidence.
    /// Without, it is the Security Hub control of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(validation = ("self.all(one, self.exists_one(other, other.id == one.id))", "must not name a control twice"))]
    pub controls: Option<Vec<CatalogControl>>,
    /// What people do and attest: activities that are new, or that override one of the built-in catalogue, each once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(validation = ("self.all(one, self.exists_one(other, other.id == one.id))", "must not name an activity twice"))]
    pub activities: Option<Vec<CatalogActivity>>,
}

/// A catalogue that can be extended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BaseCatalog {
    /// The built-in catalogue.
    #[default]
    #[serde(rename = "soc2")]
    Soc2,
}

/// More controls for one criterion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriterionControls {
    /// The criterion, such as `CC6.1`.
    #[schemars(schema_with = "schema::criterion")]
    pub id: String,
    /// Controls that answer for it from now on, for every tier.
    #[schemars(length(min = 1, max = 200))]
    pub controls: Vec<MappedControl>,
}

/// A control that answers for a criterion, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MappedControl {
    /// Id of a control: one that the built-in catalogue knows, such as `Inspector.1`, or one of `spec.controls`. Case does not
    /// matter.
    #[schemars(schema_with = "formats::control_id")]
    pub id: String,
    /// How the control and the criterion belong together; auditors see it.
    pub confidence: MappingConfidence,
    /// Who or what says so, such as a ticket or a document: auditors ask for it.
    #[schemars(schema_with = "formats::source")]
    pub source: String,
}

/// How well a mapping is founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum MappingConfidence {
    /// The source names this very control for this very criterion.
    Direct,
    /// The equivalence is the organization's own judgement.
    Curated,
}

/// A control that is new, or that overrides one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "has(self.match) || has(self.title) || has(self.severity) || has(self.reach) || has(self.resourceType) || \
         has(self.standards)",
        "a control needs match, or what it overrides: title, severity, reach, resourceType or standards"
    ),
    validation = (
        "!has(self.match) || has(self.title) && has(self.severity)",
        "a control with match needs title and severity: nobody else says what they are"
    ),
    validation = (
        "!has(self.match) || !has(self.standards)",
        "standards goes only without match: findings of other products belong to no Security Hub standard"
    )
)]
pub struct CatalogControl {
    /// Id: a service and a number, such as `Custom.1`. With `match` one that Security Hub does not use; without, the id of a
    /// Security Hub control. Case does not matter.
    #[schemars(schema_with = "formats::control_id")]
    pub id: String,
    /// What it asks for, in one line. Needed for a control that the built-in catalogue does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::title")]
    pub title: Option<String>,
    /// How bad a failure is. Needed for a control that the built-in catalogue does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<ControlSeverity>,
    /// Where evidence is needed: one finding anywhere (`Global`), one in each required Region because it is a setting of account and
    /// Region (`RegionalAccount`), or findings where there are resources (`Regional`). Default: what the built-in catalogue says, else
    /// `Regional`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<ControlReach>,
    /// AWS Config type of the resources that it checks, such as `AWS::S3::Bucket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::resource_type")]
    pub resource_type: Option<String>,
    /// Security Hub standards that the control belongs to; replaces what the built-in catalogue says. Only without `match`. A new
    /// Security Hub control of no standard is never in scope by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::standards")]
    pub standards: Option<Vec<String>>,
    /// Findings of other products that are its evidence. Findings of Security Hub's own controls never are.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matches: Option<FindingMatch>,
}

/// Findings by what is in their ASFF. All keys that are given must match; `*` and `?` stand for any characters and for one, the
/// whole text must match, case matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.generatorId) || has(self.product) || has(self.type)",
    "match names findings by at least one of generatorId, product and type"
))]
pub struct FindingMatch {
    /// Glob over `GeneratorId`, such as `acme/scanner/*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::glob")]
    pub generator_id: Option<String>,
    /// Glob over `ProductName` and `ProductArn`, of which one must match, such as `GuardDuty` or
    /// `arn:aws:securityhub:*:*:product/acme/*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::product")]
    pub product: Option<String>,
    /// Glob over `Types`, of which one must match, such as `Software and Configuration Checks/Vulnerabilities/*`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::glob")]
    pub kind: Option<String>,
}

/// How bad a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ControlSeverity {
    /// Fix at once.
    Critical,
    /// Fix next.
    High,
    /// Fix soon.
    Medium,
    /// Fix some time.
    Low,
}

/// Where evidence of a control is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ControlReach {
    /// One finding anywhere, such as IAM's.
    Global,
    /// A setting of account and Region, such as GuardDuty: one finding in each required Region.
    RegionalAccount,
    /// Resources: findings where there are resources.
    Regional,
}

/// Something that people do and attest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.title) || has(self.criteria) || has(self.cadence) || has(self.owner)",
    "an activity needs what it adds or overrides: title, criteria, cadence or owner"
))]
pub struct CatalogActivity {
    /// Id, such as `vendor-review`; attestations name it.
    #[schemars(schema_with = "formats::activity_id")]
    pub id: String,
    /// What is done, in one line. Needed for an activity that the built-in catalogue does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::title")]
    pub title: Option<String>,
    /// Criteria that it answers for; replaces what the built-in catalogue says. Needed for an activity that it does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::criteria")]
    pub criteria: Option<Vec<String>>,
    /// How often it has to be done, in calendar months. Needed for an activity that the built-in catalogue does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cadence: Option<Cadence>,
    /// Who does it, such as `procurement@example.com`; reminders name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::person")]
    pub owner: Option<String>,
}
