//! Reading ASFF files: our reader, Python's, and the libraries that we could have taken instead.
//!
//! All read the same file in the same run, in turns; of each the fastest turn counts, because the others were disturbed.
//! On one thread the time is that of the processor, so that a machine that does other things too measures the same; on two
//! threads it is that of the clock.

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
computed = time.thread_time()
count = 0
with open(sys.argv[1], 'rb') as lines:
    for line in lines:
        json.loads(line)
        count += 1
print(count / (time.thread_time() - computed), count / (time.perf_counter() - began))
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
    let mut best = [0.0_f64; 7];
    for _ in 0..TURNS {
        let (python, python_by_clock) = python(&path)?;
        let turn = [
            python,
            python_by_clock,
            computed(findings, || ours(&path, 1))?,
            by_clock(findings, || ours(&path, 2))?,
            computed(findings, || libraries::serde_json(&path))?,
            computed(findings, || libraries::simd_json(&path))?,
            computed(findings, || libraries::sonic_rs(&path))?,
        ];
        for (best, rate) in best.iter_mut().zip(turn) {
            *best = best.max(rate);
        }
    }
    let [python, python_by_clock, one, two, serde_json, simd_json, sonic_rs] = best;
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
    out("asff_2_threads_to_python", two / python_by_clock, "times");
    out("asff_1_thread_to_fastest_library", one / serde_json.max(simd_json).max(sonic_rs), "times");
    memory(out, &path)
}

/// Findings a second by Python: of the processor's time, and by the clock.
fn python(path: &Path) -> Result<(f64, f64)> {
    let output = Command::new("python3").args(["-c", PYTHON]).arg(path).output().context("python3")?;
    ensure!(output.status.success(), "python3: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (computed, by_clock) = text.trim().split_once(' ').context("two rates")?;
    Ok((computed.parse()?, by_clock.parse()?))
}

/// Reads with our reader; gives how many findings there were.
fn ours(path: &Path, threads: usize) -> Result<usize> {
    let mut text = 0;
    let threads = NonZeroUsize::new(threads).context("threads")?;
    let summary = soc2_asff::read(File::open(path)?, "findings.jsonl", threads, |findings| {
        text += findings.iter().map(|finding| finding.id.len() + finding.region.len()).sum::<usize>();
    });
    ensure!(summary.is_complete() && text > 0, "{summary:?}");
    Ok(usize::try_from(summary.findings)?)
}

/// Findings a second of this thread's time on a processor, of something that reads so many.
fn computed(expected: usize, read: impl FnOnce() -> Result<usize>) -> Result<f64> {
    let began = thread_seconds()?;
    let findings = read()?;
    ensure!(findings == expected, "{findings} of {expected} findings were read");
    Ok(findings as f64 / (thread_seconds()? - began))
}

/// Findings a second by the clock.
fn by_clock(expected: usize, read: impl FnOnce() -> Result<usize>) -> Result<f64> {
    let began = Instant::now();
    let findings = read()?;
    ensure!(findings == expected, "{findings} of {expected} findings were read");
    Ok(findings as f64 / began.elapsed().as_secs_f64())
}

/// Seconds that this thread has been on a processor.
pub(crate) fn thread_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().context("schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}

/// How much more memory a longer file takes.
fn memory(out: &mut Figures<'_>, path: &Path) -> Result<()> {
    let two = NonZeroUsize::new(2).context("threads")?;
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
