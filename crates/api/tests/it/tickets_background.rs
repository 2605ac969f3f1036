//! What happens to tickets without a request (tickets.md 7, 12.5, 18.8).

use crate::tickets_desk::Desk;
use serde_json::json;
use std::time::Duration;
use testkit::{Setup, on_both_engines};

on_both_engines! {
    a_snooze_ends_in_time,
    a_warning_is_told_once_and_then_the_breach,
    catching_up_tells_only_the_nearest_warning,
    a_moved_due_date_is_told_anew,
    nothing_is_told_of_what_is_resolved_or_not_due,
    deleted_tickets_are_erased_after_the_grace,
}

async fn wake(desk: &Desk) -> usize {
    let woken = store::tickets::wake_snoozed(&desk.app.store, &desk.app.env).await;
    woken.unwrap().len()
}

async fn sweep(desk: &Desk) -> usize {
    let told = store::tickets::tell_due_dates(&desk.app.store, &desk.app.env).await;
    told.unwrap().len()
}

async fn a_snooze_ends_in_time(setup: Setup) {
    let desk = Desk::new(setup).await;
    let (soon, late) = (desk.in_seconds(60), desk.in_seconds(3600));
    let first = desk.add(json!({ "snoozed_until": soon })).await;
    let second = desk.add(json!({ "snoozed_until": late })).await;
    let done = desk
        .add(json!({"snoozed_until": soon, "status": "resolved"}))
        .await;
    assert_eq!(wake(&desk).await, 0);
    desk.later(60);
    assert_eq!(wake(&desk).await, 2);
    assert_eq!(wake(&desk).await, 0);
    let woken = desk.peek(&first).await;
    assert_eq!(
        (&woken["status"], &woken["snoozed_until"]),
        (&json!("open"), &json!(null))
    );
    assert_eq!(desk.peek(&second).await, second);
    let resolved = desk.peek(&done).await;
    assert_eq!(
        (&resolved["status"], &resolved["snoozed_until"]),
        (&json!("resolved"), &json!(null))
    );
    let events = desk.events_of("$conversation_ticket_status_changed").await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (&events[0]["actor_type"], &events[0]["new_status"]),
        (&json!("system"), &json!("open"))
    );
    let row = &desk.activity(&first).await[0];
    assert_eq!(row["user"], json!(null));
    let fields = row["detail"]["changes"].as_array().unwrap();
    assert_eq!(
        (&fields[0]["field"], &fields[1]["field"]),
        (&json!("status"), &json!("snoozed_until"))
    );
}

async fn warned(desk: &Desk, minutes: &str) {
    desk.app
        .set(desk.tenant.project, "sla_warning_minutes", minutes)
        .await;
}

async fn a_warning_is_told_once_and_then_the_breach(setup: Setup) {
    let desk = Desk::new(setup).await;
    warned(&desk, "60,30").await;
    let ticket = desk
        .add(json!({"sla_due_at": desk.in_seconds(50 * 60 + 30)}))
        .await;
    assert_eq!(sweep(&desk).await, 1);
    assert_eq!(sweep(&desk).await, 0);
    let warnings = desk.events_of("$conversation_sla_approaching").await;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0]["threshold_minutes"], 60);
    assert_eq!(warnings[0]["minutes_remaining"], 50);
    assert_eq!(warnings[0]["ticket_id"], ticket["id"]);
    desk.later(25 * 60);
    assert_eq!(sweep(&desk).await, 1);
    desk.later(31 * 60);
    assert_eq!(sweep(&desk).await, 1);
    assert_eq!(sweep(&desk).await, 0);
    assert_eq!(
        desk.events_of("$conversation_sla_approaching").await.len(),
        2
    );
    let breaches = desk.events_of("$conversation_sla_breached").await;
    assert_eq!(
        (breaches.len(), &breaches[0]["minutes_overdue"]),
        (1, &json!(5))
    );
    assert_eq!(breaches[0]["actor_type"], "system");
}

async fn catching_up_tells_only_the_nearest_warning(setup: Setup) {
    let desk = Desk::new(setup).await;
    warned(&desk, "120,60,30").await;
    desk.add(json!({"sla_due_at": desk.in_seconds(600)})).await;
    assert_eq!(sweep(&desk).await, 1);
    assert_eq!(sweep(&desk).await, 0);
    let warnings = desk.events_of("$conversation_sla_approaching").await;
    assert_eq!(
        (warnings.len(), &warnings[0]["threshold_minutes"]),
        (1, &json!(30))
    );
}

async fn a_moved_due_date_is_told_anew(setup: Setup) {
    let desk = Desk::new(setup).await;
    warned(&desk, "[30]").await;
    let ticket = desk.add(json!({"sla_due_at": desk.in_seconds(-60)})).await;
    assert_eq!(sweep(&desk).await, 1);
    let later = desk.in_seconds(600);
    desk.patch(&ticket, json!({ "sla_due_at": later }))
        .await
        .expect(200);
    assert_eq!(sweep(&desk).await, 1);
    desk.later(600);
    assert_eq!(sweep(&desk).await, 1);
    assert_eq!(desk.events_of("$conversation_sla_breached").await.len(), 2);
    assert_eq!(
        desk.events_of("$conversation_sla_approaching").await.len(),
        1
    );
}

async fn nothing_is_told_of_what_is_resolved_or_not_due(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({})).await;
    desk.add(json!({"sla_due_at": desk.in_seconds(-60), "status": "resolved"}))
        .await;
    desk.add(json!({"sla_due_at": desk.in_seconds(600)})).await;
    let gone = desk.add(json!({"sla_due_at": desk.in_seconds(-60)})).await;
    desk.api.delete(&desk.at(&gone, "")).await.expect(204);
    assert_eq!(sweep(&desk).await, 0);
}

async fn deleted_tickets_are_erased_after_the_grace(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({"tags": ["a"]})).await;
    desk.hear(&ticket, "hello").await;
    desk.api.delete(&desk.at(&ticket, "")).await.expect(204);
    desk.later(10);
    let before = desk.app.env.now();
    let env = desk.app.env.clone();
    let erase = async || {
        let env = env.clone();
        let erased = desk.app.store.write(move |c| {
            Box::pin(async move { store::tickets::erase_deleted(c, &env, before, 10).await })
        });
        erased.await.unwrap()
    };
    assert_eq!(erase().await, 1);
    assert_eq!(erase().await, 0);
    assert_eq!(desk.activity(&ticket).await[0]["activity"], "purged");
    assert_eq!(desk.add(json!({})).await["ticket_number"], 2);
    desk.app.advance(Duration::from_secs(1));
}
