//! What it takes to meet a control: rows over families of controls, from the general to the particular.

use serde::Deserialize;

use super::{Release, list, rows, word, wrong};
use crate::ids::{glob_match, id_matches, normalize_control_id};
use crate::{CatalogError, Control, Cost, Downtime, Effort};

#[derive(Deserialize)]
struct EffortRow {
    controls: String,
    category: String,
    cost: String,
    downtime: String,
    source: String,
    why: String,
}

/// The rows of the file.
pub(super) struct Efforts(Vec<Family>);

struct Family {
    /// Globs over ids, as ids are compared.
    ids: Vec<String>,
    /// Glob over AWS's category, in lower case; empty: any.
    category: String,
    effort: Effort,
}

impl Efforts {
    pub(super) fn read(release: &Release) -> Result<Self, CatalogError> {
        let file = &release.effort;
        let mut families = Vec::new();
        for (line, row) in rows::<EffortRow>(file)? {
            families.push(family(row).map_err(|problem| wrong(file, line, problem))?);
        }
        Ok(Self(families))
    }

    /// What the last row that matches an active control says.
    pub(super) fn of(&self, control: &Control) -> Option<Effort> {
        let (id, category) = (normalize_control_id(&control.id), control.category.to_ascii_lowercase());
        let matches = |family: &&Family| {
            family.ids.iter().any(|glob| id_matches(glob, &id))
                && (family.category.is_empty() || glob_match(&family.category, &category))
        };
        self.0.iter().filter(|_| !control.retired).rfind(matches).map(|family| family.effort.clone())
    }
}

fn family(row: EffortRow) -> Result<Family, String> {
    let costs = [
        ("Low", Cost::Low),
        ("Low-Medium", Cost::LowMedium),
        ("Medium", Cost::Medium),
        ("Medium-High", Cost::MediumHigh),
        ("High", Cost::High),
    ];
    let downtimes = [
        ("None", Downtime::None),
        ("Access", Downtime::Access),
        ("Restart", Downtime::Restart),
        ("Replacement", Downtime::Replacement),
    ];
    if row.why.is_empty() || row.source.is_empty() {
        return Err("a class needs why and source".to_owned());
    }
    let effort = Effort {
        cost: word("cost", &row.cost, &costs)?,
        downtime: word("downtime", &row.downtime, &downtimes)?,
        why: row.why,
        source: row.source,
    };
    Ok(Family {
        ids: list(&row.controls).map(normalize_control_id).collect(),
        category: row.category.to_ascii_lowercase(),
        effort,
    })
}
