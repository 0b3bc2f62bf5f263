//! Service control policies, one file for each command.

mod lint;

use anyhow::Result;
use clap::Subcommand;

use super::Notes;
use crate::exit::Exit;

/// Commands of `scp`.
#[derive(Debug, Subcommand)]
pub enum ScpCommand {
    /// What AWS would refuse in policies, what in them has no effect, and what would lock people out.
    Lint(lint::LintArgs),
}

pub fn run(command: &ScpCommand, notes: &Notes) -> Result<Exit> {
    match command {
        ScpCommand::Lint(args) => lint::run(args, notes),
    }
}
