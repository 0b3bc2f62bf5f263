//! A feed on the fake, and what tests ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use soc2_aws::{Draft, Saved, StateStore};
use soc2_catalog::Catalog;
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::index::{FindingIndex, Status};
use soc2_posture::interest::Interests;
use soc2_posture::source::HubRegion;
use tokio_util::sync::CancellationToken;

use super::fake::{Fake, HOME, LINKED};
use crate::{Feed, FeedConfig, FeedHandle, Intervals, Parts, SourceConfig, SourceRegions};

pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// Checkpoints in memory.
#[derive(Default)]
pub(crate) struct MemoryStore {
    pub(crate) saved: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    pub(crate) saves: Arc<AtomicUsize>,
}

#[async_trait]
impl StateStore for MemoryStore {
    async fn load(&self, name: &str) -> io::Result<Option<Box<dyn Saved>>> {
        let saved = self.saved.lock().unwrap().get(name).cloned();
        Ok(saved.map(|bytes| Box::new(io::Cursor::new(bytes)) as Box<dyn Saved>))
    }

    async fn draft(&self, name: &str) -> io::Result<Box<dyn Draft>> {
        Ok(Box::new(MemoryDraft {
            name: name.to_owned(),
            bytes: Vec::new(),
            saved: Arc::clone(&self.saved),
            saves: Arc::clone(&self.saves),
        }))
    }
}

struct MemoryDraft {
    name: String,
    bytes: Vec<u8>,
    saved: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    saves: Arc<AtomicUsize>,
}

impl io::Write for MemoryDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Draft for MemoryDraft {
    async fn keep(self: Box<Self>) -> io::Result<()> {
        self.saves.fetch_add(1, Ordering::SeqCst);
        self.saved.lock().unwrap().insert(self.name, self.bytes);
        Ok(())
    }
}

pub(crate) fn catalog() -> &'static Arc<Catalog> {
    Catalog::builtin().unwrap()
}

/// One source, the administrator in its home Region.
pub(crate) fn config() -> FeedConfig {
    FeedConfig {
        organization: "acme".to_owned(),
        read_role: None,
        organization_events: None,
        sources: vec![SourceConfig {
            name: "main".to_owned(),
            role: None,
            regions: SourceRegions::Home(HOME.to_owned()),
            per_account: None,
            serves: None,
            events: None,
        }],
        required_regions: Vec::new(),
        intervals: Intervals::default(),
        get_findings_per_second: 2,
        tags_needed: false,
        controls: BTreeSet::new(),
        interests: Interests::default(),
    }
}

/// A fake, a store, and the feed that runs on them.
pub(crate) struct Bench {
    pub(crate) fake: Fake,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) feed: FeedHandle,
}

impl Bench {
    pub(crate) fn start(fake: Fake, config: FeedConfig) -> Self {
        Self::start_with(fake, config, Arc::default())
    }

    pub(crate) fn start_with(fake: Fake, config: FeedConfig, store: Arc<MemoryStore>) -> Self {
        let clock = Arc::new(fake.clock());
        let parts = Parts {
            aws: Arc::new(fake.clone()),
            state: Arc::clone(&store) as _,
            clock,
            catalog: Arc::clone(catalog()),
        };
        let feed = Feed::spawn(config, parts, &CancellationToken::new());
        Self { fake, store, feed }
    }

    /// Ends the feed and starts another on the same cloud and store.
    pub(crate) async fn restart(self, config: FeedConfig) -> Self {
        self.feed.shutdown().await;
        Self::start_with(self.fake, config, self.store)
    }

    /// Started and completely read.
    pub(crate) async fn settled(fake: Fake, config: FeedConfig) -> Self {
        let bench = Self::start(fake, config);
        bench
            .until(|bench| !bench.facts().restarting && bench.facts().regions.iter().all(|r| r.complete_at.is_some()))
            .await;
        bench
    }

    pub(crate) fn facts(&self) -> crate::FeedFacts {
        self.feed.world().facts()
    }

    /// Waits until something is so, at most a day.
    pub(crate) async fn until(&self, is: impl Fn(&Self) -> bool) {
        for _ in 0..24 * 3600 {
            if self.facts().organization.read_at.is_some() && is(self) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("it never happened: {:?}", self.facts());
    }

    pub(crate) fn hub(&self, region: &str) -> Option<HubRegion> {
        self.feed.world().read(|world| world.sources.regions.iter().find(|hub| hub.region == region).cloned())
    }

    /// Findings with this status.
    pub(crate) fn count(&self, status: Status) -> u64 {
        let counts = self.feed.world().read(|world| world.index.count());
        counts.into_iter().filter(|((_, found), _)| *found == status).map(|(_, count)| count).sum()
    }

    /// Accounts of which the index differs from what the cloud has.
    pub(crate) fn wrong(&self) -> BTreeSet<AccountId> {
        let truth = self.fake.cloud().truth();
        self.feed.world().read(|world| differing(&world.index, &truth))
    }
}

/// Accounts of which an index differs from the truth.
pub(crate) fn differing(index: &FindingIndex, truth: &[Finding]) -> BTreeSet<AccountId> {
    let mut copy = index.clone();
    let of: BTreeSet<AccountId> =
        truth.iter().filter_map(|finding| finding.account_id.parse().ok()).chain(copy.accounts()).collect();
    let regions: BTreeSet<Region> =
        truth.iter().map(|finding| finding.region.clone()).chain([HOME, LINKED].map(Into::into)).collect();
    let mut batch = copy.sweep(&of);
    batch.add(truth);
    copy.install(&of, &regions, batch).accounts
}
