//! The organization tree: roots, organizational units, accounts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, UnitId};

/// One AWS Organization as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Id, such as `o-exampleorgid`.
    pub id: String,
    /// The management account. No SCP affects it.
    pub management_account: AccountId,
    /// Id of the root; an organization has one.
    pub root: UnitId,
    /// Whether service control policies are enabled in the root.
    pub scp_enabled: bool,
    /// The root and all organizational units by id.
    pub units: BTreeMap<UnitId, Unit>,
    /// All accounts, whatever their state.
    pub accounts: BTreeMap<AccountId, Account>,
    /// When the reading was complete.
    pub read_at: Timestamp,
}

/// A root or an organizational unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// Name as people gave it; `Root` for the root.
    pub name: String,
    /// The unit above; `None` for the root.
    pub parent: Option<UnitId>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Account {
    /// Name as people gave it.
    pub name: String,
    /// AWS's `State`.
    pub state: AccountState,
    /// The root or unit that holds it.
    pub parent: UnitId,
    /// When it joined the organization.
    pub joined_at: Option<Timestamp>,
    /// Tags; `None` when they were not read, because no selector uses them.
    pub tags: Option<BTreeMap<String, String>>,
}

/// State of an account in its organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AccountState {
    /// Being created.
    PendingActivation,
    /// In use.
    Active,
    /// Suspended by AWS.
    Suspended,
    /// To be closed.
    PendingClosure,
    /// Closed.
    Closed,
    /// A word that this version does not know; not treated as active.
    Other,
}

impl AccountState {
    /// The state by AWS's word.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "PENDING_ACTIVATION" => Self::PendingActivation,
            "ACTIVE" => Self::Active,
            "SUSPENDED" => Self::Suspended,
            "PENDING_CLOSURE" => Self::PendingClosure,
            "CLOSED" => Self::Closed,
            _ => Self::Other,
        }
    }

    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
            Self::Closed => "CLOSED",
            Self::Other => "OTHER",
        }
    }
}

impl Organization {
    /// The root and the units down to `unit`, root first; empty when `unit` is unknown.
    #[must_use]
    pub fn ancestors(&self, unit: &str) -> Vec<&str> {
        let mut path = Vec::new();
        let mut current = self.units.get_key_value(unit);
        while let Some((id, node)) = current {
            path.push(id.as_str());
            // A cycle cannot come from AWS; a bound keeps a corrupted checkpoint from hanging us.
            if path.len() > 16 {
                break;
            }
            current = node.parent.as_ref().and_then(|parent| self.units.get_key_value(parent));
        }
        path.reverse();
        path
    }

    /// Names from below the root, joined by `/`; empty for the root.
    #[must_use]
    pub fn path(&self, unit: &str) -> String {
        let names: Vec<&str> = self
            .ancestors(unit)
            .iter()
            .skip(1)
            .filter_map(|id| self.units.get(*id).map(|node| node.name.as_str()))
            .collect();
        names.join("/")
    }

    /// Path of the unit that holds an account.
    #[must_use]
    pub fn account_path(&self, account: AccountId) -> String {
        self.accounts.get(&account).map(|found| self.path(&found.parent)).unwrap_or_default()
    }

    /// Units directly below `unit`, in order of id.
    pub fn child_units<'a>(&'a self, unit: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.units.iter().filter(move |(_, node)| node.parent.as_deref() == Some(unit)).map(|(id, _)| id.as_str())
    }

    /// Accounts directly in `unit`, in order of id.
    pub fn child_accounts<'a>(&'a self, unit: &'a str) -> impl Iterator<Item = AccountId> + 'a {
        self.accounts.iter().filter(move |(_, account)| account.parent == unit).map(|(id, _)| *id)
    }
}
