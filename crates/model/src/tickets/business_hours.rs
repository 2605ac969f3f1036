//! When an answer is due that is to come within so many hours of office time (tickets.md 15.1).

use crate::Timestamp;
use crate::error::{Code, FieldError};
use crate::fields::{Fields, Kind as _, List, Text};
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The days as clients write them.
const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];
/// Days that are walked through at most: five years.
const DAYS_MAX: usize = 5 * 366;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What an amount of time is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlaUnit {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// One day's office hours; without office hours 24 hours.
    Day,
}

impl SlaUnit {
    /// The words of clients.
    pub const WORDS: &'static [&'static str] = &["minute", "hour", "day"];

    /// The unit of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "minute" => Some(Self::Minute),
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            _ => None,
        }
    }
}

/// When the office is open: the same hours on certain days of the week.
#[derive(Clone, Debug, PartialEq)]
pub struct BusinessHours {
    /// Monday first.
    days: [bool; 7],
    /// From, and until before; `None` is the whole day.
    window: Option<(Time, Time)>,
    zone: TimeZone,
}

impl BusinessHours {
    /// Reads `{"days": […], "time": "any" | ["HH:MM", "HH:MM"], "timezone": "…"}`.
    ///
    /// # Errors
    /// The first broken rule, at `attr` and what is within it.
    pub fn read(value: &Value, attr: &str) -> Result<Self, FieldError> {
        let at = |name: &str, detail: String| {
            FieldError::at(format!("{attr}__{name}"), Code::InvalidInput, detail)
        };
        if !value.is_object() {
            let detail = "Expected an object with days and time.";
            return Err(FieldError::at(attr, Code::NotADict, detail));
        }
        let fields = Fields::of(value)?;
        let missing = |name: &str| FieldError::plain(format!("{attr}__{name}"), Code::Required);
        let names = fields.raw("days").ok_or_else(|| missing("days"))?;
        let names = List::of(Text::new().max(20))
            .max(7)
            .not_empty()
            .read(names, &format!("{attr}__days"))?;
        let mut days = [false; 7];
        for name in names {
            let index = DAYS.iter().position(|(day, _)| *day == name);
            let index =
                index.ok_or_else(|| at("days", format!("\"{name}\" is no day of the week.")))?;
            days[index] = true;
        }
        let window = match fields.raw("time") {
            None => return Err(missing("time")),
            Some(Value::String(word)) if word == "any" => None,
            Some(Value::Array(times)) => {
                let window = read_window(times);
                let detail =
                    "Write \"any\", or start and end as [\"HH:MM\", \"HH:MM\"], the start first.";
                Some(window.ok_or_else(|| at("time", detail.to_owned()))?)
            }
            Some(_) => return Err(at("time", "Write \"any\", or two times.".to_owned())),
        };
        let zone = match fields.raw("timezone") {
            None => TimeZone::UTC,
            Some(name) => {
                let name = Text::new()
                    .max(64)
                    .read(name, &format!("{attr}__timezone"))?;
                TimeZone::get(&name)
                    .map_err(|_| at("timezone", format!("\"{name}\" is no time zone.")))?
            }
        };
        Ok(Self { days, window, zone })
    }

    fn is_always(&self) -> bool {
        self.window.is_none() && self.days.iter().all(|day| *day)
    }

    /// How long the office is open on a day on which it is open, by the clock on its wall.
    fn length(&self) -> SignedDuration {
        self.window
            .map_or(DAY, |(start, end)| start.duration_until(end))
    }

    /// Opening and closing time of a day; `None` when it is closed.
    fn window_of(&self, date: Date) -> Option<(DateTime, DateTime)> {
        let is_open = |(index, (_, day)): (usize, &(&str, Weekday))| {
            *day == date.weekday() && self.days[index]
        };
        if !DAYS.iter().enumerate().any(is_open) {
            return None;
        }
        let midnight = date.to_datetime(Time::midnight());
        match self.window {
            Some((start, end)) => Some((date.to_datetime(start), date.to_datetime(end))),
            None => Some((midnight, midnight.checked_add(DAY).ok()?)),
        }
    }
}

/// A project's office hours, as they are set: `{"days": […], "time": …}`. They are in the project's own time zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OfficeHours(Value);

impl OfficeHours {
    /// Reads an object as [`BusinessHours::read`] does, but without a time zone.
    ///
    /// # Errors
    /// The first broken rule, at `attr` and what is within it.
    pub fn read(value: &Value, attr: &str) -> Result<Self, FieldError> {
        if value.get("timezone").is_some() {
            let detail = "Office hours are in the project's own time zone.";
            let attr = format!("{attr}__timezone");
            return Err(FieldError::at(attr, Code::InvalidInput, detail));
        }
        let hours = BusinessHours::read(value, attr)?;
        let open = DAYS.iter().zip(hours.days).filter(|(_, is_open)| *is_open);
        let days: Vec<&str> = open.map(|((name, _), _)| *name).collect();
        Ok(Self(json!({"days": days, "time": value["time"]})))
    }

    /// The hours by the clocks of a time zone; `None` for a name that is none.
    pub fn in_zone(&self, zone: &str) -> Option<BusinessHours> {
        let mut value = self.0.clone();
        value["timezone"] = json!(zone);
        BusinessHours::read(&value, "").ok()
    }

    /// The object.
    pub fn into_value(self) -> Value {
        self.0
    }
}

fn read_window(times: &[Value]) -> Option<(Time, Time)> {
    let [start, end] = times else {
        return None;
    };
    let (start, end) = (read_time(start)?, read_time(end)?);
    (start < end).then_some((start, end))
}

fn read_time(value: &Value) -> Option<Time> {
    let (hour, minute) = value.as_str()?.split_once(':')?;
    let number = |text: &str| {
        let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_two.then(|| text.parse::<i8>().ok()).flatten()
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

/// The moment when so much time has passed since `now`: plain time without office hours, else office time. Office
/// hours are walked through by the clock on the wall, so a day on which the clocks are changed is no longer or shorter
/// than another one. A time that ends exactly when the office closes ends there.
///
/// `None` when that is more than five years away, or the amount is no positive number.
pub fn due_after(
    now: Timestamp,
    amount: f64,
    unit: SlaUnit,
    hours: Option<&BusinessHours>,
) -> Option<Timestamp> {
    let hours = hours.filter(|hours| !hours.is_always());
    let one = match (unit, hours) {
        (SlaUnit::Minute, _) => SignedDuration::from_mins(1),
        (SlaUnit::Hour, _) => SignedDuration::from_hours(1),
        (SlaUnit::Day, Some(hours)) => hours.length(),
        (SlaUnit::Day, None) => DAY,
    };
    let most = SignedDuration::from_hours(24 * 5 * 366);
    let seconds = amount * one.as_secs_f64();
    if !(amount > 0.0 && seconds <= most.as_secs_f64()) {
        return None;
    }
    let micros = (seconds * 1e6).round();
    let mut left = SignedDuration::try_from_secs_f64(micros / 1e6).ok()?;
    let start = jiff::Timestamp::from_microsecond(now.as_micros()).ok()?;
    let Some(hours) = hours else {
        let due = start.checked_add(left).ok()?;
        return Some(Timestamp::from_micros(due.as_microsecond()));
    };
    let mut here = hours.zone.to_datetime(start);
    for _ in 0..DAYS_MAX {
        if let Some((opens, closes)) = hours.window_of(here.date())
            && here < closes
        {
            here = here.max(opens);
            let open = here.duration_until(closes);
            if left <= open {
                let due = moment_of(&hours.zone, here.checked_add(left).ok()?, start)?;
                return Some(Timestamp::from_micros(due.as_microsecond()));
            }
            left = left.checked_sub(open)?;
        }
        let next = here.date().checked_add(Span::new().days(1)).ok()?;
        here = next.to_datetime(Time::midnight());
    }
    None
}

/// The moment at which the clock on the wall shows a time: where the clocks skip it, the moment at which they do; where
/// they show it twice, the first that is after `now`.
fn moment_of(zone: &TimeZone, local: DateTime, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
    let moment = zone.to_ambiguous_timestamp(local);
    if matches!(moment.offset(), AmbiguousOffset::Gap { .. }) {
        let before = zone.to_ambiguous_timestamp(local).earlier().ok()?;
        return Some(zone.following(before).next()?.timestamp());
    }
    let first = zone.to_ambiguous_timestamp(local).earlier().ok()?;
    if first > now {
        return Some(first);
    }
    moment.later().ok()
}

#[cfg(test)]
mod tests;
