//! Durations as people write them in manifests: `36h`, `10m`, `1h30m`, `7d`.

use std::time::Duration;

/// What is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration: expected numbers with units in the order d, h, m, s, such as 36h or 1h30m")]
pub struct InvalidDuration(pub String);

/// Units, longest first, with their seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// The duration that `text` means: whole numbers, each with a unit, each unit at most once and the longest first.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    seconds(text).map(Duration::from_secs).ok_or_else(|| InvalidDuration(text.to_owned()))
}

fn seconds(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut units = UNITS.iter();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit_and_more) = rest.split_at(end);
        let unit = unit_and_more.chars().next()?;
        let (_, length) = units.by_ref().find(|(known, _)| *known == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*length)?)?;
        rest = &unit_and_more[unit.len_utf8()..];
    }
    (!text.is_empty()).then_some(total)
}
