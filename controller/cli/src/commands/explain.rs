//! `explain`: why something is as it is, and what would change it.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use soc2_catalog::Catalog;
use soc2_crds::{AccountPosture, State};

use super::prepare::prepare;
use super::{Notes, print};
use crate::args::ExplainArgs;
use crate::assess::Assessed;
use crate::exit::Exit;
use crate::output::checks::{Check, checks};
use crate::output::plain;
use crate::output::summary::word;
use crate::output::table::style_of;

pub fn run(args: &ExplainArgs, notes: &Notes) -> Result<Exit> {
    let prepared = prepare(&args.world, &args.manifests, std::slice::from_ref(&args.profile), notes)?;
    let assessed = prepared.assessed.first().context("the profile is suspended")?;
    if assessed.result.is_err() {
        // It was said already.
        return Ok(prepared.exit);
    }
    let posture = find(assessed, &args.account)?;
    print(&explain(assessed, posture, &args.subject)?)?;
    Ok(prepared.exit)
}

/// The account of this id or name.
fn find<'a>(assessed: &'a Assessed, wanted: &str) -> Result<&'a AccountPosture> {
    let is = |posture: &&AccountPosture| posture.spec.account.id == wanted || posture.spec.account.name == wanted;
    let mut found = assessed.postures.iter().filter(is);
    let first =
        found.next().with_context(|| format!("account {wanted:?} is not in the targets of {}", assessed.name()))?;
    if found.next().is_some() {
        bail!("several accounts are called {wanted:?}: name it by its id");
    }
    Ok(first)
}

fn explain(assessed: &Assessed, posture: &AccountPosture, subject: &str) -> Result<String> {
    let catalog = &assessed.catalog;
    let mut out = String::new();
    let account = &posture.spec.account;
    let _ = writeln!(out, "account {} {} ({})", account.id, plain(&account.name), plain(&account.ou_path));
    let all = checks(posture);
    if let Some(control) = catalog.control(subject) {
        let id = &catalog.get(control).id;
        match all.iter().find(|check| check.control == id) {
            Some(check) => one(check, catalog, &mut out),
            None => out.push_str(&not_in_scope(assessed, id)),
        }
        return Ok(out);
    }
    let Some(facts) = catalog.criterion_facts(subject) else {
        bail!("{subject:?} is neither a criterion nor a control; see soc2ctl catalog list");
    };
    let id = &facts.criterion.id;
    let status =
        assessed.profile.status.as_ref().and_then(|status| status.criteria.iter().find(|found| found.id == *id));
    let Some(status) = status else { bail!("{id} belongs to no category of profile {}", assessed.name()) };
    let words = word(&status.state);
    let style = style_of(&words);
    let _ = writeln!(out, "{id} {}", facts.criterion.title);
    let _ = writeln!(out, "in the profile as a whole: {style}{words}{style:#}");
    let criteria = assessed.criteria_by_control();
    let mapped = |check: &&Check<'_>| criteria.get(check.control).is_some_and(|criteria| criteria.contains(id));
    let mut of_criterion: Vec<&Check<'_>> = all.iter().filter(mapped).collect();
    of_criterion.sort_by_key(|check| check.state);
    if of_criterion.is_empty() {
        out.push_str("no control in scope answers for it in this account\n");
    }
    for check in of_criterion.iter().filter(|check| check.state != State::Passed && check.state != State::NotApplicable)
    {
        out.push('\n');
        one(check, catalog, &mut out);
    }
    let passed: Vec<&str> =
        of_criterion.iter().filter(|check| check.state == State::Passed).map(|check| check.control).collect();
    if !passed.is_empty() {
        let _ = writeln!(out, "\npassed: {}", passed.join(", "));
    }
    for activity in &facts.activities {
        let _ = writeln!(out, "people: {} ({}, {})", activity.title, activity.id, word(&activity.cadence));
    }
    Ok(out)
}

fn not_in_scope(assessed: &Assessed, id: &str) -> String {
    let without = assessed.profile.status.iter().filter_map(|status| status.coverage.as_ref());
    let without = without.flat_map(|coverage| &coverage.controls_without_standard).any(|control| control == id);
    if without {
        format!("{id}: no standard that has it is required or enabled, so that it can have no finding\n")
    } else {
        format!(
            "{id}: is not in the scope of profile {}: tailored out, or mapped to none of its criteria\n",
            assessed.name()
        )
    }
}

/// A check, what would fix it and what would have prevented it.
fn one(check: &Check<'_>, catalog: &Catalog, out: &mut String) {
    let Some(facts) = catalog.control_facts(check.control) else { return };
    let words = word(&check.state);
    let style = style_of(&words);
    let _ =
        writeln!(out, "{} {style}{words}{style:#} {}: {}", check.control, check.reason, plain(&facts.control.title));
    if !check.message.is_empty() {
        let _ = writeln!(out, "  why: {}", plain(check.message));
    }
    if let Some(resource) = check.resource {
        let _ = writeln!(out, "  for example: {}", plain(resource));
    }
    let _ = writeln!(out, "  severity: {}", facts.control.severity);
    if check.state == State::Failed {
        if let Some(effort) = &facts.control.effort {
            let _ = writeln!(out, "  effort: cost {}, downtime {}: {}", effort.cost, effort.downtime, effort.why);
        }
        if let Some(url) = facts.control.remediation_url() {
            let _ = writeln!(out, "  to fix it: {url}");
        }
    }
    for guardrail in &facts.guardrails {
        let _ = writeln!(out, "  would have been prevented by: {} ({})", guardrail.name, guardrail.title);
    }
}
