//! `reconcile_total` and `reconcile_duration_seconds`.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Labels of `reconcile_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    kind: &'static str,
    outcome: &'static str,
}

/// Labels of `reconcile_duration_seconds`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    kind: &'static str,
}

/// How often and how long objects were reconciled.
#[derive(Clone, Debug)]
pub struct ReconcileMetrics {
    total: Family<OutcomeLabels, Counter>,
    duration: Family<KindLabels, Histogram, fn() -> Histogram>,
}

impl ReconcileMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 4.0, 8));
        let metrics = Self { total: Family::default(), duration: Family::new_with_constructor(buckets) };
        registry.register("reconcile", "Reconciles by kind and outcome", metrics.total.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "Time of a reconcile",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        metrics
    }

    /// Counts one reconcile.
    pub fn observe(&self, kind: &'static str, outcome: &'static str, took: Duration) {
        self.total.get_or_create_owned(&OutcomeLabels { kind, outcome }).inc();
        self.duration.get_or_create_owned(&KindLabels { kind }).observe(took.as_secs_f64());
    }
}
