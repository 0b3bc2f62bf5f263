//! An assessment for people.

use std::fmt::Write as _;

use soc2_crds::{AccountPosture, CriterionStatus, State};

use super::checks::checks;
use super::table::{Table, state, style_of};
use super::{plain, table::Cell};
use crate::assess::Assessed;

/// Most failing controls named of an account.
const NAMED: usize = 8;

/// Each profile: its conditions, criteria and accounts.
#[must_use]
pub fn summary(all: &[Assessed]) -> String {
    let mut out = String::new();
    for assessed in all {
        if !out.is_empty() {
            out.push('\n');
        }
        profile(assessed, &mut out);
    }
    out
}

fn profile(assessed: &Assessed, out: &mut String) {
    let _ = writeln!(out, "ComplianceProfile {}", assessed.name());
    let conditions = assessed.profile.status.iter().flat_map(|status| &status.conditions);
    for condition in conditions.filter(|condition| condition.type_ != "Ready" || condition.status != "True") {
        let style = style_of(&condition.status);
        let _ = writeln!(
            out,
            "  {} {style}{}{style:#} {}: {}",
            condition.type_,
            condition.status,
            condition.reason,
            plain(&condition.message)
        );
    }
    if assessed.result.is_err() {
        return;
    }
    out.push('\n');
    criteria(assessed).render(out);
    let elsewhere: Vec<&str> =
        all_criteria(assessed).filter(|found| is_elsewhere(found)).map(|found| found.id.as_str()).collect();
    if !elsewhere.is_empty() {
        let _ = writeln!(out, "tracked elsewhere: {}", elsewhere.join(", "));
    }
    let accounts = accounts(&assessed.postures);
    if !accounts.is_empty() {
        out.push('\n');
        accounts.render(out);
    }
}

fn all_criteria(assessed: &Assessed) -> impl Iterator<Item = &CriterionStatus> {
    assessed.profile.status.iter().flat_map(|status| &status.criteria)
}

/// Whether people answer for a criterion in another system, and no control does.
fn is_elsewhere(criterion: &CriterionStatus) -> bool {
    criterion.reason.as_deref() == Some("TrackedElsewhere")
}

/// The criteria that say something.
fn criteria(assessed: &Assessed) -> Table {
    let mut table = Table::new(&[
        "CRITERION",
        "STATE",
        "MANUAL",
        "CONTROLS",
        "ACCOUNTS FAILED",
        "UNKNOWN",
        "WAIVED",
        "PASSED",
        "NOTE",
    ]);
    for criterion in all_criteria(assessed).filter(|criterion| !is_elsewhere(criterion)) {
        let manual = criterion.manual.map(|manual| word(&manual)).unwrap_or_default();
        let accounts = &criterion.accounts;
        let note = criterion.reason.clone().unwrap_or_default();
        let note = if criterion.partial_coverage { format!("{note} partly covered") } else { note };
        table.push([
            Cell::from(criterion.id.as_str()),
            state(&word(&criterion.state)),
            state(&manual),
            criterion.controls.into(),
            number(accounts.failed),
            number(accounts.unknown),
            number(accounts.excepted),
            number(accounts.passed),
            note.trim().into(),
        ]);
    }
    table
}

/// Zeros are left out: what there is shall be seen.
fn number(count: u32) -> Cell {
    if count == 0 { Cell::default() } else { count.into() }
}

/// An enum of the API as it is written.
pub fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn accounts(postures: &[AccountPosture]) -> Table {
    let mut table = Table::new(&["ACCOUNT", "NAME", "OU", "FAILED", "UNKNOWN", "WAIVED", "PASSED", "FAILING"]);
    for posture in postures {
        let (account, counts) = (&posture.spec.account, &posture.spec.summary);
        let all = checks(posture);
        let failing: Vec<&str> =
            all.iter().filter(|check| check.state == State::Failed).map(|check| check.control).collect();
        let more = failing.len().saturating_sub(NAMED);
        let mut names = failing.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
        if more > 0 {
            let _ = write!(names, " and {more} more");
        }
        table.push([
            account.id.as_str().into(),
            account.name.as_str().into(),
            account.ou_path.as_str().into(),
            number(counts.failed),
            number(counts.unknown),
            number(counts.excepted),
            number(counts.passed),
            names.into(),
        ]);
    }
    table
}
