//! `catalog`: criteria, controls, mappings.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use kube::ResourceExt;
use serde_json::json;
use soc2_catalog::{Catalog, CatalogDiff, Change, Control, ControlFacts, CriterionFacts, Severity, Tier, standards};

use super::prepare::{catalog, manifests};
use super::{Notes, complain, print, print_json};
use crate::args::{CatalogCommand, Plain, SeverityArg};
use crate::exit::Exit;
use crate::output::summary::word;
use crate::output::table::{Table, state};

pub fn run(command: &CatalogCommand, notes: &Notes) -> Result<Exit> {
    let catalog = catalog()?;
    match command {
        CatalogCommand::List { controls: false, output, .. } => criteria(catalog, *output)?,
        CatalogCommand::List { criterion, severity, output, .. } => {
            controls(catalog, criterion.as_deref(), severity.map(severity_of), *output)?;
        }
        CatalogCommand::Show { id } => print(&show(catalog, id)?)?,
        CatalogCommand::Coverage { standards, output } => coverage(catalog, standards, *output)?,
        CatalogCommand::Diff { manifests: files } => {
            let (manifests, exit) = manifests(files, notes)?;
            ensure!(!manifests.catalogs.is_empty(), "there is no ControlCatalog in these files");
            let mut worst = exit;
            for found in &manifests.catalogs {
                let name = found.object.name_any();
                match Catalog::extended(catalog, &found.object.spec, &name) {
                    Ok(extended) => print(&differences(&name, &catalog.diff(&extended)))?,
                    Err(problems) => {
                        for problem in problems {
                            complain(&format!("{}: ControlCatalog {name}: {problem}", found.origin));
                        }
                        worst = Exit::Unusable;
                    }
                }
            }
            return Ok(worst);
        }
    }
    Ok(Exit::Passed)
}

fn severity_of(arg: SeverityArg) -> Severity {
    match arg {
        SeverityArg::Critical => Severity::Critical,
        SeverityArg::High => Severity::High,
        SeverityArg::Medium => Severity::Medium,
        SeverityArg::Low => Severity::Low,
    }
}

fn criteria(catalog: &Catalog, output: Plain) -> Result<()> {
    let controls = |at: usize| catalog.mappings_for(at).iter().filter(|mapping| mapping.tier == Tier::Default).count();
    if output == Plain::Json {
        let all = catalog.criteria().iter().enumerate().map(|(at, found)| {
            json!({
                "id": found.id,
                "category": found.category.as_str(),
                "title": found.title,
                "automation": found.automation.as_str(),
                "controls": controls(at),
            })
        });
        return print_json(&all.collect::<Vec<_>>());
    }
    let mut table = Table::new(&["CRITERION", "CATEGORY", "AUTOMATION", "CONTROLS", "TITLE"]);
    for (at, found) in catalog.criteria().iter().enumerate() {
        table.push([
            found.id.as_str().into(),
            found.category.as_str().into(),
            found.automation.as_str().into(),
            controls(at).into(),
            found.title.as_str().into(),
        ]);
    }
    render(&table)
}

fn controls(catalog: &Catalog, criterion: Option<&str>, severity: Option<Severity>, output: Plain) -> Result<()> {
    let only: Option<BTreeSet<_>> = match criterion {
        None => None,
        Some(id) => {
            let at = catalog
                .criterion(id)
                .with_context(|| format!("there is no criterion {id:?}; see soc2ctl catalog list"))?;
            Some(catalog.mappings_for(at).iter().map(|mapping| mapping.control).collect())
        }
    };
    let all = (0..).map(soc2_catalog::ControlIx).zip(catalog.controls());
    let wanted = all.filter(|(ix, control)| {
        only.as_ref().is_none_or(|only| only.contains(ix))
            && severity.is_none_or(|severity| control.severity == severity)
    });
    if output == Plain::Json {
        return print_json(&wanted.map(|(_, control)| as_json(control)).collect::<Vec<_>>());
    }
    let mut table = Table::new(&["CONTROL", "SEVERITY", "COST", "DOWNTIME", "RETIRED", "TITLE"]);
    for (_, control) in wanted {
        let effort = control.effort.as_ref();
        table.push([
            control.id.as_str().into(),
            state(control.severity.as_str()),
            effort.map_or("", |effort| effort.cost.as_str()).into(),
            effort.map_or("", |effort| effort.downtime.as_str()).into(),
            if control.retired { "yes" } else { "" }.into(),
            control.title.as_str().into(),
        ]);
    }
    render(&table)
}

fn as_json(control: &Control) -> serde_json::Value {
    json!({
        "id": control.id,
        "title": control.title,
        "severity": control.severity.as_str(),
        "standards": control.standards.iter().map(|code| standards::short(*code)).collect::<Vec<_>>(),
        "resourceType": control.resource_type,
        "configRule": control.config_rule,
        "cost": control.effort.as_ref().map(|effort| effort.cost.as_str()),
        "downtime": control.effort.as_ref().map(|effort| effort.downtime.as_str()),
        "retired": control.retired,
        "remediation": control.remediation_url(),
    })
}

fn render(table: &Table) -> Result<()> {
    let mut out = String::new();
    table.render(&mut out);
    print(&out)
}

fn show(catalog: &Catalog, id: &str) -> Result<String> {
    if let Some(facts) = catalog.criterion_facts(id) {
        return Ok(show_criterion(catalog, &facts));
    }
    if let Some(facts) = catalog.control_facts(id) {
        return Ok(show_control(catalog, &facts));
    }
    if let Some(facts) = catalog.activity_facts(id) {
        let criteria: Vec<&str> = facts.criteria.iter().map(|found| found.id.as_str()).collect();
        let activity = facts.activity;
        return Ok(format!(
            "{} {}\ncadence: {}\ncriteria: {}\n",
            activity.id,
            activity.title,
            word(&activity.cadence),
            criteria.join(", ")
        ));
    }
    bail!("there is no criterion, control or activity {id:?}; see soc2ctl catalog list")
}

fn show_criterion(catalog: &Catalog, facts: &CriterionFacts<'_>) -> String {
    let found = facts.criterion;
    let mut out = format!("{} {}\n", found.id, found.title);
    let _ = writeln!(out, "category: {}\nautomation: {}", found.category, found.automation.as_str());
    for activity in &facts.activities {
        let _ = writeln!(out, "activity: {} ({}, {})", activity.title, activity.id, word(&activity.cadence));
    }
    for guardrail in &facts.guardrails {
        let _ = writeln!(out, "guardrail: {} ({})", guardrail.title, guardrail.name);
    }
    let mut table = Table::new(&["CONTROL", "SEVERITY", "TIER", "CONFIDENCE", "WEAK", "SOURCES", "TITLE"]);
    for mapping in &facts.mappings {
        let control = catalog.get(mapping.control);
        let sources: Vec<String> = mapping.sources.iter().map(ToString::to_string).collect();
        table.push([
            control.id.as_str().into(),
            state(control.severity.as_str()),
            mapping.tier.as_str().into(),
            mapping.confidence.as_str().into(),
            if mapping.weak { "weak" } else { "" }.into(),
            sources.join(", ").into(),
            control.title.as_str().into(),
        ]);
    }
    if !table.is_empty() {
        out.push('\n');
        table.render(&mut out);
    }
    out
}

fn show_control(catalog: &Catalog, facts: &ControlFacts<'_>) -> String {
    let control = facts.control;
    let mut out = format!("{} {}\n", control.id, control.title);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(out, "{name}: {value}");
        }
    };
    let join = |names: Vec<&str>| names.join(", ");
    line("severity", control.severity.as_str());
    line("standards", &join(control.standards.iter().map(|code| standards::short(*code)).collect()));
    line("resources", control.resource_type.as_deref().unwrap_or_default());
    line("AWS Config rule", control.config_rule.as_deref().unwrap_or_default());
    line(
        "criteria",
        &join(
            facts
                .mappings
                .iter()
                .filter_map(|mapping| catalog.criteria().get(mapping.criterion))
                .map(|found| found.id.as_str())
                .collect(),
        ),
    );
    if let Some(effort) = &control.effort {
        line("effort", &format!("cost {}, downtime {}: {}", effort.cost, effort.downtime, effort.why));
    }
    line("prevented by", &join(facts.guardrails.iter().map(|guardrail| guardrail.name.as_str()).collect()));
    line("retired", if control.retired { control.retired_since.as_deref().unwrap_or("yes") } else { "" });
    line("to fix it", &control.remediation_url().unwrap_or_default());
    out
}

fn coverage(catalog: &Catalog, names: &[String], output: Plain) -> Result<()> {
    let mut enabled = BTreeSet::new();
    for name in names {
        let known = || standards::all().map(standards::short).collect::<Vec<_>>().join(", ");
        enabled.insert(standards::parse(name).with_context(|| format!("--standard {name}: is none of {}", known()))?);
    }
    let all = catalog.coverage(Tier::Default, &enabled);
    let ids = |controls: &[soc2_catalog::ControlIx]| {
        controls.iter().map(|ix| catalog.get(*ix).id.clone()).collect::<Vec<_>>()
    };
    if output == Plain::Json {
        let one = |found: &soc2_catalog::CriterionCoverage| {
            let criterion = catalog.criteria().get(found.criterion);
            json!({
                "criterion": criterion.map(|criterion| criterion.id.as_str()),
                "controls": ids(&found.controls),
                "withoutStandard": ids(&found.without_standard),
                "needsPeople": criterion.is_none_or(|criterion| found.needs_people(criterion)),
                "activities": found.activities.iter().filter_map(|at| catalog.activities().get(*at)).map(|activity| activity.id.as_str()).collect::<Vec<_>>(),
            })
        };
        return print_json(&all.iter().map(one).collect::<Vec<_>>());
    }
    let mut table = Table::new(&["CRITERION", "CONTROLS", "PEOPLE", "ACTIVITIES", "WITHOUT A STANDARD"]);
    for found in &all {
        let Some(criterion) = catalog.criteria().get(found.criterion) else { continue };
        let without = ids(&found.without_standard);
        table.push([
            criterion.id.as_str().into(),
            found.controls.len().into(),
            if found.needs_people(criterion) { "yes" } else { "" }.into(),
            found.activities.len().into(),
            without.join(", ").into(),
        ]);
    }
    render(&table)
}

fn differences(name: &str, diff: &CatalogDiff) -> String {
    let CatalogDiff { criteria, controls, mappings, activities, guardrails, other_checks } = diff;
    let mut out = format!("ControlCatalog {name}\n");
    for (kind, list) in [
        ("criterion", criteria),
        ("control", controls),
        ("mapping", mappings),
        ("activity", activities),
        ("guardrail", guardrails),
        ("check of other tools", other_checks),
    ] {
        for changed in list {
            let _ = match &changed.change {
                Change::Added => writeln!(out, "+ {kind} {}", changed.id),
                Change::Removed => writeln!(out, "- {kind} {}", changed.id),
                Change::Fields(fields) => {
                    let fields: Vec<String> =
                        fields.iter().map(|(field, was, is)| format!("{field} {was:?} -> {is:?}")).collect();
                    writeln!(out, "~ {kind} {}: {}", changed.id, fields.join(", "))
                }
            };
        }
    }
    if diff.is_empty() {
        out.push_str("changes nothing\n");
    }
    out
}
