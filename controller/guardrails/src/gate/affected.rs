//! How many accounts a change may affect without approval.

use std::str::FromStr;

/// Never more than this without approval (design, lock-out guards).
const MOST: usize = 50;
/// So few are always allowed by a percentage, or small organizations could do nothing.
const LEAST: usize = 5;
/// Percent, when nothing is said.
const DEFAULT: u32 = 10;

/// Most accounts: a number, or a percentage of the organization's active accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxAffected {
    /// So many, at most 50.
    Accounts(usize),
    /// So many of a hundred, at least 5 and at most 50 accounts.
    Percent(u32),
}

/// Why a text is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a number from 0 to 50 nor a percentage such as \"10%\"")]
pub struct MaxAffectedError(String);

impl Default for MaxAffected {
    fn default() -> Self {
        Self::Percent(DEFAULT)
    }
}

impl MaxAffected {
    /// How many accounts that is of `all`.
    #[must_use]
    pub fn accounts(self, all: usize) -> usize {
        match self {
            Self::Accounts(number) => number.min(MOST),
            Self::Percent(percent) => (all.saturating_mul(percent as usize) / 100).clamp(LEAST, MOST),
        }
    }
}

impl FromStr for MaxAffected {
    type Err = MaxAffectedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || MaxAffectedError(text.to_owned());
        match text.strip_suffix('%') {
            Some(percent) => {
                percent.parse().ok().filter(|percent| *percent <= 100).map(Self::Percent).ok_or_else(wrong)
            }
            None => text.parse().ok().filter(|number| *number <= MOST).map(Self::Accounts).ok_or_else(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_bounds() {
        for (text, all, expected) in [
            ("10%", 12, 5),
            ("10%", 200, 20),
            ("10%", 10_000, 50),
            ("100%", 30, 30),
            ("0%", 30, 5),
            ("0", 30, 0),
            ("7", 30, 7),
            ("50", 10_000, 50),
        ] {
            assert_eq!(text.parse::<MaxAffected>().unwrap().accounts(all), expected, "{text} of {all}");
        }
        assert_eq!(MaxAffected::default().accounts(300), 30);
        for text in ["", "51", "-1", "101%", "10 %", "%", "ten"] {
            assert!(text.parse::<MaxAffected>().is_err(), "{text:?}");
        }
    }
}
