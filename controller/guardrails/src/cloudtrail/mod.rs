//! Files of CloudTrail: their records one at a time, the requests that these record, and which were denied by a service control
//! policy. Memory depends on the largest record, not on the file.

mod denial;
mod event;
mod records;
mod services;

pub use denial::{Change, Denial, denial};
pub use event::{Event, Fate};
pub use records::each;

/// Whether a file holds events, by its name: digests and insights lie beside them and are no events.
#[must_use]
pub fn is_events(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let beside = ["cloudtrail-digest", "cloudtrail-insight"].iter().any(|folder| lower.contains(folder));
    !beside && (lower.ends_with(".json") || lower.ends_with(".json.gz"))
}
