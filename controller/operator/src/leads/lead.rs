//! One lead: whether this replica has it, until when, and who works under it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use soc2_aws::WriteGuard;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::locked;

/// How far this replica is with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is another's, or nobody's.
    Idle,
    /// The Lease is ours, and what was published is being read.
    Beginning,
    /// This replica works.
    Leading,
    /// The Lease is still ours, and what is under way comes to its end.
    Ending,
}

/// Work under a lead. It is not given up before all of these are dropped.
#[derive(Debug)]
pub struct Turn {
    lead: Arc<Lead>,
    _held: OwnedRwLockReadGuard<()>,
}

impl Turn {
    /// Works as long as the Lease is ours; `None` when it ran out before the end. Asked before every step, so that a process that was
    /// frozen says nothing any more of what it found before.
    pub async fn while_current<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(
            |context| if self.lead.is_current() { work.as_mut().poll(context).map(Some) } else { Poll::Ready(None) },
        )
        .await
    }
}

/// The lead of one organization, or of what belongs to none.
#[derive(Debug)]
pub struct Lead {
    lease: String,
    state: Mutex<(Phase, Option<Instant>)>,
    turns: Arc<RwLock<()>>,
}

impl Lead {
    /// One that this replica does not have.
    #[must_use]
    pub fn new(lease: String) -> Self {
        Self { lease, state: Mutex::new((Phase::Idle, None)), turns: Arc::default() }
    }

    /// How far this replica is with it.
    #[must_use]
    pub fn phase(&self) -> Phase {
        locked(&self.state).0
    }

    /// Whether the Lease is ours and has not run out.
    #[must_use]
    pub fn is_current(&self) -> bool {
        locked(&self.state).1.is_some_and(|deadline| Instant::now() < deadline)
    }

    /// A turn to work; `None` when this replica must not.
    #[must_use]
    pub fn turn(self: &Arc<Self>) -> Option<Turn> {
        let held = Arc::clone(&self.turns).try_read_owned().ok()?;
        // Asked with the turn in hand: whoever ends it waits for the turn from now on.
        (self.phase() == Phase::Leading && self.is_current()).then(|| Turn { lead: Arc::clone(self), _held: held })
    }

    /// The Lease was taken or renewed; `sent` is when that was asked for.
    pub(super) fn hold(&self, sent: Instant, duration: Duration) {
        locked(&self.state).1 = Some(sent + duration);
    }

    pub(super) fn enter(&self, phase: Phase) {
        let mut state = locked(&self.state);
        state.0 = phase;
        if phase == Phase::Idle {
            state.1 = None;
        }
    }

    /// What had to be read is read.
    pub(super) fn begun(&self) {
        let mut state = locked(&self.state);
        if state.0 == Phase::Beginning {
            state.0 = Phase::Leading;
        }
    }

    /// Waits until nobody works under it.
    pub(super) async fn idle(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.turns).write_owned().await
    }
}

impl WriteGuard for Lead {
    fn permit(&self, attempt: Duration) -> Result<(), String> {
        match *locked(&self.state) {
            (Phase::Leading, Some(deadline)) if Instant::now() + attempt < deadline => Ok(()),
            (Phase::Leading, Some(_)) => {
                Err(format!("the Lease {} ends before an attempt of {} s could", self.lease, attempt.as_secs_f32()))
            }
            _ => Err(format!("the Lease {} is not held", self.lease)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_written_after_the_deadline_nor_before_or_after_leading() {
        let (lead, second) = (Arc::new(Lead::new("a".to_owned())), Duration::from_secs(1));
        assert!(lead.permit(second).is_err() && lead.turn().is_none());
        lead.hold(Instant::now(), Duration::from_secs(15));
        for (phase, may) in
            [(Phase::Beginning, false), (Phase::Leading, true), (Phase::Ending, false), (Phase::Leading, true)]
        {
            lead.enter(phase);
            assert_eq!((lead.permit(second).is_ok(), lead.turn().is_some()), (may, may), "{phase:?}");
        }
        assert!(lead.permit(Duration::from_secs(15)).unwrap_err().contains("ends before an attempt"));
        let turn = lead.turn().unwrap();
        assert_eq!(turn.while_current(async { 1 }).await, Some(1));
        let sent = Instant::now().checked_sub(Duration::from_secs(16)).unwrap();
        lead.hold(sent, Duration::from_secs(15));
        assert!(lead.permit(Duration::ZERO).is_err() && lead.turn().is_none() && !lead.is_current());
        assert_eq!(turn.while_current(async { 1 }).await, None);
        lead.enter(Phase::Idle);
        assert!(lead.permit(Duration::ZERO).unwrap_err().contains("is not held"));
    }

    #[tokio::test]
    async fn who_works_is_waited_for_and_nobody_begins_meanwhile() {
        let lead = Arc::new(Lead::new("a".to_owned()));
        lead.hold(Instant::now(), Duration::from_secs(15));
        lead.enter(Phase::Leading);
        let turn = lead.turn().unwrap();
        let waiting = tokio::spawn({
            let lead = Arc::clone(&lead);
            async move { drop(lead.idle().await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished() && lead.turn().is_none());
        drop(turn);
        waiting.await.unwrap();
        assert!(lead.turn().is_some());
    }
}
