//! Writing AccountPostures: only what changed, at most so many a second, in the background.
//!
//! What was written is remembered as a hash, and what is to be written as an account, of which the newest posture is made
//! when its turn comes: ten thousand of them must not double our memory.

mod source;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use soc2_crds::{AccountPosture, AccountPostureSpec};
use soc2_posture::ids::AccountId;
use soc2_posture::objects::LABELS;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use source::Source;
use source::hash;

use crate::waiting::{Troubles, class_of};

/// Field manager of results.
pub const MANAGER: &str = "soc2-operator/posture";
/// Postures that are made while the world and the assessment are held.
const CHUNK: usize = 128;

enum Job {
    Write(Arc<Source>, AccountId),
    Delete,
}

/// The writer.
pub struct PostureWriter {
    api: Api<AccountPosture>,
    pace: Duration,
    state: Mutex<State>,
    /// Held from when a posture is taken from the queue until it is written.
    writing: tokio::sync::Mutex<()>,
    wake: Notify,
    troubles: Troubles,
}

#[derive(Default)]
struct State {
    /// Hash of what stands in the cluster, by name.
    known: HashMap<String, u64>,
    queue: BTreeMap<String, Job>,
    /// What could not be written comes when everything else has had its turn.
    failed: BTreeMap<String, Job>,
}

impl State {
    fn enqueue(&mut self, name: String, job: Job) {
        self.failed.remove(&name);
        self.queue.insert(name, job);
    }

    fn dequeue(&mut self, name: &str) {
        self.failed.remove(name);
        self.queue.remove(name);
    }

    fn next(&mut self) -> Option<(String, Job)> {
        if self.queue.is_empty() {
            std::mem::swap(&mut self.queue, &mut self.failed);
        }
        self.queue.pop_first()
    }

    /// Puts back what could not be written; a newer job for the same object wins.
    fn put_off(&mut self, name: String, job: Job) {
        if !self.queue.contains_key(&name) {
            self.failed.insert(name, job);
        }
    }

    /// Queues a posture if it, by hash, is not what stands.
    fn compare(&mut self, name: String, hash: Option<u64>, write: impl FnOnce() -> Job) {
        match (hash, self.known.get(&name)) {
            (Some(hash), Some(stands)) if hash == *stands => self.dequeue(&name),
            (Some(_), _) => self.enqueue(name, write()),
            (None, Some(_)) => self.enqueue(name, Job::Delete),
            (None, None) => self.dequeue(&name),
        }
    }

    /// Ends every posture of which this is so.
    fn end(&mut self, gone: impl Fn(&str) -> bool) {
        let names: Vec<String> = self.known.keys().filter(|name| gone(name)).cloned().collect();
        for name in names {
            self.enqueue(name, Job::Delete);
        }
    }
}

impl PostureWriter {
    /// A writer of at most `per_second` objects a second.
    #[must_use]
    pub fn new(client: Client, per_second: u32) -> Arc<Self> {
        Arc::new(Self {
            api: Api::all(client),
            pace: Duration::from_secs(1) / per_second.max(1),
            state: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            troubles: Troubles::default(),
        })
    }

    /// Reads what stands of a profile in the cluster, page by page, and hands each content to `visit`.
    ///
    /// # Errors
    /// Of the API server.
    pub async fn load(&self, profile: &str, mut visit: impl FnMut(AccountId, &AccountPostureSpec)) -> kube::Result<()> {
        let mut params = ListParams::default().limit(500).labels(&format!("{}={profile}", LABELS[0]));
        loop {
            let page = self.api.list(&params).await?;
            for posture in &page.items {
                self.state().known.insert(posture.name_any(), hash(posture));
                if let Ok(account) = posture.spec.account.id.parse::<AccountId>() {
                    visit(account, &posture.spec);
                }
            }
            match page.metadata.continue_ {
                Some(token) if !token.is_empty() => params = params.continue_token(&token),
                _ => return Ok(()),
            }
        }
    }

    /// Queues what of these accounts differs from what stands; of `None` all accounts of the profile, and those that are
    /// no longer among them.
    pub async fn sync(&self, source: &Arc<Source>, accounts: Option<&BTreeSet<AccountId>>) {
        let all: Vec<AccountId> = accounts.map_or_else(|| source.accounts(), |some| some.iter().copied().collect());
        for chunk in all.chunks(CHUNK) {
            source.each(chunk, |account, posture| {
                let write = || Job::Write(Arc::clone(source), account);
                self.state().compare(source.name(account), posture.as_ref().map(hash), write);
            });
            // Others work meanwhile: each chunk takes milliseconds.
            tokio::task::yield_now().await;
        }
        if accounts.is_none() {
            let keep: BTreeSet<String> = all.into_iter().map(|account| source.name(account)).collect();
            self.state().end(|name| source.owns(name) && !keep.contains(name));
        }
        self.wake.notify_one();
    }

    /// Queues the end of every posture of a profile.
    pub fn clear(&self, profile: &str) {
        self.state().end(|name| source::is_of(name, profile));
        self.wake.notify_one();
    }

    /// Leaves the postures of a profile to another replica: nothing of it is written any more when this returns.
    pub async fn leave(&self, profile: &str) {
        let _nothing = self.writing.lock().await;
        let State { known, queue, failed } = &mut *self.state();
        known.retain(|name, _| !source::is_of(name, profile));
        queue.retain(|name, _| !source::is_of(name, profile));
        failed.retain(|name, _| !source::is_of(name, profile));
    }

    /// Forgets a posture that somebody deleted; whether the operator had written it, and not deleted it itself.
    fn forget(&self, name: &str) -> bool {
        self.state().known.remove(name).is_some()
    }

    /// Names of what the operator has written and not deleted itself.
    fn names(&self) -> BTreeSet<String> {
        self.state().known.keys().cloned().collect()
    }

    /// How many writes wait.
    pub fn pending(&self) -> usize {
        let state = self.state();
        state.queue.len() + state.failed.len()
    }

    /// Writes what is queued until `cancel`.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut ticks = tokio::time::interval(self.pace);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if self.pending() == 0 {
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = self.wake.notified() => continue,
                }
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let writing = self.writing.lock().await;
            let Some((name, job)) = self.state().next() else { continue };
            if let Err(error) = self.perform(&name, &job).await {
                if self.troubles.is_news(&class_of(&error)) {
                    tracing::warn!(%error, posture = %name, "an AccountPosture could not be written; it is tried again");
                }
                self.state().put_off(name, job);
                drop(writing);
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        }
    }

    async fn perform(&self, name: &str, job: &Job) -> kube::Result<()> {
        match job {
            Job::Write(source, account) => {
                // Nothing: it should have none by now, which a newer job says.
                let Some(posture) = source.one(*account) else { return Ok(()) };
                let written =
                    self.api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(posture)).await?;
                self.state().known.insert(name.to_owned(), hash(&written));
            }
            Job::Delete => {
                // Before, or the watch would take it for somebody else's doing.
                let stood = self.state().known.remove(name);
                match self.api.delete(name, &DeleteParams::default()).await {
                    Ok(_) => {}
                    Err(kube::Error::Api(status)) if status.is_not_found() => {}
                    Err(error) => {
                        // It still stands.
                        self.state().known.extend(stood.map(|hash| (name.to_owned(), hash)));
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole entries come and go; a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn one_that_is_refused_lets_the_others_through() {
        let mut state = State::default();
        for name in ["a", "b", "c"] {
            state.enqueue(name.to_owned(), Job::Delete);
        }
        let mut order = Vec::new();
        for _ in 0..5 {
            let (name, job) = state.next().unwrap();
            order.push(name.clone());
            if name == "a" {
                state.put_off(name, job);
            }
        }
        assert_eq!(order, ["a", "b", "c", "a", "a"]);
        // What is newer wins, and what is as it should be is not written.
        state.enqueue("a".to_owned(), Job::Delete);
        assert_eq!((state.queue.len(), state.failed.len()), (1, 0));
        let (name, job) = state.next().unwrap();
        state.put_off(name, job);
        state.dequeue("a");
        assert!(state.next().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_deleted_still_stands_and_is_deleted_later() {
        const NAME: &str = "prod-333333333333";
        let calls = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&calls);
        // An API server that fails the first time.
        let server = Router::new().fallback(move || {
            let first = seen.fetch_add(1, Ordering::SeqCst) == 0;
            let code = if first { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
            async move { (code, r#"{"kind": "Status", "status": "Success"}"#) }
        });
        let writer = PostureWriter::new(Client::new(server, "default"), 1);
        writer.state().known.insert(NAME.to_owned(), 1);
        writer.clear("prod");
        let (name, job) = writer.state().next().unwrap();
        assert!(writer.perform(&name, &job).await.is_err());
        assert_eq!(writer.names(), [NAME.to_owned()].into());
        writer.state().put_off(name, job);
        // The profile is looked at meanwhile: the account should have none.
        writer.state().compare(NAME.to_owned(), None, || unreachable!());
        let (name, job) = writer.state().next().unwrap();
        writer.perform(&name, &job).await.unwrap();
        assert_eq!((calls.load(Ordering::SeqCst), writer.names()), (2, BTreeSet::new()));
        writer.state().compare(NAME.to_owned(), None, || unreachable!());
        assert_eq!(writer.pending(), 0);
    }
}
