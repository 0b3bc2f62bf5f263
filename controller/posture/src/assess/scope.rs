//! Which controls are in scope, for which criteria: catalogue, standards, tailoring.

use std::collections::{BTreeMap, BTreeSet};

use soc2_catalog::{Catalog, Control, ControlIx, Reach, StandardCode, Tier};
use soc2_crds::{Tailoring, TailoringAction};

use super::error::SpecError;
use crate::ids::AccountId;

/// A set of the profile's criteria: a bit for each.
pub(crate) type CriterionSet = u64;
/// A set of standards: a bit for each.
pub(crate) type StandardSet = u16;

/// Number of a Resource type that is the account itself.
const ACCOUNT_TYPE: &str = "AWS::::Account";

/// The set of some standards.
pub(crate) fn standard_set<'a>(standards: impl IntoIterator<Item = &'a StandardCode>) -> StandardSet {
    standards.into_iter().fold(0, |set, code| set | 1 << *code as u16)
}

/// A control in scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scoped {
    pub(crate) control: ControlIx,
    pub(crate) criteria: CriterionSet,
    pub(crate) standards: StandardSet,
    pub(crate) reach: Reach,
    pub(crate) retired: bool,
    /// It is an organization's own: findings of other products are its evidence, and no standard has it.
    pub(crate) custom: bool,
    /// It checks resources of a known type that are not the account.
    pub(crate) checks_resources: bool,
}

/// The controls in scope of some accounts, in the order of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) controls: Vec<Scoped>,
    /// Controls that tailoring took out.
    pub(crate) disabled: u32,
    /// Controls that people answer for; in order.
    pub(crate) manual: Vec<ControlIx>,
}

/// The scopes of a profile: accounts to which the same tailoring applies have the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes {
    pub(crate) list: Vec<Scope>,
    /// Controls that are mapped, but belong to no required or enabled standard.
    pub(crate) without_standard: BTreeSet<ControlIx>,
    /// Their criteria.
    pub(crate) partial: CriterionSet,
    /// Controls that people answer for in some account, with their criteria.
    pub(crate) activities: BTreeMap<ControlIx, CriterionSet>,
}

/// What a tailoring entry means.
pub(crate) struct Entry {
    action: TailoringAction,
    controls: BTreeMap<ControlIx, CriterionSet>,
    /// `None`: all accounts of the profile.
    accounts: Option<BTreeSet<AccountId>>,
}

/// What the scopes of a profile are made of.
pub(crate) struct Material<'a> {
    pub(crate) catalog: &'a Catalog,
    /// The profile's criteria, as indexes of the catalogue; the position is the bit.
    pub(crate) criteria: &'a [usize],
    /// Standards that are required, or enabled at a source that serves the targets.
    pub(crate) standards: StandardSet,
    /// Mappings of this tier, and of those before it, count.
    pub(crate) tier: Tier,
}

impl Material<'_> {
    /// Resolves the tailoring entry `at`; `accounts` are those of its targets.
    pub(crate) fn entry(
        &self,
        at: usize,
        tailoring: &Tailoring,
        accounts: Option<BTreeSet<AccountId>>,
    ) -> Result<Entry, SpecError> {
        let field = |name: &str| format!("spec.controls[{at}].{name}");
        let resolved = self.catalog.resolve(&tailoring.id);
        if resolved.is_empty() {
            return Err(SpecError::UnknownControl { field: field("id"), id: tailoring.id.clone() });
        }
        let named = self.named_criteria(at, tailoring)?;
        let mut controls: BTreeMap<ControlIx, CriterionSet> = BTreeMap::new();
        for control in resolved {
            controls.insert(control, named.unwrap_or_else(|| self.mapped(control, Tier::Extended)));
        }
        if tailoring.action == TailoringAction::Enable {
            // It could fail without any criterion showing it.
            controls.retain(|_, criteria| *criteria != 0);
            if controls.is_empty() {
                return Err(SpecError::ControlWithoutCriterion { field: field("id"), id: tailoring.id.clone() });
            }
        }
        Ok(Entry { action: tailoring.action, controls, accounts })
    }

    fn named_criteria(&self, at: usize, tailoring: &Tailoring) -> Result<Option<CriterionSet>, SpecError> {
        let Some(names) = &tailoring.criteria else { return Ok(None) };
        let mut set = 0;
        for (item, id) in names.iter().enumerate() {
            let field = format!("spec.controls[{at}].criteria[{item}]");
            let Some(criterion) = self.catalog.criterion(id) else {
                return Err(SpecError::UnknownCriterion { field, id: id.clone() });
            };
            let Some(bit) = self.criteria.iter().position(|known| *known == criterion) else {
                let category = self.catalog.criteria()[criterion].category.as_str();
                return Err(SpecError::CriterionNotInCategories { field, id: id.clone(), category });
            };
            set |= 1 << bit;
        }
        Ok(Some(set))
    }

    /// The profile's criteria that the catalogue maps a control to, in a tier and those below.
    fn mapped(&self, control: ControlIx, tier: Tier) -> CriterionSet {
        let of_control = self.catalog.mappings().iter().filter(|mapping| mapping.control == control);
        let in_tier = of_control.filter(|mapping| mapping.tier <= tier);
        in_tier.filter_map(|mapping| self.bit(mapping.criterion)).fold(0, |set, bit| set | 1 << bit)
    }

    fn bit(&self, criterion: usize) -> Option<usize> {
        self.criteria.iter().position(|known| *known == criterion)
    }

    /// The controls of the profile's tier with their criteria, before tailoring.
    fn base(&self) -> BTreeMap<ControlIx, CriterionSet> {
        let mut base = BTreeMap::new();
        for mapping in self.catalog.mappings().iter().filter(|mapping| mapping.tier <= self.tier) {
            if let Some(bit) = self.bit(mapping.criterion) {
                *base.entry(mapping.control).or_insert(0) |= 1 << bit;
            }
        }
        base
    }

    fn scoped(&self, control: ControlIx, criteria: CriterionSet) -> Scoped {
        let Control { standards, reach, retired, resource_type, matcher, .. } = self.catalog.get(control);
        Scoped {
            control,
            criteria,
            standards: standard_set(standards),
            reach: *reach,
            retired: *retired,
            custom: matcher.is_some(),
            checks_resources: resource_type.as_deref().is_some_and(|kind| kind != ACCOUNT_TYPE),
        }
    }

    /// The scopes, and which of them each account has.
    pub(crate) fn scopes(&self, entries: &[Entry], accounts: &BTreeSet<AccountId>) -> (Scopes, Vec<usize>) {
        let base = self.base();
        let mut result = Scopes::default();
        let mut known: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
        let mut of_accounts = Vec::with_capacity(accounts.len());
        // Without accounts, the status still shows what would be in scope.
        let someone = accounts.iter().map(|account| Some(*account)).chain(accounts.is_empty().then_some(None));
        for account in someone {
            let applies = |entry: &Entry| {
                entry.accounts.as_ref().is_none_or(|some| account.is_some_and(|account| some.contains(&account)))
            };
            let applying: Vec<bool> = entries.iter().map(applies).collect();
            let number = known.entry(applying).or_insert_with_key(|applying| {
                let entries = entries.iter().zip(applying).filter(|(_, applies)| **applies).map(|(entry, _)| entry);
                let scope = self.scope(&base, entries, &mut result);
                result.list.push(scope);
                result.list.len() - 1
            });
            of_accounts.push(*number);
        }
        (result, of_accounts)
    }

    /// The scope under some entries, of which the later wins.
    fn scope<'e>(
        &self,
        base: &BTreeMap<ControlIx, CriterionSet>,
        entries: impl Iterator<Item = &'e Entry>,
        result: &mut Scopes,
    ) -> Scope {
        let mut tailored: BTreeMap<ControlIx, (TailoringAction, CriterionSet)> = BTreeMap::new();
        for entry in entries {
            for (control, criteria) in &entry.controls {
                tailored.insert(*control, (entry.action, *criteria));
            }
        }
        let mut scope = Scope::default();
        let mut controls: BTreeMap<ControlIx, Scoped> = BTreeMap::new();
        for (control, criteria) in base {
            let scoped = self.scoped(*control, *criteria);
            let has_standard = scoped.retired || scoped.custom || scoped.standards & self.standards != 0;
            match tailored.get(control) {
                None if has_standard => {
                    controls.insert(*control, scoped);
                }
                None => {
                    result.without_standard.insert(*control);
                    result.partial |= *criteria;
                }
                Some((TailoringAction::Disable, _)) => scope.disabled += u32::from(has_standard),
                Some((TailoringAction::Enable | TailoringAction::Manual, _)) => {}
            }
        }
        for (control, (action, criteria)) in tailored {
            match action {
                TailoringAction::Disable => {}
                TailoringAction::Manual => {
                    scope.manual.push(control);
                    result.activities.insert(control, base.get(&control).copied().unwrap_or(criteria));
                }
                TailoringAction::Enable => {
                    let criteria = criteria | base.get(&control).copied().unwrap_or_default();
                    controls.insert(control, self.scoped(control, criteria));
                }
            }
        }
        scope.controls = controls.into_values().collect();
        scope
    }
}
