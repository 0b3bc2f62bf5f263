//! Findings of other products: read where somebody is interested in them.

use jiff::Timestamp;
use soc2_posture::interest::Interests;
use tokio::time::Instant;

use super::Engine;
use super::apply::Done;
use super::start::{Job, POLLS};
use crate::handle::Change;
use crate::lane::Lane;
use crate::reading::pages::Reader;
use crate::reading::signals::{SignalPoll, SignalsPolled};
use crate::reading::survey::LaneKey;

/// A poll for findings of other products that ended.
pub(super) struct SignalsDone {
    key: LaneKey,
    lane: u64,
    /// What was wanted when it began.
    interests: Interests,
    began_at: Timestamp,
    polled: SignalsPolled,
}

impl Engine {
    /// From now on the index keeps what is wanted now, and the lanes read it.
    pub(super) async fn be_interested(&mut self) {
        let interests = self.config.interests.clone();
        for lane in self.lanes.values_mut() {
            lane.record.signals.retain(&interests);
            lane.signals.timer.ask();
        }
        self.publisher.change(|world| world.index.set_interests(&interests)).await;
    }

    /// Lanes that read findings of other products.
    pub(super) fn interested(&self) -> impl Iterator<Item = (&LaneKey, &Lane)> {
        let wanted = !self.config.interests.is_empty();
        self.lanes.iter().filter(move |(_, lane)| wanted && lane.readable())
    }

    pub(super) fn begin_signals(&mut self) {
        let (now, began_at) = (Instant::now(), self.now());
        let running = self.running.values().filter(|job| matches!(job, Job::Signals(_))).count();
        let due = self.interested().filter(|(_, lane)| lane.signals.timer.is_due(self.config.intervals.findings, now));
        let due: Vec<LaneKey> = due.map(|(key, _)| key.clone()).take(POLLS.saturating_sub(running)).collect();
        for key in due {
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            let from = lane.signals.begin(&lane.record.signals, now);
            let poll = SignalPoll {
                reader: Reader::new(self.clients.hub(lane.role.as_ref(), &key.region)),
                publisher: self.publisher.clone(),
                interests: self.config.interests.clone(),
                regions: lane.regions(),
                shown: lane.shown_and_wanted(),
                known: lane.record.signals.known(),
                from,
            };
            let (lane, job) = (lane.id, Job::Signals(key.clone()));
            self.spawn(job, async move {
                let interests = poll.interests.clone();
                let polled = poll.run().await;
                Done::Signals(Box::new(SignalsDone { key, lane, interests, began_at, polled }))
            });
        }
    }

    pub(super) fn signals(&mut self, done: SignalsDone) -> Change {
        let SignalsDone { key, lane: id, interests, began_at, polled } = done;
        let Some(lane) = self.lanes.get_mut(&key).filter(|lane| lane.id == id) else { return Change::default() };
        if interests != self.config.interests {
            // Nothing of it was put in place.
            lane.signals.timer.succeed();
            lane.signals.timer.ask();
            return Change::default();
        }
        lane.signals.polled(&mut lane.record.signals, polled, began_at, self.config.intervals.findings, Instant::now());
        self.unsaved = true;
        let (note, account) = (lane.signals.note(), key.account.map(|id| format!(" of {id}")).unwrap_or_default());
        self.say(&format!("findings of other products of {} in {}{account}", key.source, key.region), note.as_deref());
        Change::default()
    }
}
