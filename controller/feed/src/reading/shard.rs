//! The sweep of one shard: every finding of some accounts, read from a listing that changes meanwhile.
//!
//! Findings come newest first, and no filter depends on what changes. A finding that changes moves to the front: what is not
//! read yet moves back by one and is met again, so nothing is skipped by the shift. Only what moved itself may be missed, and
//! that is at the front then. So the front is read again, as far as it is newer than the reading before, until it stayed the
//! same while it was read. AWS's own times are compared with each other, never with ours.

use std::collections::BTreeSet;

use jiff::Timestamp;
use soc2_aws::{AwsError, ErrorClass, FindingsQuery};
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::index::{FindingIndex, Intake, SweepBatch};

use super::pages::{Listing, Reader, Stop, newest, signature, updated_at};
use crate::regions;

/// Readings of the front after the first reading.
const MAX_PASSES: u32 = 10;
/// How often a listing is begun again because its token expired.
const MAX_RESTARTS: u32 = 3;

/// A shard to sweep.
pub(crate) struct Shard {
    pub(crate) reader: Reader,
    /// At most 20.
    pub(crate) accounts: BTreeSet<AccountId>,
    pub(crate) regions: BTreeSet<Region>,
    /// From the index, before the first call.
    pub(crate) batch: SweepBatch,
}

/// A shard that was completely read.
pub(crate) struct Swept {
    pub(crate) batch: SweepBatch,
    /// Accounts with at least one finding.
    pub(crate) seen: BTreeSet<AccountId>,
}

impl Shard {
    /// Reads the shard. Gives the number of calls too, however it ended.
    pub(crate) async fn sweep(mut self) -> (Result<Swept, AwsError>, u64) {
        let queries = self.queries();
        let mut swept = Swept { batch: self.batch, seen: BTreeSet::new() };
        let mut sweep = Sweep { reader: &mut self.reader, accounts: &self.accounts, swept: &mut swept };
        let mut result = Ok(());
        for query in &queries {
            result = sweep.query(query).await;
            if result.is_err() {
                break;
            }
        }
        (result.map(|()| swept), self.reader.requests)
    }

    fn queries(&self) -> Vec<FindingsQuery> {
        let accounts: Vec<AccountId> = self.accounts.iter().copied().collect();
        let query =
            |product_arns| FindingsQuery { accounts: accounts.clone(), product_arns, ..FindingsQuery::default() };
        regions::product_arns(&self.regions).into_iter().map(query).collect()
    }
}

struct Sweep<'a> {
    reader: &'a mut Reader,
    accounts: &'a BTreeSet<AccountId>,
    swept: &'a mut Swept,
}

impl Sweep<'_> {
    /// Everything that the query finds, begun again when its token expires.
    async fn query(&mut self, query: &FindingsQuery) -> Result<(), AwsError> {
        let mut restarts = 0;
        loop {
            match self.attempt(query).await {
                Err(Stop::Expired(_)) if restarts < MAX_RESTARTS => restarts += 1,
                result => return result.map_err(AwsError::from),
            }
        }
    }

    async fn attempt(&mut self, query: &FindingsQuery) -> Result<(), Stop> {
        let mut pass = self.pass(query, None).await?;
        for _ in 0..MAX_PASSES {
            if pass.quiet {
                return Ok(());
            }
            pass = self.pass(query, Some(&pass)).await?;
        }
        if pass.quiet { Ok(()) } else { Err(Stop::Failed(restless(MAX_PASSES))) }
    }

    /// Reads from the front: to the end the first time, then to what is older than all that the pass before began with.
    async fn pass(&mut self, query: &FindingsQuery, before: Option<&Pass>) -> Result<Pass, Stop> {
        let horizon = before.and_then(|before| before.newest);
        let mut listing = Listing::new(self.reader, query);
        let Some(page) = listing.next().await? else { return Ok(Pass { front: 0, newest: None, quiet: true }) };
        let (front, newest) = (signature(&page), newest(&page));
        if before.is_some_and(|before| before.front == front) {
            return Ok(Pass { front, newest, quiet: true });
        }
        let mut pages = 1;
        let mut page = Some(page);
        while let Some(findings) = page {
            take(self.accounts, self.swept, &findings);
            if listing.ended() || findings.iter().any(|finding| older(finding, horizon)) {
                break;
            }
            page = listing.next().await?;
            pages += 1;
        }
        // One page is of one moment: nothing can have moved while it was read.
        Ok(Pass { front, newest, quiet: pages == 1 })
    }
}

/// One reading from the front.
struct Pass {
    /// What its first page had.
    front: u64,
    /// The newest time on its first page.
    newest: Option<Timestamp>,
    /// Nothing changed that it cannot have seen.
    quiet: bool,
}

/// Takes in what belongs to the shard: a source may not care for filters.
fn take(accounts: &BTreeSet<AccountId>, swept: &mut Swept, page: &[Finding]) {
    let mine: Vec<Finding> = page.iter().filter(|finding| belongs(accounts, finding)).cloned().collect();
    swept.seen.extend(mine.iter().filter_map(|finding| finding.account_id.parse::<AccountId>().ok()));
    swept.batch.add(&mine);
}

/// Whether a finding is of Security Hub itself and of one of these accounts, or of who knows which.
pub(crate) fn belongs(accounts: &BTreeSet<AccountId>, finding: &Finding) -> bool {
    match FindingIndex::intake(finding) {
        Intake::Indexed(account) => accounts.contains(&account),
        Intake::OtherProduct => false,
        Intake::Unattributable { .. } => finding.account_id.parse().map_or(true, |account| accounts.contains(&account)),
    }
}

fn older(finding: &Finding, horizon: Option<Timestamp>) -> bool {
    matches!((updated_at(finding), horizon), (Some(at), Some(horizon)) if at < horizon)
}

/// It was read so many times, and changed each time.
pub(crate) fn restless(passes: u32) -> AwsError {
    AwsError {
        class: ErrorClass::Transient,
        code: "FindingsChangeTooFast".to_owned(),
        message: format!(
            "findings changed faster than they could be read, {passes} times in a row; they are read again"
        ),
    }
}
