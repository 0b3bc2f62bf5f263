//! An organization waits for its sets: without it nobody would deal with what they have in AWS.

use kube::ResourceExt;
use kube::core::DeserializeGuard;
use soc2_crds::{AwsOrganization, GuardrailSet};

use crate::context::Context;
use crate::error::Error;
use crate::guardrail::{has_finalizer, is_let_go};
use crate::kubernetes::finalizers;

/// Holds an organization until none of its sets has something in AWS.
const FINALIZER: &str = "soc2-operator.dev/guardrail-sets";
/// Most sets that a message names.
const MOST: usize = 5;

/// Whether an organization is being deleted and nothing is to be done about it any more.
pub fn is_gone(object: &AwsOrganization) -> bool {
    object.metadata.deletion_timestamp.is_some() && !is_held(object)
}

fn is_held(object: &AwsOrganization) -> bool {
    object.finalizers().iter().any(|name| name == FINALIZER)
}

/// Holds an organization while a set of it has something in AWS, and lets it go after that or when a person says so. Gives whether
/// it is let go.
///
/// # Errors
/// Of the API server.
pub async fn keep(context: &Context, object: &AwsOrganization) -> Result<bool, Error> {
    let wanted = !holding(context, object).is_empty() && !is_let_go(object);
    let leaving = object.metadata.deletion_timestamp.is_some();
    // One that is being deleted can get no finalizer.
    if wanted == is_held(object) || (wanted && leaving) {
        return Ok(leaving && !wanted);
    }
    finalizers::set(context.client.clone(), object, FINALIZER, wanted).await?;
    Ok(leaving && !wanted)
}

/// What one that is being deleted waits for.
pub fn waits(context: &Context, object: &AwsOrganization) -> Option<String> {
    object.metadata.deletion_timestamp.as_ref()?;
    let sets = holding(context, object);
    let named = sets.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if sets.len() > MOST { format!(" and {} more", sets.len() - MOST) } else { String::new() };
    Some(format!(
        "it goes when GuardrailSet {named}{more} is gone, which has policies in AWS: delete it, or let go of the organization without \
         touching AWS with the annotation soc2-operator.dev/abandon: \"true\""
    ))
}

/// Names of the sets that have, or had, something in AWS.
fn holding(context: &Context, object: &AwsOrganization) -> Vec<String> {
    let name = object.name_any();
    let sets = context.stores.sets.state();
    // Of one that cannot be read it is not known whose it is: it may be this one's.
    let is_its = |guard: &DeserializeGuard<GuardrailSet>| {
        guard.0.as_ref().map_or(true, |set| set.spec.organization_ref.name == name)
    };
    let sets = sets.iter().filter(|guard| is_its(guard) && has_finalizer(&***guard));
    let mut names: Vec<String> = sets.map(|set| set.name_any()).collect();
    names.sort_unstable();
    names
}
