//! Making, reading, changing and deleting a ticket (tickets.md 4 to 7, 9, 18.2, 18.3).

use crate::common::{assert_error, assert_json, send_raw};
use crate::tickets_desk::{Desk, path_of};
use http::Method;
use serde_json::{Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    an_empty_body_makes_a_ticket,
    a_ticket_is_made_with_what_the_body_says,
    a_refused_ticket_uses_up_no_number,
    a_ticket_is_found_by_uuid_and_by_number,
    reading_a_ticket_clears_its_unread_messages,
    a_read_ticket_is_not_written,
    fields_change_one_by_one,
    read_only_members_are_ignored,
    broken_members_are_refused_in_order,
    a_change_is_logged_once,
    an_unchanged_ticket_is_neither_logged_nor_moved,
    a_ticket_is_assigned_reassigned_and_freed,
    a_bad_assignee_changes_nothing,
    tags_are_replaced_as_a_whole,
    snoozing_moves_the_status,
    a_deleted_ticket_is_gone_and_its_number_with_it,
    put_is_as_patch,
    forms_are_bodies_too,
    scopes_are_asked_for,
    unread_messages_are_summed_over_what_is_not_resolved,
    the_unread_count_is_kept_until_something_changes,
    every_change_of_a_ticket_is_in_the_event_log,
}

async fn an_empty_body_makes_a_ticket(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.api.post(&desk.path, &json!({})).await.expect(201).json;
    for (name, value) in [
        ("ticket_number", json!(1)),
        ("status", json!("new")),
        ("priority", Value::Null),
        ("channel_source", json!("widget")),
        ("channel_detail", json!("widget_api")),
        ("distinct_id", json!("")),
        ("anonymous_traits", json!({})),
        ("session_context", json!({})),
        ("ai_resolved", json!(false)),
        ("assignee", Value::Null),
        ("tags", json!([])),
        ("message_count", json!(0)),
        ("last_message_at", Value::Null),
        ("person", Value::Null),
        ("cc_participants", json!([])),
        ("merged_tickets", json!([])),
    ] {
        assert_eq!(made[name], value, "{name}");
    }
    assert_json(&desk.get(&made).await, 200, &made);
    assert_eq!(desk.add(json!({})).await["ticket_number"], 2);
    let other = desk.app.tenant().await;
    let first = other.api.post(&path_of(&other), &json!({})).await;
    assert_eq!(first.expect(201).json["ticket_number"], 1);
}

async fn a_ticket_is_made_with_what_the_body_says(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk
        .add(json!({
            "status": "resolved", "priority": "critical", "tags": ["B", "a "], "ai_resolved": "yes",
            "sla_due_at": "2026-01-01T00:00:00+02:00", "escalation_reason": 5,
            "anonymous_traits": [1], "distinct_id": "user-1", "id": "x", "ticket_number": 9,
        }))
        .await;
    assert_eq!(made["ticket_number"], 1);
    assert_eq!(made["status"], "resolved");
    assert_eq!(made["priority"], "critical");
    assert_eq!(made["tags"], json!(["a", "b"]));
    assert_eq!(made["ai_resolved"], true);
    assert_eq!(made["sla_due_at"], "2025-12-31T22:00:00Z");
    assert_eq!(made["escalation_reason"], "5");
    assert_eq!(made["anonymous_traits"], json!([1]));
    assert_eq!(made["distinct_id"], "user-1");
    let created = desk.events_of("$conversation_ticket_created").await;
    assert_eq!(created.len(), 1);
    assert_eq!(created[0]["ticket_id"], made["id"]);
    assert_eq!(created[0]["actor_type"], "user");
    assert_eq!(created[0]["customer_distinct_id"], "user-1");
    assert_eq!(desk.activity(&made).await[0]["activity"], "created");
}

async fn a_refused_ticket_uses_up_no_number(setup: Setup) {
    let desk = Desk::new(setup).await;
    let refused = desk.api.post(&desk.path, &json!({"priority": "x"})).await;
    assert_error(&refused, 400, "invalid_choice", "priority");
    let nobody = json!({"assignee": {"type": "user", "id": 999_999}});
    let refused = desk.api.post(&desk.path, &nobody).await;
    assert_error(&refused, 400, "invalid_input", "assignee");
    let long = json!({"distinct_id": "x".repeat(401)});
    let refused = desk.api.post(&desk.path, &long).await;
    assert_error(&refused, 400, "max_length", "distinct_id");
    assert_eq!(desk.add(json!({})).await["ticket_number"], 1);
    assert_eq!(desk.events().await.len(), 1);
}

async fn a_ticket_is_found_by_uuid_and_by_number(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    let id = made["id"].as_str().unwrap();
    for name in [
        "1".to_owned(),
        id.to_owned(),
        id.to_uppercase(),
        id.replace('-', ""),
    ] {
        let path = format!("{}{name}/", desk.path);
        assert_json(&desk.api.get(&path).await, 200, &made);
    }
    let stranger = desk.app.tenant().await;
    let theirs = stranger
        .api
        .post(&path_of(&stranger), &json!({}))
        .await
        .expect(201);
    let theirs_id = theirs.json["id"].as_str().unwrap();
    for name in [
        "999999",
        "nope",
        "-1",
        "99999999999999999999",
        theirs_id,
        &new_uuid().to_string(),
    ] {
        let path = format!("{}{name}/", desk.path);
        for reply in [
            desk.api.get(&path).await,
            desk.api.patch(&path, &json!({"status": "bogus"})).await,
            desk.api.delete(&path).await,
        ] {
            assert_error(&reply, 404, "not_found", "");
            assert_eq!(reply.json["detail"], "Not found.");
        }
    }
}

async fn reading_a_ticket_clears_its_unread_messages(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    for text in ["one", "two"] {
        desk.later(1);
        desk.hear(&made, text).await;
    }
    let before = desk.peek(&made).await;
    assert_eq!(before["unread_team_count"], 2);
    desk.later(1);
    let head = desk.api.request(Method::HEAD, &desk.at(&made, ""));
    desk.api.send(head).await.expect(200);
    assert_eq!(desk.peek(&made).await["unread_team_count"], 2);
    let path = format!("{}1/", desk.path);
    let read = desk.api.get(&path).await.expect(200).json;
    assert_eq!(read["unread_team_count"], 0);
    assert_eq!(read["updated_at"], before["updated_at"]);
    assert_eq!(desk.peek(&made).await, read);
}

async fn a_read_ticket_is_not_written(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    let events = desk.events().await.len();
    desk.later(1);
    assert_json(&desk.get(&made).await, 200, &made);
    assert_eq!(desk.events().await.len(), events);
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
            (Value::Null, Value::Null)
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

async fn a_deleted_ticket_is_gone_and_its_number_with_it(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk
        .add(json!({"tags": ["a"], "anonymous_traits": {"name": "somebody"}}))
        .await;
    desk.hear(&made, "a word").await;
    assert_eq!(desk.unread().await, 1);
    let gone = desk.api.delete(&desk.at(&made, "")).await.expect(204);
    assert_eq!(
        (gone.text.as_str(), gone.header("content-length")),
        ("", "")
    );
    assert_eq!(desk.unread().await, 0);
    for reply in [
        desk.get(&made).await,
        desk.patch(&made, json!({})).await,
        desk.reply(&made, json!({"message": "x"})).await,
        desk.api.get(&desk.at(&made, "messages/")).await,
        desk.api.delete(&desk.at(&made, "")).await,
        desk.api.get(&format!("{}1/", desk.path)).await,
    ] {
        assert_error(&reply, 404, "not_found", "");
    }
    for query in [
        "",
        "search=word",
        "search=somebody",
        "search=1",
        "tags=[\"a\"]",
        "status=new",
    ] {
        assert_eq!(desk.numbers(query).await, [0; 0], "{query}");
    }
    assert_eq!(desk.add(json!({})).await["ticket_number"], 2);
}

async fn put_is_as_patch(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({"priority": "high"})).await;
    let put = desk.api.request(Method::PUT, &desk.at(&made, ""));
    let put = desk
        .api
        .send(put.json(&json!({"status": "open"})))
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&put["status"], &put["priority"]),
        (&json!("open"), &json!("high"))
    );
}

async fn forms_are_bodies_too(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    let kind = "application/x-www-form-urlencoded";
    let sent = send_raw(
        &desk.api,
        Method::PATCH,
        &desk.at(&made, ""),
        kind,
        "status=open",
    )
    .await;
    assert_eq!(sent.expect(200).json["status"], "open");
}

async fn scopes_are_asked_for(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    let with = async |scopes: &[&str]| desk.app.api(&desk.app.key(desk.tenant.user, scopes).await);
    let reads = ["", "1/", "unread_count/", "1/messages/", "presence/"];
    let reader = with(&["ticket:read"]).await;
    let writer = with(&["ticket:write"]).await;
    let other = with(&["conversation:write", "person:write"]).await;
    for path in reads {
        let path = format!("{}{path}", desk.path);
        reader.get(&path).await.expect(200);
        writer.get(&path).await.expect(200);
        let refused = other.get(&path).await;
        assert_error(&refused, 403, "permission_denied", "");
        assert_eq!(
            refused.json["detail"],
            "API key missing required scope 'ticket:read'"
        );
    }
    for path in [
        "",
        "compose/",
        "bulk_update_status/",
        "bulk_update_tags/",
        "1/reply/",
        "1/merge/",
        "1/ai_feedback/",
    ] {
        let path = format!("{}{path}", desk.path);
        for api in [&reader, &other] {
            assert_error(
                &api.post(&path, &json!({})).await,
                403,
                "permission_denied",
                "",
            );
        }
        let answer = writer.post(&path, &json!({})).await;
        assert!(
            matches!(answer.status.as_u16(), 201 | 400),
            "{path}: {}",
            answer.text
        );
    }
    let item = desk.at(&made, "");
    for api in [&reader, &other] {
        assert_error(
            &api.patch(&item, &json!({})).await,
            403,
            "permission_denied",
            "",
        );
        assert_error(&api.delete(&item).await, 403, "permission_denied", "");
    }
    reader
        .post(&desk.at(&made, "presence/"), &json!({}))
        .await
        .expect(200);
    let nobody = desk.app.stranger().get(&desk.path).await;
    assert_error(&nobody, 401, "not_authenticated", "");
    let outsider = desk.app.tenant().await;
    let refused = outsider.api.get(&desk.path).await;
    assert_error(&refused, 403, "permission_denied", "");
}

async fn unread_messages_are_summed_over_what_is_not_resolved(setup: Setup) {
    let desk = Desk::new(setup).await;
    assert_eq!(desk.unread().await, 0);
    for (count, status) in [(3, "new"), (5, "open"), (0, "pending"), (4, "resolved")] {
        let ticket = desk.add(json!({ "status": status })).await;
        for _ in 0..count {
            desk.hear(&ticket, "hello").await;
        }
    }
    desk.later(30);
    assert_eq!(desk.unread().await, 8);
    let other = desk.app.tenant().await;
    let path = format!("{}unread_count/", path_of(&other));
    assert_json(&other.api.get(&path).await, 200, &json!({"count": 0}));
    desk.app
        .set(desk.tenant.project, "conversations_enabled", "false")
        .await;
    crate::common::eventually("the setting is read anew", async || {
        desk.unread().await == 0
    })
    .await;
}

async fn the_unread_count_is_kept_until_something_changes(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let other = desk.add(json!({})).await;
    desk.hear(&ticket, "one").await;
    assert_eq!(desk.unread().await, 1);
    desk.hear(&ticket, "two").await;
    assert_eq!(desk.unread().await, 1, "kept");
    desk.patch(&ticket, json!({"status": "open"}))
        .await
        .expect(200);
    desk.get(&other).await.expect(200);
    assert_eq!(desk.unread().await, 1, "neither changes the sum");
    desk.patch(&other, json!({"status": "resolved"}))
        .await
        .expect(200);
    assert_eq!(desk.unread().await, 2, "fresh");
    desk.hear(&ticket, "three").await;
    desk.later(29);
    assert_eq!(desk.unread().await, 2, "kept");
    desk.later(1);
    assert_eq!(desk.unread().await, 3, "too old");
    desk.get(&ticket).await.expect(200);
    assert_eq!(desk.unread().await, 0, "read");
    desk.hear(&ticket, "four").await;
    desk.patch(&other, json!({"status": "open"}))
        .await
        .expect(200);
    assert_eq!(desk.unread().await, 1, "reopened");
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
