//! Cuts at the ends of lines.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memrchr};

use super::{BLOCK, Block};
use crate::MAX_FINDING;
use crate::fault::Fault;
use crate::finding::id_of;
use crate::input::unreadable;

pub(crate) struct LineCutter<R> {
    input: R,
    /// What was read behind the last end of a line.
    rest: Vec<u8>,
    /// The line on which `rest` begins.
    line: u64,
    /// In a line that is too large.
    discarding: bool,
    failed: Option<io::Error>,
    ended: bool,
}

impl<R: Read> LineCutter<R> {
    /// `failed`: what was read from `input` already is all that can be.
    pub(crate) fn new(input: R, failed: Option<io::Error>) -> Self {
        Self { input, rest: Vec::new(), line: 1, discarding: false, failed, ended: false }
    }

    pub(crate) fn next(&mut self, block: &mut Block) -> bool {
        while !self.ended {
            std::mem::swap(&mut block.text, &mut self.rest);
            self.rest.clear();
            self.fill(&mut block.text);
            if self.discarding {
                self.discard(&mut block.text);
            }
            let end = if self.ended && self.failed.is_none() {
                block.text.len()
            } else {
                memrchr(b'\n', &block.text).map_or(0, |at| at + 1)
            };
            self.rest.extend_from_slice(block.text.get(end..).unwrap_or_default());
            block.text.truncate(end);
            self.cut(block);
            self.look_at_rest(block);
            if !block.pieces.is_empty() || !block.problems.is_empty() {
                return true;
            }
        }
        false
    }

    /// Reads on.
    fn fill(&mut self, text: &mut Vec<u8>) {
        match self.input.by_ref().take(BLOCK as u64).read_to_end(text) {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            Err(error) => {
                self.failed.get_or_insert(error);
                self.ended = true;
            }
        }
    }

    /// Drops the rest of a line that is too large.
    fn discard(&mut self, text: &mut Vec<u8>) {
        if let Some(end) = memchr(b'\n', text) {
            text.drain(..=end);
            self.line += 1;
            self.discarding = false;
        } else {
            text.clear();
        }
    }

    /// Each line that is not blank is a piece.
    fn cut(&mut self, block: &mut Block) {
        let mut start = 0;
        let text = &block.text;
        let unended = (!text.is_empty() && !text.ends_with(b"\n")).then_some(text.len());
        for end in memchr_iter(b'\n', text).chain(unended) {
            let line = text.get(start..end).unwrap_or_default();
            if !line.iter().all(u8::is_ascii_whitespace) {
                block.pieces.push((start..end, self.line));
            }
            self.line += 1;
            start = end + 1;
        }
    }

    /// A line without an end may be too large already, or all there is.
    fn look_at_rest(&mut self, block: &mut Block) {
        if let Some(error) = self.failed.take_if(|_| self.ended) {
            block.problem(self.line, id_of(&self.rest), unreadable(&error));
        } else if self.rest.len() > MAX_FINDING {
            block.problem(self.line, id_of(&self.rest), Fault::TooLarge);
            self.rest.clear();
            self.discarding = true;
        }
    }
}
