//! A listing whose filters depend on what changes: findings that are open, or active.
//!
//! Such a listing must not be followed by its tokens: when findings leave it, those behind move up, and some are skipped. So
//! each page is a query of its own, up to the oldest time of the page before: who leaves moves nobody. Only findings of the very
//! same time that are more than a page have to be followed by tokens, until two readings of that moment are the same. Who
//! changes while pages are read comes to the front, which is read again until it fits on one page or stayed the same.

use jiff::{SignedDuration, Timestamp};
use soc2_aws::{AwsError, FindingsQuery};
use soc2_posture::finding::Finding;

use super::pages::{Listing, Reader, Stop, newest, signature, updated_at};
use super::shard::restless;

/// Readings of the front, or of one moment, after the first one.
const MAX_PASSES: u32 = 10;
/// How often a listing is begun again because its token expired.
const MAX_RESTARTS: u32 = 3;
/// What a filter can tell apart.
const MOMENT: SignedDuration = SignedDuration::from_millis(1);

/// Reads everything that stays in a listing while it is read, and gives it to `take`, some of it several times.
pub(crate) struct Windows<'a, T> {
    pub(crate) reader: &'a mut Reader,
    pub(crate) take: T,
}

/// One reading from the front.
struct Pass {
    /// What its first page had.
    front: u64,
    /// The newest time on its first page.
    newest: Option<Timestamp>,
    /// It was one page, of one moment: nothing can have changed while it was read.
    quiet: bool,
}

impl<T: FnMut(&[Finding])> Windows<'_, T> {
    /// Reads a query completely. Gives the newest time that was there when it began.
    pub(crate) async fn read(&mut self, query: &FindingsQuery) -> Result<Option<Timestamp>, AwsError> {
        let mut pass = self.patiently(query).await?;
        let began_with = pass.newest;
        for _ in 0..MAX_PASSES {
            if pass.quiet {
                return Ok(began_with);
            }
            let front = FindingsQuery { updated_from: pass.newest.or(query.updated_from), ..query.clone() };
            let next = self.patiently(&front).await?;
            pass = Pass { quiet: next.quiet || next.front == pass.front, ..next };
        }
        if pass.quiet { Ok(began_with) } else { Err(restless(MAX_PASSES)) }
    }

    /// One reading, begun again when a token expires.
    async fn patiently(&mut self, query: &FindingsQuery) -> Result<Pass, AwsError> {
        let mut restarts = 0;
        loop {
            match self.pass(query).await {
                Err(Stop::Expired(_)) if restarts < MAX_RESTARTS => restarts += 1,
                result => return result.map_err(AwsError::from),
            }
        }
    }

    /// Reads window by window, from the newest to the oldest.
    async fn pass(&mut self, query: &FindingsQuery) -> Result<Pass, Stop> {
        let mut pass = None;
        let mut upper: Option<Timestamp> = None;
        loop {
            let window = FindingsQuery { updated_to: upper, ..query.clone() };
            let mut listing = Listing::new(self.reader, &window);
            let page = listing.next().await?.unwrap_or_default();
            let ended = listing.ended();
            (self.take)(&page);
            let first = pass.is_none();
            let pass = pass.get_or_insert(Pass { front: signature(&page), newest: newest(&page), quiet: ended });
            if ended {
                return Ok(Pass { quiet: first, ..*pass });
            }
            match (oldest(&page), upper) {
                (Some(oldest), None) if in_order(&page) => upper = Some(oldest),
                (Some(oldest), Some(known)) if oldest < known && in_order(&page) => upper = Some(oldest),
                (Some(oldest), Some(known)) if oldest == known => {
                    let below = known.checked_sub(MOMENT).ok();
                    self.followed(&FindingsQuery { updated_from: below, ..window }).await?;
                    if below.is_none_or(|below| query.updated_from.is_some_and(|from| below < from)) {
                        return Ok(Pass { quiet: false, ..*pass });
                    }
                    upper = below;
                }
                // A source that cares for neither filters nor order.
                _ => {
                    self.followed(query).await?;
                    return Ok(Pass { quiet: true, ..*pass });
                }
            }
        }
    }

    /// Follows the tokens of a query to the end, until two readings in a row are the same.
    async fn followed(&mut self, query: &FindingsQuery) -> Result<(), Stop> {
        let mut before = None;
        for _ in 0..MAX_PASSES {
            let (mut pages, mut all) = (0, 0_u64);
            let mut listing = Listing::new(self.reader, query);
            while let Some(page) = listing.next().await? {
                pages += 1;
                all = all.wrapping_add(signature(&page));
                (self.take)(&page);
            }
            if pages <= 1 || before == Some(all) {
                return Ok(());
            }
            before = Some(all);
        }
        Err(Stop::Failed(restless(MAX_PASSES)))
    }
}

/// The oldest time on a page, rounded up to what a filter can say. Security Hub takes no finding without a time.
fn oldest(page: &[Finding]) -> Option<Timestamp> {
    let oldest = page.iter().filter_map(updated_at).min()?;
    let floor = Timestamp::from_millisecond(oldest.as_millisecond()).ok()?;
    if floor < oldest { floor.checked_add(MOMENT).ok() } else { Some(floor) }
}

/// Whether a page begins with the newest.
fn in_order(page: &[Finding]) -> bool {
    page.iter().filter_map(updated_at).is_sorted_by(|one, next| one >= next)
}
