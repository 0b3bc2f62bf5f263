//! What the AWS CLI prints, where there is no snapshot: `list-accounts` and `get-findings`.
//!
//! Such files do not say that they hold everything: a filter may have left out what fails. Nothing passes by them, unless
//! the person who made them says that they are complete.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde::Deserialize;
use soc2_catalog::StandardCode;
use soc2_posture::FindingIndex;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::organization::{Account, AccountState, Organization, Unit};
use soc2_posture::source::{HubError, HubRegion, SignalReading, Sources};

use super::organization::AccountEntry;

/// Name of the source that the files are.
const SOURCE: &str = "files";
/// Stands for a root that nobody knows.
const ROOT: &str = "r-unknown";

/// What `aws organizations list-accounts` prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AccountsFile {
    accounts: Vec<AccountEntry>,
    next_token: Option<String>,
}

impl AccountsFile {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        super::json(path)
    }

    /// The accounts without their units, which this file does not name.
    pub(crate) fn organization(self, path: &Path, keep_going: bool, now: Timestamp) -> Result<Organization> {
        let name = path.display();
        if self.next_token.is_some_and(|token| !token.is_empty()) && !keep_going {
            bail!("{name}: has a NextToken: accounts are missing; list them all, or say --keep-going");
        }
        let arn = self.accounts.iter().find_map(|account| account.arn.clone()).unwrap_or_default();
        let mut accounts = BTreeMap::new();
        for entry in self.accounts {
            let (id, account) = entry.account(Some(ROOT)).with_context(|| name.to_string())?;
            ensure!(accounts.insert(id, account).is_none(), "{name}: account {id} is there twice");
        }
        let first = *accounts.keys().next().with_context(|| format!("{name}: there is no account in it"))?;
        // arn:aws:organizations::111111111111:account/o-exampleorgid/333333333333
        let management = arn.split(':').nth(4).and_then(|id| id.parse().ok()).unwrap_or(first);
        let id = arn.split('/').nth(1).unwrap_or("o-unknown").to_owned();
        Ok(organization(id, management, accounts, now))
    }
}

/// An organization of the accounts that have findings, where nobody lists them.
pub(crate) fn of_findings(index: &FindingIndex, now: Timestamp) -> Result<Organization> {
    let account = |id: AccountId| {
        let (name, parent) = (id.to_string(), ROOT.to_owned());
        (id, Account { name, state: AccountState::Active, parent, joined_at: None, tags: None })
    };
    let accounts: BTreeMap<_, _> = index.accounts().map(account).collect();
    let first = *accounts.keys().next().context("there is no finding of Security Hub in these files")?;
    Ok(organization("o-unknown".to_owned(), first, accounts, now))
}

fn organization(
    id: String,
    management_account: AccountId,
    accounts: BTreeMap<AccountId, Account>,
    read_at: Timestamp,
) -> Organization {
    let root = Unit { name: "Root".to_owned(), parent: None };
    Organization {
        id,
        management_account,
        root: ROOT.to_owned(),
        scp_enabled: false,
        units: BTreeMap::from([(ROOT.to_owned(), root)]),
        accounts,
        read_at,
    }
}

/// Whether only a snapshot could tell in which unit an account is.
pub(crate) fn lacks_units(organization: &Organization) -> bool {
    organization.root == ROOT
}

/// The files as a source: of the Regions and accounts that have findings in them.
pub(crate) fn sources(
    index: &FindingIndex,
    standards: &BTreeSet<StandardCode>,
    complete: bool,
    now: Timestamp,
) -> Sources {
    let regions: BTreeSet<Region> =
        index.count().into_keys().map(|(region, _)| region).filter(|region| !region.is_empty()).collect();
    let accounts: BTreeSet<AccountId> = index.accounts().collect();
    let error = (!complete).then(|| {
        let words = "files of the AWS CLI do not say that they hold every finding: if they do, say --complete";
        HubError::NotRead(words.to_owned())
    });
    let reading = |interest| SignalReading { interest, complete_at: now, missing: BTreeSet::new() };
    let hub = |region: Region| HubRegion {
        source: SOURCE.to_owned(),
        read_through: region.clone(),
        region,
        error: error.clone(),
        account: None,
        consolidated: true,
        members: if complete { accounts.clone() } else { BTreeSet::new() },
        standards: standards.clone(),
        disabled_controls: BTreeSet::new(),
        serves: None,
        swept: if complete { accounts.clone() } else { BTreeSet::new() },
        complete_at: complete.then_some(now),
        signals: if complete { index.interests().iter().map(reading).collect() } else { Vec::new() },
    };
    Sources { regions: regions.into_iter().map(hub).collect(), unattributed: BTreeMap::new() }
}
