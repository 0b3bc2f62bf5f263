//! Escapes in strings.

use crate::json::{Wrong, offset};

type Result<T> = std::result::Result<T, Wrong>;

/// The four digits of an escape whose backslash is at `at`, if they are there.
pub(crate) fn hex_digits(bytes: &[u8], at: usize) -> Result<usize> {
    let wrong = bytes.iter().take(4).position(|byte| !byte.is_ascii_hexdigit());
    match wrong {
        Some(wrong) => Err(Wrong::Syntax(offset(at + 2 + wrong))),
        None if bytes.len() < 4 => Err(Wrong::CutOff),
        None => Ok(4),
    }
}

/// A string without its escapes, which are well formed. A half of a surrogate pair alone is no character.
pub(crate) fn unescape(raw: &str) -> Result<String> {
    let mut said = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, escape)) = rest.split_once('\\') {
        said.push_str(before);
        let (plain, length) = match escape.as_bytes().first() {
            Some(b'b') => ('\u{8}', 1),
            Some(b'f') => ('\u{c}', 1),
            Some(b'n') => ('\n', 1),
            Some(b'r') => ('\r', 1),
            Some(b't') => ('\t', 1),
            Some(b'u') => unicode(escape)?,
            Some(byte) => (char::from(*byte), 1),
            None => return Err(Wrong::CutOff),
        };
        said.push(plain);
        rest = escape.get(length..).unwrap_or_default();
    }
    said.push_str(rest);
    Ok(said)
}

/// The character of `uXXXX`, or of `uXXXX\uXXXX`, and how long that is.
fn unicode(escape: &str) -> Result<(char, usize)> {
    let unit = |at: usize| escape.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let first = unit(1).ok_or(Wrong::CutOff)?;
    if let Some(plain) = char::from_u32(first) {
        return Ok((plain, 5));
    }
    let second = escape.get(5..7).filter(|begin| *begin == "\\u").and_then(|_| unit(7));
    let pair = second.filter(|low| first < 0xDC00 && (0xDC00..0xE000).contains(low));
    let both = pair.and_then(|low| char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00)));
    both.map(|plain| (plain, 11)).ok_or(Wrong::NotUtf8)
}
