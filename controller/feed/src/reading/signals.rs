//! Findings of other products, as far as somebody is interested in them: read completely, then what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use soc2_aws::{AwsError, ErrorClass, FindingsQuery};
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::interest::{Interest, Interests};
use tokio::time::Instant;

use super::pages::Reader;
use super::question::{Question, questions};
use super::window::Windows;
use crate::handle::Publisher;

/// A poll of one lane for findings of other products.
pub(crate) struct SignalPoll {
    pub(crate) reader: Reader,
    pub(crate) publisher: Publisher,
    pub(crate) interests: Interests,
    /// Regions that are read through the lane.
    pub(crate) regions: BTreeSet<Region>,
    /// By Region the accounts whose findings are shown and wanted.
    pub(crate) shown: BTreeMap<Region, BTreeSet<AccountId>>,
    /// What was completely read before.
    pub(crate) known: Vec<Interest>,
    /// Of what was completely read before, read only what was updated from here on; `None`: read all again.
    pub(crate) from: Option<Timestamp>,
}

/// What a poll found.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignalsPolled {
    /// What is completely read now.
    pub(crate) complete: Vec<Interest>,
    /// Everything was, or it was brought up to date.
    pub(crate) read: bool,
    /// The newest time that it has seen, if any.
    pub(crate) newest: Option<Timestamp>,
    /// How long reading everything again took.
    pub(crate) listing: Duration,
    /// Why something is not complete, if so.
    pub(crate) error: Option<AwsError>,
}

impl SignalPoll {
    /// Polls. What was read stands even if the rest cannot be.
    pub(crate) async fn run(mut self) -> SignalsPolled {
        let mut polled = SignalsPolled { read: true, ..SignalsPolled::default() };
        for question in questions(&self.interests, &self.regions) {
            let result = match self.from.filter(|_| self.knows(&question)) {
                Some(from) => self.changes(&question, from).await,
                None => self.everything(&question, &mut polled).await,
            };
            match result {
                Ok(newest) => polled.newest = polled.newest.max(newest),
                // The others may be answered all the same.
                Err(error) => {
                    polled.read = false;
                    polled.error.get_or_insert(error);
                }
            }
        }
        polled
    }

    fn knows(&self, question: &Question) -> bool {
        question.tells.iter().all(|wanted| self.known.iter().any(|known| known.answers(wanted)))
    }

    /// Reads all that there is, and puts it in place of what was there.
    async fn everything(
        &mut self,
        question: &Question,
        polled: &mut SignalsPolled,
    ) -> Result<Option<Timestamp>, AwsError> {
        let began = Instant::now();
        let mut batch = self.publisher.read(|world| world.index.signals());
        let mut newest = None;
        for query in question.complete() {
            let shown = &self.shown;
            let take = |page: &[Finding]| batch.add(&wanted(shown, page));
            newest = newest.max(Windows { reader: &mut self.reader, take }.read(&query).await?);
        }
        if let Some(message) = batch.unattributable().last() {
            return Err(unattributable(message));
        }
        let (tells, shown) = (&question.tells, &self.shown);
        self.publisher.change(|world| world.index.install_signals(tells, shown, batch)).await;
        polled.listing += began.elapsed();
        polled.complete.extend(question.tells.iter().cloned());
        Ok(newest)
    }

    /// Takes in what was updated.
    async fn changes(&mut self, question: &Question, from: Timestamp) -> Result<Option<Timestamp>, AwsError> {
        let mut newest = None;
        for query in question.changes() {
            let query = FindingsQuery { updated_from: Some(from), ..query };
            let mut found = Vec::new();
            let take = |page: &[Finding]| found.extend(wanted(&self.shown, page));
            newest = newest.max(Windows { reader: &mut self.reader, take }.read(&query).await?);
            self.publisher.change(|world| world.index.upsert(&found)).await;
        }
        Ok(newest)
    }
}

/// Those of accounts that are wanted, or of who knows which.
fn wanted(shown: &BTreeMap<Region, BTreeSet<AccountId>>, page: &[Finding]) -> Vec<Finding> {
    let belongs = |finding: &&Finding| match finding.account_id.parse() {
        Ok(account) => shown.values().any(|accounts| accounts.contains(&account)),
        Err(_) => true,
    };
    page.iter().filter(belongs).cloned().collect()
}

fn unattributable(message: &str) -> AwsError {
    AwsError {
        class: ErrorClass::Terminal,
        code: "UnattributableFinding".to_owned(),
        message: format!("{message}: what it belongs to is not known, so nothing of its kind is"),
    }
}
