//! What has to be there before work begins: the CRDs, the lead, the memory of what was published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::{Api, Client, ResourceExt};
use soc2_catalog::Catalog;
use soc2_crds::{AccountPostureSpec, ComplianceProfile, ControlCatalog};
use soc2_posture::Memory;
use soc2_posture::ids::AccountId;

use crate::app::RunError;
use crate::context::Context;
use crate::http::Readiness;
use crate::lease::{Leadership, LeaseHolder};
use crate::profile::PublishedGuardrails;

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

/// Waits until this replica leads.
pub async fn wait_for_lead(lease: &LeaseHolder, readiness: &Readiness) {
    let mut state = lease.subscribe();
    loop {
        let current = state.borrow_and_update().clone();
        match current {
            Leadership::Ours => return readiness.there("leader"),
            // A follower is ready: it serves metrics and waits.
            Leadership::Theirs(_) => readiness.there("leader"),
            Leadership::Unknown => readiness.missing("leader", "the Lease cannot be read; see the log"),
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
///
/// # Errors
/// Of the API server.
pub async fn load_postures(context: &Context) -> Result<(BTreeMap<String, Memory>, PublishedGuardrails), RunError> {
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
) -> Result<BTreeMap<String, Arc<Catalog>>, RunError> {
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
