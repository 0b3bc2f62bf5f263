//! Leases as objects: what we write into them, and what we read.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::{LeadsConfig, Scope};

/// Annotation of an organization's Lease: identity of a replica that leads fewer and asks for it.
pub(super) const WANTED_BY: &str = "soc2-operator.dev/wanted-by";
/// Annotation of the common Lease: its holder leaves organizations to whoever has their Leases. A version that knew of one Lease alone
/// does not write it, and is not to be disturbed.
const PER_ORGANIZATION: &str = "soc2-operator.dev/per-organization";
/// Labels by which people find them.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "soc2-operator");
const ORGANIZATION: &str = "soc2-operator.dev/organization";
/// Where a Lease does not say.
const DEFAULT_SECONDS: i32 = 15;

/// Who holds a Lease; `None` when nobody does.
pub(super) fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// Who asks for it.
pub(super) fn wanted_by(lease: &Lease) -> Option<&str> {
    lease.metadata.annotations.as_ref()?.get(WANTED_BY).map(String::as_str)
}

/// How long it holds without renewal.
pub(super) fn duration(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(DEFAULT_SECONDS);
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// Whether the holder of the common Lease leaves organizations to others.
pub(super) fn is_shared(lease: &Lease) -> bool {
    lease.metadata.annotations.as_ref().is_some_and(|found| found.contains_key(PER_ORGANIZATION))
}

/// The Lease as ours: a new one, one that is renewed, or one that is taken over. With the version of `previous`, so that the API server
/// refuses it when anybody else was faster.
pub(super) fn claim(config: &LeadsConfig, scope: &Scope, previous: Option<&Lease>) -> Lease {
    let now = MicroTime(k8s_openapi::jiff::Timestamp::now());
    let old = previous.and_then(|lease| lease.spec.clone()).unwrap_or_default();
    let ours = old.holder_identity.as_deref() == Some(config.identity.as_str());
    // A holder must not believe in a longer time than what others read.
    let seconds = i32::try_from(config.duration.as_millis().div_ceil(1000).max(1)).unwrap_or(i32::MAX);
    let mut metadata = previous.map(|lease| lease.metadata.clone()).unwrap_or_default();
    metadata.name = Some(config.lease_name(scope));
    metadata.managed_fields = None;
    mark(&mut metadata, scope, ours);
    Lease {
        metadata,
        spec: Some(LeaseSpec {
            holder_identity: Some(config.identity.clone()),
            lease_duration_seconds: Some(seconds),
            acquire_time: if ours { old.acquire_time } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(old.lease_transitions.unwrap_or(0) + i32::from(!ours && previous.is_some())),
            ..LeaseSpec::default()
        }),
    }
}

fn mark(metadata: &mut ObjectMeta, scope: &Scope, ours: bool) {
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
    let annotations = metadata.annotations.get_or_insert_default();
    match scope {
        Scope::Common => drop(annotations.insert(PER_ORGANIZATION.to_owned(), "true".to_owned())),
        Scope::Organization(name) => {
            labels.insert(ORGANIZATION.to_owned(), name.clone());
            if !ours {
                // Whoever asked for it asked somebody else.
                annotations.remove(WANTED_BY);
            }
        }
    }
}

/// The Lease given up; who asked for it is still on it.
pub(super) fn released(mut lease: Lease) -> Lease {
    lease.metadata.managed_fields = None;
    if let Some(spec) = lease.spec.as_mut() {
        spec.holder_identity = Some(String::new());
    }
    lease
}

/// The Lease with somebody who asks for it, or nobody any more.
pub(super) fn wanted(mut lease: Lease, by: Option<&str>) -> Lease {
    lease.metadata.managed_fields = None;
    let annotations = lease.metadata.annotations.get_or_insert_default();
    match by {
        Some(by) => drop(annotations.insert(WANTED_BY.to_owned(), by.to_owned())),
        None => drop(annotations.remove(WANTED_BY)),
    }
    lease
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(identity: &str, duration: Duration) -> LeadsConfig {
        LeadsConfig { namespace: "a".to_owned(), name: "soc2".to_owned(), identity: identity.to_owned(), duration }
    }

    #[test]
    fn a_lease_is_renewed_taken_over_asked_for_and_given_up() {
        let (one, two) = (config("one", Duration::from_millis(1500)), config("two", Duration::from_secs(15)));
        let scope = Scope::Organization("acme".to_owned());
        let first = claim(&one, &scope, None);
        assert_eq!(
            (holder(&first), duration(&first)),
            (Some("one"), Duration::from_secs(2)),
            "never shorter than ours"
        );
        assert_eq!(first.metadata.labels.as_ref().unwrap()[ORGANIZATION], "acme");
        let asked = wanted(first.clone(), Some("two"));
        let renewed = claim(&one, &scope, Some(&asked));
        assert_eq!((holder(&renewed), wanted_by(&renewed)), (Some("one"), Some("two")));
        let transitions = |lease: &Lease| lease.spec.as_ref().unwrap().lease_transitions;
        assert_eq!(transitions(&renewed), Some(0));
        let free = released(renewed);
        assert_eq!((holder(&free), wanted_by(&free)), (None, Some("two")));
        let taken = claim(&two, &scope, Some(&free));
        assert_eq!((holder(&taken), wanted_by(&taken), transitions(&taken)), (Some("two"), None, Some(1)));
        assert_eq!(wanted_by(&wanted(asked, None)), None);
        assert!(!is_shared(&first) && is_shared(&claim(&one, &Scope::Common, None)));
    }
}
