//! Due dates that are given as an amount of time (tickets.md 15.1, 18.8 rows 199 to 201).

use super::Backend;
use crate::common::assert_error;
use serde_json::{Value, json};
use testkit::{Setup, on_both_engines};

on_both_engines! {
    an_amount_of_time_becomes_a_due_date,
    a_due_date_can_be_counted_in_the_projects_own_office_hours,
    office_hours_end_on_the_next_working_day,
}

async fn an_amount_of_time_becomes_a_due_date(setup: Setup) {
    let backend = Backend::new(setup).await;
    let ticket = backend.desk.add(json!({})).await;
    let due_after = async |body: Value| {
        let before = backend.desk.app.env.now().as_micros();
        let now = backend.change(&ticket, body).await;
        let due = model::datetime::parse(now["sla_due_at"].as_str().unwrap()).unwrap();
        (due.as_micros() - before) / 60_000_000
    };
    assert_eq!(due_after(json!({"sla_amount": 4})).await, 240);
    assert_eq!(
        due_after(json!({"sla_amount": "1.5", "sla_unit": "hour"})).await,
        90
    );
    assert_eq!(
        due_after(json!({"sla_amount": 30, "sla_unit": "minute"})).await,
        30
    );
    assert_eq!(
        due_after(json!({"sla_amount": 1, "sla_unit": "day", "sla_business_hours": null})).await,
        1440
    );
    let office =
        json!({"days": ["monday"], "time": ["09:00", "17:00"], "timezone": "Europe/Berlin"});
    let body = json!({"sla_amount": 8, "sla_business_hours": office});
    let due = backend.change(&ticket, body).await["sla_due_at"].clone();
    let due = due.as_str().unwrap();
    // Eight hours of a day with eight hours end when the office closes, or at the same time a week later.
    assert!(model::datetime::parse(due).unwrap() > backend.desk.app.env.now());
    let cleared = backend.change(&ticket, json!({"sla_due_at": null})).await;
    assert_eq!(cleared["sla_due_at"], Value::Null);
    let set = backend
        .change(&ticket, json!({"sla_due_at": "2026-01-01"}))
        .await;
    assert_eq!(set["sla_due_at"], "2026-01-01T00:00:00Z");
}

async fn a_due_date_can_be_counted_in_the_projects_own_office_hours(setup: Setup) {
    let backend = Backend::new(setup).await;
    let ticket = backend.desk.add(json!({})).await;
    let due = async |hours: Value| {
        let body = json!({"sla_amount": 20, "sla_unit": "day", "sla_business_hours": hours});
        let due = backend.change(&ticket, body).await["sla_due_at"].clone();
        model::datetime::parse(due.as_str().unwrap())
            .unwrap()
            .as_micros()
    };
    // The clock goes on between two requests.
    let is_same = |one: i64, other: i64| one.abs_diff(other) < 60_000_000;
    // Without any set the office is always open.
    let plain = due(Value::Null).await;
    assert!(is_same(due(json!("project")).await, plain));
    let project = format!("/api/projects/{}/", backend.desk.tenant.project);
    let office = json!({"days": ["monday", "tuesday"], "time": ["09:00", "17:00"]});
    let change = json!({"timezone": "Asia/Tokyo", "business_hours": office});
    let shown = backend.desk.api.patch(&project, &change).await.expect(200);
    assert_eq!(shown.json["business_hours"], office);
    let mut zoned = office;
    zoned["timezone"] = json!("Asia/Tokyo");
    let counted = due(json!("project")).await;
    assert!(is_same(counted, due(zoned).await));
    // Two days a week make ten weeks.
    assert!(counted > plain + 40 * 86_400_000_000);
    let bad = json!({"business_hours": {"days": [], "time": "any"}});
    let bad = backend.desk.api.patch(&project, &bad).await;
    assert_error(&bad, 400, "empty", "business_hours__days");
}

/// Thursday 16:00 and ten hours of an office that is open from nine to five on weekdays: Monday 10:00.
async fn office_hours_end_on_the_next_working_day(setup: Setup) {
    const DAY: i64 = 86_400;
    const HOUR: i64 = 3_600;
    let backend = Backend::new(setup).await;
    let ticket = backend.desk.add(json!({})).await;
    let seconds = || backend.desk.app.env.now().as_micros() / 1_000_000;
    // The first of January 1970 was a Thursday.
    let thursday = (seconds() / (7 * DAY) + 1) * 7 * DAY;
    let wait = thursday + 16 * HOUR - seconds();
    backend.desk.later(wait.cast_unsigned());
    let week = json!(["monday", "tuesday", "wednesday", "thursday", "friday"]);
    let nine_to_five = json!(["09:00", "17:00"]);
    for (amount, unit, time, due) in [
        (json!(10), "hour", &nine_to_five, 4 * DAY + 10 * HOUR),
        (json!(0.5), "hour", &nine_to_five, 16 * HOUR + HOUR / 2),
        (
            json!(90),
            "minute",
            &nine_to_five,
            DAY + 9 * HOUR + HOUR / 2,
        ),
        // A day is as long as the office is open.
        (json!(1), "day", &nine_to_five, DAY + 16 * HOUR),
        (json!(1), "day", &json!("any"), DAY + 16 * HOUR),
        // Nothing of the weekend counts.
        (json!(48), "hour", &json!("any"), 4 * DAY + 16 * HOUR),
    ] {
        let hours = json!({"days": week, "time": time, "timezone": "UTC"});
        let body = json!({"sla_amount": amount, "sla_unit": unit, "sla_business_hours": hours});
        let shown = backend.change(&ticket, body.clone()).await["sla_due_at"].clone();
        let shown = model::datetime::parse(shown.as_str().unwrap()).unwrap();
        let since = shown.as_micros() / 1_000_000 - thursday;
        // The clock goes on meanwhile, and the office with it.
        assert!((due - 1..=due + 60).contains(&since), "{body}: {shown}");
    }
}
