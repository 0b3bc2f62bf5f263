//! Writing AccountPostures: only what changed, at most so many a second, in the background.
//!
//! What was written is remembered as a hash, not as an object: ten thousand of them must not double our memory.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::Value;
use soc2_crds::{AccountPosture, AccountPostureSpec, ComplianceProfile};
use soc2_posture::assess::CompliantLabel;
use soc2_posture::ids::AccountId;
use soc2_posture::objects::{LABELS, account_posture, posture_name};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Field manager of results.
pub const MANAGER: &str = "soc2-operator/posture";

/// A posture as it should be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The account.
    pub account: AccountId,
    /// Value of the label.
    pub compliant: CompliantLabel,
    /// The content.
    pub content: AccountPostureSpec,
}

enum Job {
    Write(Value),
    Delete,
}

/// The writer.
pub struct PostureWriter {
    api: Api<AccountPosture>,
    pace: Duration,
    /// Hash of what stands in the cluster, by name.
    known: Mutex<HashMap<String, u64>>,
    queue: Mutex<BTreeMap<String, Job>>,
    wake: Notify,
}

impl PostureWriter {
    /// A writer of at most `per_second` objects a second.
    #[must_use]
    pub fn new(client: Client, per_second: u32) -> Arc<Self> {
        Arc::new(Self {
            api: Api::all(client),
            pace: Duration::from_secs(1) / per_second.max(1),
            known: Mutex::default(),
            queue: Mutex::default(),
            wake: Notify::new(),
        })
    }

    /// Reads what stands in the cluster, page by page, and hands each content to `visit` (profile, account, content).
    ///
    /// # Errors
    /// Of the API server.
    pub async fn load(&self, mut visit: impl FnMut(&str, AccountId, &AccountPostureSpec)) -> kube::Result<()> {
        let mut params = ListParams::default().limit(500);
        loop {
            let page = self.api.list(&params).await?;
            for posture in &page.items {
                let hash = hash(&posture.spec, posture.labels());
                if let Ok(mut known) = self.known.lock() {
                    known.insert(posture.name_any(), hash);
                }
                let account = posture.spec.account.id.parse::<AccountId>();
                if let (Some(profile), Ok(account)) = (posture.labels().get(LABELS[0]), account) {
                    visit(profile, account, &posture.spec);
                }
            }
            match page.metadata.continue_ {
                Some(token) if !token.is_empty() => params = params.continue_token(&token),
                _ => return Ok(()),
            }
        }
    }

    /// Queues what differs from what stands. With `complete`, postures of other accounts of the profile go.
    pub fn sync(&self, profile: &ComplianceProfile, wanted: Vec<Wanted>, complete: bool) {
        let profile_name = profile.name_any();
        let prefix = format!("{profile_name}-");
        let (Ok(known), Ok(mut queue)) = (self.known.lock(), self.queue.lock()) else { return };
        let mut keep = std::collections::BTreeSet::new();
        for Wanted { account, compliant, content } in wanted {
            let name = posture_name(&profile_name, account);
            let posture = account_posture(profile, account, compliant, content);
            if known.get(&name) == Some(&hash(&posture.spec, posture.labels())) {
                queue.remove(&name);
            } else if let Ok(body) = serde_json::to_value(&posture) {
                queue.insert(name.clone(), Job::Write(body));
            }
            keep.insert(name);
        }
        if complete {
            let gone = known.keys().filter(|name| is_of(name, &prefix) && !keep.contains(*name));
            for name in gone {
                queue.insert(name.clone(), Job::Delete);
            }
        }
        drop((known, queue));
        self.wake.notify_one();
    }

    /// Forgets a posture that somebody deleted, so that the next reconcile writes it again.
    pub fn forget(&self, name: &str) {
        if let Ok(mut known) = self.known.lock() {
            known.remove(name);
        }
    }

    /// Whether the operator has written this posture and not deleted it itself.
    pub fn knows(&self, name: &str) -> bool {
        self.known.lock().is_ok_and(|known| known.contains_key(name))
    }

    /// How many writes wait.
    pub fn pending(&self) -> usize {
        self.queue.lock().map_or(0, |queue| queue.len())
    }

    /// Writes what is queued until `cancel`.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut ticks = tokio::time::interval(self.pace);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let next = self.queue.lock().ok().and_then(|mut queue| queue.pop_first());
            let Some((name, job)) = next else {
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = self.wake.notified() => continue,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.perform(&name, &job).await {
                tracing::warn!(%error, posture = %name, "an AccountPosture could not be written; it is tried again");
                if let Ok(mut queue) = self.queue.lock() {
                    // A newer job for the same object wins.
                    queue.entry(name).or_insert(job);
                }
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        }
    }

    async fn perform(&self, name: &str, job: &Job) -> kube::Result<()> {
        match job {
            Job::Write(body) => {
                let written = self.api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(body)).await?;
                if let Ok(mut known) = self.known.lock() {
                    known.insert(name.to_owned(), hash(&written.spec, written.labels()));
                }
            }
            Job::Delete => {
                self.forget(name);
                match self.api.delete(name, &DeleteParams::default()).await {
                    Ok(_) => {}
                    Err(kube::Error::Api(status)) if status.is_not_found() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// Whether a posture's name is the prefix and an account id: profile `a` must not take `a-b-<id>` for its own.
fn is_of(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.parse::<AccountId>().is_ok())
}

fn hash(content: &AccountPostureSpec, labels: &BTreeMap<String, String>) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(content).unwrap_or_default().hash(&mut hasher);
    for label in LABELS {
        labels.get(label).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posture_belongs_to_the_profile_whose_name_is_all_before_the_account() {
        assert!(is_of("prod-333333333333", "prod-"));
        assert!(!is_of("prod-eu-333333333333", "prod-"));
        assert!(is_of("prod-eu-333333333333", "prod-eu-"));
    }
}
