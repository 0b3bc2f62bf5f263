//! Activities that are new, or that override one.

use std::collections::HashMap;

use soc2_crds::CatalogActivity;

use super::Problems;
use super::check::{is_activity_id, is_line, is_title, quoted};
use crate::{Activity, Catalog};

/// Most activities that one object may name.
const MAX: usize = 100;

/// Applies each; what is wrong is left out, and said.
pub(super) fn apply(catalog: &mut Catalog, wanted: &[CatalogActivity], problems: &mut Problems) {
    if !problems.unless(wanted.len() <= MAX, "spec.activities", format!("must have at most {MAX} activities")) {
        return;
    }
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (at, activity) in wanted.iter().enumerate() {
        let field = format!("spec.activities[{at}]");
        let id = quoted(&activity.id);
        let shape = "must be lower-case letters, digits and '-', such as vendor-review";
        if !problems.unless(is_activity_id(&activity.id), &format!("{field}.id"), format!("{id} {shape}")) {
            continue;
        }
        if let Some(first) = seen.insert(&activity.id, at) {
            problems
                .add(format!("{field}.id"), format!("{id} is spec.activities[{first}] already: say all of it there"));
            continue;
        }
        let before = problems.0.len();
        let made = made(catalog, activity, &field, problems).filter(|_| problems.0.len() == before);
        match (catalog.activity(&activity.id), made) {
            (Some(known), Some(made)) => catalog.activities[known] = made,
            (None, Some(made)) => catalog.activities.push(made),
            (_, None) => {}
        }
    }
}

/// The activity that results, with the problems said.
fn made(catalog: &Catalog, wanted: &CatalogActivity, field: &str, problems: &mut Problems) -> Option<Activity> {
    let CatalogActivity { id, title, criteria, cadence, owner } = wanted;
    let known = catalog.activity(id).and_then(|at| catalog.activities.get(at));
    let missing = [("title", title.is_none()), ("criteria", criteria.is_none()), ("cadence", cadence.is_none())];
    if known.is_none() {
        for (name, is_missing) in missing {
            let message = format!("is needed: the built-in catalogue does not know {id}");
            problems.unless(!is_missing, &format!("{field}.{name}"), message);
        }
    } else if owner.is_none() && missing.iter().all(|(_, is_missing)| *is_missing) {
        problems.add(field, "must override something: title, criteria, cadence or owner");
    }
    let is_good = title.as_deref().is_none_or(is_title);
    problems.unless(is_good, &format!("{field}.title"), "must be one line of 5 to 256 characters");
    let is_good = owner.as_deref().is_none_or(|owner| owner.trim().chars().count() >= 3 && is_line(owner, 254));
    problems.unless(is_good, &format!("{field}.owner"), "must say who, such as procurement@example.com");
    let criteria = criteria.as_deref().map(|ids| answers_for(catalog, ids, field, problems));
    Some(Activity {
        id: id.clone(),
        title: title.clone().or(known.map(|known| known.title.clone()))?,
        criteria: criteria.or(known.map(|known| known.criteria.clone()))?,
        cadence: cadence.or(known.map(|known| known.cadence))?,
        needs_evidence: known.is_none_or(|known| known.needs_evidence),
        owner: owner.clone().or(known.and_then(|known| known.owner.clone())),
        sources: known.map(|known| known.sources.clone()).into_iter().flatten().chain([catalog.name.clone()]).collect(),
    })
}

/// The criteria named, each once.
fn answers_for(catalog: &Catalog, ids: &[String], field: &str, problems: &mut Problems) -> Vec<usize> {
    problems.unless(!ids.is_empty(), &format!("{field}.criteria"), "must name at least one criterion");
    let mut found = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let field = format!("{field}.criteria[{at}]");
        match catalog.criterion(id) {
            Some(criterion) if found.contains(&criterion) => {
                problems.add(field, format!("{} is there twice", quoted(id)));
            }
            Some(criterion) => found.push(criterion),
            None => problems.add(field, format!("{} is no criterion, such as CC6.1", quoted(id))),
        }
    }
    found
}
