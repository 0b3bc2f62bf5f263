//! The waves of a guardrail set.

use serde_json::json;
use soc2_crds::{GuardrailSet, GuardrailSetSpec, TargetEntry, Targets, Wave};
use soc2_posture::organization::Organization;

use super::selection::selection;
use crate::plan::Waves;

/// The waves before the last, with what each selects now.
pub(super) fn waves(set: &GuardrailSet, organization: &Organization) -> Option<Waves> {
    let rollout = set.spec.rollout.as_ref()?;
    let first = rollout.waves.iter().filter_map(|wave| {
        let entry = wave.entry()?;
        let name = words(&entry);
        let targets = Targets { include: Some(vec![entry]), exclude: None };
        Some((name, selection(&targets, organization)))
    });
    let applied = set.status.as_ref().and_then(|status| status.applied.as_ref());
    Some(Waves { first: first.collect(), applied: applied.map(|applied| applied.hash.clone()), good: None })
}

/// What a set's targets ask for and, where it has waves, what is asked of those: both are part of what a person approves. Where
/// calls are recorded is not.
pub(super) fn rules(spec: &GuardrailSetSpec) -> String {
    let targets = serde_json::to_string(&spec.targets).unwrap_or_default();
    let Some(rollout) = &spec.rollout else { return targets };
    let gate = rollout.gate.as_ref().map(|gate| json!([gate.max_new_denials, gate.on_no_data, gate.source.is_some()]));
    let rollout = json!({"waves": rollout.waves, "soak": rollout.soak, "gate": gate});
    format!("{targets}{rollout}")
}

/// A wave in words.
#[must_use]
pub fn wave_name(wave: &Wave) -> String {
    wave.entry().map_or_else(|| "the rest".to_owned(), |entry| words(&entry))
}

fn words(entry: &TargetEntry) -> String {
    let unit = entry.organizational_unit.as_ref().and_then(|unit| unit.path.as_ref().or(unit.id.as_ref()));
    let list = |name: &str, items: Option<&Vec<String>>| {
        let items = items?;
        let shown: Vec<&str> = items.iter().take(3).map(String::as_str).collect();
        let more = if items.len() > shown.len() { ", ..." } else { "" };
        Some(format!("{name} {}{more}", shown.join(", ")))
    };
    let parts = [
        unit.map(|unit| format!("organizational unit {unit}")),
        list("accounts", entry.account_ids.as_ref()),
        list("accounts named", entry.account_names.as_ref()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}
