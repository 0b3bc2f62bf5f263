//! Recorded calls through policies: which of those that succeeded would have been denied.
//!
//! ```text
//! files ──► input (gzip) ──► records, one at a time ──► event ──► request ──► verdict ──► groups
//!                    one file on each thread                                       merged at the end
//! ```
//!
//! Memory depends on the largest record, the number of threads and the number of groups that are kept, not on the files.

mod groups;

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use soc2_guardrails::cloudtrail::{self, Event, Fate};
use soc2_guardrails::{Effective, Level, Verdict, verdict};
use soc2_posture::ids::AccountId;

use crate::progress::Progress;

pub use groups::{Counts, Denied, Group, Replay, Undecided};

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The file.
    pub file: PathBuf,
    /// What is wrong, with the record from which on it could not be read.
    pub problem: String,
}

/// The files of CloudTrail events in a folder and those below it, in order: `.json` and `.json.gz`, in whatever layout.
/// Digests and insights lie beside them and are no events.
///
/// # Errors
/// When a folder cannot be read, or there is no such file.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry.with_context(|| folder.display().to_string())?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() {
                if !matches!(name.as_str(), "CloudTrail-Digest" | "CloudTrail-Insight") {
                    folders.push(path);
                }
            } else if is_events(&path) {
                found.insert(path);
            }
        }
    }
    if found.is_empty() {
        bail!("{}: has no .json or .json.gz file in it or below it", folder.display());
    }
    Ok(found.into_iter().collect())
}

/// Whether a file holds events, by its name.
fn is_events(path: &Path) -> bool {
    let ends = |path: &Path, end: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end));
    ends(path, "json") || ends(path, "gz") && ends(&path.with_extension(""), "json")
}

/// Puts the events of files through policies, on this many threads. `policies` gives for each account what holds for it,
/// and is asked once for an account and thread. `keep`: groups of denied and of undecided calls to keep each; further ones
/// are only counted.
pub fn replay<'p>(
    files: &[PathBuf],
    policies: &(impl Fn(AccountId) -> Effective<'p> + Sync),
    keep: usize,
    threads: NonZeroUsize,
    progress: &Progress,
) -> Replay {
    let next = AtomicUsize::new(0);
    let whole = Mutex::new(Replay::new(keep));
    let work = || {
        let mut worker = Worker {
            policies,
            accounts: HashMap::new(),
            known: HashMap::new(),
            key: String::new(),
            replay: Replay::new(keep),
        };
        let mut buffer = Vec::new();
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done = next.load(Ordering::Relaxed).min(files.len());
            progress.say(|| format!("{done} of {} files", files.len()));
            if let Err(problem) = worker.file(path, &mut buffer) {
                worker.replay.unread.push(Unread { file: path.clone(), problem });
            }
            worker.replay.counts.files += 1;
        }
        whole.lock().unwrap_or_else(PoisonError::into_inner).merge(worker.replay);
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.get() {
            scope.spawn(work);
        }
        work();
    });
    progress.end();
    let mut replay = whole.into_inner().unwrap_or_else(PoisonError::into_inner);
    replay.unread.sort_by(|one, other| one.file.cmp(&other.file));
    replay
}

/// One thread.
struct Worker<'w, 'p, P> {
    policies: &'w P,
    accounts: HashMap<AccountId, Effective<'p>>,
    /// By who calls what in which Region.
    known: HashMap<Box<str>, Known>,
    /// Memory for the key.
    key: String,
    replay: Replay,
}

/// What is decided without looking at the other keys and at the resource: of most calls everything.
struct Known {
    action: String,
    /// None where it depends on what another record may tell.
    verdict: Option<Verdict>,
}

/// Calls that are remembered.
const KNOWN: usize = 50_000;

/// Accounts that are remembered: more than an organization has.
const ACCOUNTS: usize = 100_000;

impl<'p, P: Fn(AccountId) -> Effective<'p>> Worker<'_, 'p, P> {
    fn file(&mut self, path: &Path, buffer: &mut Vec<u8>) -> Result<(), String> {
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        let input = crate::input::decompressed(file).map_err(|error| error.to_string())?;
        cloudtrail::each(input, buffer, |event| self.event(event))
    }

    fn event(&mut self, event: &Event<'_>) {
        let counts = &mut self.replay.counts;
        counts.events += 1;
        let account = match event.fate() {
            Fate::NoCall => return counts.no_calls += 1,
            Fate::Failed => return counts.failed += 1,
            Fate::NotAffected => return counts.not_affected += 1,
            Fate::Call(account) => account,
        };
        if self.accounts.len() >= ACCOUNTS {
            self.accounts.clear();
        }
        let policies = self.policies;
        match self.accounts.entry(account).or_insert_with(|| policies(account)) {
            Effective::Unaffected => counts.not_affected += 1,
            Effective::Incomplete(why) => {
                counts.calls += 1;
                let why = BTreeSet::from([why.clone()]);
                self.replay.undecided(event, account, &event.action(), why);
            }
            Effective::Levels(levels) => {
                counts.calls += 1;
                event.key(account, &mut self.key);
                if self.known.len() >= KNOWN {
                    self.known.clear();
                }
                if !self.known.contains_key(self.key.as_str()) {
                    self.known.insert(self.key.as_str().into(), known(levels, event, account));
                }
                let Some(Known { action, verdict }) = self.known.get(self.key.as_str()) else { return };
                match verdict {
                    None => decide(levels, event, account, action, &mut self.replay),
                    Some(Verdict::Allowed) => counts.allowed += 1,
                    Some(Verdict::Unknown { keys }) => self.replay.undecided(event, account, action, keys.clone()),
                    Some(denied) => self.replay.denied(event, account, action, levels, denied),
                }
            }
        }
    }
}

/// What can be decided knowing only who calls what in which Region: it holds whatever the rest is. That nobody knows is an answer too
/// where it depends only on what no record tells.
fn known(levels: &[Level<'_>], event: &Event<'_>, account: AccountId) -> Known {
    let action = event.action();
    let context = event.common(account);
    let verdict = match verdict(levels, &event.request(&action, "", &context)) {
        Verdict::Unknown { keys } if keys.iter().any(|key| Event::may_tell(key)) => None,
        decided => Some(decided),
    };
    Known { action, verdict }
}

/// Decides a call about each of its resources. CloudTrail does not say which of several the call was checked for, so that it
/// is denied only where it is for all of them.
fn decide(levels: &[Level<'_>], event: &Event<'_>, account: AccountId, action: &str, replay: &mut Replay) {
    let context = event.context();
    let mut arns = event.resources();
    let ask = |resource: &str| verdict(levels, &event.request(action, resource, &context));
    let first = ask(arns.next().unwrap_or_default());
    let denied = |verdict: &Verdict| matches!(verdict, Verdict::ExplicitDeny { .. } | Verdict::ImplicitDeny { .. });
    let mut keys = BTreeSet::new();
    for verdict in arns.map(ask) {
        if let Verdict::Unknown { keys: more } = verdict {
            keys.extend(more);
        } else if denied(&verdict) != denied(&first) {
            keys.insert("which of its resources the call was checked for".to_owned());
        }
    }
    match first {
        Verdict::Unknown { keys: more } => {
            keys.extend(more);
            replay.undecided(event, account, action, keys);
        }
        _ if !keys.is_empty() => replay.undecided(event, account, action, keys),
        Verdict::Allowed => replay.counts.allowed += 1,
        denied => replay.denied(event, account, action, levels, &denied),
    }
}
