//! What an object belongs to: the organization whose leader looks after it, or none.

use kube::core::DeserializeGuard;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use soc2_crds::{
    AwsOrganization, ComplianceException, ComplianceProfile, ControlAttestation, ControlCatalog, GuardrailApproval,
    GuardrailRelease, GuardrailSet, ScpBaseline,
};

use crate::context::Stores;

/// What a Lease is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// What belongs to no organization: catalogues, baselines, objects that cannot be read, objects of an organization that
    /// there is not.
    Common,
    /// Everything of the `AwsOrganization` of this name.
    Organization(String),
}

impl Scope {
    /// Name of the `AwsOrganization`, if it is of one.
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        match self {
            Self::Common => None,
            Self::Organization(name) => Some(name),
        }
    }
}

/// A kind whose objects belong to organizations, or to none.
pub trait Belongs {
    /// Name of the `AwsOrganization` that an object is for.
    fn organization(&self, stores: &Stores) -> Option<String>;
}

macro_rules! by_reference {
    ($($kind:ty),*) => {$(
        impl Belongs for $kind {
            fn organization(&self, _: &Stores) -> Option<String> {
                Some(self.spec.organization_ref.name.clone())
            }
        }
    )*};
}

by_reference!(ComplianceProfile, GuardrailSet, GuardrailRelease, ComplianceException, ControlAttestation);

impl Belongs for AwsOrganization {
    fn organization(&self, _: &Stores) -> Option<String> {
        Some(self.name_any())
    }
}

impl Belongs for GuardrailApproval {
    fn organization(&self, stores: &Stores) -> Option<String> {
        let guard = stores.sets.get(&ObjectRef::new(&self.spec.guardrail_set_ref.name))?;
        guard.0.as_ref().ok()?.organization(stores)
    }
}

impl Belongs for ControlCatalog {
    fn organization(&self, _: &Stores) -> Option<String> {
        None
    }
}

impl Belongs for ScpBaseline {
    fn organization(&self, _: &Stores) -> Option<String> {
        None
    }
}

impl Stores {
    /// Who looks after an object.
    #[must_use]
    pub fn scope_of<K: Belongs + Resource<DynamicType = ()>>(&self, guard: &DeserializeGuard<K>) -> Scope {
        let named = guard.0.as_ref().ok().and_then(|object| object.organization(self));
        named.filter(|name| self.is_readable(name)).map_or(Scope::Common, Scope::Organization)
    }

    /// Whether an object should be looked at because who leads `changed` is another: also one that names an organization which has just
    /// come or gone.
    #[must_use]
    pub fn concerns<K: Belongs + Resource<DynamicType = ()>>(
        &self,
        changed: &Scope,
        guard: &DeserializeGuard<K>,
    ) -> bool {
        match changed {
            Scope::Common => self.scope_of(guard) == Scope::Common,
            Scope::Organization(name) => {
                let named = guard.0.as_ref().ok().and_then(|object| object.organization(self));
                named.as_ref() == Some(name)
            }
        }
    }

    fn is_readable(&self, organization: &str) -> bool {
        self.organizations.get(&ObjectRef::new(organization)).is_some_and(|guard| guard.0.is_ok())
    }
}
