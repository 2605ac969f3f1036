//! Figures about a project's tickets, by days or weeks of the project's time zone.

use crate::tickets::parse_date;
use crate::{Code, FieldError, Timestamp};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Unit};
use serde::Serialize;

/// What is counted by the store before it is known which day it belongs to: a quarter of an hour, since the clocks of
/// all time zones differ by whole ones.
pub const SLOT_MICROS: i64 = 900_000_000;
/// The longest period, in days.
pub const DAYS_MAX: i64 = 400;
/// The period when none is named, in days, today included.
const DAYS_DEFAULT: i64 = 30;

/// The length of the pieces that a period is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// Days.
    Day,
    /// Weeks, which begin on Monday. The first and the last may be cut.
    Week,
}

impl Interval {
    /// The word in requests and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
        }
    }
}

/// From one day to another, both included, in pieces.
#[derive(Clone, Debug)]
pub struct Period {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
    /// The length of the pieces.
    pub interval: Interval,
    /// The first day of each piece and its first moment, in microseconds.
    pieces: Vec<(Date, i64)>,
    end: i64,
}

impl Period {
    /// Reads the parameters of a request: dates (`2026-01-31`) or lengths of time before now (`7d`), as the filters of
    /// tickets take them. `zone` is the name of the project's time zone.
    ///
    /// # Errors
    /// What is no date, a period that ends before it begins or is longer than [`DAYS_MAX`], and an unknown interval.
    pub fn read(
        from: Option<&str>,
        to: Option<&str>,
        interval: Option<&str>,
        now: Timestamp,
        zone: &str,
    ) -> Result<Self, FieldError> {
        let invalid = |attr: &str, detail: &str| FieldError::at(attr, Code::InvalidInput, detail);
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let day_of = |at: Timestamp| {
            let at = jiff::Timestamp::from_microsecond(at.as_micros()).ok()?;
            Some(at.to_zoned(zone.clone()).date())
        };
        let date = |attr: &str, text: Option<&str>| match text.filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => parse_date(text, now, &zone)
                .and_then(day_of)
                .map(Some)
                .ok_or_else(|| invalid(attr, "This is no date: write 2026-01-31, or 7d.")),
        };
        let first = date("date_from", from)?;
        let last = date("date_to", to)?;
        let interval = match interval {
            None | Some("" | "day") => Interval::Day,
            Some("week") => Interval::Week,
            Some(other) => {
                let shown: String = other.chars().take(100).collect();
                let detail = format!("\"{shown}\" is not a valid choice.");
                return Err(FieldError::at("interval", Code::InvalidChoice, detail));
            }
        };
        let impossible = || invalid("date_from", "This period cannot be had.");
        let last = last.or_else(|| day_of(now)).ok_or_else(impossible)?;
        let first = match first {
            Some(first) => first,
            None => back(last, DAYS_DEFAULT - 1).ok_or_else(impossible)?,
        };
        if first > last {
            return Err(invalid("date_from", "This period ends before it begins."));
        }
        let days = first
            .until((Unit::Day, last))
            .map_or(i64::MAX, |span| span.get_days().into());
        if days >= DAYS_MAX {
            let detail = format!("A period has at most {DAYS_MAX} days.");
            return Err(invalid("date_from", &detail));
        }
        let start_of = |date: Date| {
            let start = date.to_zoned(zone.clone()).ok()?;
            Some(start.timestamp().as_microsecond())
        };
        let mut pieces = Vec::new();
        let mut day = first;
        while day <= last {
            if pieces.is_empty() || interval == Interval::Day || day.weekday() == Weekday::Monday {
                pieces.push((day, start_of(day).ok_or_else(impossible)?));
            }
            day = day.tomorrow().map_err(|_| impossible())?;
        }
        Ok(Self {
            first,
            last,
            interval,
            pieces,
            end: start_of(day).ok_or_else(impossible)?,
        })
    }

    /// The first moment.
    pub fn start(&self) -> Timestamp {
        let start = self.pieces.first().map_or(self.end, |piece| piece.1);
        Timestamp::from_micros(start)
    }

    /// The first moment after it.
    pub const fn end(&self) -> Timestamp {
        Timestamp::from_micros(self.end)
    }

    /// Which piece a moment of the period belongs to.
    fn piece_of(&self, micros: i64) -> usize {
        let begun = self.pieces.partition_point(|(_, start)| *start <= micros);
        begun.saturating_sub(1)
    }
}

fn back(date: Date, days: i64) -> Option<Date> {
    date.checked_sub(Span::new().try_days(days).ok()?).ok()
}

/// What was counted in one piece of a period. Lengths are in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Tickets that were begun.
    pub opened: i64,
    /// How long customers waited for the first answer to their ticket, of each ticket first answered now.
    pub first_responses: Vec<i64>,
    /// How long it took to resolve them, of each ticket resolved now.
    pub resolutions: Vec<i64>,
    /// How many of those the assistant resolved.
    pub resolved_by_assistant: i64,
    /// Tickets that were due now and were resolved in time.
    pub sla_met: i64,
    /// Tickets that were due now and were not.
    pub sla_breached: i64,
    /// Public messages of team and assistant.
    pub messages_sent: i64,
    /// Public messages of customers.
    pub messages_received: i64,
}

/// A period's figures, piece by piece.
#[derive(Debug)]
pub struct Counted {
    period: Period,
    pieces: Vec<Figures>,
    /// The team's unread messages at present.
    pub unread_now: i64,
}

impl Counted {
    /// Nothing counted yet.
    pub fn new(period: &Period) -> Self {
        Self {
            period: period.clone(),
            // There is at least one: of the last day.
            pieces: vec![Figures::default(); period.pieces.len().max(1)],
            unread_now: 0,
        }
    }

    /// The figures of the piece that a moment belongs to.
    pub fn at(&mut self, micros: i64) -> &mut Figures {
        let last = self.pieces.len() - 1;
        let index = self.period.piece_of(micros).min(last);
        &mut self.pieces[index]
    }

    /// The figures of the piece that a slot of [`SLOT_MICROS`] belongs to.
    pub fn at_slot(&mut self, slot: i64) -> &mut Figures {
        self.at(slot.saturating_mul(SLOT_MICROS))
    }

    /// The figures of the whole period, and of each piece with its first day.
    pub fn summary(self) -> (Summary, Vec<(Date, Summary)>) {
        let mut whole = Figures::default();
        for piece in &self.pieces {
            whole.opened += piece.opened;
            whole.first_responses.extend(&piece.first_responses);
            whole.resolutions.extend(&piece.resolutions);
            whole.resolved_by_assistant += piece.resolved_by_assistant;
            whole.sla_met += piece.sla_met;
            whole.sla_breached += piece.sla_breached;
            whole.messages_sent += piece.messages_sent;
            whole.messages_received += piece.messages_received;
        }
        let days = self.period.pieces.into_iter().map(|(day, _)| day);
        let pieces = self.pieces.into_iter().map(Summary::of);
        (Summary::of(whole), days.zip(pieces).collect())
    }
}

/// Figures as clients get them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Tickets that were begun.
    pub opened: i64,
    /// Tickets that were resolved, and are still. Merged ones are not counted.
    pub resolved: i64,
    /// How many of those the assistant resolved.
    pub resolved_by_assistant: i64,
    /// The same as a share between 0 and 1; none when nothing was resolved.
    pub resolved_by_assistant_share: Option<f64>,
    /// How long customers waited for the first public answer, of tickets first answered in the period.
    pub first_response: Lengths,
    /// How long it took from beginning to resolution, of tickets resolved in the period.
    pub resolution: Lengths,
    /// Tickets that were due in the period and were resolved in time.
    pub sla_met: i64,
    /// Tickets that were due in the period and were not.
    pub sla_breached: i64,
    /// Public messages of team and assistant.
    pub messages_sent: i64,
    /// Public messages of customers.
    pub messages_received: i64,
}

/// Of many lengths of time, those that half of them and nine in ten do not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Lengths {
    /// How many there are.
    pub count: i64,
    /// In whole seconds; none when there are none.
    pub median_seconds: Option<i64>,
    /// In whole seconds; none when there are none.
    pub p90_seconds: Option<i64>,
}

impl Lengths {
    fn of(mut micros: Vec<i64>) -> Self {
        micros.sort_unstable();
        // The nearest rank: the smallest length that so many in a hundred do not exceed.
        let rank = |percent: usize| {
            let index = (micros.len() * percent).div_ceil(100).checked_sub(1)?;
            Some(micros.get(index)?.max(&0) / 1_000_000)
        };
        Self {
            count: i64::try_from(micros.len()).unwrap_or(i64::MAX),
            median_seconds: rank(50),
            p90_seconds: rank(90),
        }
    }
}

impl Summary {
    fn of(figures: Figures) -> Self {
        let resolution = Lengths::of(figures.resolutions);
        let by_assistant = figures.resolved_by_assistant;
        Self {
            opened: figures.opened,
            resolved: resolution.count,
            resolved_by_assistant: by_assistant,
            resolved_by_assistant_share: share(by_assistant, resolution.count),
            first_response: Lengths::of(figures.first_responses),
            resolution,
            sla_met: figures.sla_met,
            sla_breached: figures.sla_breached,
            messages_sent: figures.messages_sent,
            messages_received: figures.messages_received,
        }
    }
}

/// A part of a whole with four places.
fn share(part: i64, whole: i64) -> Option<f64> {
    let scaled = (part * 10_000).checked_div(whole)?;
    // At most 10 000, which a float holds exactly.
    i32::try_from(scaled)
        .ok()
        .map(|scaled| f64::from(scaled) / 10_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // 2026-03-31 22:30 UTC: in Berlin it is April already.
    const NOW: Timestamp = Timestamp::from_micros(1_774_996_200_000_000);

    fn read(from: &str, to: &str, interval: &str, zone: &str) -> Result<Period, FieldError> {
        Period::read(Some(from), Some(to), Some(interval), NOW, zone)
    }

    fn days(period: &Period) -> Vec<String> {
        period
            .pieces
            .iter()
            .map(|(day, _)| day.to_string())
            .collect()
    }

    #[test]
    fn a_period_is_the_last_thirty_days_of_the_zone_unless_it_is_named() {
        for (zone, last) in [("UTC", "2026-03-31"), ("Europe/Berlin", "2026-04-01")] {
            let period = read("", "", "", zone).unwrap();
            assert_eq!(days(&period).len(), 30);
            assert_eq!(days(&period).last().unwrap(), last);
        }
        let period = read("2026-03-01", "2026-03-03", "day", "UTC").unwrap();
        assert_eq!(days(&period), ["2026-03-01", "2026-03-02", "2026-03-03"]);
        assert_eq!(period.start().to_string(), "2026-03-01T00:00:00Z");
        assert_eq!(period.end().to_string(), "2026-03-04T00:00:00Z");
        assert_eq!(
            days(&read("7d", "", "day", "UTC").unwrap())[0],
            "2026-03-24"
        );
    }

    #[test]
    fn weeks_begin_on_monday_and_are_cut_at_the_ends() {
        let period = read("2026-03-05", "2026-03-17", "week", "UTC").unwrap();
        assert_eq!(days(&period), ["2026-03-05", "2026-03-09", "2026-03-16"]);
    }

    #[test]
    fn a_day_on_which_the_clocks_change_has_its_own_length() {
        let period = read("2026-03-29", "2026-03-29", "day", "Europe/Berlin").unwrap();
        let hours = (period.end - period.start().as_micros()) / 3_600_000_000;
        assert_eq!(hours, 23);
    }

    #[test]
    fn an_impossible_period_is_refused() {
        for (from, to, interval, attr) in [
            ("x", "", "", "date_from"),
            ("", "x", "", "date_to"),
            ("2026-03-02", "2026-03-01", "", "date_from"),
            ("2024-01-01", "2026-01-01", "", "date_from"),
            ("", "", "month", "interval"),
        ] {
            let error = read(from, to, interval, "UTC").unwrap_err();
            assert_eq!(error.attr.as_deref(), Some(attr), "{from} {to} {interval}");
        }
        assert!(
            read("2025-02-25", "2026-03-31", "", "UTC").is_ok(),
            "400 days"
        );
        assert!(
            read("2025-02-24", "2026-03-31", "", "UTC").is_err(),
            "401 days"
        );
    }

    #[test]
    fn what_happens_belongs_to_the_piece_in_which_it_does() {
        let period = read("2026-03-01", "2026-03-02", "day", "Asia/Kathmandu").unwrap();
        let mut counted = Counted::new(&period);
        let second = period.pieces[1].1;
        counted.at(second - 1).opened += 1;
        counted.at(second).opened += 10;
        // The quarter of an hour that the second day begins with, at 18:15 UTC.
        assert_eq!(second % SLOT_MICROS, 0);
        counted.at_slot(second / SLOT_MICROS).opened += 100;
        let (whole, pieces) = counted.summary();
        assert_eq!(whole.opened, 111);
        let opened: Vec<_> = pieces.iter().map(|(_, piece)| piece.opened).collect();
        assert_eq!(opened, [1, 110]);
    }

    #[test]
    fn median_and_ninetieth_are_of_the_nearest_rank() {
        let lengths =
            |seconds: &[i64]| Lengths::of(seconds.iter().map(|s| s * 1_000_000).collect());
        assert_eq!(lengths(&[]).median_seconds, None);
        for (seconds, median, p90) in [
            (&[5][..], 5, 5),
            (&[3, 1][..], 1, 3),
            (&[3, 1, 2][..], 2, 3),
            (&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1][..], 5, 9),
        ] {
            let found = lengths(seconds);
            assert_eq!(
                (found.median_seconds, found.p90_seconds),
                (Some(median), Some(p90))
            );
        }
        assert_eq!(share(1, 3), Some(0.3333));
        assert_eq!(share(0, 0), None);
    }
}
