//! Office time by tables, and what holds for all of it.

use super::*;
use crate::datetime;
use proptest::prelude::*;
use serde_json::json;

fn at(text: &str) -> Timestamp {
    datetime::parse(text).unwrap()
}

fn hours(days: &[&str], time: Value, zone: &str) -> BusinessHours {
    let value = json!({"days": days, "time": time, "timezone": zone});
    BusinessHours::read(&value, "h").unwrap()
}

const WEEK: [&str; 5] = ["monday", "tuesday", "wednesday", "thursday", "friday"];
const ALL: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

#[test]
fn office_time_passes_while_the_office_is_open() {
    let office = hours(&WEEK, json!(["09:00", "17:00"]), "UTC");
    for (now, amount, unit, due) in [
        // Thursday 16:00 and ten hours.
        (
            "2026-01-08T16:00:00Z",
            10.0,
            SlaUnit::Hour,
            "2026-01-12T10:00:00Z",
        ),
        (
            "2026-01-08T09:00:00Z",
            8.0,
            SlaUnit::Hour,
            "2026-01-08T17:00:00Z",
        ),
        (
            "2026-01-08T17:00:00Z",
            1.0,
            SlaUnit::Minute,
            "2026-01-09T09:01:00Z",
        ),
        (
            "2026-01-08T03:00:00Z",
            1.0,
            SlaUnit::Day,
            "2026-01-08T17:00:00Z",
        ),
        (
            "2026-01-10T12:00:00Z",
            1.0,
            SlaUnit::Day,
            "2026-01-12T17:00:00Z",
        ),
        (
            "2026-01-08T12:00:00Z",
            1.0,
            SlaUnit::Day,
            "2026-01-09T12:00:00Z",
        ),
        (
            "2026-01-09T16:59:59.5Z",
            1.0,
            SlaUnit::Minute,
            "2026-01-12T09:00:59.500000Z",
        ),
        (
            "2026-01-08T16:00:00Z",
            0.5,
            SlaUnit::Hour,
            "2026-01-08T16:30:00Z",
        ),
    ] {
        assert_eq!(
            due_after(at(now), amount, unit, Some(&office)),
            Some(at(due)),
            "{now}"
        );
    }
}

#[test]
fn without_office_hours_time_passes_as_it_does() {
    let always = hours(&ALL, json!("any"), "America/New_York");
    for hours in [None, Some(&always)] {
        for (amount, unit, due) in [
            (4.0, SlaUnit::Hour, "2026-03-08T08:00:00Z"),
            (1.0, SlaUnit::Day, "2026-03-09T04:00:00Z"),
            (90.0, SlaUnit::Minute, "2026-03-08T05:30:00Z"),
        ] {
            let now = at("2026-03-08T04:00:00Z");
            assert_eq!(due_after(now, amount, unit, hours), Some(at(due)));
        }
    }
}

#[test]
fn the_clock_on_the_wall_counts_where_the_clocks_are_changed() {
    // In New York they skip from two to three on 8 March 2026, a Sunday, and go back on 1 November.
    let nights = hours(&["sunday"], json!(["01:00", "04:00"]), "America/New_York");
    let whole = hours(&["sunday", "monday"], json!("any"), "America/New_York");
    for (office, now, amount, unit, due) in [
        (
            &nights,
            "2026-03-08T05:00:00Z",
            3.0,
            SlaUnit::Hour,
            "2026-03-08T08:00:00Z",
        ),
        (
            &nights,
            "2026-03-08T05:00:00Z",
            1.5,
            SlaUnit::Hour,
            "2026-03-08T07:00:00Z",
        ),
        // Half past one for the second time, and ten minutes.
        (
            &nights,
            "2026-11-01T06:30:00Z",
            10.0,
            SlaUnit::Minute,
            "2026-11-01T06:40:00Z",
        ),
        (
            &nights,
            "2026-11-01T04:00:00Z",
            3.0,
            SlaUnit::Hour,
            "2026-11-01T09:00:00Z",
        ),
        (
            &whole,
            "2026-03-08T05:00:00Z",
            1.0,
            SlaUnit::Day,
            "2026-03-09T04:00:00Z",
        ),
        (
            &whole,
            "2026-11-01T04:00:00Z",
            1.0,
            SlaUnit::Day,
            "2026-11-02T05:00:00Z",
        ),
    ] {
        assert_eq!(
            due_after(at(now), amount, unit, Some(office)),
            Some(at(due)),
            "{now} {amount}"
        );
    }
}

#[test]
fn what_is_too_far_away_or_no_amount_is_never_due() {
    let office = hours(&["monday"], json!(["09:00", "09:01"]), "UTC");
    let now = at("2026-01-08T16:00:00Z");
    for amount in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
        for unit in [SlaUnit::Minute, SlaUnit::Hour, SlaUnit::Day] {
            assert_eq!(due_after(now, amount, unit, None), None, "{amount}");
            assert_eq!(
                due_after(now, amount, unit, Some(&office)),
                None,
                "{amount}"
            );
        }
    }
    // A minute a week.
    assert!(due_after(now, 200.0, SlaUnit::Minute, Some(&office)).is_some());
    assert_eq!(due_after(now, 600.0, SlaUnit::Minute, Some(&office)), None);
    assert_eq!(due_after(now, 1831.0, SlaUnit::Day, None), None);
}

#[test]
fn broken_office_hours_are_refused_where_they_are_broken() {
    for (value, attr) in [
        (json!({"days": [], "time": "any"}), "h__days"),
        (json!({"days": ["Funday"], "time": "any"}), "h__days"),
        (json!({"days": ["Monday"], "time": "any"}), "h__days"),
        (json!({"days": "monday", "time": "any"}), "h__days"),
        (json!({"time": "any"}), "h__days"),
        (json!({"days": ["monday"]}), "h__time"),
        (
            json!({"days": ["monday"], "time": ["17:00", "09:00"]}),
            "h__time",
        ),
        (
            json!({"days": ["monday"], "time": ["09:00", "09:00"]}),
            "h__time",
        ),
        (
            json!({"days": ["monday"], "time": ["9:00", "17:00"]}),
            "h__time",
        ),
        (
            json!({"days": ["monday"], "time": ["09:00", "24:00"]}),
            "h__time",
        ),
        (json!({"days": ["monday"], "time": ["09:00"]}), "h__time"),
        (json!({"days": ["monday"], "time": "some"}), "h__time"),
        (
            json!({"days": ["monday"], "time": "any", "timezone": "Mars/X"}),
            "h__timezone",
        ),
        (
            json!({"days": ["monday"], "time": "any", "timezone": null}),
            "h__timezone",
        ),
        (json!([]), "h"),
        (json!("9-17"), "h"),
    ] {
        let error = BusinessHours::read(&value, "h").unwrap_err();
        let told = error.attr.unwrap_or_default();
        assert!(told.starts_with(attr), "{value}: {told}");
    }
}

fn offices() -> impl Strategy<Value = BusinessHours> {
    let days = proptest::sample::subsequence(ALL.to_vec(), 1..=7);
    let window = (0_u32..23 * 60, 1_u32..60);
    let zones = prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
    ]);
    (days, prop::option::of(window), zones).prop_map(|(days, window, zone)| {
        let time = match window {
            None => json!("any"),
            Some((start, length)) => {
                let end = start + length;
                json!([
                    format!("{:02}:{:02}", start / 60, start % 60),
                    format!("{:02}:{:02}", end / 60, end % 60),
                ])
            }
        };
        hours(&days, time, zone)
    })
}

proptest! {
    #[test]
    fn what_is_due_is_later_and_within_office_hours(
        office in offices(), now in 1_700_000_000_000_000_i64..1_900_000_000_000_000, minutes in 1_u32..2000,
    ) {
        let now = Timestamp::from_micros(now);
        let due = due_after(now, f64::from(minutes), SlaUnit::Minute, Some(&office));
        // A minute a week may take longer than five years.
        if let Some(due) = due {
            prop_assert!(due > now);
            if !office.is_always() {
                let shown = |micros| {
                    office.zone.to_datetime(jiff::Timestamp::from_microsecond(micros).unwrap())
                };
                let (local, after) = (shown(due.as_micros() - 1), shown(due.as_micros()));
                let is_skip = local.duration_until(after) > SignedDuration::from_micros(1);
                let window = office.window_of(local.date());
                let is_open = window.is_some_and(|(opens, closes)| opens <= local && local < closes);
                prop_assert!(is_open || is_skip, "{} in {:?}", local, office);
            }
        }
    }

    #[test]
    fn more_time_is_never_due_earlier(
        office in offices(), now in 1_700_000_000_000_000_i64..1_900_000_000_000_000, one in 1_u32..500, more in 1_u32..500,
    ) {
        let now = Timestamp::from_micros(now);
        let due = |minutes: u32| due_after(now, f64::from(minutes), SlaUnit::Minute, Some(&office));
        if let (Some(first), Some(second)) = (due(one), due(one + more)) {
            prop_assert!(first <= second);
        }
    }

    #[test]
    fn no_value_is_too_strange(text in ".*", number in any::<f64>()) {
        for value in [json!(text), json!({"days": [text], "time": [text, text], "timezone": text}), json!(number)] {
            let _ = BusinessHours::read(&value, "h");
        }
        let _ = due_after(Timestamp::from_micros(i64::MAX), number, SlaUnit::Day, None);
    }
}
