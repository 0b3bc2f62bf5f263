//! A lane: one Security Hub in one Region that findings are read through, and how far that has come.

mod members;
mod shards;
mod signals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use soc2_aws::{AwsError, Role};
use soc2_catalog::ControlIx;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::source::{HubError, HubRegion};
use tokio::time::Instant;

use crate::facts::SweepFacts;
use crate::reading::hub::HubReading;
use crate::reading::poll::OVERLAP;
use crate::reading::survey::LaneKey;
use crate::timer::{Timer, wait_after};
pub(crate) use shards::{Order, at_once};
use signals::{SignalRecord, Signals};

/// A poll for suppressions that takes longer is not repeated with every increment.
const LONG_LISTING: Duration = Duration::from_secs(20);
/// Such polls are apart so many times their length.
const LISTING_SHARE: u32 = 5;
/// How far in our future a finding's time may lie before it is not believed. Only makes increments read more.
const FUTURE: SignedDuration = SignedDuration::from_mins(10);

/// What a checkpoint keeps of a lane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) key: LaneKey,
    /// The hubs as they were last surveyed, the lane's own Region first.
    pub(crate) hubs: Vec<HubReading>,
    /// Accounts to read: its administrator and members, as far as they are in the organization and served.
    pub(crate) accounts: BTreeSet<AccountId>,
    /// Accounts that were read and are no members any more: swept until nothing is left of them.
    pub(crate) departed: BTreeSet<AccountId>,
    /// Accounts completely swept, by Region.
    pub(crate) swept: BTreeMap<Region, BTreeSet<AccountId>>,
    /// The newest `UpdatedAt` seen, in AWS's time.
    pub(crate) mark: Option<Timestamp>,
    /// The same, when an increment last reached back behind it.
    pub(crate) settled: Option<Timestamp>,
    pub(crate) last_sweep: Option<SweepFacts>,
    pub(crate) run: Option<Run>,
    pub(crate) complete_at: Option<Timestamp>,
    /// A finding that cannot be attributed.
    pub(crate) unattributed: Option<String>,
    pub(crate) signals: SignalRecord,
}

/// A full sweep that is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) started_at: Timestamp,
    /// Accounts at its beginning.
    pub(crate) total: usize,
    /// Accounts that are not done.
    pub(crate) left: BTreeSet<AccountId>,
    pub(crate) requests: u64,
    /// What the client had counted as throttled when it began.
    #[serde(skip)]
    pub(crate) throttled_before: u64,
    pub(crate) unattributable: bool,
    /// Tenths that were logged.
    #[serde(skip)]
    pub(crate) logged: usize,
}

/// A lane at work.
pub(crate) struct Lane {
    /// Tells it from one that was in its place before.
    pub(crate) id: u64,
    pub(crate) record: Record,
    pub(crate) role: Option<Role>,
    /// Accounts whose findings are taken in: those of the record, departed ones too.
    pub(crate) wanted: Arc<BTreeSet<AccountId>>,
    /// What could not be surveyed but does not stop the rest.
    pub(crate) survey_notes: Vec<String>,
    /// Where it is not known which controls are disabled, and why.
    association_notes: BTreeMap<Region, String>,
    pub(crate) poll: Timer,
    /// Findings of other products.
    pub(crate) signals: Signals,
    /// The first increment after a restart reads only what is newer than the mark; the next one reaches back.
    pub(crate) resumed: bool,
    /// The next poll for suppressions, if the last one was long.
    listing_from: Option<Instant>,
    /// Checks to read again, because of events that contradict what is known.
    pub(crate) doubts: BTreeSet<(AccountId, ControlIx)>,
    /// Some of them are being read.
    pub(crate) confirming: bool,
    /// Accounts that are being swept, and by which shard. One that is missing although its shard is under way does not count.
    in_flight: BTreeMap<AccountId, u64>,
    /// Shards that landed and that no survey has confirmed yet: when, and their accounts.
    landed: Vec<(Instant, BTreeSet<AccountId>)>,
    /// Shards that are being swept.
    pub(crate) shards: usize,
    /// Accounts whose shard failed: when to try again, and failures in a row.
    pub(crate) held: BTreeMap<AccountId, (Instant, u32)>,
    /// No shard begins before, because the last one failed; and failures in a row.
    pub(crate) paused: Option<(Instant, u32)>,
    /// Why the newest poll failed, if it did.
    pub(crate) poll_error: Option<AwsError>,
    /// Why a shard failed, until all that failed are complete.
    sweep_error: Option<AwsError>,
}

impl Lane {
    pub(crate) fn new(key: LaneKey, role: Option<Role>) -> Self {
        Self::resume(
            Record {
                key,
                hubs: Vec::new(),
                accounts: BTreeSet::new(),
                departed: BTreeSet::new(),
                swept: BTreeMap::new(),
                mark: None,
                settled: None,
                last_sweep: None,
                run: None,
                complete_at: None,
                unattributed: None,
                signals: SignalRecord::default(),
            },
            role,
        )
    }

    /// Goes on from a checkpoint.
    pub(crate) fn resume(record: Record, role: Option<Role>) -> Self {
        let resumed = record.mark.is_some();
        let mut lane = Self {
            id: next_id(),
            record,
            role,
            wanted: Arc::default(),
            survey_notes: Vec::new(),
            association_notes: BTreeMap::new(),
            poll: Timer::default(),
            signals: Signals::default(),
            resumed,
            listing_from: None,
            doubts: BTreeSet::new(),
            confirming: false,
            in_flight: BTreeMap::new(),
            landed: Vec::new(),
            shards: 0,
            held: BTreeMap::new(),
            paused: None,
            poll_error: None,
            sweep_error: None,
        };
        lane.want();
        lane
    }

    /// Regions that are read through it.
    pub(crate) fn regions(&self) -> BTreeSet<Region> {
        self.record.hubs.iter().map(|reading| reading.hub.region.clone()).collect()
    }

    /// Whether to list what is suppressed.
    pub(crate) fn may_list(&self, now: Instant) -> bool {
        self.listing_from.is_none_or(|from| from <= now)
    }

    /// Listing what is suppressed took so long. Where much is, it must not use up the rate.
    pub(crate) fn listed(&mut self, took: Duration, now: Instant) {
        if took > LONG_LISTING {
            self.listing_from = Some(now + LISTING_SHARE * took);
        }
    }

    /// Whether findings can be read.
    pub(crate) fn readable(&self) -> bool {
        self.record.hubs.first().is_some_and(|home| home.hub.error.is_none())
    }

    /// It was read which controls are disabled in a Region.
    pub(crate) fn disabled(&mut self, region: &str, disabled: &BTreeSet<ControlIx>) {
        self.association_notes.remove(region);
        for reading in self.record.hubs.iter_mut().filter(|reading| reading.hub.region == region) {
            reading.hub.disabled_controls.clone_from(disabled);
        }
    }

    /// It could not be read. Nothing passes because of that, and the next reading may do better.
    pub(crate) fn disabled_unknown(&mut self, region: &str, error: &AwsError) {
        let note = format!("which controls are disabled in {region} is not known: {}", error.message);
        self.association_notes.insert(region.to_owned(), note);
    }

    /// What could not be read but does not stop the rest.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        self.survey_notes.iter().chain(self.association_notes.values()).cloned().chain(self.signals.note())
    }

    /// A finding that cannot be attributed: it stands until a full sweep during which there was none.
    pub(crate) fn unattributable(&mut self, message: Option<String>) {
        if message.is_some() {
            self.record.unattributed = message;
            self.record.run.iter_mut().for_each(|run| run.unattributable = true);
        }
    }

    /// Why findings cannot be read, if so.
    pub(crate) fn error(&self) -> Option<&AwsError> {
        self.poll_error.as_ref().or(self.sweep_error.as_ref())
    }

    /// Why it cannot be read as it should.
    pub(crate) fn trouble(&self) -> Option<AwsError> {
        let mut broken = self.record.hubs.iter().filter(|reading| reading.hub.error.is_some());
        broken.find_map(|reading| reading.error.clone()).or_else(|| self.error().cloned())
    }

    /// All shards that were under way broke off; they are read again after a while.
    pub(crate) fn broke(&mut self, now: Instant) {
        self.id = next_id();
        self.paused = Some((now + wait_after(1), 1));
        self.cut();
    }

    /// From when on an increment reads; `None`: nothing was read yet.
    pub(crate) fn increment_from(&self) -> Option<Timestamp> {
        let mark = self.record.mark?;
        if self.resumed {
            return Some(mark);
        }
        let settled = self.record.settled.unwrap_or(mark);
        Some(settled.checked_sub(OVERLAP).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Everything that was updated before was read by increments, or is read by the first sweep; `None`: not yet.
    pub(crate) fn read_until(&self) -> Option<Timestamp> {
        self.record.settled?.checked_sub(OVERLAP).ok()
    }

    /// An increment is complete, `newest` the newest time it has seen.
    pub(crate) fn advance(&mut self, newest: Option<Timestamp>, now: Timestamp) {
        let believed = now.checked_add(FUTURE).map_or(newest, |limit| newest.map(|newest| newest.min(limit)));
        let record = &mut self.record;
        // Without any finding, everything that comes is new.
        record.mark = record.mark.max(believed).or(Some(Timestamp::UNIX_EPOCH));
        if !std::mem::take(&mut self.resumed) {
            record.settled = record.mark;
        }
    }

    /// What was under way was cut off.
    pub(crate) fn cut(&mut self) {
        self.poll.cut();
        self.signals.timer.cut();
        self.confirming = false;
        self.in_flight.clear();
        self.shards = 0;
    }

    /// Its Regions as the assessment wants to know them.
    pub(crate) fn hub_regions(&self) -> impl Iterator<Item = HubRegion> + '_ {
        let failed = self.error().map(crate::reading::hub::hub_error);
        let failed = failed.filter(|because| !matches!(because, HubError::NotRead(_)));
        self.record.hubs.iter().map(move |reading| {
            let hub = reading.hub.clone();
            if let (None, Some(because)) = (&hub.error, &failed) {
                return HubRegion { error: Some(because.clone()), members: BTreeSet::new(), ..hub };
            }
            let swept = self.record.swept.get(&hub.region).cloned().unwrap_or_default();
            let signals = self.record.signals.readings.clone();
            HubRegion { swept, complete_at: self.record.complete_at, signals, ..hub }
        })
    }
}

pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
