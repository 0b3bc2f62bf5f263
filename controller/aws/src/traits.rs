//! What the operator needs of AWS, named for what it gives. Implemented once on the AWS SDK; by fakes in tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::organization::Organization;

use crate::error::AwsError;
use crate::objects::Objects;
use crate::state::StateStore;

/// A role to assume; part of the identity of clients and limiters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Role {
    /// ARN of the role.
    pub arn: String,
    /// External id that its trust policy asks for.
    pub external_id: Option<String>,
}

/// Without the external id, which has no place in logs.
impl fmt::Debug for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Role").field("arn", &self.arn).finish_non_exhaustive()
    }
}

/// Opens clients. One per process: it shares connections, credentials and rate limiters.
pub trait Aws: Send + Sync {
    /// Reads the organization tree and its policies with `role` (or the pod's own credentials).
    fn directory(&self, role: Option<&Role>) -> Arc<dyn Directory>;
    /// Writes policies with `role`. The role is assumed at the first write, not before.
    fn policy_writer(&self, role: &Role) -> Arc<dyn PolicyWriter>;
    /// Reads Security Hub in one Region. `get_findings_per_second` is the share of AWS's rate that we take.
    fn security_hub(&self, role: Option<&Role>, region: &str, get_findings_per_second: u32) -> Arc<dyn SecurityHub>;
    /// Keeps state at `url`, such as `s3://bucket/prefix`, with the operator's own credentials. An error says what is wrong with
    /// the URL; nothing is called yet.
    fn state_store(&self, url: &str) -> Result<Arc<dyn StateStore>, AwsError>;
    /// Reads files at `url`, `s3://bucket/prefix` with `role` or `file:///folder`. `region` is that of the bucket; without it, the
    /// operator's own. Nothing is called yet.
    fn objects(&self, role: Option<&Role>, url: &str, region: Option<&str>) -> Result<Arc<dyn Objects>, AwsError>;
    /// Reads a queue of events. `region` is for URLs that do not tell theirs.
    fn event_queue(&self, role: Option<&Role>, url: &str, region: &str) -> Arc<dyn EventQueue>;
}

/// The organization and its policies, for reading.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The whole tree: `DescribeOrganization`, `ListRoots`, `ListOrganizationalUnitsForParent`, `ListAccounts` (with `Paths`; the walk by
    /// `ListAccountsForParent` where paths are absent). A reading that cannot be complete is an error, never a smaller tree.
    async fn organization(&self, now: Timestamp) -> Result<Organization, AwsError>;
    /// Tags of one account (`ListTagsForResource`).
    async fn account_tags(&self, account: AccountId) -> Result<BTreeMap<String, String>, AwsError>;
    /// All service control policies, without content (`ListPolicies`).
    async fn policies(&self) -> Result<Vec<PolicySummary>, AwsError>;
    /// Content of one policy (`DescribePolicy`).
    async fn policy_content(&self, policy: &str) -> Result<String, AwsError>;
    /// Tags of one policy (`ListTagsForResource`).
    async fn policy_tags(&self, policy: &str) -> Result<BTreeMap<String, String>, AwsError>;
    /// Tags of a policy, root, unit or account (`ListTagsForResource`).
    async fn tags(&self, resource: &str) -> Result<BTreeMap<String, String>, AwsError>;
    /// Roots, units and accounts that a policy is attached to (`ListTargetsForPolicy`).
    async fn policy_targets(&self, policy: &str) -> Result<BTreeSet<String>, AwsError>;
    /// Whether the role can be assumed: `GetCallerIdentity` with it. Gives the account.
    async fn identity(&self) -> Result<AccountId, AwsError>;
}

/// A policy without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySummary {
    /// Id, such as `p-abc12345`.
    pub id: String,
    /// Name, unique per type.
    pub name: String,
    /// Whether AWS made it.
    pub aws_managed: bool,
}

/// Tags of a resource.
pub type Tags = std::collections::BTreeMap<String, String>;

/// Writes policies. One at a time: AWS refuses two at once, and so do we, per organization.
#[async_trait]
pub trait PolicyWriter: Send + Sync {
    /// `CreatePolicy` with tags, type `SERVICE_CONTROL_POLICY`. Gives the id.
    async fn create_policy(&self, policy: &NewPolicy, guard: &dyn WriteGuard) -> Result<String, AwsError>;
    /// `UpdatePolicy`: name, description and content together.
    async fn update_policy(&self, id: &str, policy: &NewPolicy, guard: &dyn WriteGuard) -> Result<(), AwsError>;
    /// `AttachPolicy`; `DuplicatePolicyAttachmentException` counts as done.
    async fn attach_policy(&self, id: &str, target: &str, guard: &dyn WriteGuard) -> Result<(), AwsError>;
    /// `DetachPolicy`; `PolicyNotAttachedException` counts as done.
    async fn detach_policy(&self, id: &str, target: &str, guard: &dyn WriteGuard) -> Result<(), AwsError>;
    /// `DeletePolicy`; `PolicyNotFoundException` counts as done.
    async fn delete_policy(&self, id: &str, guard: &dyn WriteGuard) -> Result<(), AwsError>;
    /// `TagResource`, all tags at once; others stay.
    async fn tag_policy(&self, id: &str, tags: &Tags, guard: &dyn WriteGuard) -> Result<(), AwsError>;
    /// Whether the role can be assumed: `GetCallerIdentity` with it. Gives the account.
    async fn identity(&self) -> Result<AccountId, AwsError>;
}

/// Asked before every attempt of every write: whether we may still write.
#[async_trait]
pub trait WriteGuard: Send + Sync {
    /// What can only be learned by asking elsewhere: `Err` with the reason when somebody stopped this write since it was begun. Asked
    /// right before [`Self::permit`], which has the last word.
    async fn recheck(&self) -> Result<(), String> {
        Ok(())
    }

    /// `Err` with the reason when an attempt that may last `attempt` must not begin now (lease too short, writes held).
    fn permit(&self, attempt: std::time::Duration) -> Result<(), String>;
}

/// A policy to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPolicy {
    /// Name.
    pub name: String,
    /// Description, at most 512 characters.
    pub description: String,
    /// Minified JSON.
    pub content: String,
    /// Tags, set in `CreatePolicy` itself.
    pub tags: BTreeMap<String, String>,
}

/// One Security Hub, in one Region.
#[async_trait]
pub trait SecurityHub: Send + Sync {
    /// `DescribeHub`: whether findings are consolidated. `InvalidAccessException` means not enabled.
    async fn hub(&self) -> Result<HubDescription, AwsError>;
    /// `GetEnabledStandards`: the subscription's standards ARNs.
    async fn standards(&self) -> Result<Vec<String>, AwsError>;
    /// `ListMembers` with `OnlyAssociated`: accounts and their member status, such as `Enabled`.
    async fn members(&self) -> Result<Vec<(AccountId, String)>, AwsError>;
    /// `ListFindingAggregators` and `GetFindingAggregator`: `None` when there is none.
    async fn aggregator(&self) -> Result<Option<Aggregator>, AwsError>;
    /// `ListStandardsControlAssociations` of one control: (standards ARN, enabled).
    async fn associations(&self, control: &str) -> Result<Vec<(String, bool)>, AwsError>;
    /// `ListSecurityControlDefinitions`: ids of all controls that exist in the Region.
    async fn control_ids(&self) -> Result<Vec<String>, AwsError>;
    /// One page of `GetFindings`, at most 100, sorted by `UpdatedAt` descending.
    /// An error that `is("InvalidInput")` for a query with a token: the token is no longer taken; begin again.
    async fn findings(&self, query: &FindingsQuery, token: Option<String>) -> Result<FindingsPage, AwsError>;
    /// Attempts of `GetFindings` so far, through this object.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

/// Attempts to call AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// All attempts.
    pub requests: u64,
    /// Those that AWS throttled.
    pub throttled: u64,
}

/// What `DescribeHub` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubDescription {
    /// Account of the hub, from its ARN.
    pub account: Option<AccountId>,
    /// `ControlFindingGenerator` is `SECURITY_CONTROL`.
    pub consolidated: bool,
}

/// A finding aggregator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregator {
    /// The home Region.
    pub home: Region,
    /// Linking mode, such as `ALL_REGIONS` or `SPECIFIED_REGIONS`.
    pub mode: String,
    /// Regions named in the aggregator (for `ALL_REGIONS_EXCEPT_SPECIFIED`, those left out).
    pub regions: Vec<Region>,
}

/// Filters of `GetFindings`. At most 20 values each. What may change while pages are read (workflow, record state, severity) is
/// for queries whose pages are bounded by time: [`FindingsQuery::updated_to`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingsQuery {
    /// `AwsAccountId` EQUALS; empty: all.
    pub accounts: Vec<AccountId>,
    /// `ProductArn` EQUALS; empty: all.
    pub product_arns: Vec<String>,
    /// `Region` EQUALS; empty: all.
    pub regions: Vec<Region>,
    /// `ComplianceSecurityControlId` EQUALS; empty: all.
    pub controls: Vec<String>,
    /// `UpdatedAt` from here on.
    pub updated_from: Option<Timestamp>,
    /// `UpdatedAt` up to here, included.
    pub updated_to: Option<Timestamp>,
    /// `WorkflowStatus` EQUALS SUPPRESSED and `RecordState` EQUALS ACTIVE.
    pub suppressed: bool,
    /// What findings of other products are about.
    pub others: OtherFilters,
}

/// Filters for findings of other products than Security Hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherFilters {
    /// `ProductArn` PREFIX; empty: all.
    pub product_arn_prefixes: Vec<String>,
    /// `ProductArn` `NOT_EQUALS`; goes with no EQUALS.
    pub not_product_arns: Vec<String>,
    /// `ProductName`; empty: all.
    pub product_names: Vec<Beginning>,
    /// `GeneratorId`; empty: all.
    pub generator_ids: Vec<Beginning>,
    /// `Type`; empty: all.
    pub types: Vec<Beginning>,
    /// `SeverityLabel` EQUALS; empty: all.
    pub severities: Vec<String>,
    /// `RecordState` EQUALS ACTIVE.
    pub active: bool,
    /// `WorkflowStatus` EQUALS NEW or NOTIFIED.
    pub open: bool,
}

/// A text, or how texts begin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Beginning {
    /// EQUALS.
    Whole(String),
    /// PREFIX.
    Prefix(String),
}

/// A page of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingsPage {
    /// The findings; may be empty although there is a token.
    pub findings: Vec<Finding>,
    /// Where to go on; a page without one is the last.
    pub next_token: Option<String>,
}

/// A queue of events: each is given out at least once, in any order, and again until it is deleted.
#[async_trait]
pub trait EventQueue: Send + Sync {
    /// At most ten messages, as soon as there are any; none when there were none for 20 seconds (`ReceiveMessage`).
    async fn receive(&self) -> Result<Vec<QueueMessage>, AwsError>;
    /// Deletes at most ten messages by their receipts (`DeleteMessageBatch`). Gives how many it deleted; the others come again.
    async fn delete(&self, receipts: Vec<String>) -> Result<usize, AwsError>;
}

/// A message of a queue.
#[derive(Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// Its id, the same each time that it is given out.
    pub id: String,
    /// What deletes it; another one each time.
    pub receipt: String,
    /// Its text.
    pub body: String,
}

/// Without the text, which has no place in logs.
impl fmt::Debug for QueueMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("QueueMessage").field("id", &self.id).finish_non_exhaustive()
    }
}
