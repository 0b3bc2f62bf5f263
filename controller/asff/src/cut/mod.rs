//! Cuts a file into pieces, each of which should be one finding: lines, or the elements of a document's list.

mod document;
mod lines;
mod window;

use std::io::{self, Cursor, Read};
use std::ops::Range;

use crate::fault::{Fault, Problem};
use crate::input::Name;
use crate::json::{Scanner, Work};
use document::DocumentCutter;
use lines::LineCutter;

/// Bytes that are cut at once, if no finding is larger.
const BLOCK: usize = 1 << 17;
/// Members with which a page of `GetFindings` may begin.
const PAGE: [&str; 3] = ["Findings", "NextToken", "ResponseMetadata"];

/// Whole pieces, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) text: Vec<u8>,
    /// Where each piece is, and its line.
    pub(crate) pieces: Vec<(Range<usize>, u64)>,
    /// What is wrong between the pieces.
    pub(crate) problems: Vec<Problem>,
}

impl Block {
    fn clear(&mut self) {
        self.text.clear();
        self.pieces.clear();
        self.problems.clear();
    }

    fn problem(&mut self, line: u64, id: Option<String>, fault: Fault) {
        self.problems.push(Problem { line, id, fault });
    }
}

/// Cuts a file.
pub(crate) enum Cutter<R: Read> {
    Lines(LineCutter<io::Chain<Cursor<Vec<u8>>, R>>),
    Document(Box<DocumentCutter<io::Chain<Cursor<Vec<u8>>, R>>>),
}

impl<R: Read> Cutter<R> {
    /// Decides by the beginning of the file how it is to be cut; where that says nothing, by its name.
    pub(crate) fn new(mut input: R, name: Name) -> Self {
        let mut begin = Vec::with_capacity(BLOCK);
        let failed = input.by_ref().take(BLOCK as u64).read_to_end(&mut begin).err();
        if begin.starts_with(b"\xEF\xBB\xBF") {
            begin.drain(..3);
        }
        let document = is_document(&begin, name);
        let whole = Cursor::new(begin).chain(input);
        if document {
            Self::Document(Box::new(DocumentCutter::new(whole, failed)))
        } else {
            Self::Lines(LineCutter::new(whole, failed))
        }
    }

    /// Cuts the next block. `false`: there is none, and the file is at its end; the block may have problems still.
    pub(crate) fn next(&mut self, block: &mut Block) -> bool {
        block.clear();
        match self {
            Self::Lines(cutter) => cutter.next(block),
            Self::Document(cutter) => cutter.next(block),
        }
    }
}

/// Whether a file that begins so is a document as the AWS CLI prints it, and not a finding on each line.
fn is_document(begin: &[u8], name: Name) -> bool {
    let text = begin.trim_ascii_start();
    if text.starts_with(b"[") {
        return !name.lines;
    }
    if first_key(text).is_some_and(|key| PAGE.contains(&key.as_str())) {
        return true;
    }
    if name.lines {
        return false;
    }
    let line = memchr::memchr(b'\n', text).map_or(text, |end| text.get(..end).unwrap_or_default());
    let more = text.get(line.len()..).is_some_and(|rest| !rest.trim_ascii().is_empty());
    // A document over several lines has a first line that is none by itself.
    let whole = Scanner::new(line, &mut Work::default()).and_then(|mut scanner| scanner.skip());
    if more { whole.is_err() } else { text.is_empty() && name.document }
}

/// The first key of the object that a text begins with.
fn first_key(text: &[u8]) -> Option<String> {
    let key = text.strip_prefix(b"{")?.trim_ascii_start();
    let end = 1 + memchr::memchr(b'"', key.strip_prefix(b"\"")?)?;
    str::from_utf8(key.get(1..end)?).ok().map(str::to_owned)
}
