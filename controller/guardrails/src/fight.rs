//! Differences that come back again and again: somebody else wants them as much as we do not.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::inventory::Policy;
use crate::plan::Step;

/// After so many times the same is left alone.
pub const REVERTS: usize = 5;
/// Times further apart do not count together.
pub const WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Most differences that are remembered.
const MOST: usize = 100;

/// How often a difference was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverts {
    /// Which, see [`key`].
    pub what: String,
    /// When it was put back, the newest last.
    pub at: Vec<Timestamp>,
    /// It came back too often, and is left alone since then.
    pub fighting_since: Option<Timestamp>,
}

/// What a step that puts something back is told from others by: baseline, target, and what somebody wrote in our place.
#[must_use]
pub fn key(step: &Step, found: Option<&Policy>) -> Option<String> {
    match step {
        Step::Create { baseline, .. } => Some(format!("{baseline} deleted")),
        Step::Update { baseline, .. } => {
            let mut hash = Sha256::new();
            for part in found.map(|policy| [&policy.name, &policy.content]).into_iter().flatten() {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
            let digits = hex::encode(hash.finalize());
            Some(format!("{baseline} edited {}", &digits[..8]))
        }
        Step::Attach { baseline, target, .. } => Some(format!("{baseline} detached from {}", target.id)),
        Step::Adopt { .. } | Step::Detach { .. } | Step::Delete { .. } => None,
    }
}

/// What is remembered when `there` are the differences that there are now; those that came back too often are fights from now on. A
/// fight is over when its difference is gone.
#[must_use]
pub fn now_there(mut known: Vec<Reverts>, there: &BTreeSet<String>, now: Timestamp) -> Vec<Reverts> {
    let oldest = now.saturating_sub(WITHIN).unwrap_or(now);
    for reverts in &mut known {
        if reverts.fighting_since.is_none() {
            reverts.at.retain(|at| *at > oldest);
            if reverts.at.len() >= REVERTS && there.contains(&reverts.what) {
                reverts.fighting_since = Some(now);
            }
        }
    }
    known.retain(|reverts| match reverts.fighting_since {
        Some(_) => there.contains(&reverts.what),
        None => !reverts.at.is_empty(),
    });
    known
}

/// What is remembered when these were put back.
#[must_use]
pub fn put_back(mut known: Vec<Reverts>, what: impl IntoIterator<Item = String>, now: Timestamp) -> Vec<Reverts> {
    for what in what {
        if let Some(reverts) = known.iter_mut().find(|reverts| reverts.what == what) {
            reverts.at.push(now);
            let more = reverts.at.len().saturating_sub(REVERTS);
            reverts.at.drain(..more);
        } else {
            known.push(Reverts { what, at: vec![now], fighting_since: None });
        }
    }
    // Fights stay; of the others the newest.
    known.sort_by_key(|reverts| (reverts.fighting_since.is_none(), std::cmp::Reverse(reverts.at.last().copied())));
    known.truncate(MOST);
    known.sort_by(|left, right| left.what.cmp(&right.what));
    known
}
