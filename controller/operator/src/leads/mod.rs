//! Leadership by Kubernetes Leases whose deadlines writers can check: one Lease for each organization, so that several of them
//! spread over the replicas, and one for what belongs to no organization.
//!
//! Ready-made lease managers show only a bool, which is stale the moment it is read. A writer needs to know how long it
//! may still write: the deadline is the local (monotonic) time before the last successful renewal was sent, plus the
//! duration. Clocks of other machines are never compared with ours: a follower waits until the Lease has not changed for
//! the whole duration on its own clock.
//!
//! Every replica watches everything, so that taking over is quick. Each reconcile asks for a turn with what its object
//! belongs to, and gets none where another replica leads.

mod keep;
mod lead;
mod lease;
mod moves;
mod scope;
mod spread;
mod table;
mod turn;
mod write;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, broadcast, watch};

pub use keep::keep;
pub use lead::{Lead, Phase, Turn};
pub use scope::{Belongs, Scope};

/// What to hold and how.
#[derive(Clone, Debug)]
pub struct LeadsConfig {
    /// Namespace of the Leases.
    pub namespace: String,
    /// Name of the Lease for what belongs to no organization; those of organizations begin with it.
    pub name: String,
    /// Identity of this replica.
    pub identity: String,
    /// How long a Lease holds without renewal.
    pub duration: Duration,
}

/// Who leads what, as far as this replica knows.
#[derive(Debug)]
pub struct Leads {
    config: LeadsConfig,
    known: Mutex<BTreeMap<Scope, Arc<Lead>>>,
    holders: Mutex<BTreeMap<Scope, String>>,
    changes: broadcast::Sender<Scope>,
    lost: watch::Sender<Option<String>>,
    wake: Notify,
    /// Organizations may be taken: what is declared is known, and the process is not about to end.
    open: AtomicBool,
}

/// One line of who leads what, for people.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Leader {
    /// Name of the `AwsOrganization`; absent for what belongs to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Identity of the replica.
    pub identity: String,
    /// Whether that is this one.
    pub this: bool,
}

impl Leads {
    /// Nothing is led yet.
    #[must_use]
    pub fn new(config: LeadsConfig) -> Arc<Self> {
        Arc::new(Self {
            config,
            known: Mutex::default(),
            holders: Mutex::default(),
            // As many organizations as may change hands at once before everything is looked at instead.
            changes: broadcast::channel(256).0,
            lost: watch::channel(None).0,
            wake: Notify::new(),
            open: AtomicBool::new(false),
        })
    }

    /// The lead of something.
    #[must_use]
    pub fn lead(&self, scope: &Scope) -> Arc<Lead> {
        let mut known = locked(&self.known);
        if let Some(found) = known.get(scope) {
            return Arc::clone(found);
        }
        let lead = Arc::new(Lead::new(self.config.lease_name(scope)));
        known.insert(scope.clone(), Arc::clone(&lead));
        lead
    }

    /// A turn to work on what belongs to `scope`; `None` where this replica does not lead, or is about to give it up.
    #[must_use]
    pub fn turn(&self, scope: &Scope) -> Option<Turn> {
        self.find(scope)?.turn()
    }

    /// Whether this replica works on it, however long that may go on.
    #[must_use]
    pub fn leads(&self, scope: &Scope) -> bool {
        self.find(scope).is_some_and(|lead| lead.phase() == Phase::Leading)
    }

    /// Whether this replica has it, be it to begin or to end.
    #[must_use]
    pub fn has(&self, scope: &Scope) -> bool {
        self.find(scope).is_some_and(|lead| lead.phase() != Phase::Idle)
    }

    /// Whether this replica leads now by a Lease that has not run out.
    #[must_use]
    pub fn is_current(&self, scope: &Scope) -> bool {
        self.find(scope).is_some_and(|lead| lead.phase() == Phase::Leading && lead.is_current())
    }

    /// Who leads what.
    #[must_use]
    pub fn leaders(&self) -> Vec<Leader> {
        let leader = |(scope, identity): (&Scope, &String)| Leader {
            organization: scope.organization().map(str::to_owned),
            identity: identity.clone(),
            this: *identity == self.config.identity,
        };
        locked(&self.holders).iter().map(leader).collect()
    }

    /// What is led by somebody else from now on, or no longer is: its objects should be looked at.
    pub fn subscribe(&self) -> broadcast::Receiver<Scope> {
        self.changes.subscribe()
    }

    /// Organizations may be taken from now on.
    pub fn open(&self) {
        self.open.store(true, Ordering::Release);
        self.wake();
    }

    /// Waits until they may.
    pub async fn opened(&self) {
        while !self.is_open() {
            self.wake.notified().await;
        }
    }

    /// Nothing more is taken: the process is about to end.
    pub fn close(&self) {
        self.open.store(false, Ordering::Release);
    }

    /// Something that is led, or could be, has come or gone.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until a Lease was lost that was not given up; gives who has it.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.subscribe();
        loop {
            if let Some(other) = lost.borrow_and_update().clone() {
                return other;
            }
            if lost.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    fn changed(&self, scope: Scope) {
        // No controller yet is no error.
        let _ = self.changes.send(scope);
    }

    fn show(&self, holders: BTreeMap<Scope, String>) {
        *locked(&self.holders) = holders;
    }

    fn find(&self, scope: &Scope) -> Option<Arc<Lead>> {
        locked(&self.known).get(scope).map(Arc::clone)
    }

    /// Forgets what is not there any more.
    fn drop_lead(&self, scope: &Scope) {
        locked(&self.known).remove(scope);
    }
}

impl LeadsConfig {
    fn lease_name(&self, scope: &Scope) -> String {
        match scope {
            Scope::Common => self.name.clone(),
            Scope::Organization(name) => format!("{}.{name}", self.name),
        }
    }

    /// What a Lease in our namespace is for; `None` when it is not ours.
    fn scope_of(&self, lease: &str) -> Option<Scope> {
        let rest = lease.strip_prefix(&self.name)?;
        if rest.is_empty() {
            return Some(Scope::Common);
        }
        rest.strip_prefix('.').filter(|name| !name.is_empty()).map(|name| Scope::Organization(name.to_owned()))
    }

    /// How often a Lease is renewed.
    fn renewal(&self) -> Duration {
        self.duration / 3
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole values come and go; a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_leases_say_what_they_are_for() {
        let config = LeadsConfig {
            namespace: "a".to_owned(),
            name: "soc2".to_owned(),
            identity: "b".to_owned(),
            duration: Duration::from_secs(15),
        };
        for scope in [Scope::Common, Scope::Organization("acme.eu".to_owned())] {
            assert_eq!(config.scope_of(&config.lease_name(&scope)), Some(scope));
        }
        for other in ["soc2-operator", "soc2.", "other", ""] {
            assert_eq!(config.scope_of(other), None, "{other}");
        }
    }
}
