//! One JSON text, read strictly and once: grammar, depth, duplicate keys, also of what is skipped.

use std::borrow::Cow;

mod work;

use crate::escape::{hex_digits, unescape};
use crate::fault::Fault;
pub use work::Work;
use work::{Key, hash};

/// Deepest nesting. Findings have about ten levels.
const MAX_DEPTH: u32 = 64;
/// Most members of an object. Security Hub allows 50 in those that others fill.
const MAX_MEMBERS: usize = 1000;

/// What is wrong with a text. Small, because every step may say it: a reader that hands faults with words around is a third
/// slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// An unexpected character here.
    Syntax(u32),
    /// It ends too early.
    CutOff,
    /// Not UTF-8.
    NotUtf8,
    /// The key that begins here.
    DuplicateKey(u32),
    /// Nested too deeply.
    TooDeep,
    /// An object with too many members.
    TooManyMembers,
}

impl Wrong {
    /// The same in words; `text` is where it was found.
    #[must_use]
    pub fn fault(self, text: &[u8]) -> Fault {
        match self {
            Self::Syntax(at) => Fault::Syntax(at as usize),
            Self::CutOff => Fault::CutOff,
            Self::NotUtf8 => Fault::NotUtf8,
            Self::DuplicateKey(at) => Fault::DuplicateKey(key_at(text, at as usize)),
            Self::TooDeep => Fault::TooDeep,
            Self::TooManyMembers => Fault::TooManyMembers,
        }
    }
}

/// The key that begins at a place, which was read before.
fn key_at(text: &[u8], at: usize) -> String {
    let mut work = Work::default();
    let quoted = at.checked_sub(1).and_then(|at| text.get(at..)).unwrap_or_default();
    let key = Scanner::new(quoted, &mut work).and_then(|mut scanner| scanner.string()?.decode().map(Cow::into_owned));
    key.unwrap_or_default()
}

type Result<T> = std::result::Result<T, Wrong>;

/// An offset in a text, which has at most a few MiB.
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A string between its quotes, as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// What it says.
    ///
    /// # Errors
    /// When an escape is no character.
    #[inline]
    pub fn decode(self) -> Result<Cow<'a, str>> {
        if self.escaped { unescape(self.raw).map(Cow::Owned) } else { Ok(Cow::Borrowed(self.raw)) }
    }
}

/// A place in a JSON text.
#[derive(Debug)]
pub struct Scanner<'a, 'k> {
    text: &'a str,
    at: usize,
    depth: u32,
    work: &'k mut Work,
}

impl<'a, 'k> Scanner<'a, 'k> {
    /// Begins at the first character that is no blank.
    pub(crate) fn new(text: &'a [u8], work: &'k mut Work) -> Result<Self> {
        Ok(Self::of(str::from_utf8(text).map_err(|_| Wrong::NotUtf8)?, work))
    }

    /// The same of a text.
    #[must_use]
    pub fn of(text: &'a str, work: &'k mut Work) -> Self {
        work.mark(text.as_bytes());
        let mut scanner = Self { text, at: 0, depth: 0, work };
        scanner.blanks();
        scanner
    }

    /// Bytes before the place.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes over a comma, if one is at the place, and the blanks behind it. For values that stand one after the other in a list which
    /// is read in parts.
    pub fn comma(&mut self) {
        if self.blanks() == b',' {
            self.at += 1;
            self.blanks();
        }
    }

    /// The byte at the place; 0, which JSON has nowhere, at the end.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// Nothing but blanks may follow.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.blanks() == 0 && self.at >= self.text.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The object at the place. `member` is called at each value, with its key, and must read it.
    ///
    /// # Errors
    /// When it is none, has a key twice, or `member` says so.
    #[inline]
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.enter()?;
        let base = self.work.keys.len();
        if self.blanks() == b'}' {
            self.leave();
            return Ok(());
        }
        loop {
            if self.blanks() != b'"' {
                return Err(self.unexpected());
            }
            let start = self.at + 1;
            let written = self.string()?;
            let decoded;
            let key = if written.escaped {
                decoded = unescape(written.raw)?;
                decoded.as_str()
            } else {
                written.raw
            };
            self.remember(base, start, written, key)?;
            if self.blanks() != b':' {
                return Err(self.unexpected());
            }
            self.at += 1;
            self.blanks();
            member(self, key)?;
            match self.blanks() {
                b',' => self.at += 1,
                b'}' => {
                    self.work.keys.truncate(base);
                    self.leave();
                    return Ok(());
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// The array at the place. `item` is called at each value, with its index, and must read it.
    ///
    /// # Errors
    /// When it is none, or `item` says so.
    #[inline]
    pub fn array(&mut self, mut item: impl FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
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

    /// Goes over a value of which only the grammar counts: nobody minds keys that are there twice.
    ///
    /// # Errors
    /// When it is none.
    pub fn pass(&mut self) -> Result<()> {
        match self.peek() {
            b'{' => self.pass_object(),
            b'[' => self.array(|scanner, _| scanner.pass()),
            _ => self.skip(),
        }
    }

    fn pass_object(&mut self) -> Result<()> {
        self.enter()?;
        if self.blanks() == b'}' {
            self.leave();
            return Ok(());
        }
        loop {
            if self.blanks() != b'"' {
                return Err(self.unexpected());
            }
            self.string()?;
            if self.blanks() != b':' {
                return Err(self.unexpected());
            }
            self.at += 1;
            self.blanks();
            self.pass()?;
            match self.blanks() {
                b',' => self.at += 1,
                b'}' => {
                    self.leave();
                    return Ok(());
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// The string at the place.
    ///
    /// # Errors
    /// When it has no end, a control character, or an escape that is none.
    #[inline]
    pub fn string(&mut self) -> Result<Text<'a>> {
        let start = self.at + 1;
        let end = self.work.next(start).ok_or(Wrong::CutOff)?;
        if self.text.as_bytes().get(end) == Some(&b'"') && !self.work.control {
            self.at = end + 1;
            return Ok(Text { raw: self.text.get(start..end).unwrap_or_default(), escaped: false });
        }
        self.slow_string(start, end)
    }

    /// A string with escapes, or in a text with control characters; `at` is behind what was looked at.
    #[cold]
    fn slow_string(&mut self, start: usize, mut at: usize) -> Result<Text<'a>> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            at = self.work.next(at).ok_or(Wrong::CutOff)?;
            if bytes.get(at) == Some(&b'"') {
                break;
            }
            escaped = true;
            at += match bytes.get(at + 1) {
                None => return Err(Wrong::CutOff),
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                Some(b'u') => 2 + hex_digits(bytes.get(at + 2..).unwrap_or_default(), at)?,
                Some(_) => return Err(Wrong::Syntax(offset(at + 1))),
            };
        }
        let raw = self.text.get(start..at).unwrap_or_default();
        if let Some(control) = raw.bytes().position(|byte| byte < b' ') {
            return Err(Wrong::Syntax(offset(start + control)));
        }
        self.at = at + 1;
        Ok(Text { raw, escaped })
    }

    /// Takes a key in that begins at `start`; those of its object begin at `base`.
    #[inline]
    fn remember(&mut self, base: usize, start: usize, written: Text<'_>, key: &str) -> Result<()> {
        let hash = hash(key.as_bytes());
        let known = self.work.keys.get(base..).unwrap_or_default();
        if known.len() >= MAX_MEMBERS {
            return Err(Wrong::TooManyMembers);
        }
        // Without a branch, so that several are compared at once.
        let same = known.iter().fold(0, |found, known| found | u8::from(known.hash == hash)) != 0;
        if same && self.is_known(base, hash, key) {
            return Err(Wrong::DuplicateKey(offset(start)));
        }
        self.work.keys.push(Key { hash, start: offset(start), end: offset(start + written.raw.len()) });
        Ok(())
    }

    /// Whether the object whose keys begin at `base` has this key, and not only one of the same hash.
    #[cold]
    fn is_known(&self, base: usize, hash: u64, key: &str) -> bool {
        let same = self.work.keys.get(base..).unwrap_or_default().iter().filter(|known| known.hash == hash);
        let mut written = same.map(|known| self.text.get(known.start as usize..known.end as usize).unwrap_or_default());
        written.any(|raw| Text { raw, escaped: raw.contains('\\') }.decode().is_ok_and(|known| known == key))
    }

    fn enter(&mut self) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(Wrong::TooDeep);
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
            // Most of the time there is none, and one comparison tells.
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
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
        Err(if word.as_bytes().starts_with(rest) { Wrong::CutOff } else { Wrong::Syntax(offset(self.at)) })
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
    pub(crate) fn unexpected(&self) -> Wrong {
        if self.at >= self.text.len() { Wrong::CutOff } else { Wrong::Syntax(offset(self.at)) }
    }
}
