//! Catalogues: whether each is without mistakes. One that is not has no effect at all.

use std::sync::Arc;

use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use soc2_catalog::{Catalog, CatalogProblem};
use soc2_crds::{
    CatalogProblemStatus, CatalogStatus, CatalogSummary, ControlCatalog, ControlCatalogSpec, ControlCatalogStatus,
};

use super::Nudge;
use crate::context::Context;
use crate::control::Reconciler;
use crate::error::Error;
use crate::kubernetes::conditions::Fact;
use crate::kubernetes::events::of_validity;
use crate::kubernetes::status::{Desired, fields_of};
use crate::postures::MANAGER;
use crate::requested_at;

const FIELDS: &[&str] =
    &["observedGeneration", "lastHandledReconcileAt", "catalog", "summary", "problems", "moreProblems"];
const CONDITIONS: &[&str] = &["Ready", "Stalled", "Reconciling"];
/// Most problems in a status.
const PROBLEMS: usize = 20;

/// Reconciles catalogues.
#[derive(Debug, Default)]
pub struct CatalogReconciler;

impl Reconciler for CatalogReconciler {
    type Kind = ControlCatalog;
    const KIND: &'static str = "ControlCatalog";
    const MANAGER: &'static str = MANAGER;

    fn seen(&self, context: &Context, object: &ControlCatalog) {
        if object.metadata.deletion_timestamp.is_some() || context.is_asked_anew(object) {
            context.nudges.send(Nudge::ProfilesWith(object.name_any()));
        }
    }

    async fn reconcile(&self, context: &Context, object: Arc<ControlCatalog>) -> Result<Action, Error> {
        let extended = context.catalogs.extend(&object, context.catalogs.builtin());
        let (status, facts) = match &extended {
            Ok(catalog) => good(&object, catalog),
            Err(problems) => bad(&object, problems),
        };
        let before = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let happenings = of_validity(before, &facts);
        let desired = Desired { fields: fields_of(&status), conditions: facts };
        let writer = context.status_writer(MANAGER, FIELDS, CONDITIONS);
        let live = serde_json::to_value(&object.status).unwrap_or_default();
        if writer.write(&*object, &live, &desired, (context.now)()).await? {
            context.events.publish(&object.object_ref(&()), happenings);
        }
        Ok(Action::await_change())
    }
}

fn base(object: &ControlCatalog) -> ControlCatalogStatus {
    ControlCatalogStatus {
        observed_generation: object.metadata.generation,
        last_handled_reconcile_at: requested_at(object),
        ..ControlCatalogStatus::default()
    }
}

fn good(object: &ControlCatalog, catalog: &Catalog) -> (ControlCatalogStatus, Vec<Fact>) {
    let catalog = CatalogStatus {
        name: catalog.name().to_owned(),
        version: catalog.version().to_owned(),
        digest: catalog.digest().to_owned(),
    };
    let status = ControlCatalogStatus { catalog: Some(catalog), summary: Some(summary(&object.spec)), ..base(object) };
    (status, vec![Fact::yes("Ready", "Valid", "without mistakes; profiles that name it use it")])
}

fn bad(object: &ControlCatalog, problems: &[CatalogProblem]) -> (ControlCatalogStatus, Vec<Fact>) {
    let shown = problems.iter().take(PROBLEMS);
    let status = ControlCatalogStatus {
        problems: shown
            .map(|problem| CatalogProblemStatus { field: problem.field.clone(), message: problem.message.clone() })
            .collect(),
        more_problems: count(problems.len().saturating_sub(PROBLEMS)),
        ..base(object)
    };
    let words: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect();
    let message = format!("nothing of it takes effect: {}", words.join("; "));
    let facts =
        vec![Fact::no("Ready", "InvalidCatalog", message.clone()), Fact::yes("Stalled", "InvalidCatalog", message)];
    (status, facts)
}

fn summary(spec: &ControlCatalogSpec) -> CatalogSummary {
    let controls = spec.controls.as_deref().unwrap_or_default();
    let criteria = spec.criteria.as_deref().unwrap_or_default();
    CatalogSummary {
        controls: count(controls.len()),
        custom_controls: count(controls.iter().filter(|control| control.matches.is_some()).count()),
        mappings: count(criteria.iter().map(|criterion| criterion.controls.len()).sum()),
        activities: count(spec.activities.as_deref().unwrap_or_default().len()),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
