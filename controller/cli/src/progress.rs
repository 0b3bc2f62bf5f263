//! How far a long reading is, on standard error.

use std::io::{self, IsTerminal, Read, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A reading that takes longer than this says so.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it says how far it is: on a terminal, where the line is written over, and elsewhere.
const INTERVALS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(10)];

/// Says how far something is, when it takes long.
#[derive(Debug)]
pub struct Progress {
    state: Mutex<State>,
    terminal: bool,
    quiet: bool,
}

#[derive(Debug)]
struct State {
    due: Instant,
    /// A line stands on the terminal that is to be written over.
    open: bool,
}

impl Progress {
    /// Progress of what begins now; `quiet`: none.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let state = State { due: Instant::now() + PATIENCE, open: false };
        Self { state: Mutex::new(state), terminal: io::stderr().is_terminal(), quiet }
    }

    /// Says this, unless it is too early again.
    pub fn say(&self, words: impl FnOnce() -> String) {
        let (false, Ok(mut state)) = (self.quiet, self.state.lock()) else { return };
        let now = Instant::now();
        if now < state.due {
            return;
        }
        state.due = now + INTERVALS[usize::from(!self.terminal)];
        state.open = self.terminal;
        // Where nobody can see it, nothing is lost.
        let _ = if self.terminal {
            write!(io::stderr(), "\r\x1b[2K{}", words())
        } else {
            writeln!(io::stderr(), "{}", words())
        };
    }

    /// Takes the line away.
    pub fn end(&self) {
        if let Ok(mut state) = self.state.lock()
            && std::mem::take(&mut state.open)
        {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// A file that says how far it is read.
pub struct Watched<'p, R> {
    input: R,
    progress: &'p Progress,
    name: String,
    read: u64,
    size: Option<u64>,
}

impl<'p, R: Read> Watched<'p, R> {
    /// Watches the reading of the file of this name, of `size` bytes where that is known.
    pub fn new(input: R, name: &str, size: Option<u64>, progress: &'p Progress) -> Self {
        Self { input, progress, name: name.to_owned(), read: 0, size }
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.read += length as u64;
        let (name, read) = (&self.name, self.read);
        self.progress.say(|| match self.size {
            Some(size) if size > 0 => format!("{name}: {} % of {}", read * 100 / size, megabytes(size)),
            _ => format!("{name}: {}", megabytes(read)),
        });
        Ok(length)
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}
