//! What holds for each account of a profile, apart from its findings, and what people answer for in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use soc2_catalog::normalize_control_id;

use super::Desired;
use super::account::Standing;
use super::coverage::Coverage;
use super::people::{Subject, Thing};
use super::plan::Plan;
use super::scope::CriterionSet;
use super::waivers::ByAccount;
use crate::ids::AccountId;
use crate::organization::{AccountState, Organization};
use crate::protection::Protection;
use crate::world::World;

/// The standing of each account; `scopes` has the number of its scope, `waivers` the exceptions that name it.
pub(crate) fn standings(
    desired: &Desired<'_>,
    world: &World,
    plan: &Plan,
    scopes: &BTreeMap<AccountId, usize>,
    waivers: &ByAccount,
) -> BTreeMap<AccountId, Standing> {
    let Some(organization) = &world.organization else { return BTreeMap::new() };
    let coverage = Coverage::new(&world.sources, &plan.regions);
    let read = plan.read(world);
    let mut paths: BTreeMap<&str, Arc<str>> = BTreeMap::new();
    let standing = |(id, scope): (&AccountId, &usize)| {
        let account = organization.accounts.get(id)?;
        let path = paths.entry(&account.parent).or_insert_with(|| Arc::from(organization.path(&account.parent)));
        let active = account.state == AccountState::Active;
        let (unprotected, protection_unknown) =
            if active { protection(desired, plan, *id) } else { Default::default() };
        let covered = coverage.of(*id);
        let standing = Standing {
            unread: read.missing(*id, &covered),
            name: account.name.as_str().into(),
            path: Arc::clone(path),
            state: account.state,
            joined_at: account.joined_at,
            scope: *scope,
            covered,
            unprotected,
            protection_unknown,
            is_management: *id == organization.management_account,
            waivers: waivers.get(id).map(Arc::clone),
        };
        Some((*id, standing))
    };
    scopes.iter().filter_map(standing).collect()
}

/// Required guardrails that do not protect an account, and those of which nobody knows.
fn protection(desired: &Desired<'_>, plan: &Plan, account: AccountId) -> (Box<[u16]>, Box<[u16]>) {
    let (mut unprotected, mut unknown) = (Vec::new(), Vec::new());
    for (name, number) in plan.guardrails.iter().zip(0_u16..) {
        match desired.protection.get(name).and_then(|accounts| accounts.get(&account)) {
            Some(Protection::Protected { .. } | Protection::ManagementAccount) => {}
            Some(Protection::Unprotected) => unprotected.push(number),
            Some(Protection::Unknown { .. }) | None => unknown.push(number),
        }
    }
    (unprotected.into(), unknown.into())
}

/// The active accounts among those of a profile.
pub(crate) fn active(tree: Option<&Organization>, accounts: &BTreeMap<AccountId, usize>) -> BTreeSet<AccountId> {
    let Some(tree) = tree else { return BTreeSet::new() };
    let is_active =
        |id: &&AccountId| tree.accounts.get(id).is_some_and(|account| account.state == AccountState::Active);
    accounts.keys().filter(is_active).copied().collect()
}

/// What people answer for: the activities of the catalogue that serve a criterion of the profile, the controls made `Manual`, and
/// each criterion itself.
pub(crate) fn subjects(plan: &Plan, scopes: &BTreeMap<AccountId, usize>, active: &BTreeSet<AccountId>) -> Vec<Subject> {
    let catalog = &plan.catalog.0;
    let bit = |criterion: &usize| plan.criteria.iter().position(|known| known == criterion);
    let set =
        |criteria: &[usize]| -> CriterionSet { criteria.iter().filter_map(bit).fold(0, |set, bit| set | 1 << bit) };
    let mut subjects: Vec<Subject> = Vec::new();
    for activity in catalog.activities() {
        let criteria = set(&activity.criteria);
        if criteria != 0 {
            subjects.push(Subject { thing: Thing::Activity(activity.id.clone()), criteria, accounts: None });
        }
    }
    for (control, criteria) in &plan.scopes.activities {
        let concerned = |account: &&AccountId| {
            let scope = scopes.get(account).and_then(|scope| plan.scopes.list.get(*scope));
            scope.is_some_and(|scope| scope.manual.binary_search(control).is_ok())
        };
        let accounts: BTreeSet<AccountId> = active.iter().filter(concerned).copied().collect();
        if accounts.is_empty() && !active.is_empty() {
            // Only accounts that are not active are concerned: nobody has to do anything there.
            continue;
        }
        let thing = Thing::Control(normalize_control_id(&catalog.get(*control).id));
        let accounts = (accounts.len() < active.len()).then_some(accounts);
        subjects.push(Subject { thing, criteria: *criteria, accounts });
    }
    for (position, criterion) in plan.criteria.iter().enumerate() {
        if let Some(criterion) = catalog.criteria().get(*criterion) {
            let thing = Thing::Criterion(criterion.id.clone());
            subjects.push(Subject { thing, criteria: 1 << position, accounts: None });
        }
    }
    subjects
}
