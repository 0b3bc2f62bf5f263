//! What happens to an organization behind the operator's back: other administrators at work, through the control port.
//!
//! AWS's rules hold for them too; a change that AWS would refuse is refused with AWS's error.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail, ensure};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::policies::{By, Policy};
use super::policy_writes::{Draft, Edit};
use super::tree::AccountState;
use super::{Organization, PolicyType, SCP};
use crate::world::{AccountEntry, Name, content_text};

/// A new policy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPolicy {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    description: String,
    content: Value,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    attach: Vec<Name>,
}

/// An edit of a policy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyEdit {
    name: Option<String>,
    description: Option<String>,
    content: Option<Value>,
    tags: Option<BTreeMap<String, String>>,
}

/// A change of an account.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountChange {
    name: Option<String>,
    state: Option<AccountState>,
    tags: Option<BTreeMap<String, String>>,
}

fn outside<'a>(now: Timestamp) -> By<'a> {
    By { actor: "outside", now }
}

impl Organization {
    /// An account joins.
    pub fn join(&mut self, entry: &AccountEntry, now: Timestamp) -> anyhow::Result<Value> {
        self.add_account(entry, now, now)?;
        self.attach_managed(&entry.id.0, now);
        self.account_state(&entry.id.0)
    }

    /// An account is renamed, retagged, suspended.
    pub fn change_account(&mut self, id: &str, change: AccountChange) -> anyhow::Result<Value> {
        let account = self.tree.accounts.get_mut(id).ok_or_else(|| anyhow!("no account {id}"))?;
        account.name = change.name.unwrap_or_else(|| account.name.clone());
        account.state = change.state.unwrap_or(account.state);
        account.tags = change.tags.unwrap_or_else(|| account.tags.clone());
        self.account_state(id)
    }

    /// An account is moved to another OU.
    pub fn relocate(&mut self, id: &str, path: &str) -> anyhow::Result<Value> {
        ensure!(self.has_account(id), "no account {id}");
        let parent = self.tree.by_path(path).ok_or_else(|| anyhow!("path: no OU {path}"))?.to_owned();
        self.tree.move_account(id, &parent);
        self.account_state(id)
    }

    /// An account leaves, with its attachments.
    pub fn leave(&mut self, id: &str, now: Timestamp) -> anyhow::Result<Value> {
        ensure!(id != self.tree.management, "the management account cannot leave");
        ensure!(self.has_account(id), "no account {id}");
        let attached: Vec<_> = self.book.truth().of_target.get(id).into_iter().flatten().cloned().collect();
        for policy in attached {
            self.book.detach(&policy, id, outside(now));
        }
        self.tree.remove_account(id);
        Ok(json!({}))
    }

    /// An OU appears, with those above it.
    pub fn grow(&mut self, path: &str, now: Timestamp) -> anyhow::Result<Value> {
        ensure!(self.tree.by_path(path).is_none(), "path: {path} exists");
        let before: Vec<String> = self.tree.ous.keys().cloned().collect();
        let id = self.make_path(path, None)?;
        let new: Vec<String> = self.tree.ous.keys().filter(|id| !before.contains(id)).cloned().collect();
        for id in new {
            self.attach_managed(&id, now);
        }
        Ok(json!({"id": id, "path": self.tree.name_path(&id)}))
    }

    /// Someone creates a policy and attaches it.
    pub fn create_outside(&mut self, new: &NewPolicy, now: Timestamp) -> anyhow::Result<Value> {
        let kind = new.kind.as_deref().unwrap_or(SCP);
        let kind = PolicyType::named(kind).ok_or_else(|| anyhow!("type: no policy type {kind}"))?;
        let targets: Vec<String> = new.attach.iter().map(|target| self.resolve(&target.0)).collect::<Result<_, _>>()?;
        let content = content_text(&new.content);
        let draft =
            Draft { kind, name: &new.name, description: &new.description, content: &content, tags: new.tags.clone() };
        let id = self.create(draft, None, outside(now))?;
        for target in targets {
            self.attach(&id, &target, outside(now))?;
        }
        self.policy_state(&id)
    }

    /// Someone edits a policy.
    pub fn edit_outside(&mut self, id: &str, edit: &PolicyEdit, now: Timestamp) -> anyhow::Result<Value> {
        let content = edit.content.as_ref().map(content_text);
        let edit = Edit {
            name: edit.name.as_deref(),
            description: edit.description.as_deref(),
            content: content.as_deref(),
            tags: edit.tags.clone(),
        };
        self.edit(id, edit, outside(now))?;
        self.policy_state(id)
    }

    /// Someone detaches a policy from everything and deletes it.
    pub fn delete_outside(&mut self, id: &str, now: Timestamp) -> anyhow::Result<Value> {
        let policy = self.policy(id)?;
        ensure!(!policy.managed, "{id} is managed by AWS");
        let targets: Vec<_> = self.book.truth().targets_of(id).cloned().collect();
        for target in targets {
            self.detach(id, &target, outside(now)).with_context(|| format!("detaching from {target}"))?;
        }
        self.remove(id, outside(now))?;
        Ok(json!({}))
    }

    /// Someone attaches a policy, or detaches it.
    pub fn attach_outside(&mut self, id: &str, target: &str, on: bool, now: Timestamp) -> anyhow::Result<Value> {
        let target = self.resolve(target)?;
        if on {
            self.attach(id, &target, outside(now))?;
        } else {
            self.detach(id, &target, outside(now))?;
        }
        self.policy_state(id)
    }

    /// Someone tags a root, OU, account or policy; a tag without a value goes.
    pub fn tag_outside(
        &mut self,
        id: &str,
        tags: BTreeMap<String, Option<String>>,
        now: Timestamp,
    ) -> anyhow::Result<Value> {
        let mut edited = match self.book.truth().by_id.get(id) {
            Some(policy) => policy.tags.clone(),
            None => self.tree.tags_mut(id).ok_or_else(|| anyhow!("no root, OU, account or policy {id}"))?.clone(),
        };
        for (key, value) in tags {
            match value {
                Some(value) => drop(edited.insert(key, value)),
                None => drop(edited.remove(&key)),
            }
        }
        if let Some(tags) = self.tree.tags_mut(id) {
            tags.clone_from(&edited);
        } else {
            self.edit(id, Edit { tags: Some(edited.clone()), ..Edit::default() }, outside(now))?;
        }
        Ok(json!({"tags": edited}))
    }

    /// Id of the root, OU or account that an id or a path names.
    #[must_use]
    pub fn target_id(&self, target: &str) -> Option<String> {
        self.resolve(target).ok()
    }

    /// Someone enables or disables types of policies; what is so already stays so.
    pub fn switch_types(&mut self, types: &BTreeMap<String, bool>, now: Timestamp) -> anyhow::Result<Value> {
        for (name, on) in types {
            let kind = PolicyType::named(name).ok_or_else(|| anyhow!("no policy type {name}"))?;
            match (on, self.enabled.contains(kind.name)) {
                (true, false) => self.enable(kind, outside(now))?,
                (false, true) => self.disable(kind, outside(now))?,
                _ => {}
            }
        }
        Ok(json!(self.enabled))
    }

    /// The organization is dissolved, or founded again as it was.
    pub fn set_in_use(&mut self, in_use: bool) {
        self.in_use = in_use;
    }

    /// Everything as it truly is, without lag.
    #[must_use]
    pub fn state(&self) -> Value {
        let accounts: Vec<Value> = self.tree.accounts.keys().filter_map(|id| self.account_state(id).ok()).collect();
        let ous =
            self.tree.ous.iter().map(
                |(id, ou)| json!({"id": id, "path": self.tree.name_path(id), "parentId": ou.parent, "tags": ou.tags}),
            );
        let attachments: Map<String, Value> =
            self.book.truth().of_target.iter().map(|(target, ids)| (target.to_string(), json!(ids))).collect();
        json!({
            "organization": {
                "id": self.tree.id, "rootId": self.tree.root, "managementAccount": self.tree.management,
                "featureSet": self.feature_set, "inUse": self.in_use, "policyTypes": self.enabled,
                "delegatedAdministrators": self.delegated, "paths": self.tree.paths,
            },
            "organizationalUnits": ous.collect::<Vec<_>>(),
            "accounts": accounts,
            "policies": self.policies_state(),
            "attachments": attachments,
        })
    }

    /// All policies as they truly are.
    #[must_use]
    pub fn policies_state(&self) -> Value {
        self.book.truth().by_id.values().map(|policy| self.show_state(policy)).collect()
    }

    fn policy_state(&self, id: &str) -> anyhow::Result<Value> {
        Ok(self.show_state(self.policy(id)?))
    }

    fn show_state(&self, policy: &Policy) -> Value {
        json!({
            "id": policy.id, "name": policy.name, "type": policy.kind.name, "description": policy.description,
            "content": policy.content, "tags": policy.tags, "awsManaged": policy.managed,
            "targets": self.book.truth().targets_of(&policy.id).collect::<Vec<_>>(),
        })
    }

    fn account_state(&self, id: &str) -> anyhow::Result<Value> {
        let Some(account) = self.tree.accounts.get(id) else { bail!("no account {id}") };
        Ok(json!({
            "id": id, "name": account.name, "email": account.email, "path": self.tree.name_path(id),
            "parentId": account.parent, "state": account.state.as_str(), "joinedAt": account.joined,
            "tags": account.tags,
        }))
    }

    /// Id, path and state of each account, for other services.
    #[must_use]
    pub fn account_facts(&self) -> Vec<(String, String, String)> {
        let accounts = self.tree.accounts.iter();
        accounts.map(|(id, account)| (id.clone(), self.tree.name_path(id), account.state.as_str().to_owned())).collect()
    }

    /// The management account and the partition.
    #[must_use]
    pub fn management(&self) -> (&str, &str) {
        (&self.tree.management, &self.tree.partition)
    }
}
