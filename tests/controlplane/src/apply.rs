//! Applying manifests, as `kubectl apply --server-side` does.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
    discovery::{self, ApiCapabilities, Scope},
    runtime::wait::{await_condition, conditions::is_crd_established},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::ControlPlane;

/// The field manager of what a person or a test applies; it is not one of the operator's.
const FIELD_MANAGER: &str = "administrator";
/// How long a new kind may take until it can be used.
const ESTABLISH_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a kind that discovery does not know is asked for again.
const DISCOVER_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

impl ControlPlane {
    /// Applies every document of `yaml` in order, as the administrator, by server-side apply with force,
    /// and returns the objects as stored. A namespaced object without a namespace goes to `default`.
    /// After a `CustomResourceDefinition` it waits until objects of its kind can be applied.
    ///
    /// The first document that fails ends it, with an error that names the document's kind and name;
    /// the cause is the [`kube::Error`] with the API server's message, to be had by `downcast_ref`.
    pub async fn apply_yaml(&self, yaml: &str) -> Result<Vec<DynamicObject>> {
        let client = self.admin_client();
        let mut applied = Vec::new();
        for (index, document) in serde_yaml::Deserializer::from_str(yaml).enumerate() {
            let value = Value::deserialize(document).with_context(|| format!("read document {}", index + 1))?;
            if value.is_null() {
                continue;
            }
            let object: DynamicObject = serde_json::from_value(value)
                .with_context(|| format!("document {} is not a Kubernetes object", index + 1))?;
            applied.push(apply(&client, &object).await?);
        }
        Ok(applied)
    }
}

async fn apply(client: &Client, object: &DynamicObject) -> Result<DynamicObject> {
    let types = object.types.as_ref().context("an object has no apiVersion and kind")?;
    let gvk = GroupVersionKind::try_from(types)?;
    let name = object.metadata.name.as_deref().with_context(|| format!("a {} has no metadata.name", gvk.kind))?;
    let (resource, capabilities) = discover(client, &gvk).await?;
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => {
            let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
            Api::namespaced_with(client.clone(), namespace, &resource)
        }
    };
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let stored =
        api.patch(name, &params, &Patch::Apply(object)).await.with_context(|| format!("apply {} {name}", gvk.kind))?;
    if gvk.kind == "CustomResourceDefinition" {
        wait_until_served(client, name).await.with_context(|| format!("wait for the kind of {name}"))?;
    }
    Ok(stored)
}

/// Asks how a kind is served. One that was defined a moment ago may not be known yet.
async fn discover(client: &Client, gvk: &GroupVersionKind) -> Result<(ApiResource, ApiCapabilities)> {
    let deadline = Instant::now() + DISCOVER_TIMEOUT;
    loop {
        match discovery::pinned_kind(client, gvk).await {
            Ok(found) => return Ok(found),
            Err(kube::Error::Discovery(_)) if Instant::now() < deadline => {}
            Err(kube::Error::Api(status)) if status.is_not_found() && Instant::now() < deadline => {}
            Err(error) => return Err(error).with_context(|| format!("find the kind {}", gvk.kind)),
        }
        sleep(POLL).await;
    }
}

/// Waits until a CRD is established and its resource answers: the two are told apart by informers that
/// see the change at different moments.
async fn wait_until_served(client: &Client, crd: &str) -> Result<()> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let wait = async {
        await_condition(crds.clone(), crd, is_crd_established()).await?;
        let definition = crds.get(crd).await?;
        let spec = &definition.spec;
        for version in spec.versions.iter().filter(|version| version.served) {
            let gvk = GroupVersionKind::gvk(&spec.group, &version.name, &spec.names.kind);
            let resource = ApiResource::from_gvk_with_plural(&gvk, &spec.names.plural);
            let objects: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            while let Err(error) = objects.list_metadata(&ListParams::default().limit(1)).await {
                match error {
                    kube::Error::Api(status) if status.is_not_found() => sleep(POLL).await,
                    other => return Err(other.into()),
                }
            }
        }
        Ok::<_, anyhow::Error>(definition.name_any())
    };
    timeout(ESTABLISH_TIMEOUT, wait)
        .await
        .with_context(|| format!("not served after {} s", ESTABLISH_TIMEOUT.as_secs()))?
        .map(drop)
}
