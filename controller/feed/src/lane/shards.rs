//! Which shard of a lane is swept next, and what becomes of it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use soc2_aws::AwsError;
use soc2_posture::ids::{AccountId, Region};
use tokio::time::Instant;

use super::{Lane, Run, next_id};
use crate::timer::wait_after;

/// Most accounts of a shard: the most values that a filter takes.
const SHARD: usize = 20;
/// Fewest accounts of a shard, while there are enough.
const LEAST: usize = 5;

/// A shard to sweep.
pub(crate) struct Order {
    pub(crate) accounts: BTreeSet<AccountId>,
    /// Tells it from others.
    id: u64,
    /// It counts for the full sweep that is under way.
    pub(crate) of_run: bool,
}

impl Lane {
    /// Accounts that are not completely swept in every Region that shows their findings.
    pub(crate) fn unswept(&self) -> BTreeSet<AccountId> {
        let is_swept =
            |region: &Region, id: &AccountId| self.record.swept.get(region).is_some_and(|swept| swept.contains(id));
        let lacks = |id: &&AccountId| {
            let mut hubs = self.record.hubs.iter();
            hubs.any(|reading| self.shows(reading, **id) && !is_swept(&reading.hub.region, id))
        };
        self.record.accounts.iter().filter(lacks).copied().collect()
    }

    /// When the next full sweep is due.
    pub(crate) fn sweep_due(&self, interval: Duration) -> Option<Timestamp> {
        let last = self.record.last_sweep?;
        due_after(last.started_at, last.completed_at, interval)
    }

    /// Begins a full sweep when it is due, or when nothing was swept yet.
    pub(crate) fn begin_run(&mut self, interval: Duration, now: Timestamp, throttled_before: u64) {
        let due = match (&self.record.run, self.sweep_due(interval)) {
            (Some(run), _) => self.stuck(run) && now.duration_since(run.started_at) >= signed(interval),
            (None, Some(due)) => due <= now,
            (None, None) => true,
        };
        if due && !self.wanted.is_empty() {
            let left = BTreeSet::clone(&self.wanted);
            let (total, requests) = (left.len(), 0);
            let run =
                Run { started_at: now, total, left, requests, throttled_before, unattributable: false, logged: 0 };
            self.record.run = Some(run);
            let key = &self.record.key;
            if key.account.is_none() {
                tracing::debug!(source = %key.source, region = %key.region, accounts = total, "full sweep begins");
            }
        }
    }

    /// Whether all that is left of a full sweep has failed: the rest must not wait for it for ever.
    fn stuck(&self, run: &Run) -> bool {
        run.left.iter().all(|id| self.held.contains_key(id))
    }

    /// The next shard, unless so many are under way: accounts that were never swept first.
    pub(crate) fn next_shard(&mut self, at_once: usize, now: Instant) -> Option<Order> {
        if self.shards >= at_once || self.paused.is_some_and(|(until, _)| now < until) {
            return None;
        }
        let free = |id: &AccountId| {
            !self.in_flight.contains_key(id) && self.held.get(id).is_none_or(|(until, _)| *until <= now)
        };
        let left = self.record.run.iter().flat_map(|run| &run.left);
        let mut accounts: BTreeSet<AccountId> = self.unswept().into_iter().filter(free).collect();
        if accounts.is_empty() {
            accounts = left.copied().filter(free).collect();
        }
        let size = shard_size(accounts.len(), at_once);
        let accounts: BTreeSet<AccountId> = accounts.into_iter().take(size).collect();
        if accounts.is_empty() {
            return None;
        }
        let id = next_id();
        self.in_flight.extend(accounts.iter().map(|account| (*account, id)));
        self.shards += 1;
        Some(Order { id, accounts, of_run: self.record.run.is_some() })
    }

    /// A shard ended, well or not. Gives the accounts for which it counts.
    pub(crate) fn shard_ended(&mut self, order: &Order) -> BTreeSet<AccountId> {
        self.shards = self.shards.saturating_sub(1);
        let counts = |account: &&AccountId| self.in_flight.get(*account) == Some(&order.id);
        let counted: BTreeSet<AccountId> = order.accounts.iter().filter(counts).copied().collect();
        self.in_flight.retain(|_, shard| *shard != order.id);
        counted
    }

    /// A shard is complete and installed for `counted`; `seen` are those that have findings.
    pub(crate) fn shard_done(
        &mut self,
        counted: &BTreeSet<AccountId>,
        of_run: bool,
        regions: &BTreeSet<Region>,
        seen: &BTreeSet<AccountId>,
    ) {
        self.paused = None;
        self.landed.push((Instant::now(), counted.clone()));
        for id in counted {
            self.held.remove(id);
            if self.record.departed.contains(id) && !seen.contains(id) {
                self.record.departed.remove(id);
            }
        }
        for region in regions {
            let hub = self.record.hubs.iter().find(|reading| reading.hub.region == *region);
            let shown = counted.iter().copied().filter(|id| hub.is_some_and(|reading| self.shows(reading, *id)));
            let shown: Vec<AccountId> = shown.filter(|id| self.record.accounts.contains(id)).collect();
            self.record.swept.entry(region.clone()).or_default().extend(shown);
        }
        if let Some(run) = self.record.run.as_mut().filter(|_| of_run) {
            run.left.retain(|id| !counted.contains(id));
        }
        if self.held.is_empty() {
            self.sweep_error = None;
        }
        self.want();
    }

    /// A shard failed: it is tried again later, and so is the rest.
    pub(crate) fn shard_failed(&mut self, counted: &BTreeSet<AccountId>, error: AwsError, now: Instant) {
        self.sweep_error = Some(error);
        for id in counted {
            let failures = self.held.get(id).map_or(0, |(_, failures)| *failures) + 1;
            self.held.insert(*id, (now + wait_after(failures), failures));
        }
        let failures = self.paused.map_or(0, |(_, failures)| failures) + 1;
        self.paused = Some((now + wait_after(failures), failures));
    }

    /// When something can begin that cannot now.
    pub(crate) fn wake(&self) -> impl Iterator<Item = Instant> + '_ {
        self.held.values().map(|(until, _)| *until).chain(self.paused.map(|(until, _)| until))
    }

    /// Shards in all, and those that are complete.
    pub(crate) fn shard_counts(&self, at_once: usize) -> (usize, usize) {
        let all = shards_of(self.record.accounts.len(), at_once);
        (all, all.saturating_sub(shards_of(self.unswept().len(), at_once)))
    }

    /// Shards of the full sweep that is under way: done, and in all.
    pub(crate) fn progress(&self, at_once: usize) -> Option<(usize, usize)> {
        let run = self.record.run.as_ref()?;
        let all = shards_of(run.total, at_once);
        Some((all.saturating_sub(shards_of(run.left.len(), at_once)), all))
    }
}

fn signed(interval: Duration) -> SignedDuration {
    SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX)
}

/// How many shards are in flight: enough that the permitted rate is used at AWS's latency (0.8 s), and two more, for its spread and for the end.
pub(crate) fn at_once(per_second: u32) -> usize {
    (per_second.saturating_mul(8).div_ceil(10) as usize + 2).clamp(3, 6)
}

/// Accounts of the next shard when so many are left: smaller and smaller towards the end, so that those in flight end at about the same
/// time and the rate is used to the end. Not too small, because each shard costs a page or two more than its findings fill.
fn shard_size(left: usize, at_once: usize) -> usize {
    let least = LEAST.min(left.div_ceil(at_once));
    left.div_ceil(2 * at_once).clamp(least, SHARD)
}

/// How many shards so many accounts make.
fn shards_of(accounts: usize, at_once: usize) -> usize {
    let rest = |left: &usize| Some(left - shard_size(*left, at_once)).filter(|left| *left > 0);
    std::iter::successors(Some(accounts).filter(|all| *all > 0), rest).count()
}

/// Sweeps begin an interval apart, and leave two thirds of the time to everything else.
fn due_after(started: Timestamp, completed: Timestamp, interval: Duration) -> Option<Timestamp> {
    let length = completed.duration_since(started);
    started.checked_add(signed(interval).max(length.saturating_mul(3))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_at_least_three_times_the_length_of_the_last_sweep() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let due =
            |completed: &str| due_after(at("2026-11-26T00:00:00Z"), at(completed), Duration::from_hours(12)).unwrap();
        assert_eq!(due("2026-11-26T00:10:00Z"), at("2026-11-26T12:00:00Z"));
        assert_eq!(due("2026-11-26T04:00:00Z"), at("2026-11-26T12:00:00Z"));
        assert_eq!(due("2026-11-26T05:00:00Z"), at("2026-11-26T15:00:00Z"));
    }
}
