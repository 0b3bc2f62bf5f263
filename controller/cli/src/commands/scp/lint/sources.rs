//! Where policies come from.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use soc2_guardrails::inventory::PolicyInventory;

use super::LintArgs;
use crate::manifests::folder_files;
use crate::snapshot;

/// Largest file, in bytes: a thousand times what a policy may have.
const MAX_BYTES: u64 = 10 << 20;

/// A policy.
#[derive(Debug)]
pub(super) struct Source {
    /// The file; `-` is standard input.
    pub(super) file: String,
    /// The policy in it, where there are several.
    pub(super) policy: Option<String>,
    /// The document.
    pub(super) text: String,
    /// Whether the text is that of the file, so that places in it are places in the file.
    pub(super) is_file: bool,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The policies.
    pub(super) sources: Vec<Source>,
    /// Files that cannot be read.
    pub(super) problems: Vec<String>,
    /// Files of folders that are no policies.
    pub(super) others: usize,
}

/// Everything that the arguments name, and the policies of the snapshot with their targets.
pub(super) fn read(args: &LintArgs) -> Result<(Read, Option<(Source, PolicyInventory)>)> {
    let mut read = Read::default();
    for path in &args.files {
        if path == Path::new("-") {
            read.standard_input()?;
        } else if path.is_dir() {
            read.folder(path)?;
        } else {
            read.file(path, false);
        }
    }
    let organization = args.snapshot.as_deref().map(|folder| read.snapshot(folder)).transpose()?;
    ensure!(!read.sources.is_empty() || !read.problems.is_empty(), "there is no policy to look at");
    Ok((read, organization))
}

impl Read {
    fn standard_input(&mut self) -> Result<()> {
        let mut text = String::new();
        std::io::stdin().take(MAX_BYTES + 1).read_to_string(&mut text).context("standard input")?;
        ensure!(
            text.len() as u64 <= MAX_BYTES,
            "standard input has more than {MAX_BYTES} bytes, too many for a policy"
        );
        self.sources.push(Source { file: "-".to_owned(), policy: None, text, is_file: true });
        Ok(())
    }

    fn folder(&mut self, folder: &Path) -> Result<()> {
        let files: Vec<PathBuf> = folder_files(folder, &["json"])?;
        ensure!(!files.is_empty(), "-f {}: there is no .json file in this folder", folder.display());
        for file in &files {
            self.file(file, true);
        }
        Ok(())
    }

    /// A file; one of a folder may be something else.
    fn file(&mut self, path: &Path, may_be_other: bool) {
        let file = path.display().to_string();
        match text(path) {
            Ok(text) if may_be_other && is_other(&text) => self.others += 1,
            Ok(text) => self.sources.push(Source { file, policy: None, text, is_file: true }),
            Err(error) => self.problems.push(format!("{file}: {error:#}")),
        }
    }

    fn snapshot(&mut self, folder: &Path) -> Result<(Source, PolicyInventory)> {
        let inventory = snapshot::policies(folder).with_context(|| format!("--snapshot {}", folder.display()))?;
        let file = folder.join("organization.json").display().to_string();
        let source = |policy: Option<String>, text: &str| Source {
            file: file.clone(),
            policy,
            text: text.to_owned(),
            is_file: false,
        };
        // Nobody can change what AWS made.
        let policies = inventory.policies.iter().filter(|(_, policy)| !policy.aws_managed);
        self.sources
            .extend(policies.map(|(id, policy)| source(Some(format!("{} ({id})", policy.name)), &policy.content)));
        Ok((source(None, ""), inventory))
    }
}

fn text(path: &Path) -> Result<String> {
    let size = fs::metadata(path)?.len();
    ensure!(size <= MAX_BYTES, "{size} bytes are too many for a policy");
    Ok(fs::read_to_string(path)?)
}

/// Whether it is JSON without what a policy has at least.
fn is_other(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| value.get("Statement").is_none())
}
