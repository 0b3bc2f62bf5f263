//! Files of findings into an index.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use soc2_posture::finding::Finding;
use soc2_posture::index::SignalBatch;
use soc2_posture::{FindingIndex, SweepBatch};

use super::places;
use crate::progress::{Progress, Watched};

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// The first problems, with their lines.
    pub first: Vec<String>,
    /// Problems in all.
    pub count: u64,
    /// The file, or a line of it, is unreadable, and not only incomplete.
    pub unreadable: bool,
}

impl Damage {
    /// The first problem in words.
    #[must_use]
    pub fn message(&self) -> String {
        let more = self.count.saturating_sub(1);
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        format!("{}: {}{more}", self.file, self.first.first().map_or("is incomplete", String::as_str))
    }
}

/// Findings that are read: those of Security Hub's controls, and those of other products.
pub struct Batch {
    hub: SweepBatch,
    others: SignalBatch,
}

impl Batch {
    /// Begins to collect.
    #[must_use]
    pub fn new(index: &mut FindingIndex) -> Self {
        Self { hub: index.sweep(&BTreeSet::new()), others: index.signals() }
    }

    fn add(&mut self, findings: &[Finding]) {
        self.hub.add(findings);
        self.others.add(findings);
    }

    /// For each finding that does not say of which account it is, why.
    fn unattributable(&self) -> impl Iterator<Item = &String> {
        self.hub.unattributable().iter().chain(self.others.unattributable())
    }

    /// Puts all of it into the index.
    pub fn install(self, index: &mut FindingIndex) {
        index.install(&BTreeSet::new(), &BTreeSet::new(), self.hub);
        index.install_signals(&[], &BTreeMap::new(), self.others);
    }
}

/// Whether a file holds findings, by its name.
#[must_use]
pub fn is_findings(path: &Path) -> bool {
    let is = |path: &Path, known: &[&str]| {
        path.extension().is_some_and(|found| known.iter().any(|known| found.eq_ignore_ascii_case(known)))
    };
    let plain = if is(path, &["gz", "zst"]) { path.with_extension("") } else { path.to_owned() };
    is(&plain, &["jsonl", "ndjson", "json"])
}

/// Reads one file into the batch; `-` is standard input.
///
/// # Errors
/// When it cannot be opened.
pub fn read(path: &Path, batch: &mut Batch, progress: &Progress) -> Result<Option<Damage>> {
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let name = path.display().to_string();
    let before: BTreeSet<String> = batch.unattributable().cloned().collect();
    let summary = if path == Path::new("-") {
        let input = Watched::new(std::io::stdin(), &name, None, progress);
        soc2_asff::read(input, "-", threads, |findings| batch.add(findings))
    } else {
        let file = File::open(path).with_context(|| name.clone())?;
        let size = file.metadata().map(|metadata| metadata.len()).ok();
        soc2_asff::read(Watched::new(file, &name, size, progress), &name, threads, |findings| batch.add(findings))
    };
    let unattributable: Vec<&String> = batch.unattributable().filter(|message| !before.contains(*message)).collect();
    let mut first: Vec<String> = summary.first.iter().map(ToString::to_string).collect();
    let shown = &unattributable[..unattributable.len().min(10)];
    let lines = if shown.is_empty() { BTreeMap::new() } else { places::lines_of(path, shown, progress) };
    first.extend(shown.iter().map(|message| match lines.get(*message) {
        Some(line) => format!("line {line}: {message}"),
        None => (*message).clone(),
    }));
    let count = summary.problems + unattributable.len() as u64;
    Ok((count > 0).then_some(Damage { file: name, first, count, unreadable: summary.unreadable > 0 }))
}

/// What is in the folder of findings of a snapshot and is no file of findings: what it holds would be missing, and nobody would
/// know. Hidden files are nobody's findings.
///
/// # Errors
/// When the folder cannot be read.
pub fn strangers(folder: &Path) -> Result<Vec<Damage>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths: BTreeSet<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let strange = paths.into_iter().filter(|path| !(hidden(path) || path.is_file() && is_findings(path)));
    let words = "is no file of findings: their names end with .jsonl, .ndjson or .json, which .gz or .zst may follow";
    Ok(strange
        .map(|path| Damage {
            file: path.display().to_string(),
            first: vec![words.to_owned()],
            count: 1,
            unreadable: true,
        })
        .collect())
}

/// The files of findings in a folder, in order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths: BTreeSet<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    Ok(paths.into_iter().filter(|path| path.is_file() && is_findings(path)).collect())
}
