//! Service control policies, written to AWS Organizations: one write at a time, each attempt permitted by the guard.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::{PolicyType, Tag};
use soc2_posture::ids::AccountId;
use tokio::sync::{Mutex, MutexGuard};

use crate::caller::Caller;
use crate::core::Core;
use crate::directory::{absent, client};
use crate::error::{AwsError, ErrorClass};
use crate::identity::Identity;
use crate::session::account_of;
use crate::traits::{NewPolicy, PolicyWriter, Role, Tags, WriteGuard};

/// `PolicyWriter` on AWS Organizations.
#[derive(Debug)]
pub(crate) struct OrganizationsWriter {
    client: Client,
    caller: Caller,
    identity: Identity,
    one_at_a_time: Arc<Mutex<()>>,
}

impl OrganizationsWriter {
    pub(crate) fn new(core: &Arc<Core>, role: &Role) -> Self {
        let session = core.session(Some(role));
        let (client, caller) = client(core, &session, core.settings.write_attempt_timeout);
        let one_at_a_time = core.write_lock(account_of(&role.arn).unwrap_or(&role.arn));
        Self { client, caller, identity: Identity::new(core, &session), one_at_a_time }
    }

    async fn turn(&self) -> MutexGuard<'_, ()> {
        self.one_at_a_time.lock().await
    }
}

fn tags(policy: &NewPolicy) -> Result<Vec<Tag>, AwsError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    policy.tags.iter().map(tag).collect::<Result<_, _>>().map_err(|error| {
        AwsError::new(ErrorClass::Terminal, "InvalidRequest", format!("tags of policy {:?}: {error}", policy.name))
    })
}

#[async_trait]
impl PolicyWriter for OrganizationsWriter {
    async fn create_policy(&self, policy: &NewPolicy, guard: &dyn WriteGuard) -> Result<String, AwsError> {
        let tags = tags(policy)?;
        let _turn = self.turn().await;
        let send = || {
            let create =
                self.client.create_policy().r#type(PolicyType::ServiceControlPolicy).set_tags(Some(tags.clone()));
            create.name(&policy.name).description(&policy.description).content(&policy.content).send()
        };
        let output = self.caller.write("CreatePolicy", guard, send).await?;
        output
            .policy
            .and_then(|policy| policy.policy_summary)
            .and_then(|summary| summary.id)
            .ok_or_else(|| absent("policy id"))
    }

    async fn update_policy(&self, id: &str, policy: &NewPolicy, guard: &dyn WriteGuard) -> Result<(), AwsError> {
        let _turn = self.turn().await;
        let send = || {
            let update = self.client.update_policy().policy_id(id).name(&policy.name);
            update.description(&policy.description).content(&policy.content).send()
        };
        self.caller.write("UpdatePolicy", guard, send).await.map(drop)
    }

    async fn attach_policy(&self, id: &str, target: &str, guard: &dyn WriteGuard) -> Result<(), AwsError> {
        let _turn = self.turn().await;
        let send = || self.client.attach_policy().policy_id(id).target_id(target).send();
        match self.caller.write("AttachPolicy", guard, send).await {
            Err(error) if !error.is("DuplicatePolicyAttachment") => Err(error),
            _ => Ok(()),
        }
    }

    async fn detach_policy(&self, id: &str, target: &str, guard: &dyn WriteGuard) -> Result<(), AwsError> {
        let _turn = self.turn().await;
        let send = || self.client.detach_policy().policy_id(id).target_id(target).send();
        match self.caller.write("DetachPolicy", guard, send).await {
            Err(error) if !error.is("PolicyNotAttached") => Err(error),
            _ => Ok(()),
        }
    }

    async fn delete_policy(&self, id: &str, guard: &dyn WriteGuard) -> Result<(), AwsError> {
        let _turn = self.turn().await;
        let send = || self.client.delete_policy().policy_id(id).send();
        match self.caller.write("DeletePolicy", guard, send).await {
            Err(error) if !error.is("PolicyNotFound") => Err(error),
            _ => Ok(()),
        }
    }

    async fn tag_policy(&self, id: &str, tags: &Tags, guard: &dyn WriteGuard) -> Result<(), AwsError> {
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let tags: Vec<Tag> = tags
            .iter()
            .map(tag)
            .collect::<Result<_, _>>()
            .map_err(|error| AwsError::new(ErrorClass::Terminal, "InvalidRequest", format!("tag: {error}")))?;
        let _turn = self.turn().await;
        let send = || self.client.tag_resource().resource_id(id).set_tags(Some(tags.clone())).send();
        self.caller.write("TagResource", guard, send).await.map(drop)
    }

    async fn identity(&self) -> Result<AccountId, AwsError> {
        self.identity.account().await
    }
}
