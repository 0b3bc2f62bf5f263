//! Creating, changing and deleting policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::input::{CONTENT, DESCRIPTION, Input, NAME, POLICY_ID};
use super::policies::{By, Policy};
use super::tags::check_count;
use super::{Organization, PolicyType, document, errors, ids};
use crate::call::{Answer, ApiError, Call};

/// A policy to be made.
pub(super) struct Draft<'a> {
    pub(super) kind: &'static PolicyType,
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) content: &'a str,
    pub(super) tags: BTreeMap<String, String>,
}

/// What may change of a policy; `None` leaves it as it is.
#[derive(Default)]
pub(super) struct Edit<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) description: Option<&'a str>,
    pub(super) content: Option<&'a str>,
    pub(super) tags: Option<BTreeMap<String, String>>,
}

impl<'a> By<'a> {
    pub(super) fn caller(call: &'a Call) -> Self {
        Self { actor: &call.principal, now: call.now }
    }
}

impl Organization {
    /// Creates a policy, with a given id in a world file, and gives its id.
    pub(super) fn create(&mut self, draft: Draft<'_>, id: Option<String>, by: By<'_>) -> Result<Arc<str>, ApiError> {
        if self.feature_set != "ALL" {
            return Err(errors::type_not_available());
        }
        check_content(draft.kind, draft.content)?;
        check_count(draft.tags.len())?;
        self.check_name(draft.kind, draft.name, None)?;
        let own = self.book.truth().by_id.values().filter(|policy| policy.kind == draft.kind && !policy.managed);
        if own.count() >= draft.kind.policies {
            let message = "You attempted to exceed the number of policies that you can have in an organization.";
            return Err(errors::constraint("POLICY_NUMBER_LIMIT_EXCEEDED", message));
        }
        let id: Arc<str> = id.unwrap_or_else(|| self.next_policy_id(draft.kind, draft.name)).into();
        self.made += 1;
        let policy = Policy {
            id: Arc::clone(&id),
            name: draft.name.to_owned(),
            kind: draft.kind,
            description: draft.description.to_owned(),
            content: draft.content.into(),
            managed: false,
            tags: draft.tags,
        };
        self.book.put(policy, by);
        Ok(id)
    }

    /// The id that the next policy gets.
    pub(super) fn next_policy_id(&self, kind: &PolicyType, name: &str) -> String {
        let made = (self.made + 1).to_string();
        format!("p-{}", ids::digest(&[&self.tree.id, kind.name, name, &made], 8))
    }

    /// Changes a policy that is not AWS's.
    pub(super) fn edit(&mut self, id: &str, edit: Edit<'_>, by: By<'_>) -> Result<(), ApiError> {
        let mut policy = Policy::clone(self.own_policy(id)?);
        if let Some(content) = edit.content {
            check_content(policy.kind, content)?;
            policy.content = content.into();
        }
        if let Some(name) = edit.name {
            self.check_name(policy.kind, name, Some(id))?;
            name.clone_into(&mut policy.name);
        }
        if let Some(description) = edit.description {
            description.clone_into(&mut policy.description);
        }
        if let Some(tags) = edit.tags {
            check_count(tags.len())?;
            policy.tags = tags;
        }
        self.book.put(policy, by);
        Ok(())
    }

    /// Deletes a policy that is attached to nothing.
    pub(super) fn remove(&mut self, id: &str, by: By<'_>) -> Result<(), ApiError> {
        self.own_policy(id)?;
        if self.book.truth().targets_of(id).next().is_some() {
            return Err(errors::in_use());
        }
        self.book.delete(id, by);
        Ok(())
    }

    pub(super) fn policy(&self, id: &str) -> Result<&Arc<Policy>, ApiError> {
        self.book.truth().by_id.get(id).ok_or_else(errors::policy_not_found)
    }

    /// A policy that may be changed.
    fn own_policy(&self, id: &str) -> Result<&Arc<Policy>, ApiError> {
        let policy = self.policy(id)?;
        if policy.managed {
            let message = "You specified a policy that is managed by AWS and can't be modified.";
            return Err(errors::invalid("IMMUTABLE_POLICY", message));
        }
        Ok(policy)
    }

    /// Names are unique within a type.
    fn check_name(&self, kind: &'static PolicyType, name: &str, except: Option<&str>) -> Result<(), ApiError> {
        let taken = self
            .book
            .truth()
            .by_id
            .values()
            .any(|policy| policy.kind == kind && policy.name == name && Some(&*policy.id) != except);
        if taken { Err(errors::duplicate_policy()) } else { Ok(()) }
    }

    fn shown(&self, id: &str) -> Answer {
        self.policy(id).map(|policy| self.show_policy(policy))
    }
}

/// Length in characters exactly as sent, then the language of the type.
fn check_content(kind: &'static PolicyType, content: &str) -> Result<(), ApiError> {
    if content.is_empty() {
        return Err(errors::malformed("The document is empty."));
    }
    let length = content.chars().count();
    if length > kind.characters {
        let most = kind.characters;
        let message = format!(
            "You attempted to create a policy that is larger than the maximum size ({length} of {most} characters)."
        );
        return Err(errors::constraint("POLICY_CONTENT_LIMIT_EXCEEDED", message));
    }
    document::check(kind, content).map_err(|why| errors::malformed(&why))
}

pub(super) fn create_policy(org: &mut Organization, call: &Call) -> Answer {
    let input = Input(&call.input);
    let draft = Draft {
        kind: input.policy_type("Type")?,
        name: input.required("Name", &NAME)?,
        description: input.required("Description", &DESCRIPTION)?,
        content: input.required("Content", &CONTENT)?,
        tags: input.tags()?.unwrap_or_default(),
    };
    let id = org.create(draft, None, By::caller(call))?;
    org.shown(&id)
}

pub(super) fn update_policy(org: &mut Organization, call: &Call) -> Answer {
    let input = Input(&call.input);
    let id = input.required("PolicyId", &POLICY_ID)?;
    let edit = Edit {
        name: input.optional("Name", &NAME)?,
        description: input.optional("Description", &DESCRIPTION)?,
        content: input.optional("Content", &CONTENT)?,
        tags: None,
    };
    org.edit(id, edit, By::caller(call))?;
    org.shown(id)
}

pub(super) fn delete_policy(org: &mut Organization, call: &Call) -> Answer {
    let id = Input(&call.input).required("PolicyId", &POLICY_ID)?;
    org.remove(id, By::caller(call))?;
    Ok(empty())
}

/// The answer of an operation without output.
pub(super) fn empty() -> Value {
    json!({})
}
