//! AWS, read once with the operator's own reader.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use soc2_aws::{Aws, AwsMetrics, Draft, ErrorClass, Saved, SdkAws, Settings, StateStore};
use soc2_catalog::Catalog;
use soc2_crds::{AwsOrganization, ComplianceProfile, GuardrailSet};
use soc2_feed::{Feed, FeedFacts, Parts, SystemClock, WorldHandle, feed_config};
use soc2_posture::World;
use tokio_util::sync::CancellationToken;

use crate::progress::Progress;
use crate::snapshot::Snapshot;

/// How often it is looked how far the reading is.
const LOOK: Duration = Duration::from_millis(100);
/// A reading that fails is tried again until nothing has changed for so long.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is read.
pub struct Wanted<'a> {
    /// The organization.
    pub object: &'a AwsOrganization,
    /// Objects that ask for more, such as tags.
    pub profiles: &'a [ComplianceProfile],
    /// The same.
    pub sets: &'a [GuardrailSet],
    /// Others ask for tags of accounts.
    pub tags: bool,
    /// The catalogue that names controls.
    pub catalog: &'a Arc<Catalog>,
    /// The catalogue of a profile, if there is nothing wrong with it.
    pub catalog_of: &'a dyn Fn(&ComplianceProfile) -> Option<Arc<Catalog>>,
}

/// Opens AWS with the usual variables and files of the AWS tools.
///
/// # Errors
/// When they cannot be used.
pub async fn connect() -> Result<Arc<dyn Aws>> {
    // Two crates bring rustls; both must use the same cryptography. A provider that is installed already is fine.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let metrics = AwsMetrics::register(&mut Registry::default());
    let settings = Settings { app_name: "soc2ctl".to_owned(), ..Settings::default() };
    SdkAws::connect(settings, &metrics).await.context("AWS")
}

/// Reads everything once.
///
/// # Errors
/// When the organization cannot be read. What else cannot be is incomplete in the result.
pub async fn read(aws: Arc<dyn Aws>, wanted: &Wanted<'_>, progress: &Progress) -> Result<Snapshot> {
    let taken_at = Timestamp::now();
    let mut config = feed_config(wanted.object, wanted.profiles, wanted.sets, wanted.tags, wanted.catalog_of);
    // Messages that are taken from a queue would be missed by the operator.
    config.organization_events = None;
    for source in &mut config.sources {
        source.events = None;
    }
    let catalog = Arc::clone(wanted.catalog);
    let parts = Parts { aws, state: Arc::new(Nothing), clock: Arc::new(SystemClock), catalog };
    let feed = Feed::spawn(config, parts, &CancellationToken::new());
    let handle = feed.world();
    let facts = wait(&handle, progress).await;
    progress.end();
    let facts = facts?;
    let world = handle.read(World::clone);
    feed.shutdown().await;
    let inventory = facts.inventory.as_deref().filter(|_| facts.policies.error.is_none()).cloned();
    Ok(Snapshot { world, inventory, taken_at: Some(taken_at), damage: Vec::new(), lacks_units: false })
}

async fn wait(handle: &WorldHandle, progress: &Progress) -> Result<FeedFacts> {
    let mut seen = (String::new(), Instant::now());
    loop {
        tokio::time::sleep(LOOK).await;
        let facts = handle.facts();
        if facts.read_once {
            return Ok(facts);
        }
        if let Some(error) = &facts.organization.error
            && matches!(error.class, ErrorClass::Denied | ErrorClass::Terminal)
        {
            bail!("{}", error.message);
        }
        let words = describe(&facts);
        if words != seen.0 {
            seen = (words.clone(), Instant::now());
        }
        progress.say(|| words);
        if seen.1.elapsed() >= PATIENCE {
            return match facts.organization.error {
                Some(error) => bail!("{}", error.message),
                // What is missing is Unknown, with its reason.
                None => Ok(facts),
            };
        }
    }
}

/// How far the reading is.
fn describe(facts: &FeedFacts) -> String {
    if facts.organization.read_at.is_none() {
        return "reading the organization".to_owned();
    }
    let (complete, all) =
        facts.regions.iter().fold((0, 0), |sum, region| (sum.0 + region.shards_complete, sum.1 + region.shards));
    let findings: usize = facts.regions.iter().map(|region| region.findings).sum();
    let troubles: Vec<String> =
        facts.regions.iter().filter_map(|region| region.error.as_ref()).map(ToString::to_string).collect();
    let trouble = troubles.first().map(|error| format!("; trying again: {error}")).unwrap_or_default();
    format!("reading findings: {complete} of {all} groups of accounts, {findings} findings{trouble}")
}

/// No checkpoints.
struct Nothing;

#[async_trait]
impl StateStore for Nothing {
    async fn load(&self, _: &str) -> io::Result<Option<Box<dyn Saved>>> {
        Ok(None)
    }

    async fn draft(&self, _: &str) -> io::Result<Box<dyn Draft>> {
        Ok(Box::new(Self))
    }
}

impl Write for Nothing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Draft for Nothing {
    async fn keep(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
