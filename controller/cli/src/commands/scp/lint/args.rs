//! The command line of `scp lint`.

#![allow(clippy::doc_markdown, reason = "these comments are the help, where backticks would be shown")]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

const AFTER: &str = "docs/lint.md describes every rule; --explain prints one of them.

Examples:
  soc2ctl scp lint -f policies
  soc2ctl scp lint -f deny-root.json --deny warnings
  aws organizations describe-policy --policy-id p-1a2b3c4d --query Policy.Content --output text | soc2ctl scp lint -f -
  soc2ctl scp lint -f policies -o sarif > scp.sarif
  soc2ctl scp lint --snapshot today
  soc2ctl scp lint --explain SCP052

Exit codes: 0 no error (with --deny: nothing that bad), 1 something is wrong, 2 wrong usage or files that cannot be read";

/// Arguments of `scp lint`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct LintArgs {
    /// Policies as JSON: a file, a folder with those below it, or - for standard input. Repeat it for more.
    #[arg(short = 'f', long = "filename", value_name = "PATH", num_args = 1.., required_unless_present_any = ["snapshot", "explain"])]
    pub files: Vec<PathBuf>,
    /// The policies in a folder that `soc2ctl snapshot` wrote, and whether each target has slots for them.
    #[arg(long, value_name = "FOLDER")]
    pub snapshot: Option<PathBuf>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
    /// What else than errors makes the exit code 1.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub deny: Option<Deny>,
    /// Most characters that a policy may have.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_240)]
    pub max_characters: usize,
    /// Most policies that may be attached to one target.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub max_policies_per_target: usize,
    /// Print what a rule is about, and do nothing else.
    #[arg(long, value_name = "ID", conflicts_with_all = ["files", "snapshot"])]
    pub explain: Option<String>,
}

/// Formats of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
    /// For code scanning.
    Sarif,
}

/// What is as bad as an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Warnings.
    Warnings,
    /// Warnings and notes.
    Notes,
}
