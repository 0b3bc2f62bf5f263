//! When what people did runs out: calendar months in UTC, ends exclusive.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use soc2_crds::Cadence;

/// The end of one cadence from a moment on: the same time of day; where a month has no such day, its last.
pub(crate) fn valid_until(from: Timestamp, cadence: Cadence) -> Timestamp {
    let span = match cadence {
        Cadence::Weekly => Span::new().days(7),
        Cadence::Monthly => Span::new().months(1),
        Cadence::Quarterly => Span::new().months(3),
        Cadence::SemiAnnual => Span::new().months(6),
        Cadence::Annual => Span::new().months(12),
    };
    after(from, span)
}

/// The end of the days of grace.
pub(crate) fn overdue_at(valid_until: Timestamp, grace_days: u32) -> Timestamp {
    after(valid_until, Span::new().days(i64::from(grace_days.min(366))))
}

/// What would be after the end of time is not valid at all.
fn after(from: Timestamp, span: Span) -> Timestamp {
    from.to_zoned(TimeZone::UTC).checked_add(span).map_or(from, |end| end.timestamp())
}

/// The second that a moment is in.
pub(crate) fn second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_cadence_is_calendar_months_to_the_same_day_and_time() {
        for (from, cadence, until) in [
            ("2026-10-04T08:30:00Z", Cadence::Weekly, "2026-10-11T08:30:00Z"),
            ("2026-10-04T08:30:00Z", Cadence::Monthly, "2026-11-04T08:30:00Z"),
            ("2026-10-04T08:30:00Z", Cadence::Quarterly, "2027-01-04T08:30:00Z"),
            ("2026-10-04T08:30:00Z", Cadence::SemiAnnual, "2027-04-04T08:30:00Z"),
            ("2026-10-04T08:30:00Z", Cadence::Annual, "2027-10-04T08:30:00Z"),
            // The last day of a shorter month.
            ("2026-08-31T00:00:00Z", Cadence::Quarterly, "2026-11-30T00:00:00Z"),
            ("2027-01-31T00:00:00Z", Cadence::Monthly, "2027-02-28T00:00:00Z"),
            ("2028-01-31T00:00:00Z", Cadence::Monthly, "2028-02-29T00:00:00Z"),
            ("2028-02-29T12:00:00Z", Cadence::Annual, "2029-02-28T12:00:00Z"),
            // Over the end of a year, and of a week over the end of February.
            ("2026-12-15T00:00:00Z", Cadence::Monthly, "2027-01-15T00:00:00Z"),
            ("2028-02-27T00:00:00Z", Cadence::Weekly, "2028-03-05T00:00:00Z"),
        ] {
            assert_eq!(valid_until(at(from), cadence), at(until), "{from} {cadence:?}");
        }
    }

    #[test]
    fn grace_is_days() {
        let end = at("2027-02-28T10:00:00Z");
        assert_eq!(overdue_at(end, 0), end);
        assert_eq!(overdue_at(end, 14), at("2027-03-14T10:00:00Z"));
        assert_eq!(overdue_at(end, u32::MAX), at("2028-02-29T10:00:00Z"));
    }

    #[test]
    fn what_lies_behind_the_end_of_time_is_not_valid() {
        assert_eq!(valid_until(Timestamp::MAX, Cadence::Annual), Timestamp::MAX);
        assert_eq!(second(at("2026-10-04T08:30:00.999Z")), at("2026-10-04T08:30:00Z"));
    }
}
