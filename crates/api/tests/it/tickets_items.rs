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
    a_deleted_ticket_is_gone_and_its_number_with_it,
    put_is_as_patch,
    a_due_time_can_be_an_amount_of_office_hours,
    an_amount_that_cannot_be_is_told_and_changes_nothing,
    forms_are_bodies_too,
    scopes_are_asked_for,
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
    assert_eq!(theirs.json["ticket_number"], 1, "as ours");
    let first = format!("{}1/", desk.path);
    assert_json(&desk.api.get(&first).await, 200, &made);
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

async fn a_due_time_can_be_an_amount_of_office_hours(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let path = desk.at(&ticket, "");
    let minutes = |body: &Value| {
        let due = model::datetime::parse(body["sla_due_at"].as_str().unwrap()).unwrap();
        due.since(desk.app.env.now()).as_secs_f64() / 60.0
    };
    let is_about = |one: f64, other: f64| (one - other).abs() < 1.0;
    let plain = json!({"sla_amount": 90, "sla_unit": "minute"});
    let plain = desk.api.patch(&path, &plain).await.expect(200).json;
    assert!(is_about(minutes(&plain), 90.0), "{plain}");
    let made = json!({"sla_amount": 2});
    let made = desk.api.post(&desk.path, &made).await.expect(201).json;
    assert!(is_about(minutes(&made), 120.0), "{made}");

    // An office that is open for one minute of a day, and not on most days: four of them are weeks away.
    let project = format!("/api/projects/{}/", desk.tenant.project);
    let office = json!({"business_hours": {"days": ["monday"], "time": ["09:00", "09:01"]}});
    desk.api.patch(&project, &office).await.expect(200);
    let counted = json!({"sla_amount": 4, "sla_unit": "minute", "sla_business_hours": "project"});
    let counted = desk.api.patch(&path, &counted).await.expect(200).json;
    let week = 7.0 * 24.0 * 60.0;
    assert!(
        minutes(&counted) > 3.0 * week - 2.0 && minutes(&counted) < 4.0 * week + 2.0,
        "{counted}"
    );
    let again = json!({"sla_amount": 4, "sla_unit": "minute"});
    let again = desk.api.patch(&path, &again).await.expect(200).json;
    assert!(is_about(minutes(&again), 4.0), "{again}");
}

async fn an_amount_that_cannot_be_is_told_and_changes_nothing(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let path = desk.at(&ticket, "");
    let at = "2026-01-01T00:00:00Z";
    for (body, code, attr) in [
        (json!({"sla_amount": 0}), "invalid_input", "sla_amount"),
        (json!({"sla_amount": "soon"}), "invalid_input", "sla_amount"),
        (json!({"sla_amount": null}), "null", "sla_amount"),
        (
            json!({"sla_amount": 1, "sla_due_at": at}),
            "invalid_input",
            "sla_amount",
        ),
        (
            json!({"sla_amount": 4000, "sla_unit": "day"}),
            "invalid_input",
            "sla_amount",
        ),
        (
            json!({"sla_amount": 1, "sla_unit": "week"}),
            "invalid_choice",
            "sla_unit",
        ),
    ] {
        assert_error(&desk.api.patch(&path, &body).await, 400, code, attr);
        assert_error(&desk.api.post(&desk.path, &body).await, 400, code, attr);
    }
    let hours = json!({"sla_amount": 1, "sla_business_hours": "nine to five"});
    let refused = desk.api.patch(&path, &hours).await;
    assert_eq!(refused.status, 400);
    assert_eq!(desk.peek(&ticket).await["sla_due_at"], Value::Null);
}
