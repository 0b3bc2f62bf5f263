//! One JSON text, read strictly and once: grammar, depth, duplicate keys, also of what is skipped.

use std::borrow::Cow;

use memchr::memchr2;

use crate::fault::Fault;

/// Deepest nesting. Findings have about ten levels.
const MAX_DEPTH: u32 = 64;
/// Most members of an object. Security Hub allows 50 in those that others fill.
const MAX_MEMBERS: usize = 1000;

type Result<T> = std::result::Result<T, Fault>;

/// A string between its quotes, as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// What it says.
    pub(crate) fn decode(self) -> Result<Cow<'a, str>> {
        if self.escaped { unescape(self.raw).map(Cow::Owned) } else { Ok(Cow::Borrowed(self.raw)) }
    }
}

/// A key of an object that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    hash: u64,
    start: usize,
    end: usize,
    escaped: bool,
}

/// A place in a JSON text.
pub(crate) struct Scanner<'a, 'k> {
    text: &'a str,
    at: usize,
    /// There are control characters, which strings must not have.
    control: bool,
    depth: u32,
    /// Keys of the objects around the place, outermost first.
    keys: &'k mut Vec<Key>,
}

impl<'a, 'k> Scanner<'a, 'k> {
    /// Begins at the first character that is no blank. `keys` is memory to work with.
    pub(crate) fn new(text: &'a [u8], keys: &'k mut Vec<Key>) -> Result<Self> {
        let text = str::from_utf8(text).map_err(|_| Fault::NotUtf8)?;
        // Without a branch, so that the compiler looks at many bytes at once.
        let control = text.bytes().fold(0, |found, byte| found | u8::from(byte < b' ')) != 0;
        keys.clear();
        let mut scanner = Self { text, at: 0, control, depth: 0, keys };
        scanner.blanks();
        Ok(scanner)
    }

    /// The byte at the place; 0, which JSON has nowhere, at the end.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// Nothing but blanks may follow.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.blanks() == 0 && self.at >= self.text.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The object at the place. `member` is called at each value, with its key, and must read it.
    #[inline]
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.enter()?;
        let base = self.keys.len();
        if self.blanks() == b'}' {
            self.leave();
            return Ok(());
        }
        loop {
            if self.blanks() != b'"' {
                return Err(self.unexpected());
            }
            let start = self.at + 1;
            let key = self.string()?;
            let decoded = key.decode()?;
            self.remember(base, start, key, &decoded)?;
            if self.blanks() != b':' {
                return Err(self.unexpected());
            }
            self.at += 1;
            self.blanks();
            member(self, &decoded)?;
            match self.blanks() {
                b',' => self.at += 1,
                b'}' => {
                    self.keys.truncate(base);
                    self.leave();
                    return Ok(());
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// The array at the place. `item` is called at each value, with its index, and must read it.
    #[inline]
    pub(crate) fn array(&mut self, mut item: impl FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        self.enter()?;
        if self.blanks() == b']' {
            self.leave();
            return Ok(());
        }
        for index in 0.. {
            self.blanks();
            item(self, index)?;
            match self.blanks() {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(self.unexpected()),
            }
        }
        self.leave();
        Ok(())
    }

    /// Reads a value that nobody wants.
    pub(crate) fn skip(&mut self) -> Result<()> {
        match self.peek() {
            b'"' => self.string().map(drop),
            b'{' => self.object(|scanner, _| scanner.skip()),
            b'[' => self.array(|scanner, _| scanner.skip()),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.unexpected()),
        }
    }

    /// The string at the place.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Text<'a>> {
        let start = self.at + 1;
        let rest = self.text.as_bytes().get(start..).ok_or(Fault::CutOff)?;
        let length = memchr2(b'"', b'\\', rest).ok_or(Fault::CutOff)?;
        if rest.get(length) == Some(&b'"') && !self.control {
            self.at = start + length + 1;
            return Ok(Text { raw: self.text.get(start..start + length).unwrap_or_default(), escaped: false });
        }
        self.slow_string(start, start + length)
    }

    /// A string with escapes, or in a text with control characters; `at` is behind what was looked at.
    #[cold]
    fn slow_string(&mut self, start: usize, mut at: usize) -> Result<Text<'a>> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            let rest = bytes.get(at..).ok_or(Fault::CutOff)?;
            at += memchr2(b'"', b'\\', rest).ok_or(Fault::CutOff)?;
            if bytes.get(at) == Some(&b'"') {
                break;
            }
            escaped = true;
            at += match bytes.get(at + 1) {
                None => return Err(Fault::CutOff),
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                Some(b'u') => 2 + hex_digits(bytes.get(at + 2..).unwrap_or_default(), at)?,
                Some(_) => return Err(Fault::Syntax(at + 1)),
            };
        }
        let raw = self.text.get(start..at).unwrap_or_default();
        if let Some(control) = raw.bytes().position(|byte| byte < b' ') {
            return Err(Fault::Syntax(start + control));
        }
        self.at = at + 1;
        Ok(Text { raw, escaped })
    }

    fn remember(&mut self, base: usize, start: usize, key: Text<'_>, decoded: &str) -> Result<()> {
        let new = Key { hash: hash(decoded.as_bytes()), start, end: start + key.raw.len(), escaped: key.escaped };
        let known = self.keys.get(base..).unwrap_or_default();
        if known.len() >= MAX_MEMBERS {
            return Err(Fault::TooManyMembers);
        }
        if known.iter().any(|known| known.hash == new.hash && self.says(*known, decoded)) {
            return Err(Fault::DuplicateKey(decoded.to_owned()));
        }
        self.keys.push(new);
        Ok(())
    }

    fn says(&self, key: Key, wanted: &str) -> bool {
        let raw = self.text.get(key.start..key.end).unwrap_or_default();
        Text { raw, escaped: key.escaped }.decode().is_ok_and(|known| known == wanted)
    }

    fn enter(&mut self) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    /// Goes over blanks; gives the byte behind them.
    #[inline]
    fn blanks(&mut self) -> u8 {
        loop {
            let byte = self.peek();
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return byte;
            }
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> Result<()> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        Err(if word.as_bytes().starts_with(rest) { Fault::CutOff } else { Fault::Syntax(self.at) })
    }

    fn number(&mut self) -> Result<()> {
        self.at += usize::from(self.peek() == b'-');
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }

    /// What is at the place does not belong there.
    pub(crate) fn unexpected(&self) -> Fault {
        if self.at >= self.text.len() { Fault::CutOff } else { Fault::Syntax(self.at) }
    }
}

/// The four digits of an escape whose backslash is at `at`, if they are there.
fn hex_digits(bytes: &[u8], at: usize) -> Result<usize> {
    let wrong = bytes.iter().take(4).position(|byte| !byte.is_ascii_hexdigit());
    match wrong {
        Some(wrong) => Err(Fault::Syntax(at + 2 + wrong)),
        None if bytes.len() < 4 => Err(Fault::CutOff),
        None => Ok(4),
    }
}

/// Mixes the ends of a key: keys of one object seldom agree in both, and only costs time if they do.
#[inline]
fn hash(key: &[u8]) -> u64 {
    let (first, last) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => key.iter().fold((0, 0), |(low, high): (u64, u64), byte| (low << 8 | u64::from(*byte), high)),
    };
    (first ^ last.rotate_left(29) ^ key.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// A string without its escapes, which are well formed. A half of a surrogate pair alone is no character.
fn unescape(raw: &str) -> Result<String> {
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
            None => return Err(Fault::CutOff),
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
    let first = unit(1).ok_or(Fault::CutOff)?;
    if let Some(plain) = char::from_u32(first) {
        return Ok((plain, 5));
    }
    let second = escape.get(5..7).filter(|begin| *begin == "\\u").and_then(|_| unit(7));
    let pair = second.filter(|low| first < 0xDC00 && (0xDC00..0xE000).contains(low));
    let both = pair.and_then(|low| char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00)));
    both.map(|plain| (plain, 11)).ok_or(Fault::NotUtf8)
}
