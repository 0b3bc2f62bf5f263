//! Several baselines of a set in one policy, where slots are short.
//!
//! A policy with several baselines belongs to one set, and a statement stays in its policy: what is in place is never moved to make
//! things denser. Where a new baseline has no slot of its own it joins a policy of its set, or new ones go together; and only where that
//! does not do, policies of single baselines are folded into it, the smallest first. What is folded leaves its old policy when the
//! new one is enforced.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::compile::Compiled;
use super::draft::Draft;
use super::holding::{Holding, statements};
use super::input::{PlanInput, SetInput};
use super::key;
use super::ownership::{Carrier, Ownership, sids};
use super::refusal::{Refusal, reason};
use super::strength::still_denies;
use crate::cover::TargetId;
use crate::document::Document;

/// The policies of a set with several baselines that have this one, the newest first.
pub(super) fn with<'b, 'a>(
    ownership: &'b Ownership<'a>,
    set: &'b SetInput,
    compiled: &Compiled<'_>,
) -> Vec<(&'b str, &'b Carrier<'a>)> {
    let own: BTreeSet<&str> =
        compiled.document.statements().iter().filter_map(|statement| statement.sid.as_deref()).collect();
    let has = |carrier: &Carrier<'_>| {
        set.homes.get(&compiled.guardrail.name).is_some_and(|id| id == carrier.id)
            || sids(&carrier.policy.content).iter().any(|sid| own.contains(sid.as_str()))
    };
    let mut found: Vec<_> = ownership.packs_of(&set.name).filter(|(_, carrier)| has(carrier)).collect();
    found.sort_by_key(|(key, _)| Reverse(key::number_of_pack(key)));
    found
}

/// The baselines of a set that are in policies with others, by the key of these.
pub(super) fn members<'a>(draft: &Draft<'a>, ownership: &Ownership<'_>) -> BTreeMap<String, Vec<&'a str>> {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, compiled) in &draft.baselines {
        if let Some((key, _)) = with(ownership, draft.set, compiled).first() {
            found.entry((*key).to_owned()).or_default().push(name);
        }
    }
    found
}

/// The policies of a set that have several baselines, as they are to be; or why one of them cannot be.
pub(super) fn standing<'a>(
    draft: &Draft<'a>,
    ownership: &Ownership<'_>,
    input: &PlanInput<'_>,
) -> Result<Vec<Holding<'a>>, Refusal> {
    let members = members(draft, ownership);
    let mut holdings: Vec<Holding<'a>> = Vec::new();
    for (key, names) in &members {
        let made = holding(draft, ownership, input, key, names)?;
        let old = ownership.carrier(key).filter(|carrier| must_not_change(draft, input, &made, carrier));
        holdings.push(match old {
            // A new one takes its place.
            Some(_) => holding(draft, ownership, input, &new_key(draft, ownership, &holdings), names)?,
            None => made,
        });
    }
    Ok(holdings)
}

/// Whether something would hold on the way where it holds neither before nor after: a policy would have to say something else, and is
/// also where it should not be any more; or it still says something that left it, and would have to be attached to more. Or whether
/// it would deny less while another set's comes.
fn must_not_change(draft: &Draft<'_>, input: &PlanInput<'_>, wanted: &Holding<'_>, carrier: &Carrier<'_>) -> bool {
    let (places, there) = (wanted.places(), &carrier.policy.targets);
    let too_much = there.iter().any(|target| !places.contains(&TargetId(target.clone())));
    let too_little = places.iter().any(|target| !there.contains(&target.0));
    let Ok(found) = Document::parse(&carrier.policy.content) else { return false };
    let differs = found != wanted.document;
    let others = input.sets.iter().filter(|set| set.name != draft.set.name);
    let mut named = others.flat_map(|set| &set.baselines);
    let mut denies_less =
        || !still_denies(&wanted.document, &found) && named.any(|name| wanted.baselines.contains(&name.as_str()));
    ((too_little && wanted.rest.is_some()) || (differs && (too_much || denies_less())))
        && !draft.is_drift(&input.org.id)
}

/// A key for a new policy with several baselines: behind all that there are.
fn new_key(draft: &Draft<'_>, ownership: &Ownership<'_>, holdings: &[Holding<'_>]) -> String {
    let there = ownership.packs_of(&draft.set.name).map(|(key, _)| key);
    let all = there.chain(holdings.iter().filter(|one| one.is_pack()).map(|one| one.key.as_str()));
    key::pack(&draft.set.name, all.map(key::number_of_pack).max().unwrap_or_default() + 1)
}

/// One of them. What its policy says besides, of baselines that left it, stays until what takes its place is enforced.
fn holding<'a>(
    draft: &Draft<'a>,
    ownership: &Ownership<'_>,
    input: &PlanInput<'_>,
    key: &str,
    names: &[&'a str],
) -> Result<Holding<'a>, Refusal> {
    let kept = ownership.carrier(key).map_or_else(Vec::new, |carrier| {
        let own = own_sids(draft, names);
        let left = |statement: &Value| {
            let sid = statement["Sid"].as_str().unwrap_or_default();
            !own.contains(sid) && of_library(input, sid)
        };
        statements(&carrier.policy.content).into_iter().filter(left).collect()
    });
    let limit = input.limits.max_characters as usize;
    let made = Holding::pack(draft, key, names, &kept).ok_or_else(|| {
        let message = format!("two of the baselines {} have statements of the same Sid", names.join(", "));
        Refusal::new(reason::NO_FREE_SLOT, message)
    })?;
    if made.characters() > limit {
        let message = format!(
            "the baselines {} are in one policy, which would have {} characters, and a policy may have {limit}: shorten their lists, \
             or move one of them to another guardrail set",
            names.join(", "),
            made.characters()
        );
        return Err(Refusal::new(reason::TOO_LARGE, message));
    }
    Ok(made)
}

/// Sids of baselines.
fn own_sids(draft: &Draft<'_>, names: &[&str]) -> BTreeSet<String> {
    let compiled = names.iter().filter_map(|name| draft.baselines.get(name));
    let statements = compiled.flat_map(|compiled| compiled.document.statements());
    statements.filter_map(|statement| statement.sid.clone()).collect()
}

/// Whether a statement of some guardrail has this Sid. Others were put there by somebody.
fn of_library(input: &PlanInput<'_>, sid: &str) -> bool {
    input.library.iter().flat_map(|guardrail| &guardrail.statements).any(|statement| statement.sid == sid)
}

/// Fewer policies for a set that has no slots for one each; else the numbers of the best that there is. `fits`: whether there are
/// slots for these.
pub(super) fn pack<'a>(
    draft: &Draft<'a>,
    holdings: &[Holding<'a>],
    ownership: &Ownership<'_>,
    input: &PlanInput<'_>,
    fits: &dyn Fn(&[Holding<'a>]) -> bool,
) -> Result<Vec<Holding<'a>>, String> {
    let Some(alike) = alike(holdings) else { return Err(String::new()) };
    let is_alike = |holding: &&Holding<'a>| !holding.is_pack() && holding.places() == alike;
    let in_place = |holding: &Holding<'a>| {
        let carrier = ownership.carrier(&holding.key);
        carrier.is_some_and(|carrier| alike.iter().any(|target| carrier.policy.targets.contains(&target.0)))
    };
    let (mut old, new): (Vec<&Holding<'a>>, Vec<&Holding<'a>>) =
        holdings.iter().filter(is_alike).partition(|one| in_place(one));
    old.sort_by_key(|holding| (holding.characters(), holding.key.clone()));
    let mut best = String::new();
    for folded in 0..=old.len() {
        let loose: Vec<&Holding<'a>> = new.iter().copied().chain(old.iter().copied().take(folded)).collect();
        let Some(packed) = fill(draft, holdings, &loose, &alike, ownership, input) else { continue };
        if fits(&packed) {
            return Ok(packed);
        }
        best = format!(
            "; put together, its {} baselines would still need {} policies of at most {} characters",
            draft.baselines.len(),
            packed.len(),
            input.limits.max_characters
        );
    }
    Err(best)
}

/// Policies of a set that are on one of these targets and could be put together: how many there are, and how many it would take. `None`
/// where that is no fewer.
pub(super) fn fewest(
    draft: &Draft<'_>,
    holdings: &[Holding<'_>],
    ownership: &Ownership<'_>,
    input: &PlanInput<'_>,
    on: &BTreeSet<&TargetId>,
) -> Option<(usize, usize)> {
    let alike = alike(holdings)?;
    let loose: Vec<&Holding<'_>> = holdings.iter().filter(|one| !one.is_pack() && one.places() == alike).collect();
    if loose.len() < 2 || !alike.iter().any(|target| on.contains(target)) {
        return None;
    }
    let packed = fill(draft, holdings, &loose, &alike, ownership, input)?;
    let fewer = (packed.len() + loose.len()).checked_sub(holdings.len())?;
    (fewer < loose.len()).then_some((loose.len(), fewer))
}

/// The targets that most policies of single baselines have in common; `None` when there are not two of them.
fn alike(holdings: &[Holding<'_>]) -> Option<BTreeSet<TargetId>> {
    let mut counts: BTreeMap<BTreeSet<TargetId>, usize> = BTreeMap::new();
    for holding in holdings {
        *counts.entry(holding.places()).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(places, count)| (*count, Reverse(places.clone())))?;
    (most.1 > 1).then_some(most.0)
}

/// Puts `loose` into policies with several baselines, those that there are first, the largest first.
fn fill<'a>(
    draft: &Draft<'a>,
    holdings: &[Holding<'a>],
    loose: &[&Holding<'a>],
    alike: &BTreeSet<TargetId>,
    ownership: &Ownership<'_>,
    input: &PlanInput<'_>,
) -> Option<Vec<Holding<'a>>> {
    let moved: BTreeSet<&str> = loose.iter().map(|holding| holding.key.as_str()).collect();
    let mut kept: Vec<Holding<'a>> = holdings.iter().filter(|one| !moved.contains(one.key.as_str())).cloned().collect();
    let mut order = loose.to_vec();
    order.sort_by_key(|holding| (Reverse(holding.characters()), holding.key.clone()));
    for single in order {
        // Where a policy is and should not be, nothing is added to it: it would hold there on the way.
        let only_there = |one: &Holding<'_>| {
            let carrier = ownership.carrier(&one.key);
            let mut targets = carrier.iter().flat_map(|carrier| &carrier.policy.targets);
            targets.all(|target| alike.contains(&TargetId(target.clone())))
        };
        let open = |one: &Holding<'_>| one.is_pack() && one.places() == *alike && only_there(one);
        let joined = kept.iter().enumerate().filter(|(_, one)| open(one));
        let joined = joined.map(|(at, one)| {
            let names: Vec<&str> = one.baselines.iter().chain(&single.baselines).copied().collect();
            holding(draft, ownership, input, &one.key, &names).ok().map(|made| (at, made))
        });
        let joined = joined.flatten().next();
        if let Some((at, made)) = joined {
            *kept.get_mut(at)? = made;
        } else {
            let key = new_key(draft, ownership, &kept);
            kept.push(holding(draft, ownership, input, &key, &single.baselines).ok()?);
        }
    }
    Some(kept)
}
