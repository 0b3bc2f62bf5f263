//! One feed per organization: started, told of changed specs, stopped, and asked by every reconcile.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use soc2_crds::AwsOrganization;
use soc2_feed::{Accounts, Change, Feed, FeedConfig, FeedFacts, FeedHandle, Parts, WorldHandle};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::guardrail::Overlay;
use crate::http::Missing;

/// Changes remembered for profiles that have not looked yet; who is further behind assesses everything.
const REMEMBERED: usize = 64;

/// Objects are touched at most so often because of changes in their world. Twice the time that a controller waits for a burst
/// to end: a queue that tells of something all the time would put each reconcile off for ever.
const TOUCH: Duration = Duration::from_millis(400);

/// All feeds.
pub struct Feeds {
    parts: Parts,
    running: Mutex<BTreeMap<String, Running>>,
    touched: broadcast::Sender<String>,
    cancel: CancellationToken,
}

struct Running {
    /// UID of the object: a deleted and created one is another.
    uid: String,
    created: Option<Timestamp>,
    config: FeedConfig,
    suspended: bool,
    feed: FeedHandle,
    changes: Arc<Mutex<VecDeque<Change>>>,
    overlay: Overlay,
    writing: Arc<tokio::sync::Mutex<()>>,
    /// Since when this process leads the organization.
    since: Timestamp,
}

/// What a reconcile sees of an organization.
pub struct View {
    /// The world.
    pub world: WorldHandle,
    /// How complete it is.
    pub facts: FeedFacts,
}

impl Feeds {
    /// No feeds yet. All end with `cancel`.
    #[must_use]
    pub fn new(parts: Parts, cancel: CancellationToken) -> Arc<Self> {
        let (touched, _) = broadcast::channel(256);
        Arc::new(Self { parts, running: Mutex::default(), touched, cancel })
    }

    /// Names of organizations whose objects should be looked at again.
    pub fn subscribe(&self) -> broadcast::Receiver<String> {
        self.touched.subscribe()
    }

    /// Has everything of an organization looked at again.
    pub fn touch(&self, organization: &str) {
        // No subscriber is no error.
        let _ = self.touched.send(organization.to_owned());
    }

    /// Starts the feed of an organization, or tells it of a changed spec.
    pub fn ensure(&self, object: &AwsOrganization, config: FeedConfig) {
        let name = object.name_any();
        let uid = object.uid().unwrap_or_default();
        let mut running = self.lock();
        if running.get(&name).is_some_and(|found| found.uid != uid) {
            running.remove(&name);
        }
        if let Some(found) = running.get_mut(&name) {
            if found.config != config {
                found.feed.update_config(config.clone());
                found.config = config;
            }
            if found.suspended != object.spec.suspend {
                found.feed.suspend(object.spec.suspend);
                found.suspended = object.spec.suspend;
            }
            return;
        }
        if object.spec.suspend {
            return;
        }
        tracing::info!(organization = %name, "reading begins");
        let feed = Feed::spawn(config.clone(), self.parts.clone(), &self.cancel);
        let changes = Arc::new(Mutex::new(VecDeque::new()));
        self.forward(&name, &feed, Arc::clone(&changes));
        let created = object.meta().creation_timestamp.as_ref().map(|time| time.0);
        let entry = Running {
            uid,
            created,
            config,
            suspended: false,
            feed,
            changes,
            overlay: Overlay::default(),
            writing: Arc::default(),
            since: Timestamp::now(),
        };
        running.insert(name, entry);
    }

    fn forward(&self, name: &str, feed: &FeedHandle, changes: Arc<Mutex<VecDeque<Change>>>) {
        let mut subscription = feed.world().subscribe();
        let (touched, name) = (self.touched.clone(), name.to_owned());
        tokio::spawn(async move {
            let mut pending: Option<Change> = None;
            let mut next = Instant::now();
            loop {
                tokio::select! {
                    change = subscription.next() => match change {
                        Some(change) => pending.get_or_insert_default().merge(change),
                        None => return,
                    },
                    // The first of many at once, the rest together.
                    () = sleep_until(next), if pending.is_some() => {
                        remember(&changes, pending.take().unwrap_or_default());
                        let _ = touched.send(name.clone());
                        next = Instant::now() + TOUCH;
                    }
                }
            }
        });
    }

    /// Stops the feeds of organizations that are not among `names`. Gives whether any was.
    pub fn retain(&self, names: &std::collections::BTreeSet<String>) -> bool {
        let mut running = self.lock();
        let before = running.len();
        running.retain(|name, _| {
            let keep = names.contains(name);
            if !keep {
                tracing::info!(organization = %name, "reading ends: the AwsOrganization is gone");
            }
            keep
        });
        running.len() != before
    }

    /// Ends the feed of an organization, with a last checkpoint.
    pub async fn end(&self, name: &str) {
        let found = self.lock().remove(name);
        if let Some(found) = found {
            found.feed.shutdown().await;
        }
    }

    /// What is known of an organization; `None` when it is not read.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<View> {
        let world = self.lock().get(name).map(|found| found.feed.world())?;
        let facts = world.facts();
        Some(View { world, facts })
    }

    /// What of AWS cannot be read just now: of each organization the first.
    #[must_use]
    pub fn unreachable(&self) -> Vec<Missing> {
        let running = self.lock();
        let trouble = |(name, entry): (&String, &Running)| {
            let facts = entry.feed.world().facts();
            let regions = facts.regions.iter().filter_map(|region| region.error.as_ref());
            let error = facts.organization.error.as_ref().into_iter().chain(regions).next()?;
            Some(Missing { what: "aws", message: format!("AwsOrganization {name}: {}", error.message) })
        };
        running.iter().filter_map(trouble).collect()
    }

    /// Accounts that changed after `revision`, and the newest revision.
    #[must_use]
    pub fn changed_since(&self, name: &str, revision: u64) -> (Accounts, u64) {
        let running = self.lock();
        let Some(found) = running.get(name) else { return (Accounts::All, 0) };
        let changes = found.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = changes.back().map_or(0, |change| change.revision);
        let oldest = changes.front().map_or(0, |change| change.revision);
        // Merged changes carry the newest of their revisions, so a gap cannot be told from a merge: only what is surely
        // remembered counts as remembered.
        if revision == 0 || (changes.len() == REMEMBERED && revision < oldest) || revision > newest {
            return (Accounts::All, newest);
        }
        let mut accounts = Accounts::default();
        for change in changes.iter().filter(|change| change.revision > revision) {
            accounts.merge(change.accounts.clone());
        }
        (accounts, newest)
    }

    /// Name of another object for the same AWS Organization that is older, if there is one.
    #[must_use]
    pub fn older_twin(&self, name: &str) -> Option<String> {
        let running = self.lock();
        let id_of = |entry: &Running| {
            entry.feed.world().read(|world| world.organization.as_ref().map(|found| found.id.clone()))
        };
        let own = running.get(name)?;
        let id = id_of(own)?;
        let key = (own.created, name.to_owned());
        running
            .iter()
            .filter(|(other, entry)| {
                other.as_str() != name && (entry.created, (*other).clone()) < key && id_of(entry).as_ref() == Some(&id)
            })
            .map(|(other, _)| other.clone())
            .next()
    }

    /// Reads everything of an organization now.
    pub fn request_now(&self, name: &str) {
        if let Some(found) = self.lock().get(name) {
            found.feed.request_now();
        }
    }

    /// Reads the policies of an organization now.
    pub fn request_policies(&self, name: &str) {
        if let Some(found) = self.lock().get(name) {
            found.feed.request_policies();
        }
    }

    /// Works on what was written to an organization and does not show yet.
    pub fn overlay<R: Default>(&self, name: &str, work: impl FnOnce(&mut Overlay) -> R) -> R {
        self.lock().get_mut(name).map(|found| work(&mut found.overlay)).unwrap_or_default()
    }

    /// Since when this process leads an organization.
    #[must_use]
    pub fn since(&self, name: &str) -> Option<Timestamp> {
        self.lock().get(name).map(|found| found.since)
    }

    /// The turn to write to an organization.
    #[must_use]
    pub fn writing(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        self.lock().get(name).map(|found| Arc::clone(&found.writing)).unwrap_or_default()
    }

    /// Ends all feeds, each with a last checkpoint.
    pub async fn shutdown(&self) {
        let running = std::mem::take(&mut *self.lock());
        for (_, found) in running {
            found.feed.shutdown().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Running>> {
        // A panic elsewhere left whole values behind; going on is safe.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Remembers a change for those who have not looked yet.
fn remember(changes: &Mutex<VecDeque<Change>>, change: Change) {
    let mut remembered = changes.lock().unwrap_or_else(PoisonError::into_inner);
    remembered.push_back(change);
    while remembered.len() > REMEMBERED {
        remembered.pop_front();
    }
}
