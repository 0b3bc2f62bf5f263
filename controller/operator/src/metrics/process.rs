//! The standard process metrics, read from /proc.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;

use super::Family;

/// Kernel ticks per second of the times in /proc; 100 on every Linux that Kubernetes runs on.
const TICKS: f64 = 100.0;
/// Page size of the numbers in /proc/self/statm on the platforms we build for.
const PAGE: f64 = 4096.0;

/// `process_*` as every Prometheus client exports them.
#[derive(Debug, Default)]
pub struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let one = |value: f64| vec![(vec![], value)];
        let mut families = Vec::new();
        if let Some((virtual_bytes, resident_bytes)) = memory() {
            let resident = Family::gauge("process_resident_memory", "Resident memory", one(resident_bytes));
            let mapped = Family::gauge("process_virtual_memory", "Virtual memory", one(virtual_bytes));
            families.extend([resident.in_unit(Unit::Bytes), mapped.in_unit(Unit::Bytes)]);
        }
        if let Some(open) = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count) {
            families.push(Family::gauge("process_open_fds", "Open file descriptors", one(open as f64)));
        }
        if let Some((seconds, start)) = times() {
            let used = Family::counter("process_cpu", "User and system CPU time spent", one(seconds));
            let start = Family::gauge("process_start_time", "Start of the process since 1970", one(start));
            families.extend([used.in_unit(Unit::Seconds), start.in_unit(Unit::Seconds)]);
        }
        families.iter().try_for_each(|family| family.write(&mut encoder))
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
