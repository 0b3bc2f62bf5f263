//! Cuts documents: `{"Findings": [...], "NextToken": ...}` as the AWS CLI prints them, one or several, or a list alone.
//!
//! Only as much JSON is understood here as finding the ends of values takes; each piece is read strictly afterwards.
//! Where the brackets do not fit, nobody can tell where the next finding begins: the rest of the file is unreadable.

use std::io::{self, Read};

use super::window::Window;
use super::{BLOCK, Block};
use crate::MAX_FINDING;
use crate::fault::Fault;
use crate::finding::id_of;
use crate::input::unreadable;
use crate::json::{Scanner, Work, Wrong};

/// Most members of a document.
const MAX_MEMBERS: usize = 100;

/// Where the cutter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between documents.
    Outside,
    /// In a document.
    Members { first: bool },
    /// In a list of findings, which may be a document of its own.
    Elements { first: bool, alone: bool },
    /// Nothing is read any more.
    End,
}

pub(crate) struct DocumentCutter<R> {
    window: Window<R>,
    place: Place,
    /// The line of what is being read.
    line: u64,
    /// Keys of the document so far.
    keys: Vec<String>,
    documents: u64,
}

/// Why cutting cannot go on.
pub(super) enum Stop {
    Fault(Fault),
    Failed(io::Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

pub(super) type Result<T> = std::result::Result<T, Stop>;

impl<R: Read> DocumentCutter<R> {
    /// `failed`: what was read from `input` already is all that can be.
    pub(crate) fn new(input: R, failed: Option<io::Error>) -> Self {
        Self { window: Window::new(input, failed), place: Place::Outside, line: 1, keys: Vec::new(), documents: 0 }
    }

    pub(crate) fn next(&mut self, block: &mut Block) -> bool {
        while self.place != Place::End && block.text.len() < BLOCK && block.problems.is_empty() {
            let start = block.text.len();
            if let Err(stop) = self.step(block) {
                let fault = match stop {
                    Stop::Fault(fault) => fault,
                    Stop::Failed(error) => unreadable(&error),
                };
                let id = id_of(block.text.get(start..).unwrap_or_default());
                block.text.truncate(start);
                block.problem(self.line, id, fault);
                self.place = Place::End;
            }
        }
        !block.pieces.is_empty() || !block.problems.is_empty()
    }

    /// One document's begin or end, one member, or one element.
    fn step(&mut self, block: &mut Block) -> Result<()> {
        let Some(byte) = self.window.blanks()? else {
            return match self.place {
                Place::Outside if self.documents > 0 => {
                    self.place = Place::End;
                    Ok(())
                }
                _ => Err(Fault::CutOff.into()),
            };
        };
        self.line = self.window.line;
        match self.place {
            Place::Outside => self.begin(byte),
            Place::Members { first } => self.member(byte, first, block),
            Place::Elements { first, alone } => self.element(byte, first, alone, block),
            Place::End => Ok(()),
        }
    }

    fn begin(&mut self, byte: u8) -> Result<()> {
        self.place = match byte {
            b'{' => Place::Members { first: true },
            b'[' => Place::Elements { first: true, alone: true },
            _ => return Err(self.unexpected()),
        };
        self.documents += 1;
        self.keys.clear();
        self.window.step();
        Ok(())
    }

    fn member(&mut self, byte: u8, first: bool, block: &mut Block) -> Result<()> {
        if byte == b'}' {
            self.window.step();
            self.place = Place::Outside;
            return if self.keys.iter().any(|key| key == "Findings") { Ok(()) } else { Err(Fault::NoFindings.into()) };
        }
        if !first {
            self.take(b',')?;
            self.window.blanks()?;
            self.line = self.window.line;
        }
        let key = self.key()?;
        self.window.blanks()?;
        self.take(b':')?;
        let is_list = self.window.blanks()? == Some(b'[');
        self.place = Place::Members { first: false };
        if key == "Findings" && is_list {
            self.window.step();
            self.place = Place::Elements { first: true, alone: false };
            return Ok(());
        }
        let mut value = Vec::new();
        if !self.window.value(&mut value, MAX_FINDING)? {
            return Err(Fault::TooLarge.into());
        }
        let mut work = Work::default();
        let wrong = |wrong: Wrong| wrong.fault(&value);
        let mut scanner = Scanner::new(&value, &mut work).map_err(wrong)?;
        if key == "Findings" {
            return Err(Fault::NoFindings.into());
        }
        let none = matches!(value.as_slice(), b"null" | b"\"\"");
        scanner.skip().map_err(wrong)?;
        if key == "NextToken" && !none {
            block.problem(self.line, None, Fault::NextToken);
        }
        Ok(())
    }

    /// The key at the place, which the document must not have had.
    fn key(&mut self) -> Result<String> {
        if self.window.blanks()? != Some(b'"') {
            return Err(self.unexpected());
        }
        let mut text = Vec::new();
        if !self.window.value(&mut text, MAX_FINDING)? {
            return Err(Fault::TooLarge.into());
        }
        let mut work = Work::default();
        let read = Scanner::new(&text, &mut work).and_then(|mut scanner| scanner.string()?.decode());
        let key = read.map_err(|wrong| wrong.fault(&text))?.into_owned();
        if self.keys.contains(&key) {
            return Err(Fault::DuplicateKey(key).into());
        }
        if self.keys.len() == MAX_MEMBERS {
            return Err(Fault::TooManyMembers.into());
        }
        self.keys.push(key.clone());
        Ok(key)
    }

    fn element(&mut self, byte: u8, first: bool, alone: bool, block: &mut Block) -> Result<()> {
        if byte == b']' {
            self.window.step();
            self.place = if alone { Place::Outside } else { Place::Members { first: false } };
            return Ok(());
        }
        if !first {
            self.take(b',')?;
            self.window.blanks()?;
            self.line = self.window.line;
        }
        self.place = Place::Elements { first: false, alone };
        let start = block.text.len();
        if self.window.value(&mut block.text, MAX_FINDING)? {
            block.pieces.push((start..block.text.len(), self.line));
        } else {
            let id = id_of(block.text.get(start..).unwrap_or_default());
            block.text.truncate(start);
            block.problem(self.line, id, Fault::TooLarge);
        }
        Ok(())
    }

    /// Goes over the byte that must be next.
    fn take(&mut self, wanted: u8) -> Result<()> {
        match self.window.peek()? {
            Some(byte) if byte == wanted => {
                self.window.step();
                Ok(())
            }
            Some(_) => Err(self.unexpected()),
            None => Err(Fault::CutOff.into()),
        }
    }

    fn unexpected(&self) -> Stop {
        Fault::Syntax(self.window.column()).into()
    }
}
