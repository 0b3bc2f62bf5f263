//! `/metrics`, `/healthz`, `/readyz`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::leads::{Leader, Leads};

/// What has to be there before the operator is ready, and what of it is missing.
#[derive(Debug, Default)]
pub struct Readiness {
    missing: Mutex<std::collections::BTreeMap<&'static str, String>>,
    degraded: Mutex<Vec<Missing>>,
}

/// Answer of `/readyz`.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct ReadinessReport {
    /// Whether nothing is missing.
    pub ready: bool,
    /// What is missing, and what to do about it.
    pub missing: Vec<Missing>,
    /// What cannot be had just now, though the operator does its work without it: it reports what is unknown, and tries again.
    pub degraded: Vec<Missing>,
    /// Which replica leads what.
    pub leaders: Vec<Leader>,
}

/// One thing that is missing.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Missing {
    /// What.
    pub what: &'static str,
    /// Why, or what to do.
    pub message: String,
}

impl Readiness {
    /// Says that `what` is missing.
    pub fn missing(&self, what: &'static str, message: impl Into<String>) {
        if let Ok(mut missing) = self.missing.lock() {
            missing.insert(what, message.into());
        }
    }

    /// Says that `what` is there.
    pub fn there(&self, what: &'static str) {
        if let Ok(mut missing) = self.missing.lock() {
            missing.remove(what);
        }
    }

    /// Says all that cannot be had just now though the operator is ready.
    pub fn without(&self, degraded: Vec<Missing>) {
        if let Ok(mut known) = self.degraded.lock() {
            *known = degraded;
        }
    }

    /// What is missing now.
    #[must_use]
    pub fn report(&self) -> ReadinessReport {
        let missing: Vec<Missing> = self
            .missing
            .lock()
            .map(|missing| missing.iter().map(|(what, message)| Missing { what, message: message.clone() }).collect())
            .unwrap_or_default();
        let degraded = self.degraded.lock().map(|degraded| degraded.clone()).unwrap_or_default();
        ReadinessReport { ready: missing.is_empty(), missing, degraded, leaders: Vec::new() }
    }
}

/// What there is to show once the operator is put together.
#[derive(Debug)]
pub struct Pages {
    /// The metrics.
    pub registry: Registry,
    /// Who leads what.
    pub leads: Arc<Leads>,
}

#[derive(Clone)]
struct Served {
    pages: Arc<OnceLock<Pages>>,
    readiness: Arc<Readiness>,
}

/// Binds the address.
///
/// # Errors
/// When it is taken or not ours.
pub async fn bind(address: SocketAddr) -> std::io::Result<tokio::net::TcpListener> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "listening: /metrics /healthz /readyz");
    Ok(listener)
}

/// Serves until `cancel`; metrics as soon as there are any.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    pages: Arc<OnceLock<Pages>>,
    readiness: Arc<Readiness>,
    cancel: CancellationToken,
) -> std::io::Result<()> {
    let app = Router::new()
        .route("/metrics", get(metrics))
        // Liveness says that the process is alive, nothing else: a broken AWS must not restart us.
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(Served { pages, readiness });
    axum::serve(listener, app).with_graceful_shutdown(async move { cancel.cancelled().await }).await
}

async fn metrics(State(served): State<Served>) -> Response {
    // A page of many series takes its time, and waits while a profile is assessed: not on a thread that others need.
    let page = tokio::task::spawn_blocking(move || {
        let Some(pages) = served.pages.get() else { return Ok("# EOF\n".to_owned()) };
        let mut body = String::new();
        prometheus_client::encoding::text::encode(&mut body, &pages.registry).map(|()| body)
    });
    match page.await {
        Ok(Ok(body)) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, content_type)], body).into_response()
        }
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn ready(State(served): State<Served>) -> Response {
    let leaders = served.pages.get().map(|pages| pages.leads.leaders()).unwrap_or_default();
    let report = ReadinessReport { leaders, ..served.readiness.report() };
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_what_is_missing_until_it_is_there() {
        let readiness = Readiness::default();
        readiness.missing("crds", "apply crds/generated");
        let report = readiness.report();
        assert!(!report.ready);
        assert_eq!(report.missing, [Missing { what: "crds", message: "apply crds/generated".to_owned() }]);
        readiness.there("crds");
        let unreachable = vec![Missing { what: "aws", message: "no connection".to_owned() }];
        readiness.without(unreachable.clone());
        let report = readiness.report();
        assert!(report.ready, "it works without");
        assert_eq!(report.degraded, unreachable);
    }
}
