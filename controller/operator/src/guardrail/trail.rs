//! Calls that a change denied, read from the files of a CloudTrail trail in the background.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use soc2_aws::{AwsError, Objects, Role, StoredFile};
use soc2_guardrails::Document;
use soc2_guardrails::cloudtrail::{Change, Denial, denial, each, is_events};
use soc2_guardrails::rollout::Reading;
use soc2_posture::ids::AccountId;

use crate::context::Context;

/// Files that are fetched at once.
const AT_ONCE: usize = 8;
/// Kinds of denied calls that are told apart; calls of further ones are only counted.
const KINDS: usize = 1_000;
/// Kinds that are shown.
const SHOWN: usize = 10;
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// What is asked of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Of which plan and wave.
    pub wave: (String, usize),
    /// Since when calls count.
    pub since: Timestamp,
    /// Where the files are.
    pub url: String,
    /// Region of the bucket.
    pub region: Option<String>,
    /// Who reads them.
    pub role: Option<Role>,
    /// Accounts of the wave.
    pub accounts: BTreeSet<AccountId>,
    /// Id of the organization: part of the folders of its own trail.
    pub organization: String,
    /// What changes, by baseline: new and old content.
    pub changes: BTreeMap<String, (String, Option<String>)>,
}

/// Readings, one for each set that rolls something out.
#[derive(Debug, Default)]
pub struct Trails(Mutex<BTreeMap<String, Watch>>);

#[derive(Debug)]
struct Watch {
    question: Question,
    running: bool,
    reading: Option<Reading>,
    found: Arc<tokio::sync::Mutex<Found>>,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    /// Files that were read, by a hash of their path.
    read: HashSet<u64>,
    data: bool,
    denials: u64,
    kinds: BTreeMap<Denial, u64>,
}

impl Trails {
    /// The newest reading that answers this question.
    #[must_use]
    pub fn last(&self, set: &str, question: &Question) -> Option<Reading> {
        let watches = self.lock();
        watches.get(set).filter(|watch| watch.question == *question)?.reading.clone()
    }

    /// Reads on in the background, unless that is under way or was done a while ago; the set is looked at again then. `due`: what was
    /// read before this time does not do.
    pub fn read_on(
        context: &Context,
        set: &str,
        organization: &str,
        question: Question,
        due: Timestamp,
        every: Duration,
    ) {
        let (trails, now) = (Arc::clone(&context.trails), (context.now)());
        let found = {
            let mut watches = trails.lock();
            let fresh = || Watch { question: question.clone(), running: false, reading: None, found: Arc::default() };
            let watch = watches.entry(set.to_owned()).or_insert_with(fresh);
            if watch.question != question {
                *watch = fresh();
            }
            let enough = watch.reading.as_ref().is_some_and(|reading| {
                let age = Duration::try_from(now.duration_since(reading.at)).unwrap_or_default();
                age < every && (reading.at >= due || now < due)
            });
            if watch.running || enough {
                return;
            }
            watch.running = true;
            Arc::clone(&watch.found)
        };
        let objects = context.aws.objects(question.role.as_ref(), &question.url, question.region.as_deref());
        let (feeds, set, organization) = (Arc::clone(&context.feeds), set.to_owned(), organization.to_owned());
        tokio::spawn(async move {
            let mut found = found.lock().await;
            let result = match objects {
                Ok(objects) => found.read(&*objects, &question, now).await,
                Err(error) => Err(error.message),
            };
            let reading = found.reading(now, result.err());
            if let Some(watch) = trails.lock().get_mut(&set).filter(|watch| watch.question == question) {
                (watch.running, watch.reading) = (false, Some(reading));
            }
            feeds.touch(&organization);
        });
    }

    /// Nothing is asked about a set any more.
    pub fn forget(&self, set: &str) {
        self.lock().remove(set);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Watch>> {
        // Whole entries come and go.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    fn reading(&self, at: Timestamp, error: Option<String>) -> Reading {
        let mut kinds: Vec<(&Denial, &u64)> = self.kinds.iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let words = |(kind, count): (&Denial, &u64)| {
            let Denial { account, principal, action } = kind;
            format!("{count} x {action} by {principal} in {account}")
        };
        let sample = kinds.into_iter().take(SHOWN).map(words).collect();
        Reading { at, data: self.data, denials: self.denials, sample, error }
    }

    /// Reads the files that came since the last time.
    async fn read(&mut self, objects: &dyn Objects, question: &Question, now: Timestamp) -> Result<(), String> {
        let said = |error: AwsError| error.message;
        let changes = question.changes.iter().map(|(name, (new, old))| {
            let parse = |text: &String| Document::parse(text).map_err(|error| format!("baseline {name}: {error}"));
            Ok(Change { new: parse(new)?, old: old.as_ref().map(parse).transpose()? })
        });
        let changes: Arc<Vec<Change>> = Arc::new(changes.collect::<Result<_, String>>()?);
        let since = question.since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        for account in &question.accounts {
            let files = files(objects, question, *account, now).await.map_err(said)?;
            self.data |= !files.is_empty();
            let new: Vec<StoredFile> =
                files.into_iter().filter(|file| !self.read.contains(&hash(&file.path))).collect();
            let fetch = |file: StoredFile| async move { Ok::<_, AwsError>((objects.read(&file.path).await?, file)) };
            let mut fetched = stream::iter(new.into_iter().map(fetch)).buffer_unordered(AT_ONCE);
            while let Some((bytes, file)) = fetched.try_next().await.map_err(said)? {
                let (changes, since, account) = (Arc::clone(&changes), since.clone(), *account);
                let work = move || denials(&bytes, account, &since, &changes);
                let denied = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
                for kind in denied.map_err(|problem| format!("{}: {problem}", file.path))? {
                    self.denials += 1;
                    if self.kinds.len() < KINDS || self.kinds.contains_key(&kind) {
                        *self.kinds.entry(kind).or_default() += 1;
                    }
                }
                self.read.insert(hash(&file.path));
            }
        }
        Ok(())
    }
}

fn hash(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// Files of an account that came since the wave was written, of a trail of the account or of the organization.
async fn files(
    objects: &dyn Objects,
    question: &Question,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<StoredFile>, AwsError> {
    let mut found = Vec::new();
    for logs in ["AWSLogs".to_owned(), format!("AWSLogs/{}", question.organization)] {
        let trail = format!("{logs}/{account}/CloudTrail");
        for region in objects.folders(&trail).await? {
            for day in days(question.since, now) {
                let files = objects.files(&format!("{trail}/{region}/{day}")).await?;
                // What came in the second of the first write may be of it.
                let since = question.since - SignedDuration::from_secs(1);
                found.extend(files.into_iter().filter(|file| file.modified >= since && is_events(&file.path)));
            }
        }
    }
    Ok(found)
}

/// The folders of the days from one time to another.
fn days(since: Timestamp, now: Timestamp) -> Vec<String> {
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let (mut next, last) = (day(since), day(now));
    let mut days = Vec::new();
    while next <= last {
        days.push(next.strftime("%Y/%m/%d").to_string());
        let Ok(tomorrow) = next.checked_add(1.day()) else { break };
        next = tomorrow;
    }
    days
}

/// The calls in a file that the changes denied.
fn denials(bytes: &[u8], account: AccountId, since: &str, changes: &[Change]) -> Result<Vec<Denial>, String> {
    let mut found = Vec::new();
    let input: Box<dyn Read + '_> =
        if bytes.starts_with(&GZIP) { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
    each(input, &mut Vec::new(), |event| {
        // Times are in UTC, in one format: their texts are in the order of the times.
        if event.time() >= since {
            found.extend(denial(event, changes).filter(|denial| denial.account == account));
        }
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: &str = "2026-11-26T12:00:00Z";

    fn event(time: &str, account: &str, action: &str, error: &str) -> String {
        format!(
            r#"{{"eventTime":"{time}","eventSource":"config.amazonaws.com","eventName":"{action}","awsRegion":"eu-west-1",{error}
            "userIdentity":{{"type":"AssumedRole","accountId":"{account}","arn":"arn:aws:sts::{account}:assumed-role/dev/me",
            "sessionContext":{{"sessionIssuer":{{"arn":"arn:aws:iam::{account}:role/dev"}}}}}}}}"#
        )
    }

    fn failed(text: &str) -> String {
        format!(r#""errorCode":"AccessDenied","errorMessage":"User: x is not authorized to perform: y {text}","#)
    }

    #[test]
    fn only_what_the_change_denied_since_then_in_this_account_counts() {
        let deny = |action: &str| {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":"config:{action}","Resource":"*"}}]}}"#
            );
            Document::parse(&text).unwrap()
        };
        let changes = [
            Change { new: deny("Stop*"), old: Some(deny("StopOld")) },
            Change { new: deny("S*"), old: Some(deny("Stop*")) },
        ];
        let account: AccountId = "333333333333".parse().unwrap();
        let scp = failed("with an explicit deny in a service control policy");
        let (later, own) = ("2026-11-26T12:00:05Z", "333333333333");
        for (event, counts) in [
            (event(later, own, "StopRecorder", &scp), true),
            (event(SINCE, own, "StopRecorder", &scp), true),
            (event("2026-11-26T11:59:59Z", own, "StopRecorder", &scp), false),
            (event(later, "444444444444", "StopRecorder", &scp), false),
            // Another policy's.
            (event(later, own, "DeleteRule", &scp), false),
            // New, although something like it was denied before.
            (event(later, own, "StartRecorder", &scp), true),
            (event(later, own, "StopRecorder", ""), false),
            (event(later, own, "StopRecorder", &failed("because no identity-based policy allows it")), false),
        ] {
            let text = format!(r#"{{"Records":[{event}]}}"#);
            let found = denials(text.as_bytes(), account, SINCE, &changes).unwrap();
            assert_eq!(found.len() == 1, counts, "{event}");
        }
        // What was denied before is nothing new.
        let same = [Change { new: deny("Stop*"), old: Some(deny("S*")) }];
        let text = format!(r#"{{"Records":[{}]}}"#, event(later, own, "StopRecorder", &scp));
        assert_eq!(denials(text.as_bytes(), account, SINCE, &same).unwrap(), []);
        assert!(denials(b"{", account, SINCE, &same).unwrap_err().contains("Records"));
    }

    #[test]
    fn days_are_those_from_the_first_write_until_now() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(days(at("2026-11-30T23:59:59Z"), at("2026-12-01T00:00:00Z")), ["2026/11/30", "2026/12/01"]);
        assert_eq!(days(at(SINCE), at(SINCE)), ["2026/11/26"]);
    }
}
