//! What has to be there before work begins: the CRDs, the lead, the memory of what was published.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube::Client;
use soc2_crds::AccountPostureSpec;
use soc2_posture::Memory;
use soc2_posture::ids::AccountId;

use crate::app::RunError;
use crate::context::Context;
use crate::http::Readiness;
use crate::lease::{Leadership, LeaseHolder};

/// Waits until the API server serves our kinds.
pub async fn wait_for_crds(client: &Client, readiness: &Readiness) {
    const KINDS: [&str; 4] = ["awsorganizations", "complianceprofiles", "guardrailsets", "accountpostures"];
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

/// What the published postures say of the past.
///
/// # Errors
/// Of the API server.
pub async fn load_postures(context: &Context) -> Result<BTreeMap<String, Memory>, RunError> {
    let mut found: BTreeMap<String, Memory> = BTreeMap::new();
    let visit = |profile: &str, account: AccountId, content: &AccountPostureSpec| {
        // Page by page: all of them at once would take more memory than everything else.
        found.entry(profile.to_owned()).or_default().remember(&context.catalog, account, content);
    };
    context.postures.load(visit).await?;
    Ok(found)
}
