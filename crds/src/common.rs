//! Shapes that several kinds share.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Security Hub standards that can be required, in their short spelling.
pub const STANDARDS: [&str; 10] = [
    "aws-foundational-security-best-practices/v/1.0.0",
    "cis-aws-foundations-benchmark/v/1.2.0",
    "cis-aws-foundations-benchmark/v/1.4.0",
    "cis-aws-foundations-benchmark/v/3.0.0",
    "cis-aws-foundations-benchmark/v/5.0.0",
    "nist-800-53/v/5.0.0",
    "nist-800-171/v/2.0.0",
    "pci-dss/v/3.2.1",
    "pci-dss/v/4.0.1",
    "aws-resource-tagging-standard/v/1.0.0",
];

/// Guardrails of the library.
pub const GUARDRAILS: [&str; 21] = [
    "deny-leave-org",
    "protect-cloudtrail",
    "protect-config",
    "require-encryption",
    "restrict-regions",
    "deny-root",
    "deny-long-lived-credentials",
    "protect-password-policy",
    "protect-guardduty",
    "protect-securityhub",
    "protect-macie",
    "protect-access-analyzer",
    "protect-cloudwatch-alarms",
    "protect-flow-logs",
    "protect-log-groups",
    "protect-kms",
    "protect-backups",
    "protect-public-access-blocks",
    "limit-external-sharing",
    "protect-operator-roles",
    "protect-exempt-principals",
];

/// How often something has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Cadence {
    /// Every seven days.
    Weekly,
    /// Every calendar month.
    Monthly,
    /// Every three calendar months.
    Quarterly,
    /// Every six calendar months.
    SemiAnnual,
    /// Every twelve calendar months.
    Annual,
}

/// Name of a cluster-scoped object in the same cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Name of the object.
    #[schemars(schema_with = "schema::object_name")]
    pub name: String,
}

/// Which accounts: those that any entry of `include` matches and no entry of `exclude` does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Targets {
    /// Accounts that belong: those that any of these entries matches. Omitted: every account of the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50))]
    pub include: Option<Vec<TargetEntry>>,
    /// Accounts that do not belong although `include` matches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50))]
    pub exclude: Option<Vec<TargetEntry>>,
}

/// One way to name accounts. All keys that are given must match; write two entries for "or".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.organizationalUnit) || has(self.accountTags) || has(self.accountIds) || has(self.accountNames)",
    "an entry names accounts by at least one of organizationalUnit, accountTags, accountIds and accountNames; to have every account, leave include out"
))]
pub struct TargetEntry {
    /// Accounts of an organizational unit, by its path or by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organizational_unit: Option<OrganizationalUnitSelector>,
    /// Accounts with all of these tags. Values may hold the globs `*` and `?`: `{env: "prod*"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::account_tags")]
    pub account_tags: Option<std::collections::BTreeMap<String, String>>,
    /// Accounts by id, twelve digits each. Quote them, or YAML takes them for numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::account_ids")]
    pub account_ids: Option<Vec<String>>,
    /// Accounts by name. The globs `*` and `?` stand for any characters and for one; the whole name must match, case matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::account_names")]
    pub account_names: Option<Vec<String>>,
}

/// An organizational unit, by path or by id: exactly one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.path) != has(self.id)", "organizationalUnit needs exactly one of path and id"))]
pub struct OrganizationalUnitSelector {
    /// Names from below the root, joined by `/`, such as `Workloads/Prod`; each may hold the globs `*` and `?`, case matters.
    /// `/` alone is the root. Survives a rebuilt organization, not a renamed unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::unit_path")]
    pub path: Option<String>,
    /// Id, such as `ou-ab12-11111111`, or of a root, such as `r-ab12`. Survives a renamed unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::unit_id")]
    pub id: Option<String>,
    /// Whether accounts of the units below belong too. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recursive: Option<bool>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(crate) fn is_zero(value: &u32) -> bool {
    *value == 0
}
