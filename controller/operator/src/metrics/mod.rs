//! Metrics: counters of what the operator does, and, at scrape time, the state of what it watches.
//!
//! State is never stored in a gauge: a collector walks the current state at each scrape, so that a series goes with its
//! object, account or state, and nothing has to be cleaned up. What has few series is gathered as a [`Family`]; the series
//! of single accounts, of which there are many, are written straight from the assessments.

mod accounts;
mod budget;
mod conditions;
mod guardrails;
mod organizations;
mod people;
mod process;
mod profiles;
mod reconcile;
mod state;
mod tags;

pub use accounts::{AccountsOf, write_accounts};
pub use budget::{Allotment, Budget, Demand, Level};
pub use process::ProcessCollector;
pub use profiles::sums_series;
pub use reconcile::ReconcileMetrics;
pub use state::StateCollector;
pub use tags::AccountTags;

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use soc2_crds::State;

/// Label names and values of one series.
pub type Labels = Vec<(&'static str, String)>;

/// A metric with few series.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    kind: MetricType,
    series: Vec<(Labels, f64)>,
}

impl Family {
    /// A gauge.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, series: Vec<(Labels, f64)>) -> Self {
        Self { name, help, unit: None, kind: MetricType::Gauge, series }
    }

    /// A counter; `_total` is added to its name.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str, series: Vec<(Labels, f64)>) -> Self {
        Self { kind: MetricType::Counter, ..Self::gauge(name, help, series) }
    }

    /// The same in a unit, which is added to its name.
    #[must_use]
    pub fn in_unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }

    /// How many series it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether it has no series.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Writes it; nothing at all when it has no series.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn write(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        if self.series.is_empty() {
            return Ok(());
        }
        let mut metric = encoder.encode_descriptor(self.name, self.help, self.unit.as_ref(), self.kind)?;
        if let [(labels, value)] = self.series.as_slice()
            && labels.is_empty()
        {
            return match self.kind {
                MetricType::Counter => ConstCounter::new(*value).encode(metric),
                _ => ConstGauge::new(*value).encode(metric),
            };
        }
        for (labels, value) in &self.series {
            let series = metric.encode_family(labels)?;
            match self.kind {
                MetricType::Counter => ConstCounter::new(*value).encode(series)?,
                _ => ConstGauge::new(*value).encode(series)?,
            }
        }
        Ok(())
    }
}

/// Writes a gauge of many series as they come; nothing at all when none comes.
fn write_gauge<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (L, f64)>,
) -> fmt::Result {
    let mut series = series.peekable();
    if series.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in series {
        ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

/// A state as labels spell it.
fn word(state: State) -> &'static str {
    match state {
        State::Failed => "Failed",
        State::Unknown => "Unknown",
        State::Excepted => "Excepted",
        State::Passed => "Passed",
        State::NotApplicable => "NotApplicable",
    }
}

/// One label more.
fn with(mut labels: Labels, name: &'static str, value: impl Into<String>) -> Labels {
    labels.push((name, value.into()));
    labels
}
