//! The dates of the list's filters (tickets.md 3.2).

use crate::{Timestamp, datetime};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Zoned};

/// A date, a date and time, or a length of time before now, such as `7d`; `None` for anything else. Without an
/// offset the zone is the project's.
pub fn parse_date(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(absolute) = datetime::parse(text) {
        if has_offset(text) {
            return Some(absolute);
        }
        // Read as if in UTC, so this is the time on the wall.
        let wall = jiff::Timestamp::from_microsecond(absolute.as_micros()).ok()?;
        let wall = wall.to_zoned(TimeZone::UTC).datetime();
        return stamp(&wall.to_zoned(zone.clone()).ok()?);
    }
    let now = jiff::Timestamp::from_microsecond(now.as_micros()).ok()?;
    relative(text, &now.to_zoned(zone.clone()))
}

/// Whether something stands behind the time of day.
fn has_offset(text: &str) -> bool {
    let time = text.split_once(['T', 't', ' ']).map(|(_, time)| time);
    time.is_some_and(|time| time.contains(['Z', 'z', '+', '-']))
}

fn stamp(zoned: &Zoned) -> Option<Timestamp> {
    let micros = zoned.timestamp().as_microsecond();
    // What the calendar can say but clients cannot, finds what the nearest sayable date would.
    Some(Timestamp::from_micros(micros))
}

/// `-7dStart` and its like. The sign is decoration.
fn relative(text: &str, now: &Zoned) -> Option<Timestamp> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, rest) = text.split_at(digits);
    let count: i64 = if count.is_empty() {
        0
    } else {
        count.parse().ok()?
    };
    let mut characters = rest.chars();
    let unit = characters.next()?;
    let edge = match characters.as_str() {
        "" => None,
        "Start" => Some(Edge::Start),
        "End" => Some(Edge::End),
        _ => return None,
    };
    let back = match unit {
        's' => Span::new().try_seconds(count),
        'M' => Span::new().try_minutes(count),
        'h' => Span::new().try_hours(count),
        'd' => Span::new().try_days(count),
        'w' => Span::new().try_weeks(count),
        'm' => Span::new().try_months(count),
        'q' => Span::new().try_weeks(count.checked_mul(13)?),
        'y' => Span::new().try_years(count),
        _ => return None,
    };
    let then = now.checked_sub(back.ok()?).ok()?;
    match edge {
        Some(edge) => stamp(&edge.of(unit, &then)?),
        None => stamp(&then),
    }
}

#[derive(Clone, Copy)]
enum Edge {
    Start,
    End,
}

impl Edge {
    /// The first or last instant of the hour or day; of month and year only the day moves.
    fn of(self, unit: char, then: &Zoned) -> Option<Zoned> {
        let wall = then.datetime();
        let last = SignedDuration::from_micros(1);
        let wall: DateTime = match (unit, self) {
            ('h', _) => {
                let hour = wall
                    .date()
                    .to_datetime(Time::new(wall.hour(), 0, 0, 0).ok()?);
                match self {
                    Self::Start => hour,
                    Self::End => hour
                        .checked_add(SignedDuration::from_hours(1))
                        .ok()?
                        .checked_sub(last)
                        .ok()?,
                }
            }
            ('d', Self::Start) => wall.date().to_datetime(Time::midnight()),
            ('d', Self::End) => {
                let next = wall.date().tomorrow().ok()?;
                next.to_datetime(Time::midnight()).checked_sub(last).ok()?
            }
            ('m', Self::Start) => wall.first_of_month(),
            ('m' | 'y', Self::End) => wall.last_of_month(),
            ('y', Self::Start) => wall.first_of_year(),
            _ => wall,
        };
        wall.to_zoned(then.time_zone().clone()).ok()
    }
}
