//! Texts of an account's resources, in one piece.

/// Texts by the hash of what they name. One allocation for all of them: thousands of small ones cost a fifth more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    /// In the order of the hashes, which are all different.
    heads: Box<[Head]>,
    /// One behind the other.
    text: Box<str>,
}

/// Where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed(4))]
struct Head {
    hash: u64,
    /// Where its text ends, and the next one's begins.
    end: u32,
}

impl Texts {
    /// In any order; of two with the same hash the smaller one stays.
    pub(crate) fn new<'a>(texts: impl Iterator<Item = (u64, &'a str)>) -> Self {
        let mut texts: Vec<(u64, &str)> = texts.collect();
        texts.sort_unstable();
        texts.dedup_by_key(|(hash, _)| *hash);
        let mut text = String::with_capacity(texts.iter().map(|(_, text)| text.len()).sum());
        let mut heads = Vec::with_capacity(texts.len());
        for (hash, one) in texts {
            // Four gigabytes of names of one account: what is beyond them has no name.
            let Ok(end) = u32::try_from(text.len() + one.len()) else { break };
            text.push_str(one);
            heads.push(Head { hash, end });
        }
        Self { heads: heads.into_boxed_slice(), text: text.into_boxed_str() }
    }

    /// The text with this hash.
    pub(crate) fn get(&self, hash: u64) -> Option<&str> {
        let at = self.heads.binary_search_by_key(&hash, |head| head.hash).ok()?;
        Some(self.at(at))
    }

    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    /// All of them, in the order of the hashes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &str)> {
        self.heads.iter().enumerate().map(|(at, head)| (head.hash, self.at(at)))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.heads) + self.text.len()
    }

    fn at(&self, at: usize) -> &str {
        let end = |at: usize| self.heads.get(at).map_or(0, |head| head.end as usize);
        let from = at.checked_sub(1).map_or(0, end);
        self.text.get(from..end(at)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_hash() {
        let texts = Texts::new([(7, "seven"), (3, ""), (9, "neun"), (7, "later"), (1, "é")].into_iter());
        assert_eq!(texts.iter().collect::<Vec<_>>(), [(1, "é"), (3, ""), (7, "later"), (9, "neun")]);
        assert_eq!(
            [1, 2, 3, 7, 9].map(|hash| texts.get(hash)),
            [Some("é"), None, Some(""), Some("later"), Some("neun")]
        );
        assert_eq!(Texts::default().get(1), None);
        assert_eq!(texts.memory_bytes(), 4 * 12 + 11);
    }
}
