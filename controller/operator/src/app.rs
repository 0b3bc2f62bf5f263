//! Wiring: what is started, in which order, and how it ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client, ResourceExt};
use prometheus_client::registry::Registry;
use soc2_aws::{AwsMetrics, SdkAws};
use soc2_catalog::Catalog;
use soc2_feed::{FolderStore, Parts, SystemClock};
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Stores};
use crate::control::Prepared;
use crate::feeds::Feeds;
use crate::guardrail::GuardrailReconciler;
use crate::http::{self, Readiness};
use crate::kubernetes::events::Events;
use crate::lease::{LeaseConfig, LeaseHolder};
use crate::metrics::{Budget, ProcessCollector, ReconcileMetrics, StateCollector};
use crate::organization::OrganizationReconciler;
use crate::postures::PostureWriter;
use crate::profile::{ProfileReconciler, Working};
use crate::settings::Settings;
use crate::{startup, upkeep};

/// Why the operator could not run, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The kubeconfig or the API server.
    #[error("Kubernetes: {0}")]
    Kubernetes(String),
    /// The listener.
    #[error("--listen: {0}")]
    Listen(#[from] std::io::Error),
    /// The catalogue that is built in.
    #[error("the built-in catalogue: {0}")]
    Catalog(String),
    /// The AWS configuration.
    #[error("AWS: {0}")]
    Aws(String),
    /// Another replica leads now.
    #[error("{0} leads now")]
    LostLeadership(String),
}

impl From<kube::Error> for RunError {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(error.to_string())
    }
}

/// The three controllers before they run.
struct Controllers {
    organizations: Prepared<OrganizationReconciler>,
    profiles: Prepared<ProfileReconciler>,
    sets: Prepared<GuardrailReconciler>,
}

impl Controllers {
    fn new(client: &Client) -> Self {
        Self {
            organizations: Prepared::new(client.clone()),
            profiles: Prepared::new(client.clone()),
            sets: Prepared::new(client.clone()),
        }
    }

    fn stores(&self) -> Stores {
        Stores { organizations: self.organizations.store(), profiles: self.profiles.store(), sets: self.sets.store() }
    }
}

/// Runs until `stop`, then ends everything in order.
///
/// # Errors
/// When it could not start, or must not go on.
pub async fn run(settings: Settings, stop: CancellationToken) -> Result<(), RunError> {
    let readiness = Arc::new(Readiness::default());
    for what in ["crds", "leader", "stores"] {
        readiness.missing(what, "starting");
    }
    let cancel = CancellationToken::new();
    let client = Client::try_default().await?;
    let controllers = Controllers::new(&client);
    let mut registry = Registry::default();
    let context = connect(&settings, client, controllers.stores(), &mut registry, &cancel).await?;
    let (feeds, lease) = (Arc::clone(&context.feeds), Arc::clone(&context.lease));

    let listener = http::bind(settings.listen).await?;
    let serving = tokio::spawn(http::serve(listener, Arc::new(registry), Arc::clone(&readiness), cancel.child_token()));
    let renewing = {
        let cancel = cancel.child_token();
        tokio::spawn(async move { lease.run(cancel).await })
    };
    let result = tokio::select! {
        result = work(context, controllers, &readiness, &cancel) => result,
        () = stop.cancelled() => Ok(()),
    };
    tracing::info!("stopping");
    feeds.shutdown().await;
    cancel.cancel();
    // The tasks end by the token; a panic in one was printed already.
    let _ = renewing.await;
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
    let lease = LeaseHolder::new(
        Api::namespaced(client.clone(), &settings.namespace),
        LeaseConfig {
            name: settings.lease_name.clone(),
            identity: settings.identity.clone(),
            duration: settings.lease_duration,
        },
    );
    let state = Arc::new(FolderStore::new(&settings.state));
    let parts = Parts { aws: aws.clone(), state, clock: Arc::new(SystemClock), catalog: Arc::clone(&catalog) };
    let context = Context {
        events: Events::new(client.clone(), &settings.identity),
        working: Working::default(),
        postures: PostureWriter::new(client.clone(), settings.posture_writes_per_second),
        budget: Arc::new(Budget::new(settings.metrics_max_series)),
        tags_shown: !settings.metrics_account_tags.is_empty(),
        client,
        catalog,
        aws,
        feeds: Feeds::new(parts, cancel.child_token()),
        stores,
        published: Arc::default(),
        lease,
        cluster_id: String::new(),
        metrics: ReconcileMetrics::register(registry),
        now: Timestamp::now,
        generations: Mutex::default(),
        rewrite: Mutex::default(),
    };
    registry.register_collector(Box::new(StateCollector {
        stores: context.stores.clone(),
        published: Arc::clone(&context.published),
        feeds: Arc::clone(&context.feeds),
        lease: Arc::clone(&context.lease),
        postures: Arc::clone(&context.postures),
        budget: Arc::clone(&context.budget),
        tags: settings.metrics_account_tags.clone(),
    }));
    Ok(context)
}

fn aws_settings(settings: &Settings) -> soc2_aws::Settings {
    soc2_aws::Settings {
        attempt_timeout: settings.aws_attempt_timeout,
        write_attempt_timeout: settings.aws_write_attempt_timeout,
        ..soc2_aws::Settings::default()
    }
}

/// Waits for the CRDs and the lead, then works until it must not.
async fn work(
    mut context: Context,
    controllers: Controllers,
    readiness: &Readiness,
    cancel: &CancellationToken,
) -> Result<(), RunError> {
    startup::wait_for_crds(&context.client, readiness).await;
    startup::wait_for_lead(&context.lease, readiness).await;
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    context.cluster_id = namespaces.get("kube-system").await?.uid().unwrap_or_default();
    context.working = Working::with_memories(startup::load_postures(&context).await?);
    let context = Arc::new(context);

    let writer = tokio::spawn({
        let (postures, cancel) = (Arc::clone(&context.postures), cancel.child_token());
        async move { postures.run(cancel).await }
    });
    let organizations = controllers.organizations.run(
        OrganizationReconciler,
        Arc::clone(&context),
        triggers(&context, |_, name| vec![ObjectRef::new(name)]),
        cancel.child_token(),
    );
    let profiles = controllers.profiles.run(
        ProfileReconciler,
        Arc::clone(&context),
        triggers(&context, |stores, name| {
            stores.profiles_of(name).iter().map(|found| ObjectRef::new(&found.name_any())).collect()
        }),
        cancel.child_token(),
    );
    let sets = controllers.sets.run(
        GuardrailReconciler,
        Arc::clone(&context),
        triggers(&context, |stores, name| {
            stores.sets_of(name).iter().map(|found| ObjectRef::new(&found.name_any())).collect()
        }),
        cancel.child_token(),
    );
    let watching = upkeep::watch_postures(Arc::clone(&context));
    let result = tokio::select! {
        () = async { tokio::join!(organizations, profiles, sets); } => Ok(()),
        () = upkeep::housekeeping(&context, readiness) => Ok(()),
        () = watching => Ok(()),
        other = upkeep::lost(&context.lease) => Err(RunError::LostLeadership(other)),
    };
    writer.abort();
    result
}

/// Objects to look at again when an organization is touched.
fn triggers<K>(
    context: &Arc<Context>,
    objects: impl Fn(&Stores, &str) -> Vec<ObjectRef<DeserializeGuard<K>>> + Send + 'static,
) -> impl Stream<Item = ObjectRef<DeserializeGuard<K>>> + Send + 'static
where
    K: kube::Resource<DynamicType = ()> + Send + 'static,
{
    let stores = context.stores.clone();
    BroadcastStream::new(context.feeds.subscribe()).flat_map(move |touched| {
        let found = match touched {
            Ok(name) => objects(&stores, &name),
            // Too many at once to keep apart: look at everything.
            Err(_) => stores.all_organizations().iter().flat_map(|found| objects(&stores, &found.name_any())).collect(),
        };
        stream::iter(found)
    })
}
