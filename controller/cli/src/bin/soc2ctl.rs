//! `soc2ctl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    soc2_cli::main("soc2ctl")
}
