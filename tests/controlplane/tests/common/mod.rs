//! What several test files need. Conditions are awaited, never slept for.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of this module")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Polls until `condition` holds; fails the test after a minute, naming what was awaited.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition().await {
        assert!(Instant::now() < deadline, "waited a minute for: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The command lines of all processes that name this folder. Every process of a control plane does.
pub fn processes_of(dir: &Path) -> Vec<String> {
    found(dir).into_iter().map(|(_, command)| command).collect()
}

/// Those of them that are stopped by a signal.
pub fn stopped_of(dir: &Path) -> Vec<String> {
    let is_stopped = |entry: &Path| {
        fs::read_to_string(entry.join("status"))
            .is_ok_and(|status| status.lines().any(|line| line.starts_with("State:\tT")))
    };
    found(dir).into_iter().filter(|(entry, _)| is_stopped(entry)).map(|(_, command)| command).collect()
}

/// Their folders in /proc, too.
fn found(dir: &Path) -> Vec<(PathBuf, String)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().chars().all(|c| c.is_ascii_digit()))
        .filter_map(|entry| Some((entry.path(), fs::read(entry.path().join("cmdline")).ok()?)))
        .map(|(entry, bytes)| (entry, String::from_utf8_lossy(&bytes).replace('\0', " ")))
        .filter(|(_, command)| command.contains(&*dir.to_string_lossy()) && is_ours(command))
        .collect()
}

/// Not the test itself, nor a `controlplane` program, which may name the folder too.
fn is_ours(command: &str) -> bool {
    let program = command.split_whitespace().next().unwrap_or_default();
    ["etcd", "kube-apiserver", "kube-controller-manager", "sh"].iter().any(|name| program.ends_with(name))
}
