//! Loading and saving checkpoints.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use soc2_aws::Draft;
use soc2_posture::index::FindingIndex;
use soc2_posture::organization::Organization;
use tokio::time::Instant;

use super::apply::Done;
use super::start::{Job, role};
use super::{CHECKPOINTS, Engine};
use crate::checkpoint::{Checkpoint, Refusal, State, decode, encode};
use crate::handle::{Accounts, Change};
use crate::lane::Lane;
use crate::reading::organization::TagBook;

/// How long the last checkpoint may take.
const LAST_SAVE: Duration = Duration::from_secs(20);

impl Engine {
    /// Loads the checkpoint. It is used once the organization is known to be the same.
    pub(super) async fn load(&mut self) {
        let name = self.config.organization.clone();
        match self.parts.state.load(&name).await {
            Ok(None) => tracing::info!(organization = %name, "there is no checkpoint: everything is read"),
            Ok(Some(mut saved)) => {
                let (catalog, of) = (Arc::clone(&self.parts.catalog), name.clone());
                match tokio::task::spawn_blocking(move || decode(&mut saved, &of, &catalog)).await {
                    Ok(Ok(checkpoint)) => {
                        self.tags = TagBook::from_organization(&checkpoint.state.organization);
                        self.known.restarting = checkpoint.state.restarting;
                        self.candidate = Some(Box::new(checkpoint));
                    }
                    Ok(Err(refusal)) => refuse(&name, &refusal),
                    Err(error) => tracing::error!(organization = %name, %error, "the checkpoint could not be read"),
                }
            }
            Err(error) => {
                tracing::warn!(organization = %name, %error, "the checkpoint cannot be loaded: everything is read");
            }
        }
    }

    /// Uses the loaded checkpoint, if it is of this organization. Gives the accounts that concerns.
    pub(super) async fn adopt(&mut self, organization: &Organization) -> Accounts {
        let Some(checkpoint) = self.candidate.take() else { return Accounts::default() };
        if let Err(refusal) = checkpoint.check(organization) {
            refuse(&self.config.organization, &refusal);
            self.known.restarting = true;
            return Accounts::default();
        }
        let Checkpoint { state, index } = *checkpoint;
        let findings = index.len();
        tracing::info!(organization = %state.name, saved_at = %state.saved_at, findings, "goes on from the checkpoint");
        for record in state.lanes {
            let source = self.config.sources.iter().find(|source| source.name == record.key.source);
            let role = source.and_then(|source| role(source, record.key.account, &record.key.region));
            self.lanes.insert(record.key.clone(), Lane::resume(record, role));
        }
        self.publisher
            .write(|world| {
                world.index = index;
                world.organization = Some(state.organization);
            })
            .await;
        self.known.findings = None;
        self.be_interested().await;
        self.drop_lanes().await;
        let read =
            |source: &str, region: &str| self.lanes.keys().any(|key| key.source == source && key.region == region);
        let all = self
            .config
            .sources
            .iter()
            .all(|source| source.regions.read().iter().all(|region| read(&source.name, region)));
        self.known.restarting = state.restarting || !all;
        self.known.controls_read = state.controls_read && all;
        Accounts::All
    }

    /// Drops lanes that the configuration does not ask for any more, with what only they read.
    pub(super) async fn drop_lanes(&mut self) {
        let before = self.coverage();
        let sources = &self.config.sources;
        let asked = |lane: &Lane| {
            let key = &lane.record.key;
            let source = sources.iter().find(|source| source.name == key.source);
            source.is_some_and(|source| {
                source.regions.read().contains(&key.region) && source.per_account.is_some() == key.account.is_some()
            })
        };
        self.lanes.retain(|_, lane| asked(lane));
        self.forget(before).await;
    }

    /// Everything that was read is of another organization.
    pub(super) async fn forget_everything(&mut self) {
        self.cut().await;
        self.lanes.clear();
        self.known.inventory = None;
        (self.known.restarting, self.known.surveyed, self.known.findings) = (true, false, None);
        self.known.controls_read = false;
        let empty = FindingIndex::new(&self.parts.catalog);
        self.publisher.write(|world| world.index = empty).await;
        self.be_interested().await;
    }

    pub(super) async fn begin_save(&mut self) {
        let now = Instant::now();
        if !self.unsaved || !self.can_survey() || !self.timers.checkpoint.is_due(CHECKPOINTS, now) {
            return;
        }
        let Some(draft) = self.snapshot().await else { return };
        self.timers.checkpoint.begin(now);
        self.unsaved = false;
        let task = self.jobs.spawn(async move {
            Done::Saved(match draft {
                Ok(draft) => draft.keep().await,
                Err(error) => Err(error),
            })
        });
        self.running.insert(task.id(), Job::Save);
    }

    pub(super) fn saved(&mut self, result: io::Result<()>) -> Change {
        let error = result.err().map(|error| error.to_string());
        self.say("checkpoint", error.as_deref());
        if error.is_some() {
            self.unsaved = true;
            self.timers.checkpoint.fail(CHECKPOINTS, Instant::now());
        } else {
            self.timers.checkpoint.succeed();
        }
        Change::default()
    }

    /// The last checkpoint.
    pub(super) async fn save_now(&mut self) {
        let Some(draft) = self.snapshot().await else { return };
        let name = &self.config.organization;
        let saved = tokio::time::timeout(LAST_SAVE, async { draft?.keep().await }).await;
        match saved.map_err(io::Error::from) {
            Ok(Ok(())) => tracing::info!(organization = %name, "last checkpoint written"),
            Ok(Err(error)) | Err(error) => {
                tracing::warn!(organization = %name, %error, "the last checkpoint could not be written");
            }
        }
    }

    /// The world as a checkpoint keeps it, written but not yet kept. The loop waits, so that lanes and findings belong together;
    /// readers need not.
    async fn snapshot(&self) -> Option<io::Result<Box<dyn Draft>>> {
        // A candidate that waits is better than what was read without it.
        if self.candidate.is_some() {
            return None;
        }
        let state = State {
            name: self.config.organization.clone(),
            saved_at: self.now(),
            organization: self.publisher.read(|world| world.organization.clone())?,
            lanes: self.lanes.values().map(|lane| lane.record.clone()).collect(),
            restarting: self.known.restarting,
            controls_read: self.known.controls_read,
        };
        Some(self.write(state).await)
    }

    async fn write(&self, state: State) -> io::Result<Box<dyn Draft>> {
        let mut draft = self.parts.state.draft(&state.name).await?;
        let publisher = self.publisher.clone();
        let write = move || {
            publisher.read(|world| encode(&state, &world.index, &mut draft))?;
            Ok(draft)
        };
        tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
    }

    /// Accounts in any lane.
    pub(super) fn covered(&self) -> BTreeSet<soc2_posture::ids::AccountId> {
        self.lanes.values().flat_map(|lane| lane.record.accounts.iter().copied()).collect()
    }
}

fn refuse(organization: &str, refusal: &Refusal) {
    tracing::warn!(%organization, %refusal, "the checkpoint is not used: everything is read again");
}
