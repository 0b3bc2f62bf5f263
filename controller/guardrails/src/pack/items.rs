//! What is packed: pieces, read once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Piece;
use super::minify::{Minified, Sids, VERSION, merge};
use super::statement::Source;
use crate::cover::TargetId;

/// A piece, or several that say the same and share targets.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    /// Name of the baseline.
    pub(super) baseline: &'a str,
    /// Its group.
    pub(super) group: &'a str,
    /// Where it belongs.
    pub(super) targets: Cow<'a, BTreeSet<TargetId>>,
    /// Its statements.
    pub(super) sources: Vec<Source>,
    /// Elements of its document whose meaning is not known.
    pub(super) unknown: &'a [String],
    /// Its version, where that makes a difference: it has `${` that is no policy variable there.
    pub(super) language: Option<&'a str>,
}

/// What may share policies: the same group, language and targets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClassKey<'a> {
    group: &'a str,
    language: Option<&'a str>,
    targets: &'a BTreeSet<TargetId>,
}

/// Items that may share policies.
#[derive(Clone, Debug)]
pub(super) struct Class<'a> {
    /// Their group.
    pub(super) group: &'a str,
    /// Where they belong.
    pub(super) targets: &'a BTreeSet<TargetId>,
    /// Indexes of the items.
    pub(super) items: Vec<usize>,
}

/// Reads the pieces. The order is by group, baseline and content, whatever the order of the pieces.
pub(super) fn items<'a>(pieces: &[Piece<'a>]) -> Vec<Item<'a>> {
    let mut same: BTreeMap<(&str, &str, String), Vec<&Piece<'a>>> = BTreeMap::new();
    for piece in pieces {
        same.entry((piece.group, piece.baseline, piece.document.canonical())).or_default().push(piece);
    }
    let mut items = Vec::new();
    for mut pieces in same.into_values() {
        pieces.sort_by(|left, right| left.targets.cmp(right.targets));
        items.extend(joined(&pieces));
    }
    items
}

/// Pieces that say the same: those that share a target are one, so that no target has it twice.
fn joined<'a>(pieces: &[&Piece<'a>]) -> Vec<Item<'a>> {
    let mut joined: Vec<(&Piece<'a>, Cow<'a, BTreeSet<TargetId>>)> = Vec::new();
    for piece in pieces {
        let mut targets = Cow::Borrowed(piece.targets);
        let (shared, others): (Vec<_>, Vec<_>) =
            joined.into_iter().partition(|(_, earlier)| !earlier.is_disjoint(&targets));
        for (_, earlier) in shared {
            if *earlier != *targets {
                targets.to_mut().extend(earlier.iter().cloned());
            }
        }
        joined = others;
        joined.push((piece, targets));
    }
    joined.into_iter().map(|(piece, targets)| item(piece, targets)).collect()
}

fn item<'a>(piece: &Piece<'a>, targets: Cow<'a, BTreeSet<TargetId>>) -> Item<'a> {
    let text = piece.document.to_string();
    let written: Value = serde_json::from_str(&text).unwrap_or_default();
    let plain = piece.document.has_variables() || !text.contains("${");
    Item {
        baseline: piece.baseline,
        group: piece.group,
        targets,
        sources: Source::of(piece.document, &written),
        unknown: piece.document.unknown(),
        language: (!plain).then(|| piece.document.version()),
    }
}

/// The items by what may share policies.
pub(super) fn classes<'a>(items: &'a [Item<'a>]) -> Vec<Class<'a>> {
    let mut classes: BTreeMap<ClassKey<'a>, Vec<usize>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let key = ClassKey { group: item.group, language: item.language, targets: item.targets.as_ref() };
        classes.entry(key).or_default().push(index);
    }
    classes.into_iter().map(|(key, items)| Class { group: key.group, targets: key.targets, items }).collect()
}

/// The policy of these items.
pub(super) fn document(items: &[Item<'_>], indexes: &[usize], sids: Sids) -> Minified {
    // The same whatever the order in which they came together.
    let indexes: BTreeSet<usize> = indexes.iter().copied().collect();
    let chosen: Vec<&Item<'_>> = indexes.iter().filter_map(|index| items.get(*index)).collect();
    let sources: Vec<&Source> = chosen.iter().flat_map(|item| &item.sources).collect();
    let version = chosen.iter().find_map(|item| item.language).unwrap_or(VERSION);
    merge(&sources, Some(version), sids)
}
