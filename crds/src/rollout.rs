//! Waves of a `GuardrailSet`: in which order accounts get a change, and how it stands.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws_organization::RoleRef;
use crate::common::{OrganizationalUnitSelector, TargetEntry};
use crate::schema;

/// In which order accounts get a change: wave by wave, with a wait and a gate after each but the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutSpec {
    /// The waves, from 2 to 10, the canaries first. The last one is `{rest: true}`: all accounts of the set that no other wave names.
    #[schemars(length(min = 2, max = 10))]
    #[x_kube(validation = (
        "self.exists_one(wave, has(wave.rest)) && has(self[self.size() - 1].rest)",
        "the last wave, and only the last, is {rest: true}"
    ))]
    pub waves: Vec<Wave>,
    /// How long a wave has to be in place, without a gap, before the next one may begin. From 1s to 720h, default 24h.
    #[serde(default = "default_soak")]
    #[schemars(schema_with = "schema::soak")]
    pub soak: String,
    /// What decides after the soak whether the next wave begins. Omitted, or without `source`: a person, with a
    /// `GuardrailApproval` that has `promote`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<RolloutGate>,
}

fn default_soak() -> String {
    "24h".to_owned()
}

/// Accounts that get a change together: those of the set that all keys match, or the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.rest) ? !has(self.organizationalUnit) && !has(self.accountIds) && !has(self.accountNames) : \
     has(self.organizationalUnit) || has(self.accountIds) || has(self.accountNames)",
    "a wave names accounts by at least one of organizationalUnit, accountIds and accountNames, or is {rest: true} and nothing else"
))]
pub struct Wave {
    /// Accounts of an organizational unit, by its path or by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organizational_unit: Option<OrganizationalUnitSelector>,
    /// Accounts by id, twelve digits each. Quote them, or YAML takes them for numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::account_ids")]
    pub account_ids: Option<Vec<String>>,
    /// Accounts by name. The globs `*` and `?` stand for any characters and for one; the whole name must match, case matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::account_names")]
    pub account_names: Option<Vec<String>>,
    /// `true`: all accounts of the set that no other wave names. The last wave, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = ("self", "rest can only be true"))]
    pub rest: Option<bool>,
}

impl Wave {
    /// The accounts that it names, as an entry of targets; `None`: the rest.
    #[must_use]
    pub fn entry(&self) -> Option<TargetEntry> {
        if self.rest.is_some() {
            return None;
        }
        Some(TargetEntry {
            organizational_unit: self.organizational_unit.clone(),
            account_tags: None,
            account_ids: self.account_ids.clone(),
            account_names: self.account_names.clone(),
        })
    }
}

/// What decides whether the next wave begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutGate {
    /// Most calls of the accounts of the wave that the change denied since it was written there. More: it is rolled back. Default: 0.
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    pub max_new_denials: u32,
    /// Where denied calls are recorded. Omitted: a person decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<GateSource>,
    /// What is done when nothing was recorded since the wave was written. Default: Hold.
    #[serde(default)]
    pub on_no_data: OnNoData,
}

/// What is done when there is no data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnNoData {
    /// Wait for data, or for a person.
    #[default]
    Hold,
    /// Begin the next wave.
    Proceed,
}

/// Where denied calls are recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateSource {
    /// Files of a CloudTrail trail.
    pub cloud_trail: CloudTrailSource,
}

/// Files of a `CloudTrail` trail, in the folders in which it writes them: `AWSLogs/<organization>/<account>/CloudTrail/<Region>/<day>`, or without the organization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.bucket) != has(self.url)", "cloudTrail needs exactly one of bucket and url"))]
#[x_kube(validation = ("!has(self.url) || (!has(self.prefix) && !has(self.region))", "prefix and region go with bucket; a url says where the files are by itself"))]
pub struct CloudTrailSource {
    /// Name of the S3 bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bucket")]
    pub bucket: Option<String>,
    /// Prefix of the trail in the bucket, above `AWSLogs`. Omitted: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bucket_prefix")]
    pub prefix: Option<String>,
    /// Region of the bucket. Omitted: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::region")]
    pub region: Option<String>,
    /// Role that reads the bucket (`s3:ListBucket`, `s3:GetObject`). Omitted: the operator's own credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleRef>,
    /// URL of the folder above `AWSLogs`, instead of a bucket: `s3://bucket/prefix`, or `file:///folder` of the operator's own disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::trail_url")]
    pub url: Option<String>,
}

/// How far a change is rolled out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// Hash of what is rolled out. Another one begins with the first wave.
    pub hash: String,
    /// Number of the wave that is being written or has been, from 1.
    pub wave: u32,
    /// How many waves there are.
    pub of: u32,
    /// The wave in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Since when it is being written: calls that are denied are counted from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Time>,
    /// Since when it is in place without a gap: the soak counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// That it was rolled back, and why. It stays so until the plan is another one or a person approves or promotes it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<RolledBackStatus>,
}

/// A rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolledBackStatus {
    /// When.
    pub at: Time,
    /// Calls that the change denied.
    pub denials: u64,
    /// Some of them: account, who, what, how often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub sample: Vec<String>,
    /// UIDs of approvals that were there before: they do not begin it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub seen: Vec<String>,
}
