//! Into as few policies as can be, in as few characters, without changing any decision.
//!
//! [`minify`] makes one document shorter. [`pack`] puts baselines together. Baselines share a policy only when they have the
//! same targets and the same group: then the policies of every target say the same before and after, and which statement
//! is in which of them makes no difference to AWS. Statements stay where they are, unless a repack is asked for.

mod bins;
mod groups;
mod homes;
mod items;
mod minify;
mod patterns;
mod slots;
mod statement;
mod unfit;

use std::collections::{BTreeMap, BTreeSet};

pub use minify::{Minified, Named, Sids, characters, minify};
pub use unfit::Unfit;

use self::groups::Packer;
use self::homes::homes;
use self::items::{Item, classes, items};
use self::slots::Slots;
use crate::cover::TargetId;
use crate::document::Document;

/// A baseline and where it belongs.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Name of the baseline.
    pub baseline: &'a str,
    /// Its document.
    pub document: &'a Document,
    /// Where it has to be attached.
    pub targets: &'a BTreeSet<TargetId>,
    /// What it may share policies with. Sets that differ in mode, approval, window or wave are of different groups.
    pub group: &'a str,
}

/// A policy of ours that is there.
#[derive(Clone, Copy, Debug)]
pub struct Existing<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What it was made for, part of its name: a baseline, or `pack`.
    pub key: &'a str,
    /// Its content as it is there.
    pub content: &'a str,
    /// What it is attached to.
    pub targets: &'a BTreeSet<String>,
}

/// What is packed, and into what.
#[derive(Clone, Copy)]
pub struct PackInput<'a> {
    /// The baselines with their targets.
    pub pieces: &'a [Piece<'a>],
    /// Policies of ours.
    pub existing: &'a [Existing<'a>],
    /// How many policies of ours a target has room for, those that are there included: the limit less foreign policies,
    /// `FullAWSAccess`, reserved slots and the one for replacing a policy. Policies of ours that no piece is in do not count.
    pub free: &'a dyn Fn(&TargetId) -> usize,
    /// Most characters of a policy.
    pub max_characters: usize,
    /// Whether statements keep their names.
    pub sids: Sids,
    /// Whether statements may move to other policies: a denser packing, but a change of what is in force on the way.
    pub repack: bool,
}

/// The policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// Policies of ours, in order of key. A policy that is there and not here is not needed.
    pub policies: Vec<PackedPolicy>,
    /// Groups that are not packed; what is there of them stays as it is.
    pub refused: Vec<Refused>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedPolicy {
    /// Id and name of the one that is there; `None` for one to create.
    pub existing: Option<(String, String)>,
    /// What it was made for, part of its name: its baseline, or `pack`; with a number where that is taken. It never
    /// changes, also when another baseline joins.
    pub key: String,
    /// The group of its baselines.
    pub group: String,
    /// The baselines in it, in order.
    pub baselines: Vec<String>,
    /// The document, and what became of the statements of its baselines.
    pub document: Minified,
    /// Where it has to be attached.
    pub targets: BTreeSet<TargetId>,
}

/// A group that is not packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The group.
    pub group: String,
    /// Its baselines, in order.
    pub baselines: Vec<String>,
    /// Why.
    pub unfit: Unfit,
}

/// Packs each group as a whole, or refuses it as a whole.
///
/// On every target there are the fewest policies, and of those ways the one with the fewest characters: exactly so for up
/// to six baselines that may share policies and are not in one yet, by rules of thumb for more. What stays in its policy
/// is taken as it is; `repack` asks for the best without regard to it. Where slots are short, what is attached comes
/// first, then groups in their order. The same input gives the same packing, in whatever order it comes.
#[must_use]
pub fn pack(input: &PackInput<'_>) -> Packing {
    let mut existing = input.existing.to_vec();
    existing.sort_by_key(|policy| policy.id);
    let items = items(input.pieces);
    let classes = classes(&items);
    let homes = homes(&items, &classes, &existing);
    let mut slots = Slots::new(&existing, &homes.class, input.free);
    let packer = Packer { input, existing: &existing, items: &items, classes: &classes, homes: &homes };
    let mut packing = Packing::default();
    for (group, members) in by_group(&items) {
        match packer.group(group, &members, &mut slots) {
            Ok(policies) => packing.policies.extend(policies),
            Err(unfit) => {
                let baselines: BTreeSet<&str> =
                    members.iter().filter_map(|index| items.get(*index)).map(|item| item.baseline).collect();
                let baselines = baselines.into_iter().map(str::to_owned).collect();
                packing.refused.push(Refused { group: group.to_owned(), baselines, unfit });
            }
        }
    }
    name(&mut packing.policies, &existing);
    packing.policies.sort_by(|left, right| left.key.cmp(&right.key));
    packing
}

/// Indexes of items by group.
fn by_group<'a>(items: &[Item<'a>]) -> BTreeMap<&'a str, Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        groups.entry(item.group).or_default().push(index);
    }
    groups
}

/// Gives each new policy a key that no other has.
fn name(policies: &mut [PackedPolicy], existing: &[Existing<'_>]) {
    let mut taken: BTreeSet<String> = existing.iter().map(|policy| policy.key.to_owned()).collect();
    for policy in policies.iter_mut().filter(|policy| policy.existing.is_none()) {
        let base = match policy.baselines.as_slice() {
            [one] => one.as_str(),
            _ => "pack",
        };
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let free = std::iter::once(base.to_owned()).chain(numbered).find(|key| !taken.contains(key));
        policy.key = free.unwrap_or_default();
        taken.insert(policy.key.clone());
    }
}
