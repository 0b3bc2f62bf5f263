//! Names of condition operators.

use super::closest;

/// What an operator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Characters.
    String,
    /// ARNs.
    Arn,
    /// Numbers.
    Numeric,
    /// Times.
    Date,
    /// `true` and `false`.
    Bool,
    /// Addresses.
    IpAddress,
    /// Bytes, in base64.
    Binary,
    /// Whether the key is there.
    Null,
}

/// Which of several values of a request have to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// `ForAllValues`.
    All,
    /// `ForAnyValue`.
    Any,
}

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    /// What it compares.
    pub(super) family: Family,
    /// Whether it holds when no value matches.
    pub(super) negated: bool,
    /// Whether it takes `*` and `?` for wildcards.
    pub(super) wildcards: bool,
    /// Whether it holds when the key is absent.
    pub(super) if_exists: bool,
    /// `ForAllValues` or `ForAnyValue`.
    pub(super) quantifier: Option<Quantifier>,
}

/// Bare name, what it compares, whether it is negated, whether it has wildcards.
const NAMES: [(&str, Family, bool, bool); 27] = [
    ("StringEquals", Family::String, false, false),
    ("StringNotEquals", Family::String, true, false),
    ("StringEqualsIgnoreCase", Family::String, false, false),
    ("StringNotEqualsIgnoreCase", Family::String, true, false),
    ("StringLike", Family::String, false, true),
    ("StringNotLike", Family::String, true, true),
    ("ArnEquals", Family::Arn, false, true),
    ("ArnNotEquals", Family::Arn, true, true),
    ("ArnLike", Family::Arn, false, true),
    ("ArnNotLike", Family::Arn, true, true),
    ("NumericEquals", Family::Numeric, false, false),
    ("NumericNotEquals", Family::Numeric, true, false),
    ("NumericLessThan", Family::Numeric, false, false),
    ("NumericLessThanEquals", Family::Numeric, false, false),
    ("NumericGreaterThan", Family::Numeric, false, false),
    ("NumericGreaterThanEquals", Family::Numeric, false, false),
    ("DateEquals", Family::Date, false, false),
    ("DateNotEquals", Family::Date, true, false),
    ("DateLessThan", Family::Date, false, false),
    ("DateLessThanEquals", Family::Date, false, false),
    ("DateGreaterThan", Family::Date, false, false),
    ("DateGreaterThanEquals", Family::Date, false, false),
    ("Bool", Family::Bool, false, false),
    ("BinaryEquals", Family::Binary, false, false),
    ("IpAddress", Family::IpAddress, false, false),
    ("NotIpAddress", Family::IpAddress, true, false),
    ("Null", Family::Null, false, false),
];

/// Quantifier in front, bare name, suffix behind.
fn parts(written: &str) -> (Option<&str>, &str, &str) {
    let (quantifier, rest) = written.split_once(':').map_or((None, written), |(front, rest)| (Some(front), rest));
    rest.strip_suffix("IfExists").map_or((quantifier, rest, ""), |bare| (quantifier, bare, "IfExists"))
}

impl Operator {
    /// The operator of this name.
    pub(super) fn parse(written: &str) -> Option<Self> {
        let (quantifier, bare, suffix) = parts(written);
        let quantifier = match quantifier {
            None => None,
            Some("ForAllValues") => Some(Quantifier::All),
            Some("ForAnyValue") => Some(Quantifier::Any),
            Some(_) => return None,
        };
        let (_, family, negated, wildcards) = *NAMES.iter().find(|(name, ..)| *name == bare)?;
        let if_exists = !suffix.is_empty();
        let possible = family != Family::Null || !if_exists && quantifier.is_none();
        possible.then_some(Self { family, negated, wildcards, if_exists, quantifier })
    }

    /// The operator that was probably meant.
    pub(super) fn meant(written: &str) -> Option<String> {
        let (quantifier, bare, suffix) = parts(written);
        let bare = closest(bare, NAMES.iter().map(|(name, ..)| *name))?;
        if bare == "Null" {
            return Some(bare);
        }
        let quantifier = quantifier.and_then(|front| closest(front, ["ForAllValues", "ForAnyValue"].into_iter()));
        let front = quantifier.map(|front| front + ":").unwrap_or_default();
        Some(format!("{front}{bare}{suffix}"))
    }

    /// Whether the condition holds for a request without the key.
    pub(super) fn holds_when_absent(self) -> bool {
        match self.quantifier {
            Some(Quantifier::All) => true,
            Some(Quantifier::Any) => self.if_exists,
            None => self.negated || self.if_exists,
        }
    }
}
