//! A process whose wall clock is wrong, as that of a node without time synchronization.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::binaries;

/// The environment variables that make the wall clock of a process differ from the machine's by some seconds. What does so is built
/// into `folder` by the C compiler.
///
/// # Errors
/// When there is no C compiler, or it refuses.
pub fn clock(folder: &Path, seconds: i64) -> Result<Vec<(String, String)>> {
    let library = folder.join("skew.so");
    if !library.exists() {
        let source = binaries::repository().join("tests/e2e/src/skew.c");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let output = Command::new(&compiler)
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&library, &source])
            .output()
            .with_context(|| format!("{compiler} does not start"))?;
        ensure!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let library = library.to_str().context("a path in UTF-8")?.to_owned();
    Ok(vec![("LD_PRELOAD".to_owned(), library), ("SOC2_TEST_CLOCK_SKEW".to_owned(), seconds.to_string())])
}
