//! What a policy of ours is for, as its tag says it: its key, which never changes.
//!
//! | key | a policy of |
//! |---|---|
//! | `restrict-regions` | a baseline |
//! | `restrict-regions/1a2b3c4d` | the baseline with other parameters or exemptions, for other targets: a variant |
//! | `pack/production/1` | several baselines of the set `production` |
//! | `pack/production/1/deny-root` | the same without `deny-root`, where a release took that off |
//!
//! Names of baselines and sets have no `/`.

use sha2::{Digest, Sha256};

/// First part of the key of a policy with several baselines.
const PACK: &str = "pack";
/// Digits of a variant, and of every policy's name.
const DIGITS: usize = 8;

/// The baseline of a policy of ours, by what its tag says that it is for; `pack` for a policy with several.
#[must_use]
pub fn baseline_of(key: &str) -> &str {
    key.split('/').next().unwrap_or(key)
}

/// Key of a baseline's variant that says this.
pub(super) fn variant(baseline: &str, says: &str) -> String {
    format!("{baseline}/{}", digits(&[baseline, says]))
}

/// Key of a set's policy with several baselines.
pub(super) fn pack(set: &str, number: usize) -> String {
    format!("{PACK}/{set}/{number}")
}

/// Key of the policy that stands in for another one, with several baselines, where a release took one of these off.
pub(crate) fn stand_in(key: &str, released: &str) -> String {
    format!("{key}/{released}")
}

/// The policy that one stands in for, and the baseline that was taken off last.
pub(crate) fn stands_in_for(key: &str) -> Option<(&str, &str)> {
    set_of_pack(key)?;
    let (at, _) = key.match_indices('/').nth(2)?;
    Some((key.get(..at)?, key.rsplit('/').next()?))
}

/// The set of a policy with several baselines.
pub(crate) fn set_of_pack(key: &str) -> Option<&str> {
    let mut parts = key.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(PACK), Some(set), Some(_)) => Some(set),
        _ => None,
    }
}

/// Number of a policy with several baselines, among those of its set.
pub(super) fn number_of_pack(key: &str) -> usize {
    key.split('/').nth(2).and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Eight hex digits of texts.
pub(super) fn digits(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_whose_they_are() {
        let variant = variant("restrict-regions", "this");
        assert_eq!((baseline_of(&variant), set_of_pack(&variant)), ("restrict-regions", None));
        assert_eq!(variant.len(), "restrict-regions/12345678".len());
        assert_eq!((baseline_of("restrict-regions"), set_of_pack("restrict-regions")), ("restrict-regions", None));
        assert_eq!(set_of_pack(&pack("production", 1)), Some("production"));
        assert_eq!(number_of_pack(&pack("production", 12)), 12);
        let less = stand_in(&pack("production", 12), "deny-root");
        assert_eq!((set_of_pack(&less), number_of_pack(&less)), (Some("production"), 12));
        assert_eq!(stands_in_for(&less), Some(("pack/production/12", "deny-root")));
        assert_eq!(stands_in_for(&stand_in(&less, "deny-leave-org")), Some(("pack/production/12", "deny-leave-org")));
        assert_eq!((stands_in_for(&pack("production", 12)), stands_in_for("a/12345678")), (None, None));
        // A baseline may be called so, and have variants.
        assert_eq!((set_of_pack("pack"), set_of_pack("pack/12345678")), (None, None));
    }
}
