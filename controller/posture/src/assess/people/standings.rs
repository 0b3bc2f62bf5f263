//! How each attestation of an organization stands by itself, whatever the profiles.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use soc2_catalog::Catalog;
use soc2_crds::AttestationState;

use super::Attestation;
use super::read::{Reading, Thing, read};
use crate::assess::conditions::{ConditionFact, ready_or_stalled};
use crate::assess::refusal::Refusal;
use crate::ids::AccountId;
use crate::organization::Organization;
use crate::targets;

/// How one attestation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationStanding {
    /// Namespace that it is in.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it counts.
    pub state: AttestationState,
    /// Why, as one word: the state, or for `Refused` such as `NoEvidence`.
    pub reason: &'static str,
    /// In words; absolute times only.
    pub message: String,
    /// From then on the first of what it attests has to be done again; `None` when it is refused.
    pub valid_until: Option<Timestamp>,
    /// From then on the first of what it attests counts no longer; `None` when it is refused.
    pub overdue_at: Option<Timestamp>,
    /// It was done when the attestation before it had been overdue.
    pub late: bool,
    /// When time alone changes its state.
    pub next_change_at: Option<Timestamp>,
}

impl AttestationStanding {
    /// `Ready`, and `Stalled` while it is refused.
    #[must_use]
    pub fn conditions(&self) -> Vec<ConditionFact> {
        ready_or_stalled(self.state == AttestationState::Refused, self.reason, &self.message)
    }
}

/// How the attestations of an organization stand, by namespace and name. `catalogs` are those in use: that of the program, and
/// those of its profiles.
#[must_use]
pub fn attestations(
    organization: &str,
    written: &[Attestation<'_>],
    tree: Option<&Organization>,
    catalogs: &[Arc<Catalog>],
    now: Timestamp,
) -> Vec<AttestationStanding> {
    let of_organization = written.iter().filter(|one| one.spec.organization_ref.name == organization);
    let mut attestations: Vec<&Attestation<'_>> = of_organization.collect();
    attestations.sort_by_key(|attestation| (attestation.namespace, attestation.name));
    let catalogs: Vec<&Arc<Catalog>> = catalogs.iter().collect();
    let all: Vec<Entry<'_>> = attestations.into_iter().map(|one| Entry::new(one, &catalogs, tree)).collect();
    let mut by_thing: BTreeMap<&Thing, Vec<usize>> = BTreeMap::new();
    for (number, entry) in all.iter().enumerate() {
        if let Some(reading) = entry.reading.as_ref().ok().filter(|reading| reading.performed_at <= now) {
            for said in &reading.said {
                by_thing.entry(&said.thing).or_default().push(number);
            }
        }
    }
    for numbers in by_thing.values_mut() {
        // The newest first; of two of the same moment the first by key, as where they decide.
        numbers.sort_by_key(|number| (Reverse(all[*number].performed_at()), *number));
    }
    (0..all.len()).map(|number| standing(&all, number, &by_thing, now)).collect()
}

/// An attestation as it was read.
struct Entry<'a> {
    from: &'a Attestation<'a>,
    reading: Result<Reading, Refusal>,
    accounts: Reach,
}

/// Accounts that an attestation is for.
#[derive(PartialEq, Eq)]
enum Reach {
    Every,
    Some(BTreeSet<AccountId>),
    /// The tree, or its tags, were not read.
    NotKnown,
}

impl Reach {
    /// Whether it has every account that another has.
    fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Every, _) => true,
            (Self::Some(all), Self::Some(some)) => some.is_subset(all),
            _ => false,
        }
    }

    /// Whether both have an account.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::NotKnown, _) | (_, Self::NotKnown) => false,
            (Self::Some(some), Self::Some(others)) => !some.is_disjoint(others),
            _ => true,
        }
    }
}

impl<'a> Entry<'a> {
    fn new(from: &'a Attestation<'a>, catalogs: &[&Arc<Catalog>], tree: Option<&Organization>) -> Self {
        let accounts = match (&from.spec.targets, tree) {
            (None, _) => Reach::Every,
            (Some(_), None) => Reach::NotKnown,
            (Some(wanted), Some(tree)) => {
                let selection = targets::select(wanted, tree, "spec.targets");
                if selection.tags_missing { Reach::NotKnown } else { Reach::Some(selection.accounts) }
            }
        };
        Self { from, reading: read(from.spec, catalogs), accounts }
    }

    fn performed_at(&self) -> Option<Timestamp> {
        self.reading.as_ref().ok().map(|reading| reading.performed_at)
    }

    fn key(&self) -> String {
        format!("{}/{}", self.from.namespace, self.from.name)
    }
}

fn standing(
    all: &[Entry<'_>],
    number: usize,
    by_thing: &BTreeMap<&Thing, Vec<usize>>,
    now: Timestamp,
) -> AttestationStanding {
    let entry = &all[number];
    let base = AttestationStanding {
        namespace: entry.from.namespace.to_owned(),
        name: entry.from.name.to_owned(),
        state: AttestationState::Refused,
        reason: "",
        message: String::new(),
        valid_until: None,
        overdue_at: None,
        late: false,
        next_change_at: None,
    };
    let reading = match &entry.reading {
        Ok(reading) => reading,
        Err(Refusal { reason, message }) => {
            return AttestationStanding { reason, message: message.clone(), ..base };
        }
    };
    if reading.performed_at > now {
        let message = format!("spec.performedAt: {} is in the future; it counts from then on", reading.performed_at);
        return AttestationStanding { reason: "InFuture", message, next_change_at: Some(reading.performed_at), ..base };
    }
    let (valid_until, overdue_at) = (reading.valid_until(), reading.overdue_at());
    let (state, reason, message) = if let Some(newer) = superseding(all, number, reading, by_thing) {
        (AttestationState::Superseded, "Superseded", format!("{newer} is newer and says the same of the same accounts"))
    } else if now >= overdue_at {
        (AttestationState::Overdue, "Overdue", format!("it counts no longer since {overdue_at}: do it again"))
    } else if now >= valid_until {
        (AttestationState::Due, "Due", format!("do it again: it counts until {overdue_at}"))
    } else {
        (AttestationState::Current, "Current", format!("it has to be done again at {valid_until}"))
    };
    AttestationStanding {
        state,
        reason,
        message,
        valid_until: Some(valid_until),
        overdue_at: Some(overdue_at),
        late: is_late(all, number, reading, by_thing),
        next_change_at: [valid_until, overdue_at].into_iter().find(|moment| *moment > now),
        ..base
    }
}

/// The newest of those because of which an attestation decides nowhere any more: each thing that it attests has a newer one
/// with all its accounts.
fn superseding(
    all: &[Entry<'_>],
    number: usize,
    reading: &Reading,
    by_thing: &BTreeMap<&Thing, Vec<usize>>,
) -> Option<String> {
    let newer = |thing: &Thing| {
        let newer = by_thing.get(thing)?.iter().take_while(|other| **other != number);
        newer.copied().find(|other| all[*other].accounts.contains(&all[number].accounts))
    };
    let newer: Option<Vec<usize>> = reading.said.iter().map(|said| newer(&said.thing)).collect();
    newer?.first().map(|other| all[*other].key())
}

/// Whether it was done when the attestation before it, of the same thing and some of its accounts, had been overdue.
fn is_late(all: &[Entry<'_>], number: usize, reading: &Reading, by_thing: &BTreeMap<&Thing, Vec<usize>>) -> bool {
    reading.said.iter().any(|said| {
        let older = by_thing.get(&said.thing).into_iter().flatten().skip_while(|other| **other != number).skip(1);
        let before = older.copied().find(|other| all[*other].accounts.meets(&all[number].accounts));
        let overdue_at = before.and_then(|other| {
            let reading = all[other].reading.as_ref().ok()?;
            reading.said.iter().find(|known| known.thing == said.thing).map(|known| known.overdue_at)
        });
        overdue_at.is_some_and(|overdue_at| reading.performed_at >= overdue_at)
    })
}
