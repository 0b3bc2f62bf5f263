//! The records of a file of CloudTrail: `{"Records": [..]}`, one at a time.

use std::io::Read;

use serde_json::error::Category;

use super::event::Event;

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
    let mut begun = false;
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
        let next = some(buffer, &mut at, &mut records, &mut take)?;
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
fn some(bytes: &[u8], at: &mut usize, records: &mut u64, take: &mut impl FnMut(&Event<'_>)) -> Result<Next, String> {
    loop {
        let mut here = skip_blanks(bytes, *at);
        if bytes.get(here) == Some(&b',') && *records > 0 {
            here = skip_blanks(bytes, here + 1);
        }
        let rest = bytes.get(here..).unwrap_or_default();
        match rest.first() {
            None => return Ok(Next::More),
            Some(b']') => return Ok(Next::End),
            Some(_) => {}
        }
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<Event<'_>>();
        match stream.next() {
            None => return Ok(Next::More),
            Some(Ok(event)) => {
                take(&event);
                *records += 1;
                *at = here + stream.byte_offset();
            }
            Some(Err(error)) if error.classify() == Category::Eof => return Ok(Next::More),
            Some(Err(error)) => return Err(format!("record {}: {error}; the rest was not read", *records + 1)),
        }
    }
}

#[cfg(test)]
mod tests;
