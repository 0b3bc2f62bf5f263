//! What people measure: numbers, percentages, durations.

use crate::duration;

/// Millionths: measures are exact.
const UNIT: u64 = 1_000_000;

/// A measure, in millionths of its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(crate) kind: Kind,
    pub(crate) millionths: u64,
}

/// Unit of a measure. Measures of different units cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Percent,
    Seconds,
}

impl Measure {
    /// A whole percentage.
    pub(crate) fn percent(percent: u32) -> Self {
        Self { kind: Kind::Percent, millionths: u64::from(percent) * UNIT }
    }

    /// What a text means: `12`, `98.5%`, `3h30m`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(number) = text.strip_suffix('%') {
            return Some(Self { kind: Kind::Percent, millionths: decimal(number)? });
        }
        if let Some(millionths) = decimal(text) {
            return Some(Self { kind: Kind::Number, millionths });
        }
        let seconds = duration::parse(text).ok()?.as_secs();
        Some(Self { kind: Kind::Seconds, millionths: seconds.checked_mul(UNIT)? })
    }

    /// As metrics show it: percentages as shares from 0 to 1, durations in seconds.
    pub(crate) fn value(self) -> f64 {
        let value = self.millionths as f64 / UNIT as f64;
        if self.kind == Kind::Percent { value / 100.0 } else { value }
    }
}

/// Millionths of a decimal number; more than six places cannot be kept.
fn decimal(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 6 || text.ends_with('.') {
        return None;
    }
    let part: u64 = format!("{part:0<6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(UNIT)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_numbers_percentages_and_durations() {
        for (text, kind, millionths) in [
            ("12", Kind::Number, 12_000_000),
            ("0.5", Kind::Number, 500_000),
            ("98.5%", Kind::Percent, 98_500_000),
            (" 99.999999% ", Kind::Percent, 99_999_999),
            ("100%", Kind::Percent, 100_000_000),
            ("3h30m", Kind::Seconds, 12_600_000_000),
            ("59m59s", Kind::Seconds, 3_599_000_000),
        ] {
            assert_eq!(Measure::parse(text), Some(Measure { kind, millionths }), "{text}");
        }
        for text in ["", "%", "many", "-1", "1.", ".5", "1.2345678", "1,5", "4 h", "99999999999999999999", "1e3"] {
            assert_eq!(Measure::parse(text), None, "{text}");
        }
    }

    #[test]
    fn metrics_have_shares_and_seconds() {
        let value = |text: &str| Measure::parse(text).unwrap().value();
        assert!((value("98.5%") - 0.985).abs() < 1e-12);
        assert!((value("3h30m") - 12_600.0).abs() < 1e-9);
        assert!((value("12.5") - 12.5).abs() < 1e-12);
        assert_eq!(Measure::percent(95), Measure::parse("95%").unwrap());
    }
}
