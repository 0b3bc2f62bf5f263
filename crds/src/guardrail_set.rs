//! `GuardrailSet`: which guardrails are enforced, where and how.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{ObjectRef, Targets};
use crate::restraints::{DifferenceStatus, HoldStatus, ReleasedStatus, RevertStatus};
use crate::rollout::{RolloutSpec, RolloutStatus};
use crate::schema;
use crate::scp_baseline::AnyValue;

/// Which guardrails are enforced, where and how.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "soc2-operator.dev",
    version = "v1alpha1",
    kind = "GuardrailSet",
    plural = "guardrailsets",
    shortname = "grset",
    category = "soc2",
    status = "GuardrailSetStatus",
    derive = "PartialEq",
    doc = "Which guardrails (service control policies) are enforced, where and how.",
    printcolumn(
        name = "Organization",
        type_ = "string",
        description = "AwsOrganization of the accounts",
        json_path = ".spec.organizationRef.name"
    ),
    printcolumn(
        name = "Mode",
        type_ = "string",
        description = "Observe reports, Plan publishes, Enforce writes",
        json_path = ".spec.mode"
    ),
    printcolumn(
        name = "In-Sync",
        type_ = "string",
        description = "Everything is in place",
        json_path = r#".status.conditions[?(@.type=="InSync")].status"#
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "The operator does its job",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        description = "What InSync says",
        json_path = r#".status.conditions[?(@.type=="InSync")].message"#,
        priority = 1
    ),
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name has at most 63 characters: it becomes a label")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct GuardrailSetSpec {
    /// The `AwsOrganization` of the accounts. Immutable.
    #[x_kube(validation = ("self == oldSelf", "organizationRef is immutable: create another guardrail set"))]
    pub organization_ref: ObjectRef,
    /// Accounts to protect. Each entry names accounts by organizational unit, tags, ids or names; of an entry all keys must match.
    /// An account belongs when any entry of `include` matches it and no entry of `exclude` does. Policies are attached as high
    /// as possible without reaching an account outside.
    #[serde(default)]
    pub targets: Targets,
    /// Most accounts that get an attachment of their own because no organizational unit covers them exactly. More: the set is
    /// refused, with the organizational unit that would do. Default: 50.
    #[serde(default = "default_max_direct_attachments")]
    #[schemars(range(max = 1000))]
    pub max_direct_attachments: u32,
    /// Guardrails of the library, or of `ScpBaseline` objects, at least one.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = (
        "self.all(one, self.exists_one(other, other.name == one.name))",
        "must not name a guardrail twice"
    ))]
    pub baselines: Vec<BaselineRef>,
    /// ARN patterns of roles and users that no guardrail of this set restricts, beside those that the organization exempts. Whoever
    /// can create or change such a role is exempt too: `protect-exempt-principals` comes with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::principal_patterns")]
    pub exempt_principals: Option<Vec<String>>,
    /// What is done about differences. Default: Observe.
    #[serde(default)]
    pub mode: GuardrailMode,
    /// Who lets a change through. Default: Manual.
    #[serde(default)]
    pub approval: ApprovalMode,
    /// Most accounts that a change may affect without approval, after inheritance: a number from 0 to 50, or a percentage of the
    /// organization's active accounts, which is at least 5 and at most 50 accounts. Default: 10%.
    #[serde(default = "default_max_affected_accounts")]
    #[schemars(schema_with = "schema::max_affected_accounts")]
    pub max_affected_accounts: String,
    /// What is done when somebody changes what was in place.
    #[serde(default)]
    pub drift: DriftSpec,
    /// When changes may be made. Omitted: always. Drift is put back at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<MaintenanceWindow>,
    /// In which order accounts get a change. Omitted: all at once. A change that takes waves has its baselines to itself: no other set
    /// may name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutSpec>,
    /// What becomes of its policies when a set that ever enforced is deleted. Default: Retain.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Stops work on this set; what is in AWS stands and is not watched.
    #[serde(default)]
    pub suspend: bool,
}

fn default_max_direct_attachments() -> u32 {
    50
}

fn default_max_affected_accounts() -> String {
    "10%".to_owned()
}

/// What is done about drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftSpec {
    /// How long a difference is left alone before it is put back. From 0s to 168h, default 0s: at once.
    #[serde(default = "default_revert_after")]
    #[schemars(schema_with = "schema::revert_after")]
    pub revert_after: String,
}

impl Default for DriftSpec {
    fn default() -> Self {
        Self { revert_after: default_revert_after() }
    }
}

fn default_revert_after() -> String {
    "0s".to_owned()
}

/// A maintenance window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceWindow {
    /// When it opens: a cron expression of five fields (minute, hour, day of month, month, day of week), such as `0 2 * * SAT`.
    #[schemars(schema_with = "schema::cron")]
    pub schedule: String,
    /// How long it stays open, in real time. From 1m to 168h.
    #[schemars(schema_with = "schema::window_duration")]
    pub duration: String,
    /// Time zone of the schedule, as in the IANA database, such as `Europe/Berlin`. Default: UTC.
    #[serde(default = "default_time_zone")]
    #[schemars(schema_with = "schema::time_zone")]
    pub time_zone: String,
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

/// Who lets a change through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApprovalMode {
    /// A person, with a `GuardrailApproval` of the plan's hash.
    #[default]
    Manual,
    /// Nobody has to when it only strengthens and affects at most `maxAffectedAccounts` accounts; else a person.
    Automatic,
}

/// What becomes of the policies of a set that is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They stay as they are, tagged `soc2-operator.dev/retained`, and are nobody's.
    #[default]
    Retain,
    /// They are detached and deleted, after an approval, because that weakens.
    Remove,
}

/// A guardrail, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BaselineRef {
    /// Name of a guardrail of the library, such as `deny-leave-org`, or of an `ScpBaseline`.
    #[schemars(schema_with = "schema::baseline_name")]
    pub name: String,
    /// Parameters by name, each a value or a list of values, such as `{allowedRegions: [eu-west-1, us-east-1]}`. The guardrail says
    /// which there are; those without a default have to be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::scp_baseline::parameter_values")]
    pub parameters: Option<BTreeMap<String, AnyValue>>,
    /// Id of a policy of somebody else, such as one that Terraform made or that a deleted set left behind: it is taken over as the
    /// guardrail's own, tagged as ours and made to say what the guardrail says, by a plan like any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::policy_id")]
    pub adopt: Option<String>,
}

/// What is done with a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GuardrailMode {
    /// Report what is missing; write nothing.
    #[default]
    Observe,
    /// Publish the plan, with what would hold it back; write nothing.
    Plan,
    /// Write it to AWS and keep it there.
    Enforce,
}

/// How a set stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::tidy)]
pub struct GuardrailSetStatus {
    /// Generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Echo of the annotation `soc2-operator.dev/requestedAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// What would be, or is being, written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// What was last in place in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<AppliedStatus>,
    /// How far a change is rolled out, while there is one and `spec.rollout` has waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,
    /// Since when all that is wanted is in place, without a gap. What is too much goes only when that is enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place_since: Option<Time>,
    /// Removals that were begun under an approval: they go on after a crash, as long as the approval stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub removing: Vec<String>,
    /// Hash of the plan under which they were begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removing_plan: Option<String>,
    /// What differs from what was in place, and who changed it, where an event says so; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub differences: Vec<DifferenceStatus>,
    /// What is left as it is for a while; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub holds: Vec<HoldStatus>,
    /// What was put back in the last 24 hours, by difference; at most 100. After five times of the same it is left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub reverts: Vec<RevertStatus>,
    /// What releases keep off now; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub released: Vec<ReleasedStatus>,
    /// Where each baseline has to be, and whether it is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub baselines: Vec<BaselineStatus>,
    /// `Ready`, `Stalled`, `Reconciling`, `InSync`, and `Planned`, `ApprovalPending`, `WaitingForWindow`, `Applying`, `Propagating`, `Held`,
    /// `Released`, `DriftFight`, `Refused`, `Soaking`, `AwaitingPromotion` or `RolledBack` while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::cel::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Steps of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Hash of contents, target rules and removals that weaken, 64 hex digits: what a `GuardrailApproval` names.
    pub hash: String,
    /// Policies of others to take over.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub adopt: u32,
    /// Policies to create.
    pub create: u32,
    /// Policies to put back or change.
    pub update: u32,
    /// Attachments to make.
    pub attach: u32,
    /// Attachments to take away.
    #[serde(default)]
    pub detach: u32,
    /// Policies to delete.
    #[serde(default)]
    pub delete: u32,
    /// Whether an account would be less protected afterwards. Then a person has to approve.
    #[serde(default)]
    pub weakens: bool,
    /// Accounts for which it changes something, after inheritance.
    #[serde(default)]
    pub changed_accounts: u32,
    /// Accounts that the attachments affect, after inheritance.
    pub affected_accounts: u32,
    /// The first steps, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub summary: Vec<String>,
    /// While it waits: the `ConfigMap` in the operator's namespace with the steps, the documents before and after, and what comes and
    /// goes for each target, under `plan.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A plan that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedStatus {
    /// Hash of the desired state (contents and targets) that was reached.
    pub hash: String,
    /// When.
    pub at: Time,
    /// `ConfigMap` in the operator's namespace with the contents, to go back to; kept for sets with `spec.rollout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// One baseline of the set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BaselineStatus {
    /// Name of the baseline.
    pub name: String,
    /// The policy that carries it, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
    /// Targets (root, organizational units, accounts) that have to have it.
    pub targets: u32,
    /// Targets that have it.
    pub attached: u32,
    /// Targets that need no policy of ours, because policies of others deny the same there.
    #[serde(default, skip_serializing_if = "crate::common::is_zero")]
    pub satisfied: u32,
    /// Ids of these policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub satisfied_by: Vec<String>,
    /// Other sets that want it with other parameters or exemptions on some of the accounts. Both hold there, so that the stricter does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub stricter: Vec<String>,
    /// Differences found since the set was created that were put back.
    #[serde(default)]
    pub drift_reverted: u64,
}
