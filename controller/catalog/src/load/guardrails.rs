//! The library of guardrails.

use serde::Deserialize;

use super::{Release, known, known_criterion, list, optional, rows, wrong};
use crate::{Catalog, CatalogError, ExampleCall, Guardrail};

#[derive(Deserialize)]
struct GuardrailRow {
    guardrail: String,
    title: String,
    criteria: String,
    controls: String,
    document: String,
    no_exemption: String,
}

#[derive(Deserialize)]
struct ExampleRow {
    guardrail: String,
    decision: String,
    action: String,
    resource: String,
    what: String,
}

pub(super) fn guardrails(release: &Release, catalog: &Catalog) -> Result<Vec<Guardrail>, CatalogError> {
    let mut guardrails = Vec::new();
    for (line, row) in rows::<GuardrailRow>(&release.guardrails)? {
        guardrails.push(guardrail(catalog, row).map_err(|problem| wrong(&release.guardrails, line, problem))?);
    }
    for (line, row) in rows::<ExampleRow>(&release.examples)? {
        let wrong = |problem: String| wrong(&release.examples, line, problem);
        let Some(guardrail) = guardrails.iter_mut().find(|guardrail| guardrail.name == row.guardrail) else {
            return Err(wrong(format!("guardrail {:?} is not known", row.guardrail)));
        };
        let calls = match row.decision.as_str() {
            "Denied" => &mut guardrail.denied,
            "Allowed" => &mut guardrail.allowed,
            other => return Err(wrong(format!("decision is Denied or Allowed, not {other:?}"))),
        };
        calls.push(ExampleCall { action: row.action, resource: row.resource, what: row.what });
    }
    Ok(guardrails)
}

fn guardrail(catalog: &Catalog, row: GuardrailRow) -> Result<Guardrail, String> {
    let criteria = list(&row.criteria).map(|id| known_criterion(catalog, id)).collect::<Result<_, _>>()?;
    let controls = list(&row.controls).map(|id| known(catalog, id)).collect::<Result<_, _>>()?;
    Ok(Guardrail {
        name: row.guardrail,
        title: row.title,
        criteria,
        controls,
        document: row.document,
        no_exemption: optional(row.no_exemption),
        denied: Vec::new(),
        allowed: Vec::new(),
    })
}
