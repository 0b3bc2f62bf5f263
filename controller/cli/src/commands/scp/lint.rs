//! `scp lint`.

mod args;
mod print;
mod sarif;
mod sources;

use anyhow::{Context, Result};
use soc2_guardrails::lint::position::{Position, Positions};
use soc2_guardrails::lint::{Diagnostic, LintOptions, Rule, Severity, lint, lint_slots, rule};

pub use args::LintArgs;
use args::{Deny, Output};
use sources::Source;

use super::super::{Notes, complain, print as say, print_json};
use crate::exit::Exit;

/// A finding and where it is.
struct Found<'a> {
    source: &'a Source,
    /// `None` where the text is not a file of its own.
    position: Option<Position>,
    diagnostic: Diagnostic,
}

pub fn run(args: &LintArgs, notes: &Notes) -> Result<Exit> {
    if let Some(id) = &args.explain {
        let rule = rule(id).with_context(|| format!("there is no rule {id:?}; see docs/lint.md"))?;
        say(&print::explanation(rule))?;
        return Ok(Exit::Passed);
    }
    let options = options(args);
    let (read, organization) = sources::read(args)?;
    for problem in &read.problems {
        complain(problem);
    }
    if read.others > 0 {
        notes.say(&format!("files passed over because they are no policies: {}", read.others));
    }
    let mut found: Vec<Found<'_>> = read.sources.iter().flat_map(|source| look_at(source, &options)).collect();
    if let Some((source, inventory)) = &organization {
        let full = lint_slots(inventory, &options).into_iter();
        found.extend(full.map(|diagnostic| Found { source, position: None, diagnostic }));
    }
    match args.output {
        Output::Text => say(&print::text(&found, read.sources.len()))?,
        Output::Json => print_json(&print::json(&found))?,
        Output::Sarif => print_json(&sarif::sarif(&found))?,
    }
    Ok(exit(args.deny, &found).max(if read.problems.is_empty() { Exit::Passed } else { Exit::Unusable }))
}

fn options(args: &LintArgs) -> LintOptions {
    LintOptions {
        max_characters: args.max_characters,
        max_policies_per_target: args.max_policies_per_target,
        ..LintOptions::default()
    }
}

/// Findings of a policy in the order of the text.
fn look_at<'a>(source: &'a Source, options: &LintOptions) -> Vec<Found<'a>> {
    let positions = source.is_file.then(|| Positions::new(&source.text));
    let mistake = serde_json::from_str::<serde::de::IgnoredAny>(&source.text).err();
    let mut found: Vec<Found<'_>> = lint(&source.text, options)
        .into_iter()
        .map(|diagnostic| {
            let mut position = positions.as_ref().map(|positions| positions.at(&diagnostic.pointer));
            // What is no JSON has no elements; the reader says where it stopped.
            if let (Some(position), Some(mistake)) = (&mut position, &mistake) {
                let (line, column) = (mistake.line().max(1), mistake.column().max(1));
                *position = Position { line, column, end_line: line, end_column: column + 1, bytes: 0..0 };
            }
            Found { source, position, diagnostic }
        })
        .collect();
    found.sort_by_key(|found| {
        let at = found.position.as_ref().map(|position| (position.line, position.column));
        (at, found.diagnostic.id())
    });
    found
}

fn exit(deny: Option<Deny>, found: &[Found<'_>]) -> Exit {
    let least = match deny {
        None => Severity::Error,
        Some(Deny::Warnings) => Severity::Warning,
        Some(Deny::Notes) => Severity::Note,
    };
    let fails = found.iter().any(|found| found.diagnostic.severity() >= least);
    if fails { Exit::Failed } else { Exit::Passed }
}

/// Page of a rule in the documentation.
fn page(rule: &Rule) -> String {
    format!("https://soc2-operator.dev/docs/lint#{}", rule.id.to_ascii_lowercase())
}
