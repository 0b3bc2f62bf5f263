//! How guardrail sets stand.

use prometheus_client::registry::Unit;

use super::{Family, with};
use crate::guardrail::SetSnapshot;

/// The metrics of guardrail sets, by name.
pub(super) fn families(sets: &[(String, SetSnapshot)]) -> Vec<Family> {
    let (mut in_sync, mut drift, mut pending) = (Vec::new(), Vec::new(), Vec::new());
    for (set, snapshot) in sets {
        let of_set = vec![("organization", snapshot.organization.clone()), ("set", set.clone())];
        pending.extend(snapshot.pending_since.map(|since| (of_set, since.as_second() as f64)));
        for (baseline, is_in_sync, reverted) in &snapshot.baselines {
            let of_set = vec![("organization", snapshot.organization.clone()), ("set", set.clone())];
            let labels = with(of_set, "baseline", baseline);
            in_sync.push((labels.clone(), if *is_in_sync { 1.0 } else { 0.0 }));
            drift.push((labels, *reverted as f64));
        }
    }
    vec![
        Family::gauge("guardrail_in_sync", "Whether a baseline is where its set wants it", in_sync),
        Family::counter("guardrail_drift", "Differences from a baseline that were put back", drift),
        Family::gauge(
            "guardrail_plan_pending_timestamp",
            "Since when a plan waits for a person or for its window",
            pending,
        )
        .in_unit(Unit::Seconds),
    ]
}
