//! The conditions of every object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use kube::{Resource, ResourceExt};
use prometheus_client::registry::Unit;

use super::state::Ours;
use super::{Family, Labels, with};
use crate::leads::Belongs;

type Series = Vec<(Labels, f64)>;

/// `resource_condition`, and since when each has its status.
pub(super) fn families(ours: &Ours<'_>) -> [Family; 2] {
    let stores = ours.stores;
    let mut found = Found { ours: *ours, current: Series::new(), since: Series::new() };
    found.push(&stores.organizations, |object| object.status.as_ref().map(|status| &*status.conditions));
    found.push(&stores.profiles, |object| object.status.as_ref().map(|status| &*status.conditions));
    found.push(&stores.sets, |object| object.status.as_ref().map(|status| &*status.conditions));
    found.push(&stores.releases, |object| object.status.as_ref().map(|status| &*status.conditions));
    found.push(&stores.exceptions, |object| object.status.as_ref().map(|status| &*status.conditions));
    found.push(&stores.attestations, |object| object.status.as_ref().map(|status| &*status.conditions));
    found.push(&stores.catalogs, |object| object.status.as_ref().map(|status| &*status.conditions));
    found.push(&stores.baselines, |object| object.status.as_ref().map(|status| &*status.conditions));
    let current = "1 for the current status and reason of each condition of an object";
    let since = "Time since when a condition has its current status, as seconds since 1970";
    [
        Family::gauge("resource_condition", current, found.current),
        Family::gauge("resource_condition_since_timestamp", since, found.since).in_unit(Unit::Seconds),
    ]
}

struct Found<'a> {
    ours: Ours<'a>,
    current: Series,
    since: Series,
}

impl Found<'_> {
    fn push<K>(&mut self, store: &Store<DeserializeGuard<K>>, of: impl Fn(&K) -> Option<&[Condition]>)
    where
        K: Resource<DynamicType = ()> + Belongs + Clone + 'static,
    {
        let mut objects = store.state();
        objects.retain(|guard| self.ours.has(guard));
        objects.sort_by_cached_key(|guard| (guard.namespace(), guard.name_any()));
        for guard in objects {
            let Ok(object) = &guard.0 else { continue };
            for condition in of(object).unwrap_or_default() {
                let labels = vec![
                    ("kind", K::kind(&()).into_owned()),
                    ("namespace", object.namespace().unwrap_or_default()),
                    ("name", object.name_any()),
                    ("type", condition.type_.clone()),
                ];
                self.since.push((labels.clone(), condition.last_transition_time.0.as_second() as f64));
                let labels = with(with(labels, "status", &condition.status), "reason", &condition.reason);
                self.current.push((labels, 1.0));
            }
        }
    }
}
