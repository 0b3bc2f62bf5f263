//! What the operator itself needs of AWS: the calls that no guardrail may take from its roles.
//!
//! The same calls as in the IAM policies of docs/running.md, each with the resource that IAM checks. The pod's own role is not among
//! them: no object says which it is.

use soc2_crds::{AwsOrganizationSpec, CloudTrailSource, EventQueue, GuardrailSetSpec, RoleRef};
use soc2_posture::ids::AccountId;

use crate::plan::{Access, Call, Guarded};

const READ_ORGANIZATIONS: &[&str] = &[
    "organizations:DescribeOrganization",
    "organizations:DescribePolicy",
    "organizations:ListAccounts",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListPolicies",
    "organizations:ListRoots",
    "organizations:ListTagsForResource",
    "organizations:ListTargetsForPolicy",
];

const WRITE_ORGANIZATIONS: &[&str] = &[
    "organizations:AttachPolicy",
    "organizations:CreatePolicy",
    "organizations:DeletePolicy",
    "organizations:DetachPolicy",
    "organizations:TagResource",
    "organizations:UpdatePolicy",
];

const READ_SECURITY_HUB: &[&str] = &[
    "securityhub:DescribeHub",
    "securityhub:GetEnabledStandards",
    "securityhub:GetFindingAggregator",
    "securityhub:GetFindings",
    "securityhub:ListFindingAggregators",
    "securityhub:ListMembers",
    "securityhub:ListSecurityControlDefinitions",
    "securityhub:ListStandardsControlAssociations",
];

const READ_QUEUE: &[&str] = &["sqs:DeleteMessage", "sqs:ReceiveMessage"];

/// Of the key of a queue or a bucket, where it has one of its own, which nothing here tells.
const USE_KEY: &[&str] = &["kms:Decrypt"];

const FIND_FILES: &[&str] = &["s3:ListBucket"];

const READ_FILES: &[&str] = &["s3:GetObject"];

/// Who must not be locked out of an organization, as far as its object names them. What guardrail sets name is theirs:
/// [`trail_access`].
#[must_use]
pub fn guarded(spec: &AwsOrganizationSpec) -> Guarded {
    let mut operator = Vec::new();
    let organizations = &spec.organizations;
    let home = |role: &RoleRef| organizations_region(partition(&role.arn));
    for (role, actions) in [(&organizations.role, READ_ORGANIZATIONS), (&organizations.write_role, WRITE_ORGANIZATIONS)]
    {
        operator.extend(role.as_ref().and_then(|role| access(role, calls(actions, "*", home(role)))));
    }
    if let Some(events) = &organizations.events {
        // CloudTrail tells of AWS Organizations only where these have their endpoint.
        operator.extend(queue(events, organizations.role.as_ref(), home));
    }
    for source in &spec.security_hub {
        let regions: Vec<&String> = source.home_region.iter().chain(source.regions.iter().flatten()).collect();
        let hub_calls = |partition: &str, account: &str| -> Vec<Call> {
            let hub = |region: &&String| format!("arn:{partition}:securityhub:{region}:{account}:hub/default");
            regions.iter().flat_map(|region| calls(READ_SECURITY_HUB, &hub(region), region)).collect()
        };
        if let Some(each) = &source.per_account {
            // All accounts of an organization are in one partition.
            let partition = organizations.role.as_ref().map_or("aws", |role| partition(&role.arn));
            let role = format!("arn:{partition}:iam::*:role/{}", each.role_name);
            operator.push(Access { account: None, role, calls: hub_calls(partition, "*") });
        }
        if let Some(role) = &source.role {
            let account = account_of(role).map(|account| account.to_string()).unwrap_or_default();
            operator.extend(access(role, hub_calls(partition(&role.arn), &account)));
        }
        if let Some(events) = &source.events {
            let region = regions.first().map(|region| region.as_str()).unwrap_or_default();
            operator.extend(queue(events, source.role.as_ref(), |_| region));
        }
    }
    let break_glass = spec.guardrails.break_glass_principals.clone().unwrap_or_default();
    Guarded { break_glass, operator }
}

/// What the role needs that reads recorded calls for the waves of a guardrail set; `None` where the set names no role.
#[must_use]
pub fn trail_access(spec: &GuardrailSetSpec) -> Option<Access> {
    let source = trail(spec)?;
    let (role, bucket) = (source.role.as_ref()?, bucket(source)?);
    let (partition, region) = (partition(&role.arn), source.region.as_deref().unwrap_or_default());
    let mut needed = calls(FIND_FILES, &format!("arn:{partition}:s3:::{bucket}"), region);
    needed.extend(calls(READ_FILES, &format!("arn:{partition}:s3:::{bucket}/*"), region));
    needed.extend(calls(USE_KEY, &format!("arn:{partition}:kms:{}:*:key/*", or_any(region)), region));
    access(role, needed)
}

fn trail(spec: &GuardrailSetSpec) -> Option<&CloudTrailSource> {
    Some(&spec.rollout.as_ref()?.gate.as_ref()?.source.as_ref()?.cloud_trail)
}

/// The bucket of a trail; files of the operator's own disk are in none.
fn bucket(source: &CloudTrailSource) -> Option<&str> {
    let of_url = || source.url.as_deref()?.strip_prefix("s3://")?.split('/').next();
    source.bucket.as_deref().or_else(of_url)
}

/// What reading a queue takes. `elsewhere` is the Region where its URL tells none.
fn queue<'a>(events: &EventQueue, beside: Option<&RoleRef>, elsewhere: impl Fn(&RoleRef) -> &'a str) -> Option<Access> {
    let role = events.role.as_ref().or(beside)?;
    let (partition, region) =
        (partition(&role.arn), soc2_posture::queue::region_of(&events.queue_url).unwrap_or_else(|| elsewhere(role)));
    let mut parts = events.queue_url.rsplit('/');
    let (name, account) = (parts.next().unwrap_or("*"), parts.next().unwrap_or("*"));
    let mut needed = calls(READ_QUEUE, &format!("arn:{partition}:sqs:{region}:{account}:{name}"), region);
    needed.extend(calls(USE_KEY, &format!("arn:{partition}:kms:{region}:{account}:key/*"), region));
    access(role, needed)
}

fn calls(actions: &[&str], resource: &str, region: &str) -> Vec<Call> {
    let call =
        |action: &&str| Call { action: (*action).to_owned(), resource: resource.to_owned(), region: region.to_owned() };
    actions.iter().map(call).collect()
}

fn access(role: &RoleRef, calls: Vec<Call>) -> Option<Access> {
    Some(Access { account: Some(account_of(role)?), role: role.arn.clone(), calls })
}

fn account_of(role: &RoleRef) -> Option<AccountId> {
    role.arn.split(':').nth(4)?.parse().ok()
}

fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or("aws")
}

/// Organizations has one endpoint for each partition; this is the Region that it counts as.
fn organizations_region(partition: &str) -> &'static str {
    match partition {
        "aws-us-gov" => "us-gov-west-1",
        "aws-cn" => "cn-northwest-1",
        _ => "us-east-1",
    }
}

fn or_any(region: &str) -> &str {
    if region.is_empty() { "*" } else { region }
}
