//! Finalizers: what an object has to wait for before it goes.

use std::fmt::Debug;

use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;

/// Adds a finalizer to an object, or takes it away. One that is gone needs none any more.
///
/// # Errors
/// Of the API server.
pub async fn set<K>(client: Client, object: &K, finalizer: &str, wanted: bool) -> kube::Result<()>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    K: Resource<Scope = kube::core::ClusterResourceScope>,
{
    let mut finalizers: Vec<&str> =
        object.finalizers().iter().map(String::as_str).filter(|name| *name != finalizer).collect();
    finalizers.extend(wanted.then_some(finalizer));
    // With the version that was seen: somebody else's finalizer must not be lost.
    let body = json!({"metadata": {"resourceVersion": object.meta().resource_version, "finalizers": finalizers}});
    let api: Api<K> = Api::all(client);
    match api.patch_metadata(&object.name_any(), &PatchParams::default(), &Patch::Merge(&body)).await {
        Err(kube::Error::Api(status)) if !wanted && status.is_not_found() => Ok(()),
        result => result.map(drop),
    }
}
