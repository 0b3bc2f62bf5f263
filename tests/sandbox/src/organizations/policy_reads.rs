//! Reads of policies and attachments. They show what was true `readLagMs` ago.

use serde_json::{Value, json};

use super::input::{Input, POLICY_ID, TARGET_ID};
use super::paging::page;
use super::policies::Policy;
use super::{Organization, PolicyType, errors};
use crate::call::{Answer, Call};

impl Organization {
    pub(super) fn policy_arn(&self, policy: &Policy) -> String {
        if policy.managed {
            let kind = policy.kind.name.to_ascii_lowercase();
            return format!("arn:{}:organizations::aws:policy/{kind}/{}", self.tree.partition, policy.id);
        }
        self.arn_of_policy(policy.kind, &policy.id)
    }

    /// ARN of a policy that is not AWS's.
    pub(super) fn arn_of_policy(&self, kind: &PolicyType, id: &str) -> String {
        self.tree.arn("policy", &format!("{}/{id}", kind.name.to_ascii_lowercase()))
    }

    pub(super) fn show_summary(&self, policy: &Policy) -> Value {
        json!({
            "Id": policy.id, "Arn": self.policy_arn(policy), "Name": policy.name, "Description": policy.description,
            "Type": policy.kind.name, "AwsManaged": policy.managed,
        })
    }

    pub(super) fn show_policy(&self, policy: &Policy) -> Value {
        json!({"Policy": {"PolicySummary": self.show_summary(policy), "Content": policy.content}})
    }
}

pub(super) fn list_policies(org: &mut Organization, call: &Call) -> Answer {
    let kind = Input(&call.input).policy_type("Filter")?;
    let policies = org.book.seen(call.now).by_id.values().filter(|policy| policy.kind == kind);
    page(call, "Policies", policies.map(|policy| (&*policy.id, policy)), |policy| org.show_summary(policy))
}

pub(super) fn describe_policy(org: &mut Organization, call: &Call) -> Answer {
    let id = Input(&call.input).required("PolicyId", &POLICY_ID)?;
    let policy = org.book.seen(call.now).by_id.get(id).ok_or_else(errors::policy_not_found)?;
    Ok(org.show_policy(policy))
}

pub(super) fn list_policies_for_target(org: &mut Organization, call: &Call) -> Answer {
    let input = Input(&call.input);
    let kind = input.policy_type("Filter")?;
    let target = input.required("TargetId", &TARGET_ID)?;
    org.tree.node(target).ok_or_else(errors::target_not_found)?;
    let policies = org.book.seen(call.now).at(target, kind);
    page(call, "Policies", policies.map(|policy| (&*policy.id, policy)), |policy| org.show_summary(policy))
}

pub(super) fn list_targets_for_policy(org: &mut Organization, call: &Call) -> Answer {
    let id = Input(&call.input).required("PolicyId", &POLICY_ID)?;
    let policies = org.book.seen(call.now);
    if !policies.by_id.contains_key(id) {
        return Err(errors::policy_not_found());
    }
    let targets = policies.targets_of(id).filter_map(|target| Some((&**target, (target, org.tree.node(target)?))));
    page(call, "Targets", targets, |(target, node)| {
        let (arn, name, kind) = org.tree.identity(target, node);
        json!({"TargetId": target, "Arn": arn, "Name": name, "Type": kind})
    })
}
