//! `validate`.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{Notes, print, print_json};
use crate::args::{Plain, ValidateArgs};
use crate::exit::Exit;
use crate::manifests::{Manifests, Problem};

pub fn run(args: &ValidateArgs, notes: &Notes) -> Result<Exit> {
    let manifests = Manifests::load(&args.manifests.files)?;
    let mut problems = manifests.problems.clone();
    problems.extend(manifests.references(args.allow_missing_references));
    problems.sort();
    ensure!(!manifests.is_empty() || !problems.is_empty(), "there is no object of soc2-operator.dev in these files");
    match args.output {
        Plain::Table => print(&text(&manifests, &problems))?,
        Plain::Json => print_json(&json(&manifests, &problems))?,
    }
    if manifests.others > 0 {
        notes.say(&format!("{} documents of other kinds were passed over", manifests.others));
    }
    Ok(if problems.is_empty() { Exit::Passed } else { Exit::Unusable })
}

fn text(manifests: &Manifests, problems: &[Problem]) -> String {
    if problems.is_empty() {
        let count = manifests.len();
        let (objects, are) = if count == 1 { ("object", "is") } else { ("objects", "are") };
        return format!("{count} {objects} {are} valid\n");
    }
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n") + "\n"
}

fn json(manifests: &Manifests, problems: &[Problem]) -> serde_json::Value {
    let problem = |problem: &Problem| {
        json!({
            "file": problem.origin.file,
            "line": problem.origin.line,
            "object": problem.object,
            "message": problem.message,
        })
    };
    json!({"valid": manifests.len(), "problems": problems.iter().map(problem).collect::<Vec<_>>()})
}
