//! `scp`: service control policies without a cluster, one file for each command.

mod decide;
mod explain;
mod lint;
mod pack;
pub(crate) mod policies;

use anyhow::Result;
use clap::Subcommand;

use super::Notes;
use crate::exit::Exit;

/// Commands of `scp`.
#[derive(Debug, Subcommand)]
pub enum ScpCommand {
    /// Decide requests: one line of JSON out for each line in.
    #[command(after_help = decide::HELP)]
    Decide(decide::DecideArgs),
    /// Why a request is allowed or denied: what each statement says about it.
    #[command(after_help = explain::HELP)]
    Explain(explain::ExplainArgs),
    /// What AWS would refuse in policies, what in them has no effect, and what would lock people out.
    Lint(lint::LintArgs),
    /// Put policies into fewer policies and characters, without changing a decision.
    #[command(after_help = pack::HELP)]
    Pack(pack::PackArgs),
}

/// Runs a command.
pub fn run(command: &ScpCommand, notes: &Notes) -> Result<Exit> {
    match command {
        ScpCommand::Decide(args) => decide::run(args, notes),
        ScpCommand::Explain(args) => explain::run(args, notes),
        ScpCommand::Lint(args) => lint::run(args, notes),
        ScpCommand::Pack(args) => pack::run(args, notes),
    }
}
