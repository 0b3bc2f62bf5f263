//! The policies that hold for an account, from the root down.

use std::collections::BTreeMap;

use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use crate::document::{Document, DocumentError};
use crate::evaluate::{Level, LevelPolicy};
use crate::inventory::PolicyInventory;

/// The policies of an organization, each parsed once, by what they are attached to.
#[derive(Clone, Debug)]
pub struct ReadPolicies<'a> {
    documents: BTreeMap<&'a str, Result<Document, DocumentError>>,
    attached: BTreeMap<&'a str, Vec<&'a str>>,
}

/// What holds for an account.
#[derive(Clone, Debug)]
pub enum Effective<'a> {
    /// No service control policy affects it: it is the management account, or they are not enabled.
    Unaffected,
    /// The levels from the root to the account.
    Levels(Vec<Level<'a>>),
    /// What was read cannot be complete, for this reason.
    Incomplete(String),
}

impl<'a> ReadPolicies<'a> {
    /// Parses every policy.
    #[must_use]
    pub fn new(inventory: &'a PolicyInventory) -> Self {
        let mut attached: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, policy) in &inventory.policies {
            for target in &policy.targets {
                attached.entry(target).or_default().push(id);
            }
        }
        let documents = inventory.policies.iter().map(|(id, policy)| (id.as_str(), Document::parse(&policy.content)));
        Self { documents: documents.collect(), attached }
    }

    /// A policy's document, or why it is none; `None` when there is no such policy.
    #[must_use]
    pub fn document(&self, policy: &str) -> Option<Result<&Document, &DocumentError>> {
        self.documents.get(policy).map(Result::as_ref)
    }

    /// Policies attached directly to a root, unit or account, in order of id.
    #[must_use]
    pub fn attached(&self, target: &str) -> &[&'a str] {
        self.attached.get(target).map_or(&[], Vec::as_slice)
    }

    /// What holds for an account.
    ///
    /// AWS keeps at least one policy everywhere, so a root, unit or account without any was not read in full. It must
    /// not count as one where everything is denied.
    #[must_use]
    pub fn effective(&'a self, org: &Organization, account: AccountId) -> Effective<'a> {
        if account == org.management_account || !org.scp_enabled {
            return Effective::Unaffected;
        }
        let Some(found) = org.accounts.get(&account) else {
            return Effective::Incomplete(format!("account {account} is not in the organization"));
        };
        let mut path = org.ancestors(&found.parent);
        if path.first() != Some(&org.root.as_str()) {
            return Effective::Incomplete(format!("account {account} is not below the root"));
        }
        let id = account.to_string();
        path.push(&id);
        match path.iter().find(|target| self.attached(target).is_empty()) {
            Some(bare) => Effective::Incomplete(format!("no service control policy was found on {bare}")),
            None => Effective::Levels(path.into_iter().map(|target| self.level(target)).collect()),
        }
    }

    /// One level with its policies.
    fn level(&'a self, target: &str) -> Level<'a> {
        let policies = self
            .attached(target)
            .iter()
            .map(|id| LevelPolicy { id, document: self.document(id).and_then(Result::ok) })
            .collect();
        Level { target: target.to_owned(), policies }
    }
}
