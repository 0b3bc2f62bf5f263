//! `ScpBaseline`: a guardrail beyond the built-in library. The library's own guardrails are written in the same shape.

mod formats;
mod values;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use formats::parameter_values;
pub use values::AnyValue;

use crate::control_catalog::CatalogProblemStatus;
use crate::schema;

/// A guardrail beyond the built-in library.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "ScpBaseline",
    plural = "scpbaselines",
    shortname = "scpb",
    category = "soc2",
    status = "ScpBaselineStatus",
    derive = "PartialEq",
    doc = "A guardrail (service control policy) beyond the built-in library, for guardrail sets to name.",
    printcolumn(
        name = "Title",
        type_ = "string",
        description = "What it does",
        json_path = ".spec.title"
    ),
    printcolumn(
        name = "Characters",
        type_ = "integer",
        description = "Size of its policy with the examples' parameters and nobody exempt",
        json_path = ".status.characters"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "It is without mistakes, and guardrail sets can use it",
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
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name has at most 63 characters: it becomes a label")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct ScpBaselineSpec {
    /// Type of policy. Default: `SERVICE_CONTROL_POLICY`, the only one for now.
    #[serde(default)]
    pub policy_type: PolicyType,
    /// What it does, in one line; part of the policy's description in AWS.
    #[schemars(schema_with = "formats::title")]
    pub title: String,
    /// Criteria that it serves, such as `CC6.1`.
    #[schemars(schema_with = "schema::criteria")]
    pub criteria: Vec<String>,
    /// Security Hub controls that detect what it prevents, such as `EC2.182`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::controls")]
    pub controls: Option<Vec<String>>,
    /// What a guardrail set can say of it. `${name}` in a statement stands for the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = ("self.all(one, self.exists_one(other, other.name == one.name))", "must not name a parameter twice"))]
    pub parameters: Option<Vec<BaselineParameter>>,
    /// Statements of the policy; each denies.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = ("self.all(one, self.exists_one(other, other.sid == one.sid))", "must not have a sid twice"))]
    pub statements: Vec<BaselineStatement>,
    /// Why nobody is exempt from it, not even break-glass principals and the operator. Only where an exemption would defeat the
    /// guardrail; otherwise those whom the organization and the guardrail set exempt are exempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::rationale")]
    pub no_exemption: Option<String>,
    /// What to know before it is put in place: what it breaks, and what has to be done first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::caveats")]
    pub caveats: Option<Vec<String>>,
    /// Where it comes from, such as a ticket, a document or who decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::source")]
    pub source: Option<String>,
    /// Calls that show what it does. They are evaluated before it takes effect: one that is decided otherwise refuses it.
    pub examples: BaselineExamples,
}

/// Type of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyType {
    /// A service control policy.
    #[default]
    #[serde(rename = "SERVICE_CONTROL_POLICY")]
    ServiceControlPolicy,
}

/// What a guardrail set can say of a guardrail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "self.type == 'Integer' || !(has(self.minimum) || has(self.maximum))",
        "minimum and maximum are for the type Integer"
    ),
    validation = (
        "!has(self.minimum) || !has(self.maximum) || self.minimum <= self.maximum",
        "minimum must not be greater than maximum"
    ),
    validation = (
        "!has(self.stricter) || self.stricter in (self.type == 'Integer' ? ['Min', 'Max'] : self.type == 'Boolean' ? ['WhenTrue', 'WhenFalse'] : ['Intersection', 'Union'])",
        "stricter must be Min or Max for the type Integer, WhenTrue or WhenFalse for Boolean, and Intersection or Union for lists"
    )
)]
pub struct BaselineParameter {
    /// Its name, such as `allowedRegions`.
    #[schemars(schema_with = "formats::parameter_name")]
    pub name: String,
    /// What its values are.
    pub r#type: ParameterType,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::source")]
    pub description: Option<String>,
    /// Its value where a guardrail set says nothing. Without a default every set has to give one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::any_value")]
    pub default: Option<AnyValue>,
    /// Lowest value of an `Integer`. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub minimum: Option<i64>,
    /// Highest value of an `Integer`. Default: 1000000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub maximum: Option<i64>,
    /// Which of two values denies more. Then two guardrail sets may give different ones for the same accounts, and the stricter
    /// holds there. Omitted: they contradict each other, and the later one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stricter: Option<Stricter>,
}

/// Which of two values of a parameter denies more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Stricter {
    /// Of lists: only what both have is let through, such as allowed Regions.
    Intersection,
    /// Of lists: what either has is protected.
    Union,
    /// The lower number.
    Min,
    /// The higher number.
    Max,
    /// `true`. Not called `True`, which YAML takes for a Boolean.
    WhenTrue,
    /// `false`.
    WhenFalse,
}

/// What the values of a parameter are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ParameterType {
    /// Names of AWS Regions, at least one, such as `[eu-west-1, us-east-1]`.
    RegionList,
    /// ARN patterns of IAM roles or users, such as `arn:aws:iam::*:role/platform/*`; one or a list, which may be empty.
    PrincipalArnPattern,
    /// Ids of AWS accounts, at least one, such as `["111111111111"]`.
    AccountIdList,
    /// A whole number from `minimum` to `maximum`.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// ARN patterns of resources, such as `arn:aws:s3:::audit-*`; one or a list, not empty.
    ResourceArnPattern,
}

/// One statement of a guardrail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.actions) != has(self.notActions)", "a statement needs exactly one of actions and notActions"),
    validation = (
        "has(self.resources) != has(self.notResources)",
        "a statement needs exactly one of resources and notResources; resources: [\"*\"] is every one"
    )
)]
pub struct BaselineStatement {
    /// Its id, letters and digits; whoever is denied finds it in AWS's message and in CloudTrail.
    #[schemars(schema_with = "formats::sid")]
    pub sid: String,
    /// A guardrail only denies.
    #[serde(default)]
    pub effect: BaselineEffect,
    /// Actions that it denies, such as `ec2:ModifySnapshotAttribute`; `*` and `?` are wildcards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::actions")]
    pub actions: Option<Vec<String>>,
    /// It denies every action but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::actions")]
    pub not_actions: Option<Vec<String>>,
    /// ARN patterns of the resources that it is about; `*` alone is every one. An item `${parameter}` stands for the parameter's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::resources")]
    pub resources: Option<Vec<String>>,
    /// It is about every resource but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::resources")]
    pub not_resources: Option<Vec<String>>,
    /// Conditions as IAM has them: operator, key, and a value or a list of values. All must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::condition")]
    pub condition: Option<BTreeMap<String, BTreeMap<String, AnyValue>>>,
    /// ARN patterns of roles and users that this statement does not restrict, beside those of the organization and the guardrail
    /// set, such as `${administrators}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::exempt")]
    pub exempt: Option<Vec<String>>,
    /// Name of a parameter of type `Boolean`: the statement is part of the policy only where it is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::parameter_name")]
    pub when: Option<String>,
}

/// What a statement of a guardrail does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BaselineEffect {
    /// Denies.
    #[default]
    Deny,
}

/// Calls that show what a guardrail does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BaselineExamples {
    /// Parameters with which the examples are evaluated, for those without a default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::parameter_values")]
    pub parameters: Option<BTreeMap<String, AnyValue>>,
    /// Calls that it must deny. Where all of them are denied, the guardrail is in force, whosever policy denies them.
    #[schemars(length(min = 1, max = 32))]
    pub denied: Vec<ExampleCall>,
    /// Calls that it must leave alone.
    #[schemars(length(min = 1, max = 32))]
    pub allowed: Vec<ExampleCall>,
}

/// A call to AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExampleCall {
    /// The call in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::title")]
    pub what: Option<String>,
    /// ARN of who calls. Omitted: anyone who is not exempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::caller")]
    pub principal: Option<String>,
    /// Action, such as `ec2:ModifySnapshotAttribute`.
    #[schemars(schema_with = "formats::call")]
    pub action: String,
    /// ARN of the resource. Default: `*`, for an action without one. `${parameter}` stands for one resource of each pattern of
    /// the parameter.
    #[serde(default = "any_resource")]
    #[schemars(schema_with = "formats::resource")]
    pub resource: String,
    /// Condition keys and their value or list of values; an empty list says that the key is absent. A key that is not here may
    /// have any value or none: the answer must not depend on it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "formats::context")]
    pub context: BTreeMap<String, AnyValue>,
}

fn any_resource() -> String {
    "*".to_owned()
}

/// How a baseline stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct ScpBaselineStatus {
    /// Generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Echo of the annotation `soc2-operator.dev/requestedAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Characters of the policy with the examples' parameters and nobody exempt. Absent while there are problems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters: Option<u32>,
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
