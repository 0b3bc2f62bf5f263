//! What has to be there before work begins: the CRDs, the cluster's id, the memory of what was published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::{Api, Client, ResourceExt};
use soc2_catalog::Catalog;
use soc2_crds::{AccountPostureSpec, ComplianceProfile, ControlCatalog};
use soc2_posture::Memory;
use soc2_posture::ids::AccountId;

use crate::context::{Context, Stores};
use crate::http::Readiness;
use crate::waiting::{chain, until_there};

/// An answer of the API server takes at most this long.
const ANSWER: Duration = Duration::from_secs(10);

/// A client, as soon as there is a configuration for one. It calls nothing yet.
pub async fn client(readiness: &Readiness) -> Client {
    until_there(readiness, "kubernetes", ANSWER, || async {
        let client = Client::try_default().await;
        client.map_err(|error| {
            format!("no access to Kubernetes: {}; check KUBECONFIG, or the ServiceAccount", chain(&error))
        })
    })
    .await
}

/// Waits until every store has what there is, and says which have not and why.
pub async fn fill_stores(context: &Context, readiness: &Readiness) {
    let mut filled = std::pin::pin!(context.stores.fill());
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = &mut filled => return readiness.there("stores"),
            _ = ticks.tick() => readiness.missing("stores", context.troubles.why(&unfilled(&context.stores))),
        }
    }
}

/// Kinds of which it is not known yet what there is.
fn unfilled(stores: &Stores) -> Vec<&'static str> {
    let Stores { organizations, profiles, sets, approvals, releases, exceptions, attestations, .. } = stores;
    let Stores { catalogs, baselines, filled: _, .. } = stores;
    let filled = [
        ("AwsOrganization", organizations.wait_until_ready().now_or_never().is_some()),
        ("ComplianceProfile", profiles.wait_until_ready().now_or_never().is_some()),
        ("GuardrailSet", sets.wait_until_ready().now_or_never().is_some()),
        ("GuardrailApproval", approvals.wait_until_ready().now_or_never().is_some()),
        ("GuardrailRelease", releases.wait_until_ready().now_or_never().is_some()),
        ("ComplianceException", exceptions.wait_until_ready().now_or_never().is_some()),
        ("ControlAttestation", attestations.wait_until_ready().now_or_never().is_some()),
        ("ControlCatalog", catalogs.wait_until_ready().now_or_never().is_some()),
        ("ScpBaseline", baselines.wait_until_ready().now_or_never().is_some()),
    ];
    filled.into_iter().filter(|(_, filled)| !filled).map(|(kind, _)| kind).collect()
}

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
    const ADVICE: &str = "install the chart soc2-operator-crds, or apply crds/generated";
    until_there(readiness, "crds", ANSWER, || async {
        match client.list_api_group_resources("soc2-operator.dev/v1alpha1").await {
            Ok(list) => {
                let there: BTreeSet<String> = list.resources.into_iter().map(|resource| resource.name).collect();
                let missing: Vec<&str> = KINDS.into_iter().filter(|kind| !there.contains(*kind)).collect();
                if missing.is_empty() { Ok(()) } else { Err(format!("no CRD for {}: {ADVICE}", missing.join(", "))) }
            }
            // By the code: of a group that it does not know, the API server says so in plain text.
            Err(kube::Error::Api(status)) if status.code == 404 => {
                Err(format!("no CRD of soc2-operator.dev: {ADVICE}"))
            }
            Err(error) => Err(format!("the Kubernetes API: {}", chain(&error))),
        }
    })
    .await;
}

/// Waits for the UID of kube-system: this cluster in the tags of AWS policies.
pub async fn wait_for_cluster(context: &Context, readiness: &Readiness) {
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    let uid = until_there(readiness, "cluster", ANSWER, || async {
        let namespace = namespaces.get("kube-system").await;
        let why = |error| format!("the namespace kube-system cannot be read: {}", chain(&error));
        Ok(namespace.map_err(why)?.uid().unwrap_or_default())
    });
    // Nobody else sets it.
    let _ = context.cluster_id.set(uid.await);
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
