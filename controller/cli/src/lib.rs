//! `soc2ctl`: what the operator does, on files, without a cluster.
//!
//! ```text
//! -f FOLDER ──► manifests ─┐
//! --snapshot ──► snapshot ─┼─► assess (the operator's own function) ─► output: table, json, yaml, junit, sarif, markdown
//! --live ──────► live ─────┘
//! ```

mod args;
mod assess;
mod cluster;
mod commands;
mod exit;
pub mod impact;
mod input;
mod live;
mod manifests;
mod output;
mod owners;
pub mod progress;
mod snapshot;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

pub use args::Cli;
pub use exit::Exit;

/// Runs the program under this name.
#[must_use]
pub fn main(name: &'static str) -> ExitCode {
    let matches = Cli::command().bin_name(name).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match commands::run(&cli, name) {
        Ok(exit) => exit.into(),
        Err(error) if is_broken_pipe(&error) => Exit::Passed.into(),
        Err(error) => {
            // Where standard error is closed, the exit code says it.
            let _ = writeln!(anstream::stderr(), "error: {error:#}");
            Exit::Unusable.into()
        }
    }
}

/// Whether whoever reads our output has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
