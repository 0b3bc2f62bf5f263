//! What has to be there before work begins: the CRDs, the lead, the memory of what was published.

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
use crate::lease::{Leadership, LeaseHolder};
use crate::profile::PublishedGuardrails;
use crate::waiting::{chain, until_there};

/// An answer of the API server takes at most this long.
const ANSWER: Duration = Duration::from_secs(10);
/// All published postures are read within this.
const ALL_POSTURES: Duration = Duration::from_mins(5);

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

/// The UID of kube-system: this cluster in the tags of AWS policies.
pub async fn cluster_id(client: &Client, readiness: &Readiness) -> String {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    until_there(readiness, "cluster", ANSWER, || async {
        let namespace = namespaces.get("kube-system").await;
        let why = |error| format!("the namespace kube-system cannot be read: {}", chain(&error));
        Ok(namespace.map_err(why)?.uid().unwrap_or_default())
    })
    .await
}

/// Waits until every store has what there is, and says which have not and why.
pub async fn fill_stores(context: &Context, readiness: &Readiness) {
    let mut filled = std::pin::pin!(context.stores.ready());
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
    // All fields: a store that is new has to be here too.
    let Stores { organizations, profiles, sets, approvals, releases, exceptions, attestations, catalogs, baselines } =
        stores;
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

/// Waits until this replica leads.
pub async fn wait_for_lead(lease: &LeaseHolder, readiness: &Readiness) {
    let mut state = lease.subscribe();
    loop {
        let current = state.borrow_and_update().clone();
        match current {
            Leadership::Ours => return readiness.there("leader"),
            // A follower is ready: it serves metrics and waits.
            Leadership::Theirs(_) => readiness.there("leader"),
            Leadership::Unknown => readiness.missing("leader", "the Lease was not read yet; see the log"),
        }
        if matches!(current, Leadership::Theirs(_)) {
            readiness.there("stores");
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// What the published postures say of the past, by profile.
pub async fn load_postures(
    context: &Context,
    readiness: &Readiness,
) -> (BTreeMap<String, Memory>, PublishedGuardrails) {
    until_there(readiness, "postures", ALL_POSTURES, || async {
        let read = read_postures(context).await;
        read.map_err(|error| format!("what was published before cannot be read: {}", chain(&error)))
    })
    .await
}

async fn read_postures(context: &Context) -> kube::Result<(BTreeMap<String, Memory>, PublishedGuardrails)> {
    let profiles: Api<DeserializeGuard<ComplianceProfile>> = Api::all(context.client.clone());
    let profiles = profiles.list(&ListParams::default()).await?.items.into_iter().filter_map(|guard| guard.0.ok());
    let profiles: Vec<ComplianceProfile> = profiles.collect();
    let mut guardrails = PublishedGuardrails::default();
    for profile in &profiles {
        guardrails.stands(profile);
    }
    let catalogs = catalogs_of(context, profiles).await?;
    let builtin = context.catalogs.builtin();
    let mut found: BTreeMap<String, Memory> = BTreeMap::new();
    let visit = |profile: &str, account: AccountId, content: &AccountPostureSpec| {
        let catalog = catalogs.get(profile).unwrap_or(builtin);
        // Page by page: all of them at once would take more memory than everything else.
        found.entry(profile.to_owned()).or_default().remember(catalog, account, content);
        guardrails.remember(profile, account, content);
    };
    context.postures.load(visit).await?;
    Ok((found, guardrails))
}

/// The catalogue with which each profile was assessed: numbers of controls are a catalogue's own.
async fn catalogs_of(
    context: &Context,
    profiles: Vec<ComplianceProfile>,
) -> kube::Result<BTreeMap<String, Arc<Catalog>>> {
    let all = ListParams::default();
    let objects: Api<DeserializeGuard<ControlCatalog>> = Api::all(context.client.clone());
    let objects: BTreeMap<String, Arc<DeserializeGuard<ControlCatalog>>> =
        objects.list(&all).await?.items.into_iter().map(|guard| (guard.name_any(), Arc::new(guard))).collect();
    let catalog = |profile: ComplianceProfile| {
        let found = context.catalogs.of_profile(&profile, |name| objects.get(name).map(Arc::clone));
        Some((profile.name_any(), found.ok()?))
    };
    Ok(profiles.into_iter().filter_map(catalog).collect())
}
