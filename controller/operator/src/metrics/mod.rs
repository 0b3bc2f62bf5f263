//! Metrics: counters of what the operator does, and, at scrape time, the state of what it watches.
//!
//! State is never stored in a gauge: a collector walks the current state at each scrape, so that a series goes with its
//! object, account or state, and nothing has to be cleaned up.

mod process;
mod reconcile;
mod state;

pub use process::ProcessCollector;
pub use reconcile::ReconcileMetrics;
pub use state::StateCollector;

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Label names and values of one series.
pub type Labels = Vec<(&'static str, String)>;

/// Writes the series of one gauge; nothing at all when there is none.
///
/// # Errors
/// When the page cannot be written.
pub fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, series: &[(Labels, f64)]) -> fmt::Result {
    if series.is_empty() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    if let [(labels, value)] = series
        && labels.is_empty()
    {
        return ConstGauge::new(*value).encode(metric);
    }
    for (labels, value) in series {
        ConstGauge::new(*value).encode(metric.encode_family(labels)?)?;
    }
    Ok(())
}

/// Writes the series of one counter; `_total` is added to its name.
///
/// # Errors
/// When the page cannot be written.
pub fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, series: &[(Labels, u64)]) -> fmt::Result {
    if series.is_empty() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in series {
        ConstCounter::new(*value).encode(metric.encode_family(labels)?)?;
    }
    Ok(())
}
