//! From a guardrail set's targets to what the cover needs: accounts, and units that are selected as such.

use std::collections::BTreeSet;

use soc2_crds::{TargetEntry, Targets};
use soc2_posture::ids::UnitId;
use soc2_posture::organization::Organization;
use soc2_posture::targets::{matches_unit, select};

use crate::cover::Selection;

/// What a set's targets select.
#[must_use]
pub fn selection(targets: &Targets, organization: &Organization) -> Selection {
    Selection {
        accounts: select(targets, organization, "spec.targets").accounts,
        units: units_of(targets.include.as_deref(), organization, true),
        excluded_units: units_of(targets.exclude.as_deref(), organization, false),
    }
}

/// Units that an entry with no other key names; `all` when there are no entries at all and that means every unit.
fn units_of(entries: Option<&[TargetEntry]>, organization: &Organization, all: bool) -> BTreeSet<UnitId> {
    let Some(entries) = entries else {
        return if all { organization.units.keys().cloned().collect() } else { BTreeSet::new() };
    };
    let selectors: Vec<_> = entries
        .iter()
        .filter(|entry| entry.account_ids.is_none() && entry.account_names.is_none() && entry.account_tags.is_none())
        .filter_map(|entry| entry.organizational_unit.as_ref())
        .collect();
    let named = |unit: &&UnitId| selectors.iter().any(|selector| matches_unit(selector, organization, unit));
    organization.units.keys().filter(named).cloned().collect()
}
