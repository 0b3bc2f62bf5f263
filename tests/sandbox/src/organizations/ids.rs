//! Identifiers in AWS's formats: how they look, and how the sandbox makes them (the same world, the same ids).

use sha2::{Digest as _, Sha256};

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// `length` characters of `0-9a-z` that depend on nothing but `parts`.
pub(super) fn digest(parts: &[&str], length: usize) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().iter().cycle().take(length).map(|byte| char::from(ALPHABET[usize::from(*byte) % 36])).collect()
}

/// Where an item stands in a list: AWS gives no order, so neither do we, but always the same.
pub(super) fn place(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        let hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        hash ^ (hash >> 29)
    })
}

fn lower(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
}

/// `o-` and 10 to 32 characters.
#[must_use]
pub fn is_organization(id: &str) -> bool {
    id.strip_prefix("o-").is_some_and(|rest| lower(rest, 10..=32))
}

/// `r-` and 4 to 32 characters.
#[must_use]
pub fn is_root(id: &str) -> bool {
    id.strip_prefix("r-").is_some_and(|rest| lower(rest, 4..=32))
}

/// `ou-`, the root's characters, `-`, 8 to 32 characters.
#[must_use]
pub fn is_ou(id: &str) -> bool {
    let parts = id.strip_prefix("ou-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(root, own)| lower(root, 4..=32) && lower(own, 8..=32))
}

/// Twelve digits.
#[must_use]
pub fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())
}

/// `p-` and 8 to 128 characters.
#[must_use]
pub fn is_policy(id: &str) -> bool {
    id.strip_prefix("p-").is_some_and(|rest| {
        (8..=128).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

pub(super) fn is_parent(id: &str) -> bool {
    is_root(id) || is_ou(id)
}

pub(super) fn is_child(id: &str) -> bool {
    is_account(id) || is_ou(id)
}

pub(super) fn is_target(id: &str) -> bool {
    is_parent(id) || is_account(id)
}

pub(super) fn is_taggable(id: &str) -> bool {
    is_target(id) || is_policy(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_aws() {
        assert!(is_organization("o-exampleorgid") && !is_organization("o-short"));
        assert!(is_root("r-ab12") && !is_root("r-AB12") && !is_root("r-abc"));
        assert!(is_ou("ou-ab12-34567890") && !is_ou("ou-ab12-345") && !is_ou("ou-ab12"));
        assert!(is_policy("p-FullAWSAccess") && !is_policy("p-short") && !is_policy("FullAWSAccess"));
        assert!(is_account("012345678901") && !is_account("12345678901"));
    }

    #[test]
    fn made_ids_are_stable() {
        assert_eq!(digest(&["a", "b"], 8), digest(&["a", "b"], 8));
        assert_ne!(digest(&["a", "b"], 8), digest(&["ab"], 8));
        assert_eq!(digest(&["a"], 40).len(), 40);
    }
}
