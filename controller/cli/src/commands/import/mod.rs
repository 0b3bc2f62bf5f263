//! `import`: YAML from what AWS has today, one file for each command.

#![allow(clippy::doc_markdown, reason = "these comments are the help, where backticks would be shown")]

mod scp;
mod suppressions;

use anyhow::Result;
use clap::Subcommand;

use super::Notes;
use crate::exit::Exit;

/// Commands of `import`.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Print a ComplianceException for each control that has suppressed findings in Security Hub.
    #[command(after_help = suppressions::HELP)]
    Suppressions(suppressions::SuppressionsArgs),
    /// Print an ScpBaseline for each service control policy of your own.
    #[command(after_help = scp::HELP)]
    Scp(scp::ImportScpArgs),
}

/// Runs a command.
pub fn run(command: &ImportCommand, notes: &Notes) -> Result<Exit> {
    match command {
        ImportCommand::Suppressions(args) => suppressions::run(args, notes),
        ImportCommand::Scp(args) => scp::run(args, notes),
    }
}
