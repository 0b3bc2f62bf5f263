//! Files of CloudTrail: their records one at a time, the requests that these record, and which were denied by a service control
//! policy. Memory depends on the largest record, not on the file.

mod denial;
mod event;
mod records;
mod services;

use std::path::Path;

pub use denial::{Change, Denial, denial};
pub use event::{Event, Fate};
pub use records::each;

/// Whether a file holds events, by its name: digests and insights lie beside them and are no events.
#[must_use]
pub fn is_events(path: &str) -> bool {
    let beside = ["CloudTrail-Digest", "CloudTrail-Insight"].iter().any(|folder| path.contains(folder));
    let path = Path::new(path);
    let ends = |path: &Path, end: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end));
    !beside && (ends(path, "json") || ends(path, "gz") && ends(&path.with_extension(""), "json"))
}
