//! `ComplianceProfile`: the SOC 2 posture wanted of some accounts, and how they stand.

mod judging;
mod objectives;
mod reporting;
mod status;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use judging::*;
pub use objectives::*;
pub use reporting::*;
pub use status::*;

use crate::common::{ObjectRef, TargetEntry, Targets};
use crate::schema;

/// The SOC 2 posture wanted of some accounts.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "ComplianceProfile",
    plural = "complianceprofiles",
    shortname = "cprof",
    category = "soc2",
    status = "ComplianceProfileStatus",
    derive = "PartialEq",
    doc = "The SOC 2 posture wanted of some AWS accounts, and how they stand.",
    printcolumn(
        name = "Organization",
        type_ = "string",
        description = "AwsOrganization of the accounts",
        json_path = ".spec.organizationRef.name"
    ),
    printcolumn(
        name = "Accounts",
        type_ = "integer",
        description = "Accounts in the target",
        json_path = ".status.targets.accounts"
    ),
    printcolumn(
        name = "Compliant",
        type_ = "string",
        description = "Every criterion passes on fresh evidence, and required guardrails are in force",
        json_path = r#".status.conditions[?(@.type=="Compliant")].status"#
    ),
    printcolumn(
        name = "Passed",
        type_ = "integer",
        description = "(account, control) pairs with fresh evidence that they passed",
        json_path = ".status.checks.passed"
    ),
    printcolumn(
        name = "Failed",
        type_ = "integer",
        description = "(account, control) pairs with evidence that they failed",
        json_path = ".status.checks.failed"
    ),
    printcolumn(
        name = "Unknown",
        type_ = "integer",
        description = "(account, control) pairs with missing, stale or partial data",
        json_path = ".status.checks.unknown"
    ),
    printcolumn(
        name = "Waived",
        type_ = "integer",
        description = "(account, control) pairs that are waived: they are not passed",
        json_path = ".status.checks.excepted"
    ),
    printcolumn(
        name = "Assessed",
        type_ = "date",
        description = "When the status last changed, at most an hour ago",
        json_path = ".status.assessedAt"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "The operator does its job; says nothing about compliance",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        description = "What Compliant says",
        json_path = r#".status.conditions[?(@.type=="Compliant")].message"#,
        priority = 1
    ),
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name has at most 63 characters: it becomes a label")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct ComplianceProfileSpec {
    /// The `AwsOrganization` of the accounts. Immutable.
    #[x_kube(validation = ("self == oldSelf", "organizationRef is immutable: create another profile"))]
    pub organization_ref: ObjectRef,
    /// The accounts. Each entry names accounts by organizational unit, tags, ids or names; of an entry all keys must match. An
    /// account belongs when any entry of `include` matches it and no entry of `exclude` does.
    #[serde(default)]
    pub targets: ProfileTargets,
    /// Trust Services categories that the audit covers. Security is always in; default: only Security.
    #[serde(default = "default_categories")]
    #[schemars(length(min = 1, max = 5))]
    #[x_kube(validation = ("self.all(one, self.exists_one(other, other == one))", "must not name a category twice"))]
    pub categories: Vec<Category>,
    /// The catalogue of criteria, controls and activities. Default: the built-in one of the version with which the profile was
    /// created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_ref: Option<CatalogRef>,
    /// Which mappings of the catalogue count.
    #[serde(default)]
    pub tier: ProfileTier,
    /// Security Hub standards.
    #[serde(default)]
    pub standards: StandardsSpec,
    /// Regions in which evidence is required; overrides the organization's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::regions")]
    pub required_regions: Option<Vec<String>>,
    /// Tailoring: controls taken out of scope, added to it, or answered for by people, each with a rationale. Of two entries for
    /// one control and account the later wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 128))]
    pub controls: Vec<Tailoring>,
    /// What must be prevented in the accounts, by whosever service control policy: a `GuardrailSet` of the operator or a policy
    /// that was there before.
    #[serde(default)]
    pub guardrails: RequiredGuardrails,
    /// What is to be reached. Each is met or not; that decides nothing about criteria.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(validation = (
        "self.all(one, self.exists_one(other, other.type == one.type && \
         (has(other.name) ? other.name : '') == (has(one.name) ? one.name : '')))",
        "must not name an objective twice"
    ))]
    pub objectives: Vec<Objective>,
    /// How old passing evidence may be; what is older is Unknown, never green. From 1h to 2160h, default 36h: Security Hub
    /// refreshes a result every 12 to 24 hours.
    #[serde(default = "default_freshness")]
    #[schemars(schema_with = "schema::freshness")]
    pub freshness: String,
    /// How long after an account joined the organization its Unknown checks are `Onboarding`, outside ratios and alerts. From 0s
    /// to 2160h, default 72h.
    #[serde(default = "default_onboarding")]
    #[schemars(schema_with = "schema::onboarding")]
    pub onboarding: String,
    /// What the absence of findings means for controls of Regional resources, in accounts that are known to be checked. Omitted:
    /// Unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_findings: Option<NoFindings>,
    /// What a suppression in Security Hub means, for the time of a transition. Omitted: Unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppressed>,
    /// How the manual parts of criteria are tracked.
    #[serde(default)]
    pub manual: ManualSpec,
    /// How far metrics go.
    #[serde(default)]
    pub metrics: MetricsSpec,
    /// Which accounts get an `AccountPosture`.
    #[serde(default)]
    pub postures: PosturesWanted,
    /// The time that the audit covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_period: Option<AuditPeriod>,
    /// How often the profile is assessed when nothing changes; changes are assessed at once. From 5s to 24h, default 10m.
    #[serde(default = "default_interval")]
    #[schemars(schema_with = "schema::interval")]
    pub interval: String,
    /// Stops assessing; what was published stands.
    #[serde(default)]
    pub suspend: bool,
}

fn default_categories() -> Vec<Category> {
    vec![Category::Security]
}

fn default_freshness() -> String {
    "36h".to_owned()
}

fn default_onboarding() -> String {
    "72h".to_owned()
}

fn default_interval() -> String {
    "10m".to_owned()
}

/// Targets of a profile: as everywhere, and how many accounts there must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileTargets {
    /// Accounts that belong: those that any of these entries matches. Omitted: every account of the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50))]
    pub include: Option<Vec<TargetEntry>>,
    /// Accounts that do not belong although `include` matches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50))]
    pub exclude: Option<Vec<TargetEntry>>,
    /// Fewer active accounts than this make `Compliant` Unknown with reason `TargetsShrunk`: a typo or a moved organizational unit
    /// must not look like getting better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_accounts: Option<u32>,
}

impl ProfileTargets {
    /// The same without the number: the shape that is used everywhere.
    #[must_use]
    pub fn targets(&self) -> Targets {
        Targets { include: self.include.clone(), exclude: self.exclude.clone() }
    }
}

/// A category of the Trust Services Criteria.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Category {
    /// The common criteria CC1 to CC9.
    Security,
    /// A1.
    Availability,
    /// C1.
    Confidentiality,
    /// PI1.
    ProcessingIntegrity,
    /// P1 to P8.
    Privacy,
}

/// Which Security Hub standards must be enabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StandardsSpec {
    /// Standards that must be enabled; their controls are in scope whether or not they are. Controls of other standards count
    /// where those are enabled. Default: AWS Foundational Security Best Practices.
    #[serde(default = "default_standards")]
    #[schemars(schema_with = "schema::standards")]
    pub required: Vec<String>,
}

fn default_standards() -> Vec<String> {
    vec!["aws-foundational-security-best-practices/v/1.0.0".to_owned()]
}

impl Default for StandardsSpec {
    fn default() -> Self {
        Self { required: default_standards() }
    }
}

/// A change to what the catalogue says of one control, or of several by glob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.criteria) || self.action == 'Enable'",
    "criteria goes only with action Enable: the other actions hold for every criterion of the control"
))]
pub struct Tailoring {
    /// Control id, such as `IAM.6`, or a glob over ids, such as `CloudWatch.*`. Case does not matter. An id that the catalogue
    /// does not know makes the profile `Stalled`.
    #[schemars(schema_with = "schema::control_glob")]
    pub id: String,
    /// What to do with the control.
    pub action: TailoringAction,
    /// Criteria to add it to, only with `Enable`. Default: those of the catalogue's Extended tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::criteria")]
    pub criteria: Option<Vec<String>>,
    /// Accounts for which this holds. Default: all of the profile's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Targets>,
    /// Why, in at least 10 characters: auditors read it.
    #[schemars(schema_with = "schema::rationale")]
    pub rationale: String,
}

/// What tailoring does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TailoringAction {
    /// Takes the control out of scope; counted as disabled.
    Disable,
    /// Adds the control to the scope.
    Enable,
    /// Makes the control an activity of people.
    Manual,
}

/// Required guardrails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequiredGuardrails {
    /// Names of guardrails of the library, such as `deny-leave-org`, or of `ScpBaseline` objects. One that there is not stops the
    /// assessment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::guardrails")]
    pub required: Vec<String>,
}
