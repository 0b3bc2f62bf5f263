//! Whether a guardrail is in force, by whosever service control policy.
//!
//! It is in force in an account where every call that it denies is denied, whoever makes it and is not exempt. Exempt are, for
//! a policy of whomever, the very principals that the operator's own policy of this guardrail would exempt: those for
//! emergencies, the operator's, those of the landing zone that is seen, and those that guardrail sets name. A policy that
//! exempts others as well (admins of its own, say) does not count, because nobody knows who calls; neither does one that
//! depends on what the call does not say. For a guardrail that has no exemption nobody may be exempt.

mod forgive;

pub(crate) use forgive::forgiven;

use std::collections::{BTreeMap, BTreeSet};

use soc2_catalog::Guardrail;
use soc2_posture::organization::Organization;
use soc2_posture::protection::{Protection, ProtectionByAccount};

use crate::evaluate::{Decision, Level, denied_by, evaluate};
use crate::inventory::PolicyInventory;
use crate::levels::{Effective, ReadPolicies};
use crate::library::{self, Call, Exemptions, Parameters};

/// For every account of the organization, whether every call that the guardrail must deny is denied, whoever makes it and is
/// not exempt. `exempt` are the principals that no guardrail of the organization restricts; `settings` what guardrail sets
/// say of this one: where it is in force as one of them says, or with its defaults if none does, it is in force.
///
/// An account is protected only when that is certain. Without an inventory nothing is known. Suspended and closed
/// accounts are answered like others.
#[must_use]
pub fn protection(
    guardrail: &Guardrail,
    org: &Organization,
    inventory: Option<&PolicyInventory>,
    exempt: &Exemptions,
    settings: &[Parameters],
) -> ProtectionByAccount {
    let defaults = [Parameters::new()];
    let settings = if settings.is_empty() { &defaults } else { settings };
    let mut result = ProtectionByAccount::new();
    for parameters in settings {
        for (id, answer) in as_set(guardrail, org, inventory, exempt, parameters) {
            let known = result.entry(id).or_insert_with(|| answer.clone());
            if rank(&answer) > rank(known) {
                *known = answer;
            }
        }
    }
    result
}

/// Which of two answers counts where either is enough.
fn rank(protection: &Protection) -> u8 {
    match protection {
        Protection::Unprotected => 0,
        Protection::Unknown { .. } => 1,
        Protection::ManagementAccount | Protection::Protected { .. } => 2,
    }
}

/// The answers with one set's parameters.
fn as_set(
    guardrail: &Guardrail,
    org: &Organization,
    inventory: Option<&PolicyInventory>,
    exempt: &Exemptions,
    parameters: &Parameters,
) -> ProtectionByAccount {
    let proof = library::proof(guardrail, parameters, exempt).map_err(|error| unknown(error.to_string()));
    let seen = inventory.map(|inventory| match &proof {
        Ok(proof) => forgive::without_exemptions(inventory, &proof.exempt),
        Err(_) => std::borrow::Cow::Borrowed(inventory),
    });
    let policies = seen.as_deref().map(ReadPolicies::new);
    // Accounts of one unit with the same policies attached have the same answer.
    let mut answers: BTreeMap<(&str, &[&str]), Protection> = BTreeMap::new();
    let mut result = ProtectionByAccount::new();
    for (id, account) in &org.accounts {
        let protection = match (&policies, &proof) {
            _ if *id == org.management_account => Protection::ManagementAccount,
            (None, _) => unknown("the service control policies were not read"),
            (Some(_), _) if !org.scp_enabled => Protection::Unprotected,
            (Some(_), Err(answer)) => answer.clone(),
            (Some(policies), Ok(proof)) => {
                let key = (account.parent.as_str(), policies.attached(&id.to_string()));
                let answer = || one(&guardrail.name, &proof.calls, policies.effective(org, *id));
                answers.entry(key).or_insert_with(answer).clone()
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
fn one(guardrail: &str, calls: &[Call], effective: Effective<'_>) -> Protection {
    match effective {
        Effective::Unaffected => Protection::Unprotected,
        Effective::Incomplete(message) => unknown(message),
        Effective::Levels(levels) => in_force(guardrail, calls, &levels),
    }
}

/// One call that is surely let through decides, whatever is not known of the others.
pub(crate) fn in_force(guardrail: &str, calls: &[Call], levels: &[Level<'_>]) -> Protection {
    if calls.is_empty() {
        return unknown(format!("{guardrail} has no example of what it denies"));
    }
    let mut by = BTreeSet::new();
    let mut unsure = None;
    for call in calls {
        match deciders(call, levels) {
            Ok(policies) => by.extend(policies),
            Err(Protection::Unprotected) => return Protection::Unprotected,
            Err(other) => unsure = unsure.or(Some(other)),
        }
    }
    unsure.unwrap_or(Protection::Protected { by: by.into_iter().collect() })
}

/// The policies that deny a call, whoever makes it; else the account's answer.
fn deciders(call: &Call, levels: &[Level<'_>]) -> Result<Vec<String>, Protection> {
    let request = call.request();
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
