//! What becomes of a set's policies when it is deleted: they are left behind, or taken away, or let go of untouched.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt;
use kube::runtime::controller::Action;
use soc2_crds::{DeletionPolicy, GuardrailMode, GuardrailSet};
use soc2_guardrails::library::PROTECT_EXEMPT;
use soc2_guardrails::{RETAINED_TAG, staged};

use super::observe::Observed;
use super::{AFTER_FAILURE, enact, report};
use crate::context::Context;
use crate::control::jittered;
use crate::error::Error;
use crate::kubernetes::finalizers;

/// Holds a set that ever enforced until its policies are dealt with.
pub const FINALIZER: &str = "soc2-operator.dev/guardrails";
/// `"true"`: let go of the object and do not touch AWS.
const ABANDON: &str = "soc2-operator.dev/abandon";

/// Whether a set has something in AWS, or had.
#[must_use]
pub fn has_finalizer(set: &impl ResourceExt) -> bool {
    set.finalizers().iter().any(|name| name == FINALIZER)
}

/// Whether a set is being deleted and has to be dealt with first.
#[must_use]
pub fn is_held(set: &GuardrailSet) -> bool {
    set.metadata.deletion_timestamp.is_some() && has_finalizer(set)
}

/// Whether a set that is being deleted takes its policies away.
#[must_use]
pub fn is_removing(set: &GuardrailSet) -> bool {
    is_held(set) && set.spec.deletion_policy == DeletionPolicy::Remove && !is_let_go(set)
}

/// Whether a person let go of a set, or an organization.
#[must_use]
pub fn is_let_go(object: &impl ResourceExt) -> bool {
    object.annotations().get(ABANDON).is_some_and(|value| value == "true")
}

/// Baselines that a set names, had, or gets beside those.
pub fn names_of(set: &GuardrailSet) -> impl Iterator<Item = String> + '_ {
    let named = set.spec.baselines.iter().map(|baseline| baseline.name.clone());
    let had = set.status.iter().flat_map(|status| &status.baselines).map(|baseline| baseline.name.clone());
    named.chain(had).chain([PROTECT_EXEMPT.to_owned()])
}

/// Another set that may want what a set that goes takes away, and cannot be planned now.
pub fn waits_for(context: &Context, observed: &Observed, set: &GuardrailSet) -> Option<String> {
    let mine: BTreeSet<String> = names_of(set).collect();
    let refused = |other: &GuardrailSet| {
        let planned = observed.plan.sets.iter().find(|found| found.name == other.name_any());
        planned.is_some_and(|found| found.refused.is_some() && !found.removing)
    };
    let sets = context.stores.sets_of(&set.spec.organization_ref.name);
    let mut sets = sets.iter().filter(|other| other.name_any() != set.name_any() && refused(other));
    sets.find(|other| names_of(other).any(|name| mine.contains(&name))).map(ResourceExt::name_any)
}

/// Makes sure that a set that enforces is not gone before its policies are dealt with.
pub async fn hold(context: &Context, set: &GuardrailSet) -> Result<(), Error> {
    if set.spec.mode != GuardrailMode::Enforce || has_finalizer(set) {
        return Ok(());
    }
    finalizers::set(context.client.clone(), set, FINALIZER, true).await?;
    // The organization waits for it from now on.
    context.feeds.touch(&set.spec.organization_ref.name);
    Ok(())
}

/// Lets the object go.
pub async fn release(context: &Context, set: &GuardrailSet) -> Result<Action, Error> {
    finalizers::set(context.client.clone(), set, FINALIZER, false).await?;
    context.feeds.touch(&set.spec.organization_ref.name);
    Ok(Action::await_change())
}

/// Leaves the policies behind: tagged, so that they are nobody's. Those that another set wants too stay ours.
pub async fn retain(context: &Context, observed: &Observed, set: Arc<GuardrailSet>) -> Result<Action, Error> {
    // Suspended and refused ones too: what they want is theirs.
    let others = context.stores.sets_of(&set.spec.organization_ref.name);
    let others = others.iter().filter(|other| other.name_any() != set.name_any());
    let wanted: BTreeSet<String> = others.flat_map(names_of).collect();
    let mine: BTreeSet<String> = names_of(&set).filter(|name| !wanted.contains(name)).collect();
    let staged = staged(observed.inventory.policies.iter().filter(|(_, policy)| observed.owner.owns(policy)));
    let of_mine =
        |name: &String| observed.plan.carriers.get(name).into_iter().chain(staged.get(name).into_iter().flatten());
    // Of its variants and packs nobody else has anything, whoever names the same baselines.
    let planned = observed.plan.sets.iter().find(|plan| plan.name == set.name_any());
    let own = planned.iter().flat_map(|plan| &plan.own).cloned();
    let named = mine.iter().flat_map(of_mine).cloned();
    let name = set.name_any();
    let own = own.chain(observed.plan.standing_in(&name).map(str::to_owned));
    let left: Vec<String> = named.chain(own).collect::<BTreeSet<String>>().into_iter().collect();
    if !left.is_empty()
        && let Err(held) = enact::tag(context, observed, &left, RETAINED_TAG, &set.name_any()).await
    {
        report::retiring(context, &set, &held).await?;
        return Ok(Action::requeue(jittered(AFTER_FAILURE)));
    }
    release(context, &set).await
}
