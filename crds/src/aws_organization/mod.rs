//! `AwsOrganization`: how to reach one AWS Organization, and what was found there.

mod exception_policy;
mod status;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use exception_policy::*;
pub use status::*;

use crate::common::Targets;
use crate::schema;

/// How to reach one AWS Organization: roles, Security Hub sources, how often to read, quotas.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "AwsOrganization",
    plural = "awsorganizations",
    shortname = "awsorg",
    category = "soc2",
    status = "AwsOrganizationStatus",
    derive = "PartialEq",
    doc = "How to reach one AWS Organization, and what the operator found there.",
    printcolumn(
        name = "Accounts",
        type_ = "integer",
        description = "Active accounts",
        json_path = ".status.accounts.active"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "The operator does its job",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Findings",
        type_ = "string",
        description = "Every required Region of every account was read completely",
        json_path = r#".status.conditions[?(@.type=="FindingsComplete")].status"#
    ),
    printcolumn(
        name = "In-Sync",
        type_ = "string",
        description = "Every guardrail that is enforced is in place",
        json_path = r#".status.conditions[?(@.type=="GuardrailsInSync")].status"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Organization",
        type_ = "string",
        description = "Id of the organization in AWS",
        json_path = ".status.organizationId",
        priority = 1
    ),
    printcolumn(
        name = "Unassigned",
        type_ = "integer",
        description = "Active accounts in no profile",
        json_path = ".status.accounts.unassigned",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        description = "What Ready says",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name has at most 63 characters: it becomes a label"),
    validation = Rule::new(
        "(has(self.spec.ownerId) ? self.spec.ownerId : self.metadata.name) == \
         (has(oldSelf.spec.ownerId) ? oldSelf.spec.ownerId : oldSelf.metadata.name)"
    )
    .message("spec.ownerId is immutable, also where the name stands for it: policies in AWS carry it")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
#[x_kube(validation = (
    "self.guardrails.reservedSlots < self.limits.scpMaxPerTarget",
    "guardrails.reservedSlots must be lower than limits.scpMaxPerTarget, or no slot is left for the operator"
))]
pub struct AwsOrganizationSpec {
    /// Value of the owner tag on the AWS policies that the operator creates, and part of their names. Immutable; default: the
    /// name of this object. It survives a rebuilt cluster: an object with the same owner id finds its policies again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::owner_id")]
    pub owner_id: Option<String>,
    /// How AWS Organizations is read and written.
    #[serde(default)]
    pub organizations: OrganizationsAccess,
    /// Where Security Hub findings are read. An account is covered in a Region by any source that serves it there; where none
    /// does, its checks are Unknown. Names are unique.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = (
        "self.all(one, self.exists_one(other, other.name == one.name))",
        "names of sources must be unique"
    ))]
    pub security_hub: Vec<SecurityHubSource>,
    /// Regions in which evidence is required of every account. Default: the aggregators' home and linked Regions, and every
    /// Region of a source's `regions`. A required Region that no source covers makes checks Unknown, never green.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::regions")]
    pub required_regions: Option<Vec<String>>,
    /// How often AWS is read.
    #[serde(default)]
    pub sync: SyncSpec,
    /// AWS quotas. They are data, because AWS changes them and grants others.
    #[serde(default)]
    pub limits: Limits,
    /// Accounts that need no profile, and why. Every other active account that is in no profile is reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100))]
    pub unassigned: Vec<Unassigned>,
    /// Who may waive what with a `ComplianceException`. Without it only exceptions in the operator's own namespace count, for
    /// every account and at most 366 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_policy: Option<ExceptionPolicy>,
    /// What holds for every guardrail of this organization.
    #[serde(default)]
    pub guardrails: OrganizationGuardrails,
    /// Stops reading and writing AWS for this organization; what was published stands.
    #[serde(default)]
    pub suspend: bool,
}

/// An IAM role that the operator assumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleRef {
    /// ARN of the role, such as `arn:aws:iam::111111111111:role/soc2-read`; any partition.
    #[schemars(schema_with = "schema::role_arn")]
    pub arn: String,
    /// External id that the role's trust policy asks for, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::external_id")]
    pub external_id: Option<String>,
}

/// Roles for AWS Organizations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationsAccess {
    /// Role for reading, in the management account or in one to which it delegated this. Omitted: the pod's own credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleRef>,
    /// Role for writing policies, assumed only while a plan is applied. Omitted: nothing can be enforced (`CanEnforce=False`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_role: Option<RoleRef>,
    /// Queue of CloudTrail management events of AWS Organizations, as a faster path: what somebody changes is read within seconds,
    /// and it is known who did it. Without it changes are found when the organization is read the next time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventQueue>,
}

/// One source of Security Hub findings: an administrator account, or each account by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "has(self.homeRegion) != has(self.regions)",
        "a source needs exactly one of homeRegion (the aggregator's; its linked Regions come with it) and regions (read one by one)"
    ),
    validation = (
        "!has(self.perAccount) || (has(self.regions) && !has(self.homeRegion) && !has(self.role))",
        "perAccount needs regions and excludes homeRegion and role: each account's own Security Hub is read with the role of that account"
    )
)]
pub struct SecurityHubSource {
    /// Name of the source, unique in this object; label of metrics.
    #[schemars(schema_with = "schema::source_name")]
    pub name: String,
    /// Role in the Security Hub administrator account. Omitted: the pod's own credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleRef>,
    /// Home Region of the finding aggregator; its linked Regions are read through it. Exactly one of `homeRegion` and `regions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::region")]
    pub home_region: Option<String>,
    /// Regions that are read one by one. Exactly one of `homeRegion` and `regions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::regions")]
    pub regions: Option<Vec<String>>,
    /// For accounts without an administrator: the role of this name is assumed in each account of `targets`. Needs `regions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_account: Option<PerAccountRole>,
    /// Accounts that this source serves. Default: every account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Targets>,
    /// Queue of EventBridge events of Security Hub, as a faster path: what it says is assessed within seconds. Without it the
    /// increments say the same more slowly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventQueue>,
}

/// An SQS queue that gets events of EventBridge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventQueue {
    /// URL of the queue, such as `https://sqs.eu-west-1.amazonaws.com/222222222222/soc2`. Only the operator reads it.
    #[schemars(schema_with = "schema::queue_url")]
    pub queue_url: String,
    /// Role that may receive and delete its messages. Omitted: the `role` beside `events`, and where that is omitted too, the pod's
    /// own credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleRef>,
}

/// A role of the same name in each account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PerAccountRole {
    /// Name (with path, if any) of the role, such as `soc2-read`.
    #[schemars(schema_with = "schema::role_name")]
    pub role_name: String,
    /// External id that the roles' trust policies ask for, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::external_id")]
    pub external_id: Option<String>,
}

/// How often AWS is read. Durations in hours, minutes and seconds, such as `10m`, `36h`, `1h30m`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncSpec {
    /// Between two readings of the organization tree and its policies. From 5s to 24h, default 10m.
    #[serde(default = "default_organization_interval")]
    #[schemars(schema_with = "schema::interval")]
    pub organization_interval: String,
    /// Between two increments of findings: what changed since the last one. From 5s to 24h, default 5m.
    #[serde(default = "default_findings_interval")]
    #[schemars(schema_with = "schema::interval")]
    pub findings_interval: String,
    /// Between two full sweeps, which repair what increments cannot see. From 5s to 168h, default 12h; stretched to three times
    /// the last sweep's length.
    #[serde(default = "default_full_sweep_interval")]
    #[schemars(schema_with = "schema::sweep_interval")]
    pub full_sweep_interval: String,
}

fn default_organization_interval() -> String {
    "10m".to_owned()
}

fn default_findings_interval() -> String {
    "5m".to_owned()
}

fn default_full_sweep_interval() -> String {
    "12h".to_owned()
}

impl Default for SyncSpec {
    fn default() -> Self {
        Self {
            organization_interval: default_organization_interval(),
            findings_interval: default_findings_interval(),
            full_sweep_interval: default_full_sweep_interval(),
        }
    }
}

/// AWS quotas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Largest service control policy, in characters. Default: 10240, AWS's quota since May 2026.
    #[serde(default = "default_scp_max_characters")]
    #[schemars(range(min = 1000, max = 100_000))]
    pub scp_max_characters: u32,
    /// Most service control policies attached to one root, organizational unit or account, `FullAWSAccess` included. Default:
    /// 10, AWS's quota since May 2026.
    #[serde(default = "default_scp_max_per_target")]
    #[schemars(range(min = 1, max = 100))]
    pub scp_max_per_target: u32,
    /// `GetFindings` calls a second, account and Region. Default: 2; AWS allows 3, and other tools want some.
    #[serde(default = "default_get_findings_per_second")]
    #[schemars(range(min = 1, max = 100))]
    pub get_findings_per_second: u32,
}

fn default_scp_max_characters() -> u32 {
    10_240
}

fn default_scp_max_per_target() -> u32 {
    10
}

fn default_get_findings_per_second() -> u32 {
    2
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            scp_max_characters: default_scp_max_characters(),
            scp_max_per_target: default_scp_max_per_target(),
            get_findings_per_second: default_get_findings_per_second(),
        }
    }
}

/// Accounts that need no profile, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unassigned {
    /// Ids of the accounts, twelve digits each. Quote them, or YAML takes them for numbers.
    #[schemars(schema_with = "schema::account_ids")]
    pub account_ids: Vec<String>,
    /// Why they need none, in at least 10 characters: auditors read it.
    #[schemars(schema_with = "schema::rationale")]
    pub rationale: String,
}

/// What holds for every guardrail of the organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationGuardrails {
    /// ARN patterns of the roles and users for emergencies: no guardrail restricts them, unless it says why it has no exemption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::principal_patterns")]
    pub break_glass_principals: Option<Vec<String>>,
    /// Policy slots of each target that the operator leaves free for others. Default: 0.
    #[serde(default)]
    #[schemars(range(max = 99))]
    pub reserved_slots: u32,
    /// Stops every write to AWS at once; differences are reported and not put back.
    #[serde(default)]
    pub hold_writes: bool,
    /// How long AWS may take until a written policy is enforced everywhere. What is replaced stays until then. From 0s to 24h,
    /// default 15m.
    #[serde(default = "default_propagation_delay")]
    #[schemars(schema_with = "schema::propagation_delay")]
    pub propagation_delay: String,
}

impl Default for OrganizationGuardrails {
    fn default() -> Self {
        Self {
            break_glass_principals: None,
            reserved_slots: 0,
            hold_writes: false,
            propagation_delay: default_propagation_delay(),
        }
    }
}

fn default_propagation_delay() -> String {
    "15m".to_owned()
}
