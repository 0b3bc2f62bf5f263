//! The conditions of every object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use kube::{Resource, ResourceExt};

use super::{Family, Labels};
use crate::context::Stores;

/// `resource_condition`.
pub(super) fn family(stores: &Stores) -> Family {
    let mut series = Vec::new();
    push(&mut series, &stores.organizations, |object| object.status.as_ref().map(|status| &*status.conditions));
    push(&mut series, &stores.profiles, |object| object.status.as_ref().map(|status| &*status.conditions));
    push(&mut series, &stores.sets, |object| object.status.as_ref().map(|status| &*status.conditions));
    push(&mut series, &stores.exceptions, |object| object.status.as_ref().map(|status| &*status.conditions));
    push(&mut series, &stores.attestations, |object| object.status.as_ref().map(|status| &*status.conditions));
    push(&mut series, &stores.catalogs, |object| object.status.as_ref().map(|status| &*status.conditions));
    push(&mut series, &stores.baselines, |object| object.status.as_ref().map(|status| &*status.conditions));
    Family::gauge("resource_condition", "1 for the current status and reason of each condition of an object", series)
}

fn push<K>(series: &mut Vec<(Labels, f64)>, store: &Store<DeserializeGuard<K>>, of: impl Fn(&K) -> Option<&[Condition]>)
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let mut objects = store.state();
    objects.sort_by_cached_key(|guard| (guard.namespace(), guard.name_any()));
    for guard in objects {
        let Ok(object) = &guard.0 else { continue };
        for condition in of(object).unwrap_or_default() {
            let labels = vec![
                ("kind", K::kind(&()).into_owned()),
                ("namespace", object.namespace().unwrap_or_default()),
                ("name", object.name_any()),
                ("type", condition.type_.clone()),
                ("status", condition.status.clone()),
                ("reason", condition.reason.clone()),
            ];
            series.push((labels, 1.0));
        }
    }
}
