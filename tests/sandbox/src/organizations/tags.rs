//! Tags of accounts, OUs, the root and policies.

use std::collections::BTreeMap;

use serde_json::json;

use super::input::{Input, RESOURCE_ID};
use super::paging::page;
use super::policies::By;
use super::policy_writes::{Edit, empty};
use super::tree::{Node, Tree};
use super::{Organization, errors, ids};
use crate::call::{Answer, ApiError, Call};

const MOST_TAGS: usize = 50;

type Tags = BTreeMap<String, String>;

pub(super) fn check_count(tags: usize) -> Result<(), ApiError> {
    if tags > MOST_TAGS {
        let message = "You have exceeded the number of tags allowed on this resource.";
        return Err(errors::constraint("MAX_TAG_LIMIT_EXCEEDED", message));
    }
    Ok(())
}

impl Tree {
    /// Tags of a root, OU or account.
    pub(super) fn tags(&self, id: &str) -> Option<&Tags> {
        self.node(id).map(|node| match node {
            Node::Root => &self.root_tags,
            Node::Ou(ou) => &ou.tags,
            Node::Account(account) => &account.tags,
        })
    }

    pub(super) fn tags_mut(&mut self, id: &str) -> Option<&mut Tags> {
        if id == self.root {
            return Some(&mut self.root_tags);
        }
        let ou = self.ous.get_mut(id).map(|ou| &mut ou.tags);
        ou.or_else(|| self.accounts.get_mut(id).map(|account| &mut account.tags))
    }
}

pub(super) fn list_tags_for_resource(org: &mut Organization, call: &Call) -> Answer {
    let id = Input(&call.input).required("ResourceId", &RESOURCE_ID)?;
    let policies = org.book.seen(call.now);
    let tags = if ids::is_policy(id) { policies.by_id.get(id).map(|policy| &policy.tags) } else { org.tree.tags(id) };
    let tags = tags.ok_or_else(errors::target_not_found)?;
    page(
        call,
        "Tags",
        tags.iter().map(|(key, value)| (key.as_str(), (key, value))),
        |(key, value)| json!({"Key": key, "Value": value}),
    )
}

pub(super) fn tag_resource(org: &mut Organization, call: &Call) -> Answer {
    let input = Input(&call.input);
    let id = input.required("ResourceId", &RESOURCE_ID)?;
    let new = input.tags()?.ok_or_else(|| {
        errors::invalid("INPUT_REQUIRED", "You must include a value for all required parameters: Tags.")
    })?;
    change(org, call, id, |tags| tags.extend(new))
}

pub(super) fn untag_resource(org: &mut Organization, call: &Call) -> Answer {
    let input = Input(&call.input);
    let id = input.required("ResourceId", &RESOURCE_ID)?;
    let keys = input.tag_keys()?;
    change(org, call, id, |tags| tags.retain(|key, _| !keys.contains(&key.as_str())))
}

fn change(org: &mut Organization, call: &Call, id: &str, edit: impl FnOnce(&mut Tags)) -> Answer {
    if ids::is_policy(id) {
        let policy = org.policy(id).map_err(|_| errors::target_not_found())?;
        let mut tags = policy.tags.clone();
        edit(&mut tags);
        org.edit(id, Edit { tags: Some(tags), ..Edit::default() }, By::caller(call))?;
        return Ok(empty());
    }
    let tags = org.tree.tags_mut(id).ok_or_else(errors::target_not_found)?;
    let mut edited = tags.clone();
    edit(&mut edited);
    check_count(edited.len())?;
    *tags = edited;
    Ok(empty())
}
