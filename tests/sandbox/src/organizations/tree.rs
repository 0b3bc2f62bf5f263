//! The organization itself: root, OUs, accounts, and what stands where.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ids;
use super::paging::epoch;

/// An organizational unit.
#[derive(Debug, Clone)]
pub(super) struct Ou {
    pub(super) name: String,
    pub(super) parent: String,
    pub(super) tags: BTreeMap<String, String>,
}

/// An account.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) parent: String,
    pub(super) state: AccountState,
    pub(super) joined: Timestamp,
    pub(super) invited: bool,
    pub(super) tags: BTreeMap<String, String>,
}

/// `State` of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountState {
    /// Being created.
    PendingActivation,
    /// In use.
    Active,
    /// Suspended by AWS, or closed not long ago.
    Suspended,
    /// Being closed.
    PendingClosure,
    /// Closed for good.
    Closed,
}

impl AccountState {
    /// As the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
            Self::Closed => "CLOSED",
        }
    }
}

/// Root, OU or account, whichever has an id.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node<'a> {
    Root,
    Ou(&'a Ou),
    Account(&'a Account),
}

/// The tree of one organization.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) id: String,
    pub(super) partition: String,
    pub(super) management: String,
    pub(super) root: String,
    pub(super) root_tags: BTreeMap<String, String>,
    pub(super) ous: BTreeMap<String, Ou>,
    pub(super) accounts: BTreeMap<String, Account>,
    /// Children of root and OUs, both kinds.
    pub(super) children: BTreeMap<String, BTreeSet<String>>,
    /// Whether answers carry `Paths` and `Path`.
    pub(super) paths: bool,
}

impl Tree {
    pub(super) fn node(&self, id: &str) -> Option<Node<'_>> {
        if id == self.root {
            return Some(Node::Root);
        }
        self.ous.get(id).map(Node::Ou).or_else(|| self.accounts.get(id).map(Node::Account))
    }

    /// Whether accounts and OUs can stand under `id`.
    pub(super) fn is_container(&self, id: &str) -> bool {
        id == self.root || self.ous.contains_key(id)
    }

    pub(super) fn parent<'a>(&'a self, id: &str) -> Option<&'a str> {
        let ou = self.ous.get(id).map(|ou| ou.parent.as_str());
        ou.or_else(|| self.accounts.get(id).map(|account| account.parent.as_str()))
    }

    pub(super) fn children_of(&self, id: &str) -> impl Iterator<Item = &str> {
        self.children.get(id).into_iter().flatten().map(String::as_str)
    }

    /// Ids from below the root down to `id`.
    fn trail(&self, id: &str) -> Vec<&str> {
        let mut trail = Vec::new();
        let mut next = self.ous.get_key_value(id).map(|(key, _)| key.as_str());
        while let Some(ou) = next {
            trail.push(ou);
            next = self.parent(ou).and_then(|parent| self.ous.get_key_value(parent)).map(|(key, _)| key.as_str());
        }
        trail.reverse();
        trail
    }

    /// How many OUs deep `id` stands; 0 for the root.
    pub(super) fn depth(&self, id: &str) -> usize {
        self.trail(id).len()
    }

    /// Path of an OU or the root by names: `/` or `/Workloads/Prod`. For an account, that of its parent.
    pub(super) fn name_path(&self, id: &str) -> String {
        let container = self.accounts.get(id).map_or(id, |account| account.parent.as_str());
        let names: Vec<&str> =
            self.trail(container).into_iter().filter_map(|ou| self.ous.get(ou)).map(|ou| ou.name.as_str()).collect();
        format!("/{}", names.join("/"))
    }

    /// The id of an OU by its names; empty or `/` is the root.
    pub(super) fn by_path(&self, path: &str) -> Option<&str> {
        let names = path.split('/').map(str::trim).filter(|name| !name.is_empty());
        names.into_iter().try_fold(self.root.as_str(), |parent, name| self.ou_named(parent, name))
    }

    pub(super) fn ou_named(&self, parent: &str, name: &str) -> Option<&str> {
        self.children_of(parent).find(|id| self.ous.get(*id).is_some_and(|ou| ou.name == name))
    }

    /// An id or a path, as the world file and the control port take it.
    pub(super) fn target<'a>(&'a self, id_or_path: &'a str) -> Option<&'a str> {
        if ids::is_target(id_or_path) && self.node(id_or_path).is_some() {
            return Some(id_or_path);
        }
        self.by_path(id_or_path)
    }

    /// `o-…/r-…/ou-…/`, for an account with its id at the end.
    pub(super) fn id_path(&self, id: &str) -> String {
        let container = self.accounts.get(id).map_or(id, |account| account.parent.as_str());
        let mut path = format!("{}/{}/", self.id, self.root);
        for ou in self.trail(container) {
            path.push_str(ou);
            path.push('/');
        }
        if self.accounts.contains_key(id) {
            path.push_str(id);
            path.push('/');
        }
        path
    }

    /// ARN of anything that the organization holds, `kind` as ARNs name it.
    pub(super) fn arn(&self, kind: &str, rest: &str) -> String {
        format!("arn:{}:organizations::{}:{kind}/{}/{rest}", self.partition, self.management, self.id)
    }

    /// ARN, name and type of a root, OU or account.
    pub(super) fn identity(&self, id: &str, node: Node<'_>) -> (String, String, &'static str) {
        match node {
            Node::Root => (self.arn("root", id), "Root".to_owned(), "ROOT"),
            Node::Ou(ou) => (self.arn("ou", id), ou.name.clone(), "ORGANIZATIONAL_UNIT"),
            Node::Account(account) => (self.arn("account", id), account.name.clone(), "ACCOUNT"),
        }
    }

    /// An account as the API shows it: `State`, and no `Status` any more.
    pub(super) fn show_account(&self, id: &str, account: &Account) -> Value {
        let mut shown = json!({
            "Id": id,
            "Arn": self.arn("account", id),
            "Email": account.email,
            "Name": account.name,
            "State": account.state.as_str(),
            "JoinedMethod": if account.invited { "INVITED" } else { "CREATED" },
            "JoinedTimestamp": epoch(account.joined),
        });
        if let (true, Some(members)) = (self.paths, shown.as_object_mut()) {
            members.insert("Paths".to_owned(), json!([self.id_path(id)]));
        }
        shown
    }

    /// An OU as the API shows it.
    pub(super) fn show_ou(&self, id: &str, ou: &Ou) -> Value {
        let mut shown = json!({"Id": id, "Arn": self.arn("ou", id), "Name": ou.name});
        if let (true, Some(members)) = (self.paths, shown.as_object_mut()) {
            members.insert("Path".to_owned(), json!(self.id_path(id)));
        }
        shown
    }

    pub(super) fn add_ou(&mut self, id: String, ou: Ou) {
        self.children.entry(ou.parent.clone()).or_default().insert(id.clone());
        self.ous.insert(id, ou);
    }

    pub(super) fn add_account(&mut self, id: String, account: Account) {
        self.children.entry(account.parent.clone()).or_default().insert(id.clone());
        self.accounts.insert(id, account);
    }

    pub(super) fn remove_account(&mut self, id: &str) -> Option<Account> {
        let account = self.accounts.remove(id)?;
        if let Some(children) = self.children.get_mut(&account.parent) {
            children.remove(id);
        }
        Some(account)
    }

    /// Puts an account under another parent.
    pub(super) fn move_account(&mut self, id: &str, parent: &str) {
        if let Some(mut account) = self.remove_account(id) {
            parent.clone_into(&mut account.parent);
            self.add_account(id.to_owned(), account);
        }
    }
}
