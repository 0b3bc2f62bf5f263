//! The Leases as they were seen, and since when, on our clock: nothing that another clock wrote is compared with ours.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;

use super::spread::Share;
use super::{Scope, lease};

/// Who leads more organizations takes a free one later, by this much for each.
const SPACING: Duration = Duration::from_millis(250);
/// But not later than with so many.
const SPACED: usize = 8;

/// A Lease that was seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// As it is.
    pub(super) lease: Lease,
    /// Since when it has not changed.
    since: Instant,
    /// Since when it has this holder.
    held_since: Instant,
}

impl Seen {
    fn holder(&self) -> Option<&str> {
        lease::holder(&self.lease)
    }

    /// From when on nobody holds it, as far as is known now.
    fn free_at(&self) -> Instant {
        if self.holder().is_some() { self.since + lease::duration(&self.lease) } else { self.since }
    }
}

/// Whether a Lease has changed since. A watch may tell of a version later than the answer to a write that came after it.
fn is_newer(known: &Lease, found: &Lease) -> bool {
    let (known, found) = (&known.metadata, &found.metadata);
    let version = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<u64>().ok());
    match (version(&known.resource_version), version(&found.resource_version)) {
        (Some(old), Some(new)) if known.uid == found.uid => old < new,
        _ => known.resource_version != found.resource_version,
    }
}

/// All Leases.
#[derive(Debug, Default)]
pub(super) struct Table {
    seen: BTreeMap<Scope, Seen>,
    /// From when on a Lease may be made that is not there.
    missing: BTreeMap<Scope, Instant>,
}

impl Table {
    /// A Lease is there, or has changed.
    pub(super) fn put(&mut self, scope: Scope, lease: Lease, now: Instant) {
        self.missing.remove(&scope);
        match self.seen.get_mut(&scope) {
            Some(seen) if !is_newer(&seen.lease, &lease) => {}
            Some(seen) => {
                if lease::holder(&seen.lease) != lease::holder(&lease) {
                    seen.held_since = now;
                }
                (seen.lease, seen.since) = (lease, now);
            }
            None => drop(self.seen.insert(scope, Seen { lease, since: now, held_since: now })),
        }
    }

    /// A Lease is gone. Whoever held it may not know yet, and goes on until it would have run out.
    pub(super) fn remove(&mut self, scope: &Scope) {
        if let Some(seen) = self.seen.remove(scope) {
            self.missing.insert(scope.clone(), seen.free_at());
        }
    }

    /// Only these are there.
    pub(super) fn retain(&mut self, there: &BTreeSet<Scope>) {
        let gone: Vec<Scope> = self.seen.keys().filter(|scope| !there.contains(*scope)).cloned().collect();
        for scope in &gone {
            self.remove(scope);
        }
    }

    /// A Lease as it was seen.
    pub(super) fn get(&self, scope: &Scope) -> Option<&Lease> {
        self.seen.get(scope).map(|seen| &seen.lease)
    }

    /// Leases of what is not among these, which nobody holds any more.
    pub(super) fn orphans(&self, wanted: &BTreeSet<Scope>, now: Instant) -> Vec<(Scope, Lease)> {
        let left = self.seen.iter().filter(|(scope, seen)| !wanted.contains(*scope) && seen.free_at() <= now);
        left.map(|(scope, seen)| (scope.clone(), seen.lease.clone())).collect()
    }

    /// When `me`, who leads so many organizations, may take a Lease.
    pub(super) fn claim_at(&mut self, scope: &Scope, me: &str, leading: usize, now: Instant) -> Instant {
        let spacing = match scope {
            Scope::Common => Duration::ZERO,
            Scope::Organization(_) => SPACING * u32::try_from(leading.min(SPACED)).unwrap_or_default(),
        };
        let Some(seen) = self.seen.get(scope) else {
            return *self.missing.entry(scope.clone()).or_insert(now) + spacing;
        };
        if seen.holder() == Some(me) {
            // A former process of this identity held it.
            return now;
        }
        let asked = lease::wanted_by(&seen.lease).filter(|_| seen.holder().is_none());
        match asked {
            Some(by) if by == me => seen.since,
            // Whoever asked for it comes first, unless it is gone.
            Some(_) => seen.since + lease::duration(&seen.lease),
            None => seen.free_at() + spacing,
        }
    }

    /// Who holds what now.
    pub(super) fn holders(&self, now: Instant) -> BTreeMap<Scope, String> {
        let held = self.seen.iter().filter(|(_, seen)| now < seen.free_at());
        held.filter_map(|(scope, seen)| Some((scope.clone(), seen.holder()?.to_owned()))).collect()
    }

    /// How the organizations are spread over the replicas; `None` while that is still changing.
    pub(super) fn shares(&self, wanted: &BTreeSet<Scope>, settled: Duration, now: Instant) -> Option<Vec<Share>> {
        let share = |scope: &Scope| {
            let name = scope.organization()?;
            let seen = self.seen.get(scope).filter(|seen| now < seen.free_at() && seen.held_since + settled <= now)?;
            let wanted_by = lease::wanted_by(&seen.lease).map(str::to_owned);
            Some(Share { organization: name.to_owned(), holder: seen.holder()?.to_owned(), wanted_by })
        };
        let organizations = wanted.iter().filter(|scope| scope.organization().is_some());
        organizations.map(share).collect()
    }

    /// How the organizations are spread, whether or not that is changing.
    pub(super) fn shares_now(&self, now: Instant) -> Vec<Share> {
        let share = |(scope, holder): (Scope, String)| {
            let wanted_by = self.get(&scope).and_then(lease::wanted_by).map(str::to_owned);
            Some(Share { organization: scope.organization()?.to_owned(), holder, wanted_by })
        };
        self.holders(now).into_iter().filter_map(share).collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use k8s_openapi::jiff::{SignedDuration, Timestamp};

    use super::super::LeadsConfig;
    use super::*;

    const LEASE: Duration = Duration::from_secs(15);

    fn acme() -> Scope {
        Scope::Organization("acme".to_owned())
    }

    /// A Lease of `holder`, as a machine whose clock is `skew` seconds off wrote it.
    fn held(holder: &str, version: &str, skew: i64) -> Lease {
        let config = LeadsConfig {
            namespace: "a".to_owned(),
            name: "soc2".to_owned(),
            identity: holder.to_owned(),
            duration: LEASE,
        };
        let mut lease = lease::claim(&config, &acme(), None);
        lease.metadata.resource_version = Some(version.to_owned());
        let there = MicroTime(Timestamp::now() + SignedDuration::from_secs(skew));
        let spec = lease.spec.as_mut().unwrap();
        (spec.renew_time, spec.acquire_time) = (Some(there.clone()), Some(there));
        lease
    }

    #[test]
    fn no_clock_but_ours_decides_when_a_lease_is_over() {
        for skew in [-3600, -30, 0, 30, 3600] {
            let (mut table, start) = (Table::default(), Instant::now());
            table.put(acme(), held("other", "1", skew), start);
            assert_eq!(table.claim_at(&acme(), "me", 0, start), start + LEASE, "{skew}");
            assert_eq!(table.holders(start + LEASE / 2).len(), 1, "{skew}");
            // A renewal counts from when we see it; seeing the same again does not.
            let renewed = start + Duration::from_secs(5);
            table.put(acme(), held("other", "2", skew), renewed);
            for late in ["2", "1"] {
                table.put(acme(), held("other", late, skew), renewed + Duration::from_secs(5));
            }
            assert_eq!(table.claim_at(&acme(), "me", 0, start), renewed + LEASE, "{skew}");
            assert!(table.holders(renewed + LEASE).is_empty(), "{skew}");
        }
    }

    #[test]
    fn who_leads_less_takes_a_free_one_first_and_who_asked_before_all() {
        let (mut table, start) = (Table::default(), Instant::now());
        assert_eq!(table.claim_at(&acme(), "me", 0, start), start, "there is no Lease yet");
        assert_eq!(table.claim_at(&acme(), "me", 3, start + LEASE), start + 3 * SPACING, "since it was missed");
        assert_eq!(table.claim_at(&Scope::Common, "me", 3, start), start);
        let free = lease::released(lease::wanted(held("other", "1", 0), Some("two")));
        table.put(acme(), free, start);
        assert_eq!(table.claim_at(&acme(), "two", 5, start), start);
        assert_eq!(table.claim_at(&acme(), "me", 0, start), start + LEASE);
        table.put(acme(), lease::released(held("other", "2", 0)), start);
        assert_eq!(table.claim_at(&acme(), "me", 1, start), start + SPACING);
        table.put(acme(), held("me", "3", 0), start);
        assert_eq!(table.claim_at(&acme(), "me", 5, start), start, "a restart under the same identity");
        table.put(acme(), held("other", "4", 0), start);
        table.remove(&acme());
        assert_eq!(table.claim_at(&acme(), "me", 0, start), start + LEASE, "its holder may not know that it is gone");
    }

    #[test]
    fn orphans_are_those_that_nobody_holds_of_what_is_gone() {
        let (mut table, start) = (Table::default(), Instant::now());
        table.put(acme(), held("other", "1", 0), start);
        let nothing = BTreeSet::new();
        assert!(table.orphans(&nothing, start).is_empty(), "its holder gives it up");
        assert_eq!(table.orphans(&nothing, start + LEASE).len(), 1);
        assert!(table.orphans(&BTreeSet::from([acme()]), start + LEASE).is_empty());
    }

    #[test]
    fn the_spread_is_known_once_every_lease_has_had_its_holder_for_a_while() {
        let (mut table, start) = (Table::default(), Instant::now());
        let wanted = BTreeSet::from([Scope::Common, acme()]);
        assert!(table.shares(&wanted, LEASE, start).is_none(), "it has no holder");
        table.put(acme(), held("other", "1", 0), start);
        let later = start + LEASE;
        table.put(acme(), held("other", "2", 0), later);
        assert!(table.shares(&wanted, LEASE, start + LEASE / 2).is_none());
        assert_eq!(table.shares(&wanted, LEASE, later).unwrap().len(), 1);
        assert!(table.shares(&wanted, LEASE, later + LEASE).is_none(), "it has run out");
    }
}
