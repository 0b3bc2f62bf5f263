//! Who may waive what.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::Targets;
use crate::schema;

/// Who may waive what. An exception that asks for more than this is refused as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionPolicy {
    /// How long an exception may last, by the severity of the controls that it names; of several the shortest holds. Where
    /// nothing is given: 366 days.
    #[serde(default)]
    pub max_duration: MaxDuration,
    /// Whether an exception must say in `approvedBy` who allowed it. Default: false.
    #[serde(default)]
    pub require_approver: bool,
    /// Controls that nobody may waive, by id or by a glob over ids, such as `IAM.4`. One that the catalogue does not know
    /// refuses every exception: it may be a typing mistake in what must not be waived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::control_globs")]
    pub never_waivable: Option<Vec<String>>,
    /// Namespaces whose exceptions count, each for some accounts; names are unique. Default: only the operator's own namespace,
    /// for every account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = (
        "self.all(one, self.exists_one(other, other.name == one.name))",
        "must not name a namespace twice"
    ))]
    pub namespaces: Option<Vec<NamespaceGrant>>,
}

/// How long an exception may last: days or hours, such as `30d` or `720h`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaxDuration {
    /// For controls of severity Critical. Default: that of `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::waiver_duration")]
    pub critical: Option<String>,
    /// For controls of severity High. Default: that of `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::waiver_duration")]
    pub high: Option<String>,
    /// For controls of severity Medium. Default: that of `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::waiver_duration")]
    pub medium: Option<String>,
    /// For controls of severity Low. Default: that of `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::waiver_duration")]
    pub low: Option<String>,
    /// For controls of every other severity. Default: 366 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::waiver_duration")]
    pub default: Option<String>,
}

/// A namespace whose exceptions count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceGrant {
    /// Name of the namespace.
    #[schemars(schema_with = "schema::namespace")]
    pub name: String,
    /// Accounts for which its exceptions may be; the shape is that of a profile's targets. Omitted: every account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Targets>,
}
