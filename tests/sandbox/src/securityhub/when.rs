//! Times: in world files absolute or relative to the start (`-3h`), in findings RFC 3339 with milliseconds.

use jiff::Timestamp;

use crate::clock::moment;

/// Milliseconds since 1970 of a time in a world file or control request: `2026-01-02T03:04:05Z`, `-3h`, `2d ago`, `now`.
pub(super) fn parse(text: &str, now: Timestamp) -> anyhow::Result<i64> {
    Ok(moment(text, now)?.as_millisecond())
}

/// Milliseconds of a length of time such as `12h`.
pub(super) fn span(text: &str, now: Timestamp) -> anyhow::Result<i64> {
    Ok(parse(text, now)? - now.as_millisecond())
}

/// A time as findings have it: `2026-01-02T03:04:05.678Z`.
pub(super) fn text(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

/// Milliseconds of a timestamp in one of the formats that Security Hub accepts, or nothing.
pub(super) fn of_asff(text: &str) -> Option<i64> {
    let time = text.get(10..11).filter(|separator| *separator == "T").and_then(|_| text.parse::<Timestamp>().ok())?;
    Some(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_relative() {
        let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        for (given, expected) in [
            ("-3h", "2026-01-02T00:04:05.678Z"),
            ("3h ago", "2026-01-02T00:04:05.678Z"),
            ("-90m", "2026-01-02T01:34:05.678Z"),
            ("+2d", "2026-01-04T03:04:05.678Z"),
            ("now", "2026-01-02T03:04:05.678Z"),
            ("2025-12-31T23:00:00+01:00", "2025-12-31T22:00:00.000Z"),
        ] {
            assert_eq!(text(parse(given, now).unwrap()), expected);
        }
        assert_eq!(span("12h", now).unwrap(), 43_200_000);
        assert!(parse("3 parsecs", now).is_err());
        assert!(parse("yesterday", now).is_err());
    }

    #[test]
    fn formats_of_findings() {
        for (given, valid) in [
            ("2019-01-31T23:00:00Z", true),
            ("2019-01-31T23:00:00.123456789Z", true),
            ("2024-01-04T15:25:10+17:59", true),
            ("2024-01-04T15:25:10-1759", true),
            ("2019-01-31 23:00:00Z", false),
            ("2019-01-31T23:00:00", false),
            ("2019-01-31", false),
            ("1548975600", false),
        ] {
            assert_eq!(of_asff(given).is_some(), valid, "{given}");
        }
    }
}
