//! Leases that change hands: taken, given up, asked for, deleted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use rand::seq::IteratorRandom;

use super::keep::Keeper;
use super::lease::{self, holder};
use super::write::{self, Renewed};
use super::{Phase, Scope, spread, turn};
use crate::waiting::chain;

/// What could not be taken is tried again after this long.
const AGAIN: Duration = Duration::from_secs(1);

impl Keeper {
    /// Begins to end what another replica asks for and should have, and what is gone.
    pub(super) fn give_up(&mut self) {
        let Some(wanted) = &self.wanted else { return };
        let shares = self.table.shares_now(Instant::now());
        let leads = &self.context.leads;
        for (scope, held) in &mut self.held {
            let Some(organization) = scope.organization().filter(|_| !held.ending) else { continue };
            let lead = leads.lead(scope);
            let gone = !wanted.contains(scope);
            let given = gone || leads.is_open() && spread::gives(&shares, &leads.config.identity, organization);
            if given && lead.phase() == Phase::Leading {
                tracing::info!(organization, gone, "gives up");
                held.ending = true;
                self.ending.spawn(turn::end(Arc::clone(&self.context), organization.to_owned(), lead));
            }
        }
    }

    /// Everything that was under way for an organization has ended.
    pub(super) fn ended(&mut self, scope: Option<Scope>) {
        if let Some(held) = scope.and_then(|scope| self.held.get_mut(&scope)) {
            held.ended = true;
        }
    }

    /// Gives up the Leases of what has ended; one that cannot be given up runs out by itself.
    pub(super) async fn let_go(&mut self) {
        let now = Instant::now();
        let ended: Vec<Scope> =
            self.held.iter().filter(|(_, held)| held.ended).map(|(scope, _)| scope.clone()).collect();
        for scope in ended {
            let gone = self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(&scope));
            let over = self.held.get(&scope).is_none_or(|held| held.deadline <= now);
            let known = self.table.get(&scope).cloned().filter(|lease| holder(lease) == Some(self.me()));
            let work = async {
                match known {
                    // Given up first, so that nobody waits for us if it comes again.
                    Some(lease) if gone => {
                        let lease = write::release(&self.api, lease).await?;
                        write::delete(&self.api, &lease).await.map(|()| Some(lease))
                    }
                    Some(lease) => write::release(&self.api, lease).await.map(Some),
                    None => Ok(None),
                }
            };
            match tokio::time::timeout(self.config().renewal(), work).await {
                Ok(Ok(Some(lease))) => self.table.put(scope.clone(), lease, Instant::now()),
                Ok(Err(error)) if !over => {
                    self.trouble("a Lease could not be given up", &chain(&error));
                    continue;
                }
                Err(_) if !over => continue,
                _ => {}
            }
            self.held.remove(&scope);
            self.context.leads.lead(&scope).enter(Phase::Idle);
            if gone {
                self.table.remove(&scope);
                self.context.leads.drop_lead(&scope);
            }
        }
    }

    /// Takes one Lease that is free. Gives when the next one may be taken.
    pub(super) async fn claim(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let free = self.claimable(now);
        let ready = |(scope, at): &(Scope, Instant)| (*at <= now).then(|| scope.clone());
        // Any of them: replicas that look at the same moment should not all run for the same one.
        let chosen = if free.iter().any(|(scope, at)| *scope == Scope::Common && *at <= now) {
            Some(Scope::Common)
        } else {
            free.iter().filter_map(ready).choose(&mut rand::rng())
        };
        let Some(scope) = chosen else { return free.into_iter().map(|(_, at)| at).min() };
        if now < self.claim_after {
            return Some(self.claim_after);
        }
        let known = self.table.get(&scope).cloned();
        let claimed = write::take(&self.api, self.config(), &scope, known.as_ref());
        match tokio::time::timeout(self.config().renewal(), claimed).await {
            Ok(Ok(Renewed::Ours(sent, lease))) => self.begin(scope, sent, *lease, known.as_ref()),
            // Somebody else was faster.
            Ok(Ok(Renewed::Theirs(_))) => self.look_again(&scope).await,
            Ok(Err(error)) => {
                self.trouble("a Lease could not be taken", &chain(&error));
                self.claim_after = Instant::now() + AGAIN;
            }
            Err(_) => self.claim_after = Instant::now() + AGAIN,
        }
        Some(now)
    }

    /// Leases that are not ours, and from when on each may be taken.
    fn claimable(&mut self, now: Instant) -> Vec<(Scope, Instant)> {
        let leads = &self.context.leads;
        // A replica that knows of one Lease alone works on all organizations while it holds it.
        let shared =
            self.held.contains_key(&Scope::Common) || self.table.get(&Scope::Common).is_some_and(lease::is_shared);
        let organizations = self.wanted.iter().flatten().filter(|scope| scope.organization().is_some());
        let organizations = organizations.filter(|_| shared && leads.is_open()).cloned();
        let common = Some(Scope::Common).filter(|_| leads.is_open());
        let leading = self.held.keys().filter(|scope| scope.organization().is_some()).count();
        let free: Vec<Scope> =
            common.into_iter().chain(organizations).filter(|scope| !self.held.contains_key(scope)).collect();
        let me = &leads.config.identity;
        free.into_iter().map(|scope| (scope.clone(), self.table.claim_at(&scope, me, leading, now))).collect()
    }

    fn begin(&mut self, scope: Scope, sent: Instant, lease: Lease, previous: Option<&Lease>) {
        let previous = previous.and_then(holder).unwrap_or_default();
        tracing::info!(lease = %self.config().lease_name(&scope), previous, "leads");
        self.hold(&scope, sent, &lease);
        self.table.put(scope.clone(), lease, Instant::now());
        let lead = self.context.leads.lead(&scope);
        match &scope {
            Scope::Common => {
                lead.enter(Phase::Leading);
                self.context.leads.changed(scope);
            }
            Scope::Organization(name) => {
                lead.enter(Phase::Beginning);
                self.beginning.spawn(turn::begin(
                    Arc::clone(&self.context),
                    Arc::clone(&self.readiness),
                    name.clone(),
                    lead,
                ));
            }
        }
        while self.beginning.try_join_next().is_some() {}
    }

    async fn look_again(&mut self, scope: &Scope) {
        let name = self.config().lease_name(scope);
        match tokio::time::timeout(self.config().renewal(), self.api.get_opt(&name)).await {
            Ok(Ok(Some(lease))) => self.table.put(scope.clone(), lease, Instant::now()),
            Ok(Ok(None)) => self.table.remove(scope),
            // The watch tells, or the next try.
            Ok(Err(_)) | Err(_) => self.claim_after = Instant::now() + AGAIN,
        }
    }

    /// Asks a replica that leads more for an organization.
    pub(super) async fn ask(&mut self) {
        let (now, settled) = (Instant::now(), self.config().duration);
        let Some(wanted) = self.wanted.as_ref().filter(|_| self.context.leads.is_open()) else { return };
        if now < self.ask_after || now < self.started + settled {
            return;
        }
        let Some(shares) = self.table.shares(wanted, settled, now) else { return };
        let Some(organization) = spread::ask(&shares, self.me()) else { return };
        let scope = Scope::Organization(organization.to_owned());
        let Some(lease) = self.table.get(&scope).cloned() else { return };
        self.ask_after = now + self.config().renewal();
        let asked = write::replace(&self.api, lease::wanted(lease, Some(self.me())));
        match tokio::time::timeout(self.config().renewal(), asked).await {
            Ok(Ok(lease)) => {
                tracing::info!(?scope, "asks for it: its holder leads more");
                self.table.put(scope, lease, Instant::now());
            }
            // It was renewed meanwhile, as a rule.
            Ok(Err(error)) => tracing::debug!(%error, ?scope, "asking for a Lease"),
            Err(_) => {}
        }
    }

    /// Deletes what is left of organizations that are gone and whose leader could not.
    pub(super) async fn clean(&mut self) {
        let Some(wanted) = self.wanted.as_ref().filter(|_| self.held.contains_key(&Scope::Common)) else { return };
        let orphans = self.table.orphans(wanted, Instant::now());
        for (scope, lease) in orphans.into_iter().filter(|(scope, _)| !self.held.contains_key(scope)) {
            let deleted = tokio::time::timeout(self.config().renewal(), write::delete(&self.api, &lease)).await;
            match deleted {
                Ok(Ok(())) => self.table.remove(&scope),
                Ok(Err(error)) => tracing::warn!(%error, ?scope, "a Lease that is left cannot be deleted"),
                Err(_) => {}
            }
        }
    }
}
