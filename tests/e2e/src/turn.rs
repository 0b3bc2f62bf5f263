//! Turns of tests: as many at a time as keep the machine busy.
//!
//! Some tests work, others wait for minutes of somebody's clock. With a fixed number at a time either the first are late for
//! everything, or the machine idles through the second. So how many go on follows what the cores do: one more while they idle,
//! one less while they do not at all.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At least so many may go on, for each core. More to begin with take longer in all: what waits for a core makes the others slow,
/// also in seconds of a core. With six for each core the same tests took a third more of those than with four.
const FEW: usize = 4;

/// No more than this go on, however many cores there are: each has servers, which take memory (350 MB at first, twice as much
/// after minutes).
const MOST: usize = 20;

/// While the cores idle for more than this, of a hundred, there is room for one more.
const IDLE_PERCENT: u64 = 8;

/// While they idle for less than this, there is one too many.
const BUSY_PERCENT: u64 = 2;

/// How long it is looked at before the number changes again. What one test takes is to be seen before the next one.
const LOOK: Duration = Duration::from_secs(2);

/// Tests that take half a minute or more, by the beginnings of their names. They come first: one that begins late ends alone,
/// while a core idles.
const LONG: [&str; 20] = [
    "at_rest",
    "attestations::attestations_become_due",
    "canary_secrets::",
    "checkpoints",
    "degraded_starts::",
    "demo",
    "events::",
    "exceptions::",
    "failover::",
    "faults::",
    "gate_in_s3::",
    "guardrail_adversity::",
    "guardrail_combinations::",
    "guardrail_crashes::",
    "guardrail_holds::",
    "guardrail_rollouts::a_changed",
    "guardrail_turns::what_a_person_undoes",
    "least_privilege",
    "pages_",
    "replicas::",
];

/// How often the one that is next looks again; the others look less often.
const PAUSE: Duration = Duration::from_millis(300);

static TURNS: Mutex<Turns> = Mutex::new(Turns { running: 0, room: 0, came: 0, waiting: BTreeSet::new(), before: None });

struct Turns {
    running: usize,
    /// How many may run.
    room: usize,
    /// How many ever asked for one.
    came: usize,
    /// Those of them that wait; the first one is next.
    waiting: BTreeSet<Place>,
    /// When it was looked last, and what the kernel had counted then.
    before: Option<(Instant, Times)>,
}

/// What all cores did since the machine started, in ticks of the kernel.
#[derive(Clone, Copy)]
struct Times {
    idle: u64,
    all: u64,
}

/// A test's turn, until it is dropped.
pub struct Turn(());

impl Turn {
    /// Waits for one. A test takes one, before it starts anything.
    pub async fn take() -> Self {
        let queued = Queued::new();
        while let Some(ahead) = turns(|turns| turns.ahead_of(queued.0)) {
            tokio::time::sleep(PAUSE * ahead.clamp(1, 10)).await;
        }
        Self(())
    }
}

/// A place in the queue: before those that are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    short: bool,
    /// How many had come with it.
    came: usize,
}

/// Who has a place, until it is dropped.
struct Queued(Place);

impl Queued {
    fn new() -> Self {
        // A test's thread has the test's name.
        let short = std::thread::current().name().is_none_or(|name| !LONG.iter().any(|long| name.starts_with(long)));
        turns(|turns| {
            turns.came += 1;
            let place = Place { short, came: turns.came };
            turns.waiting.insert(place);
            Self(place)
        })
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        turns(|turns| turns.waiting.remove(&self.0));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        turns(|turns| turns.running -= 1);
    }
}

impl Turns {
    /// How many are to go on before this one; `None` when it goes on now.
    fn ahead_of(&mut self, place: Place) -> Option<u32> {
        let ahead = self.waiting.range(..place).map(|_| 1).sum();
        if ahead == 0 {
            self.look();
            if self.running < self.room {
                self.running += 1;
                return None;
            }
        }
        Some(ahead)
    }

    /// Changes the room by what the cores did since it was looked last.
    fn look(&mut self) {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let few = (FEW * cores).min(MOST);
        self.room = self.room.max(few);
        let Some(now) = times() else { return };
        match self.before {
            Some((at, _)) if at.elapsed() < LOOK => return,
            Some((_, before)) => {
                // The kernel says that the time of waiting for disks may also go back.
                let idle = now.idle.saturating_sub(before.idle) * 100;
                let all = now.all.saturating_sub(before.all);
                if idle > all * IDLE_PERCENT && self.running >= self.room {
                    self.room = (self.room + 1).min(MOST);
                } else if idle < all * BUSY_PERCENT {
                    self.room = (self.room - 1).max(few);
                }
            }
            None => {}
        }
        self.before = Some((Instant::now(), now));
    }
}

fn turns<T>(with: impl FnOnce(&mut Turns) -> T) -> T {
    with(&mut TURNS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// From the first line of /proc/stat; `None` where there is none.
fn times() -> Option<Times> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; what follows is in user already.
    let all = ticks.iter().take(8).sum();
    Some(Times { idle: ticks.get(3)? + ticks.get(4)?, all })
}
