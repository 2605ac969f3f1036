//! Reading the forms of date and time that clients send (conventions.md 4.2).

use crate::Timestamp;
use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};

/// Reads a date with or without a time.
///
/// Accepted: `2026-01-02`, `2026-W01-5`, and either of them followed by `T` or a space and `hh:mm`, with
/// optional seconds, a fraction of any length (cut to microseconds, `.` or `,`) and an offset (`Z`, `+02`,
/// `+0200`, `+02:00`). A date alone is midnight, a time without an offset is UTC.
///
/// `None` when the text has another form or names a moment that does not exist.
pub fn parse(text: &str) -> Option<Timestamp> {
    let mut input = Input(text);
    let date = input.date()?;
    if input.0.is_empty() {
        return stamp(date, Time::midnight(), 0);
    }
    input.one_of(&['T', 't', ' '])?;
    let (time, micros_fraction) = input.time()?;
    let offset_seconds = input.offset()?;
    let local = stamp(date, time, micros_fraction)?;
    let utc = local
        .as_micros()
        .checked_sub(offset_seconds.checked_mul(1_000_000)?)?;
    in_range(utc)
}

/// The moments that can be shown with a four-digit year.
fn in_range(micros: i64) -> Option<Timestamp> {
    const FIRST: i64 = -62_135_596_800_000_000;
    const LAST: i64 = 253_402_300_799_999_999;
    (FIRST..=LAST)
        .contains(&micros)
        .then(|| Timestamp::from_micros(micros))
}

fn stamp(date: Date, time: Time, micros_fraction: i64) -> Option<Timestamp> {
    // Not jiff::Timestamp, whose last moments of the year 9999 are missing.
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let seconds = DateTime::from_parts(date, time)
        .duration_since(epoch)
        .as_secs();
    in_range(
        seconds
            .checked_mul(1_000_000)?
            .checked_add(micros_fraction)?,
    )
}

struct Input<'a>(&'a str);

impl Input<'_> {
    fn date(&mut self) -> Option<Date> {
        let year = i16::try_from(self.digits(4, 4)?).ok()?;
        if year == 0 {
            return None;
        }
        self.one_of(&['-'])?;
        if self.one_of(&['W']).is_some() {
            let week = i8::try_from(self.digits(2, 2)?).ok()?;
            self.one_of(&['-'])?;
            let day = i8::try_from(self.digits(1, 1)?).ok()?;
            let weekday = Weekday::from_monday_one_offset(day).ok()?;
            return Some(ISOWeekDate::new(year, week, weekday).ok()?.date());
        }
        let month = i8::try_from(self.digits(1, 2)?).ok()?;
        self.one_of(&['-'])?;
        let day = i8::try_from(self.digits(1, 2)?).ok()?;
        Date::new(year, month, day).ok()
    }

    /// The time of day in whole seconds, and the microseconds beyond.
    fn time(&mut self) -> Option<(Time, i64)> {
        let hour = i8::try_from(self.digits(1, 2)?).ok()?;
        self.one_of(&[':'])?;
        let minute = i8::try_from(self.digits(1, 2)?).ok()?;
        let mut second = 0;
        let mut micros = 0;
        if self.one_of(&[':']).is_some() {
            second = i8::try_from(self.digits(1, 2)?).ok()?;
            if self.one_of(&['.', ',']).is_some() {
                micros = self.fraction()?;
            }
        }
        Some((Time::new(hour, minute, second, 0).ok()?, micros))
    }

    /// The first six digits count, the rest is cut.
    fn fraction(&mut self) -> Option<i64> {
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return None;
        }
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let mut micros = 0;
        let mut unit = 100_000;
        for digit in digits.bytes().take(6) {
            micros += i64::from(digit - b'0') * unit;
            unit /= 10;
        }
        Some(micros)
    }

    /// Seconds east of UTC. Nothing at all means UTC; anything left over is a mistake.
    fn offset(&mut self) -> Option<i64> {
        self.0 = self.0.trim_start_matches(' ');
        if self.0.is_empty() {
            return Some(0);
        }
        let seconds = match self.one_of(&['Z', 'z', '+', '-'])? {
            'Z' | 'z' => 0,
            sign => {
                let hours = self.digits(2, 2)?;
                let minutes = if self.0.is_empty() {
                    0
                } else {
                    let _ = self.one_of(&[':']);
                    self.digits(2, 2)?
                };
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let seconds = hours * 3600 + minutes * 60;
                if sign == '-' { -seconds } else { seconds }
            }
        };
        self.0.is_empty().then_some(seconds)
    }

    fn digits(&mut self, at_least: usize, at_most: usize) -> Option<i64> {
        let length = self
            .0
            .bytes()
            .take(at_most)
            .take_while(u8::is_ascii_digit)
            .count();
        if length < at_least {
            return None;
        }
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        digits.parse().ok()
    }

    fn one_of(&mut self, characters: &[char]) -> Option<char> {
        let next = self.0.chars().next()?;
        if !characters.contains(&next) {
            return None;
        }
        self.0 = &self.0[next.len_utf8()..];
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_every_form_of_the_conventions() {
        for (text, expected) in [
            ("2026-01-01", "2026-01-01T00:00:00Z"),
            ("2026-01-01T10:20", "2026-01-01T10:20:00Z"),
            ("2026-01-01 10:20:30", "2026-01-01T10:20:30Z"),
            ("2026-01-01T10:20:30Z", "2026-01-01T10:20:30Z"),
            ("2026-01-01T10:20:30.5Z", "2026-01-01T10:20:30.500000Z"),
            (
                "2026-01-01T10:20:30.123456789Z",
                "2026-01-01T10:20:30.123456Z",
            ),
            ("2026-01-01T10:20:30,25", "2026-01-01T10:20:30.250000Z"),
            ("2026-01-01T00:00:00+02:00", "2025-12-31T22:00:00Z"),
            ("2026-01-01T00:00:00+0200", "2025-12-31T22:00:00Z"),
            ("2026-01-01T00:00:00-05", "2026-01-01T05:00:00Z"),
            ("2026-01-01T00:00:00 +02:00", "2025-12-31T22:00:00Z"),
            ("2026-W01-1", "2025-12-29T00:00:00Z"),
            ("2026-W01-1T08:00", "2025-12-29T08:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(
                parse(text).map(|at| at.to_string()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_not_a_moment() {
        for text in [
            "",
            "tomorrow",
            "5",
            "2026",
            "2026-01",
            "2026-13-01",
            "2026-02-30",
            "2025-02-29",
            "2026-01-01T24:00",
            "2026-01-01T10:60",
            "2026-01-01T10:20:60",
            "2026-01-01T10",
            "2026-01-01T10:20:30.",
            "2026-01-01T10:20:30+24:00",
            "2026-01-01T10:20:30Zx",
            "2026-01-01T10:20:30+02:00:00x",
            "2026-01-01x",
            "2026-01-01Tü",
            "0000-01-01",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2026-W54-1",
            "2026-W01-8",
            " 2026-01-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_moment_reads_back_as_itself(micros in -62_135_596_800_000_000_i64..=253_402_300_799_999_999) {
            let at = Timestamp::from_micros(micros);
            proptest::prop_assert_eq!(parse(&at.to_string()), Some(at));
            proptest::prop_assert_eq!(parse(&at.with_offset()), Some(at));
        }

        #[test]
        fn no_text_is_too_strange(text in "[-0-9TWZ:.,+ é]{0,40}|.*") {
            let _ = parse(&text);
        }
    }
}
