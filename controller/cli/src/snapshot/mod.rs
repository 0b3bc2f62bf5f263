//! What is known of AWS, from files.
//!
//! | file of a snapshot | what |
//! |---|---|
//! | `organization.json` | the tree, accounts, policies |
//! | `sources.json` | where findings come from, and whether they are all there |
//! | `findings/*.jsonl`, `.json`, with `.gz` or `.zst` | the findings |

mod aws_cli;
mod findings;
mod organization;
mod places;
mod sources;
pub mod suppressed;
mod write;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use soc2_catalog::{Catalog, StandardCode};
use soc2_crds::AwsOrganizationSpec;
use soc2_guardrails::inventory::PolicyInventory;
use soc2_posture::interest::Interests;
use soc2_posture::organization::Organization;
use soc2_posture::source::Sources;
use soc2_posture::{FindingIndex, World};

use findings::Batch;
pub use findings::Damage;
pub use write::{Recorder, make_folder, write};

use crate::progress::Progress;

/// Where to read from.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// A snapshot folder.
    pub snapshot: Option<PathBuf>,
    /// Output of `list-accounts`.
    pub accounts: Option<PathBuf>,
    /// Output of `get-findings`, or other files of findings.
    pub findings: Vec<PathBuf>,
    /// The files hold all findings of the accounts in them.
    pub complete: bool,
    /// Damaged files make their source incomplete, and are no error.
    pub keep_going: bool,
}

/// What it is for.
pub struct Purpose<'a> {
    /// The catalogue that names controls.
    pub catalog: &'a Arc<Catalog>,
    /// The organization as it is wanted, if it is known.
    pub organization: Option<&'a AwsOrganizationSpec>,
    /// What is to be known of other products.
    pub interests: Interests,
    /// Standards that are required.
    pub standards: BTreeSet<StandardCode>,
    /// The time.
    pub now: Timestamp,
}

/// What is known of AWS.
#[derive(Debug)]
pub struct Snapshot {
    /// Organization, sources, findings.
    pub world: World,
    /// The policies, if they were read.
    pub inventory: Option<PolicyInventory>,
    /// When it was taken, if it says so.
    pub taken_at: Option<Timestamp>,
    /// Files with something wrong.
    pub damage: Vec<Damage>,
    /// The accounts are known, but not their units.
    pub lacks_units: bool,
}

/// Reads what `inputs` name.
///
/// # Errors
/// When files are missing, or damaged and nobody wants to go on.
pub fn read(inputs: &Inputs, purpose: &Purpose<'_>, progress: &Progress) -> Result<Snapshot> {
    let files = Files::find(inputs)?;
    let mut index = FindingIndex::new(purpose.catalog);
    index.set_interests(&purpose.interests);
    let mut batch = Batch::new(&mut index);
    let mut damage = files.strangers.clone();
    for path in &files.findings {
        damage.extend(findings::read(path, &mut batch, progress)?);
    }
    progress.end();
    refuse(&damage, inputs.keep_going)?;
    batch.install(&mut index);
    let described = files.sources.as_deref().map(json::<sources::SourcesFile>).transpose()?;
    let taken_at = described.as_ref().map(|file| file.taken_at);
    let read_at = taken_at.unwrap_or(purpose.now);
    let (organization, inventory) = match (&files.organization, &files.accounts) {
        (Some(path), _) => {
            let file: organization::OrganizationFile = json(path)?;
            file.parts(read_at).with_context(|| path.display().to_string())?
        }
        (None, Some(path)) => {
            (aws_cli::AccountsFile::read(path)?.organization(path, inputs.keep_going, read_at)?, None)
        }
        (None, None) => (aws_cli::of_findings(&index, read_at)?, None),
    };
    let mut sources = match &described {
        Some(file) => file
            .sources(purpose.catalog, &organization, purpose.organization)
            .with_context(|| files.sources.iter().map(|path| path.display().to_string()).collect::<String>())?,
        // A snapshot without sources says nothing about its findings.
        None if files.organization.is_some() => Sources::default(),
        None => aws_cli::sources(&index, &purpose.standards, inputs.complete, read_at),
    };
    mark(&mut sources, &damage);
    let lacks_units = aws_cli::lacks_units(&organization);
    let world = World { organization: Some(organization), sources, index };
    Ok(Snapshot { world, inventory, taken_at, damage, lacks_units })
}

/// Reads only the organization of a snapshot folder, with its policies if they were read.
///
/// # Errors
/// When the file is missing or is not what it should be.
pub fn organization(folder: &Path) -> Result<(Organization, Option<PolicyInventory>)> {
    let path = folder.join("organization.json");
    let file: organization::OrganizationFile = json(&path)?;
    file.parts(Timestamp::UNIX_EPOCH).with_context(|| path.display().to_string())
}

/// The policies of a snapshot folder, whatever its findings are like.
///
/// # Errors
/// When `organization.json` cannot be read, or has no policies.
pub fn policies(folder: &Path) -> Result<PolicyInventory> {
    organization(folder)?.1.context("organization.json has no Policies: they were not read")
}

/// Unreadable files are an error, unless somebody wants to go on.
fn refuse(damage: &[Damage], keep_going: bool) -> Result<()> {
    let unreadable: Vec<&Damage> = damage.iter().filter(|damage| damage.unreadable).collect();
    if unreadable.is_empty() || keep_going {
        return Ok(());
    }
    let lines = unreadable.iter().flat_map(|damage| damage.first.iter().map(|line| format!("{}: {line}", damage.file)));
    let lines: Vec<String> = lines.take(10).collect();
    let count: u64 = unreadable.iter().map(|damage| damage.count).sum();
    bail!(
        "findings cannot be read:\n  {}\n{count} in all; mend the files, or say --keep-going: then their source counts as incomplete, and nothing passes by it",
        lines.join("\n  ")
    );
}

/// A file with something wrong makes its source incomplete: the one that it is named for, else all.
fn mark(sources: &mut Sources, damage: &[Damage]) {
    for damage in damage {
        let name =
            Path::new(&damage.file).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let places: BTreeSet<(String, String)> =
            sources.regions.iter().map(|hub| (hub.source.clone(), hub.read_through.clone())).collect();
        let named = places.iter().filter(|(_, region)| name.starts_with(&format!("{}.", write::stem(region))));
        let named: BTreeSet<_> = named.cloned().collect();
        for place in if named.is_empty() { places } else { named } {
            sources.unattributed.entry(place).or_insert_with(|| damage.message());
        }
    }
}

/// The files to read.
#[derive(Debug, Default)]
struct Files {
    organization: Option<PathBuf>,
    accounts: Option<PathBuf>,
    sources: Option<PathBuf>,
    findings: Vec<PathBuf>,
    /// What is among them and cannot be read as findings.
    strangers: Vec<Damage>,
}

impl Files {
    fn find(inputs: &Inputs) -> Result<Self> {
        let mut files =
            Self { accounts: inputs.accounts.clone(), findings: inputs.findings.clone(), ..Self::default() };
        let Some(folder) = &inputs.snapshot else {
            if files.findings.is_empty() {
                bail!("nothing to read: say --snapshot FOLDER, --findings FILE, or --live");
            }
            return Ok(files);
        };
        if !folder.is_dir() {
            bail!("--snapshot {}: is no folder; files go with --findings and --accounts", folder.display());
        }
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        (files.organization, files.sources) = (there("organization.json"), there("sources.json"));
        let below = folder.join("findings");
        if below.is_dir() {
            files.findings.extend(findings::files(&below)?);
            files.strangers = findings::strangers(&below)?;
        }
        if files.organization.is_none() {
            if files.sources.is_some() || below.is_dir() {
                bail!(
                    "--snapshot {}: organization.json is missing: a snapshot without it is not whole; take it again (files of the AWS CLI go into a folder of their own)",
                    folder.display()
                );
            }
            files.look_into(folder)?;
        }
        if files.organization.is_none() && files.accounts.is_none() && files.findings.is_empty() {
            let name = folder.display();
            bail!(
                "--snapshot {name}: has neither organization.json nor files of the AWS CLI; make one with soc2ctl snapshot --out {name}"
            );
        }
        Ok(files)
    }

    /// A folder with files of the AWS CLI: each tells by its first key what it is.
    fn look_into(&mut self, folder: &Path) -> Result<()> {
        for path in findings::files(folder)? {
            if path.file_name().is_some_and(|name| name == "sources.json") {
                continue;
            }
            let kind: Option<Kind> = if is_small(&path) { json(&path).ok() } else { None };
            if kind.is_some_and(|kind| kind.accounts.is_some()) {
                self.accounts.get_or_insert(path);
            } else {
                self.findings.push(path);
            }
        }
        Ok(())
    }
}

/// What a file of the AWS CLI is.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kind {
    accounts: Option<IgnoredAny>,
}

/// Whether a file is small enough to be looked into as a whole.
fn is_small(path: &Path) -> bool {
    const SMALL: u64 = 64 << 20;
    path.metadata().is_ok_and(|metadata| metadata.len() <= SMALL)
}

/// A file of JSON.
fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    serde_json::from_reader(BufReader::new(file)).with_context(|| path.display().to_string())
}
