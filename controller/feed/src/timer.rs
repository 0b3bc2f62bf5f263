//! When something is due that is done again and again.

use std::time::Duration;

use tokio::time::Instant;

/// The wait after the first failure; it doubles from one to the next.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// How long to wait after so many failures in a row.
pub(crate) fn wait_after(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_WAIT)
}

/// Something that is done again and again, never twice at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timer {
    last: Option<Instant>,
    retry: Option<Instant>,
    failures: u32,
    asked: bool,
    running: bool,
}

impl Timer {
    /// When to begin next; `None` while it runs.
    pub(crate) fn due(&self, interval: Duration, now: Instant) -> Option<Instant> {
        if self.running {
            return None;
        }
        if self.asked {
            return Some(now);
        }
        Some(self.retry.or_else(|| self.last.map(|last| last + interval)).unwrap_or(now))
    }

    /// Whether to begin now.
    pub(crate) fn is_due(&self, interval: Duration, now: Instant) -> bool {
        self.due(interval, now).is_some_and(|due| due <= now)
    }

    /// Whether it has ended before.
    pub(crate) fn was_done(&self) -> bool {
        self.last.is_some() && !self.running
    }

    /// Asks for it now; if it runs, for once more after that.
    pub(crate) fn ask(&mut self) {
        self.asked = true;
    }

    /// It begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.last = Some(now);
        self.running = true;
        self.asked = false;
        self.retry = None;
    }

    /// It ended well.
    pub(crate) fn succeed(&mut self) {
        self.running = false;
        self.failures = 0;
    }

    /// It failed: again after a wait, at the latest when it is due anyway.
    pub(crate) fn fail(&mut self, interval: Duration, now: Instant) {
        self.running = false;
        self.failures = self.failures.saturating_add(1);
        self.retry = Some(now + wait_after(self.failures).min(interval.max(FIRST_WAIT)));
    }

    /// It was cut off: due at once.
    pub(crate) fn cut(&mut self) {
        if std::mem::take(&mut self.running) {
            self.asked = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        let seconds: Vec<u64> = [1, 2, 3, 7, 8, 1000].into_iter().map(|n| wait_after(n).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 300, 300, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_for_while_it_runs_is_done_once_more() {
        let (now, hour) = (Instant::now(), Duration::from_hours(1));
        let mut timer = Timer::default();
        assert!(timer.is_due(hour, now));
        timer.begin(now);
        assert_eq!(timer.due(hour, now), None);
        timer.ask();
        assert!(!timer.is_due(hour, now));
        timer.succeed();
        assert!(timer.is_due(hour, now));
        timer.begin(now);
        timer.succeed();
        assert_eq!(timer.due(hour, now), Some(now + hour));
        timer.begin(now);
        timer.fail(hour, now);
        assert_eq!(timer.due(hour, now), Some(now + FIRST_WAIT));
        timer.begin(now);
        timer.cut();
        assert!(timer.is_due(hour, now));
    }
}
