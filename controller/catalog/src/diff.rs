//! What differs between two catalogues, field by field.

use std::collections::HashMap;

use serde::Serialize;

use crate::ids::normalize_control_id;
use crate::matcher::Matcher;
use crate::{Activity, Catalog, Control, Criterion, Effort, Guardrail, Mapping, OtherCheck, Schedule};

/// What differs between two catalogues. Of each list first what changed or went, in the order of the first catalogue, then
/// what came, in the order of the second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogDiff {
    /// Criteria, by id.
    pub criteria: Vec<Changed>,
    /// Controls, by id.
    pub controls: Vec<Changed>,
    /// Mappings, as `<criterion> <control>`.
    pub mappings: Vec<Changed>,
    /// Activities, by id.
    pub activities: Vec<Changed>,
    /// Guardrails, by name.
    pub guardrails: Vec<Changed>,
    /// Checks of other tools, as `<criterion> <check>`.
    pub other_checks: Vec<Changed>,
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// What it is known by.
    pub id: String,
    /// How it differs.
    pub change: Change,
}

/// How something differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the second catalogue has it.
    Added,
    /// Only the first catalogue has it.
    Removed,
    /// Both have it: the fields that differ, each with what it was and what it is.
    Fields(Vec<(&'static str, String, String)>),
}

impl CatalogDiff {
    /// Whether the catalogues say the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { criteria, controls, mappings, activities, guardrails, other_checks } = self;
        [criteria, controls, mappings, activities, guardrails, other_checks].iter().all(|list| list.is_empty())
    }
}

impl Catalog {
    /// What differs from this catalogue to another.
    #[must_use]
    pub fn diff(&self, other: &Self) -> CatalogDiff {
        let differs = |of: &dyn Fn(&Self) -> Vec<Described>| compare(&of(self), &of(other));
        CatalogDiff {
            criteria: differs(&|catalog| catalog.criteria.iter().map(criterion).collect()),
            controls: differs(&|catalog| catalog.controls.iter().map(control).collect()),
            mappings: differs(&|catalog| catalog.mappings.iter().map(|one| mapping(catalog, one)).collect()),
            activities: differs(&|catalog| catalog.activities.iter().map(|one| activity(catalog, one)).collect()),
            guardrails: differs(&|catalog| catalog.guardrails.iter().map(|one| guardrail(catalog, one)).collect()),
            other_checks: differs(&|catalog| {
                catalog.other_checks.iter().map(|one| other_check(catalog, one)).collect()
            }),
        }
    }
}

/// Something in words: its id as it is compared and as it is written, and its fields, always the same ones in the same order.
struct Described {
    key: String,
    id: String,
    fields: Vec<(&'static str, String)>,
}

fn described(id: String, fields: Vec<(&'static str, String)>) -> Described {
    Described { key: normalize_control_id(&id), id, fields }
}

fn compare(before: &[Described], after: &[Described]) -> Vec<Changed> {
    let by_key = |list: &[Described]| -> HashMap<String, usize> {
        list.iter().enumerate().map(|(at, one)| (one.key.clone(), at)).collect()
    };
    let (known_before, known_after) = (by_key(before), by_key(after));
    let mut changed = Vec::new();
    for one in before {
        let change = match known_after.get(&one.key).and_then(|at| after.get(*at)) {
            None => Change::Removed,
            Some(other) => {
                let pairs = one.fields.iter().zip(&other.fields).filter(|(was, is)| was.1 != is.1);
                Change::Fields(pairs.map(|(was, is)| (was.0, was.1.clone(), is.1.clone())).collect())
            }
        };
        if change != Change::Fields(Vec::new()) {
            changed.push(Changed { id: one.id.clone(), change });
        }
    }
    let added = after.iter().filter(|one| !known_before.contains_key(&one.key));
    changed.extend(added.map(|one| Changed { id: one.id.clone(), change: Change::Added }));
    changed
}

fn criterion(one: &Criterion) -> Described {
    let Criterion { id, category, area, title, automation, attestation, rhythm } = one;
    described(
        id.clone(),
        vec![
            ("category", category.to_string()),
            ("area", area.clone()),
            ("title", title.clone()),
            ("automation", automation.as_str().to_owned()),
            ("attestation", format!("{attestation:?}")),
            ("rhythm", rhythm.clone()),
        ],
    )
}

fn control(one: &Control) -> Described {
    let Control {
        id,
        title,
        severity,
        reach,
        schedule,
        standards,
        resource_type,
        config_rule,
        custom_parameters,
        playbook,
        category,
        effort,
        matcher,
        retired,
        retired_since,
        source,
    } = one;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    described(
        id.clone(),
        vec![
            ("title", title.clone()),
            ("severity", severity.to_string()),
            ("reach", reach.to_string()),
            ("schedule", schedule.map(Schedule::as_str).unwrap_or_default().to_owned()),
            ("standards", joined(standards.iter())),
            ("resourceType", text(resource_type)),
            ("configRule", text(config_rule)),
            ("customParameters", custom_parameters.to_string()),
            ("playbook", playbook.to_string()),
            ("category", category.clone()),
            ("cost", effort.as_ref().map(|effort| effort.cost.to_string()).unwrap_or_default()),
            ("downtime", effort.as_ref().map(|effort| effort.downtime.to_string()).unwrap_or_default()),
            ("effort", effort.as_ref().map(effort_source).unwrap_or_default()),
            ("match", matcher.as_ref().map(matcher_text).unwrap_or_default()),
            ("retired", retired.to_string()),
            ("retiredSince", text(retired_since)),
            ("source", source.clone()),
        ],
    )
}

fn effort_source(effort: &Effort) -> String {
    format!("{} ({})", effort.why, effort.source)
}

fn matcher_text(matcher: &Matcher) -> String {
    let Matcher { generator_id, product, kind } = matcher;
    let given = [("generatorId", generator_id), ("product", product), ("type", kind)];
    joined(given.iter().filter_map(|(name, glob)| glob.as_ref().map(|glob| format!("{name}={glob}"))))
}

fn mapping(catalog: &Catalog, one: &Mapping) -> Described {
    let Mapping { criterion, control, tier, confidence, sources, weak, checks, references, note } = one;
    described(
        format!("{} {}", catalog.criteria[*criterion].id, catalog.get(*control).id),
        vec![
            ("tier", tier.as_str().to_owned()),
            ("confidence", confidence.as_str().to_owned()),
            ("sources", joined(sources.iter())),
            ("weak", weak.to_string()),
            ("checks", checks.join(", ")),
            ("references", references.join(", ")),
            ("note", note.clone().unwrap_or_default()),
        ],
    )
}

fn other_check(catalog: &Catalog, one: &OtherCheck) -> Described {
    let OtherCheck { criterion, check, sources, config_rule } = one;
    described(
        format!("{} {check}", catalog.criteria[*criterion].id),
        vec![("sources", joined(sources.iter())), ("configRule", config_rule.clone().unwrap_or_default())],
    )
}

fn activity(catalog: &Catalog, one: &Activity) -> Described {
    let Activity { id, title, criteria, cadence, needs_evidence, owner, sources } = one;
    described(
        id.clone(),
        vec![
            ("title", title.clone()),
            ("criteria", joined(criteria.iter().map(|at| &catalog.criteria[*at].id))),
            ("cadence", format!("{cadence:?}")),
            ("needsEvidence", needs_evidence.to_string()),
            ("owner", owner.clone().unwrap_or_default()),
            ("sources", sources.join(", ")),
        ],
    )
}

fn guardrail(catalog: &Catalog, one: &Guardrail) -> Described {
    let Guardrail {
        name,
        title,
        criteria,
        controls,
        parameters,
        statements,
        no_exemption,
        caveats,
        source,
        example_parameters,
        denied,
        allowed,
    } = one;
    described(
        name.clone(),
        vec![
            ("title", title.clone()),
            ("criteria", joined(criteria.iter().map(|at| &catalog.criteria[*at].id))),
            ("controls", joined(controls.iter().map(|ix| &catalog.get(*ix).id))),
            ("parameters", written(parameters)),
            ("statements", written(statements)),
            ("noExemption", no_exemption.clone().unwrap_or_default()),
            ("caveats", caveats.join(" ")),
            ("source", source.clone().unwrap_or_default()),
            ("exampleParameters", written(example_parameters)),
            ("denied", written(denied)),
            ("allowed", written(allowed)),
        ],
    )
}

/// As JSON.
fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn joined(parts: impl Iterator<Item = impl ToString>) -> String {
    parts.map(|part| part.to_string()).collect::<Vec<_>>().join(", ")
}
