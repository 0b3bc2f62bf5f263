//! Criteria, and what people do for them.

use serde::Deserialize;
use soc2_crds::Cadence;

use super::{Release, list, rows, texts, word, wrong};
use crate::{Activity, Automation, CatalogError, Criterion, TscCategory};

const CADENCES: [(&str, Cadence); 5] = [
    ("Weekly", Cadence::Weekly),
    ("Monthly", Cadence::Monthly),
    ("Quarterly", Cadence::Quarterly),
    ("SemiAnnual", Cadence::SemiAnnual),
    ("Annual", Cadence::Annual),
];

#[derive(Deserialize)]
struct CriterionRow {
    tsc_id: String,
    category: String,
    short_title: String,
    automation: String,
    cadence: String,
    attestation_cadence: String,
}

pub(super) fn criteria(release: &Release) -> Result<Vec<Criterion>, CatalogError> {
    let file = &release.criteria;
    let mut criteria: Vec<Criterion> = Vec::new();
    for (line, row) in rows::<CriterionRow>(file)? {
        if criteria.iter().any(|known| known.id == row.tsc_id) {
            return Err(wrong(file, line, format!("{} is there twice", row.tsc_id)));
        }
        criteria.push(criterion(row).map_err(|problem| wrong(file, line, problem))?);
    }
    Ok(criteria)
}

fn criterion(row: CriterionRow) -> Result<Criterion, String> {
    let automations = [("full", Automation::Full), ("partial", Automation::Partial), ("manual", Automation::Manual)];
    Ok(Criterion {
        category: TscCategory::of(&row.tsc_id).ok_or_else(|| format!("{} has no category", row.tsc_id))?,
        area: row.category.split_once('/').map_or("", |(_, area)| area).to_owned(),
        automation: word("automation", &row.automation, &automations)?,
        attestation: word("attestation_cadence", &row.attestation_cadence, &CADENCES)?,
        id: row.tsc_id,
        title: row.short_title,
        rhythm: row.cadence,
    })
}

#[derive(Deserialize)]
struct ActivityRow {
    activity_id: String,
    title: String,
    criteria: String,
    cadence: String,
    needs_evidence: String,
    sources: String,
}

pub(super) fn activities(release: &Release, criteria: &[Criterion]) -> Result<Vec<Activity>, CatalogError> {
    let file = &release.activities;
    let mut activities: Vec<Activity> = Vec::new();
    for (line, row) in rows::<ActivityRow>(file)? {
        if activities.iter().any(|known| known.id == row.activity_id) {
            return Err(wrong(file, line, format!("{} is there twice", row.activity_id)));
        }
        activities.push(activity(row, criteria).map_err(|problem| wrong(file, line, problem))?);
    }
    Ok(activities)
}

fn activity(row: ActivityRow, criteria: &[Criterion]) -> Result<Activity, String> {
    let known = |id: &str| {
        let at = criteria.iter().position(|criterion| criterion.id == id);
        at.ok_or_else(|| format!("criterion {id:?} is not known"))
    };
    let answers_for = list(&row.criteria).map(known).collect::<Result<Vec<_>, _>>()?;
    if answers_for.is_empty() {
        return Err(format!("{} answers for no criterion", row.activity_id));
    }
    Ok(Activity {
        id: row.activity_id,
        title: row.title,
        criteria: answers_for,
        cadence: word("cadence", &row.cadence, &CADENCES)?,
        needs_evidence: word("needs_evidence", &row.needs_evidence, &[("yes", true), ("no", false)])?,
        owner: None,
        sources: texts(&row.sources),
    })
}
