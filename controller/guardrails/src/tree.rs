//! The organization tree, downwards.

use std::collections::BTreeMap;

use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use crate::cover::{Target, TargetId, TargetKind};

/// Children by the id of what holds them.
pub(crate) struct Tree<'a> {
    org: &'a Organization,
    units: BTreeMap<&'a str, Vec<&'a str>>,
    accounts: BTreeMap<&'a str, Vec<AccountId>>,
}

impl<'a> Tree<'a> {
    /// Turns the tree, which knows parents, around. The management account is left out.
    pub(crate) fn new(org: &'a Organization) -> Self {
        let mut tree = Self { org, units: BTreeMap::new(), accounts: BTreeMap::new() };
        for (id, unit) in &org.units {
            if let Some(parent) = &unit.parent {
                tree.units.entry(parent).or_default().push(id);
            }
        }
        for (id, account) in &org.accounts {
            if *id != org.management_account {
                tree.accounts.entry(&account.parent).or_default().push(*id);
            }
        }
        tree
    }

    /// Units directly below.
    pub(crate) fn units(&self, unit: &str) -> &[&'a str] {
        self.units.get(unit).map_or(&[], Vec::as_slice)
    }

    /// Accounts directly in a unit that policies affect: all but the management account.
    pub(crate) fn accounts(&self, unit: &str) -> &[AccountId] {
        self.accounts.get(unit).map_or(&[], Vec::as_slice)
    }

    /// The root or a unit, to attach to.
    pub(crate) fn unit_target(&self, unit: &str) -> Target {
        if unit == self.org.root {
            let name = String::new();
            return Target { kind: TargetKind::Root, id: TargetId(unit.to_owned()), name };
        }
        Target { kind: TargetKind::Unit, id: TargetId(unit.to_owned()), name: self.org.path(unit) }
    }

    /// An account, to attach to.
    pub(crate) fn account_target(&self, account: AccountId) -> Target {
        let name = self.org.accounts.get(&account).map(|found| found.name.clone()).unwrap_or_default();
        Target { kind: TargetKind::Account, id: TargetId(account.to_string()), name }
    }
}

/// The root and the units down to a target, and the target itself; `None` when there is no such target.
pub(crate) fn path<'a>(org: &'a Organization, target: &'a str) -> Option<Vec<&'a str>> {
    if let Ok(account) = target.parse::<AccountId>() {
        let mut path = org.ancestors(&org.accounts.get(&account)?.parent);
        path.push(target);
        return Some(path);
    }
    org.units.contains_key(target).then(|| org.ancestors(target))
}
