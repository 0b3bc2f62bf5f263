//! The part of a document that is in memory.

use std::io::{self, Read};

use memchr::{memchr_iter, memchr2, memrchr};

use super::BLOCK;
use super::document::{Result, Stop};
use crate::MAX_FINDING;
use crate::fault::Fault;

/// Reads on when it is at its end.
pub(crate) struct Window<R> {
    input: R,
    failed: Option<io::Error>,
    text: Vec<u8>,
    at: usize,
    /// The line of the place, from 1.
    pub(crate) line: u64,
    /// Bytes of the line before the text.
    column: usize,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(input: R, failed: Option<io::Error>) -> Self {
        Self { input, failed, text: Vec::new(), at: 0, line: 1, column: 0 }
    }

    /// The byte at the place; `None` at the end.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>> {
        if self.at >= self.text.len() {
            self.fill()?;
        }
        Ok(self.text.get(self.at).copied())
    }

    /// Goes over one byte that is no end of a line.
    pub(crate) fn step(&mut self) {
        self.at += 1;
    }

    /// Goes over blanks.
    pub(crate) fn blanks(&mut self) -> Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                }
                Some(b' ' | b'\r' | b'\t') => self.at += 1,
                other => return Ok(other),
            }
        }
    }

    /// Bytes before the place on its line.
    pub(crate) fn column(&self) -> usize {
        let before = self.text.get(..self.at).unwrap_or_default();
        memrchr(b'\n', before).map_or(self.column + before.len(), |at| before.len() - at - 1)
    }

    /// Copies the value at the place; of one with more bytes than `most`, only those. Gives whether it is whole.
    pub(crate) fn value(&mut self, into: &mut Vec<u8>, most: usize) -> Result<bool> {
        let room = into.len() + most;
        let mut state = State::default();
        loop {
            if self.peek()?.is_none() {
                return if state.within == Within::Scalar {
                    Ok(into.len() < room)
                } else {
                    Err(Stop::Fault(Fault::CutOff))
                };
            }
            let rest = self.text.get(self.at..).unwrap_or_default();
            let (length, ended) = state.go(rest).map_err(|at| Stop::Fault(Fault::Syntax(self.column() + at)))?;
            let taken = rest.get(..length).unwrap_or_default();
            self.line += memchr_iter(b'\n', taken).count() as u64;
            let kept = taken.len().min(room.saturating_sub(into.len()));
            into.extend_from_slice(taken.get(..kept).unwrap_or_default());
            self.at += length;
            if ended {
                return Ok(into.len() < room);
            }
        }
    }

    fn fill(&mut self) -> Result<()> {
        self.column = self.column();
        self.text.clear();
        self.at = 0;
        match self.input.by_ref().take(BLOCK as u64).read_to_end(&mut self.text) {
            Ok(_) => {}
            Err(error) => drop(self.failed.get_or_insert(error)),
        }
        match self.failed.take_if(|_| self.text.is_empty()) {
            Some(error) => Err(Stop::Failed(error)),
            None => Ok(()),
        }
    }
}

/// How far into a value the place is.
#[derive(Default)]
struct State {
    within: Within,
    /// Brackets around the place, innermost last.
    open: Vec<u8>,
}

/// What the place is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    /// The value has not begun.
    #[default]
    Nothing,
    /// A number or a word, which ends where something else begins.
    Scalar,
    String,
    /// A string, behind a backslash.
    Escape,
    Brackets,
}

impl State {
    /// Goes on through `text`; gives how many of its bytes belong to the value, and whether it ends there. An error is the
    /// place of a byte that does not belong there.
    fn go(&mut self, text: &[u8]) -> std::result::Result<(usize, bool), usize> {
        let mut at = 0;
        while let Some(byte) = text.get(at).copied() {
            match self.within {
                Within::String | Within::Escape => {
                    let Some(end) = self.string(text, at) else { return Ok((text.len(), false)) };
                    at = end;
                    if self.open.is_empty() {
                        return Ok((at, true));
                    }
                    continue;
                }
                Within::Scalar if matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t') => {
                    return Ok((at, true));
                }
                Within::Scalar => {}
                Within::Nothing | Within::Brackets => {
                    if self.bracket(byte).ok_or(at)? {
                        return Ok((at + 1, true));
                    }
                }
            }
            at += 1;
        }
        Ok((text.len(), false))
    }

    /// Takes in a byte outside of strings; gives whether it ends the value. `None`: it does not belong there.
    fn bracket(&mut self, byte: u8) -> Option<bool> {
        match byte {
            b'"' => self.within = Within::String,
            b'{' | b'[' if self.open.len() < MAX_FINDING => {
                self.open.push(byte);
                self.within = Within::Brackets;
            }
            b'{' | b'[' => return None,
            b'}' | b']' => {
                let opened = if byte == b'}' { b'{' } else { b'[' };
                self.open.pop().filter(|open| *open == opened)?;
                return Some(self.open.is_empty());
            }
            b',' if self.open.is_empty() => return None,
            _ if self.open.is_empty() => self.within = Within::Scalar,
            _ => {}
        }
        Some(false)
    }

    /// Goes on in a string; gives the place behind its end.
    fn string(&mut self, text: &[u8], mut at: usize) -> Option<usize> {
        loop {
            if self.within == Within::Escape {
                self.within = Within::String;
                at += 1;
            }
            let found = at + memchr2(b'"', b'\\', text.get(at..)?)?;
            at = found + 1;
            if text.get(found) == Some(&b'"') {
                self.within = Within::Brackets;
                return Some(at);
            }
            self.within = Within::Escape;
            if at >= text.len() {
                return None;
            }
        }
    }
}
