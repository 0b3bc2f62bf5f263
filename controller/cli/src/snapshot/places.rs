//! Where findings are that do not say whose they are. Whether there are any is known when a file is read; the few files that have
//! some are looked through once more.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use soc2_asff::{MAX_FINDING, Parser};
use soc2_posture::FindingIndex;
use soc2_posture::index::Intake;

use crate::input;
use crate::progress::Progress;

/// The lines, from 1, of the first findings with these messages. Only of files with a finding a line; of others, and of what
/// cannot be read, nothing.
pub fn lines_of(path: &Path, messages: &[&String], progress: &Progress) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    if path == Path::new("-") {
        return found;
    }
    let Ok(file) = input::open(path, progress) else { return found };
    let (mut reader, mut parser, mut line) = (BufReader::new(file), Parser::new(), Vec::new());
    for number in 1.. {
        line.clear();
        // A longer one is no finding, and was said to be damaged.
        let most = MAX_FINDING as u64 + 1;
        let read = reader.by_ref().take(most).read_until(b'\n', &mut line);
        if !read.is_ok_and(|bytes| bytes > 0) || found.len() == messages.len() {
            break;
        }
        let Ok(finding) = parser.parse(line.trim_ascii()) else { continue };
        if let Intake::Unattributable { message } = FindingIndex::intake(&finding)
            && messages.contains(&&message)
        {
            found.entry(message).or_insert(number);
        }
    }
    found
}
