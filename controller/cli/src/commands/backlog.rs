//! `backlog`: what to fix first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Result;
use serde_json::json;
use soc2_catalog::{Control, Guardrail};
use soc2_crds::State;

use super::prepare::prepare;
use super::{Notes, print, print_json};
use crate::args::{BacklogArgs, Report};
use crate::assess::Assessed;
use crate::exit::Exit;
use crate::output::checks::checks;
use crate::output::markdown;
use crate::output::table::{Table, state};

/// A control that fails.
struct Item<'a> {
    control: &'a Control,
    guardrails: Vec<&'a Guardrail>,
    accounts: BTreeSet<String>,
    resources: u32,
    criteria: BTreeSet<String>,
}

pub fn run(args: &BacklogArgs, notes: &Notes) -> Result<Exit> {
    let prepared = prepare(&args.world, &args.manifests, &args.profiles, notes)?;
    let items = items(&prepared.assessed);
    match args.output {
        Report::Table => print(&table(&items))?,
        Report::Json => print_json(&json(&items))?,
        Report::Markdown => print(&as_markdown(&items))?,
    }
    Ok(prepared.exit)
}

/// Failing controls: the worst first, then what is cheap and interrupts nothing, then what most accounts have.
fn items(all: &[Assessed]) -> Vec<Item<'_>> {
    let mut found: BTreeMap<&str, Item<'_>> = BTreeMap::new();
    // An account under several profiles has the same resources under each.
    let mut counted = BTreeSet::new();
    let postures = all.iter().flat_map(|assessed| assessed.postures.iter().map(move |posture| (assessed, posture)));
    for (assessed, posture) in postures {
        for check in checks(posture).into_iter().filter(|check| check.state == State::Failed) {
            let Some(facts) = assessed.catalog.control_facts(check.control) else { continue };
            let account = &posture.spec.account.id;
            let item = found.entry(&facts.control.id).or_insert_with(|| Item {
                control: facts.control,
                guardrails: facts.guardrails.clone(),
                accounts: BTreeSet::new(),
                resources: 0,
                criteria: BTreeSet::new(),
            });
            item.accounts.insert(account.clone());
            item.criteria.extend(check.criteria.iter().cloned());
            if counted.insert((facts.control.id.clone(), account.clone())) {
                item.resources += check.failed;
            }
        }
    }
    let mut items: Vec<Item<'_>> = found.into_values().collect();
    items.sort_by_key(|item| {
        let effort = item.control.effort.as_ref().map(|effort| (effort.downtime, effort.cost));
        (item.control.severity, effort.is_none(), effort, Reverse(item.accounts.len()), item.control.id.clone())
    });
    items
}

impl Item<'_> {
    fn cost(&self) -> &'static str {
        self.control.effort.as_ref().map_or("", |effort| effort.cost.as_str())
    }

    fn downtime(&self) -> &'static str {
        self.control.effort.as_ref().map_or("", |effort| effort.downtime.as_str())
    }

    fn prevented_by(&self) -> Vec<&str> {
        self.guardrails.iter().map(|guardrail| guardrail.name.as_str()).collect()
    }
}

fn table(items: &[Item<'_>]) -> String {
    if items.is_empty() {
        return "nothing fails\n".to_owned();
    }
    let mut table =
        Table::new(&["CONTROL", "SEVERITY", "COST", "DOWNTIME", "ACCOUNTS", "RESOURCES", "PREVENTED BY", "TITLE"]);
    for item in items {
        table.push([
            item.control.id.as_str().into(),
            state(item.control.severity.as_str()),
            item.cost().into(),
            item.downtime().into(),
            item.accounts.len().into(),
            item.resources.into(),
            item.prevented_by().join(", ").into(),
            item.control.title.as_str().into(),
        ]);
    }
    let mut out = String::new();
    table.render(&mut out);
    out
}

fn json(items: &[Item<'_>]) -> serde_json::Value {
    let item = |item: &Item<'_>| {
        json!({
            "control": item.control.id,
            "title": item.control.title,
            "severity": item.control.severity.as_str(),
            "cost": item.control.effort.as_ref().map(|effort| effort.cost.as_str()),
            "downtime": item.control.effort.as_ref().map(|effort| effort.downtime.as_str()),
            "why": item.control.effort.as_ref().map(|effort| effort.why.as_str()),
            "accounts": item.accounts,
            "resources": item.resources,
            "criteria": item.criteria,
            "remediation": item.control.remediation_url(),
            "preventedBy": item.prevented_by(),
        })
    };
    items.iter().map(item).collect()
}

fn as_markdown(items: &[Item<'_>]) -> String {
    let mut out = String::from(
        "| control | severity | cost | downtime | accounts | resources | what |\n|---|---|---|---|---|---|---|\n",
    );
    for item in items {
        let id = &item.control.id;
        let link = item.control.remediation_url().map_or_else(|| id.clone(), |url| format!("[{id}]({url})"));
        let _ = writeln!(
            out,
            "| {link} | {} | {} | {} | {} | {} | {} |",
            item.control.severity,
            item.cost(),
            item.downtime(),
            item.accounts.len(),
            item.resources,
            markdown::text(&item.control.title)
        );
    }
    out
}
