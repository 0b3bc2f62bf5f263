//! More controls for criteria.

use std::collections::{BTreeMap, BTreeSet};

use soc2_crds::{ControlCatalogSpec, MappedControl};

use super::Problems;
use super::check::{is_line, quoted};
use crate::ids::normalize_control_id;
use crate::{Catalog, Confidence, ControlIx, Mapping, Source, Tier};

/// Most controls that one criterion may get.
const MAX: usize = 200;

/// Applies each; what is wrong is left out, and said.
pub(super) fn apply(catalog: &mut Catalog, spec: &ControlCatalogSpec, problems: &mut Problems) {
    let mentioned: BTreeSet<String> =
        spec.controls.iter().flatten().map(|control| normalize_control_id(&control.id)).collect();
    let mut mappings: BTreeMap<(usize, ControlIx), Mapping> =
        catalog.mappings.drain(..).map(|mapping| (mapping.pair(), mapping)).collect();
    let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, wanted) in spec.criteria.iter().flatten().enumerate() {
        let field = format!("spec.criteria[{at}]");
        let Some(criterion) = catalog.criterion(&wanted.id) else {
            problems.add(format!("{field}.id"), format!("{} is no criterion, such as CC6.1", quoted(&wanted.id)));
            continue;
        };
        if let Some(first) = seen.insert(criterion, at) {
            let message = format!("{} is spec.criteria[{first}] already: put its controls there", quoted(&wanted.id));
            problems.add(format!("{field}.id"), message);
        }
        let message = format!("must have 1 to {MAX} controls");
        if !problems.unless((1..=MAX).contains(&wanted.controls.len()), &format!("{field}.controls"), message) {
            continue;
        }
        let mut controls = BTreeSet::new();
        for (nth, mapped) in wanted.controls.iter().enumerate() {
            let field = format!("{field}.controls[{nth}]");
            if let Some(control) = control(catalog, mapped, &mentioned, &field, problems) {
                if controls.insert(control) {
                    merge(&mut mappings, criterion, control, mapped, &catalog.name);
                } else {
                    problems.add(format!("{field}.id"), format!("{} is there twice", quoted(&mapped.id)));
                }
            }
        }
    }
    catalog.mappings = mappings.into_values().collect();
}

/// The control that is meant, if it can be mapped.
fn control(
    catalog: &Catalog,
    mapped: &MappedControl,
    mentioned: &BTreeSet<String>,
    field: &str,
    problems: &mut Problems,
) -> Option<ControlIx> {
    let message = "must be one line of 1 to 256 characters: who or what says so";
    problems.unless(is_line(&mapped.source, 256), &format!("{field}.source"), message);
    match catalog.control(&mapped.id) {
        Some(ix) if catalog.get(ix).retired => {
            let message = format!("AWS retired {}: nothing can be evidence of it", catalog.get(ix).id);
            problems.add(format!("{field}.id"), message);
            None
        }
        Some(ix) => Some(ix),
        // What is wrong with it is said where it is defined.
        None if mentioned.contains(&normalize_control_id(&mapped.id)) => None,
        None => {
            let message = format!("neither the built-in catalogue nor spec.controls knows {}", quoted(&mapped.id));
            problems.add(format!("{field}.id"), message);
            None
        }
    }
}

/// Adds a source to the mapping, or makes it. An organization that writes a mapping down has decided it: the tiers grade
/// what others published, so it counts in both.
fn merge(
    mappings: &mut BTreeMap<(usize, ControlIx), Mapping>,
    criterion: usize,
    control: ControlIx,
    wanted: &MappedControl,
    catalog: &str,
) {
    let confidence = Confidence::from(wanted.confidence);
    let source = Source::Catalog { name: catalog.to_owned(), source: wanted.source.clone() };
    let mapping = mappings.entry((criterion, control)).or_insert_with(|| Mapping {
        criterion,
        control,
        tier: Tier::Default,
        confidence,
        sources: Vec::new(),
        weak: false,
        checks: Vec::new(),
        references: Vec::new(),
        note: None,
    });
    mapping.tier = Tier::Default;
    mapping.confidence = mapping.confidence.min(confidence);
    mapping.sources.push(source);
}
