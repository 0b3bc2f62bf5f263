//! Reads findings from files: ASFF as JSON lines, or as the AWS CLI prints it, plain, gzip or zstd.
//!
//! ```text
//! bytes ──► input (gzip, zstd) ──► cut (lines, or elements of a document) ──► finding ──► Finding ──► take
//!                                        one thread at a time                 on every thread
//! ```
//!
//! Nothing that is read is trusted. A piece that cannot be read is reported with its line, and with the finding's id
//! where there is one, and the rest is read all the same; whoever calls decides what an incomplete source means. Memory
//! depends on the largest finding that is accepted and on the number of threads, not on the size of the file.
//!
//! The JSON reader is our own: of the maintained libraries the fastest reads findings into this struct at 4 to 5 times
//! the speed of Python's, and none of them tells of duplicate keys in what it skips (`bench asff` compares them).

mod cut;
mod escape;
mod fault;
mod finding;
mod input;
pub mod json;
mod read;

pub use fault::{Fault, Problem, Summary};
pub use finding::Parser;
pub use read::read;

/// Largest finding, in bytes of JSON with its blanks. Security Hub's own limit is 240 KB without them.
pub const MAX_FINDING: usize = 1 << 20;
