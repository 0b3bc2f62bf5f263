//! The records of a file of CloudTrail: `{"Records": [..]}`, one at a time.

use std::io::Read;

use soc2_asff::json::{Scanner, Work, Wrong};

use super::event::{self, Event};

/// Bytes that are read at once, at least.
const READ: usize = 1 << 19;
/// Largest record. CloudTrail's own limit is 256 KB, with some fields up to 1 MB.
const MAX_RECORD: usize = 8 << 20;

/// What is next in a file.
enum Next {
    /// More bytes are needed to tell.
    More,
    /// The list ends.
    End,
}

/// Hands over each record. An error says what is wrong and from which record on the file was not read. `buffer` is only
/// memory, used again for the next file.
pub fn each(mut input: impl Read, buffer: &mut Vec<u8>, mut take: impl FnMut(&Event<'_>)) -> Result<(), String> {
    buffer.clear();
    let (mut begun, mut work) = (false, Work::default());
    let mut records = 0_u64;
    loop {
        let more = fill(&mut input, buffer).map_err(|error| format!("after {records} records: {error}"))?;
        let mut at = 0;
        if !begun {
            match start(buffer) {
                Some(after) => (begun, at) = (true, after),
                None if more && buffer.len() < MAX_RECORD => continue,
                None => return Err("has no list of Records: is it a file of CloudTrail events?".to_owned()),
            }
        }
        let next = some(buffer, &mut at, &mut records, &mut work, &mut take)?;
        if matches!(next, Next::End) {
            return Ok(());
        }
        if !more {
            return Err(format!("after {records} records: the file is cut off"));
        }
        buffer.drain(..at);
        if buffer.len() > MAX_RECORD {
            return Err(format!("record {}: is larger than {} MB", records + 1, MAX_RECORD >> 20));
        }
    }
}

/// Reads on; whether there may be more.
fn fill(input: &mut impl Read, buffer: &mut Vec<u8>) -> std::io::Result<bool> {
    // Twice as much each time, so that a large record is not looked at too often; and never much more than one may have.
    let room = (MAX_RECORD + READ).saturating_sub(buffer.len());
    let wanted = READ.max(buffer.len().min(room)) as u64;
    let read = input.by_ref().take(wanted).read_to_end(buffer)?;
    Ok(read as u64 == wanted)
}

/// The place after `"Records": [`.
fn start(bytes: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\"Records\"";
    let name = bytes.windows(NAME.len()).position(|window| window == NAME)?;
    let mut at = name + NAME.len();
    for mark in [b':', b'['] {
        at = skip_blanks(bytes, at);
        if bytes.get(at) != Some(&mark) {
            return None;
        }
        at += 1;
    }
    Some(at)
}

fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Hands over the records that are in the buffer as a whole; `at` is the place after them.
fn some(
    bytes: &[u8],
    at: &mut usize,
    records: &mut u64,
    work: &mut Work,
    take: &mut impl FnMut(&Event<'_>),
) -> Result<Next, String> {
    let begin = *at;
    let (rest, is_text) = text(bytes.get(begin..).unwrap_or_default());
    let mut scanner = Scanner::of(rest, work);
    loop {
        if *records > 0 {
            scanner.comma();
        }
        if scanner.peek() == b']' {
            return Ok(Next::End);
        }
        let wrong = match event::read(&mut scanner) {
            Ok(Ok(event)) => {
                take(&event);
                *records += 1;
                *at = begin + scanner.at();
                continue;
            }
            Ok(Err(odd)) => format!("{odd} is not of the type that it has in a CloudTrail event"),
            Err(Wrong::CutOff) if is_text => return Ok(Next::More),
            Err(Wrong::CutOff) => Wrong::NotUtf8.fault(rest.as_bytes()).to_string(),
            Err(wrong) => wrong.fault(rest.as_bytes()).to_string(),
        };
        return Err(format!("record {}: {wrong}; the rest was not read", *records + 1));
    }
}

/// The text that bytes begin with, and whether what is behind it may only be cut off.
fn text(bytes: &[u8]) -> (&str, bool) {
    match str::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => {
            let text = bytes.get(..error.valid_up_to()).and_then(|bytes| str::from_utf8(bytes).ok());
            (text.unwrap_or_default(), error.error_len().is_none())
        }
    }
}

#[cfg(test)]
mod tests;
