//! Which items go together, so that there are the fewest policies, and of those the fewest characters.

use std::collections::BTreeMap;

/// Up to so many items every way is tried: 3^6 ways for each policy that is there, each size once.
const EXACT: usize = 6;

/// How large the policy of these items is.
pub(super) type Size<'a> = dyn Fn(&[usize]) -> usize + 'a;

/// Policies, then characters.
type Cost = (usize, usize);

/// Puts items, in an order that does not depend on the caller's, into `bases` and as few further bins as need be. What is
/// in a base stays there. Every item fits into a bin of its own. The bases come first, in their order.
///
/// Exact for up to six items. With more, the better of two rules: where it adds the fewest characters, and where it fits
/// first, each beginning with the largest; the second is not tried when the first needs as few as there can be.
pub(super) fn fill(bases: &[Vec<usize>], items: &[usize], max: usize, size: &Size<'_>) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return bases.to_vec();
    }
    if bases.is_empty() && size(items) <= max {
        return vec![items.to_vec()];
    }
    if items.len() <= EXACT {
        return Exact { bases, items, max, size, sizes: BTreeMap::new(), best: BTreeMap::new() }.bins();
    }
    let mut large_first: Vec<(usize, usize)> = items.iter().map(|item| (size(&[*item]), *item)).collect();
    large_first.sort_by_key(|(characters, item)| (std::cmp::Reverse(*characters), *item));
    let large_first: Vec<usize> = large_first.into_iter().map(|(_, item)| item).collect();
    let all: Vec<usize> = bases.iter().flatten().chain(items).copied().collect();
    let fewest = size(&all).div_ceil(max.max(1)).max(bases.len());
    let tight = greedy(bases, &large_first, max, size, true);
    if tight.len() <= fewest {
        return tight;
    }
    let first = greedy(bases, &large_first, max, size, false);
    if cost(&first, size) < cost(&tight, size) { first } else { tight }
}

fn cost(bins: &[Vec<usize>], size: &Size<'_>) -> Cost {
    (bins.len(), bins.iter().map(|bin| size(bin)).sum())
}

/// One item after the other: `tight` where it adds the fewest characters, else where it fits first.
fn greedy(bases: &[Vec<usize>], items: &[usize], max: usize, size: &Size<'_>, tight: bool) -> Vec<Vec<usize>> {
    let mut bins: Vec<(Vec<usize>, usize)> = bases.iter().map(|base| (base.clone(), size(base))).collect();
    for item in items {
        let mut found: Option<(usize, usize, usize)> = None;
        for (at, (bin, before)) in bins.iter().enumerate() {
            let after = size(&with(bin, &[*item]));
            let added = after.saturating_sub(*before);
            if after <= max && found.is_none_or(|(_, _, least)| added < least) {
                found = Some((at, after, added));
                if !tight {
                    break;
                }
            }
        }
        match found {
            Some((at, after, _)) => bins[at] = (with(&bins[at].0, &[*item]), after),
            None => bins.push((vec![*item], size(&[*item]))),
        }
    }
    bins.into_iter().map(|(bin, _)| bin).collect()
}

fn with(bin: &[usize], items: &[usize]) -> Vec<usize> {
    bin.iter().chain(items).copied().collect()
}

/// All ways, each part of them once.
struct Exact<'a> {
    bases: &'a [Vec<usize>],
    items: &'a [usize],
    max: usize,
    size: &'a Size<'a>,
    /// By base (one more for a new bin) and the items in it, as bits.
    sizes: BTreeMap<(usize, u32), usize>,
    /// For the bases from here on and the items left: what it costs, and what goes into the first bin.
    best: BTreeMap<(usize, u32), Option<(Cost, u32)>>,
}

impl Exact<'_> {
    fn bins(mut self) -> Vec<Vec<usize>> {
        let mut left = (1 << self.items.len()) - 1;
        let mut bins = Vec::new();
        while bins.len() < self.bases.len() || left != 0 {
            let at = bins.len().min(self.bases.len());
            // There is always a way: each item in a bin of its own.
            let taken = self.best(at, left).map_or(left, |(_, taken)| taken);
            bins.push(self.contents(at, taken));
            left &= !taken;
        }
        bins
    }

    fn best(&mut self, at: usize, left: u32) -> Option<(Cost, u32)> {
        let is_base = at < self.bases.len();
        if !is_base && left == 0 {
            return Some(((0, 0), 0));
        }
        if let Some(known) = self.best.get(&(at, left)) {
            return *known;
        }
        let lowest = left & left.wrapping_neg();
        let mut best: Option<(Cost, u32)> = None;
        let mut taken = left;
        loop {
            // A new bin takes the first item that is left, so that no way comes up twice.
            let sensible = is_base || taken & lowest != 0;
            if sensible && (is_base && taken == 0 || self.size(at, taken) <= self.max) {
                let next = if is_base { at + 1 } else { at };
                if let Some(((bins, characters), _)) = self.best(next, left & !taken) {
                    let cost = (bins + 1, characters + self.size(at, taken));
                    if best.is_none_or(|(least, _)| cost < least) {
                        best = Some((cost, taken));
                    }
                }
            }
            if taken == 0 {
                break;
            }
            taken = (taken - 1) & left;
        }
        self.best.insert((at, left), best);
        best
    }

    fn size(&mut self, at: usize, taken: u32) -> usize {
        if let Some(size) = self.sizes.get(&(at, taken)) {
            return *size;
        }
        let size = (self.size)(&self.contents(at, taken));
        self.sizes.insert((at, taken), size);
        size
    }

    fn contents(&self, at: usize, taken: u32) -> Vec<usize> {
        let chosen = self.items.iter().enumerate().filter(|(bit, _)| taken & (1 << bit) != 0).map(|(_, item)| *item);
        self.bases.get(at).into_iter().flatten().copied().chain(chosen).collect()
    }
}
