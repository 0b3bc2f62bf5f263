//! `scp decide`: requests as lines of JSON, a decision for each.

#![allow(clippy::doc_markdown, reason = "comments on arguments are the help, where backticks would be shown")]

mod case;

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use super::super::{Notes, complain};
use crate::exit::Exit;
use crate::input;

use case::Documents;

/// Examples, formats and exit codes.
pub const HELP: &str = r#"Each line is a request with the policies that hold for it, from the root to the account:
  {"id": 1, "levels": [{"target": "r-ab12", "policies": [{"name": "p", "document": {..}}]}],
   "request": {"principal": "arn:..", "action": "s3:GetObject", "resource": "*", "context": {"aws:RequestedRegion": "eu-west-1"}}}
and gives one line, in order:
  {"id": 1, "decision": "ExplicitDeny", "decidedBy": {"target": "r-ab12", "policy": "p", "statement": "Regions"}}
A key that is not in the context is absent; aws:PrincipalArn and aws:PrincipalAccount follow from the principal. No levels:
the management account. A line that cannot be decided gives {"id", "error"} in its place, and the others are decided all the same.

Examples:
  soc2ctl scp decide -f cases.jsonl
  zcat cases.jsonl.gz | soc2ctl scp decide -f - | jq -c 'select(.decision != "Allowed")'

Exit codes: 0 every line was decided, 2 some were not (standard error says which), or wrong usage"#;

/// Lines with a problem that are named on standard error.
const NAMED_PROBLEMS: u64 = 10;

/// Arguments of `scp decide`.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// Requests as JSON lines; may be compressed (gzip, zstd). - is standard input.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub file: PathBuf,
}

pub fn run(args: &DecideArgs, notes: &Notes) -> Result<Exit> {
    let progress = notes.progress();
    let name = args.file.display().to_string();
    let mut input = BufReader::with_capacity(1 << 16, input::open(&args.file, &progress)?);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut documents = Documents::default();
    let (mut line, mut number, mut problems) = (Vec::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).with_context(|| format!("{name}: after line {number}"))? == 0 {
            break;
        }
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = case::answer(&line, &mut documents);
        if let Some(problem) = &answer.error {
            problems += 1;
            if problems <= NAMED_PROBLEMS {
                complain(&format!("{name} line {number}: {problem}"));
            }
        }
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
        // Whoever asks line by line gets the answer before the next question.
        if input.buffer().is_empty() {
            out.flush()?;
        }
    }
    out.flush()?;
    progress.end();
    if problems > NAMED_PROBLEMS {
        complain(&format!("{name}: {problems} lines in all could not be decided"));
    }
    Ok(if problems == 0 { Exit::Passed } else { Exit::Unusable })
}
