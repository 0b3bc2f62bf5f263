//! `make demo`: the operator's main job from end to end, on real parts, in one terminal.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match e2e::demo::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nthe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
