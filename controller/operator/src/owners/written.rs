//! What owners wrote for one organization, as an assessment takes it in.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use kube::{Resource, ResourceExt};
use soc2_crds::{ComplianceException, ControlAttestation};
use soc2_posture::assess::{Attestation, Exception};

/// An object of an owner: namespace, name, and the object.
struct Object<K> {
    namespace: String,
    name: String,
    guard: Arc<DeserializeGuard<K>>,
}

/// UID and generation: what an object said when it was taken in.
pub type Version = (String, i64);

/// What owners wrote for one organization. What cannot be read, or is being deleted, is not written.
pub struct Written {
    exceptions: Vec<Object<ComplianceException>>,
    attestations: Vec<Object<ControlAttestation>>,
}

impl Written {
    /// What is in the stores.
    #[must_use]
    pub fn of(
        organization: &str,
        exceptions: &Store<DeserializeGuard<ComplianceException>>,
        attestations: &Store<DeserializeGuard<ControlAttestation>>,
    ) -> Self {
        Self {
            exceptions: objects(exceptions, |object| object.spec.organization_ref.name == organization),
            attestations: objects(attestations, |object| object.spec.organization_ref.name == organization),
        }
    }

    /// Attestations alone.
    #[must_use]
    pub fn attestations_of(organization: &str, store: &Store<DeserializeGuard<ControlAttestation>>) -> Self {
        let attestations = objects(store, |object| object.spec.organization_ref.name == organization);
        Self { exceptions: Vec::new(), attestations }
    }

    /// The exceptions, by namespace and name.
    #[must_use]
    pub fn exceptions(&self) -> Vec<Exception<'_>> {
        let written = self.exceptions.iter().filter_map(|object| {
            let spec = &object.guard.0.as_ref().ok()?.spec;
            Some(Exception { namespace: &object.namespace, name: &object.name, spec })
        });
        written.collect()
    }

    /// The attestations, by namespace and name.
    #[must_use]
    pub fn attestations(&self) -> Vec<Attestation<'_>> {
        let written = self.attestations.iter().filter_map(|object| {
            let spec = &object.guard.0.as_ref().ok()?.spec;
            Some(Attestation { namespace: &object.namespace, name: &object.name, spec })
        });
        written.collect()
    }

    /// What each exception said, by namespace and name.
    #[must_use]
    pub fn versions(&self) -> BTreeMap<(String, String), Version> {
        let entry = |object: &Object<ComplianceException>| {
            ((object.namespace.clone(), object.name.clone()), version(object.guard.as_ref()))
        };
        self.exceptions.iter().map(entry).collect()
    }

    /// What the attestations say, as a whole.
    #[must_use]
    pub fn attestation_versions(&self) -> Vec<Version> {
        self.attestations.iter().map(|object| version(object.guard.as_ref())).collect()
    }
}

/// UID and generation of an object.
#[must_use]
pub fn version(object: &impl Resource) -> Version {
    (object.meta().uid.clone().unwrap_or_default(), object.meta().generation.unwrap_or_default())
}

fn objects<K>(store: &Store<DeserializeGuard<K>>, wanted: impl Fn(&K) -> bool) -> Vec<Object<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let is_wanted = |guard: &Arc<DeserializeGuard<K>>| {
        guard.0.as_ref().is_ok_and(|object| object.meta().deletion_timestamp.is_none() && wanted(object))
    };
    let object = |guard: Arc<DeserializeGuard<K>>| Object {
        namespace: guard.namespace().unwrap_or_default(),
        name: guard.name_any(),
        guard,
    };
    let mut objects: Vec<Object<K>> = store.state().into_iter().filter(is_wanted).map(object).collect();
    objects.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
    objects
}
