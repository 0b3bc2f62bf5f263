//! How results are printed.

pub mod checks;
pub mod junit;
pub mod list;
pub mod markdown;
pub mod sarif;
pub mod summary;
pub mod table;

/// A text from outside as one line that does nothing to a terminal.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
