//! What would help a set that has no slot: another one, whose policies could be put together.
//!
//! A policy belongs to one set, so nothing is moved for another one's sake: a person is told what would help, and decides.

use std::collections::BTreeSet;

use super::input::Mode;
use super::packs;
use super::refusal::reason;
use super::work::{Scene, Work};
use crate::cover::TargetId;

/// Says to each set that was refused for want of a slot which other one has policies there that would go together.
pub(super) fn advise(scene: Scene<'_, '_>, works: &mut [Work<'_>]) {
    let found: Vec<Option<String>> = works.iter().map(|work| advice(scene, work, works)).collect();
    for (work, advice) in works.iter_mut().zip(found) {
        if let (Some(refusal), Some(advice)) = (&mut work.draft.refused, advice) {
            refusal.message.push_str(&advice);
        }
    }
}

/// The one that would make the most room, in words.
fn advice(scene: Scene<'_, '_>, work: &Work<'_>, works: &[Work<'_>]) -> Option<String> {
    let short = |reason: &str| matches!(reason, reason::NO_FREE_SLOT | reason::NO_TRANSITION_SLOT);
    work.draft.refused.as_ref().filter(|refusal| short(refusal.reason))?;
    let on: BTreeSet<&TargetId> = work.draft.targets.iter().map(|target| &target.id).collect();
    let others = works.iter().filter(|other| {
        let set = other.draft.set;
        let stands = set.mode == Mode::Enforce && !set.removing && !set.suspended && other.draft.refused.is_none();
        set.name != work.draft.set.name && stands && set.waves.is_none()
    });
    let fewer = others.filter_map(|other| {
        let (there, enough) = packs::fewest(&other.draft, &other.holdings, scene.ownership, scene.input, &on)?;
        Some((there - enough, &other.draft.set.name, there, enough))
    });
    let (_, name, there, enough) = fewer.max_by(|one, other| one.0.cmp(&other.0).then_with(|| other.1.cmp(one.1)))?;
    Some(format!(
        "; GuardrailSet {name} has {there} policies there that would go into {enough}: policies are put together within one set only, so \
         name its baselines and these in one set"
    ))
}
