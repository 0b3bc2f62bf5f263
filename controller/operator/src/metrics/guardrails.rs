//! How guardrail sets stand.

use jiff::Timestamp;
use kube::ResourceExt;
use prometheus_client::registry::Unit;
use soc2_crds::ReleaseState;

use super::state::Ours;
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

/// Releases that hold now, or are about to.
pub(super) fn releases(ours: &Ours<'_>, now: Timestamp) -> Family {
    let releases = ours.stores.releases.state();
    let releases = releases.iter().filter(|guard| ours.has(guard));
    let mut found: Vec<_> = releases.filter_map(|guard| guard.0.clone().ok()).collect();
    found.sort_by_key(ResourceExt::name_any);
    let holds = |state| matches!(state, Some(ReleaseState::Active | ReleaseState::Pending));
    found.retain(|release| {
        let spec = &release.spec;
        let begun = spec.starts_at.0 <= now && now < spec.expires_at.0;
        begun && holds(release.status.as_ref().and_then(|status| status.state))
    });
    let series = found.into_iter().map(|release| {
        let (name, spec) = (release.name_any(), release.spec);
        let labels = vec![("organization", spec.organization_ref.name), ("release", name), ("baseline", spec.baseline)];
        (with(labels, "target", spec.target), spec.expires_at.0.as_second() as f64)
    });
    let help = "When the release of a guardrail ends that holds now";
    Family::gauge("guardrail_release_expiry_timestamp", help, series.collect()).in_unit(Unit::Seconds)
}
