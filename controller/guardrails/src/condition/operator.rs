//! Names of condition operators.

use crate::truth::Truth;

/// What is compared, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Characters.
    String,
    /// Characters, whatever their case.
    StringIgnoreCase,
    /// A pattern.
    StringLike,
    /// An ARN, part by part, as a pattern.
    Arn,
    /// Numbers.
    Numeric(Order),
    /// Times.
    Date(Order),
    /// `true` or `false`.
    Bool,
    /// An address in a range.
    IpAddress,
    /// Bytes, written in base64.
    Binary,
    /// Whether the key is there.
    Null,
}

/// What a value of the request has to be, seen from the policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The same.
    Equal,
    /// Below it.
    Less,
    /// Not above it.
    LessOrEqual,
    /// Above it.
    Greater,
    /// Not below it.
    GreaterOrEqual,
}

/// Which of several values of a request have to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// `ForAllValues`.
    All,
    /// `ForAnyValue`.
    Any,
}

/// An operator with its prefix and suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    /// What is compared.
    pub(super) kind: Kind,
    /// `Not`: it holds when no value of the condition matches.
    pub(super) negated: bool,
    /// `IfExists`: it holds when the key is not there.
    pub(super) if_exists: bool,
    /// Which values of the request have to match, where there may be several.
    pub(super) quantifier: Option<Quantifier>,
}

impl Operator {
    /// The operator of this name; `None` when there is none that we know.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (quantifier, name) = match name.split_once(':') {
            None => (None, name),
            Some(("ForAllValues", rest)) => (Some(Quantifier::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Quantifier::Any), rest),
            Some(_) => return None,
        };
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(shorter) => (shorter, true),
            None => (name, false),
        };
        let (kind, negated) = kind(name)?;
        if kind == Kind::Null && (if_exists || quantifier.is_some()) {
            return None;
        }
        Some(Self { kind, negated, if_exists, quantifier })
    }

    /// The answer when the request does not have the key. `IfExists` goes first, as it is documented to make the whole
    /// element true, whatever stands before it; other evaluators let `ForAnyValue` win.
    pub(super) fn holds_when_absent(self) -> Truth {
        match self.quantifier {
            _ if self.if_exists => Truth::True,
            Some(Quantifier::All) => Truth::True,
            Some(Quantifier::Any) => Truth::False,
            // Nothing matches, so that what asks for no match holds.
            None => Truth::from(self.negated),
        }
    }
}

/// What an operator compares, and whether it is negated, by its bare name.
fn kind(name: &str) -> Option<(Kind, bool)> {
    Some(match name {
        "StringEquals" => (Kind::String, false),
        "StringNotEquals" => (Kind::String, true),
        "StringEqualsIgnoreCase" => (Kind::StringIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Kind::StringIgnoreCase, true),
        "StringLike" => (Kind::StringLike, false),
        "StringNotLike" => (Kind::StringLike, true),
        "ArnEquals" | "ArnLike" => (Kind::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Kind::Arn, true),
        "Bool" => (Kind::Bool, false),
        "IpAddress" => (Kind::IpAddress, false),
        "NotIpAddress" => (Kind::IpAddress, true),
        "BinaryEquals" => (Kind::Binary, false),
        "Null" => (Kind::Null, false),
        other => {
            let (number, order) = match (other.strip_prefix("Numeric"), other.strip_prefix("Date")) {
                (Some(order), _) => (true, order),
                (_, Some(order)) => (false, order),
                _ => return None,
            };
            let (order, negated) = match order {
                "Equals" => (Order::Equal, false),
                "NotEquals" => (Order::Equal, true),
                "LessThan" => (Order::Less, false),
                "LessThanEquals" => (Order::LessOrEqual, false),
                "GreaterThan" => (Order::Greater, false),
                "GreaterThanEquals" => (Order::GreaterOrEqual, false),
                _ => return None,
            };
            (if number { Kind::Numeric(order) } else { Kind::Date(order) }, negated)
        }
    })
}
