//! The rate limiter: one queue for each (account, Region, operation), shared by the whole process.
//!
//! A queue hands out start times, evenly spaced, first come first served; how many calls are under way at once does not matter. So callers
//! that are enough for AWS's latency use the whole rate, and none comes too early. A caller that gives up waiting costs nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as Queue;
use tokio::time::{Instant, sleep_until};

use crate::rates;

/// After a throttled answer the rate is halved, but never below this share.
const SLOWEST: f64 = 0.25;
/// How long it takes to come back from nothing to the whole rate.
const RECOVERY: Duration = Duration::from_mins(1);
/// How late a start may be without moving those after it, as a part of the interval: timers are coarse, and a busy machine more
/// so. We take less of AWS's rates than this could use up.
const LATENESS: u32 = 10;

/// What is limited: AWS counts for each account and Region, each operation on its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub account: String,
    pub region: String,
    pub service: &'static str,
    pub operation: &'static str,
}

/// All queues.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    lanes: Mutex<HashMap<Key, Arc<Lane>>>,
}

impl Limiter {
    /// The queue of one operation.
    pub(crate) fn lane(&self, key: &Key) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(key) {
            return Arc::clone(lane);
        }
        let lane = Arc::new(Lane::new(rates::rate(key.service, key.operation)));
        lanes.insert(key.clone(), Arc::clone(&lane));
        lane
    }
}

/// The queue of one operation in one account and Region.
#[derive(Debug)]
pub(crate) struct Lane {
    /// When the next call may start. Whoever holds the lock is first in the queue.
    next: Queue<Option<Instant>>,
    pace: Mutex<Pace>,
}

#[derive(Debug)]
struct Pace {
    per_second: f64,
    /// Rates asked for by those who use the lane; the smallest wins over the default.
    asked: BTreeMap<u64, f64>,
    asks: u64,
    /// The share of the rate that was left by the last slow-down, and when that was.
    slowed: Option<(f64, Instant)>,
}

impl Pace {
    /// The share of the rate that holds at `now`.
    fn share(&self, now: Instant) -> f64 {
        self.slowed.map_or(1.0, |(left, at)| {
            let recovered = now.saturating_duration_since(at).as_secs_f64() / RECOVERY.as_secs_f64();
            (left + recovered).min(1.0)
        })
    }

    fn interval(&self, now: Instant) -> Duration {
        let asked = self.asked.values().copied().min_by(f64::total_cmp).unwrap_or(self.per_second);
        Duration::from_secs_f64(1.0 / (asked.max(0.01) * self.share(now)))
    }
}

impl Lane {
    fn new(per_second: f64) -> Self {
        let pace = Pace { per_second, asked: BTreeMap::new(), asks: 0, slowed: None };
        Self { next: Queue::new(None), pace: Mutex::new(pace) }
    }

    fn pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a rate for as long as the answer lives.
    pub(crate) fn ask(self: &Arc<Self>, per_second: f64) -> Ask {
        let mut pace = self.pace();
        pace.asks += 1;
        let id = pace.asks;
        pace.asked.insert(id, per_second);
        Ask { lane: Arc::clone(self), id }
    }

    /// Waits until a call may start.
    pub(crate) async fn start(self: &Arc<Self>) -> Start {
        let mut next = self.next.lock().await;
        if let Some(due) = *next {
            sleep_until(due).await;
        }
        let now = Instant::now();
        // Counted from when it was due, or being a little late each time would lose some of the rate.
        let interval = self.pace().interval(now);
        let in_time = |due: &Instant| now.saturating_duration_since(*due) <= interval / LATENESS;
        *next = Some(next.filter(in_time).unwrap_or(now) + interval);
        Start { lane: Arc::clone(self), at: now }
    }
}

/// A rate that someone asked for.
#[derive(Debug)]
pub(crate) struct Ask {
    lane: Arc<Lane>,
    id: u64,
}

impl Drop for Ask {
    fn drop(&mut self) {
        self.lane.pace().asked.remove(&self.id);
    }
}

/// A call that may start.
#[derive(Debug)]
pub(crate) struct Start {
    lane: Arc<Lane>,
    at: Instant,
}

impl Start {
    /// The call was throttled all the same: slower for a while. Calls that had started before the last slow-down do not count again.
    /// Gives whether it is news: the whole rate was taken before.
    pub(crate) fn throttled(&self) -> bool {
        let now = Instant::now();
        let mut pace = self.lane.pace();
        let news = pace.share(now) >= 1.0;
        if pace.slowed.is_none_or(|(_, at)| self.at > at) {
            pace.slowed = Some(((pace.share(now) / 2.0).max(SLOWEST), now));
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(account: &str, region: &str) -> Key {
        Key { account: account.to_owned(), region: region.to_owned(), service: "securityhub", operation: "GetFindings" }
    }

    /// Starts `calls` calls of 800 ms each from `workers` tasks, and gives when each started, in milliseconds.
    async fn run(lanes: Vec<Arc<Lane>>, calls: usize) -> Vec<u128> {
        let left = Arc::new(AtomicUsize::new(calls));
        let began = Instant::now();
        let tasks = lanes.into_iter().map(|lane| {
            let left = Arc::clone(&left);
            tokio::spawn(async move {
                let mut starts = Vec::new();
                while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
                    let _start = lane.start().await;
                    starts.push(began.elapsed().as_millis());
                    tokio::time::sleep(Duration::from_millis(800)).await;
                }
                starts
            })
        });
        let mut starts: Vec<u128> =
            futures::future::join_all(tasks).await.into_iter().flat_map(|task| task.expect("a worker")).collect();
        starts.sort_unstable();
        starts
    }

    #[tokio::test(start_paused = true)]
    async fn starts_are_evenly_spaced_and_use_the_whole_rate() {
        let limiter = Limiter::default();
        let lane = limiter.lane(&key("222222222222", "eu-west-1"));
        let starts = run(vec![lane; 4], 200).await;
        for pair in starts.windows(2) {
            assert!((495..=505).contains(&(pair[1] - pair[0])), "{pair:?}");
        }
        // 2 a second: 199 intervals of 500 ms.
        let used = 199.0 * 500.0 / starts[199] as f64;
        assert!(used >= 0.98, "{used}");
        assert!(used <= 1.001, "{used}");
    }

    #[tokio::test(start_paused = true)]
    async fn being_a_little_late_each_time_loses_nothing_of_the_rate() {
        let limiter = Limiter::default();
        let lane = limiter.lane(&key("222222222222", "eu-west-1"));
        let began = Instant::now();
        lane.start().await;
        for call in 1..100_u64 {
            // Who is woken late takes the lane late.
            tokio::time::sleep_until(began + Duration::from_millis(500 * call + 40)).await;
            lane.start().await;
        }
        let before = Instant::now();
        lane.start().await;
        assert_eq!(before.elapsed(), Duration::from_millis(460));
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_and_regions_do_not_wait_for_each_other() {
        let limiter = Limiter::default();
        for key in
            [key("222222222222", "eu-west-1"), key("222222222222", "us-east-1"), key("333333333333", "eu-west-1")]
        {
            let before = Instant::now();
            limiter.lane(&key).start().await;
            assert_eq!(before.elapsed(), Duration::ZERO);
        }
        let before = Instant::now();
        limiter.lane(&key("222222222222", "eu-west-1")).start().await;
        assert!(before.elapsed() >= Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn the_smallest_rate_asked_for_wins_while_it_is_asked_for() {
        let limiter = Limiter::default();
        let lane = limiter.lane(&key("222222222222", "eu-west-1"));
        let _five = lane.ask(5.0);
        lane.start().await;
        let before = Instant::now();
        lane.start().await;
        assert_eq!(before.elapsed().as_millis(), 200);
        let one = lane.ask(1.0);
        lane.start().await;
        let before = Instant::now();
        lane.start().await;
        assert_eq!(before.elapsed().as_millis(), 1000);
        drop(one);
        lane.start().await;
        let before = Instant::now();
        lane.start().await;
        assert_eq!(before.elapsed().as_millis(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_costs_nothing() {
        let limiter = Limiter::default();
        let lane = limiter.lane(&key("222222222222", "eu-west-1"));
        let began = Instant::now();
        lane.start().await;
        for _ in 0..10 {
            assert!(tokio::time::timeout(Duration::from_millis(10), lane.start()).await.is_err());
        }
        lane.start().await;
        assert!(began.elapsed() <= Duration::from_millis(505), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_does_not_make_a_burst() {
        let limiter = Limiter::default();
        let lane = limiter.lane(&key("222222222222", "eu-west-1"));
        lane.start().await;
        tokio::time::sleep(Duration::from_hours(1)).await;
        let starts = run(vec![lane; 4], 6).await;
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 495), "{starts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_slows_down_once_for_all_that_were_under_way_and_recovers() {
        let limiter = Limiter::default();
        let lane = limiter.lane(&key("222222222222", "eu-west-1"));
        let (first, second) = (lane.start().await, lane.start().await);
        assert!(first.throttled(), "news");
        assert!(!second.throttled(), "said already");
        lane.start().await;
        let before = Instant::now();
        lane.start().await;
        let slowed = before.elapsed();
        assert!(slowed > Duration::from_millis(950) && slowed < Duration::from_millis(1050), "{slowed:?}");
        for _ in 0..20 {
            lane.start().await.throttled();
        }
        lane.start().await;
        let before = Instant::now();
        lane.start().await;
        assert!(before.elapsed() <= Duration::from_millis(2050), "never slower than a quarter");
        tokio::time::sleep(RECOVERY).await;
        lane.start().await;
        let before = Instant::now();
        lane.start().await;
        assert_eq!(before.elapsed().as_millis(), 500);
    }
}
