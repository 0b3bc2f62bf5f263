use std::collections::BTreeSet;

use proptest::prelude::*;
use soc2_guardrails::{CoverError, Selection, Step, TargetKind, affected, cover};
use soc2_posture::ids::AccountId;
use soc2_posture::organization::{AccountState, Organization};

use crate::model::{
    MANAGEMENT, ROOT, World, accounts, add_account, add_unit, enforce, everything, fresh_inventory, id, organization,
    unit, units,
};

fn ids(org: &Organization, selection: &Selection) -> Vec<String> {
    cover(org, selection, 50).unwrap().into_iter().map(|target| target.id.0).collect()
}

fn org() -> Organization {
    organization(&[
        "/ 222222222222",
        "Workloads/Prod 333333333333 444444444444",
        "Workloads/Dev 555555555555",
        "Workloads/Empty",
        "Sandbox 666666666666",
    ])
}

#[test]
fn everything_is_the_root() {
    let org = org();
    let targets = cover(&org, &everything(&org), 0).unwrap();
    assert_eq!(targets.iter().map(ToString::to_string).collect::<Vec<_>>(), ["the root (r-ab12)"]);
    assert_eq!(affected(&org, &targets).len(), 5, "all but the management account");
}

#[test]
fn a_whole_unit_is_taken_at_its_top() {
    let org = org();
    let targets = cover(&org, &units(&org, &["Workloads"], &[]), 0).unwrap();
    let words: Vec<String> = targets.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["organizational unit Workloads (ou-workloads)"]);
    assert_eq!(ids(&org, &units(&org, &["Workloads/Prod", "Sandbox"], &[])), ["ou-sandbox", "ou-workloads-prod"]);
}

#[test]
fn units_selected_one_by_one_do_not_add_up_to_the_one_above() {
    let org = organization(&["Workloads/Prod 222222222222", "Workloads/Dev 333333333333"]);
    assert_eq!(ids(&org, &units(&org, &["Workloads"], &[])), ["ou-workloads"], "not the root");
    let both = ids(&org, &units(&org, &["Workloads/Prod", "Workloads/Dev"], &[]));
    assert_eq!(both, ["ou-workloads-dev", "ou-workloads-prod"]);
    assert_eq!(ids(&org, &units(&org, &["Workloads", ""], &[])), [ROOT]);
}

#[test]
fn an_excluded_child_unit_splits_its_parent() {
    let org = org();
    let prod_and_empty = ["ou-workloads-empty", "ou-workloads-prod"];
    assert_eq!(ids(&org, &units(&org, &["Workloads"], &["Workloads/Dev"])), prod_and_empty);
    // Empty, it splits too: an account that moves there later must not inherit.
    assert_eq!(
        ids(&org, &units(&org, &["Workloads"], &["Workloads/Empty"])),
        ["ou-workloads-dev", "ou-workloads-prod"]
    );
    let all_but_empty = ids(&org, &units(&org, &[""], &["Workloads/Empty"]));
    assert_eq!(all_but_empty, ["ou-sandbox", "ou-workloads-dev", "ou-workloads-prod", "222222222222"]);
}

#[test]
fn an_empty_unit_is_in_only_when_it_is_selected_as_a_unit() {
    let org = org();
    let by_accounts = accounts(&["333333333333", "444444444444", "555555555555"]);
    assert_eq!(ids(&org, &by_accounts), ["ou-workloads-dev", "ou-workloads-prod"]);
    let mut with_empty = by_accounts;
    with_empty.units.insert("ou-workloads-empty".to_owned());
    let each = ["ou-workloads-dev", "ou-workloads-empty", "ou-workloads-prod"];
    assert_eq!(ids(&org, &with_empty), each, "Workloads itself was not selected");
    with_empty.units.insert("ou-workloads".to_owned());
    assert_eq!(ids(&org, &with_empty), ["ou-workloads"]);
    assert_eq!(
        ids(&org, &units(&org, &["Workloads/Empty"], &[])),
        ["ou-workloads-empty"],
        "ready for its first account"
    );
}

#[test]
fn accounts_one_by_one_are_taken_through_their_unit_where_it_is_whole() {
    let mut org = organization(&["A/B 222222222222", "A/C 333333333333", "D 444444444444 555555555555"]);
    let selection = accounts(&["222222222222", "333333333333", "444444444444"]);
    assert_eq!(ids(&org, &selection), ["ou-a", "444444444444"]);
    let all = accounts(&["222222222222", "333333333333", "444444444444", "555555555555"]);
    assert_eq!(ids(&org, &all), [ROOT]);
    let mut excluded = all.clone();
    excluded.excluded_units.insert("ou-a".to_owned());
    assert_eq!(ids(&org, &excluded), ["ou-a-b", "ou-a-c", "ou-d"], "an account directly in A would not be selected");
    // An account that was not there: the unit is no longer whole.
    add_account(&mut org, "666666666666", "A/B");
    assert_eq!(ids(&org, &all), ["ou-a-c", "ou-d", "222222222222"]);
}

#[test]
fn the_management_account_neither_blocks_nor_counts() {
    let org = org();
    let mut without = everything(&org);
    without.accounts.remove(&org.management_account);
    assert_eq!(ids(&org, &without), [ROOT]);
    assert!(ids(&org, &accounts(&[MANAGEMENT])).is_empty());

    let mut inside = organization(&["Security 222222222222", "Billing"]);
    inside.accounts.get_mut(&id(MANAGEMENT)).unwrap().parent = unit("Security");
    assert_eq!(ids(&inside, &accounts(&["222222222222"])), ["ou-security"]);
    inside.accounts.get_mut(&id(MANAGEMENT)).unwrap().parent = unit("Billing");
    assert_eq!(ids(&inside, &accounts(&[MANAGEMENT, "222222222222"])), ["ou-security"], "Billing is as good as empty");
    assert_eq!(ids(&inside, &units(&inside, &["Billing"], &[])), ["ou-billing"]);
}

#[test]
fn a_suspended_account_counts_because_it_inherits() {
    let mut org = org();
    org.accounts.get_mut(&id("444444444444")).unwrap().state = AccountState::Suspended;
    assert_eq!(ids(&org, &accounts(&["333333333333"])), ["333333333333"]);
    assert_eq!(ids(&org, &accounts(&["333333333333", "444444444444"])), ["ou-workloads-prod"]);
}

#[test]
fn a_moved_account_changes_the_cover() {
    let mut org = org();
    org.accounts.get_mut(&id("555555555555")).unwrap().parent = unit("Workloads/Prod");
    let mut selection = units(&org, &["Workloads"], &["Workloads/Prod"]);
    assert_eq!(ids(&org, &selection), ["ou-workloads-dev", "ou-workloads-empty"]);
    // Still selected by its id, where it is now.
    selection.accounts.insert(id("555555555555"));
    assert_eq!(ids(&org, &selection), ["ou-workloads-dev", "ou-workloads-empty", "555555555555"]);
}

#[test]
fn five_levels_deep() {
    let org = organization(&["A/B/C/D/E 222222222222", "A/B/C/D 333333333333", "A/B/X 444444444444"]);
    assert_eq!(ids(&org, &units(&org, &["A/B/C/D/E"], &[])), ["ou-a-b-c-d-e"]);
    assert_eq!(ids(&org, &units(&org, &["A"], &["A/B/C/D/E"])), ["ou-a-b-x", "333333333333"]);
    assert_eq!(ids(&org, &accounts(&["222222222222", "333333333333"])), ["ou-a-b-c"]);
}

#[test]
fn too_many_accounts_of_their_own_name_the_unit_that_would_do() {
    let org = organization(&[
        "A/B 222222222222 333333333333 444444444444",
        "A/C 555555555555",
        "D 666666666666 777777777777",
        "E 888888888888",
    ]);
    let selection = accounts(&["222222222222", "333333333333", "666666666666"]);
    assert_eq!(cover(&org, &selection, 3).unwrap().len(), 3);
    let Err(CoverError::TooFine { direct, max_direct, unit, others }) = cover(&org, &selection, 2) else {
        panic!("not refused")
    };
    assert_eq!((direct, max_direct, unit.id.0.as_str(), others), (3, 2, "ou-a-b", 1));
    // Not the lowest, but the one that takes in the fewest others.
    let deep = organization(&["A/B/C 222222222222 333333333333 444444444444", "D 555555555555 666666666666"]);
    let Err(CoverError::TooFine { unit, others, .. }) = cover(&deep, &accounts(&["222222222222", "555555555555"]), 1)
    else {
        panic!("not refused")
    };
    assert_eq!((unit.id.0.as_str(), others), ("ou-d", 1));
    let error = cover(&org, &selection, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 accounts are in no organizational unit that is selected as a whole, and at most 0 may get an attachment of \
         their own: select the root (r-ab12) as a whole (4 accounts more), or raise maxDirectAttachments"
    );
}

#[test]
fn an_account_outside_the_tree_is_an_error() {
    let mut org = org();
    assert_eq!(cover(&org, &accounts(&["999999999999"]), 50), Err(CoverError::NotInTree(id("999999999999"))));
    org.accounts.get_mut(&id("333333333333")).unwrap().parent = "ou-gone".to_owned();
    assert_eq!(cover(&org, &everything(&org), 50), Err(CoverError::NotInTree(id("333333333333"))));
}

/// Trees of up to 12 units and 12 accounts, the management account anywhere.
fn trees() -> impl Strategy<Value = Organization> {
    let parents = prop::collection::vec(any::<prop::sample::Index>(), 0..12);
    let homes = prop::collection::vec(any::<prop::sample::Index>(), 0..12);
    (parents, homes, any::<prop::sample::Index>()).prop_map(|(parents, homes, management)| {
        let mut org = organization(&[]);
        let mut paths = vec![String::new()];
        for (number, parent) in parents.iter().enumerate() {
            let parent = &paths[parent.index(paths.len())];
            let path = if parent.is_empty() { format!("u{number}") } else { format!("{parent}/u{number}") };
            add_unit(&mut org, &path);
            paths.push(path);
        }
        for (number, home) in homes.iter().enumerate() {
            add_account(&mut org, &format!("{:012}", number + 2), &paths[home.index(paths.len())]);
        }
        org.accounts.get_mut(&id(MANAGEMENT)).unwrap().parent = unit(&paths[management.index(paths.len())]);
        org
    })
}

fn selections() -> impl Strategy<Value = (Organization, Selection)> {
    trees().prop_flat_map(|org| {
        let accounts: Vec<AccountId> = org.accounts.keys().copied().collect();
        let names: Vec<String> = org.units.keys().cloned().collect();
        let accounts = prop::sample::subsequence(accounts.clone(), 0..=accounts.len());
        let units = prop::sample::subsequence(names.clone(), 0..=names.len());
        let excluded = prop_oneof![
            2 => Just(Vec::new()).boxed(),
            1 => prop::sample::subsequence(names.clone(), 0..=names.len()).boxed(),
        ];
        (Just(org), accounts, units, excluded, any::<bool>()).prop_map(|(org, accounts, units, excluded, follow)| {
            let mut accounts: BTreeSet<AccountId> = accounts.into_iter().collect();
            let units: BTreeSet<String> = units.into_iter().collect();
            let excluded_units: BTreeSet<String> = excluded.into_iter().collect();
            if follow {
                accounts.extend(org.accounts.iter().filter(|(_, a)| units.contains(&a.parent)).map(|(id, _)| *id));
            }
            accounts.retain(|id| !excluded_units.contains(&org.accounts[id].parent));
            let units = units.difference(&excluded_units).cloned().collect();
            (org, Selection { accounts, units, excluded_units })
        })
    })
}

proptest! {
    #![proptest_config(crate::model::cases(512))]

    #[test]
    fn exactly_the_selected_accounts_are_affected((org, selection) in selections()) {
        let targets = cover(&org, &selection, u32::MAX).unwrap();
        let mut wanted = selection.accounts.clone();
        wanted.remove(&org.management_account);
        prop_assert_eq!(affected(&org, &targets), wanted);
    }

    /// From the steps that a plan would take, by walking up from each account as AWS inherits.
    #[test]
    fn a_plan_affects_the_selected_accounts_but_the_management_account((org, selection) in selections()) {
        let mut wanted = selection.accounts.clone();
        wanted.remove(&org.management_account);
        let mut world = World::new(&[]);
        (world.inventory, world.org) = (fresh_inventory(&org), org);
        let mut sets = enforce(selection);
        sets[0].max_direct = u32::MAX;
        let plan = world.plan(&sets);
        let attached: BTreeSet<&str> = plan
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Attach { target, .. } => Some(target.id.0.as_str()),
                _ => None,
            })
            .collect();
        let org = &world.org;
        let inherits = |account: AccountId| {
            let mut at = Some(&org.accounts[&account].parent);
            while let Some(unit) = at {
                if attached.contains(unit.as_str()) {
                    return true;
                }
                at = org.units[unit].parent.as_ref();
            }
            attached.contains(account.to_string().as_str())
        };
        let others = org.accounts.keys().filter(|account| **account != org.management_account);
        let reached: BTreeSet<AccountId> = others.copied().filter(|account| inherits(*account)).collect();
        prop_assert_eq!(plan.sets[0].affected_accounts as usize, wanted.len());
        prop_assert_eq!(reached, wanted);
    }

    #[test]
    fn nothing_is_covered_twice_and_no_unit_that_is_not_selected((org, selection) in selections()) {
        let targets = cover(&org, &selection, u32::MAX).unwrap();
        let ids: BTreeSet<&str> = targets.iter().map(|target| target.id.0.as_str()).collect();
        for target in &targets {
            let above = match target.kind {
                TargetKind::Account => org.ancestors(&org.accounts[&id(&target.id.0)].parent),
                TargetKind::Root | TargetKind::Unit => {
                    org.ancestors(org.units[&target.id.0].parent.as_deref().unwrap_or_default())
                }
            };
            prop_assert!(!above.iter().any(|unit| ids.contains(unit)), "{} inherits already", target);
        }
        // An account put anywhere below a target is one that the selection would have.
        for unit in org.units.keys().filter(|unit| org.ancestors(unit).iter().any(|above| ids.contains(above))) {
            prop_assert!(!selection.excluded_units.contains(unit));
            let someone = org.accounts.keys().any(|account| {
                *account != org.management_account && org.ancestors(&org.accounts[account].parent).contains(&unit.as_str())
            });
            prop_assert!(someone || selection.units.contains(unit), "{} is empty and not selected", unit);
        }
    }

    #[test]
    fn the_limit_is_kept_or_a_unit_is_named((org, selection) in selections(), max in 0u32..4) {
        match cover(&org, &selection, max) {
            Ok(targets) => {
                let direct = targets.iter().filter(|target| target.kind == TargetKind::Account).count();
                prop_assert!(direct <= max as usize);
            }
            Err(CoverError::TooFine { unit, others, .. }) => {
                let mut wider = selection.clone();
                let below: Vec<String> = org.units.keys().filter(|id| org.ancestors(id).contains(&unit.id.0.as_str())).cloned().collect();
                let inside = org.accounts.iter().filter(|(_, account)| below.contains(&account.parent));
                wider.accounts.extend(inside.map(|(id, _)| *id));
                wider.excluded_units.retain(|unit| !below.contains(unit));
                wider.units.extend(below);
                prop_assert!(cover(&org, &wider, max).is_ok());
                wider.accounts.remove(&org.management_account);
                let before = selection.accounts.iter().filter(|id| **id != org.management_account).count();
                prop_assert_eq!(wider.accounts.len() - before, others);
            }
            Err(CoverError::NotInTree(account)) => prop_assert!(false, "{account} is in the tree"),
        }
    }
}
