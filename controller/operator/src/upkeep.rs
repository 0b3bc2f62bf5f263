//! What goes on beside the reconciles: forgetting what is gone, noticing what others do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use soc2_crds::{ComplianceException, ControlAttestation, GuardrailRelease, ScpBaseline};

use crate::baseline;
use crate::context::{Context, Stores};
use crate::http::Readiness;
use crate::leads::Belongs;
use crate::owners::{Gone, Nudge, tell};
use crate::startup;

/// How often objects that are gone are forgotten.
const HOUSEKEEPING: Duration = Duration::from_secs(2);

/// A posture that somebody deleted is written again.
pub async fn watch_postures(context: Arc<Context>) {
    let deleted = |posture: &str| {
        let profile = posture.rsplit_once('-').map(|(profile, _)| profile);
        if profile.is_some_and(|profile| context.rewrite(profile)) {
            tracing::info!(%posture, "an AccountPosture was deleted; it is written again");
        }
    };
    context.postures.watch(context.client.clone(), deleted).await;
}

/// Forgets what is gone or led by another replica, and says when the stores are filled.
pub async fn housekeeping(context: &Context, readiness: &Readiness) {
    let stores = &context.stores;
    startup::fill_stores(context, readiness).await;
    context.leads.open();
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    loop {
        ticks.tick().await;
        readiness.without(context.feeds.unreachable());
        // One that is gone has to be given up.
        context.leads.wake();
        let organizations = ours(context, &stores.organizations);
        let (profiles, sets) = (ours(context, &stores.profiles), ours(context, &stores.sets));
        if context.feeds.retain(&organizations) {
            // Profiles and sets of a deleted organization have to say so.
            for name in stores.referenced_organizations() {
                context.feeds.touch(&name);
            }
        }
        for organization in context.published.retain(&profiles, &sets, &organizations) {
            // What a profile waived it waives no more.
            context.nudges.send(Nudge::ExceptionsOf(organization));
        }
        context.working.retain(&profiles);
        tell_of_the_gone(context);
    }
}

/// Tells profiles of what owners deleted. A watch that was interrupted tells nobody, so the stores are asked.
fn tell_of_the_gone(context: &Context) {
    let Stores { exceptions, attestations, catalogs, baselines, releases, .. } = &context.stores;
    for Gone { organization, .. } in
        context.nudges.gone::<GuardrailRelease>(|_, name| releases.get(&ObjectRef::new(name)).is_some())
    {
        // What it kept off is put back.
        context.feeds.touch(&organization);
    }
    let exists = |namespace: &str, name: &str| exceptions.get(&ObjectRef::new(name).within(namespace)).is_some();
    for Gone { namespace, name, organization } in context.nudges.gone::<ComplianceException>(exists) {
        context.forget::<ComplianceException>(Some(&namespace), &name);
        context.nudges.send(Nudge::ProfilesOf(organization));
    }
    let exists = |namespace: &str, name: &str| attestations.get(&ObjectRef::new(name).within(namespace)).is_some();
    for Gone { namespace, name, organization } in context.nudges.gone::<ControlAttestation>(exists) {
        context.forget::<ControlAttestation>(Some(&namespace), &name);
        tell(context, &organization);
    }
    for name in context.catalogs.retain(&names(catalogs)) {
        context.nudges.send(Nudge::ProfilesWith(name));
    }
    for name in context.baselines.retain(&names(baselines)) {
        context.forget::<ScpBaseline>(None, &name);
        baseline::tell(context, &name);
    }
}

/// Names of the objects that this replica looks after.
fn ours<K>(context: &Context, store: &Store<DeserializeGuard<K>>) -> BTreeSet<String>
where
    K: Resource<DynamicType = ()> + Belongs + Clone + 'static,
{
    let is_ours = |guard: &Arc<DeserializeGuard<K>>| context.leads.has(&context.stores.scope_of(guard));
    store.state().into_iter().filter(is_ours).map(|found| found.name_any()).collect()
}

fn names<K>(store: &Store<DeserializeGuard<K>>) -> BTreeSet<String>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.state().iter().map(|found| found.name_any()).collect()
}
