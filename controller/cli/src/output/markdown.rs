//! Markdown for a pull request.

use std::fmt::Write as _;

use soc2_crds::State;

use super::checks::checks;
use super::summary::word;
use crate::assess::Assessed;

/// Most lines of failing checks of a profile: comments have a greatest length.
const MOST: usize = 50;

/// Each profile: what its conditions say, the criteria that do not pass, what fails.
#[must_use]
pub fn markdown(all: &[Assessed]) -> String {
    let mut out = String::new();
    for assessed in all {
        let (status, reason, message) = assessed.condition("Compliant").unwrap_or(("Unknown", "", ""));
        let _ =
            writeln!(out, "## {}: {} ({})\n\n{}\n", text(&assessed.name()), mark(status), text(reason), text(message));
        if assessed.result.is_ok() {
            criteria(assessed, &mut out);
            failing(assessed, &mut out);
        }
    }
    out
}

fn mark(status: &str) -> &'static str {
    match status {
        "True" => "✅ compliant",
        "False" => "❌ not compliant",
        _ => "❔ not known",
    }
}

fn criteria(assessed: &Assessed, out: &mut String) {
    let all = assessed.profile.status.as_ref().map(|status| status.criteria.as_slice()).unwrap_or_default();
    let shown: Vec<_> =
        all.iter().filter(|criterion| matches!(criterion.state, State::Failed | State::Unknown)).collect();
    if shown.is_empty() {
        return;
    }
    out.push_str("| criterion | state | accounts failed | unknown | passed |\n|---|---|---|---|---|\n");
    for criterion in shown {
        let accounts = &criterion.accounts;
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            criterion.id,
            word(&criterion.state),
            accounts.failed,
            accounts.unknown,
            accounts.passed
        );
    }
    out.push('\n');
}

fn failing(assessed: &Assessed, out: &mut String) {
    let mut lines = Vec::new();
    for posture in &assessed.postures {
        let account = &posture.spec.account;
        for check in checks(posture).into_iter().filter(|check| check.state == State::Failed) {
            let resource = check.resource.map(text).unwrap_or_default();
            lines.push(format!(
                "| {} | {} {} | {} | {resource} |",
                text(check.control),
                account.id,
                text(&account.name),
                text(check.message)
            ));
        }
    }
    if lines.is_empty() {
        return;
    }
    out.push_str("| control | account | what | for example |\n|---|---|---|---|\n");
    for line in lines.iter().take(MOST) {
        out.push_str(line);
        out.push('\n');
    }
    let more = lines.len().saturating_sub(MOST);
    if more > 0 {
        let _ = writeln!(out, "\n... and {more} more.");
    }
    out.push('\n');
}

/// A text from outside, in which nothing is markup.
#[must_use]
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in super::plain(text).chars() {
        if matches!(c, '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '@') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
