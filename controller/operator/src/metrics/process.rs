//! The standard process metrics, read from /proc.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::gauge;

/// Kernel ticks per second of the times in /proc; 100 on every Linux that Kubernetes runs on.
const TICKS: f64 = 100.0;
/// Page size of the numbers in /proc/self/statm on the platforms we build for.
const PAGE: f64 = 4096.0;

/// `process_*` as every Prometheus client exports them.
#[derive(Debug, Default)]
pub struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        if let Some((virtual_bytes, resident_bytes)) = memory() {
            gauge(
                encoder,
                "process_resident_memory_bytes",
                "Resident memory size in bytes",
                &[(vec![], resident_bytes)],
            )?;
            gauge(encoder, "process_virtual_memory_bytes", "Virtual memory size in bytes", &[(vec![], virtual_bytes)])?;
        }
        if let Some(open) = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count) {
            gauge(encoder, "process_open_fds", "Number of open file descriptors", &[(vec![], open as f64)])?;
        }
        if let Some((seconds, start)) = times() {
            let metric = encoder.encode_descriptor(
                "process_cpu_seconds",
                "Total user and system CPU time spent in seconds",
                None,
                MetricType::Counter,
            )?;
            ConstCounter::new(seconds).encode(metric)?;
            gauge(
                encoder,
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds",
                &[(vec![], start)],
            )?;
        }
        Ok(())
    }
}

fn memory() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_whitespace().map(str::parse::<f64>);
    Some((pages.next()?.ok()? * PAGE, pages.next()?.ok()? * PAGE))
}

/// CPU seconds used, and the start time since the epoch.
fn times() -> Option<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command may hold spaces; what follows its closing parenthesis does not.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
    let boot = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(((ticks(11)? + ticks(12)?) / TICKS, boot + ticks(19)? / TICKS))
}
