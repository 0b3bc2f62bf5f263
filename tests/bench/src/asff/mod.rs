//! Reading ASFF files: our reader, Python's, and the libraries that we could have taken instead.
//!
//! All read the same file in the same run, in turns; of each the fastest turn counts, because the others were disturbed.

mod file;
mod libraries;

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::Figures;

/// Turns of each reader.
const TURNS: usize = 3;
/// How often the file is read over in the measurement of memory.
const TIMES: usize = 8;

/// What Python does: no more than making objects of the lines.
const PYTHON: &str = "
import json, sys, time
began = time.perf_counter()
count = 0
with open(sys.argv[1], 'rb') as lines:
    for line in lines:
        json.loads(line)
        count += 1
print(count / (time.perf_counter() - began))
";

/// Findings a second of each reader, ratios, and the memory of ours. `BENCH_ASFF` names another number of findings.
///
/// # Errors
/// When the file cannot be written or read.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    let findings: usize = std::env::var("BENCH_ASFF").unwrap_or_else(|_| "100000".to_owned()).parse()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("findings.jsonl");
    file::write(&path, findings)?;
    let (one, two) = (NonZeroUsize::MIN, NonZeroUsize::MIN.saturating_add(1));
    let mut best = [0.0_f64; 6];
    for _ in 0..TURNS {
        let turn = [
            python(&path)?,
            ours(&path, one, findings)?,
            ours(&path, two, findings)?,
            rate(findings, || libraries::serde_json(&path))?,
            rate(findings, || libraries::simd_json(&path))?,
            rate(findings, || libraries::sonic_rs(&path))?,
        ];
        for (best, rate) in best.iter_mut().zip(turn) {
            *best = best.max(rate);
        }
    }
    let [python, one, two, serde_json, simd_json, sonic_rs] = best;
    for (name, rate) in [
        ("python", python),
        ("1_thread", one),
        ("2_threads", two),
        ("serde_json", serde_json),
        ("simd_json", simd_json),
        ("sonic_rs", sonic_rs),
    ] {
        out(&format!("asff_{name}"), rate, "findings/s");
    }
    out("asff_1_thread_to_python", one / python, "times");
    out("asff_2_threads_to_python", two / python, "times");
    out("asff_1_thread_to_fastest_library", one / serde_json.max(simd_json).max(sonic_rs), "times");
    memory(out, &path)
}

/// Findings a second by Python.
fn python(path: &Path) -> Result<f64> {
    let output = Command::new("python3").args(["-c", PYTHON]).arg(path).output().context("python3")?;
    ensure!(output.status.success(), "python3: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Findings a second by our reader.
fn ours(path: &Path, threads: NonZeroUsize, expected: usize) -> Result<f64> {
    rate(expected, || {
        let mut text = 0;
        let summary = soc2_asff::read(File::open(path)?, "findings.jsonl", threads, |findings| {
            text += findings.iter().map(|finding| finding.id.len() + finding.region.len()).sum::<usize>();
        });
        ensure!(summary.is_complete() && text > 0, "{summary:?}");
        Ok(usize::try_from(summary.findings)?)
    })
}

/// Findings a second of something that reads so many.
fn rate(expected: usize, read: impl FnOnce() -> Result<usize>) -> Result<f64> {
    let began = Instant::now();
    let findings = read()?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(findings == expected, "{findings} of {expected} findings were read");
    Ok(findings as f64 / seconds)
}

/// How much more memory a longer file takes.
fn memory(out: &mut Figures<'_>, path: &Path) -> Result<()> {
    let two = NonZeroUsize::MIN.saturating_add(1);
    for times in [1, TIMES] {
        let summary = soc2_asff::read(file::Repeated::new(path, times)?, "findings.jsonl", two, |_| {});
        ensure!(summary.is_complete(), "{summary:?}");
        out(&format!("asff_peak_memory_after_{times}_times_the_file"), peak_memory()?, "MB");
    }
    Ok(())
}

/// The most memory that this process has had, in MB.
fn peak_memory() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}
