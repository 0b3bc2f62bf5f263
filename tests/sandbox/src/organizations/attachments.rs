//! Attaching and detaching policies.

use std::sync::Arc;

use super::input::{Input, POLICY_ID, TARGET_ID};
use super::policies::{By, Policy};
use super::policy_writes::empty;
use super::{Organization, errors};
use crate::call::{Answer, ApiError, Call};

impl Organization {
    /// Attaches a policy, within AWS's limits.
    pub(super) fn attach(&mut self, id: &str, target: &str, by: By<'_>) -> Result<(), ApiError> {
        let policy = self.attachable(id, target)?;
        let policies = self.book.truth();
        if !self.enabled.contains(policy.kind.name) {
            return Err(errors::type_not_enabled());
        }
        if policies.is_attached(id, target) {
            return Err(errors::duplicate_attachment());
        }
        if policies.at(target, policy.kind).count() >= policy.kind.attachments {
            let message = "You have attached the maximum number of policies to the specified target.";
            return Err(errors::constraint("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", message));
        }
        self.book.attach(id, target, by);
        Ok(())
    }

    /// Detaches a policy, but never the last one where AWS wants one.
    pub(super) fn detach(&mut self, id: &str, target: &str, by: By<'_>) -> Result<(), ApiError> {
        let policy = self.attachable(id, target)?;
        let policies = self.book.truth();
        if !policies.is_attached(id, target) {
            return Err(errors::not_attached());
        }
        if policy.managed && policy.kind.name == "RESOURCE_CONTROL_POLICY" {
            let message = "You can't detach this AWS Managed Policy.";
            return Err(errors::invalid("NON_DETACHABLE_POLICY", message));
        }
        if policy.kind.managed.is_some() && policies.at(target, policy.kind).count() == 1 {
            let message = "You cannot remove the last policy attached to the specified target. You must have at least one attached at all times.";
            return Err(errors::constraint("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", message));
        }
        self.book.detach(id, target, by);
        Ok(())
    }

    fn attachable(&self, id: &str, target: &str) -> Result<Arc<Policy>, ApiError> {
        let policy = Arc::clone(self.policy(id)?);
        self.tree.node(target).ok_or_else(errors::target_not_found)?;
        Ok(policy)
    }
}

pub(super) fn attach_policy(org: &mut Organization, call: &Call) -> Answer {
    let input = Input(&call.input);
    let (id, target) = (input.required("PolicyId", &POLICY_ID)?, input.required("TargetId", &TARGET_ID)?);
    org.attach(id, target, By::caller(call)).map(|()| empty())
}

pub(super) fn detach_policy(org: &mut Organization, call: &Call) -> Answer {
    let input = Input(&call.input);
    let (id, target) = (input.required("PolicyId", &POLICY_ID)?, input.required("TargetId", &TARGET_ID)?);
    org.detach(id, target, By::caller(call)).map(|()| empty())
}
