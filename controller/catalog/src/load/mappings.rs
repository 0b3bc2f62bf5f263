//! Which control answers for which criterion, and checks of other tools without a control.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Release, known, known_criterion, list, optional, rows, texts, word, wrong};
use crate::mapping::tier;
use crate::{Catalog, CatalogError, Confidence, ControlIx, Mapping, OtherCheck, Source};

#[derive(Deserialize)]
struct MappingRow {
    tsc_id: String,
    security_hub_control_id: String,
    config_rule: String,
    sources: String,
    check: String,
    confidence: String,
    seed_ref: String,
    note: String,
}

#[derive(Deserialize)]
struct WeakRow {
    criterion: String,
    control: String,
}

/// Mappings by criterion and control, and the checks of each criterion that no control answers for.
pub(super) fn mappings(release: &Release, catalog: &Catalog) -> Result<(Vec<Mapping>, Vec<OtherCheck>), CatalogError> {
    let file = &release.mapping;
    let weak = weak(release, catalog)?;
    let (mut mappings, mut others) = (Vec::new(), Vec::new());
    for (line, row) in rows::<MappingRow>(file)? {
        let problem = |problem: String| wrong(file, line, problem);
        if row.confidence == "unmapped" {
            others.push(other(catalog, row).map_err(problem)?);
        } else {
            mappings.push(mapping(catalog, &weak, row).map_err(problem)?);
        }
    }
    mappings.sort_by_key(Mapping::pair);
    match mappings.windows(2).find(|two| two[0].pair() == two[1].pair()) {
        Some(two) => Err(wrong(file, 0, format!("{} is mapped twice", catalog.get(two[0].control).id))),
        None => Ok((mappings, others)),
    }
}

fn mapping(catalog: &Catalog, weak: &BTreeSet<(usize, ControlIx)>, row: MappingRow) -> Result<Mapping, String> {
    let (criterion, control) = (known_criterion(catalog, &row.tsc_id)?, known(catalog, &row.security_hub_control_id)?);
    let confidences = [("direct", Confidence::Direct), ("curated", Confidence::Curated)];
    let confidence = word("confidence", &row.confidence, &confidences)?;
    let sources = sources(&row.sources)?;
    Ok(Mapping {
        criterion,
        control,
        tier: tier(&row.tsc_id, confidence, &sources),
        confidence,
        sources,
        weak: weak.contains(&(criterion, control)),
        checks: texts(&row.check),
        references: texts(&row.seed_ref),
        note: optional(row.note),
    })
}

fn other(catalog: &Catalog, row: MappingRow) -> Result<OtherCheck, String> {
    if !row.security_hub_control_id.is_empty() {
        return Err(format!("{} is unmapped and has a control", row.check));
    }
    Ok(OtherCheck {
        criterion: known_criterion(catalog, &row.tsc_id)?,
        sources: sources(&row.sources)?,
        check: row.check,
        config_rule: optional(row.config_rule),
    })
}

fn sources(field: &str) -> Result<Vec<Source>, String> {
    let sources: Vec<Source> = list(field)
        .map(|name| Source::from_name(name).ok_or_else(|| format!("source {name:?} is not known")))
        .collect::<Result<_, _>>()?;
    if sources.is_empty() { Err("a mapping needs a source".to_owned()) } else { Ok(sources) }
}

fn weak(release: &Release, catalog: &Catalog) -> Result<BTreeSet<(usize, ControlIx)>, CatalogError> {
    let file = &release.weak;
    let mut weak = BTreeSet::new();
    for (line, row) in rows::<WeakRow>(file)? {
        let wrong = |problem: String| wrong(file, line, problem);
        let criterion = known_criterion(catalog, &row.criterion).map_err(wrong)?;
        let controls = catalog.resolve(&row.control);
        if controls.is_empty() {
            return Err(wrong(format!("control {:?} is not known", row.control)));
        }
        weak.extend(controls.into_iter().map(|control| (criterion, control)));
    }
    Ok(weak)
}
