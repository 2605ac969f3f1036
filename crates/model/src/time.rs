//! Moments in time, and how clients see them.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::Offset;
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

    /// This moment and a length of time before it.
    pub fn minus(self, length: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(length.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero when it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The form with a numeric offset, `…+00:00`, of queue items and the widget (conventions.md 4.4).
    pub fn with_offset(self) -> String {
        self.written("+00:00").as_str().to_owned()
    }

    /// The moment with a time zone behind it. Lists are full of times, so this is done by hand.
    fn written(self, zone: &str) -> Written {
        let seconds = self.0.div_euclid(1_000_000);
        let micros = self.0.rem_euclid(1_000_000);
        let moment = match jiff::Timestamp::from_second(seconds) {
            Ok(moment) => Offset::UTC.to_datetime(moment),
            Err(_) => slow_datetime(seconds),
        };
        let mut written = Written::default();
        written.number(moment.year().into(), 4);
        for (mark, number) in [
            ("-", moment.month()),
            ("-", moment.day()),
            ("T", moment.hour()),
            (":", moment.minute()),
            (":", moment.second()),
        ] {
            written.text(mark);
            written.number(number.into(), 2);
        }
        if micros != 0 {
            written.text(".");
            written.number(micros, 6);
        }
        written.text(zone);
        written
    }
}

/// What [`jiff::Timestamp`] cannot hold: the last day of the year 9999.
fn slow_datetime(seconds: i64) -> DateTime {
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    epoch
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(epoch)
}

/// A moment as text, without an allocation.
#[derive(Default)]
struct Written {
    bytes: [u8; 32],
    len: usize,
}

impl Written {
    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.byte(byte);
        }
    }

    /// The last digits of a number, so many of them.
    fn number(&mut self, number: i64, digits: u32) {
        for place in (0..digits).rev() {
            let digit = number / 10_i64.pow(place) % 10;
            self.byte(b'0' + u8::try_from(digit).unwrap_or(0));
        }
    }

    fn byte(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(self.len) {
            *free = byte;
            self.len += 1;
        }
    }

    fn as_str(&self) -> &str {
        let written = self.bytes.get(..self.len).unwrap_or_default();
        std::str::from_utf8(written).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.written("Z").as_str())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.written("Z").as_str())
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
        assert_eq!(
            Timestamp::from_micros(253_402_300_799_000_000).to_string(),
            "9999-12-31T23:59:59Z"
        );
    }
}
