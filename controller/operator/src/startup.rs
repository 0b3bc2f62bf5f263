//! What has to be there before work begins: the CRDs, the cluster's id, the memory of what was published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::{Api, Client, ResourceExt};
use soc2_catalog::Catalog;
use soc2_crds::{AccountPostureSpec, ComplianceProfile, ControlCatalog};
use soc2_posture::Memory;
use soc2_posture::ids::AccountId;

use crate::context::Context;
use crate::http::Readiness;

/// Waits until the API server serves our kinds.
pub async fn wait_for_crds(client: &Client, readiness: &Readiness) {
    const KINDS: [&str; 10] = [
        "awsorganizations",
        "complianceprofiles",
        "guardrailsets",
        "guardrailapprovals",
        "guardrailreleases",
        "accountpostures",
        "complianceexceptions",
        "controlattestations",
        "controlcatalogs",
        "scpbaselines",
    ];
    loop {
        let missing = match client.list_api_group_resources("soc2-operator.dev/v1alpha1").await {
            Ok(list) => {
                let there: BTreeSet<String> = list.resources.into_iter().map(|resource| resource.name).collect();
                let missing: Vec<&str> = KINDS.into_iter().filter(|kind| !there.contains(*kind)).collect();
                if missing.is_empty() {
                    readiness.there("crds");
                    return;
                }
                format!("no CRD for {}; apply crds/generated", missing.join(", "))
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => {
                "no CRD of soc2-operator.dev; apply crds/generated".to_owned()
            }
            Err(error) => format!("the Kubernetes API: {error}"),
        };
        readiness.missing("crds", missing.clone());
        tracing::warn!(missing, "waiting");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Waits for the UID of kube-system.
pub async fn wait_for_cluster(context: &Context, readiness: &Readiness) {
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    loop {
        match namespaces.get("kube-system").await {
            Ok(namespace) => {
                // Nobody else sets it.
                let _ = context.cluster_id.set(namespace.uid().unwrap_or_default());
                return readiness.there("cluster");
            }
            Err(error) => {
                readiness.missing("cluster", format!("the namespace kube-system cannot be read: {error}"));
                tracing::warn!(%error, "the namespace kube-system cannot be read");
            }
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Remembers what the published postures of an organization's profiles say of the past.
///
/// # Errors
/// Of the API server.
pub async fn load_postures(context: &Context, organization: &str) -> kube::Result<()> {
    // Not from the store: what the leader before wrote a moment ago may be on its way.
    let profiles: Api<DeserializeGuard<ComplianceProfile>> = Api::all(context.client.clone());
    let profiles = profiles.list(&ListParams::default()).await?.items.into_iter().filter_map(|guard| guard.0.ok());
    let profiles: Vec<ComplianceProfile> =
        profiles.filter(|profile| profile.spec.organization_ref.name == organization).collect();
    if profiles.is_empty() {
        return Ok(());
    }
    let catalogs = catalogs_of(context, &profiles).await?;
    let builtin = context.catalogs.builtin();
    for profile in &profiles {
        let name = profile.name_any();
        let catalog = catalogs.get(&name).unwrap_or(builtin);
        let mut memory = Memory::default();
        let visit = |account: AccountId, content: &AccountPostureSpec| {
            // Page by page: all of them at once would take more memory than everything else.
            memory.remember(catalog, account, content);
            context.working.guardrails().remember(&name, account, content);
        };
        context.postures.load(&name, visit).await?;
        context.working.guardrails().stands(profile);
        context.working.begin(&name, memory);
    }
    Ok(())
}

/// The catalogue with which each profile was assessed: numbers of controls are a catalogue's own.
async fn catalogs_of(
    context: &Context,
    profiles: &[ComplianceProfile],
) -> kube::Result<BTreeMap<String, Arc<Catalog>>> {
    let all = ListParams::default();
    let objects: Api<DeserializeGuard<ControlCatalog>> = Api::all(context.client.clone());
    let objects: BTreeMap<String, Arc<DeserializeGuard<ControlCatalog>>> =
        objects.list(&all).await?.items.into_iter().map(|guard| (guard.name_any(), Arc::new(guard))).collect();
    let catalog = |profile: &ComplianceProfile| {
        let found = context.catalogs.of_profile(profile, |name| objects.get(name).map(Arc::clone));
        Some((profile.name_any(), found.ok()?))
    };
    Ok(profiles.iter().filter_map(catalog).collect())
}
