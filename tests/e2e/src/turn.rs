//! Turns of tests: as many at a time as keep the machine busy.
//!
//! Some tests work, others wait for minutes of somebody's clock. With a fixed number at a time either the first are late for
//! everything, or the machine idles through the second. So a few may always go on, and another one only while cores idle.
//! Few: what waits for a core makes the others slow, also in seconds of a core. With six for each core to begin with the same
//! tests took a third more of those than with four.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many may go on, for each core.
const FEW: usize = 4;

/// No more than this go on, for each core: each has servers, which take memory (350 MB at first, twice as much after minutes).
const MOST: usize = 10;

/// Cores that idle at most when another one has to wait, of a hundred.
const IDLE_PERCENT: u64 = 8;

/// How long it is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How often one that waits looks again.
const PAUSE: Duration = Duration::from_millis(300);

static TURNS: Mutex<Turns> =
    Mutex::new(Turns { running: 0, came: 0, waiting: BTreeSet::new(), before: None, idle: false });

struct Turns {
    running: usize,
    /// How many ever asked for one.
    came: usize,
    /// Those of them that wait. Who came first goes first: who is overtaken for long ends last, alone.
    waiting: BTreeSet<usize>,
    /// When it was looked last, and what the kernel had counted then.
    before: Option<(Instant, Times)>,
    idle: bool,
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
        let place = Place::last();
        while !turns(|turns| turns.admits(&place)) {
            tokio::time::sleep(PAUSE).await;
        }
        Self(())
    }
}

/// A place in the queue, until it is dropped.
struct Place(usize);

impl Place {
    fn last() -> Self {
        turns(|turns| {
            turns.came += 1;
            turns.waiting.insert(turns.came);
            Self(turns.came)
        })
    }
}

impl Drop for Place {
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
    fn admits(&mut self, place: &Place) -> bool {
        if self.waiting.first() != Some(&place.0) {
            return false;
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let admits = self.running < FEW * cores || (self.running < MOST * cores && self.look());
        if admits {
            self.running += 1;
            // What this one takes is to be seen before the next one.
            self.before = None;
            self.idle = false;
        }
        admits
    }

    /// Whether cores idle.
    fn look(&mut self) -> bool {
        match (self.before, times()) {
            (Some((at, before)), Some(now)) if at.elapsed() >= LOOK => {
                self.idle = (now.idle - before.idle) * 100 > (now.all - before.all) * IDLE_PERCENT;
                self.before = Some((Instant::now(), now));
            }
            (None, Some(now)) => self.before = Some((Instant::now(), now)),
            _ => {}
        }
        self.idle
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
