//! How far findings of other products are read through a lane.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soc2_aws::AwsError;
use soc2_posture::ids::AccountId;
use soc2_posture::interest::{Interest, Interests};
use soc2_posture::source::SignalReading;
use tokio::time::Instant;

use super::{FUTURE, LISTING_SHARE, LONG_LISTING};
use crate::reading::poll::OVERLAP;
use crate::reading::signals::SignalsPolled;
use crate::timer::Timer;

/// What a checkpoint keeps of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SignalRecord {
    /// What was completely read.
    pub(crate) readings: Vec<SignalReading>,
    /// The newest `UpdatedAt` seen, in AWS's time.
    pub(crate) mark: Option<Timestamp>,
}

/// The reading at work.
#[derive(Default)]
pub(crate) struct Signals {
    pub(crate) timer: Timer,
    /// When everything is read again, if that takes long.
    listing_from: Option<Instant>,
    /// Accounts that were shown differently since the poll that is under way began.
    doubted: BTreeSet<AccountId>,
    /// Why the newest poll was not complete, if so.
    error: Option<AwsError>,
}

impl SignalRecord {
    /// What was completely read.
    pub(crate) fn known(&self) -> Vec<Interest> {
        self.readings.iter().map(|reading| reading.interest.clone()).collect()
    }

    /// Keeps of what was read what is still wanted.
    pub(crate) fn retain(&mut self, interests: &Interests) {
        self.readings.retain(|reading| interests.iter().any(|wanted| reading.interest.answers(&wanted)));
    }
}

impl Signals {
    /// A poll begins. Gives from when on changes are enough; `None`: everything is read again.
    pub(crate) fn begin(&mut self, record: &SignalRecord, now: Instant) -> Option<Timestamp> {
        self.timer.begin(now);
        self.doubted.clear();
        let may_wait = self.listing_from.is_some_and(|from| now < from);
        record.mark.filter(|_| may_wait)?.checked_sub(OVERLAP).ok()
    }

    /// A poll that began at `began_at` ended. Someone who works on something is not seen in `UpdatedAt`: everything is read
    /// again with each poll, or, where that takes long, after a while.
    pub(crate) fn polled(
        &mut self,
        record: &mut SignalRecord,
        polled: SignalsPolled,
        began_at: Timestamp,
        interval: Duration,
        now: Instant,
    ) {
        let SignalsPolled { complete, read, newest, listing, error } = polled;
        for interest in complete {
            record.readings.retain(|known| !interest.answers(&known.interest));
            let missing = self.doubted.clone();
            record.readings.push(SignalReading { interest, complete_at: began_at, missing });
        }
        if read {
            let believed = began_at.checked_add(FUTURE).map_or(newest, |limit| newest.map(|newest| newest.min(limit)));
            record.mark = record.mark.max(believed);
            self.timer.succeed();
        } else {
            self.timer.fail(interval, now);
        }
        if !listing.is_zero() {
            let long = listing > LONG_LISTING && self.doubted.is_empty();
            self.listing_from = long.then(|| now + LISTING_SHARE * listing);
        }
        self.error = error;
    }

    /// These accounts are shown differently: what was read does not count for them.
    pub(crate) fn doubt(&mut self, record: &mut SignalRecord, accounts: &BTreeSet<AccountId>) {
        if accounts.is_empty() {
            return;
        }
        self.doubted.extend(accounts);
        record.readings.iter_mut().for_each(|reading| reading.missing.extend(accounts));
        self.timer.ask();
        self.listing_from = None;
    }

    /// Why something could not be read, for people.
    pub(crate) fn note(&self) -> Option<String> {
        self.error.as_ref().map(|error| format!("findings of other products: {}", error.message))
    }
}
