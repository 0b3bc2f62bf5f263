//! The report step: how a baseline stands.

use kube::Resource;
use soc2_catalog::{CatalogProblem, Guardrail};
use soc2_crds::{ScpBaseline, ScpBaselineStatus};
use soc2_guardrails::Exemptions;
use soc2_guardrails::library::compile;

use super::Read;
use crate::context::Context;
use crate::error::Error;
use crate::guardrail::MANAGER;
use crate::kubernetes::conditions::Fact;
use crate::kubernetes::events::of_validity;
use crate::kubernetes::status::{Desired, fields_of};
use crate::requested_at;

const FIELDS: &[&str] = &["observedGeneration", "lastHandledReconcileAt", "characters", "problems", "moreProblems"];
const CONDITIONS: &[&str] = &["Ready", "Stalled", "Reconciling"];
/// Most problems in a status.
const PROBLEMS: usize = 20;

/// Writes the status, and an event when the object becomes valid or invalid.
pub(super) async fn report(context: &Context, object: &ScpBaseline, read: &Read) -> Result<(), Error> {
    let (status, facts) = match read {
        Ok(guardrail) => good(object, guardrail),
        Err(problems) => bad(object, problems),
    };
    let before = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let happenings = of_validity(before, &facts);
    let desired = Desired { fields: fields_of(&status), conditions: facts };
    let writer = context.status_writer(MANAGER, FIELDS, CONDITIONS);
    let live = serde_json::to_value(&object.status).unwrap_or_default();
    if writer.write(object, &live, &desired, (context.now)()).await? {
        context.events.publish(&object.object_ref(&()), happenings);
    }
    Ok(())
}

/// All problems in one line.
pub(super) fn words(problems: &[CatalogProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn base(object: &ScpBaseline) -> ScpBaselineStatus {
    ScpBaselineStatus {
        observed_generation: object.metadata.generation,
        last_handled_reconcile_at: requested_at(object),
        ..ScpBaselineStatus::default()
    }
}

fn good(object: &ScpBaseline, guardrail: &Guardrail) -> (ScpBaselineStatus, Vec<Fact>) {
    let nobody = Exemptions::default();
    let compiled = compile(guardrail, &guardrail.example_parameters, &nobody, &nobody).ok();
    let characters = compiled.map(|compiled| count(compiled.content.chars().count()));
    let status = ScpBaselineStatus { characters, ..base(object) };
    (status, vec![Fact::yes("Ready", "Valid", "without mistakes; guardrail sets can name it")])
}

fn bad(object: &ScpBaseline, problems: &[CatalogProblem]) -> (ScpBaselineStatus, Vec<Fact>) {
    let status = ScpBaselineStatus {
        problems: problems.iter().take(PROBLEMS).cloned().map(Into::into).collect(),
        more_problems: count(problems.len().saturating_sub(PROBLEMS)),
        ..base(object)
    };
    let message = format!("nothing of it takes effect: {}", words(problems));
    let facts =
        vec![Fact::no("Ready", "InvalidBaseline", message.clone()), Fact::yes("Stalled", "InvalidBaseline", message)];
    (status, facts)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
