//! Wiring: what is started, in which order, and how it ends.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::stream;
use jiff::Timestamp;
use kube::Client;
use prometheus_client::registry::Registry;
use soc2_aws::{Aws, AwsMetrics, FolderStore, SdkAws, StateStore};
use soc2_catalog::Catalog;
use soc2_feed::{Parts, SystemClock};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::baseline::{BaselineReconciler, Baselines};
use crate::context::{Context, Stores};
use crate::control::Prepared;
use crate::feeds::Feeds;
use crate::guardrail::{ApprovalReconciler, GuardrailReconciler, ReleaseReconciler};
use crate::http::{self, Readiness};
use crate::kubernetes::events::Events;
use crate::kubernetes::own::OwnWrites;
use crate::leads::{self, Leads, LeadsConfig};
use crate::metrics::{Budget, ProcessCollector, ReconcileMetrics, StateCollector};
use crate::organization::OrganizationReconciler;
use crate::owners::{
    AttestationReconciler, AttestationStandings, CatalogReconciler, Catalogs, ExceptionReconciler, Nudges,
};
use crate::postures::PostureWriter;
use crate::profile::{ProfileReconciler, Working};
use crate::settings::Settings;
use crate::waiting::Troubles;
use crate::{startup, triggers, upkeep};

/// Why the operator could not run, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The listener.
    #[error("--listen: {0}")]
    Listen(#[from] std::io::Error),
    /// The catalogue that is built in.
    #[error("the built-in catalogue: {0}")]
    Catalog(String),
    /// Where checkpoints are kept.
    #[error("--state: {0}")]
    State(String),
    /// The AWS configuration.
    #[error("AWS: {0}")]
    Aws(String),
    /// Another replica leads now.
    #[error("{0} leads now")]
    LostLeadership(String),
}

/// The controllers before they run.
struct Controllers {
    organizations: Prepared<OrganizationReconciler>,
    profiles: Prepared<ProfileReconciler>,
    sets: Prepared<GuardrailReconciler>,
    approvals: Prepared<ApprovalReconciler>,
    releases: Prepared<ReleaseReconciler>,
    exceptions: Prepared<ExceptionReconciler>,
    attestations: Prepared<AttestationReconciler>,
    catalogs: Prepared<CatalogReconciler>,
    baselines: Prepared<BaselineReconciler>,
}

impl Controllers {
    fn new(client: &Client) -> Self {
        Self {
            organizations: Prepared::new(client.clone()),
            profiles: Prepared::new(client.clone()),
            sets: Prepared::new(client.clone()),
            approvals: Prepared::new(client.clone()),
            releases: Prepared::new(client.clone()),
            exceptions: Prepared::new(client.clone()),
            attestations: Prepared::new(client.clone()),
            catalogs: Prepared::new(client.clone()),
            baselines: Prepared::new(client.clone()),
        }
    }

    fn stores(&self) -> Stores {
        Stores {
            organizations: self.organizations.store(),
            profiles: self.profiles.store(),
            sets: self.sets.store(),
            approvals: self.approvals.store(),
            releases: self.releases.store(),
            exceptions: self.exceptions.store(),
            attestations: self.attestations.store(),
            catalogs: self.catalogs.store(),
            baselines: self.baselines.store(),
            filled: watch::channel(false).0,
        }
    }

    /// Runs all of them until `cancel`.
    async fn run(self, context: &Arc<Context>, cancel: &CancellationToken) {
        let (context, cancel) = (|| Arc::clone(context), || cancel.child_token());
        let organizations =
            self.organizations.run(OrganizationReconciler, context(), triggers::organizations(&context()), cancel());
        let profiles = self.profiles.run(ProfileReconciler, context(), triggers::profiles(&context()), cancel());
        let sets = self.sets.run(GuardrailReconciler, context(), triggers::sets(&context()), cancel());
        let approvals = self.approvals.run(ApprovalReconciler, context(), triggers::approvals(&context()), cancel());
        let releases = self.releases.run(ReleaseReconciler, context(), triggers::releases(&context()), cancel());
        let exceptions =
            self.exceptions.run(ExceptionReconciler, context(), triggers::exceptions(&context()), cancel());
        let attestations =
            self.attestations.run(AttestationReconciler, context(), triggers::attestations(&context()), cancel());
        let catalogs = self.catalogs.run(CatalogReconciler, context(), stream::pending(), cancel());
        let baselines = self.baselines.run(BaselineReconciler, context(), stream::pending(), cancel());
        tokio::join!(organizations, profiles, sets, approvals, releases, exceptions, attestations, catalogs, baselines);
    }
}

/// Runs until `stop`, then ends everything in order.
///
/// # Errors
/// When it could not start, or must not go on.
pub async fn run(settings: Settings, stop: CancellationToken) -> Result<(), RunError> {
    let readiness = Arc::new(Readiness::default());
    for what in ["crds", "cluster", "leader", "stores"] {
        readiness.missing(what, "starting");
    }
    let cancel = CancellationToken::new();
    // From here on it can be asked what is missing.
    let pages: Arc<OnceLock<http::Pages>> = Arc::default();
    let listener = http::bind(settings.listen).await?;
    let (page, report, end) = (Arc::clone(&pages), Arc::clone(&readiness), cancel.child_token());
    let serving = tokio::spawn(http::serve(listener, page, report, end));
    let Some(client) = stop.run_until_cancelled(startup::client(&readiness)).await else { return Ok(()) };
    let controllers = Controllers::new(&client);
    let mut registry = Registry::default();
    let context = Arc::new(connect(&settings, client, controllers.stores(), &mut registry, &cancel).await?);

    // There are such pages, set once.
    let _ = pages.set(http::Pages { registry, leads: Arc::clone(&context.leads) });
    let keeping = tokio::spawn(leads::keep(Arc::clone(&context), Arc::clone(&readiness), cancel.child_token()));
    let result = tokio::select! {
        result = work(&context, controllers, &readiness, &cancel) => result,
        other = context.leads.lost() => Err(RunError::LostLeadership(other)),
        () = stop.cancelled() => Ok(()),
    };
    tracing::info!("stopping");
    // The Leases are kept until the last checkpoints are written.
    context.leads.close();
    context.feeds.shutdown().await;
    cancel.cancel();
    // The tasks end by the token; a panic in one was printed already.
    let _ = keeping.await;
    let _ = tokio::time::timeout(Duration::from_secs(5), serving).await;
    result
}

/// Makes what every reconcile shares. Calls neither Kubernetes nor AWS.
async fn connect(
    settings: &Settings,
    client: Client,
    stores: Stores,
    registry: &mut Registry,
    cancel: &CancellationToken,
) -> Result<Context, RunError> {
    registry.register_collector(Box::new(ProcessCollector));
    let registry = registry.sub_registry_with_prefix("soc2");
    let catalog = Arc::clone(Catalog::builtin().map_err(|error| RunError::Catalog(error.to_string()))?);
    let aws_metrics = AwsMetrics::register(registry);
    let connected = SdkAws::connect(aws_settings(settings), &aws_metrics).await;
    let aws = connected.map_err(|error| RunError::Aws(error.to_string()))?;
    let leads = Leads::new(LeadsConfig {
        namespace: settings.namespace.clone(),
        name: settings.lease_name.clone(),
        identity: settings.identity.clone(),
        duration: settings.lease_duration,
    });
    let state = state_store(&settings.state, &*aws)?;
    let parts = Parts { aws: aws.clone(), state, clock: Arc::new(SystemClock), catalog: Arc::clone(&catalog) };
    let context = Context {
        events: Events::new(client.clone(), &settings.identity),
        own: OwnWrites::default(),
        working: Working::default(),
        postures: PostureWriter::new(client.clone(), settings.posture_writes_per_second),
        budget: Arc::new(Budget::new(settings.metrics_max_series)),
        tags_shown: !settings.metrics_account_tags.is_empty(),
        client,
        namespace: settings.namespace.clone(),
        catalogs: Catalogs::new(catalog),
        baselines: Baselines::default(),
        attestations: AttestationStandings::default(),
        nudges: Nudges::default(),
        aws,
        feeds: Feeds::new(parts, cancel.child_token()),
        stores,
        published: Arc::default(),
        leads,
        cluster_id: OnceLock::new(),
        written: crate::guardrail::Written::default(),
        write_turn: settings.write_turn,
        goods: crate::guardrail::Goods::default(),
        trails: Arc::default(),
        metrics: ReconcileMetrics::register(registry),
        troubles: Troubles::default(),
        now: Timestamp::now,
        asked: Mutex::default(),
        rewrite: Mutex::default(),
    };
    registry.register_collector(Box::new(StateCollector {
        stores: context.stores.clone(),
        published: Arc::clone(&context.published),
        feeds: Arc::clone(&context.feeds),
        leads: Arc::clone(&context.leads),
        postures: Arc::clone(&context.postures),
        budget: Arc::clone(&context.budget),
        tags: settings.metrics_account_tags.clone(),
        now: context.now,
    }));
    Ok(context)
}

/// A folder, or what a URL names.
fn state_store(state: &str, aws: &dyn Aws) -> Result<Arc<dyn StateStore>, RunError> {
    if state.contains("://") {
        return aws.state_store(state).map_err(|error| RunError::State(error.to_string()));
    }
    Ok(Arc::new(FolderStore::new(state)))
}

fn aws_settings(settings: &Settings) -> soc2_aws::Settings {
    soc2_aws::Settings {
        session_name: soc2_aws::session_name(&settings.identity),
        attempt_timeout: settings.aws_attempt_timeout,
        write_attempt_timeout: settings.aws_write_attempt_timeout,
        ..soc2_aws::Settings::default()
    }
}

/// Waits for what has to be there, then works until it must not.
async fn work(
    context: &Arc<Context>,
    controllers: Controllers,
    readiness: &Readiness,
    cancel: &CancellationToken,
) -> Result<(), RunError> {
    startup::wait_for_crds(&context.client, readiness).await;
    startup::wait_for_cluster(context, readiness).await;
    let writer = tokio::spawn({
        let (postures, cancel) = (Arc::clone(&context.postures), cancel.child_token());
        async move { postures.run(cancel).await }
    });
    tokio::select! {
        () = controllers.run(context, cancel) => {}
        () = upkeep::housekeeping(context, readiness) => {}
        () = upkeep::watch_postures(Arc::clone(context)) => {}
    }
    writer.abort();
    Ok(())
}
