//! The organization of the fake.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use soc2_aws::{AwsError, Directory, ErrorClass, PolicySummary};
use soc2_guardrails::inventory::Policy;
use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use super::{Fake, account, error};

impl Fake {
    fn policy<T>(&self, id: &str, get: impl FnOnce(&Policy) -> T) -> Result<T, AwsError> {
        let not_found = || error(ErrorClass::Terminal, "PolicyNotFoundException");
        self.cloud().policies.get(id).map(get).ok_or_else(not_found)
    }
}

#[async_trait]
impl Directory for Fake {
    async fn organization(&self, now: Timestamp) -> Result<Organization, AwsError> {
        self.call("Organization", "").await?;
        Ok(Organization { read_at: now, ..self.cloud().organization.clone() })
    }

    async fn account_tags(&self, account: AccountId) -> Result<BTreeMap<String, String>, AwsError> {
        self.call("AccountTags", &account.to_string()).await?;
        Ok(self.cloud().tags.get(&account).cloned().unwrap_or_default())
    }

    async fn policies(&self) -> Result<Vec<PolicySummary>, AwsError> {
        self.call("ListPolicies", "").await?;
        let summary = |(id, policy): (&String, &Policy)| PolicySummary {
            id: id.clone(),
            name: policy.name.clone(),
            aws_managed: policy.aws_managed,
        };
        Ok(self.cloud().policies.iter().map(summary).collect())
    }

    async fn policy_content(&self, policy: &str) -> Result<String, AwsError> {
        self.call("PolicyContent", policy).await?;
        self.policy(policy, |found| found.content.clone())
    }

    async fn policy_tags(&self, policy: &str) -> Result<BTreeMap<String, String>, AwsError> {
        self.call("PolicyTags", policy).await?;
        self.policy(policy, |found| found.tags.clone())
    }

    async fn tags(&self, resource: &str) -> Result<BTreeMap<String, String>, AwsError> {
        self.policy_tags(resource).await
    }

    async fn policy_targets(&self, policy: &str) -> Result<BTreeSet<String>, AwsError> {
        self.call("PolicyTargets", policy).await?;
        self.policy(policy, |found| found.targets.clone())
    }

    async fn identity(&self) -> Result<AccountId, AwsError> {
        Ok(account(111_111_111_111))
    }
}
