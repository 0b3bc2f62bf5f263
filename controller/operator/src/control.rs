//! The loop around every kind: bad objects are told so, errors back off, each reconcile is timed and counted.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config, Controller, Error as ControllerError};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::error::Error;
use crate::kubernetes::conditions::{Fact, merge};
use crate::kubernetes::status::objects_of;
use crate::leads::Belongs;
use crate::triggers;

/// How long a reconcile waits for what comes with its cause.
pub const DEBOUNCE: Duration = Duration::from_millis(200);
/// When a Lease that has run out is ours again, if it is.
const RENEWAL: Duration = Duration::from_secs(2);
/// A reconcile may wait for the API server, but not for ever.
const LIMIT: Duration = Duration::from_mins(2);

/// How one kind is reconciled.
pub trait Reconciler: Send + Sync + 'static {
    /// The kind.
    type Kind: Resource<DynamicType = ()> + Belongs + Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static;
    /// Its name in logs and metrics.
    const KIND: &'static str;
    /// Field manager that says so when an object cannot be understood.
    const MANAGER: &'static str;
    /// Longer than this it does not take, or it is cut off.
    const LIMIT: Duration = LIMIT;

    /// Notices an object, on every replica: what others have to know of it whoever leads.
    fn seen(&self, _context: &Context, _object: &Self::Kind) {}

    /// Brings one object forward; only where this replica leads what it belongs to.
    fn reconcile(
        &self,
        context: &Context,
        object: Arc<Self::Kind>,
    ) -> impl Future<Output = Result<Action, Error>> + Send;
}

/// A controller whose stores are filled as soon as it runs.
pub struct Prepared<R: Reconciler> {
    controller: Controller<DeserializeGuard<R::Kind>>,
}

impl<R: Reconciler> Prepared<R> {
    /// Watches the kind.
    #[must_use]
    pub fn new(client: kube::Client) -> Self {
        let config = watcher::Config::default().any_semantic();
        let controller = Controller::new(Api::<DeserializeGuard<R::Kind>>::all(client), config)
            // Bursts (a feed's change and the status write that follows) become one reconcile.
            .with_config(Config::default().concurrency(2).debounce(DEBOUNCE));
        Self { controller }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> Store<DeserializeGuard<R::Kind>> {
        self.controller.store()
    }

    /// Reconciles until `cancel`; also each object that `triggers` names.
    pub async fn run(
        self,
        reconciler: R,
        context: Arc<Context>,
        triggers: impl Stream<Item = ObjectRef<DeserializeGuard<R::Kind>>> + Send + 'static,
        cancel: CancellationToken,
    ) {
        let reconciler = Arc::new(reconciler);
        let failures: Arc<Failures> = Arc::default();
        let on_error = Arc::clone(&failures);
        let shared = Arc::clone(&context);
        let led = triggers::led(self.controller.store(), &context);
        let stream = self
            .controller
            .reconcile_on(triggers)
            .reconcile_on(led)
            .graceful_shutdown_on(cancel.cancelled_owned())
            .run(
                move |guard, context| {
                    let (reconciler, failures) = (Arc::clone(&reconciler), Arc::clone(&failures));
                    async move { once(&*reconciler, &guard, &context, &failures).await }
                },
                move |guard, _error, _context| Action::requeue(on_error.backoff(&key(&*guard))),
                context,
            );
        stream
            .for_each(|result| {
                match result {
                    // An API server that is away fails all objects alike: that is one line.
                    Err(ControllerError::ReconcilerFailed(error, object))
                        if matches!(error, Error::Timeout(_)) || shared.troubles.is_news(&error.to_string()) =>
                    {
                        tracing::warn!(kind = R::KIND, name = %object.name, %error, "reconcile failed; it is tried again");
                    }
                    Ok(_) | Err(ControllerError::ObjectNotFound(_) | ControllerError::ReconcilerFailed(..)) => {}
                    Err(ControllerError::QueueError(error)) => shared.troubles.watch_failed(R::KIND, &error),
                    Err(error) => tracing::warn!(kind = R::KIND, %error, "watch"),
                }
                std::future::ready(())
            })
            .await;
    }
}

async fn once<R: Reconciler>(
    reconciler: &R,
    guard: &DeserializeGuard<R::Kind>,
    context: &Context,
    failures: &Failures,
) -> Result<Action, Error> {
    // What is not there yet must not look as if it were not there: an exception that is not read yet would not waive.
    context.stores.ready().await;
    if let Ok(object) = &guard.0 {
        reconciler.seen(context, object);
    }
    let scope = context.stores.scope_of(guard);
    let Some(turn) = context.leads.turn(&scope) else {
        // Whoever begins to lead it looks at it then; a Lease that cannot be renewed may yet be.
        let ours = context.leads.leads(&scope);
        return Ok(if ours { Action::requeue(RENEWAL) } else { Action::await_change() });
    };
    let started = Instant::now();
    if context.own.are_ahead_of(guard, started) {
        // What was written would be news again.
        return Ok(Action::requeue(DEBOUNCE));
    }
    let work = async {
        match &guard.0 {
            Ok(object) => {
                let work = reconciler.reconcile(context, Arc::new(object.clone()));
                tokio::time::timeout(R::LIMIT, work).await.unwrap_or(Err(Error::Timeout(R::LIMIT.as_secs())))
            }
            Err(invalid) => report_invalid::<R>(context, guard, &invalid.error).await,
        }
    };
    let Some(result) = turn.while_current(work).await else { return Ok(Action::requeue(RENEWAL)) };
    let outcome = result.as_ref().map_or_else(Error::outcome, |_| "ok");
    context.metrics.observe(R::KIND, outcome, started.elapsed());
    if result.is_ok() {
        failures.forget(&key(guard));
    }
    result
}

/// An object that the CRD let through but this version cannot read: it says so itself, and stops nothing else.
async fn report_invalid<R: Reconciler>(
    context: &Context,
    guard: &DeserializeGuard<R::Kind>,
    error: &str,
) -> Result<Action, Error> {
    let name = guard.name_any();
    let message = format!("this version of the operator cannot read the object: {error}; correct the field");
    tracing::warn!(kind = R::KIND, name = %name, error, "invalid object");
    let facts = [Fact::no("Ready", "InvalidObject", message.clone()), Fact::yes("Stalled", "InvalidObject", message)];
    let api = objects_of::<R::Kind>(&context.client, guard);
    let live = api.get(&name).await?;
    let previous = live.data["status"]["conditions"].clone();
    let previous: Vec<Condition> = serde_json::from_value(previous).unwrap_or_default();
    let conditions = merge(&facts, &previous, guard.meta().generation, (context.now)());
    if conditions.iter().all(|condition| previous.contains(condition)) {
        return Ok(Action::await_change());
    }
    let body = json!({
        "apiVersion": R::Kind::api_version(&()), "kind": R::Kind::kind(&()),
        "metadata": {"name": name}, "status": {"conditions": conditions},
    });
    api.patch_status(&name, &PatchParams::apply(R::MANAGER).force(), &Patch::Apply(&body)).await?;
    Ok(Action::await_change())
}

/// Namespace and name.
fn key(object: &impl ResourceExt) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

/// Failures in a row, by object, for an exponential backoff.
#[derive(Debug, Default)]
struct Failures(Mutex<BTreeMap<String, u32>>);

impl Failures {
    fn backoff(&self, name: &str) -> Duration {
        let count = self.0.lock().map_or(1, |mut failures| {
            let count = failures.entry(name.to_owned()).or_insert(0);
            *count = (*count + 1).min(8);
            *count
        });
        let seconds = f64::from(2_u32.pow(count)) * rand::random_range(0.75..1.25);
        Duration::from_secs_f64(seconds.min(300.0))
    }

    fn forget(&self, name: &str) {
        if let Ok(mut failures) = self.0.lock() {
            failures.remove(name);
        }
    }
}

/// A time close to `interval`: many objects must not wake at once.
#[must_use]
pub fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(rand::random_range(0.9..1.1))
}

/// How long until `moment`, so that what is reconciled then is reconciled at its second: the wait of every reconcile for
/// others is part of it.
#[must_use]
pub fn until(moment: Timestamp, now: Timestamp) -> Duration {
    // Timers count milliseconds; one too early would find nothing to do.
    const ROUNDING: Duration = Duration::from_millis(2);
    let rest = Duration::try_from(moment.duration_since(now)).unwrap_or_default();
    rest.saturating_sub(DEBOUNCE) + ROUNDING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_many_objects_do_not_end_together() {
        let waits: Vec<Duration> = (0..1000).map(|_| jittered(Duration::from_mins(10))).collect();
        assert!(waits.iter().all(|wait| (540.0..660.0).contains(&wait.as_secs_f64())));
        let spread = waits.iter().max().unwrap().as_secs_f64() - waits.iter().min().unwrap().as_secs_f64();
        assert!(spread > 60.0, "{spread}");
    }

    #[test]
    fn a_reconcile_runs_at_the_very_moment_at_which_something_changes() {
        let now: Timestamp = "2026-11-22T12:00:00.900Z".parse().unwrap();
        let at = |text: &str| until(text.parse().unwrap(), now) + DEBOUNCE;
        assert_eq!(at("2026-11-22T12:00:02Z"), Duration::from_millis(1102));
        assert_eq!(at("2026-11-22T12:00:01Z"), DEBOUNCE + Duration::from_millis(2), "as soon as it can be");
        assert_eq!(at("2026-11-22T12:00:00Z"), DEBOUNCE + Duration::from_millis(2), "it was due before");
    }
}
