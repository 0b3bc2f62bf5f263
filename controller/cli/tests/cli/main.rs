//! The programs from outside: what they print, and how they end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod bad_input;
mod commands;
mod false_green;
mod formats;
mod impact;
mod manifests;
mod owners;
mod plan;
mod policies;
mod scp;
mod scp_lint;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The time of the tests: the snapshot was taken then.
const NOW: &str = "2026-11-20T12:00:00Z";

/// What a run gave.
struct Run {
    code: i32,
    out: String,
    errors: String,
}

/// Runs `soc2ctl` in the folder of the tests' data.
fn soc2ctl(args: &[&str]) -> Run {
    soc2ctl_in(&data(""), args, "")
}

/// Runs it in a folder, with standard input.
fn soc2ctl_in(folder: &Path, args: &[&str], input: &str) -> Run {
    use std::io::Write as _;
    let mut child = Command::new(env!("CARGO_BIN_EXE_soc2ctl"))
        .args(args)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), out: text(output.stdout), errors: text(output.stderr) }
}

/// A file or folder of the tests' data.
fn data(tail: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(tail)
}

/// A copy of the snapshot that can be damaged.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("findings")).unwrap();
    for file in ["organization.json", "sources.json", "findings/eu-west-1.jsonl"] {
        std::fs::copy(data("snapshot").join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// Assesses a snapshot, with further arguments.
fn assess(snapshot: &Path, args: &[&str]) -> Run {
    let snapshot = snapshot.to_str().unwrap();
    let mut all = vec!["assess", "--snapshot", snapshot, "-f", "manifests", "--now", NOW];
    all.extend(args);
    soc2ctl(&all)
}

/// The state of each check that an assessment prints as JSON, by account and control.
fn states(run: &Run) -> std::collections::BTreeMap<(String, String), (String, String)> {
    let list: serde_json::Value =
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.errors));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut states = std::collections::BTreeMap::new();
    let postures = list["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "AccountPosture");
    for posture in postures.filter(|item| item["metadata"]["labels"]["soc2-operator.dev/profile"] == "production") {
        let account = text(&posture["account"]["id"]);
        let mut add = |control: &serde_json::Value, state: &str, reason: &str| {
            states.insert((account.clone(), text(control)), (state.to_owned(), reason.to_owned()));
        };
        for row in posture["controls"].as_array().into_iter().flatten() {
            add(&row["id"], row["state"].as_str().unwrap(), row["reason"].as_str().unwrap());
        }
        for group in posture["unknown"].as_array().into_iter().flatten() {
            group["controls"]
                .as_array()
                .unwrap()
                .iter()
                .for_each(|id| add(id, "Unknown", group["reason"].as_str().unwrap()));
        }
        for id in posture["passed"].as_array().into_iter().flatten() {
            add(id, "Passed", "");
        }
        for id in posture["nothingToCheck"].as_array().into_iter().flatten() {
            add(id, "Passed", "NothingToCheck");
        }
    }
    states
}

/// The state of one check.
fn state(run: &Run, account: &str, control: &str) -> (String, String) {
    states(run)
        .remove(&(account.to_owned(), control.to_owned()))
        .unwrap_or_else(|| panic!("no {control} of {account}: {}", run.out))
}
