//! Next tokens: bound to one query, good for a limited time, opaque to callers.

use std::fmt::Write;

use super::errors::invalid_input;
use super::rng::mix;
use crate::call::{ApiError, Call};

/// Where a token continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// Stands for the query: operation, caller, Region and everything that decides the rows.
    pub query: u64,
    /// How many rows lie before the next page.
    pub offset: u64,
    /// When it was given, in milliseconds.
    pub issued: u64,
}

impl Token {
    fn seal(self) -> u64 {
        mix(mix(self.query ^ 0x5EC2) ^ mix(self.offset).rotate_left(9) ^ mix(self.issued).rotate_left(33))
    }

    /// The token as a caller gets it.
    pub(super) fn text(self) -> String {
        let mask = mix(self.issued ^ self.query);
        let mut text = String::with_capacity(64);
        for number in [self.query, self.offset ^ mask, self.issued, self.seal()] {
            let _ = write!(text, "{number:016x}");
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let part = |at: usize| u64::from_str_radix(text.get(at * 16..at * 16 + 16)?, 16).ok();
        let (query, hidden, issued) = (part(0)?, part(1)?, part(2)?);
        let token = Self { query, offset: hidden ^ mix(issued ^ query), issued };
        (text.len() == 64 && part(3) == Some(token.seal())).then_some(token)
    }
}

/// How many rows lie before the page that a call asks for.
pub(super) fn offset(call: &Call, query: u64, lifetime: i64) -> Result<usize, ApiError> {
    let Some(text) = super::input::text(call, "NextToken")?.filter(|text| !text.is_empty()) else { return Ok(0) };
    let wrong = |what: &str| invalid_input(format!("Invalid parameter 'NextToken'. {what}"));
    let token = Token::parse(text).ok_or_else(|| wrong("The token is not valid."))?;
    let age = call.now.as_millisecond() - i64::try_from(token.issued).unwrap_or(0);
    if call.faults.expire_token || age > lifetime {
        return Err(wrong("The token has expired."));
    }
    if token.query != query {
        return Err(wrong("Input Query has changed."));
    }
    usize::try_from(token.offset).map_err(|_| wrong("The token is not valid."))
}

/// The token of the page that begins after so many rows.
pub(super) fn next(call: &Call, query: u64, offset: usize) -> String {
    let issued = u64::try_from(call.now.as_millisecond()).unwrap_or(0);
    Token { query, offset: offset as u64, issued }.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_whole_or_not_at_all() {
        let token = Token { query: 0xDEAD_BEEF, offset: 12_300, issued: 1_764_000_000_000 };
        let text = token.text();
        assert_eq!(Token::parse(&text), Some(token));
        for at in 0..text.len() {
            let mut other = text.clone();
            let digit = if &text[at..=at] == "0" { "1" } else { "0" };
            other.replace_range(at..=at, digit);
            assert_eq!(Token::parse(&other), None, "digit {at}");
        }
        assert_eq!(Token::parse(&text[..63]), None);
        assert_eq!(Token::parse("ü"), None);
    }
}
