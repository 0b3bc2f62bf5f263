//! The page of all rules, `docs/lint.md`.

use std::fmt::Write as _;

use super::rule::{Rule, Severity};
use super::rules;

const INTRODUCTION: &str = "# Lint of service control policies

`soc2ctl scp lint -f FILE` says what AWS would refuse in a policy, what in it has no effect, and what would lock people out. An id
never changes its meaning, and is never used again.

- **error**: AWS refuses it, it locks people out, or it protects nothing;
- **warning**: probably not what was meant;
- **note**: worth knowing.

Actions, resource types and condition keys are those of AWS's Service Authorization Reference at the time of our table (`controller/guardrails/data/VERSION.md`).
What is newer is not known: a warning, never an error.

<!-- Written by soc2-guardrails from its rules: SOC2_WRITE_DOCS=1 cargo test -p soc2-guardrails lint -->
";

/// The page, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n| id | name | severity | what is wrong |\n|---|---|---|---|\n");
    for rule in rules::all() {
        let anchor = rule.id.to_ascii_lowercase();
        let _ = writeln!(
            page,
            "| [{}](#{anchor}) | `{}` | {} | {} |",
            rule.id,
            rule.name,
            rule.severity.as_str(),
            rule.summary
        );
    }
    for rule in rules::all() {
        section(&mut page, rule);
    }
    page
}

fn section(page: &mut String, rule: &Rule) {
    let Rule { id, name, severity, summary, explanation, help, example, instead } = rule;
    let severity = match severity {
        Severity::Note => "Note",
        Severity::Warning => "Warning",
        Severity::Error => "Error",
    };
    // The id alone is the heading, so that its anchor is the id.
    let _ = write!(page, "\n## {id}\n\n{severity}, `{name}`. {summary}.\n\n{explanation}\n\n{help}\n");
    if !example.is_empty() {
        let _ = write!(page, "\n```json\n{}\n```\n", pretty(example));
        let _ = write!(page, "\nWithout the finding:\n\n```json\n{}\n```\n", pretty(instead));
    }
}

/// On several lines.
fn pretty(document: &str) -> String {
    let parsed = crate::json::parse(document);
    parsed.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| document.to_owned())
}
