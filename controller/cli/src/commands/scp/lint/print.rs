//! Findings for people, and as JSON.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use soc2_guardrails::lint::{Rule, Severity};

use super::Found;
use crate::output::plain;

/// Most characters of the text that are shown.
const SHOWN: usize = 96;

/// As a compiler prints them.
pub(super) fn text(found: &[Found<'_>], policies: usize) -> String {
    let mut out = String::new();
    for found in found {
        one(&mut out, found);
    }
    let (noun, are) = if policies == 1 { ("policy", "is") } else { ("policies", "are") };
    if found.is_empty() {
        let _ = writeln!(out, "{policies} {noun} {are} clean");
        return out;
    }
    let count = |severity: Severity| {
        let count = found.iter().filter(|found| found.diagnostic.severity() == severity).count();
        format!("{count} {}{}", severity.as_str(), if count == 1 { "" } else { "s" })
    };
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(count).join(", ");
    let _ = writeln!(out, "{policies} {noun}: {counts}");
    out
}

fn one(out: &mut String, found: &Found<'_>) {
    let Found { source, position, diagnostic } = found;
    let style = style(diagnostic.severity());
    let (severity, id) = (diagnostic.severity().as_str(), diagnostic.id());
    let _ = writeln!(out, "{style}{severity}[{id}]{style:#}: {}", plain(&diagnostic.message));
    let _ = write!(out, "  --> {}", plain(&source.file));
    if let Some(position) = position {
        let _ = write!(out, ":{}:{}", position.line, position.column);
    }
    if let Some(policy) = &source.policy {
        let _ = write!(out, ", policy {}", plain(policy));
    }
    if let Some(statement) = &diagnostic.statement {
        let _ = write!(out, ", statement {}", plain(statement));
    }
    if !diagnostic.pointer.is_empty() {
        let _ = write!(out, ", {}", plain(&diagnostic.pointer));
    }
    out.push('\n');
    let excerpt = position.as_ref().and_then(|position| source.text.get(position.bytes.clone())).unwrap_or_default();
    // What goes over many lines is not one mistake.
    if !excerpt.is_empty() && !excerpt.contains('\n') {
        let cut = if excerpt.chars().count() > SHOWN { "..." } else { "" };
        let _ = writeln!(out, "   | {}{cut}", plain(&excerpt.chars().take(SHOWN).collect::<String>()));
    }
    let _ = writeln!(out, "   = {}\n", plain(&diagnostic.help));
}

fn style(severity: Severity) -> Style {
    let color = match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Note => AnsiColor::Cyan,
    };
    color.on_default()
}

/// One object for each finding.
pub(super) fn json(found: &[Found<'_>]) -> Value {
    let one = |found: &Found<'_>| {
        let Found { source, position, diagnostic } = found;
        json!({
            "file": source.file,
            "policy": source.policy,
            "line": position.as_ref().map(|position| position.line),
            "column": position.as_ref().map(|position| position.column),
            "id": diagnostic.id(),
            "name": diagnostic.rule.name,
            "severity": diagnostic.severity().as_str(),
            "statement": diagnostic.statement,
            "pointer": diagnostic.pointer,
            "message": diagnostic.message,
            "help": diagnostic.help,
        })
    };
    found.iter().map(one).collect()
}

/// What a rule is about.
pub(super) fn explanation(rule: &Rule) -> String {
    let Rule { id, name, severity, summary, explanation, help, example, instead } = rule;
    let mut out = format!("{id} {name} ({})\n\n{summary}.\n\n{explanation}\n\n{help}\n", severity.as_str());
    if !example.is_empty() {
        let _ = write!(out, "\nWith the finding:\n  {example}\nWithout it:\n  {instead}\n");
    }
    out
}
