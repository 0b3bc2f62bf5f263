//! What the operator itself needs of AWS: the calls that no guardrail may take from its roles.
//!
//! The same calls as in the IAM policies of docs/running.md, each with the resource that IAM checks.

use soc2_crds::{AwsOrganizationSpec, RoleRef};
use soc2_posture::ids::AccountId;

use crate::plan::{Access, Call, Guarded};

/// Organizations has one endpoint for each partition; this is the Region that it counts as.
const ORGANIZATIONS_REGION: &str = "us-east-1";

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

/// Who must not be locked out of an organization.
#[must_use]
pub fn guarded(spec: &AwsOrganizationSpec) -> Guarded {
    let mut operator = Vec::new();
    let organizations = &spec.organizations;
    let global = |actions: &[&str]| calls(actions, "*", ORGANIZATIONS_REGION);
    operator.extend(access(organizations.role.as_ref(), global(READ_ORGANIZATIONS)));
    operator.extend(access(organizations.write_role.as_ref(), global(WRITE_ORGANIZATIONS)));
    if let Some(events) = &organizations.events {
        let role = events.role.as_ref().or(organizations.role.as_ref());
        let queue = queue_arn(&events.queue_url, ORGANIZATIONS_REGION);
        operator.extend(access(role, calls(READ_QUEUE, &queue, ORGANIZATIONS_REGION)));
    }
    for source in &spec.security_hub {
        let regions: Vec<&String> = source.home_region.iter().chain(source.regions.iter().flatten()).collect();
        let hub_calls = |account: &str| -> Vec<Call> {
            let hub = |region: &&String| format!("arn:aws:securityhub:{region}:{account}:hub/default");
            regions.iter().flat_map(|region| calls(READ_SECURITY_HUB, &hub(region), region)).collect()
        };
        if let Some(each) = &source.per_account {
            let role = format!("arn:aws:iam::*:role/{}", each.role_name);
            operator.push(Access { account: None, role, calls: hub_calls("*") });
        }
        if let Some(role) = &source.role {
            let account = account_of(role).map(|account| account.to_string()).unwrap_or_default();
            operator.extend(access(Some(role), hub_calls(&account)));
        }
        if let Some(events) = &source.events {
            let region = regions.first().map(|region| region.as_str()).unwrap_or_default();
            let role = events.role.as_ref().or(source.role.as_ref());
            operator.extend(access(role, calls(READ_QUEUE, &queue_arn(&events.queue_url, region), region)));
        }
    }
    let break_glass = spec.guardrails.break_glass_principals.clone().unwrap_or_default();
    Guarded { break_glass, operator }
}

fn calls(actions: &[&str], resource: &str, region: &str) -> Vec<Call> {
    let call =
        |action: &&str| Call { action: (*action).to_owned(), resource: resource.to_owned(), region: region.to_owned() };
    actions.iter().map(call).collect()
}

fn access(role: Option<&RoleRef>, calls: Vec<Call>) -> Option<Access> {
    let role = role?;
    Some(Access { account: Some(account_of(role)?), role: role.arn.clone(), calls })
}

fn account_of(role: &RoleRef) -> Option<AccountId> {
    role.arn.split(':').nth(4)?.parse().ok()
}

/// `https://sqs.eu-west-1.amazonaws.com/222222222222/soc2` is `arn:aws:sqs:eu-west-1:222222222222:soc2`.
fn queue_arn(url: &str, region: &str) -> String {
    let mut parts = url.rsplit('/');
    let (name, account) = (parts.next().unwrap_or("*"), parts.next().unwrap_or("*"));
    format!("arn:aws:sqs:{region}:{account}:{name}")
}
