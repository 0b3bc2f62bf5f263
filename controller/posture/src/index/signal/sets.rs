//! Sets of patterns by number: of many findings most match the same ones.

use std::collections::{HashMap, HashSet};

use soc2_catalog::Matcher;

use crate::finding::Finding;
use crate::interest::{Interests, is_meant};

/// The patterns of custom controls, and which of them findings match together.
///
/// What a product writes into its findings is not kept: `GuardDuty`'s generator ids alone are as many as accounts times Regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PatternSets {
    patterns: Vec<Matcher>,
    /// Sets as places in `patterns`, in order; number 0 is the empty one.
    sets: Vec<Box<[u16]>>,
    numbers: HashMap<Box<[u16]>, u32>,
}

impl PatternSets {
    /// Of the patterns that somebody is interested in.
    pub(crate) fn new(interests: &Interests) -> Self {
        let mut sets =
            Self { patterns: interests.patterns().cloned().collect(), sets: Vec::new(), numbers: HashMap::new() };
        sets.number(Box::default());
        sets
    }

    /// The number of a set.
    pub(crate) fn number(&mut self, set: Box<[u16]>) -> u32 {
        if let Some(number) = self.numbers.get(&set) {
            return *number;
        }
        // There are never more sets than findings, of which the index holds fewer.
        let number = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        self.sets.push(set.clone());
        self.numbers.insert(set, number);
        number
    }

    /// The number of the set of patterns that a finding matches.
    pub(crate) fn of(&mut self, finding: &Finding) -> u32 {
        let matching =
            (0..).zip(&self.patterns).filter(|(_, pattern)| is_meant(pattern, finding)).map(|(place, _)| place);
        let set = matching.collect();
        self.number(set)
    }

    /// Patterns in their order.
    pub(crate) fn patterns(&self) -> &[Matcher] {
        &self.patterns
    }

    /// The sets by number.
    pub(crate) fn sets(&self) -> &[Box<[u16]>] {
        &self.sets
    }

    /// Whether a set is empty.
    pub(crate) fn is_empty_set(&self, number: u32) -> bool {
        self.sets.get(number as usize).is_none_or(|set| set.is_empty())
    }

    /// For each set by number, whether any of some patterns is in it.
    pub(crate) fn with_any(&self, wanted: &HashSet<&Matcher>) -> Vec<bool> {
        let is_wanted: Vec<bool> = self.patterns.iter().map(|pattern| wanted.contains(pattern)).collect();
        let any = |set: &[u16]| set.iter().any(|place| is_wanted.get(usize::from(*place)).copied().unwrap_or(false));
        self.sets.iter().map(|set| any(set)).collect()
    }

    /// The numbers of another's sets here; patterns that are not known here fall out of them.
    pub(crate) fn translate(&mut self, other: &Self) -> Vec<u32> {
        let place = |pattern: &Matcher| self.patterns.iter().position(|known| known == pattern);
        let places: Vec<Option<u16>> =
            other.patterns.iter().map(|pattern| u16::try_from(place(pattern)?).ok()).collect();
        let translated = |set: &[u16]| {
            let mut set: Vec<u16> = set.iter().filter_map(|at| *places.get(usize::from(*at))?).collect();
            set.sort_unstable();
            set.into_boxed_slice()
        };
        let sets: Vec<Box<[u16]>> = other.sets.iter().map(|set| translated(set)).collect();
        sets.into_iter().map(|set| self.number(set)).collect()
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let sets: usize = self.sets.iter().map(|set| 2 * (size_of_val(&**set) + size_of::<(Box<[u16]>, u32)>())).sum();
        let text = |glob: &Option<String>| glob.as_ref().map_or(0, String::len);
        let texts = |pattern: &Matcher| text(&pattern.generator_id) + text(&pattern.product) + text(&pattern.kind);
        sets + self.patterns.iter().map(|pattern| size_of::<Matcher>() + texts(pattern)).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::Interest;

    fn sets(globs: &[&str]) -> PatternSets {
        let interest =
            |glob: &&str| Interest::Matching(Matcher { generator_id: Some((*glob).to_owned()), ..Matcher::default() });
        PatternSets::new(&globs.iter().map(interest).collect())
    }

    fn by(generator: &str) -> Finding {
        Finding { generator_id: Some(generator.to_owned()), ..Finding::default() }
    }

    #[test]
    fn findings_that_match_the_same_share_a_number() {
        let mut sets = sets(&["a*", "b*", "*z"]);
        let numbers: Vec<u32> =
            ["a1", "a2", "b", "az", "nothing", "a9z"].iter().map(|text| sets.of(&by(text))).collect();
        assert_eq!(numbers, [1, 1, 2, 3, 0, 3]);
        assert!(sets.is_empty_set(0) && !sets.is_empty_set(3) && sets.is_empty_set(99));
        let z = Matcher { generator_id: Some("*z".to_owned()), ..Matcher::default() };
        assert_eq!(sets.with_any(&[&z].into()), [false, false, false, true]);
    }

    #[test]
    fn sets_are_translated_by_their_patterns() {
        let (mut old, mut new) = (sets(&["a*", "*z", "gone*"]), sets(&["*z", "a*", "new*"]));
        let [a, both, gone] = ["a", "az", "gone"].map(|text| old.of(&by(text)));
        let numbers = new.translate(&old);
        assert_eq!(numbers[a as usize], new.of(&by("a")));
        assert_eq!(numbers[both as usize], new.of(&by("az")));
        assert_eq!(numbers[gone as usize], 0);
        assert_ne!(numbers[a as usize], numbers[both as usize]);
    }
}
