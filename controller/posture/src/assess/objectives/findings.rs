//! Findings that are open for too long.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use soc2_crds::{FindingProduct, FindingSeverity, Objective, ObjectiveType};

use crate::assess::account::AccountResult;
use crate::assess::plan::Plan;
use crate::duration;
use crate::ids::AccountId;
use crate::world::World;

/// How long a finding may be open when nothing else is said: 30 days.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Findings of a profile's active accounts that are open for longer than an objective allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverdueFindings {
    pub(crate) count: u64,
    /// When another one will be, if nobody deals with it.
    pub(crate) next_change_at: Option<Timestamp>,
}

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

/// For each objective of a plan the findings that are open for too long; `None`: it does not ask for them, or they are not known.
pub(crate) fn overdue_findings(
    plan: &Plan,
    world: &World,
    accounts: &BTreeMap<AccountId, AccountResult>,
    now: Timestamp,
) -> Vec<Option<OverdueFindings>> {
    let active = || accounts.iter().filter(|(_, result)| result.standing.active()).map(|(id, _)| *id);
    plan.objectives.iter().map(|objective| open_for_longer(world, active(), &Asked::of(objective)?, now)).collect()
}

/// The seam to what is read of other products: how many findings of these accounts are open for longer than asked. `None`: they
/// are not read, or not completely.
fn open_for_longer(
    _world: &World,
    _accounts: impl Iterator<Item = AccountId>,
    _asked: &Asked,
    _now: Timestamp,
) -> Option<OverdueFindings> {
    None
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
