//! Structured logs: one line per state change, fields instead of prose, never a secret or a finding body.

use tracing::{Level, Metadata};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};
use tracing_subscriber::{filter::FilterExt, filter::FilterFn, filter::LevelFilter};

use crate::settings::LogFormat;

/// What these say of a request that failed the operator says itself, once. They say it with each attempt, and print the whole of
/// an answer that they cannot read.
const SILENT: [&str; 3] = ["kube_client::client", "kube_client::client::builder", "kube_runtime::watcher"];

/// Starts logging to standard error.
///
/// # Errors
/// When the filter cannot be understood, or logging was started before.
pub fn start(format: LogFormat, filter: &str) -> Result<(), String> {
    let wanted = EnvFilter::try_new(filter).map_err(|error| format!("--log-level {filter:?}: {error}"))?;
    let wanted = wanted.and(FilterFn::new(is_public).with_max_level_hint(LevelFilter::TRACE));
    let layer = fmt::layer().with_writer(std::io::stderr);
    let layer = match format {
        LogFormat::Text => layer.compact().with_ansi(false).with_filter(wanted).boxed(),
        LogFormat::Json => {
            layer.json().flatten_event(true).with_current_span(true).with_span_list(false).with_filter(wanted).boxed()
        }
    };
    tracing_subscriber::registry().with(layer).try_init().map_err(|error| error.to_string())
}

/// Whether it may be in a log at all, whatever the filter says. Libraries that sign, send and receive write credentials, tokens
/// and whole answers below `info`; ours do not.
fn is_public(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target.starts_with("soc2_") || (*metadata.level() <= Level::INFO && !SILENT.contains(&target))
}
