//! Lock-out guards: a plan that would shut out the operator or those who mend things in an emergency is refused.
//!
//! Each guard asks for proof. What depends on something that is not known (a tag, an address) counts as shut out, and the
//! refusal names it.

mod principals;

use std::collections::{BTreeMap, BTreeSet};

use soc2_catalog::Catalog;
use soc2_posture::ids::AccountId;

use self::principals::surely_spares;
use super::compile::Compiled;
use super::refusal::{Refusal, reason};
use super::step::Step;
use crate::cover::TargetId;
use crate::document::{Document, Effect};
use crate::evaluate::{Decision, Level, LevelPolicy, Request, evaluate};
use crate::inventory::PolicyInventory;
use crate::levels::ReadPolicies;

/// Who must not be locked out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    /// ARN patterns of those who may do anything in an emergency.
    pub break_glass: Vec<String>,
    /// What the operator itself needs.
    pub operator: Vec<Access>,
}

/// What a role of the operator needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The account of the role; `None` for a role that is in every account, whose ARN has `*` for the account.
    pub account: Option<AccountId>,
    /// ARN of the role.
    pub role: String,
    /// The calls that it makes.
    pub calls: Vec<Call>,
}

/// A call that has to stay possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Action.
    pub action: String,
    /// ARN of the resource, or `*`.
    pub resource: String,
    /// Region of the endpoint; empty where it is not known.
    pub region: String,
}

const ALLOW_ALL: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// Why a baseline must not be attached where it would affect these accounts.
///
/// `trail`: what the role needs that reads recorded calls for the set. Only its own policies are looked at for that, and they exempt
/// it from nothing: who writes a set would hold up others, or free any role from theirs.
pub(super) fn refusal(
    guarded: &Guarded,
    trail: Option<&Access>,
    compiled: &Compiled<'_>,
    affected: &BTreeSet<AccountId>,
) -> Option<Refusal> {
    let problem = break_glass(guarded, compiled)
        .or_else(|| operator(guarded.operator.iter().chain(trail), &compiled.document, affected))?;
    let name = &compiled.guardrail.name;
    Some(Refusal::new(reason::LOCK_OUT, format!("baseline {name}: {problem}")))
}

/// Every statement has to spare every break-glass principal, except where the built-in library says why nobody is exempt.
fn break_glass(guarded: &Guarded, compiled: &Compiled<'_>) -> Option<String> {
    let guardrail = compiled.guardrail;
    let builtin = Catalog::builtin().is_ok_and(|catalog| catalog.guardrail(&guardrail.name) == Some(guardrail));
    if builtin && guardrail.no_exemption.is_some() {
        return None;
    }
    let denies = compiled.document.statements().iter().enumerate();
    let mut denies = denies.filter(|(_, statement)| statement.effect == Effect::Deny);
    denies.find_map(|(index, statement)| {
        let principal = guarded.break_glass.iter().find(|principal| !surely_spares(statement, principal))?;
        let name = statement.name(index);
        Some(format!(
            "statement {name} would take something from the break-glass principal {principal}: exempt it with a condition \
             ArnNotLike on aws:PrincipalArn"
        ))
    })
}

/// Every call of the operator's roles in affected accounts has to stay allowed.
fn operator<'a>(
    roles: impl Iterator<Item = &'a Access>,
    document: &Document,
    affected: &BTreeSet<AccountId>,
) -> Option<String> {
    let all = Document::parse(ALLOW_ALL).ok()?;
    let by_account = document.to_string().to_ascii_lowercase().contains("aws:principalaccount");
    for access in roles {
        let accounts: Vec<AccountId> = match access.account {
            Some(account) => affected.get(&account).copied().into_iter().collect(),
            // They are alike in every account unless the document tells accounts apart.
            None => affected.iter().copied().take(if by_account { usize::MAX } else { 1 }).collect(),
        };
        for account in accounts {
            let role = access.role.replacen(":*:", &format!(":{account}:"), 1);
            if let Some(problem) = access.calls.iter().find_map(|call| lost(&all, document, &role, call)) {
                return Some(problem);
            }
        }
    }
    None
}

/// What is wrong when a role cannot surely make a call beside a policy that allows everything.
fn lost(all: &Document, document: &Document, role: &str, call: &Call) -> Option<String> {
    let policies = [("p-FullAWSAccess", all), ("baseline", document)];
    let policies = policies.map(|(id, document)| LevelPolicy { id, document: Some(document) }).to_vec();
    // A key is used by the service that keeps what it reads there.
    let through_service = if call.action.starts_with("kms:") { "true" } else { "false" };
    let known = [
        ("aws:RequestedRegion", call.region.as_str()),
        ("aws:PrincipalIsAWSService", "false"),
        ("aws:ViaAWSService", through_service),
        ("aws:SecureTransport", "true"),
        ("aws:PrincipalType", "AssumedRole"),
    ];
    let known = known.into_iter().filter(|(_, value)| !value.is_empty());
    let context: BTreeMap<String, Vec<String>> =
        known.map(|(key, value)| (key.to_owned(), vec![value.to_owned()])).collect();
    let request = Request {
        principal: Some(role),
        action: &call.action,
        resource: &call.resource,
        context: &context,
        unknown_context: true,
    };
    let who = format!("the operator's own role {role}");
    match evaluate(&[Level { target: String::new(), policies }], &request) {
        Decision::Allowed => None,
        Decision::ExplicitDeny { statement, .. } => {
            Some(format!("statement {statement} would deny {} to {who}: exempt it", call.action))
        }
        Decision::ImplicitDeny { .. } => Some(format!("{} would not be allowed to {who}", call.action)),
        Decision::Unknown { keys } => {
            let keys: Vec<String> = keys.into_iter().collect();
            Some(format!(
                "whether {who} could still call {} depends on {}, which is not known beforehand: exempt the role",
                call.action,
                keys.join(", ")
            ))
        }
    }
}

/// Why steps that change or take away what is there must not be done: an Allow would vanish, or a target's last policy.
pub(crate) fn loses_allow(inventory: &PolicyInventory, steps: &[Step]) -> Option<Refusal> {
    if !steps.iter().any(|step| matches!(step, Step::Detach { .. } | Step::Update { .. })) {
        return None;
    }
    let policies = ReadPolicies::new(inventory);
    let mut leaving: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for step in steps {
        if let Step::Detach { id, target, .. } = step {
            leaving.entry(&target.0).or_default().insert(id);
        }
    }
    let last = leaving.iter().find(|(target, ids)| policies.attached(target).iter().all(|id| ids.contains(id)));
    if let Some((target, _)) = last {
        let message = format!("{target} would be left without any policy, and nothing would be allowed there");
        return Some(Refusal::new(reason::LOCK_OUT, message));
    }
    let changed = steps.iter().flat_map(|step| match step {
        Step::Detach { id, target, .. } => vec![(id, target.clone())],
        Step::Update { id, .. } => {
            let targets = inventory.policies.get(id).map(|policy| &policy.targets);
            targets.into_iter().flatten().map(|target| (id, TargetId(target.clone()))).collect()
        }
        _ => Vec::new(),
    });
    for (id, target) in changed {
        let kept: Vec<&str> = policies.attached(&target.0).iter().copied().filter(|other| other != id).collect();
        let only_here = allows(&policies, id)
            .into_iter()
            .any(|allow| !kept.iter().any(|other| allows(&policies, other).contains(&allow)));
        if only_here {
            let message = format!(
                "policy {id} has a statement that allows, which nothing else on {target} has: somebody put it there, and without it \
                 something would no longer be allowed. Attach FullAWSAccess or a policy with that statement first"
            );
            return Some(Refusal::new(reason::LOCK_OUT, message));
        }
    }
    None
}

/// What the statements of a policy that allow say.
fn allows(policies: &ReadPolicies<'_>, id: &str) -> Vec<String> {
    let Some(Ok(document)) = policies.document(id) else { return Vec::new() };
    let allows = document.statements().iter().filter(|statement| statement.effect == Effect::Allow);
    allows
        .map(|statement| format!("{:?} {:?} {:?}", statement.actions, statement.resources, statement.conditions))
        .collect()
}
