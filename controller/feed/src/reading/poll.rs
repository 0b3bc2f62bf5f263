//! What changed since the last poll: increments by `UpdatedAt`, and suppressions, which do not move it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use soc2_aws::{AwsError, FindingsQuery};
use soc2_catalog::{Catalog, ControlIx};
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::index::Changes;
use tokio::time::Instant;

use super::pages::{Listing, Reader, Stop, newest};
use super::shard::belongs;
use crate::handle::Publisher;
use crate::regions::{MAX_VALUES, product_arns};

/// How far increments reach back behind the newest finding seen: findings of linked Regions come late.
pub(crate) const OVERLAP: SignedDuration = SignedDuration::from_mins(15);
/// How often a listing is begun again because its token expired.
const MAX_RESTARTS: u32 = 3;

/// A poll of one lane.
pub(crate) struct Poll {
    pub(crate) reader: Reader,
    pub(crate) publisher: Publisher,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) regions: BTreeSet<Region>,
    /// Accounts whose findings are wanted.
    pub(crate) accounts: Arc<BTreeSet<AccountId>>,
    /// Read what was updated from here on; `None`: only find out how new the newest finding is.
    pub(crate) from: Option<Timestamp>,
    /// Poll for suppressions too.
    pub(crate) suppressions: bool,
}

/// What a poll found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Polled {
    /// The increment is complete.
    pub(crate) read: bool,
    /// The newest time it has seen, if any.
    pub(crate) newest: Option<Timestamp>,
    /// How long listing the suppressions took.
    pub(crate) listing: Duration,
    /// Why it is not complete, if so.
    pub(crate) error: Option<AwsError>,
    /// A finding that cannot be attributed.
    pub(crate) unattributable: Option<String>,
    /// Something in the index changed.
    pub(crate) changed: bool,
}

impl Poll {
    /// Polls. What was read stands even if the rest cannot be.
    pub(crate) async fn run(mut self) -> Polled {
        let mut polled = Polled::default();
        if let Err(error) = self.steps(&mut polled).await {
            polled.error = Some(error);
        }
        polled
    }

    /// Reads these checks again, and nothing else.
    pub(crate) async fn confirm(mut self, pairs: &BTreeSet<(AccountId, ControlIx)>) -> Polled {
        let mut polled = Polled::default();
        polled.error = self.reread(pairs, &mut polled).await.err();
        polled
    }

    async fn steps(&mut self, polled: &mut Polled) -> Result<(), AwsError> {
        let Some(from) = self.from else {
            polled.newest = self.probe().await?;
            polled.read = true;
            return Ok(());
        };
        polled.newest = self.increment(from, polled).await?;
        polled.read = true;
        if !self.suppressions {
            return Ok(());
        }
        let began = Instant::now();
        let doubtful = self.list_suppressed(polled).await?;
        polled.listing = began.elapsed();
        self.reread(&doubtful, polled).await
    }

    /// The newest time of all findings, by one page of each query.
    async fn probe(&mut self) -> Result<Option<Timestamp>, AwsError> {
        let mut latest = None;
        for query in self.queries(&FindingsQuery::default()) {
            let page = Listing::new(&mut self.reader, &query).next().await?;
            latest = latest.max(page.as_deref().and_then(newest));
        }
        Ok(latest)
    }

    /// Takes in what was updated. The newest time is that of the first pages: what comes while pages are read is next time's.
    async fn increment(&mut self, from: Timestamp, polled: &mut Polled) -> Result<Option<Timestamp>, AwsError> {
        let mut latest = None;
        for query in self.queries(&FindingsQuery { updated_from: Some(from), ..FindingsQuery::default() }) {
            let mut first = None;
            let mut restarts = 0;
            let mut listing = Listing::new(&mut self.reader, &query);
            loop {
                let page = match listing.next().await {
                    Ok(Some(page)) => page,
                    Ok(None) => break,
                    Err(Stop::Expired(_)) if restarts < MAX_RESTARTS => {
                        restarts += 1;
                        first = None;
                        listing = Listing::new(&mut self.reader, &query);
                        continue;
                    }
                    Err(stop) => return Err(stop.into()),
                };
                first = first.or(Some(newest(&page)));
                let mine = wanted(&self.accounts, page);
                let changes = self.publisher.change(|world| world.index.upsert(&mine)).await;
                polled.note(changes);
            }
            latest = latest.max(first.flatten());
        }
        Ok(latest)
    }

    /// Marks what is suppressed now, and gives what was and is not listed any more.
    async fn list_suppressed(&mut self, polled: &mut Polled) -> Result<BTreeSet<(AccountId, ControlIx)>, AwsError> {
        let mut listed = Vec::new();
        for query in self.queries(&FindingsQuery { suppressed: true, ..FindingsQuery::default() }) {
            let found = self.all(&query).await?;
            listed.extend(wanted(&self.accounts, found).into_iter().filter(is_suppressed));
        }
        let regions = self.regions.clone();
        let mut doubtful = BTreeSet::new();
        let changes = self.publisher.change(|world| {
            let (changes, pairs) = world.index.reconcile_suppressed(&regions, &listed);
            doubtful = pairs;
            changes
        });
        polled.note(changes.await);
        doubtful.retain(|(account, _)| self.accounts.contains(account));
        Ok(doubtful)
    }

    /// Reads these pairs again: what is no longer suppressed counts as what it is now.
    async fn reread(&mut self, pairs: &BTreeSet<(AccountId, ControlIx)>, polled: &mut Polled) -> Result<(), AwsError> {
        for (accounts, controls) in batches(pairs) {
            let controls = controls.iter().flat_map(|ix| spellings(&self.catalog.get(*ix).id)).collect();
            for query in self.queries(&FindingsQuery { accounts, controls, ..FindingsQuery::default() }) {
                let mut found = self.all(&query).await?;
                found.retain(|finding| self.pair(finding).is_some_and(|pair| pairs.contains(&pair)));
                let changes = self.publisher.change(|world| world.index.refresh(&found)).await;
                polled.note(changes);
            }
        }
        Ok(())
    }

    fn pair(&self, finding: &Finding) -> Option<(AccountId, ControlIx)> {
        let control = self.catalog.control(finding.control_id.as_deref()?)?;
        Some((finding.account_id.parse().ok()?, control))
    }

    /// A whole listing, begun again when its token expires.
    async fn all(&mut self, query: &FindingsQuery) -> Result<Vec<Finding>, AwsError> {
        let mut restarts = 0;
        loop {
            match self.attempt(query).await {
                Err(Stop::Expired(_)) if restarts < MAX_RESTARTS => restarts += 1,
                result => return result.map_err(AwsError::from),
            }
        }
    }

    async fn attempt(&mut self, query: &FindingsQuery) -> Result<Vec<Finding>, Stop> {
        let mut found = Vec::new();
        let mut listing = Listing::new(&mut self.reader, query);
        while let Some(page) = listing.next().await? {
            found.extend(page);
        }
        Ok(found)
    }

    /// The query in all Regions.
    fn queries(&self, query: &FindingsQuery) -> Vec<FindingsQuery> {
        let with = |product_arns| FindingsQuery { product_arns, ..query.clone() };
        product_arns(&self.regions).into_iter().map(with).collect()
    }
}

impl Polled {
    fn note(&mut self, changes: Changes) {
        self.changed |= !changes.accounts.is_empty();
        if let Some(message) = changes.unattributable.into_iter().next_back() {
            self.unattributable = Some(message);
        }
    }
}

fn wanted(accounts: &BTreeSet<AccountId>, mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.retain(|finding| belongs(accounts, finding));
    findings
}

/// A source may not care for filters.
fn is_suppressed(finding: &Finding) -> bool {
    finding.workflow.as_deref() == Some("SUPPRESSED") && finding.record_state.as_deref() == Some("ACTIVE")
}

/// Security Hub has spelled one service in two ways; filters compare exactly.
fn spellings(control: &str) -> Vec<String> {
    let long = control.strip_prefix("PCA.").map(|number| format!("PrivateCertificateAuthority.{number}"));
    std::iter::once(control.to_owned()).chain(long).collect()
}

/// The pairs as few queries: accounts with the same controls together, as many of both as fit into a filter.
fn batches(pairs: &BTreeSet<(AccountId, ControlIx)>) -> Vec<(Vec<AccountId>, Vec<ControlIx>)> {
    let mut by_account: BTreeMap<AccountId, Vec<ControlIx>> = BTreeMap::new();
    for (account, control) in pairs {
        by_account.entry(*account).or_default().push(*control);
    }
    let mut by_controls: BTreeMap<Vec<ControlIx>, Vec<AccountId>> = BTreeMap::new();
    for (account, controls) in by_account {
        by_controls.entry(controls).or_default().push(account);
    }
    let mut batches = Vec::new();
    for (controls, accounts) in by_controls {
        for accounts in accounts.chunks(MAX_VALUES) {
            // Half, because a control may have two spellings.
            batches.extend(controls.chunks(MAX_VALUES / 2).map(|controls| (accounts.to_vec(), controls.to_vec())));
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_few_queries_that_cover_them_all() {
        let account = |n: u32| format!("{n:012}").parse::<AccountId>().unwrap();
        let mut pairs = BTreeSet::new();
        for n in 0..45 {
            pairs.extend((0..12).map(|control| (account(n), ControlIx(control))));
        }
        pairs.insert((account(99), ControlIx(400)));
        let batches = batches(&pairs);
        assert_eq!(batches.len(), 3 * 2 + 1);
        let covered: BTreeSet<_> = batches
            .iter()
            .flat_map(|(accounts, controls)| accounts.iter().flat_map(|a| controls.iter().map(|c| (*a, *c))))
            .collect();
        assert_eq!(covered, pairs);
        assert!(batches.iter().all(|(accounts, controls)| accounts.len() <= 20 && controls.len() <= 10));
    }

    #[test]
    fn both_spellings_are_asked_for() {
        assert_eq!(spellings("PCA.1"), ["PCA.1", "PrivateCertificateAuthority.1"]);
        assert_eq!(spellings("S3.1"), ["S3.1"]);
    }
}
