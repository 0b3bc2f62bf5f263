//! `scp`: service control policies without a cluster, one file for each command.

mod pack;

use anyhow::Result;
use clap::Subcommand;

use super::Notes;
use crate::exit::Exit;

/// Commands of `scp`.
#[derive(Debug, Subcommand)]
pub enum ScpCommand {
    /// Put policies into fewer policies and characters, without changing a decision.
    #[command(after_help = pack::HELP)]
    Pack(pack::PackArgs),
}

/// Runs a command.
pub fn run(command: &ScpCommand, notes: &Notes) -> Result<Exit> {
    match command {
        ScpCommand::Pack(args) => pack::run(args, notes),
    }
}
