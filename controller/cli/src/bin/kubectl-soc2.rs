//! `kubectl soc2`, the same as `soc2ctl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    soc2_cli::main("kubectl soc2")
}
