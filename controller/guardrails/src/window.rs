//! Maintenance windows: a cron schedule for when they open, how long they stay open, and the time zone of the schedule.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// Longest that a window may stay open: a week, the longest that one of a weekly schedule can.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// When changes may be made. A window that would open in the hour that a clock change skips opens right after it; one in the
/// hour that comes twice opens once. Its length is real time, whatever the clocks show.
#[derive(Clone, Debug)]
pub struct Window {
    schedule: String,
    cron: Cron,
    duration: SignedDuration,
    zone: TimeZone,
    zone_name: String,
}

/// Why there is no such window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The schedule is none.
    #[error(
        "window.schedule {schedule:?} is no cron expression of five fields (minute, hour, day of month, month, day of week): {problem}"
    )]
    Schedule {
        /// As written.
        schedule: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It never opens.
    #[error("window.schedule {0:?} never comes")]
    Never(String),
    /// The time zone is not known.
    #[error("window.timeZone {0:?} is not in the IANA time zone database; write it like Europe/Berlin or UTC")]
    Zone(String),
    /// It is open for no time, or for longer than a week.
    #[error("window.duration has to be more than 0 and at most 168h")]
    Duration,
}

impl Window {
    /// A window that opens by a cron expression of five fields in an IANA time zone.
    ///
    /// # Errors
    /// When one of the three makes no sense; the message says which.
    pub fn new(schedule: &str, duration: SignedDuration, time_zone: &str, now: Timestamp) -> Result<Self, WindowError> {
        let wrong = |problem: String| WindowError::Schedule { schedule: schedule.to_owned(), problem };
        if schedule.split_whitespace().count() != 5 {
            return Err(wrong(format!("it has {} fields", schedule.split_whitespace().count())));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(schedule).map_err(|error| wrong(error.to_string()))?;
        if duration <= SignedDuration::ZERO || duration > LONGEST {
            return Err(WindowError::Duration);
        }
        let zone = TimeZone::get(time_zone).map_err(|_| WindowError::Zone(time_zone.to_owned()))?;
        let (schedule, zone_name) = (schedule.to_owned(), time_zone.to_owned());
        let window = Self { schedule, cron, duration, zone, zone_name };
        match window.next_opening(now) {
            Some(_) => Ok(window),
            None => Err(WindowError::Never(window.schedule)),
        }
    }

    /// Whether it is open at a time.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        let Ok(earliest) = now.checked_sub(self.duration) else { return false };
        self.next_opening(earliest).is_some_and(|opened| opened <= now)
    }

    /// When it opens next after a time.
    #[must_use]
    pub fn next_opening(&self, after: Timestamp) -> Option<Timestamp> {
        let after: Zoned = after.to_zoned(self.zone.clone());
        self.cron.find_next_occurrence(&after, false).ok().map(|next| next.timestamp())
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} for {:#} ({})", self.schedule, self.duration, self.zone_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(schedule: &str, hours: i64) -> Window {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Window::new(schedule, SignedDuration::from_hours(hours), "Europe/Berlin", now).unwrap()
    }

    #[test]
    fn opens_and_closes_in_its_time_zone_and_over_clock_changes() {
        for (schedule, hours, at, open) in [
            // Saturday 02:00 to 06:00 in Berlin, in winter and in summer.
            ("0 2 * * SAT", 4, "2026-11-28T00:59:59Z", false),
            ("0 2 * * SAT", 4, "2026-11-28T01:00:00Z", true),
            ("0 2 * * SAT", 4, "2026-11-28T04:59:59Z", true),
            ("0 2 * * SAT", 4, "2026-11-28T05:00:00Z", false),
            ("0 2 * * SAT", 4, "2026-07-04T00:00:00Z", true),
            ("0 2 * * SAT", 4, "2026-07-03T23:59:59Z", false),
            // 02:30 does not exist on 2026-03-29: it opens at 03:00 (01:00 UTC), for the whole hour.
            ("30 2 * * *", 1, "2026-03-29T00:59:59Z", false),
            ("30 2 * * *", 1, "2026-03-29T01:00:00Z", true),
            ("30 2 * * *", 1, "2026-03-29T01:59:59Z", true),
            ("30 2 * * *", 1, "2026-03-29T02:00:00Z", false),
            // 02:30 comes twice on 2026-10-25: it opens the first time only.
            ("30 2 * * *", 1, "2026-10-25T00:30:00Z", true),
            ("30 2 * * *", 1, "2026-10-25T01:29:59Z", true),
            ("30 2 * * *", 1, "2026-10-25T01:30:00Z", false),
            // Open over midnight and over the clock change: four real hours.
            ("0 23 * * SAT", 4, "2026-10-25T00:59:59Z", true),
            ("0 23 * * SAT", 4, "2026-10-25T01:00:00Z", false),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(window(schedule, hours).is_open(at), open, "{schedule} at {at}");
        }
    }

    #[test]
    fn says_when_it_opens_next() {
        let after = "2026-11-26T12:00:00Z".parse().unwrap();
        let next = window("0 2 * * SAT", 4).next_opening(after).unwrap();
        assert_eq!(next.to_string(), "2026-11-28T01:00:00Z");
        assert_eq!(window("0 2 * * SAT", 4).to_string(), "\"0 2 * * SAT\" for 4h (Europe/Berlin)");
    }

    #[test]
    fn what_is_no_window_is_named() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let error = |schedule: &str, hours, zone: &str| {
            Window::new(schedule, SignedDuration::from_hours(hours), zone, now).unwrap_err().to_string()
        };
        for (message, named) in [
            (error("0 2 * *", 4, "UTC"), "4 fields"),
            (error("@daily", 4, "UTC"), "window.schedule"),
            (error("0 2 * * FOO", 4, "UTC"), "\"0 2 * * FOO\""),
            (error("61 2 * * *", 4, "UTC"), "window.schedule"),
            (error("0 0 30 2 *", 4, "UTC"), "never comes"),
            (error("0 2 * * *", 0, "UTC"), "window.duration"),
            (error("0 2 * * *", 169, "UTC"), "168h"),
            (error("0 2 * * *", 4, "Europe/Atlantis"), "window.timeZone \"Europe/Atlantis\""),
        ] {
            assert!(message.contains(named), "{message}");
        }
    }
}
