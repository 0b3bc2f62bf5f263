//! The sandbox's own clock, and moments as a person writes them in a world file.

use anyhow::Context as _;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// A clock that runs with real time until a test sets, advances or freezes it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset: SignedDuration,
    frozen: Option<Timestamp>,
}

impl Clock {
    /// What this clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.frozen.unwrap_or_else(|| shifted(Timestamp::now(), self.offset))
    }

    /// Whether the clock stands still.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Makes the clock show `time` now.
    pub fn set(&mut self, time: Timestamp) {
        self.offset = time.duration_since(Timestamp::now());
        if self.frozen.is_some() {
            self.frozen = Some(time);
        }
    }

    /// Moves the clock by `seconds`, backwards when negative.
    pub fn advance(&mut self, seconds: i64) {
        let target = shifted(self.now(), SignedDuration::from_secs(seconds));
        self.set(target);
    }

    /// Stops the clock, or lets it run on from what it shows.
    pub fn freeze(&mut self, frozen: bool) {
        let now = self.now();
        self.set(now);
        self.frozen = frozen.then_some(now);
    }
}

/// `time` moved by `by`, held at the ends of what a timestamp can say.
#[must_use]
pub fn shifted(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}

/// A moment in a world file: RFC 3339, or relative to the start of the sandbox such as `90d ago`, `-PT2H`, `now`.
pub fn moment(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let span: Span =
        text.parse().with_context(|| format!("{text:?} is neither RFC 3339 nor a span such as `90d ago` or `now`"))?;
    let by = span.to_duration(SpanRelativeTo::days_are_24_hours()).with_context(|| format!("{text:?}"))?;
    Ok(shifted(now, by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let mut clock = Clock::default();
        clock.freeze(true);
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.advance(90);
        assert_eq!(clock.now().duration_since(start), SignedDuration::from_secs(90));
        clock.freeze(false);
        assert!(clock.now() >= shifted(start, SignedDuration::from_secs(90)));
    }

    #[test]
    fn moments_may_be_absolute_or_relative() {
        let now: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("now", "2026-11-01T12:00:00Z"),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("90d ago", "2026-08-03T12:00:00Z"),
            ("-PT2H", "2026-11-01T10:00:00Z"),
            ("1h 30m ago", "2026-11-01T10:30:00Z"),
        ] {
            assert_eq!(moment(text, now).unwrap(), expected.parse().unwrap(), "{text}");
        }
        assert!(moment("yesterday", now).is_err());
    }
}
