//! Leadership by a Kubernetes Lease whose deadline writers can check.
//!
//! Ready-made lease managers show only a bool, which is stale the moment it is read. A writer needs to know how long it
//! may still write: the deadline is the local (monotonic) time before the last successful renewal was sent, plus the
//! duration. Clocks of other machines are never compared with ours: a follower waits until the Lease has not changed for
//! the whole duration on its own clock.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use soc2_aws::WriteGuard;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::waiting::{Troubles, chain};

/// Who leads, as far as this replica knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// Not known yet.
    Unknown,
    /// This replica.
    Ours,
    /// Another one, by identity.
    Theirs(String),
}

/// What to hold and how.
#[derive(Clone, Debug)]
pub struct LeaseConfig {
    /// Name of the Lease.
    pub name: String,
    /// Identity of this replica.
    pub identity: String,
    /// How long it holds without renewal.
    pub duration: Duration,
}

/// The Lease as this replica sees it.
#[derive(Debug)]
pub struct LeaseHolder {
    api: Api<Lease>,
    config: LeaseConfig,
    deadline: RwLock<Option<Instant>>,
    state: watch::Sender<Leadership>,
    troubles: Troubles,
}

/// A foreign Lease and since when, on our clock, it has not changed.
struct Observed {
    version: Option<String>,
    since: Instant,
}

impl LeaseHolder {
    /// A holder that does not hold yet.
    #[must_use]
    pub fn new(api: Api<Lease>, config: LeaseConfig) -> Arc<Self> {
        let (state, _) = watch::channel(Leadership::Unknown);
        Arc::new(Self { api, config, deadline: RwLock::new(None), state, troubles: Troubles::default() })
    }

    /// Who leads, and every change of it.
    pub fn subscribe(&self) -> watch::Receiver<Leadership> {
        self.state.subscribe()
    }

    /// Until when this replica may write; `None` when it may not.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.read().ok().and_then(|deadline| *deadline)
    }

    /// Acquires and renews until `cancel`, then releases. Ends early when another replica took over.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut observed = Observed { version: None, since: Instant::now() };
        while !cancel.is_cancelled() {
            let retry = self.config.duration / 3;
            match tokio::time::timeout(retry, self.step(&mut observed)).await {
                Ok(Ok(leadership)) => self.publish(leadership),
                Ok(Err(error)) => self.trouble(&chain(&error)),
                Err(_) => self.trouble("no answer in time"),
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                () = tokio::time::sleep(retry) => {}
            }
        }
        self.release().await;
    }

    /// Said once, not with every attempt.
    fn trouble(&self, error: &str) {
        if self.troubles.is_news(error) {
            tracing::warn!(error, lease = %self.config.name, "the Lease could not be read or renewed; it is tried again");
        }
    }

    fn publish(&self, leadership: Leadership) {
        self.state.send_if_modified(|state| {
            let changed = *state != leadership;
            if changed {
                tracing::info!(?leadership, lease = %self.config.name, "leadership");
                *state = leadership;
            }
            changed
        });
    }

    async fn step(&self, observed: &mut Observed) -> kube::Result<Leadership> {
        let sent = Instant::now();
        let Some(lease) = self.api.get_opt(&self.config.name).await? else {
            self.api.create(&PostParams::default(), &self.claim(None)).await?;
            self.hold(sent);
            return Ok(Leadership::Ours);
        };
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
        if holder != self.config.identity && !holder.is_empty() {
            if lease.metadata.resource_version != observed.version {
                *observed = Observed { version: lease.metadata.resource_version.clone(), since: Instant::now() };
            }
            if observed.since.elapsed() < Self::duration_of(&lease) {
                self.set_deadline(None);
                return Ok(Leadership::Theirs(holder));
            }
            tracing::info!(previous = %holder, lease = %self.config.name, "the Lease has run out; taking over");
        }
        // The resource version in the claim makes the API server refuse it when anybody else was faster.
        self.api.replace(&self.config.name, &PostParams::default(), &self.claim(Some(&lease))).await?;
        self.hold(sent);
        Ok(Leadership::Ours)
    }

    fn duration_of(lease: &Lease) -> Duration {
        let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(15);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(15))
    }

    fn claim(&self, previous: Option<&Lease>) -> Lease {
        let now = MicroTime(k8s_openapi::jiff::Timestamp::now());
        let old = previous.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let ours = old.holder_identity.as_deref() == Some(self.config.identity.as_str());
        let seconds = i32::try_from(self.config.duration.as_secs().max(1)).unwrap_or(i32::MAX);
        Lease {
            metadata: ObjectMeta {
                name: Some(self.config.name.clone()),
                resource_version: previous.and_then(|lease| lease.metadata.resource_version.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.config.identity.clone()),
                lease_duration_seconds: Some(seconds),
                acquire_time: if ours { old.acquire_time } else { Some(now.clone()) },
                renew_time: Some(now),
                lease_transitions: Some(old.lease_transitions.unwrap_or(0) + i32::from(!ours && previous.is_some())),
                ..LeaseSpec::default()
            }),
        }
    }

    fn hold(&self, sent: Instant) {
        self.set_deadline(Some(sent + self.config.duration));
    }

    fn set_deadline(&self, value: Option<Instant>) {
        if let Ok(mut deadline) = self.deadline.write() {
            *deadline = value;
        }
    }

    async fn release(&self) {
        let held = self.deadline().is_some();
        self.set_deadline(None);
        if !held {
            return;
        }
        let released = tokio::time::timeout(Duration::from_secs(2), async {
            let mut lease = self.api.get(&self.config.name).await?;
            if let Some(spec) = lease.spec.as_mut()
                && spec.holder_identity.as_deref() == Some(self.config.identity.as_str())
            {
                spec.holder_identity = Some(String::new());
                self.api.replace(&self.config.name, &PostParams::default(), &lease).await?;
            }
            Ok::<(), kube::Error>(())
        });
        match released.await {
            Ok(Ok(())) => tracing::info!(lease = %self.config.name, "released the Lease"),
            Ok(Err(error)) => tracing::warn!(%error, "the Lease could not be released; it runs out by itself"),
            Err(_) => tracing::warn!("the Lease could not be released in time; it runs out by itself"),
        }
    }
}

impl WriteGuard for LeaseHolder {
    fn permit(&self, attempt: Duration) -> Result<(), String> {
        match self.deadline() {
            Some(deadline) if Instant::now() + attempt < deadline => Ok(()),
            Some(_) => {
                Err(format!("the Lease {} ends before an attempt of {} s could", self.config.name, attempt.as_secs()))
            }
            None => Err(format!("the Lease {} is not held", self.config.name)),
        }
    }
}
