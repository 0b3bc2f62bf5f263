//! One file for each command.

pub(crate) mod approve;
mod assess;
mod attest;
mod backlog;
mod catalog;
mod diff;
mod explain;
pub(crate) mod impact;
pub(crate) mod import;
pub(crate) mod plan;
mod prepare;
pub(crate) mod release;
pub mod scp;
mod snapshot;
pub(crate) mod steer;
mod validate;

use std::io::Write as _;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::args::{Cli, Command};
use crate::exit::Exit;

/// Runs a command of the program of this name.
///
/// # Errors
/// When usage or data are wrong.
pub fn run(cli: &Cli, name: &str) -> Result<Exit> {
    let notes = Notes { quiet: cli.quiet };
    match &cli.command {
        Command::Validate(args) => validate::run(args, &notes),
        Command::Snapshot(args) => snapshot::run(args, &notes),
        Command::Assess(args) => assess::run(args, &notes),
        Command::Diff(args) => diff::run(args, &notes),
        Command::Backlog(args) => backlog::run(args, &notes),
        Command::Explain(args) => explain::run(args, &notes),
        Command::Catalog(command) => catalog::run(command, &notes),
        Command::Attest(command) => attest::run(command, &notes),
        Command::Import(command) => import::run(command, &notes),
        Command::Plan(args) => Ok(plan::run(args, &notes)),
        Command::Release(args) => release::run(args, &notes),
        Command::Scp(command) => scp::run(command, &notes),
        Command::Impact(args) => impact::run(args, &notes),
        Command::Approve(args) => approve::run(args, &notes),
        Command::Suspend(args) => steer::suspend(args),
        Command::Resume(args) => steer::resume(args),
        Command::Reconcile(args) => steer::reconcile(args, &notes),
        Command::Completions { shell } => {
            // `kubectl soc2` is completed by the program that kubectl runs.
            let name = if name == "soc2ctl" { name } else { "kubectl-soc2" };
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), name, &mut script);
            print(&String::from_utf8(script)?)?;
            Ok(Exit::Passed)
        }
    }
}

/// What is said beside the result.
pub struct Notes {
    quiet: bool,
}

impl Notes {
    /// Says something that is no error.
    pub fn say(&self, words: &str) {
        if !self.quiet {
            // Where standard error is closed, nobody wants to know.
            let _ = writeln!(anstream::stderr(), "note: {words}");
        }
    }

    /// Shows figures beside a result that is for another program.
    pub fn show(&self, text: &str) {
        if !self.quiet {
            let _ = anstream::stderr().write_all(text.as_bytes());
        }
    }

    /// Progress of a reading.
    #[must_use]
    pub fn progress(&self) -> crate::progress::Progress {
        crate::progress::Progress::new(self.quiet)
    }
}

/// Says what is wrong with the data, where the rest is still worth printing.
fn complain(words: &str) {
    // The exit code says it too.
    let _ = writeln!(anstream::stderr(), "error: {words}");
}

/// Prints the result; colours only where a terminal shows them.
fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints JSON for machines.
fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    print(&text)
}
