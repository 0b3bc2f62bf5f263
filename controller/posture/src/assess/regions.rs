//! Sets of Regions in one word.

use super::error::SpecError;
use crate::ids::Region;

/// A set of Regions: a bit for each of the table.
pub(crate) type RegionSet = u64;

/// Bit for Regions that have none of their own. None of them is required.
const OTHER: u32 = 63;
/// Most Regions with a bit of their own; AWS has about 40.
pub(crate) const MOST: usize = OTHER as usize;

/// Regions by bit, those that are required first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegionTable {
    names: Vec<Region>,
    required: usize,
}

impl RegionTable {
    /// A table of the required Regions, in this order, and of all others that anything refers to.
    pub(crate) fn new<'a>(
        field: &str,
        required: impl Iterator<Item = &'a str>,
        others: impl Iterator<Item = &'a str>,
    ) -> Result<Self, SpecError> {
        let mut names: Vec<Region> = Vec::new();
        for name in required {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        if names.len() > MOST {
            return Err(SpecError::TooManyRegions { field: field.to_owned(), count: names.len(), most: MOST });
        }
        let required = names.len();
        let mut rest: Vec<&str> = others.filter(|name| !name.is_empty()).collect();
        rest.sort_unstable();
        rest.dedup();
        for name in rest {
            if names.len() < MOST && !names[..required].iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(Self { names, required })
    }

    /// The bit of a Region.
    pub(crate) fn bit(&self, name: &str) -> u32 {
        let at = self.names.iter().position(|known| known == name);
        at.and_then(|at| u32::try_from(at).ok()).unwrap_or(OTHER)
    }

    /// The Regions in which evidence is required.
    pub(crate) fn required(&self) -> RegionSet {
        (1 << self.required) - 1
    }

    /// The Regions of a set in words.
    pub(crate) fn words(&self, set: RegionSet) -> String {
        let known = self.names.iter().enumerate().filter(|(at, _)| set & 1 << at != 0).map(|(_, name)| name.as_str());
        let other = (set & 1 << OTHER != 0).then_some("other Regions");
        let words: Vec<&str> = known.chain(other).collect();
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_regions_come_first_and_the_rest_share_a_bit_when_there_are_too_many() {
        let many: Vec<String> = (0..100).map(|number| format!("r{number:03}")).collect();
        let others = many.iter().map(String::as_str).chain(["", "eu-west-1"]);
        let table = RegionTable::new("f", ["us-east-1", "eu-west-1", "us-east-1"].into_iter(), others).unwrap();
        assert_eq!((table.bit("us-east-1"), table.bit("eu-west-1"), table.bit("r000")), (0, 1, 2));
        assert_eq!(table.required(), 0b11);
        assert_eq!((table.bit("r060"), table.bit("r061"), table.bit(""), table.bit("nowhere")), (62, 63, 63, 63));
        assert_eq!(table.words(0b11), "us-east-1, eu-west-1");
        assert_eq!(table.words(1 << 63 | 1), "us-east-1, other Regions");
        assert_eq!(table.words(0), "");
    }

    #[test]
    fn more_required_regions_than_bits_are_refused() {
        let many: Vec<String> = (0..64).map(|number| format!("r{number}")).collect();
        let error = RegionTable::new("spec.requiredRegions", many.iter().map(String::as_str), [].into_iter());
        assert_eq!(error.unwrap_err().reason(), "TooManyRegions");
        assert!(RegionTable::new("f", many[..63].iter().map(String::as_str), [].into_iter()).is_ok());
    }
}
