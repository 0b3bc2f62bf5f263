//! Two sets that say different things of one baseline.
//!
//! Each has a policy of its own: a variant. Where both are in force denies add up, so that the stricter holds; that is what is wanted
//! as long as the guardrail says which of two values is the stricter one. Else the later set is refused.

use std::collections::BTreeSet;
use std::fmt;

use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use super::draft::Draft;
use super::refusal::{Refusal, reason};
use crate::cover::{Target, TargetId, TargetKind};
use crate::library::differences;

/// A baseline that another set wants with other parameters or exemptions on some of the same accounts. Prints in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shared {
    /// The baseline.
    pub baseline: String,
    /// The other set.
    pub set: String,
    /// The parameters that differ, each with the value that holds where both are in force. Empty: only who is exempt differs.
    pub values: Vec<String>,
}

impl fmt::Display for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { baseline, set, values } = self;
        write!(formatter, "{baseline}: set {set} wants it with others on some of the accounts; the stricter holds: ")?;
        if values.is_empty() {
            return formatter.write_str("only who is exempt in both is exempt there");
        }
        formatter.write_str(&values.join(", "))
    }
}

/// Compares every two sets that name the same baseline and share accounts. Those before come first.
pub(super) fn compare(drafts: &mut [Draft<'_>], org: &Organization) {
    for later in 1..drafts.len() {
        let (before, rest) = drafts.split_at_mut(later);
        let Some(draft) = rest.first_mut().filter(|draft| draft.refused.is_none()) else { continue };
        let mut conflict = None;
        for other in before.iter_mut().filter(|other| other.refused.is_none()) {
            let Some(found) = between(other, draft, org) else { continue };
            match found {
                Ok(shared) => {
                    let name = draft.set.name.clone();
                    other.shared.extend(shared.iter().map(|one| Shared { set: name.clone(), ..one.clone() }));
                    draft.shared.extend(shared);
                }
                Err(refusal) => conflict = conflict.or(Some(refusal)),
            }
        }
        if let Some(refusal) = conflict {
            draft.refuse(refusal);
        }
    }
}

/// What two sets say differently; `None` when nothing, or not of the same accounts.
fn between(one: &Draft<'_>, other: &Draft<'_>, org: &Organization) -> Option<Result<Vec<Shared>, Refusal>> {
    let differ = |name: &&&str| {
        let says = |draft: &Draft<'_>| draft.baselines.get(**name).map(|compiled| compiled.says.clone());
        says(other).is_some_and(|said| says(one) != Some(said))
    };
    let names: Vec<&str> = one.baselines.keys().filter(differ).copied().collect();
    if names.is_empty() || !overlap(&one.targets, &other.targets, org) {
        return None;
    }
    let mut shared = Vec::new();
    for name in names {
        let Some(compiled) = one.baselines.get(name) else { continue };
        let found = differences(compiled.guardrail, &one.parameters(name), &other.parameters(name));
        if let Some(bad) = found.iter().find(|difference| difference.stricter.is_err()) {
            let (first, second) = (&one.set.name, &other.set.name);
            let message = format!(
                "baseline {name}: sets {first} and {second} want it on the same accounts; {bad}: say the same in both, or choose \
                 targets that share no account"
            );
            return Some(Err(Refusal::new(reason::BASELINE_CONFLICT, message)));
        }
        let values = found.iter().map(ToString::to_string).collect();
        shared.push(Shared { baseline: name.to_owned(), set: one.set.name.clone(), values });
    }
    Some(Ok(shared))
}

/// Whether a target of one is at, above or below a target of the other.
pub(super) fn overlap(one: &[Target], other: &[Target], org: &Organization) -> bool {
    let meets = |targets: &[Target], others: &[Target]| {
        let others: BTreeSet<&TargetId> = others.iter().map(|target| &target.id).collect();
        targets.iter().any(|target| others.contains(&target.id) || above(target, org).any(|id| others.contains(&id)))
    };
    meets(one, other) || meets(other, one)
}

/// The units above a target, and itself where it is one.
fn above<'a>(target: &'a Target, org: &'a Organization) -> impl Iterator<Item = TargetId> + 'a {
    let unit = match target.kind {
        TargetKind::Account => {
            let account = target.id.0.parse::<AccountId>().ok().and_then(|id| org.accounts.get(&id));
            account.map_or("", |account| account.parent.as_str())
        }
        _ => target.id.0.as_str(),
    };
    org.ancestors(unit).into_iter().map(|id| TargetId(id.to_owned()))
}
