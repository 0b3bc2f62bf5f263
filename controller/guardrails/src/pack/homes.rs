//! Where statements are now.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::Value;

use super::Existing;
use super::items::{Class, Item};
use super::statement::{Line, Source};
use crate::cover::TargetId;
use crate::document::Document;

/// For each item the index of the policy in which it is, and for each policy the class that it belongs to.
#[derive(Clone, Debug, Default)]
pub(super) struct Homes {
    /// By item.
    pub(super) of_item: Vec<Option<usize>>,
    /// By policy.
    pub(super) class: Vec<Option<usize>>,
}

/// How surely an item's home is a policy: where most of its targets are, then what says all that it says, then what was
/// made for it.
type Rank = (usize, bool, bool);

/// Finds them. A policy belongs to one class of items, as others may not be in it; an item whose policy went to another
/// class has none.
pub(super) fn homes(items: &[Item<'_>], classes: &[Class<'_>], existing: &[Existing<'_>]) -> Homes {
    let mut homes = Homes { of_item: vec![None; items.len()], class: vec![None; existing.len()] };
    let mut class_of = vec![0; items.len()];
    for (class, index) in classes.iter().enumerate().flat_map(|(at, class)| class.items.iter().map(move |i| (at, *i))) {
        class_of[index] = class;
    }
    let mut pairs: Vec<(Reverse<Rank>, usize, usize)> = Vec::new();
    for (policy, there) in existing.iter().enumerate() {
        let sources = read(there.content);
        let lines: Vec<Line<'_>> = sources.iter().map(Line::new).collect();
        for (index, item) in items.iter().enumerate() {
            let every = |known: &dyn Fn(&Source) -> bool| !item.sources.is_empty() && item.sources.iter().all(known);
            let said = every(&|source| says(&lines, source));
            let made_for = is_key_of(there.key, item.baseline);
            if said || made_for || every(&|source| names(&sources, source)) {
                pairs.push((Reverse((shared(item.targets.as_ref(), there.targets), said, made_for)), index, policy));
            }
        }
    }
    pairs.sort();
    for (_, item, policy) in pairs {
        let class = class_of[item];
        if homes.of_item[item].is_none() && homes.class[policy].is_none_or(|owner| owner == class) {
            homes.of_item[item] = Some(policy);
            homes.class[policy] = Some(class);
        }
    }
    homes
}

/// The statements of a policy; none when it is no document, because somebody edited it.
fn read(content: &str) -> Vec<Source> {
    let Ok(document) = Document::parse(content) else { return Vec::new() };
    let written: Value = serde_json::from_str(&document.to_string()).unwrap_or_default();
    Source::of(&document, &written)
}

/// Whether a policy has all that a statement says.
fn says(lines: &[Line<'_>], source: &Source) -> bool {
    let line = Line::new(source);
    lines.iter().any(|wide| wide.covers(&line))
}

/// Whether a policy has a statement of this name: its parameters may have changed.
fn names(there: &[Source], source: &Source) -> bool {
    source.sid.is_some() && there.iter().any(|other| other.sid == source.sid)
}

/// Whether a policy of this key was made for a baseline: `restrict-regions`, or `restrict-regions-2`.
fn is_key_of(key: &str, baseline: &str) -> bool {
    let Some(rest) = key.strip_prefix(baseline) else { return false };
    let number = rest.strip_prefix('-').unwrap_or_default();
    rest.is_empty() || (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// How many targets two sets share.
fn shared(wanted: &BTreeSet<TargetId>, there: &BTreeSet<String>) -> usize {
    wanted.iter().filter(|target| there.contains(&target.0)).count()
}
