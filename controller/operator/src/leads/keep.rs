//! The task that takes, renews and gives up Leases.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt, future};
use k8s_openapi::api::coordination::v1::Lease;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::lease::{self, holder};
use super::table::Table;
use super::write::{self, Renewed};
use super::{LeadsConfig, Phase, Scope, spread};
use crate::context::Context;
use crate::http::Readiness;
use crate::waiting::chain;

/// How long giving everything up at the end may take.
const RELEASE: Duration = Duration::from_secs(2);

/// Takes what is free, renews what is ours, gives up what another replica should have; at the end of `cancel` everything.
pub async fn keep(context: Arc<Context>, readiness: Arc<Readiness>, cancel: CancellationToken) {
    // Who cannot work must not lead.
    if cancel.run_until_cancelled(context.leads.opened()).await.is_none() {
        return;
    }
    let api: Api<Lease> = Api::namespaced(context.client.clone(), &context.leads.config.namespace);
    let mut events = pin!(watcher(api.clone(), watcher::Config::default()).default_backoff());
    let mut keeper = Keeper::new(Arc::clone(&context), readiness, api);
    while !cancel.is_cancelled() {
        // Not cut off by the end: a Lease that is just being taken has to be given up too.
        let next = keeper.round().await;
        tokio::select! {
            () = cancel.cancelled() => {}
            Some(event) = events.next() => keeper.take(event),
            Some(ended) = keeper.ending.join_next() => keeper.ended(ended.ok()),
            () = context.leads.wake.notified() => {}
            () = tokio::time::sleep_until(next.into()) => {}
        }
        while let Some(Some(event)) = events.next().now_or_never() {
            keeper.take(event);
        }
    }
    keeper.release_all().await;
}

/// A Lease that is ours.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) renew_at: Instant,
    pub(super) deadline: Instant,
    /// How often it had changed hands when we took it.
    pub(super) transitions: Option<i32>,
    /// What is under way is brought to its end.
    pub(super) ending: bool,
    /// It has ended: the Lease can be given up.
    pub(super) ended: bool,
}

pub(super) struct Keeper {
    pub(super) context: Arc<Context>,
    pub(super) readiness: Arc<Readiness>,
    pub(super) api: Api<Lease>,
    pub(super) table: Table,
    /// Leases of a listing that has not come to its end.
    pub(super) listing: BTreeSet<Scope>,
    /// They were listed.
    pub(super) listed: bool,
    pub(super) held: BTreeMap<Scope, Held>,
    pub(super) beginning: JoinSet<()>,
    pub(super) ending: JoinSet<Scope>,
    /// What should have a Lease; known once what is declared is.
    pub(super) wanted: Option<BTreeSet<Scope>>,
    pub(super) started: Instant,
    pub(super) claim_after: Instant,
    pub(super) ask_after: Instant,
}

impl Keeper {
    fn new(context: Arc<Context>, readiness: Arc<Readiness>, api: Api<Lease>) -> Self {
        let now = Instant::now();
        Self {
            context,
            readiness,
            api,
            table: Table::default(),
            listing: BTreeSet::new(),
            listed: false,
            held: BTreeMap::new(),
            beginning: JoinSet::new(),
            ending: JoinSet::new(),
            wanted: None,
            started: now,
            claim_after: now,
            ask_after: now,
        }
    }

    pub(super) fn config(&self) -> &LeadsConfig {
        &self.context.leads.config
    }

    pub(super) fn me(&self) -> &str {
        &self.config().identity
    }

    /// Takes in what a watch tells.
    fn take(&mut self, event: watcher::Result<watcher::Event<Lease>>) {
        let scope = |lease: &Lease| self.config().scope_of(&lease.name_any());
        match event {
            Ok(watcher::Event::Init) => self.listing.clear(),
            Ok(watcher::Event::InitApply(lease)) => {
                if let Some(scope) = scope(&lease) {
                    self.listing.insert(scope.clone());
                    self.table.put(scope, lease, Instant::now());
                }
            }
            Ok(watcher::Event::InitDone) => {
                self.table.retain(&self.listing);
                self.listed = true;
                self.readiness.there("leader");
            }
            Ok(watcher::Event::Apply(lease)) => {
                if let Some(scope) = scope(&lease) {
                    self.table.put(scope, lease, Instant::now());
                }
            }
            Ok(watcher::Event::Delete(lease)) => {
                if let Some(scope) = scope(&lease) {
                    self.table.remove(&scope);
                }
            }
            Err(error) => {
                self.context.troubles.watch_failed("Lease", &error);
                if !self.listed {
                    self.readiness.missing("leader", format!("the Leases cannot be read: {}", chain(&error)));
                }
            }
        }
    }

    /// Does what is due. Gives when it should be called again at the latest.
    async fn round(&mut self) -> Instant {
        if !self.listed {
            return Instant::now() + self.config().renewal();
        }
        self.notice();
        self.renew().await;
        self.give_up();
        self.let_go().await;
        let claims = self.claim().await;
        self.ask().await;
        self.clean().await;
        let now = Instant::now();
        self.context.leads.show(self.table.holders(now));
        let renewals = self.held.values().filter(|held| !held.ended).map(|held| held.renew_at);
        renewals.chain(claims).fold(now + self.config().renewal(), Instant::min)
    }

    /// Which organizations there are. Who looks after the objects of one that has come or gone is another.
    fn notice(&mut self) {
        let leads = &self.context.leads;
        if self.wanted.is_none() && !leads.is_open() {
            return;
        }
        let organizations = self.context.stores.organizations.state();
        let organizations = organizations.iter().map(|guard| Scope::Organization(guard.name_any()));
        let wanted: BTreeSet<Scope> = organizations.chain([Scope::Common]).collect();
        let before = self.wanted.take().unwrap_or_default();
        for scope in wanted.symmetric_difference(&before) {
            leads.changed(scope.clone());
            if !wanted.contains(scope) && !self.held.contains_key(scope) {
                leads.drop_lead(scope);
            }
        }
        self.wanted = Some(wanted);
    }

    /// Renews what is due, side by side: one that is slow must not cost the others.
    async fn renew(&mut self) {
        let now = Instant::now();
        let shares = self.table.shares_now(now);
        let (api, config, table) = (&self.api, &self.context.leads.config, &self.table);
        let due = self.held.iter().filter(|(_, held)| held.renew_at <= now && !held.ended);
        let work: Vec<_> = due
            .map(|(scope, held)| {
                let mut known = table.get(scope).cloned();
                let given = |organization| spread::gives(&shares, &config.identity, organization);
                if known.as_ref().and_then(lease::wanted_by).is_some() && !scope.organization().is_some_and(given) {
                    known = known.map(|lease| lease::wanted(lease, None));
                }
                let (scope, taken) = (scope.clone(), held.transitions);
                async move {
                    let renewed = write::renew(api, config, &scope, known, taken);
                    let renewed = tokio::time::timeout(config.renewal(), renewed).await;
                    (scope, renewed)
                }
            })
            .collect();
        let renewed = future::join_all(work).await;
        for (scope, renewed) in renewed {
            match renewed {
                Ok(Ok(Renewed::Ours(sent, lease))) => {
                    self.hold(&scope, sent, &lease);
                    self.table.put(scope, *lease, Instant::now());
                    continue;
                }
                Ok(Ok(Renewed::Theirs(other))) => self.lost(&scope, other),
                Ok(Err(error)) => self.trouble("a Lease could not be renewed", &chain(&error)),
                Err(_) => self.trouble("a Lease could not be renewed", "no answer in time"),
            }
            let again = Instant::now() + self.config().renewal() / 2;
            if let Some(held) = self.held.get_mut(&scope) {
                held.renew_at = again;
            }
        }
    }

    pub(super) fn hold(&mut self, scope: &Scope, sent: Instant, lease: &Lease) {
        let (duration, renewal) = (self.config().duration, self.config().renewal());
        self.context.leads.lead(scope).hold(sent, duration);
        let transitions = write::transitions(lease);
        let fresh = Held { renew_at: sent, deadline: sent, transitions, ending: false, ended: false };
        let held = self.held.entry(scope.clone()).or_insert(fresh);
        (held.renew_at, held.deadline) = (sent + renewal, sent + duration);
    }

    /// Said once, not with every attempt and of every Lease.
    pub(super) fn trouble(&self, what: &str, error: &str) {
        if self.context.troubles.is_news(&format!("{what}: {error}")) {
            tracing::warn!(error, "{what}; it is tried again");
        }
    }

    /// Another replica has what was ours. The process ends: that is simplest and safe, and others take over what is left.
    fn lost(&mut self, scope: &Scope, other: String) {
        tracing::error!(lease = %self.config().lease_name(scope), %other, "the Lease was lost");
        self.held.remove(scope);
        self.context.leads.lead(scope).enter(Phase::Idle);
        self.context.leads.close();
        self.context.leads.lost.send_replace(Some(other));
    }

    /// Gives everything up.
    async fn release_all(&mut self) {
        self.beginning.shutdown().await;
        self.ending.shutdown().await;
        let held = std::mem::take(&mut self.held);
        let leases = held.keys().filter_map(|scope| {
            self.context.leads.lead(scope).enter(Phase::Idle);
            self.table.get(scope).cloned().filter(|lease| holder(lease) == Some(self.me()))
        });
        let released = future::join_all(leases.map(|lease| write::release(&self.api, lease)));
        let Ok(results) = tokio::time::timeout(RELEASE, released).await else {
            tracing::warn!("the Leases could not be released in time; they run out by themselves");
            return;
        };
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            tracing::warn!(%error, "a Lease could not be released; it runs out by itself");
        }
        tracing::info!(leases = results.iter().filter(|result| result.is_ok()).count(), "released");
    }
}
