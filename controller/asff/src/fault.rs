//! What can be wrong with a file.

use std::fmt;

/// What is wrong with a piece of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// Not JSON.
    #[error("is not JSON: unexpected character at byte {0}")]
    Syntax(usize),
    /// JSON that ends too early.
    #[error("is cut off")]
    CutOff,
    /// Not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// The same key twice in one object: nobody can say which one holds.
    #[error("has the key {0:?} twice in one object")]
    DuplicateKey(String),
    /// Nested deeper than any finding.
    #[error("is nested too deeply")]
    TooDeep,
    /// An object with more members than any finding has.
    #[error("has an object with too many members")]
    TooManyMembers,
    /// Larger than any finding.
    #[error("is too large: a finding has at most {} KiB", crate::MAX_FINDING >> 10)]
    TooLarge,
    /// JSON, but no object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// A finding that does not say which product made it.
    #[error("has no usable ProductArn")]
    NoProduct,
    /// A document without `Findings`.
    #[error("has no list \"Findings\"")]
    NoFindings,
    /// A document that is not the last page.
    #[error("has a NextToken: more pages follow")]
    NextToken,
    /// The file's name says that it is compressed, and it is not.
    #[error("is not compressed, although its name says so")]
    NotCompressed,
    /// Another encoding, as some shells write it.
    #[error("is UTF-16: save it as UTF-8")]
    Utf16,
    /// Reading broke off, as at the end of a truncated archive.
    #[error("cannot be read any further: {0}")]
    Unreadable(String),
}

impl Fault {
    /// Whether it is readable JSON, so that only what it means is missing. Everything else is an unreadable file or line.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        matches!(self, Self::NextToken | Self::NoProduct)
    }
}

/// Something wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the decompressed file, from 1, on which the piece begins.
    pub line: u64,
    /// Id of the finding, if it could be read.
    pub id: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Longest part of an id that is shown, in characters.
        const SHOWN: usize = 200;
        write!(out, "line {}: ", self.line)?;
        match &self.id {
            Some(id) => write!(out, "finding {:?} {}", id.chars().take(SHOWN).collect::<String>(), self.fault),
            None => write!(out, "{}", self.fault),
        }
    }
}

/// What became of a file. It is complete if there is no problem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Findings that were read.
    pub findings: u64,
    /// Problems in all.
    pub problems: u64,
    /// Problems of which the file or a line is unreadable; the others are readable, but not enough.
    pub unreadable: u64,
    /// The first of the problems, by line.
    pub first: Vec<Problem>,
}

impl Summary {
    /// Problems that are kept.
    const MOST: usize = 100;

    /// Takes problems in.
    pub(crate) fn add(&mut self, problems: Vec<Problem>) {
        self.problems += problems.len() as u64;
        self.unreadable += problems.iter().filter(|problem| !problem.fault.is_readable()).count() as u64;
        self.first.extend(problems);
        // The same ones in the same order, whichever thread came first.
        self.first.sort();
        self.first.truncate(Self::MOST);
    }

    /// Whether everything that the file should hold was read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.problems == 0
    }
}
