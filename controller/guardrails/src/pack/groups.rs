//! The policies of one group.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::bins::fill;
use super::homes::Homes;
use super::items::{Class, Item, document};
use super::slots::{Short, Slots};
use super::{Existing, PackInput, PackedPolicy, Unfit};

/// Packs groups one after the other.
pub(super) struct Packer<'a> {
    pub(super) input: &'a PackInput<'a>,
    pub(super) existing: &'a [Existing<'a>],
    pub(super) items: &'a [Item<'a>],
    pub(super) classes: &'a [Class<'a>],
    pub(super) homes: &'a Homes,
}

/// Items that go into one policy, and the policy that is there.
struct Bin {
    items: Vec<usize>,
    existing: Option<usize>,
}

impl<'a> Packer<'a> {
    /// The policies of a group, whose slots are taken then; or why there are none.
    pub(super) fn group(
        &self,
        group: &str,
        members: &[usize],
        slots: &mut Slots<'a>,
    ) -> Result<Vec<PackedPolicy>, Unfit> {
        for item in members {
            self.fits_alone(*item)?;
        }
        let classes: Vec<(usize, &Class<'a>)> =
            self.classes.iter().enumerate().filter(|(_, class)| class.group == group).collect();
        let bins: Vec<(&Class<'a>, Vec<Bin>)> =
            classes.iter().map(|(at, class)| (*class, self.bins(*at, class))).collect();
        let mut before = HashMap::new();
        for target in
            classes.iter().flat_map(|(at, _)| self.owned(*at)).flat_map(|policy| self.existing[policy].targets)
        {
            *before.entry(target.as_str()).or_default() += 1;
        }
        let mut after = BTreeMap::new();
        for (class, bins) in &bins {
            for target in class.targets {
                *after.entry(target).or_default() += bins.len();
            }
        }
        slots.take(&before, &after).map_err(|short| self.no_slot(short, &bins))?;
        Ok(bins.iter().flat_map(|(class, bins)| bins.iter().map(|bin| self.policy(class, bin))).collect())
    }

    /// Policies that are there and belong to a class.
    fn owned(&self, class: usize) -> impl Iterator<Item = usize> {
        self.homes.class.iter().enumerate().filter(move |(_, owner)| **owner == Some(class)).map(|(policy, _)| policy)
    }

    fn size(&self, items: &[usize]) -> usize {
        document(self.items, items, self.input.sids).characters()
    }

    fn fits_alone(&self, item: usize) -> Result<(), Unfit> {
        let found = &self.items[item];
        let baseline = found.baseline.to_owned();
        if !found.unknown.is_empty() {
            return Err(Unfit::UnknownElements { baseline, elements: found.unknown.to_vec() });
        }
        let (characters, max_characters) = (self.size(&[item]), self.input.max_characters);
        if characters > max_characters {
            return Err(Unfit::TooLarge { baseline, characters, max_characters });
        }
        Ok(())
    }

    /// The policies of a class.
    fn bins(&self, at: usize, class: &Class<'a>) -> Vec<Bin> {
        let size = |items: &[usize]| self.size(items);
        if self.input.repack {
            let bins = fill(&[], &class.items, self.input.max_characters, &size);
            return self.with_names(at, bins);
        }
        let mut stay: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut move_in = Vec::new();
        for item in &class.items {
            match self.homes.of_item[*item] {
                Some(policy) => stay.entry(policy).or_default().push(*item),
                None => move_in.push(*item),
            }
        }
        let mut bases = Vec::new();
        for (policy, items) in &stay {
            let (base, out) = self.room_for(*policy, items);
            bases.push(base);
            move_in.extend(out);
        }
        move_in.sort_unstable();
        let bins = fill(&bases, &move_in, self.input.max_characters, &size);
        let policies = stay.keys().copied().map(Some).chain(std::iter::repeat(None));
        bins.into_iter().zip(policies).map(|(items, existing)| Bin { items, existing }).collect()
    }

    /// Which of a policy's items still have room in it, as they may have grown, and which have to leave: what the policy
    /// was made for stays first, then what is large.
    fn room_for(&self, policy: usize, items: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let max = self.input.max_characters;
        if self.size(items) <= max {
            return (items.to_vec(), Vec::new());
        }
        let key = self.existing[policy].key;
        let mut order = items.to_vec();
        order.sort_by_cached_key(|item| (self.items[*item].baseline != key, Reverse(self.size(&[*item])), *item));
        let (mut base, mut out) = (Vec::new(), Vec::new());
        for item in order {
            base.push(item);
            if self.size(&base) > max {
                base.pop();
                out.push(item);
            }
        }
        (base, out)
    }

    /// Gives bins the policies that are there: each to the one that has most of it now.
    fn with_names(&self, class: usize, bins: Vec<Vec<usize>>) -> Vec<Bin> {
        let mut pairs = Vec::new();
        for (bin, items) in bins.iter().enumerate() {
            for policy in self.owned(class) {
                let here: Vec<usize> =
                    items.iter().copied().filter(|item| self.homes.of_item[*item] == Some(policy)).collect();
                if !here.is_empty() {
                    pairs.push((Reverse(self.size(&here)), bin, policy));
                }
            }
        }
        pairs.sort_unstable();
        let (mut named, mut given) = (vec![None; bins.len()], BTreeSet::new());
        for (_, bin, policy) in pairs {
            if named[bin].is_none() && given.insert(policy) {
                named[bin] = Some(policy);
            }
        }
        bins.into_iter().zip(named).map(|(items, existing)| Bin { items, existing }).collect()
    }

    fn policy(&self, class: &Class<'a>, bin: &Bin) -> PackedPolicy {
        let existing = bin.existing.map(|policy| &self.existing[policy]);
        let baselines: BTreeSet<&str> = bin.items.iter().map(|item| self.items[*item].baseline).collect();
        PackedPolicy {
            existing: existing.map(|policy| (policy.id.to_owned(), policy.name.to_owned())),
            key: existing.map(|policy| policy.key.to_owned()).unwrap_or_default(),
            group: class.group.to_owned(),
            baselines: baselines.into_iter().map(str::to_owned).collect(),
            document: document(self.items, &bin.items, self.input.sids),
            targets: class.targets.clone(),
        }
    }

    /// The numbers of a refusal.
    fn no_slot(&self, short: Short, bins: &[(&Class<'a>, Vec<Bin>)]) -> Unfit {
        let Short { target, needed, free, more } = short;
        let on_target = bins.iter().filter(|(class, _)| class.targets.contains(&target));
        let (mut characters, mut now, mut fewer) = (0, 0, 0);
        for (class, bins) in on_target {
            let size = |items: &[usize]| self.size(items);
            characters += bins.iter().map(|bin| self.size(&bin.items)).sum::<usize>();
            now += bins.len();
            fewer += fill(&[], &class.items, self.input.max_characters, &size).len();
        }
        let repacked = (fewer < now).then(|| needed - now + fewer);
        let max_characters = self.input.max_characters;
        Unfit::NoFreeSlot { target, needed, free, characters, max_characters, repacked, more }
    }
}
