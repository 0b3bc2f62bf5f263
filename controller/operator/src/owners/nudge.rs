//! Telling controllers to look at objects again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures::{Stream, StreamExt};
use kube::Resource;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// Nudges that a controller may be behind before it looks at everything.
const BACKLOG: usize = 4096;

/// What should be looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nudge {
    /// Profiles of an organization: what owners wrote for it changed.
    ProfilesOf(String),
    /// Profiles that use a catalogue.
    ProfilesWith(String),
    /// One exception, by namespace and name: what is known of it changed.
    Exception(String, String),
    /// Every exception of an organization.
    ExceptionsOf(String),
    /// Every attestation of an organization: one of them changed, or the tree.
    AttestationsOf(String),
    /// Approvals of a guardrail set: its plan changed.
    ApprovalsOf(String),
    /// Everything: what was said is lost.
    Everything,
}

/// The nudges, and of which organization each object was that owners wrote: a deleted one cannot say it any more.
#[derive(Debug)]
pub struct Nudges {
    sender: broadcast::Sender<Nudge>,
    organizations: Mutex<BTreeMap<(String, String, String), String>>,
}

/// An object that is gone.
#[derive(Debug)]
pub struct Gone {
    /// Namespace that it was in.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The organization that it was for.
    pub organization: String,
}

impl Default for Nudges {
    fn default() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0, organizations: Mutex::default() }
    }
}

impl Nudges {
    /// Has something looked at again.
    pub fn send(&self, nudge: Nudge) {
        // Without a controller there is nobody to tell.
        let _ = self.sender.send(nudge);
    }

    /// What is to be looked at again from now on.
    pub fn stream(&self) -> impl Stream<Item = Nudge> + Send + use<> {
        BroadcastStream::new(self.sender.subscribe()).map(|nudge| nudge.unwrap_or(Nudge::Everything))
    }

    /// Remembers of which organization an object is.
    pub fn saw<K: Resource<DynamicType = ()>>(&self, namespace: &str, name: &str, organization: &str) {
        self.organizations().insert(key::<K>(namespace, name), organization.to_owned());
    }

    /// Objects of a kind that were seen and do not exist any more, with the organization of each; each is told once.
    pub fn gone<K: Resource<DynamicType = ()>>(&self, exists: impl Fn(&str, &str) -> bool) -> Vec<Gone> {
        let kind = K::kind(&());
        let mut organizations = self.organizations();
        let gone =
            organizations.extract_if(.., |(known, namespace, name), _| *known == kind && !exists(namespace, name));
        gone.map(|((_, namespace, name), organization)| Gone { namespace, name, organization }).collect()
    }

    fn organizations(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String, String), String>> {
        // Whole entries come and go.
        self.organizations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key<K: Resource<DynamicType = ()>>(namespace: &str, name: &str) -> (String, String, String) {
    (K::kind(&()).into_owned(), namespace.to_owned(), name.to_owned())
}

#[cfg(test)]
mod tests {
    use soc2_crds::{ComplianceException, ControlAttestation};

    use super::*;

    #[test]
    fn an_object_that_is_gone_is_told_once_with_its_organization() {
        let nudges = Nudges::default();
        nudges.saw::<ComplianceException>("team", "a", "acme");
        nudges.saw::<ComplianceException>("team", "b", "acme");
        nudges.saw::<ControlAttestation>("team", "a", "other");
        let gone = nudges.gone::<ComplianceException>(|_, name| name == "b");
        let gone: Vec<_> = gone.iter().map(|gone| (&*gone.namespace, &*gone.name, &*gone.organization)).collect();
        assert_eq!(gone, [("team", "a", "acme")]);
        assert!(nudges.gone::<ComplianceException>(|_, name| name == "b").is_empty());
        assert_eq!(nudges.gone::<ControlAttestation>(|_, _| false).len(), 1);
    }
}
