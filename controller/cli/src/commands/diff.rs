//! `diff`: what changed between two snapshots, by criterion.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Result, ensure};
use jiff::Timestamp;
use serde_json::json;
use soc2_crds::State;

use super::prepare::{catalog, manifests, read_files, tell};
use super::{Notes, print, print_json};
use crate::args::{DiffArgs, Report};
use crate::assess::{self, Assessed, Scope};
use crate::exit::Exit;
use crate::output::checks::checks;
use crate::output::markdown;
use crate::output::summary::word;
use crate::output::table::{Cell, Table, state};
use crate::snapshot::Inputs;

/// A check that is not in the state that it was in.
#[derive(Debug)]
struct Change {
    profile: String,
    /// Criteria that the control answers for.
    criteria: Vec<String>,
    control: String,
    account: String,
    /// `None`: there was no such check.
    before: Option<State>,
    after: Option<State>,
}

impl Change {
    /// A pass that is one no more, and what is worse than it was. A check that is gone is worse too, unless it failed:
    /// losing accounts is not getting better.
    fn is_worse(&self) -> bool {
        match (self.before, self.after) {
            (Some(before), Some(after)) => after < before && after != State::Excepted,
            (Some(before), None) => before == State::Passed,
            (None, Some(after)) => matches!(after, State::Failed | State::Unknown),
            (None, None) => false,
        }
    }
}

/// A criterion, or a condition of a profile, that is not in the state that it was in.
#[derive(Debug)]
struct Turned {
    profile: String,
    id: String,
    before: String,
    after: String,
}

impl Turned {
    /// A condition that is True no more, or a criterion that is worse than it was: people's part may be why, and no check.
    fn is_worse(&self) -> bool {
        match (self.before.as_str(), self.after.as_str()) {
            ("True", after) => after != "True",
            ("Passed" | "Excepted" | "NotApplicable", after) => matches!(after, "Failed" | "Unknown"),
            ("Unknown", after) => after == "Failed",
            _ => false,
        }
    }
}

/// Conditions of a profile that are compared: what they say comes from more than checks.
const CONDITIONS: [&str; 4] = ["Compliant", "GuardrailsInForce", "DataComplete", "CoverageComplete"];

pub fn run(args: &DiffArgs, notes: &Notes) -> Result<Exit> {
    let (manifests, exit) = manifests(&args.manifests, notes)?;
    let scope = Scope::new(&manifests, args.organization.as_deref(), &[])?;
    ensure!(!scope.profiles.is_empty(), "there is no ComplianceProfile of this organization in these files");
    let read = |folder: &std::path::Path| {
        let inputs = Inputs { snapshot: Some(folder.to_owned()), keep_going: args.keep_going, ..Inputs::default() };
        let now = Timestamp::now();
        let snapshot = read_files(&inputs, &scope, catalog()?, now, notes)?;
        // What was fresh then is not old because of us.
        let moment = snapshot.taken_at.unwrap_or(now);
        assess::run(&scope, &snapshot, catalog()?, moment)
    };
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let exit = exit.max(tell(&scope, &after, notes));
    let (changes, turned) = (changes(&before, &after), turned(&before, &after));
    match args.output {
        Report::Table => print(&table(&changes, &turned))?,
        Report::Json => print_json(&json(&changes, &turned))?,
        Report::Markdown => print(&as_markdown(&changes, &turned))?,
    }
    let worse = changes.iter().any(Change::is_worse) || turned.iter().any(Turned::is_worse);
    Ok(exit.max(if worse { Exit::Failed } else { Exit::Passed }))
}

type Key = (String, String, String);

/// Each check of each account under each profile.
fn states(all: &[Assessed]) -> BTreeMap<Key, State> {
    let mut states = BTreeMap::new();
    for assessed in all {
        for posture in &assessed.postures {
            for check in checks(posture) {
                let key = (assessed.name(), posture.spec.account.id.clone(), check.control.to_owned());
                states.insert(key, check.state);
            }
        }
    }
    states
}

fn changes(before: &[Assessed], after: &[Assessed]) -> Vec<Change> {
    let (old, new) = (states(before), states(after));
    let of_profiles = before.iter().chain(after).map(|assessed| (assessed.name(), assessed.criteria_by_control()));
    let criteria: BTreeMap<String, BTreeMap<String, Vec<String>>> = of_profiles.collect();
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    let differing = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    let change = |key: &Key| {
        let (profile, account, control) = key.clone();
        let criteria = criteria.get(&profile).and_then(|controls| controls.get(&control)).cloned();
        Change {
            profile,
            account,
            control,
            criteria: criteria.unwrap_or_default(),
            before: old.get(key).copied(),
            after: new.get(key).copied(),
        }
    };
    differing.map(change).collect()
}

fn turned(before: &[Assessed], after: &[Assessed]) -> Vec<Turned> {
    let states = |all: &[Assessed]| -> BTreeMap<(String, String), String> {
        let of = |assessed: &Assessed| {
            let criteria = assessed.profile.status.iter().flat_map(|status| status.criteria.clone());
            let criteria = criteria.map(|found| (found.id, word(&found.state)));
            let conditions = CONDITIONS.iter().filter_map(|kind| {
                let (status, _, _) = assessed.condition(kind)?;
                Some(((*kind).to_owned(), status.to_owned()))
            });
            criteria.chain(conditions).map(|(id, state)| ((assessed.name(), id), state)).collect::<Vec<_>>()
        };
        all.iter().flat_map(of).collect()
    };
    let (old, new) = (states(before), states(after));
    let differing = new.into_iter().filter(|(key, state)| old.get(key) != Some(state));
    differing
        .map(|((profile, id), after)| {
            let before = old.get(&(profile.clone(), id.clone())).cloned().unwrap_or_default();
            Turned { profile, id, before, after }
        })
        .collect()
}

fn named(state: Option<State>) -> String {
    state.map(|state| word(&state)).unwrap_or_default()
}

fn table(changes: &[Change], turned: &[Turned]) -> String {
    let mut out = String::new();
    if changes.is_empty() && turned.is_empty() {
        out.push_str("nothing changed\n");
        return out;
    }
    if !turned.is_empty() {
        let mut table = Table::new(&["PROFILE", "CRITERION OR CONDITION", "BEFORE", "AFTER"]);
        for Turned { profile, id, before, after } in turned {
            table.push([profile.as_str().into(), id.as_str().into(), state(before), state(after)]);
        }
        table.render(&mut out);
        out.push('\n');
    }
    let mut table = Table::new(&["PROFILE", "ACCOUNT", "CONTROL", "BEFORE", "AFTER", "CRITERIA"]);
    for change in changes {
        table.push([
            change.profile.as_str().into(),
            change.account.as_str().into(),
            change.control.as_str().into(),
            state(&named(change.before)),
            state(&named(change.after)),
            Cell::from(change.criteria.join(", ")),
        ]);
    }
    if !table.is_empty() {
        table.render(&mut out);
    }
    let worse = changes.iter().filter(|change| change.is_worse()).count();
    let _ = writeln!(out, "\n{} checks changed, {worse} of them for the worse", changes.len());
    out
}

fn json(changes: &[Change], turned: &[Turned]) -> serde_json::Value {
    let change = |change: &Change| {
        json!({
            "profile": change.profile,
            "account": change.account,
            "control": change.control,
            "criteria": change.criteria,
            "before": change.before,
            "after": change.after,
            "worse": change.is_worse(),
        })
    };
    let criterion = |turned: &Turned| json!({"profile": turned.profile, "criterion": turned.id, "before": turned.before, "after": turned.after});
    json!({
        "criteria": turned.iter().map(criterion).collect::<Vec<_>>(),
        "checks": changes.iter().map(change).collect::<Vec<_>>(),
    })
}

fn as_markdown(changes: &[Change], turned: &[Turned]) -> String {
    let text = |word: &str| markdown::text(word);
    let mut out = String::from("## What changed\n\n");
    if changes.is_empty() && turned.is_empty() {
        out.push_str("Nothing.\n");
    }
    if !turned.is_empty() {
        out.push_str("| profile | criterion or condition | before | after |\n|---|---|---|---|\n");
        for Turned { profile, id, before, after } in turned {
            let _ = writeln!(out, "| {} | {id} | {before} | **{after}** |", text(profile));
        }
        out.push('\n');
    }
    if !changes.is_empty() {
        out.push_str("| profile | account | control | before | after |\n|---|---|---|---|---|\n");
        for change in changes {
            let (before, after) = (named(change.before), named(change.after));
            let _ = writeln!(
                out,
                "| {} | {} | {} | {before} | {after} |",
                text(&change.profile),
                change.account,
                text(&change.control)
            );
        }
    }
    out
}
