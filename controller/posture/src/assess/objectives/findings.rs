//! Findings that are open for too long.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use soc2_crds::{FindingProduct, FindingSeverity, Objective, ObjectiveType};

use crate::assess::account::{AccountResult, Standing};
use crate::assess::plan::Plan;
use crate::assess::regions::RegionSet;
use crate::duration;
use crate::ids::AccountId;
use crate::interest::Interest;
use crate::world::World;

/// How long a finding may be open when nothing else is said: 30 days.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How far ahead of our clock a finding may say that it was first seen; what is further ahead is no usable time.
const AHEAD: u64 = 600;

/// Findings of a profile's active accounts that are open for longer than an objective allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OverdueFindings {
    pub(crate) count: u64,
    /// How many of each product and severity.
    pub(crate) by: BTreeMap<(FindingProduct, FindingSeverity), u64>,
    /// The one that is open for the longest.
    pub(crate) oldest: Option<Oldest>,
    /// When another one will be, or the reading is too old, if nothing happens.
    pub(crate) next_change_at: Option<Timestamp>,
}

/// An open finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Oldest {
    /// Seconds since 1970; 0: nobody knows.
    pub(crate) first_seen: u64,
    pub(crate) account: AccountId,
    /// Its resource; empty when it has none.
    pub(crate) resource: String,
}

/// Why it is not known which findings are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// In so many accounts they were not completely read, in these Regions.
    Accounts(u64, RegionSet),
    /// The newest complete reading began too long ago.
    Stale(Timestamp),
    /// It is dated in the future, so that nobody knows how old it is.
    Future(Timestamp),
}

/// What is known of the findings that an objective asks for.
pub(crate) type Found = Result<OverdueFindings, Unread>;

/// What an objective asks of open findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// How long they may be open.
    pub(crate) max_age: SignedDuration,
    /// Of this severity and worse ones.
    pub(crate) severity: FindingSeverity,
    pub(crate) products: Vec<FindingProduct>,
}

impl Asked {
    /// What an objective asks; `None`: it is of another type.
    pub(crate) fn of(objective: &Objective) -> Option<Self> {
        if objective.type_ != ObjectiveType::CriticalFindingsAge {
            return None;
        }
        let all = || {
            vec![
                FindingProduct::GuardDuty,
                FindingProduct::Inspector,
                FindingProduct::Macie,
                FindingProduct::SecurityHub,
            ]
        };
        let given = objective.max_age.as_ref().and_then(|age| duration::parse(age).ok());
        Some(Self {
            max_age: given.and_then(|age| SignedDuration::try_from(age).ok()).unwrap_or(MAX_AGE),
            severity: objective.severity.unwrap_or(FindingSeverity::Critical),
            products: objective.products.clone().unwrap_or_else(all),
        })
    }
}

/// For each objective of a plan the findings that are open for too long; `None`: it does not ask for them.
pub(crate) fn overdue_findings(
    plan: &Plan,
    world: &World,
    accounts: &BTreeMap<AccountId, AccountResult>,
    now: Timestamp,
) -> Vec<Option<Found>> {
    let search =
        |objective: &Objective| Some(Search { plan, world, accounts, now, asked: Asked::of(objective)? }.found());
    plan.objectives.iter().map(search).collect()
}

/// A search for open findings.
struct Search<'a> {
    plan: &'a Plan,
    world: &'a World,
    accounts: &'a BTreeMap<AccountId, AccountResult>,
    now: Timestamp,
    asked: Asked,
}

impl Search<'_> {
    fn found(&self) -> Found {
        let interests = self.interests();
        let (mut missing, mut regions, mut read) = (0, 0, Vec::new());
        let mut found = OverdueFindings::default();
        for (id, result) in self.accounts.iter().filter(|(_, result)| result.standing.active()) {
            let unread = unread(&result.standing, &interests);
            if unread != 0 {
                // Of a new account nothing needs to be known yet.
                if !self.plan.is_new(&result.standing, self.now) {
                    missing += 1;
                    regions |= unread;
                }
                continue;
            }
            read.push(&result.standing.covered);
            self.count(*id, &mut found);
        }
        if missing > 0 || read.is_empty() {
            return Err(Unread::Accounts(missing, regions));
        }
        if let Some(began) = self.plan.read(self.world).oldest(&interests, read.into_iter()) {
            if seconds(began) > seconds(self.now) + AHEAD {
                return Err(Unread::Future(began));
            }
            let limit = SignedDuration::try_from(self.plan.freshness).unwrap_or(SignedDuration::MAX);
            let until = began.checked_add(limit).unwrap_or(Timestamp::MAX);
            if self.now > until {
                return Err(Unread::Stale(began));
            }
            found.note_change(until.checked_add(SignedDuration::from_millis(1)).ok());
        }
        Ok(found)
    }

    /// Numbers of the plan's interests that this is about.
    fn interests(&self) -> Vec<usize> {
        let of_product = |product: &FindingProduct| Interest::Open(*product, self.asked.severity);
        self.asked.products.iter().filter_map(|product| self.plan.wanted.answering(&of_product(product))).collect()
    }

    /// Counts the findings of an account.
    fn count(&self, account: AccountId, found: &mut OverdueFindings) {
        let Some(findings) = self.world.index.beside().of(account) else { return };
        let (now, max_age) = (seconds(self.now), u64::try_from(self.asked.max_age.as_secs()).unwrap_or(0));
        for row in findings.rows().iter().filter(|row| row.open()) {
            let kind = row.product().zip(row.label().severity());
            let Some(kind) = kind.filter(|(product, severity)| {
                self.asked.products.contains(product) && *severity <= self.asked.severity
            }) else {
                continue;
            };
            let first_seen = u64::from(row.first_seen);
            let (overdue, changes_at) = match first_seen {
                0 => (true, None),
                ahead if ahead > now + AHEAD => (true, Some(ahead - AHEAD)),
                known if now > known + max_age => (true, None),
                known => (false, Some(known + max_age + 1)),
            };
            found.note_change(changes_at.and_then(moment));
            if overdue {
                found.count += 1;
                *found.by.entry(kind).or_default() += 1;
                let known = if first_seen > now { 0 } else { first_seen };
                if found.oldest.as_ref().is_none_or(|oldest| known <= oldest.first_seen) {
                    let resource = findings.text(row.resource).unwrap_or_default().to_owned();
                    let this = Oldest { first_seen: known, account, resource };
                    found.oldest = Some(found.oldest.take().map_or(this.clone(), |oldest| oldest.min(this)));
                }
            }
        }
    }
}

impl OverdueFindings {
    fn note_change(&mut self, at: Option<Timestamp>) {
        self.next_change_at = self.next_change_at.into_iter().chain(at).min();
    }
}

/// Regions in which the findings of some interests were not completely read.
fn unread(standing: &Standing, interests: &[usize]) -> RegionSet {
    let of_interest = |number: &usize| standing.unread.get(*number).copied().unwrap_or(RegionSet::MAX);
    interests.iter().map(of_interest).fold(0, |set, regions| set | regions)
}

fn seconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_second()).unwrap_or(0)
}

fn moment(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_asks_for_what_it_says_and_else_for_the_usual() {
        let objective = |fields: serde_json::Value| serde_json::from_value::<Objective>(fields).unwrap();
        let asked = Asked::of(&objective(serde_json::json!({"type": "CriticalFindingsAge"}))).unwrap();
        assert_eq!((asked.max_age, asked.severity, asked.products.len()), (MAX_AGE, FindingSeverity::Critical, 4));
        let given = serde_json::json!({"type": "CriticalFindingsAge", "maxAge": "24h", "severity": "High", "products": ["Macie"]});
        let asked = Asked::of(&objective(given)).unwrap();
        assert_eq!((asked.max_age, asked.severity), (SignedDuration::from_hours(24), FindingSeverity::High));
        assert_eq!(asked.products, [FindingProduct::Macie]);
        assert_eq!(Asked::of(&objective(serde_json::json!({"type": "Mfa"}))), None);
    }
}
