//! Which accounts a `targets` names.

use std::collections::{BTreeMap, BTreeSet};

use soc2_catalog::glob_match;
use soc2_crds::{OrganizationalUnitSelector, TargetEntry, Targets};

use crate::ids::AccountId;
use crate::organization::{Account, Organization};

/// The accounts that a `targets` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The accounts, whatever their state: closed ones too, while AWS lists them.
    pub accounts: BTreeSet<AccountId>,
    /// Selectors that match nothing, by field path, such as `spec.targets.include[1].accountNames[0]`.
    pub unmatched: Vec<String>,
    /// A selector asks for tags and those of some account were not read: the selection may be wrong either way.
    pub tags_missing: bool,
}

/// The accounts of `organization` that `targets` names: those that any entry of `include` matches (omitted: all) and no
/// entry of `exclude` does. `field` is its path in the object, such as `spec.targets`.
#[must_use]
pub fn select(targets: &Targets, organization: &Organization, field: &str) -> Selection {
    let mut unmatched = Vec::new();
    let mut of_list = |entries: &[TargetEntry], list: &str| {
        let mut accounts = BTreeSet::new();
        for (at, entry) in entries.iter().enumerate() {
            accounts.extend(of_entry(entry, organization, &format!("{field}.{list}[{at}]"), &mut unmatched));
        }
        accounts
    };
    let included = targets.include.as_deref().map(|entries| of_list(entries, "include"));
    let excluded = of_list(targets.exclude.as_deref().unwrap_or_default(), "exclude");
    let mut accounts = included.unwrap_or_else(|| organization.accounts.keys().copied().collect());
    accounts.retain(|account| !excluded.contains(account));
    let tags_missing = uses_tags(targets) && organization.accounts.values().any(|account| account.tags.is_none());
    Selection { accounts, unmatched, tags_missing }
}

/// Whether any selector asks for account tags.
#[must_use]
pub fn uses_tags(targets: &Targets) -> bool {
    targets.include.iter().chain(&targets.exclude).flatten().any(|entry| entry.account_tags.is_some())
}

/// Where an item of a key stands below the entry, and the accounts that it names.
type Item = (String, BTreeSet<AccountId>);

/// The accounts that an entry names: all its keys match, and of a key with a list any item.
fn of_entry(
    entry: &TargetEntry,
    organization: &Organization,
    field: &str,
    unmatched: &mut Vec<String>,
) -> BTreeSet<AccountId> {
    let mut accounts: BTreeSet<AccountId> = organization.accounts.keys().copied().collect();
    let mut each_key_matches = true;
    for items in keys(entry, organization) {
        let mut matched = BTreeSet::new();
        for (path, found) in items {
            if found.is_empty() {
                unmatched.push(format!("{field}.{path}"));
            }
            matched.extend(found);
        }
        each_key_matches &= !matched.is_empty();
        accounts.retain(|account| matched.contains(account));
    }
    if accounts.is_empty() && each_key_matches {
        // Each key matches something, but together they match nothing.
        unmatched.push(field.to_owned());
    }
    accounts
}

/// The keys of an entry, each with its items.
fn keys(entry: &TargetEntry, organization: &Organization) -> Vec<Vec<Item>> {
    let accounts = |matches: &dyn Fn(&Account) -> bool| {
        organization.accounts.iter().filter(|(_, account)| matches(account)).map(|(id, _)| *id).collect::<BTreeSet<_>>()
    };
    let mut keys = Vec::new();
    if let Some(selector) = &entry.organizational_unit {
        let units: BTreeSet<&str> = organization.units.keys().map(String::as_str).collect();
        let units: BTreeSet<&str> =
            units.into_iter().filter(|unit| matches_unit(selector, organization, unit)).collect();
        let found = accounts(&|account| units.contains(account.parent.as_str()));
        keys.push(vec![("organizationalUnit".to_owned(), found)]);
    }
    if let Some(wanted) = &entry.account_tags {
        let found = accounts(&|account| has_tags(account, wanted));
        keys.push(vec![("accountTags".to_owned(), found)]);
    }
    if let Some(ids) = &entry.account_ids {
        let known = |id: &String| id.parse().ok().filter(|id| organization.accounts.contains_key(id));
        let item = |(at, id)| (format!("accountIds[{at}]"), known(id).into_iter().collect());
        keys.push(ids.iter().enumerate().map(item).collect());
    }
    if let Some(globs) = &entry.account_names {
        let item = |(at, glob): (usize, &String)| {
            (format!("accountNames[{at}]"), accounts(&|account| glob_match(glob, &account.name)))
        };
        keys.push(globs.iter().enumerate().map(item).collect());
    }
    keys
}

/// Whether an account has all these tags; values may be globs.
fn has_tags(account: &Account, wanted: &BTreeMap<String, String>) -> bool {
    let value = |key| account.tags.as_ref().and_then(|tags| tags.get(key));
    wanted.iter().all(|(key, glob)| value(key).is_some_and(|value| glob_match(glob, value)))
}

/// Whether accounts directly in the root or unit belong to the selector.
#[must_use]
pub fn matches_unit(selector: &OrganizationalUnitSelector, organization: &Organization, unit: &str) -> bool {
    let recursive = selector.recursive.unwrap_or(true);
    let line = organization.ancestors(unit);
    let by_id = |wanted: &str| if recursive { line.contains(&wanted) } else { wanted == unit };
    let by_path = |path: &str| {
        let wanted: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let below_root = line.iter().skip(1);
        let names: Vec<&str> =
            below_root.filter_map(|id| organization.units.get(*id)).map(|unit| unit.name.as_str()).collect();
        let deep_enough = if recursive { names.len() >= wanted.len() } else { names.len() == wanted.len() };
        deep_enough && wanted.iter().zip(names).all(|(glob, name)| glob_match(glob, name))
    };
    selector.id.as_deref().is_none_or(by_id) && selector.path.as_deref().is_none_or(by_path)
}
