//! Pages of findings: tried again, followed to the end, and never for ever.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use soc2_aws::{AwsError, ErrorClass, FindingsPage, FindingsQuery, SecurityHub};
use soc2_posture::finding::Finding;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::timer::wait_after;

/// Attempts of one page here; the client of AWS makes several for each of them.
const TRIES: u32 = 3;
/// Tokens that may come again with nothing new on their pages.
const MAX_REPEATS: u32 = 3;
/// Empty pages in a row, each with a new token.
const MAX_EMPTY: u32 = 500;

/// Why a listing was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The token is no longer taken: begin again from the front.
    Expired(AwsError),
    /// It cannot be read.
    Failed(AwsError),
}

impl From<Stop> for AwsError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Expired(error) | Stop::Failed(error) => error,
        }
    }
}

/// Calls `GetFindings`, and counts.
pub(crate) struct Reader {
    hub: Arc<dyn SecurityHub>,
    /// Calls so far.
    pub(crate) requests: u64,
}

impl Reader {
    pub(crate) fn new(hub: Arc<dyn SecurityHub>) -> Self {
        Self { hub, requests: 0 }
    }

    /// One page, tried again while that may help.
    async fn page(&mut self, query: &FindingsQuery, token: Option<&str>) -> Result<FindingsPage, Stop> {
        let mut tries = 0;
        loop {
            self.requests += 1;
            let error = match self.hub.findings(query, token.map(ToOwned::to_owned)).await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            tries += 1;
            match error.class {
                ErrorClass::Transient | ErrorClass::Throttled if tries < TRIES => {
                    tokio::time::sleep(wait_after(tries)).await;
                }
                ErrorClass::Terminal if token.is_some() && !not_enabled(&error) => return Err(Stop::Expired(error)),
                _ => return Err(Stop::Failed(error)),
            }
        }
    }
}

/// Whether AWS says that Security Hub is not enabled there.
pub(crate) fn not_enabled(error: &AwsError) -> bool {
    error.is("InvalidAccess") || error.is("ResourceNotFound")
}

/// One listing from its front on.
pub(crate) struct Listing<'a> {
    reader: &'a mut Reader,
    query: &'a FindingsQuery,
    token: Option<String>,
    begun: bool,
    tokens: HashSet<u64>,
    pages: HashSet<u64>,
    repeats: u32,
    empty: u32,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(reader: &'a mut Reader, query: &'a FindingsQuery) -> Self {
        Self {
            reader,
            query,
            token: None,
            begun: false,
            tokens: HashSet::new(),
            pages: HashSet::new(),
            repeats: 0,
            empty: 0,
        }
    }

    /// Whether there is no page left.
    pub(crate) fn ended(&self) -> bool {
        self.begun && self.token.is_none()
    }

    /// The next page that is not empty, or the last one; `None` behind that.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Finding>>, Stop> {
        while !self.ended() {
            let page = self.reader.page(self.query, self.token.as_deref()).await?;
            self.begun = true;
            self.watch(&page)?;
            self.token = page.next_token;
            if !page.findings.is_empty() || self.token.is_none() {
                return Ok(Some(page.findings));
            }
        }
        Ok(None)
    }

    /// A token that comes again and again with nothing new, or pages that stay empty, would be read for ever.
    fn watch(&mut self, page: &FindingsPage) -> Result<(), Stop> {
        let new_page = self.pages.insert(signature(&page.findings)) && !page.findings.is_empty();
        self.empty = if page.findings.is_empty() { self.empty + 1 } else { 0 };
        let Some(token) = &page.next_token else { return Ok(()) };
        let new_token = self.tokens.insert(xxh3_64(token.as_bytes()));
        if !new_token && !new_page {
            self.repeats += 1;
        }
        if self.repeats >= MAX_REPEATS || self.empty >= MAX_EMPTY {
            let message =
                "securityhub:GetFindings gives pages without an end; the reading was given up and is tried again";
            return Err(Stop::Failed(AwsError {
                class: ErrorClass::Transient,
                code: "EndlessListing".to_owned(),
                message: message.to_owned(),
            }));
        }
        Ok(())
    }
}

/// What is on a page: ids and times, in any order.
pub(crate) fn signature(findings: &[Finding]) -> u64 {
    findings.iter().map(version).fold(0, u64::wrapping_add)
}

/// One version of one finding.
fn version(finding: &Finding) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(finding.id.as_bytes());
    hash.update(&[0]);
    hash.update(finding.updated_at.as_deref().unwrap_or_default().as_bytes());
    hash.digest()
}

/// When it was updated, if it says so.
pub(crate) fn updated_at(finding: &Finding) -> Option<Timestamp> {
    finding.updated_at.as_deref()?.parse().ok()
}

/// The newest time of these.
pub(crate) fn newest(findings: &[Finding]) -> Option<Timestamp> {
    findings.iter().filter_map(updated_at).max()
}
