//! What makes a controller look at an object, beside a change of the object itself.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{Lookup, ObjectRef, Store};
use kube::{Resource, ResourceExt};
use soc2_crds::{
    AwsOrganization, ComplianceException, ComplianceProfile, ControlAttestation, GuardrailApproval, GuardrailRelease,
    GuardrailSet,
};
use tokio_stream::wrappers::BroadcastStream;

use crate::context::{Context, Stores};
use crate::leads::{Belongs, Scope};
use crate::owners::Nudge;

type Ref<K> = ObjectRef<DeserializeGuard<K>>;

/// Organizations that are touched, those for which owners wrote something: tags of accounts may be needed, and those of
/// profiles with a changed catalogue: other findings may be of interest.
pub fn organizations(context: &Context) -> impl Stream<Item = Ref<AwsOrganization>> + Send + use<> {
    let of_profiles = nudged(context, |stores, nudge| match nudge {
        Nudge::ProfilesWith(catalog) => {
            let profiles = stores.profiles.state();
            let profiles = profiles.iter().filter_map(|guard| guard.0.as_ref().ok());
            let with_it = profiles.filter(|profile| uses(profile, catalog));
            with_it.map(|profile| ObjectRef::new(&profile.spec.organization_ref.name)).collect()
        }
        Nudge::ProfilesOf(name) => vec![ObjectRef::new(name)],
        Nudge::Everything => matching(&stores.organizations, |_| true),
        _ => Vec::new(),
    });
    stream::select(touched(context, |_, name| vec![ObjectRef::new(name)]), of_profiles)
}

/// Profiles of an organization that is touched, or for which owners wrote something, and those with a changed catalogue.
pub fn profiles(context: &Context) -> impl Stream<Item = Ref<ComplianceProfile>> + Send + use<> {
    let of_organization = touched(context, |stores, name| {
        matching(&stores.profiles, |profile| profile.spec.organization_ref.name == name)
    });
    let nudged = nudged(context, |stores, nudge| match nudge {
        Nudge::ProfilesOf(name) => matching(&stores.profiles, |profile| profile.spec.organization_ref.name == *name),
        Nudge::ProfilesWith(catalog) => matching(&stores.profiles, |profile| uses(profile, catalog)),
        Nudge::Everything => matching(&stores.profiles, |_| true),
        _ => Vec::new(),
    });
    stream::select(of_organization, nudged)
}

/// Guardrail sets of an organization that is touched.
pub fn sets(context: &Context) -> impl Stream<Item = Ref<GuardrailSet>> + Send + use<> {
    touched(context, |stores, name| matching(&stores.sets, |set| set.spec.organization_ref.name == name))
}

/// Releases in an organization that is touched.
pub fn releases(context: &Context) -> impl Stream<Item = Ref<GuardrailRelease>> + Send + use<> {
    touched(context, |stores, name| matching(&stores.releases, |release| release.spec.organization_ref.name == name))
}

/// Approvals for a set of which the plan changed.
pub fn approvals(context: &Context) -> impl Stream<Item = Ref<GuardrailApproval>> + Send + use<> {
    nudged(context, |stores, nudge| match nudge {
        Nudge::ApprovalsOf(set) => matching(&stores.approvals, |approval| approval.spec.guardrail_set_ref.name == *set),
        Nudge::Everything => matching(&stores.approvals, |_| true),
        _ => Vec::new(),
    })
}

/// Exceptions of which a profile found something else.
pub fn exceptions(context: &Context) -> impl Stream<Item = Ref<ComplianceException>> + Send + use<> {
    nudged(context, |stores, nudge| match nudge {
        Nudge::Exception(namespace, name) => vec![ObjectRef::new(name).within(namespace)],
        Nudge::ExceptionsOf(name) => {
            matching(&stores.exceptions, |exception| exception.spec.organization_ref.name == *name)
        }
        Nudge::Everything => matching(&stores.exceptions, |_| true),
        _ => Vec::new(),
    })
}

/// Attestations of an organization of which another one changed.
pub fn attestations(context: &Context) -> impl Stream<Item = Ref<ControlAttestation>> + Send + use<> {
    nudged(context, |stores, nudge| match nudge {
        Nudge::AttestationsOf(name) => {
            matching(&stores.attestations, |attestation| attestation.spec.organization_ref.name == *name)
        }
        Nudge::Everything => matching(&stores.attestations, |_| true),
        _ => Vec::new(),
    })
}

/// Objects of what is led by another replica than before.
pub fn led<K>(
    store: Store<DeserializeGuard<K>>,
    context: &Context,
) -> impl Stream<Item = ObjectRef<DeserializeGuard<K>>> + Send + use<K>
where
    K: Resource<DynamicType = ()> + Belongs + Clone + Send + Sync + 'static,
{
    let stores = context.stores.clone();
    BroadcastStream::new(context.leads.subscribe()).flat_map(move |changed: Result<Scope, _>| {
        let concerned = |guard: &Arc<DeserializeGuard<K>>| match &changed {
            Ok(changed) => stores.concerns(changed, guard),
            // Too many at once to keep apart: look at everything.
            Err(_) => true,
        };
        let objects = store.state().into_iter().filter(concerned).map(|guard| guard.to_object_ref(()));
        stream::iter(objects.collect::<Vec<_>>())
    })
}

fn uses(profile: &ComplianceProfile, catalog: &str) -> bool {
    profile.spec.catalog_ref.as_ref().is_some_and(|wanted| wanted.name == catalog)
}

/// Objects to look at when an organization is touched: something was read, or an object of it changed.
fn touched<K, F>(context: &Context, objects: F) -> impl Stream<Item = Ref<K>> + Send + use<K, F>
where
    K: Resource<DynamicType = ()> + Send + 'static,
    F: Fn(&Stores, &str) -> Vec<Ref<K>> + Send + 'static,
{
    let stores = context.stores.clone();
    BroadcastStream::new(context.feeds.subscribe()).flat_map(move |touched| {
        let found = match touched {
            Ok(name) => objects(&stores, &name),
            // Too many at once to keep apart: look at everything.
            Err(_) => stores.all_organizations().iter().flat_map(|found| objects(&stores, &found.name_any())).collect(),
        };
        stream::iter(found)
    })
}

/// Objects to look at because of a nudge.
fn nudged<K, F>(context: &Context, objects: F) -> impl Stream<Item = Ref<K>> + Send + use<K, F>
where
    K: Resource<DynamicType = ()> + Send + 'static,
    F: Fn(&Stores, &Nudge) -> Vec<Ref<K>> + Send + 'static,
{
    let stores = context.stores.clone();
    context.nudges.stream().flat_map(move |nudge| stream::iter(objects(&stores, &nudge)))
}

/// Objects that can be read and are wanted.
fn matching<K>(store: &Store<DeserializeGuard<K>>, wanted: impl Fn(&K) -> bool) -> Vec<Ref<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let objects = store.state();
    let wanted = objects.iter().filter(|guard| guard.0.as_ref().is_ok_and(&wanted));
    wanted.map(|guard| guard.to_object_ref(())).collect()
}
