//! Reads a whole file, on one thread or several.

use std::io::Read;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use soc2_posture::finding::Finding;

use crate::cut::{Block, Cutter};
use crate::fault::{Problem, Summary};
use crate::finding::{Broken, Parser};
use crate::input::{Input, Name};

/// Findings that are handed over at once.
const BATCH: usize = 64;

/// Reads all findings of a file. `name` tells what it should be: `.json` or `.jsonl`, perhaps with `.gz` or `.zst` behind.
/// `take` gets the findings in batches, those of different threads in any order.
///
/// Whatever is wrong is in the [`Summary`]; the rest of the file is read all the same.
pub fn read<R, F>(file: R, name: &str, threads: NonZeroUsize, take: F) -> Summary
where
    R: Read + Send,
    F: FnMut(&[Finding]) + Send,
{
    let name = Name::new(name);
    let mut summary = Summary::default();
    let input = match Input::open(file, name) {
        Ok(input) => input,
        Err(fault) => {
            summary.add(vec![Problem { line: 1, id: None, fault }]);
            return summary;
        }
    };
    let shared =
        Shared { cutter: Mutex::new(Cutter::new(input, name)), take: Mutex::new(take), summary: Mutex::new(summary) };
    std::thread::scope(|scope| {
        for _ in 1..threads.get() {
            scope.spawn(|| shared.work());
        }
        shared.work();
    });
    shared.summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What the threads share. Cutting is quick, so that they seldom wait for each other.
struct Shared<R: Read, F> {
    cutter: Mutex<Cutter<Input<R>>>,
    take: Mutex<F>,
    summary: Mutex<Summary>,
}

impl<R: Read, F: FnMut(&[Finding])> Shared<R, F> {
    /// Reads blocks until there are no more.
    fn work(&self) {
        let mut block = Block::default();
        let mut parser = Parser::new();
        let mut batch = vec![Finding::default(); BATCH];
        while lock(&self.cutter).next(&mut block) {
            let mut problems = std::mem::take(&mut block.problems);
            let mut findings = 0;
            for pieces in block.pieces.chunks(BATCH) {
                let mut read = 0;
                for (place, line) in pieces {
                    let (Some(piece), Some(slot)) = (block.text.get(place.clone()), batch.get_mut(read)) else {
                        continue;
                    };
                    match parser.parse_into(piece, slot) {
                        Ok(()) => read += 1,
                        Err(Broken { id, fault }) => problems.push(Problem { line: *line, id, fault }),
                    }
                }
                findings += read as u64;
                lock(&self.take)(batch.get(..read).unwrap_or_default());
            }
            let mut summary = lock(&self.summary);
            summary.findings += findings;
            summary.add(problems);
        }
    }
}

/// A thread that panics takes the whole reading with it, so that what it left is never looked at.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
