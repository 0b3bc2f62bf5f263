//! Eventual consistency: a write is the truth at once, but reads show the old state for a while.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::clock::shifted;

/// A value with its truth and what reads still see.
#[derive(Debug)]
pub(super) struct Lagged<T> {
    truth: T,
    /// Older states with the time until which they are shown, oldest first.
    older: VecDeque<(Timestamp, T)>,
}

impl<T: Clone> Lagged<T> {
    pub(super) fn new(value: T) -> Self {
        Self { truth: value, older: VecDeque::new() }
    }

    /// What is true now; writes are checked against this.
    pub(super) fn truth(&self) -> &T {
        &self.truth
    }

    /// What a read shows at `now`.
    pub(super) fn seen(&self, now: Timestamp) -> &T {
        self.older.iter().find(|(until, _)| *until > now).map_or(&self.truth, |(_, value)| value)
    }

    /// The truth, to be changed at `now`; reads see the change after `lag`.
    pub(super) fn change(&mut self, now: Timestamp, lag: SignedDuration) -> &mut T {
        if lag.is_zero() {
            self.older.clear();
        } else {
            self.older.retain(|(until, _)| *until > now);
            self.older.push_back((shifted(now, lag), self.truth.clone()));
        }
        &mut self.truth
    }

    /// Shows the truth from now on.
    pub(super) fn settle(&mut self) {
        self.older.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn reads_show_each_write_only_after_its_lag() {
        let lag = SignedDuration::from_secs(10);
        let mut value = Lagged::new(1);
        *value.change(at(0), lag) = 2;
        *value.change(at(5), lag) = 3;
        assert_eq!(*value.truth(), 3);
        assert_eq!([0, 9, 10, 14, 15].map(|second| *value.seen(at(second))), [1, 1, 2, 2, 3]);
    }

    #[test]
    fn without_lag_a_write_is_seen_at_once() {
        let mut value = Lagged::new(1);
        *value.change(at(0), SignedDuration::from_secs(10)) = 2;
        *value.change(at(1), SignedDuration::ZERO) = 3;
        assert_eq!(*value.seen(at(1)), 3);
    }

    #[test]
    fn settling_ends_the_lag() {
        let mut value = Lagged::new(1);
        *value.change(at(0), SignedDuration::from_secs(10)) = 2;
        value.settle();
        assert_eq!(*value.seen(at(0)), 2);
    }
}
