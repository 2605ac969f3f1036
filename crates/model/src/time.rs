//! Moments in time, and how clients see them.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A moment, in microseconds since 1970-01-01 UTC.
///
/// Serialised as the conversation and ticket API shows times: `2026-01-02T03:04:05.678901Z`, the fraction
/// left out when it is exactly zero (conventions.md 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment so many microseconds after 1970-01-01 UTC.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01 UTC.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This moment and a length of time after it.
    pub fn plus(self, length: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(length.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero when it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The form with a numeric offset, `…+00:00`, of queue items and the widget (conventions.md 4.4).
    pub fn with_offset(self) -> String {
        format!("{}+00:00", self.without_zone())
    }

    fn without_zone(self) -> String {
        let seconds = self.0.div_euclid(1_000_000);
        let micros = self.0.rem_euclid(1_000_000);
        // Not jiff::Timestamp, whose last moments of the year 9999 are missing.
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        let date = epoch
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap_or(epoch);
        let whole = date.strftime("%Y-%m-%dT%H:%M:%S");
        if micros == 0 {
            whole.to_string()
        } else {
            format!("{whole}.{micros:06}")
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.without_zone())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_six_digits_or_no_fraction_at_all() {
        assert_eq!(
            Timestamp::from_micros(1_767_323_045_678_901).to_string(),
            "2026-01-02T03:04:05.678901Z"
        );
        assert_eq!(
            Timestamp::from_micros(1_767_323_045_000_000).to_string(),
            "2026-01-02T03:04:05Z"
        );
        assert_eq!(
            Timestamp::from_micros(1_767_323_045_000_001).with_offset(),
            "2026-01-02T03:04:05.000001+00:00"
        );
        assert_eq!(
            Timestamp::from_micros(-1).to_string(),
            "1969-12-31T23:59:59.999999Z"
        );
    }
}
