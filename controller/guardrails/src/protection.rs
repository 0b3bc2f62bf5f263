//! Whether a guardrail is in force, by whosever service control policy.

use std::collections::{BTreeMap, BTreeSet};

use soc2_catalog::{ExampleCall, Guardrail};
use soc2_posture::organization::Organization;
use soc2_posture::protection::{Protection, ProtectionByAccount};

use crate::evaluate::{Decision, Level, Request, denied_by, evaluate};
use crate::inventory::PolicyInventory;
use crate::levels::{Effective, ReadPolicies};

/// For every account of the organization, whether every call that the guardrail must deny is denied, whoever makes it.
///
/// An account is protected only when that is certain. Without an inventory nothing is known. Suspended and closed
/// accounts are answered like others.
#[must_use]
pub fn protection(
    guardrail: &Guardrail,
    org: &Organization,
    inventory: Option<&PolicyInventory>,
) -> ProtectionByAccount {
    let policies = inventory.map(ReadPolicies::new);
    // Accounts of one unit with the same policies attached have the same answer.
    let mut answers: BTreeMap<(&str, &[&str]), Protection> = BTreeMap::new();
    let mut result = ProtectionByAccount::new();
    for (id, account) in &org.accounts {
        let protection = match &policies {
            _ if *id == org.management_account => Protection::ManagementAccount,
            None => unknown("the service control policies were not read"),
            Some(_) if !org.scp_enabled => Protection::Unprotected,
            Some(policies) => {
                let key = (account.parent.as_str(), policies.attached(&id.to_string()));
                answers.entry(key).or_insert_with(|| one(guardrail, policies.effective(org, *id))).clone()
            }
        };
        result.insert(*id, protection);
    }
    result
}

fn unknown(message: impl Into<String>) -> Protection {
    Protection::Unknown { message: message.into() }
}

/// The answer for accounts with these policies.
fn one(guardrail: &Guardrail, effective: Effective<'_>) -> Protection {
    match effective {
        Effective::Unaffected => Protection::Unprotected,
        Effective::Incomplete(message) => unknown(message),
        Effective::Levels(levels) => in_force(guardrail, &levels),
    }
}

/// One call that is surely let through decides, whatever is not known of the others.
fn in_force(guardrail: &Guardrail, levels: &[Level<'_>]) -> Protection {
    if guardrail.denied.is_empty() {
        return unknown(format!("{} has no example of what it denies", guardrail.name));
    }
    let mut by = BTreeSet::new();
    let mut unsure = None;
    for call in &guardrail.denied {
        match deciders(call, levels) {
            Ok(policies) => by.extend(policies),
            Err(Protection::Unprotected) => return Protection::Unprotected,
            Err(other) => unsure = unsure.or(Some(other)),
        }
    }
    unsure.unwrap_or(Protection::Protected { by: by.into_iter().collect() })
}

/// The policies that deny a call, whoever makes it; else the account's answer.
fn deciders(call: &ExampleCall, levels: &[Level<'_>]) -> Result<Vec<String>, Protection> {
    let context = BTreeMap::new();
    let request = Request {
        principal: None,
        action: &call.action,
        resource: &call.resource,
        context: &context,
        unknown_context: true,
    };
    match evaluate(levels, &request) {
        Decision::Allowed => Err(Protection::Unprotected),
        Decision::Unknown { keys } => {
            let keys: Vec<String> = keys.into_iter().collect();
            Err(unknown(format!("whether {} is denied depends on {}", call.action, keys.join(", "))))
        }
        Decision::ExplicitDeny { .. } => Ok(denied_by(levels, &request).into_iter().map(str::to_owned).collect()),
        // It is what these policies leave out that denies it.
        Decision::ImplicitDeny { level } => {
            let at_level = levels.iter().filter(|candidate| candidate.target == level);
            Ok(at_level.flat_map(|level| &level.policies).map(|policy| policy.id.to_owned()).collect())
        }
    }
}
