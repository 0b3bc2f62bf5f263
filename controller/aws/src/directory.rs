//! The organization and its policies, read from AWS Organizations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::{PolicyType, Tag};
use jiff::Timestamp;
use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;
use tracing::info;

use crate::caller::{Caller, Service};
use crate::core::Core;
use crate::error::{AwsError, ErrorClass};
use crate::identity::Identity;
use crate::pages::{Listing, all};
use crate::session::Session;
use crate::traits::{Directory, PolicySummary, Role};
use crate::tree::{Known, assemble};

/// All listings of Organizations give at most so many items.
pub(crate) const PAGE: i32 = 20;
/// Readings that do not fit together, before it is an error.
const MISFITS: u32 = 2;
/// Readings before one has to be taken for the truth.
const READINGS: u32 = 4;

/// `Directory` on AWS Organizations.
#[derive(Debug)]
pub(crate) struct OrganizationsDirectory {
    pub(crate) client: Client,
    pub(crate) caller: Caller,
    identity: Identity,
    /// What the last good reading had.
    known: Mutex<Option<Known>>,
}

/// A client of Organizations, and what calls it.
pub(crate) fn client(core: &Arc<Core>, session: &Arc<Session>, attempt: std::time::Duration) -> (Client, Caller) {
    let region = core.organizations_region(session.role.as_ref());
    let mut builder = aws_sdk_organizations::config::Builder::from(&core.sdk(session, region, attempt));
    builder.push_interceptor(core.meter());
    let caller = Caller::new(core, session, Service::Organizations, region).attempts_last(attempt);
    (Client::from_conf(builder.build()), caller)
}

impl OrganizationsDirectory {
    pub(crate) fn new(core: &Arc<Core>, role: Option<&Role>) -> Self {
        let session = core.session(role);
        let (client, caller) = client(core, &session, core.settings.attempt_timeout);
        Self { client, caller, identity: Identity::new(core, &session), known: Mutex::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tags_of(&self, resource: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let tags = all(async |token: Option<String>| {
            let send =
                || self.client.list_tags_for_resource().resource_id(resource).set_next_token(token.clone()).send();
            let output = self.caller.call("ListTagsForResource", send).await?;
            Ok((output.tags.unwrap_or_default(), output.next_token))
        })
        .await?;
        Ok(tags.items.into_iter().map(|Tag { key, value, .. }| (key, value)).collect())
    }
}

/// AWS left out what it always gives.
pub(crate) fn absent(what: &str) -> AwsError {
    AwsError::new(ErrorClass::Transient, "InvalidResponse", format!("AWS gave no {what}"))
}

#[async_trait]
impl Directory for OrganizationsDirectory {
    /// A listing of several pages may have lost what moved from a later page to an earlier one meanwhile. So a reading is believed when each
    /// of its listings was one page, when it has all that the last one had, or when it says the same twice.
    async fn organization(&self, now: Timestamp) -> Result<Organization, AwsError> {
        let mut misfits = 0;
        let mut last: Option<Known> = None;
        for _ in 0..READINGS {
            let (parts, one_moment) = self.parts().await?;
            let organization = match assemble(parts, now) {
                Ok(organization) => organization,
                Err(misfit) => {
                    misfits += 1;
                    info!(reason = misfit.0, "the organization changed while it was read");
                    if misfits < MISFITS {
                        continue;
                    }
                    let message = format!("the organization cannot be read as one: {}", misfit.0);
                    return Err(AwsError::new(ErrorClass::Transient, "OrganizationChanging", message));
                }
            };
            let found = Known::of(&organization);
            let nothing_lost = self.known().as_ref().is_some_and(|known| known.is_in(&found));
            if one_moment || nothing_lost || last.as_ref() == Some(&found) {
                *self.known() = Some(found);
                return Ok(organization);
            }
            last = Some(found);
        }
        let message = "the organization cannot be read as one: accounts or units come or go in each reading";
        Err(AwsError::new(ErrorClass::Transient, "OrganizationChanging", message))
    }

    async fn account_tags(&self, account: AccountId) -> Result<BTreeMap<String, String>, AwsError> {
        self.tags_of(&account.to_string()).await
    }

    async fn policies(&self) -> Result<Vec<PolicySummary>, AwsError> {
        let policies = all(async |token: Option<String>| {
            let send = || {
                let list = self.client.list_policies().filter(PolicyType::ServiceControlPolicy);
                list.max_results(PAGE).set_next_token(token.clone()).send()
            };
            let output = self.caller.call("ListPolicies", send).await?;
            Ok((output.policies.unwrap_or_default(), output.next_token))
        })
        .await?;
        let summary = |policy: aws_sdk_organizations::types::PolicySummary| {
            Ok(PolicySummary {
                id: policy.id.ok_or_else(|| absent("policy id"))?,
                name: policy.name.unwrap_or_default(),
                aws_managed: policy.aws_managed,
            })
        };
        policies.items.into_iter().map(summary).collect()
    }

    async fn policy_content(&self, policy: &str) -> Result<String, AwsError> {
        let send = || self.client.describe_policy().policy_id(policy).send();
        let output = self.caller.call("DescribePolicy", send).await?;
        output.policy.and_then(|policy| policy.content).ok_or_else(|| absent("policy content"))
    }

    async fn policy_tags(&self, policy: &str) -> Result<BTreeMap<String, String>, AwsError> {
        self.tags_of(policy).await
    }

    async fn tags(&self, resource: &str) -> Result<BTreeMap<String, String>, AwsError> {
        self.tags_of(resource).await
    }

    async fn policy_targets(&self, policy: &str) -> Result<BTreeSet<String>, AwsError> {
        let targets: Listing<_> = all(async |token: Option<String>| {
            let send = || {
                let list = self.client.list_targets_for_policy().policy_id(policy);
                list.max_results(PAGE).set_next_token(token.clone()).send()
            };
            let output = self.caller.call("ListTargetsForPolicy", send).await?;
            Ok((output.targets.unwrap_or_default(), output.next_token))
        })
        .await?;
        targets.items.into_iter().map(|target| target.target_id.ok_or_else(|| absent("target id"))).collect()
    }

    async fn identity(&self) -> Result<AccountId, AwsError> {
        self.identity.account().await
    }
}
