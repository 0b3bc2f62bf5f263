//! Changes of the tree, and of what types of policies there are.

use std::collections::BTreeMap;

use serde_json::json;

use super::input::{ACCOUNT_ID, Input, NAME, PARENT_ID, ROOT_ID};
use super::policies::By;
use super::policy_writes::empty;
use super::tags::check_count;
use super::tree::Ou;
use super::{Organization, PolicyType, errors, ids};
use crate::call::{Answer, ApiError, Call};

const DEEPEST: usize = 5;
const MOST_OUS: usize = 2000;

impl Organization {
    /// Adds an OU, with a given id in a world file, and gives its id.
    pub(super) fn create_ou(
        &mut self,
        parent: &str,
        name: &str,
        id: Option<String>,
        tags: BTreeMap<String, String>,
    ) -> Result<String, ApiError> {
        if !self.tree.is_container(parent) {
            return Err(errors::parent_not_found());
        }
        if self.tree.ou_named(parent, name).is_some() {
            return Err(errors::duplicate_ou());
        }
        if self.tree.depth(parent) >= DEEPEST {
            let message = "You attempted to create an OU tree that is too many levels deep.";
            return Err(errors::constraint("OU_DEPTH_LIMIT_EXCEEDED", message));
        }
        if self.tree.ous.len() >= MOST_OUS {
            let message = "You attempted to exceed the number of OUs that you can have in an organization.";
            return Err(errors::constraint("OU_NUMBER_LIMIT_EXCEEDED", message));
        }
        check_count(tags.len())?;
        let root = self.tree.root.trim_start_matches("r-");
        let id = id.unwrap_or_else(|| format!("ou-{root}-{}", ids::digest(&[&self.tree.id, parent, name], 8)));
        self.tree.add_ou(id.clone(), Ou { name: name.to_owned(), parent: parent.to_owned(), tags });
        Ok(id)
    }

    /// Enables a type; its AWS-managed policy is attached to everything.
    pub(super) fn enable(&mut self, kind: &'static PolicyType, by: By<'_>) -> Result<(), ApiError> {
        if self.feature_set != "ALL" {
            return Err(errors::type_not_available());
        }
        if !self.enabled.insert(kind.name) {
            return Err(errors::type_already_enabled());
        }
        if let Some((id, _)) = kind.managed {
            let tree = &self.tree;
            let everything = std::iter::once(&tree.root).chain(tree.ous.keys()).chain(tree.accounts.keys());
            let everything: Vec<&str> = everything.map(String::as_str).collect();
            self.book.attach_all(id, &everything, By { actor: "aws", ..by });
        }
        Ok(())
    }

    /// Disables a type; all its policies are detached from everything.
    pub(super) fn disable(&mut self, kind: &'static PolicyType, by: By<'_>) -> Result<(), ApiError> {
        if !self.enabled.remove(kind.name) {
            return Err(errors::type_not_enabled());
        }
        let policies = self.book.truth();
        let of_kind = policies.by_id.values().filter(|policy| policy.kind == kind).map(|policy| &policy.id);
        let attachments: Vec<_> =
            of_kind.flat_map(|id| policies.targets_of(id).map(move |target| (id.clone(), target.clone()))).collect();
        for (policy, target) in attachments {
            self.book.detach(&policy, &target, By { actor: "aws", ..by });
        }
        Ok(())
    }
}

pub(super) fn enable_policy_type(org: &mut Organization, call: &Call) -> Answer {
    let kind = policy_type_of_root(org, call)?;
    org.enable(kind, By::caller(call))?;
    Ok(json!({"Root": org.show_root()}))
}

pub(super) fn disable_policy_type(org: &mut Organization, call: &Call) -> Answer {
    let kind = policy_type_of_root(org, call)?;
    org.disable(kind, By::caller(call))?;
    Ok(json!({"Root": org.show_root()}))
}

fn policy_type_of_root(org: &Organization, call: &Call) -> Result<&'static PolicyType, ApiError> {
    let input = Input(&call.input);
    let kind = input.policy_type("PolicyType")?;
    let root = input.required("RootId", &ROOT_ID)?;
    if root == org.tree.root { Ok(kind) } else { Err(errors::root_not_found()) }
}

pub(super) fn create_organizational_unit(org: &mut Organization, call: &Call) -> Answer {
    let input = Input(&call.input);
    let (parent, name) = (input.required("ParentId", &PARENT_ID)?, input.required("Name", &NAME)?);
    let tags = input.tags()?.unwrap_or_default();
    let id = org.create_ou(parent, name, None, tags)?;
    org.attach_managed(&id, call.now);
    let ou = org.tree.ous.get(&id).ok_or_else(errors::ou_not_found)?;
    Ok(json!({"OrganizationalUnit": org.tree.show_ou(&id, ou)}))
}

pub(super) fn move_account(org: &mut Organization, call: &Call) -> Answer {
    let input = Input(&call.input);
    let id = input.required("AccountId", &ACCOUNT_ID)?;
    let source = input.required("SourceParentId", &PARENT_ID)?;
    let destination = input.required("DestinationParentId", &PARENT_ID)?;
    let account = org.tree.accounts.get(id).ok_or_else(errors::account_not_found)?;
    if !org.tree.is_container(source) {
        return Err(errors::source_not_found());
    }
    if !org.tree.is_container(destination) {
        return Err(errors::destination_not_found());
    }
    if account.parent == destination {
        return Err(errors::duplicate_account());
    }
    if account.parent != source {
        return Err(errors::source_not_found());
    }
    org.tree.move_account(id, destination);
    Ok(empty())
}
