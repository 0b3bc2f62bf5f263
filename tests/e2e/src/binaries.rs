//! Where the binaries under test are.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// A file of the repository as text.
pub fn read(path: &str) -> Result<String> {
    let path = repository().join(path);
    std::fs::read_to_string(&path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

/// The binary `name`: the file that the environment variable names, else the one beside the test's own profile.
pub fn find(name: &str, variable: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(PathBuf::from(path));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let path = target.join(profile).join(name);
    let flag = if cfg!(debug_assertions) { "" } else { " --release" };
    ensure!(path.exists(), "{} is missing: cargo build{flag} --bin {name}", path.display());
    Ok(path)
}
