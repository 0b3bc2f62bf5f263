//! AWS Organizations: the tree of OUs and accounts, policies and their attachments.

mod attachments;
mod document;
mod errors;
mod ids;
mod input;
mod lag;
mod needs;
mod outside;
mod paging;
mod policies;
mod policy_reads;
mod policy_types;
mod policy_writes;
mod setup;
mod structure;
mod tags;
#[cfg(test)]
mod tests;
mod tree;
mod tree_reads;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

pub use errors::{changes_in_progress, concurrent_modification};
pub use ids::{is_account, is_organization, is_ou, is_policy, is_root};
pub use outside::{AccountChange, NewPolicy, PolicyEdit};
pub use policies::Lags;
pub use policy_types::{PolicyType, SCP};
pub use tree::AccountState;

use crate::call::{Answer, ApiError, Call};
use crate::history::Change;
use crate::iam;
use policies::PolicyBook;
use tree::Tree;

/// The state of one organization.
#[derive(Debug)]
pub struct Organization {
    tree: Tree,
    book: PolicyBook,
    feature_set: String,
    in_use: bool,
    delegated: BTreeSet<String>,
    /// What member accounts may do beside that.
    delegation: Option<iam::Policy>,
    enabled: BTreeSet<&'static str>,
    /// Where the API is served; other Regions refuse.
    home_region: &'static str,
    /// Policies ever made, for their ids.
    made: u64,
}

type Handler = fn(&mut Organization, &Call) -> Answer;

/// Every operation: name, whether it is a write, and what answers it.
const OPERATIONS: &[(&str, bool, Handler)] = &[
    ("DescribeOrganization", false, tree_reads::describe_organization),
    ("ListRoots", false, tree_reads::list_roots),
    ("ListOrganizationalUnitsForParent", false, tree_reads::list_organizational_units_for_parent),
    ("DescribeOrganizationalUnit", false, tree_reads::describe_organizational_unit),
    ("ListAccounts", false, tree_reads::list_accounts),
    ("ListAccountsForParent", false, tree_reads::list_accounts_for_parent),
    ("DescribeAccount", false, tree_reads::describe_account),
    ("ListParents", false, tree_reads::list_parents),
    ("ListChildren", false, tree_reads::list_children),
    ("ListPolicies", false, policy_reads::list_policies),
    ("DescribePolicy", false, policy_reads::describe_policy),
    ("ListPoliciesForTarget", false, policy_reads::list_policies_for_target),
    ("ListTargetsForPolicy", false, policy_reads::list_targets_for_policy),
    ("ListTagsForResource", false, tags::list_tags_for_resource),
    ("CreatePolicy", true, policy_writes::create_policy),
    ("UpdatePolicy", true, policy_writes::update_policy),
    ("DeletePolicy", true, policy_writes::delete_policy),
    ("AttachPolicy", true, attachments::attach_policy),
    ("DetachPolicy", true, attachments::detach_policy),
    ("TagResource", true, tags::tag_resource),
    ("UntagResource", true, tags::untag_resource),
    ("EnablePolicyType", true, structure::enable_policy_type),
    ("DisablePolicyType", true, structure::disable_policy_type),
    ("CreateOrganizationalUnit", true, structure::create_organizational_unit),
    ("MoveAccount", true, structure::move_account),
];

/// Whether there is such an operation here.
#[must_use]
pub fn knows(operation: &str) -> bool {
    OPERATIONS.iter().any(|(name, ..)| *name == operation)
}

/// Whether an operation changes the organization.
#[must_use]
pub fn is_write(operation: &str) -> bool {
    OPERATIONS.iter().any(|(name, writes, _)| *name == operation && *writes)
}

/// Answers one call.
pub fn handle(organization: &mut Organization, call: &Call) -> Answer {
    let found = OPERATIONS.iter().find(|(name, ..)| *name == call.operation);
    let Some((_, writes, handler)) = found else {
        return Err(ApiError::bad_request("UnknownOperationException", ""));
    };
    organization.admit(call, *writes)?;
    handler(organization, call)
}

impl Organization {
    /// Who may call what, from where.
    fn admit(&self, call: &Call, writes: bool) -> Result<(), ApiError> {
        if call.region != self.home_region {
            return Err(errors::unsupported_endpoint(&call.region, self.home_region));
        }
        if !self.in_use || !self.tree.accounts.contains_key(&call.account) {
            return Err(errors::not_in_use());
        }
        if call.account == self.tree.management || call.operation == "DescribeOrganization" {
            return Ok(());
        }
        self.delegated_to(call, !writes && self.delegated.contains(&call.account))
    }

    /// Whether the account exists, whatever its state.
    #[must_use]
    pub fn has_account(&self, id: &str) -> bool {
        self.tree.accounts.contains_key(id)
    }

    /// Sets how late the effects of writes are.
    pub fn set_lags(&mut self, lags: Lags) {
        self.book.lags = lags;
    }

    /// Lets reads show the truth at once, for when the clock was turned back.
    pub fn settle(&mut self) {
        self.book.settle();
    }

    /// Changes of policies and attachments since the start.
    #[must_use]
    pub fn history(&self) -> &[Change] {
        self.book.history.changes()
    }

    /// The AWS-managed policies of the enabled types are attached to everything new.
    fn attach_managed(&mut self, target: &str, now: Timestamp) {
        let by = policies::By { actor: "aws", now };
        for kind in PolicyType::all().iter().filter(|kind| self.enabled.contains(kind.name)) {
            if let Some((id, _)) = kind.managed {
                self.book.attach(id, target, by);
            }
        }
    }

    /// Milliseconds as the lag of reads or of enforcement.
    #[must_use]
    pub fn lags_of(read_ms: u64, enforce_ms: u64) -> Lags {
        let span = |ms: u64| SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        Lags { read: span(read_ms), enforce: span(enforce_ms) }
    }
}
