//! What the customer's own backend changes of a ticket (tickets.md 15.1, 18.8 rows 197, 198, 202 and 203).

use super::{Backend, error, path};
use crate::common::{assert_error, assert_json, send_raw};
use http::Method;
use serde_json::{Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_change_is_logged_without_a_user_and_causes_no_loop,
    the_workflow_that_makes_a_change_is_recorded,
    tags_are_added_set_and_removed,
    broken_members_are_all_told,
    a_snooze_moves_the_status,
    a_ticket_is_assigned_and_what_stood_before_a_failure_stays,
    the_unread_count_follows,
}

async fn a_change_is_logged_without_a_user_and_causes_no_loop(setup: Setup) {
    let backend = Backend::new(setup).await;
    let desk = &backend.desk;
    let ticket = desk.add(json!({})).await;
    let body = json!({"status": "open", "priority": "low", "nope": 1});
    let now = backend.change(&ticket, body).await;
    assert_eq!(
        (&now["status"], &now["priority"]),
        (&json!("open"), &json!("low"))
    );
    let log = desk.activity(&ticket).await;
    assert_eq!(log[0]["activity"], "updated");
    assert_eq!(log[0]["user"], Value::Null);
    assert_eq!(log[0]["detail"]["name"], "Ticket #1");
    assert_eq!(log[0]["detail"]["changes"].as_array().unwrap().len(), 2);
    for kind in [
        "$conversation_ticket_status_changed",
        "$conversation_ticket_priority_changed",
    ] {
        assert!(desk.events_of(kind).await.is_empty(), "{kind}");
    }
    // The live inbox is told all the same.
    assert_eq!(
        desk.events_of("ticket_changed").await[0]["actor_type"],
        "external"
    );
    let rows = log.len();
    backend.change(&ticket, json!({"status": "open"})).await;
    backend.change(&ticket, json!({})).await;
    assert_eq!(desk.activity(&ticket).await.len(), rows);
}

async fn the_workflow_that_makes_a_change_is_recorded(setup: Setup) {
    let backend = Backend::new(setup).await;
    let ticket = backend.desk.add(json!({})).await;
    let flow = new_uuid().to_string();
    for (header, status, trigger) in [
        (
            flow.as_str(),
            "open",
            json!({"job_type": "hog_flow", "job_id": flow}),
        ),
        ("rubbish", "pending", Value::Null),
    ] {
        let request = backend
            .api
            .request(Method::PATCH, &path(&ticket))
            .header("x-posthog-hog-flow-id", header);
        let reply = backend
            .api
            .send(request.json(&json!({ "status": status })))
            .await;
        reply.expect(200);
        let log = backend.desk.activity(&ticket).await;
        assert_eq!(log[0]["detail"]["trigger"], trigger);
    }
}

async fn tags_are_added_set_and_removed(setup: Setup) {
    let backend = Backend::new(setup).await;
    let ticket = backend.desk.add(json!({"tags": ["a"]})).await;
    for (body, tags) in [
        (json!({"tags": ["B", "b "]}), json!(["a", "b"])),
        (json!({"tags": ["c"], "tags_mode": "set"}), json!(["c"])),
        (
            json!({"tags": ["a"], "tags_mode": "add"}),
            json!(["a", "c"]),
        ),
        (
            json!({"tags": ["c", "x"], "tags_mode": "remove"}),
            json!(["a"]),
        ),
        (json!({"tags_mode": "set"}), json!(["a"])),
        (json!({"tags": [], "tags_mode": "set"}), json!([])),
    ] {
        assert_eq!(backend.change(&ticket, body).await["tags"], tags);
    }
}

async fn broken_members_are_all_told(setup: Setup) {
    let backend = Backend::new(setup).await;
    let ticket = backend.desk.add(json!({})).await;
    let before = backend.desk.peek(&ticket).await;
    let reply = backend.patch(&ticket, json!({"status": "bogus"})).await;
    let expected = json!({"error": {"status": ["\"bogus\" is not a valid choice."]}});
    assert_json(&reply, 400, &expected);
    let hours = |days: Value, time: Value, zone: &str| json!({"sla_amount": 1, "sla_business_hours": {"days": days, "time": time, "timezone": zone}});
    let monday = json!(["monday"]);
    for (body, field) in [
        (json!({"status": null}), "status"),
        (json!({"priority": null}), "priority"),
        (json!({"priority": ""}), "priority"),
        (json!({"sla_due_at": "soon"}), "sla_due_at"),
        (
            json!({"sla_amount": 1, "sla_due_at": "2026-01-01T00:00:00Z"}),
            "sla_amount",
        ),
        (json!({"sla_amount": 0}), "sla_amount"),
        (json!({"sla_amount": -1}), "sla_amount"),
        (json!({"sla_amount": "many"}), "sla_amount"),
        (
            json!({"sla_amount": 1_000_000, "sla_unit": "day"}),
            "sla_amount",
        ),
        (json!({"sla_amount": 1, "sla_unit": "week"}), "sla_unit"),
        (hours(json!([]), json!("any"), "UTC"), "sla_business_hours"),
        (
            hours(json!(["Funday"]), json!("any"), "UTC"),
            "sla_business_hours",
        ),
        (
            hours(monday.clone(), json!(["17:00", "09:00"]), "UTC"),
            "sla_business_hours",
        ),
        (hours(monday, json!("any"), "Mars/X"), "sla_business_hours"),
        (json!({"tags": "x"}), "tags"),
        (json!({"tags": ["x".repeat(201)]}), "tags"),
        (json!({"tags": vec!["x"; 101]}), "tags"),
        (json!({"tags_mode": "swap"}), "tags_mode"),
        (json!({"snoozed_until": "x"}), "snoozed_until"),
        (json!([]), "non_field_errors"),
    ] {
        let reply = backend.patch(&ticket, body.clone()).await.expect(400);
        let told: Vec<_> = reply.json["error"].as_object().unwrap().keys().collect();
        assert_eq!(told, [field], "{body}");
    }
    let reply = backend
        .patch(&ticket, json!({"status": "x", "tags": 1, "sla_amount": 0}))
        .await;
    assert_eq!(
        reply.expect(400).json["error"].as_object().unwrap().len(),
        3
    );
    let request = path(&ticket);
    let reply = send_raw(
        &backend.api,
        Method::PATCH,
        &request,
        "application/json",
        "{bad",
    )
    .await;
    assert_error(&reply, 400, "parse_error", "");
    assert_eq!(backend.desk.peek(&ticket).await, before);
}

async fn a_snooze_moves_the_status(setup: Setup) {
    let backend = Backend::new(setup).await;
    let ticket = backend.desk.add(json!({"status": "open"})).await;
    let soon = backend.desk.in_seconds(600);
    let now = backend
        .change(&ticket, json!({ "snoozed_until": soon }))
        .await;
    assert_eq!(now["status"], "on_hold");
    let now = backend
        .change(&ticket, json!({"snoozed_until": null}))
        .await;
    assert_eq!(now["status"], "open");
    let body = json!({"snoozed_until": soon, "status": "pending"});
    assert_eq!(backend.change(&ticket, body).await["status"], "pending");
    assert!(
        backend
            .desk
            .events_of("$conversation_ticket_status_changed")
            .await
            .is_empty()
    );
}

async fn a_ticket_is_assigned_and_what_stood_before_a_failure_stays(setup: Setup) {
    let backend = Backend::new(setup).await;
    let desk = &backend.desk;
    let ticket = desk.add(json!({})).await;
    let user = json!({"type": "user", "id": desk.tenant.user});
    let now = backend.change(&ticket, json!({ "assignee": user })).await;
    assert_eq!(now["assignee"]["id"], json!(desk.tenant.user));
    assert_eq!(
        desk.events_of("$conversation_ticket_assigned").await.len(),
        1
    );
    let shown = backend.get(&ticket).await.expect(200).json;
    assert_eq!(shown["assignee"], now["assignee"]);
    let stranger = desk.app.tenant().await;
    for (status, assignee) in [
        ("open", json!("x")),
        ("pending", json!({"type": "user", "id": stranger.user})),
        ("resolved", json!({"type": "team", "id": 1})),
    ] {
        let body = json!({"status": status, "assignee": assignee, "tags": ["t"]});
        let reply = backend.patch(&ticket, body).await;
        assert_json(&reply, 400, &error("Failed to assign ticket"));
        let now = desk.peek(&ticket).await;
        assert_eq!((&now["status"], &now["tags"]), (&json!(status), &json!([])));
        assert_eq!(now["assignee"]["id"], json!(desk.tenant.user));
    }
    let now = backend.change(&ticket, json!({"assignee": null})).await;
    assert_eq!(now["assignee"], Value::Null);
}

async fn the_unread_count_follows(setup: Setup) {
    let backend = Backend::new(setup).await;
    let ticket = backend.desk.add(json!({})).await;
    backend.desk.hear(&ticket, "Hi").await;
    assert_eq!(backend.desk.unread().await, 1);
    backend.change(&ticket, json!({"status": "resolved"})).await;
    assert_eq!(backend.desk.unread().await, 0);
    backend.change(&ticket, json!({"status": "open"})).await;
    assert_eq!(backend.desk.unread().await, 1);
}
