//! The world file: what the sandbox's AWS looks like at the start. README.md shows it by example.

mod scalars;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use crate::organizations::AccountState;
use crate::securityhub::HubSection;
use crate::sqs::QueueSection;

pub use scalars::{AccountId, Name, OuEntry};

/// A whole world.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct World {
    /// What the clock shows at the start; real time when left out.
    pub clock: Option<ClockSection>,
    /// Speed and lags; the control port can change them.
    #[serde(default)]
    pub settings: Settings,
    /// The organization itself.
    pub organization: OrganizationSection,
    /// Whether accounts carry `Paths` and OUs `Path`, as the newer API does.
    #[serde(default = "yes")]
    pub paths: bool,
    /// OUs by path; parents that are not listed are made.
    #[serde(default)]
    pub organizational_units: Vec<OuEntry>,
    /// Accounts by hand.
    #[serde(default)]
    pub accounts: Vec<AccountEntry>,
    /// Accounts in numbers.
    pub generate: Option<Generate>,
    /// Policies beside those that AWS manages.
    #[serde(default)]
    pub policies: Vec<PolicyEntry>,
    /// Targets from which `FullAWSAccess` is detached, after all else.
    #[serde(default)]
    pub without_full_aws_access: Vec<Name>,
    /// Roles that can be assumed.
    #[serde(default)]
    pub roles: Vec<RoleEntry>,
    /// Static access keys.
    #[serde(default)]
    pub credentials: Vec<CredentialEntry>,
    /// Security Hub.
    #[serde(default)]
    pub security_hub: HubSection,
    /// SQS queues.
    #[serde(default)]
    pub queues: Vec<QueueSection>,
}

impl World {
    /// Reads a world file; an error names the file, and the line or the field.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}", path.display()))
    }

    /// A world from the text of its file.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(serde_yaml::from_str(text)?)
    }
}

fn yes() -> bool {
    true
}

/// What the clock shows.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClockSection {
    /// RFC 3339; real time when left out.
    pub start: Option<jiff::Timestamp>,
    /// Whether it stands still.
    #[serde(default)]
    pub frozen: bool,
}

/// What the control port calls settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Time that each call takes.
    pub latency_ms: u64,
    /// Whether rate limits hold.
    pub limits: bool,
    /// How long reads show the old after a write of a policy or an attachment.
    pub read_lag_ms: u64,
    /// How long the old is enforced after it; only the history says so.
    pub enforce_lag_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { latency_ms: 0, limits: true, read_lag_ms: 0, enforce_lag_ms: 0 }
    }
}

/// The organization itself.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrganizationSection {
    /// `o-` and at least ten characters.
    pub id: String,
    /// `r-` and at least four characters; made from the organization's id when left out.
    pub root_id: Option<String>,
    /// The management account.
    pub management_account: AccountId,
    /// Its email address.
    #[serde(default = "management_email")]
    pub management_email: String,
    /// `ALL` or `CONSOLIDATED_BILLING`.
    #[serde(default = "all_features")]
    pub feature_set: FeatureSet,
    /// Whether there is an organization at all.
    #[serde(default = "yes")]
    pub in_use: bool,
    /// Types of policies that are enabled in the root.
    #[serde(default = "scps")]
    pub policy_types: Vec<String>,
    /// Member accounts that may read the organization.
    #[serde(default)]
    pub delegated_administrators: Vec<AccountId>,
    /// The organization's resource policy: what member accounts may do beside that.
    pub delegation_policy: Option<Value>,
    /// `aws`, `aws-us-gov` or `aws-cn`.
    #[serde(default = "aws")]
    pub partition: Partition,
    /// Tags of the root.
    #[serde(default)]
    pub root_tags: BTreeMap<String, String>,
}

fn management_email() -> String {
    "management@example.com".to_owned()
}

fn all_features() -> FeatureSet {
    FeatureSet::All
}

fn scps() -> Vec<String> {
    vec![crate::organizations::SCP.to_owned()]
}

fn aws() -> Partition {
    Partition::Aws
}

/// Feature set of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FeatureSet {
    /// All features.
    All,
    /// Consolidated billing only: no policies.
    ConsolidatedBilling,
}

/// Partition of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// The commercial one.
    Aws,
    /// That of the US government.
    AwsUsGov,
    /// China.
    AwsCn,
}

impl Partition {
    /// Name in ARNs, and the Region where Organizations is served.
    #[must_use]
    pub fn facts(self) -> (&'static str, &'static str) {
        match self {
            Self::Aws => ("aws", "us-east-1"),
            Self::AwsUsGov => ("aws-us-gov", "us-gov-west-1"),
            Self::AwsCn => ("aws-cn", "cn-northwest-1"),
        }
    }
}

/// An account, in a world file and on the control port.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountEntry {
    /// Twelve digits.
    pub id: AccountId,
    /// Name.
    pub name: String,
    /// Email address; made from the id when left out.
    pub email: Option<String>,
    /// Path of its OU, `/` for the root.
    #[serde(default)]
    pub path: String,
    /// `State`.
    #[serde(default = "active")]
    pub state: AccountState,
    /// RFC 3339, or such as `90d ago`; a year ago when left out of a world file, now on the control port.
    pub joined_at: Option<String>,
    /// Invited, not created.
    #[serde(default)]
    pub invited: bool,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

fn active() -> AccountState {
    AccountState::Active
}

/// Accounts in numbers, for benches.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Generate {
    /// How many.
    pub accounts: u64,
    /// Id of the first; the others follow.
    #[serde(default = "first_id")]
    pub first_id: AccountId,
    /// Their OUs in turn; all OUs when left out.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Values of each tag in turn.
    #[serde(default)]
    pub tags: BTreeMap<String, Vec<String>>,
}

fn first_id() -> AccountId {
    AccountId("300000000000".to_owned())
}

/// A policy.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyEntry {
    /// Name, unique within its type.
    pub name: String,
    /// Id; made when left out.
    pub id: Option<String>,
    /// Type.
    #[serde(default = "scp", rename = "type")]
    pub kind: String,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// The document: a string as it stands, or YAML that becomes minified JSON.
    pub content: Value,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Where it is attached: paths or ids.
    #[serde(default)]
    pub attach: Vec<Name>,
}

fn scp() -> String {
    crate::organizations::SCP.to_owned()
}

/// The text of a policy: a string as it stands, anything else as minified JSON.
#[must_use]
pub fn content_text(content: &Value) -> String {
    content.as_str().map_or_else(|| content.to_string(), str::to_owned)
}

/// A role that can be assumed.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleEntry {
    /// ARN.
    pub arn: String,
    /// External id that a caller must give.
    pub external_id: Option<String>,
    /// Who may assume it: `*`, an account id, an ARN, `web-identity`.
    pub trusts: Vec<Name>,
    /// Actions that it may use, such as `securityhub:Get*`, with any resource; everything when left out.
    pub allow: Option<Vec<String>>,
    /// In the place of `allow`: a policy document of IAM, or several.
    pub policy: Option<Value>,
    /// Longest session.
    #[serde(default = "an_hour")]
    pub max_session_seconds: i64,
}

fn an_hour() -> i64 {
    3600
}

/// A static access key.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialEntry {
    /// Id of the key.
    pub access_key_id: String,
    /// ARN of the user.
    pub principal: String,
    /// Account of the user.
    pub account: AccountId,
    /// Actions that the user may use, with any resource; everything when left out.
    pub allow: Option<Vec<String>>,
    /// In the place of `allow`: a policy document of IAM, or several.
    pub policy: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_line_and_field() {
        let text = "organization:\n  id: o-exampleorgid\n  managementAccount: 111111111111\naccounts:\n- id: '12'\n  name: x\n";
        let error = format!("{:#}", World::parse(text).unwrap_err());
        assert!(error.contains("twelve digits") && error.contains("line 5"), "{error}");
        let text = "organization:\n  id: o-exampleorgid\n  managementAccount: 111111111111\naccounts:\n- id: 111111111111\n  nam: x\n";
        let error = format!("{:#}", World::parse(text).unwrap_err());
        assert!(error.contains("unknown field `nam`") && error.contains("line 6"), "{error}");
    }

    #[test]
    fn ids_may_stand_without_quotes() {
        let world = World::parse(
            "organization: {id: o-exampleorgid, managementAccount: 011111111111}\norganizationalUnits: [A/B, {path: C, tags: {a: b}}]\n",
        );
        let world = world.unwrap();
        assert_eq!(world.organization.management_account.0, "011111111111");
        assert_eq!(world.organizational_units[1].path, "C");
    }
}
