//! How guardrail sets stand.

use super::{Family, with};
use crate::guardrail::SetSnapshot;

/// The metrics of guardrail sets, by name.
pub(super) fn families(sets: &[(String, SetSnapshot)]) -> Vec<Family> {
    let (mut in_sync, mut drift) = (Vec::new(), Vec::new());
    for (set, snapshot) in sets {
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
    ]
}
