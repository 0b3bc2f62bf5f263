//! The policies that a command asks: those of a snapshot, and documents from files beside them.

#![allow(clippy::doc_markdown, reason = "comments on arguments are the help, where backticks would be shown")]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use soc2_guardrails::{Document, Effect, Effective, Level, LevelPolicy, PolicyInventory, ReadPolicies};
use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use crate::snapshot;

/// What AWS attaches everywhere in the beginning.
const FULL_ACCESS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
/// Its id.
const FULL_ACCESS_ID: &str = "p-FullAWSAccess";
/// Name of the only level, where there is no snapshot.
const FILES_LEVEL: &str = "files";

/// Where policies are.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// A folder that `soc2ctl snapshot` wrote: its policies, as they are attached.
    #[arg(long, value_name = "FOLDER", required_unless_present = "policies")]
    pub snapshot: Option<PathBuf>,
    /// Policy documents as if they were attached to the root, beside what is there. Without a snapshot FullAWSAccess is
    /// beside them, unless one of them allows something itself.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub policies: Vec<PathBuf>,
}

/// What was read.
pub struct Policies {
    snapshot: Option<(Organization, PolicyInventory)>,
    /// Name and content of each file.
    files: Vec<(String, Document)>,
    full_access: Document,
}

impl Policies {
    /// Reads them.
    ///
    /// # Errors
    /// When a file cannot be read, or is no policy document.
    pub fn read(args: &PolicyArgs) -> Result<Self> {
        let snapshot = args.snapshot.as_deref().map(read_snapshot).transpose()?;
        let files = args.policies.iter().map(|path| read_document(path)).collect::<Result<_>>()?;
        Ok(Self { snapshot, files, full_access: Document::parse(FULL_ACCESS)? })
    }

    /// Those of a reading, or what a plan makes of it, with documents from files beside them.
    ///
    /// # Errors
    /// When a file cannot be read, or is no policy document.
    pub fn of(organization: Organization, inventory: PolicyInventory, files: &[PathBuf]) -> Result<Self> {
        let files = files.iter().map(|path| read_document(path)).collect::<Result<_>>()?;
        Ok(Self { snapshot: Some((organization, inventory)), files, full_access: Document::parse(FULL_ACCESS)? })
    }

    /// Makes the policies ready to be asked for any account.
    #[must_use]
    pub fn ready(&self) -> Ready<'_> {
        Ready { policies: self, attached: self.snapshot.as_ref().map(|(_, inventory)| ReadPolicies::new(inventory)) }
    }

    /// The account of this id or name; the id alone where there is no snapshot.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn account(&self, wanted: &str) -> Result<AccountId> {
        let Some((organization, _)) = &self.snapshot else {
            return wanted.parse().with_context(|| format!("--account {wanted}: is no account id"));
        };
        let mut found =
            organization.accounts.iter().filter(|(id, account)| id.to_string() == wanted || account.name == wanted);
        match (found.next(), found.next()) {
            (Some((id, _)), None) => Ok(*id),
            (None, _) => bail!("--account {wanted}: the snapshot has no such account"),
            _ => bail!("--account {wanted}: several accounts have this name: say its id"),
        }
    }
}

/// Policies that can be asked for any account.
pub struct Ready<'a> {
    policies: &'a Policies,
    attached: Option<ReadPolicies<'a>>,
}

impl Ready<'_> {
    /// What holds for an account. No service control policy of an organization affects accounts outside of it.
    #[must_use]
    pub fn effective(&self, account: AccountId) -> Effective<'_> {
        let files = self.policies.files.iter();
        let files = files.map(|(name, document)| LevelPolicy { id: name, document: Some(document) });
        let (Some((organization, _)), Some(attached)) = (&self.policies.snapshot, &self.attached) else {
            let mut policies: Vec<LevelPolicy<'_>> = files.collect();
            let allows = |(_, document): &(String, Document)| {
                document.statements().iter().any(|statement| statement.effect == Effect::Allow)
            };
            if !self.policies.files.iter().any(allows) {
                policies.insert(0, LevelPolicy { id: FULL_ACCESS_ID, document: Some(&self.policies.full_access) });
            }
            return Effective::Levels(vec![Level { target: FILES_LEVEL.to_owned(), policies }]);
        };
        if !organization.accounts.contains_key(&account) {
            return Effective::Unaffected;
        }
        let mut effective = attached.effective(organization, account);
        if let Effective::Levels(levels) = &mut effective
            && let Some(root) = levels.first_mut()
        {
            root.policies.extend(files);
        }
        effective
    }
}

fn read_snapshot(folder: &Path) -> Result<(Organization, PolicyInventory)> {
    let (organization, inventory) = snapshot::organization(folder)?;
    let inventory = inventory.with_context(|| {
        format!("--snapshot {}: its organization.json has no Policies: they were not read", folder.display())
    })?;
    Ok((organization, inventory))
}

/// A document, by the name of its file.
fn read_document(path: &Path) -> Result<(String, Document)> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let document = Document::parse(&text).with_context(|| path.display().to_string())?;
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    Ok((name, document))
}
