//! Changing a ticket: its fields, whom it is assigned to, tags, snoozing, and what that leaves in the logs (tickets.md 6, 12,
//! 18.2).

use crate::common::{assert_error, assert_json, send_raw};
use crate::tickets_desk::Desk;
use http::Method;
use serde_json::{Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    fields_change_one_by_one,
    read_only_members_are_ignored,
    broken_members_are_refused_in_order,
    a_change_is_logged_once,
    an_unchanged_ticket_is_neither_logged_nor_moved,
    what_no_workflow_needs_is_neither_logged_nor_told,
    a_ticket_is_assigned_reassigned_and_freed,
    a_bad_assignee_changes_nothing,
    tags_are_replaced_as_a_whole,
    snoozing_moves_the_status,
    every_change_of_a_ticket_is_in_the_event_log,
}

async fn fields_change_one_by_one(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({"anonymous_traits": {"email": "b"}})).await;
    for (body, name, expected) in [
        (json!({"status": "open"}), "status", json!("open")),
        (json!({"priority": "high"}), "priority", json!("high")),
        (json!({"priority": ""}), "priority", json!("")),
        (json!({"priority": null}), "priority", Value::Null),
        (json!({"ai_resolved": true}), "ai_resolved", json!(true)),
        (
            json!({"escalation_reason": "customer_requested"}),
            "escalation_reason",
            json!("customer_requested"),
        ),
        (
            json!({"escalation_reason": ""}),
            "escalation_reason",
            json!(""),
        ),
        (
            json!({"escalation_reason": 5}),
            "escalation_reason",
            json!("5"),
        ),
        (
            json!({"anonymous_traits": {"name": "A"}}),
            "anonymous_traits",
            json!({"name": "A"}),
        ),
        (
            json!({"sla_due_at": "2026-01-01T00:00:00Z"}),
            "sla_due_at",
            json!("2026-01-01T00:00:00Z"),
        ),
        (json!({"sla_due_at": null}), "sla_due_at", Value::Null),
    ] {
        desk.later(1);
        let changed = desk.patch(&made, body.clone()).await.expect(200).json;
        assert_eq!(changed[name], expected, "{body}");
        assert_json(&desk.get(&made).await, 200, &changed);
    }
    let fields: Vec<Value> = desk
        .activity(&made)
        .await
        .iter()
        .flat_map(|row| row["detail"]["changes"].as_array().unwrap().clone())
        .map(|change| change["field"].clone())
        .collect();
    let due = fields.iter().filter(|field| *field == "sla_due_at");
    assert_eq!(due.count(), 2);
}

async fn read_only_members_are_ignored(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({"distinct_id": "user-1"})).await;
    desk.later(1);
    for body in [
        json!({"distinct_id": "x", "channel_source": "email", "ticket_number": 9, "nope": 1}),
        json!({"unread_team_count": 7, "person": {}, "created_at": "2020-01-01", "id": "x"}),
        json!({}),
    ] {
        assert_json(&desk.patch(&made, body).await, 200, &made);
    }
    let empty = send_raw(
        &desk.api,
        Method::PATCH,
        &desk.at(&made, ""),
        "application/json",
        "",
    )
    .await;
    assert_json(&empty, 200, &made);
}

async fn broken_members_are_refused_in_order(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    for (body, code, attr) in [
        (json!({"status": "bogus"}), "invalid_choice", "status"),
        (json!({"status": null}), "null", "status"),
        (json!({"status": ""}), "invalid_choice", "status"),
        (
            json!({"status": "x", "priority": "y"}),
            "invalid_choice",
            "status",
        ),
        (json!({"priority": "urgent"}), "invalid_choice", "priority"),
        (
            json!({"ai_resolved": "maybe"}),
            "invalid_input",
            "ai_resolved",
        ),
        (json!({"ai_resolved": null}), "null", "ai_resolved"),
        (json!({"sla_due_at": "x"}), "invalid_input", "sla_due_at"),
        (json!({"sla_due_at": ""}), "invalid_input", "sla_due_at"),
        (json!({"tags": "bug"}), "not_a_list", "tags"),
        (json!({"tags": null}), "null", "tags"),
        (json!({"tags": ["a", ["b"]]}), "invalid_input", "tags__1"),
        (json!({"tags": [5]}), "invalid_input", "tags__0"),
        (json!({"tags": [null]}), "null", "tags__0"),
        (json!({"tags": ["x".repeat(256)]}), "max_length", "tags__0"),
        (json!({"tags": vec!["x"; 101]}), "max_length", "tags"),
        (
            json!({"anonymous_traits": null}),
            "null",
            "anonymous_traits",
        ),
        (
            json!({"snoozed_until": "soon"}),
            "invalid_input",
            "snoozed_until",
        ),
        (
            json!({"escalation_reason": "a\u{0}"}),
            "null_characters_not_allowed",
            "escalation_reason",
        ),
        (json!([]), "invalid_input", ""),
        (Value::Null, "null", ""),
    ] {
        assert_error(&desk.patch(&made, body).await, 400, code, attr);
    }
    let bogus = desk.patch(&made, json!({"status": "bogus"})).await;
    assert_eq!(bogus.json["detail"], "\"bogus\" is not a valid choice.");
    let raw = send_raw(
        &desk.api,
        Method::PATCH,
        &desk.at(&made, ""),
        "application/json",
        "{bad",
    )
    .await;
    assert_error(&raw, 400, "parse_error", "");
    let text = send_raw(
        &desk.api,
        Method::PATCH,
        &desk.at(&made, ""),
        "text/plain",
        "x",
    )
    .await;
    assert_error(&text, 415, "unsupported_media_type", "");
    assert_json(&desk.get(&made).await, 200, &made);
}

async fn a_change_is_logged_once(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    desk.later(1);
    desk.patch(&made, json!({"status": "open", "priority": "high"}))
        .await
        .expect(200);
    let log = desk.activity(&made).await;
    assert_eq!(log.len(), 2, "created, updated");
    let row = &log[0];
    assert_eq!(
        (&row["activity"], &row["scope"]),
        (&json!("updated"), &json!("Ticket"))
    );
    assert_eq!(row["detail"]["name"], "Ticket #1");
    assert_eq!(
        row["detail"]["changes"],
        json!([
            {"type": "Ticket", "field": "status", "action": "changed", "before": "new", "after": "open"},
            {"type": "Ticket", "field": "priority", "action": "changed", "before": null, "after": "high"},
        ])
    );
    let status = desk.events_of("$conversation_ticket_status_changed").await;
    assert_eq!(status.len(), 1);
    assert_eq!(status[0]["old_status"], "new");
    assert_eq!(status[0]["new_status"], "open");
    let priority = desk
        .events_of("$conversation_ticket_priority_changed")
        .await;
    assert_eq!(
        (priority.len(), &priority[0]["new_priority"]),
        (1, &json!("high"))
    );
}

async fn an_unchanged_ticket_is_neither_logged_nor_moved(setup: Setup) {
    let desk = Desk::new(setup).await;
    let me = json!({"type": "user", "id": desk.tenant.user});
    let made = desk
        .add(json!({"status": "open", "assignee": me, "tags": ["a"]}))
        .await;
    let (events, log) = (desk.events().await.len(), desk.activity(&made).await.len());
    desk.later(1);
    for body in [
        json!({"status": "open"}),
        json!({"assignee": me}),
        json!({"tags": [" A "]}),
    ] {
        assert_json(&desk.patch(&made, body).await, 200, &made);
    }
    assert_eq!(desk.events().await.len(), events);
    assert_eq!(desk.activity(&made).await.len(), log);
}

async fn what_no_workflow_needs_is_neither_logged_nor_told(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    for body in [
        json!({"anonymous_traits": {"name": "A"}}),
        json!({"ai_resolved": true}),
        json!({"escalation_reason": "asked for a person"}),
        json!({"tags": ["a"]}),
    ] {
        desk.later(1);
        let before = desk.peek(&made).await;
        let changed = desk.patch(&made, body.clone()).await.expect(200).json;
        assert_ne!(changed["updated_at"], before["updated_at"], "{body}");
    }
    assert_eq!(desk.activity(&made).await.len(), 1, "only created");
    let events = desk.events().await.into_iter();
    let told: Vec<_> = events.filter(|(kind, _)| kind.starts_with('$')).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

async fn a_ticket_is_assigned_reassigned_and_freed(setup: Setup) {
    let desk = Desk::new(setup).await;
    let path = format!("/api/organizations/{}/roles/", desk.tenant.organization);
    let role = desk
        .api
        .post(&path, &json!({"name": "Tier 2"}))
        .await
        .expect(201)
        .json;
    let made = desk.add(json!({})).await;
    let user = desk.tenant.user;
    desk.later(1);
    let assigned = json!({"assignee": {"type": "user", "id": user}});
    let assigned = desk.patch(&made, assigned).await.expect(200).json;
    assert_eq!(assigned["assignee"]["id"], json!(user));
    assert_eq!(assigned["assignee"]["role"], Value::Null);
    assert!(assigned["assignee"]["user"]["email"].is_string());
    let kept = desk
        .patch(&made, json!({"status": "open"}))
        .await
        .expect(200)
        .json;
    assert_eq!(kept["assignee"], assigned["assignee"]);
    desk.later(1);
    let to_role = json!({"assignee": {"type": "role", "id": role["id"]}});
    let to_role = desk.patch(&made, to_role).await.expect(200).json;
    assert_eq!(
        to_role["assignee"],
        json!({"id": role["id"], "type": "role", "user": null, "role": {"name": "Tier 2"}})
    );
    desk.later(1);
    let freed = desk
        .patch(&made, json!({"assignee": null}))
        .await
        .expect(200)
        .json;
    assert_eq!(freed["assignee"], Value::Null);

    desk.later(1);
    let to_user = json!({"assignee": {"type": "user", "id": user}});
    let born = desk.add(to_user).await;
    let activity = desk.activity(&born).await;
    assert!(activity.iter().any(|one| one["activity"] == "assigned"));

    let events = desk.events_of("$conversation_ticket_assigned").await;
    let shown: Vec<_> = events
        .iter()
        .map(|event| (event["assignee_type"].clone(), event["assignee_id"].clone()))
        .collect();
    assert_eq!(
        shown,
        [
            (json!("user"), json!(user.to_string())),
            (json!("role"), role["id"].clone()),
            (Value::Null, Value::Null),
            (json!("user"), json!(user.to_string()))
        ]
    );
    let log = desk.activity(&made).await;
    assert_eq!(log[0]["activity"], "assigned");
    let change = &log[0]["detail"]["changes"][0];
    assert_eq!(change["field"], "assignee");
    assert_eq!(
        (&change["before"], &change["after"]),
        (&to_role["assignee"], &Value::Null)
    );
}

async fn a_bad_assignee_changes_nothing(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    let stranger = desk.app.tenant().await;
    let path = format!("/api/organizations/{}/roles/", stranger.organization);
    let role = stranger
        .api
        .post(&path, &json!({"name": "Theirs"}))
        .await
        .expect(201)
        .json;
    for (assignee, detail) in [
        (json!("x"), "must be an object"),
        (json!({"type": "user"}), "must have 'type' and 'id'"),
        (
            json!({"type": "team", "id": 1}),
            "type must be 'user' or 'role'",
        ),
        (
            json!({"type": "user", "id": "abc"}),
            "user id must be an integer",
        ),
        (
            json!({"type": "user", "id": "12"}),
            "user id must be an integer",
        ),
        (
            json!({"type": "role", "id": "abc"}),
            "role id must be a valid UUID",
        ),
        (
            json!({"type": "user", "id": stranger.user}),
            "user is not a member of this organization",
        ),
        (
            json!({"type": "role", "id": role["id"]}),
            "role does not belong to this organization",
        ),
        (
            json!({"type": "role", "id": new_uuid()}),
            "role does not belong to this organization",
        ),
    ] {
        let refused = desk
            .patch(&made, json!({"status": "open", "assignee": assignee}))
            .await;
        assert_error(&refused, 400, "invalid_input", "assignee");
        assert_eq!(refused.json["detail"], detail);
        assert_eq!(refused.json["type"], "validation_error");
    }
    assert_json(&desk.get(&made).await, 200, &made);
}

async fn tags_are_replaced_as_a_whole(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    for (body, expected) in [
        (
            json!({"tags": ["Bug", " bug ", "VIP", " "]}),
            json!(["bug", "vip"]),
        ),
        (json!({"status": "open"}), json!(["bug", "vip"])),
        (json!({"tags": ["new"]}), json!(["new"])),
        (json!({"tags": []}), json!([])),
    ] {
        let changed = desk.patch(&made, body).await.expect(200);
        assert_eq!(changed.json["tags"], expected);
        assert_eq!(desk.peek(&made).await["tags"], expected);
    }
}

async fn snoozing_moves_the_status(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({"status": "open"})).await;
    let (soon, later) = (desk.in_seconds(3600), desk.in_seconds(7200));
    let status =
        async |body: Value| desk.patch(&made, body).await.expect(200).json["status"].clone();
    assert_eq!(status(json!({"snoozed_until": soon})).await, "on_hold");
    let event = desk.events_of("$conversation_ticket_status_changed").await;
    assert_eq!(
        (&event[0]["old_status"], &event[0]["new_status"]),
        (&json!("open"), &json!("on_hold"))
    );
    let changes = desk.activity(&made).await[0]["detail"]["changes"].clone();
    assert_eq!(
        (&changes[0]["field"], &changes[1]["field"]),
        (&json!("status"), &json!("snoozed_until"))
    );
    assert_eq!(status(json!({"snoozed_until": null})).await, "open");
    assert_eq!(
        status(json!({"snoozed_until": soon, "status": "pending"})).await,
        "pending"
    );
    assert_eq!(status(json!({"snoozed_until": later})).await, "pending");
}

async fn every_change_of_a_ticket_is_in_the_event_log(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.hear(&ticket, &"ä".repeat(1500)).await;
    desk.get(&ticket).await.expect(200);
    desk.patch(&ticket, json!({"tags": ["a"]}))
        .await
        .expect(200);
    desk.reply(&ticket, json!({"message": "hello"}))
        .await
        .expect(201);
    desk.reply(&ticket, json!({"message": "psst", "is_private": true}))
        .await
        .expect(201);
    desk.api.delete(&desk.at(&ticket, "")).await.expect(204);
    let events = desk.events().await;
    let kinds: Vec<_> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "$conversation_ticket_created",
            "$conversation_message_received",
            "ticket_changed",
            "ticket_changed",
            "$conversation_message_sent",
            "$conversation_private_message_sent",
            "ticket_changed",
        ]
    );
    let received = &events[1].1;
    assert_eq!(received["message_content"], "ä".repeat(1000));
    assert_eq!(received["author_type"], "customer");
    assert_eq!(received["actor_type"], "customer");
    let sent = &events[4].1;
    assert_eq!(
        (&sent["author_type"], &sent["sla_active"]),
        (&json!("team"), &json!(false))
    );
    assert!(events[5].1.get("message_content").is_none());
}
