//! Who may ask for a ticket from outside (conventions.md 9; tickets.md 18.8 rows 193 to 196 and 204).

use super::{Backend, error, path, rotate};
use crate::common::{assert_error, assert_json};
use http::Method;
use model::rates::{Limit, Per};
use serde_json::{Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_ticket_is_shown_under_the_names_of_this_endpoint,
    only_a_secret_opens_the_door,
    a_named_key_reads_with_its_scope_and_never_writes,
    a_ticket_of_another_project_is_not_found,
    the_secret_before_a_rotation_is_good_until_it_is_dropped,
    other_methods_and_forms_of_the_path_do_not_exist,
    a_secret_may_come_120_times_a_minute,
}

async fn a_ticket_is_shown_under_the_names_of_this_endpoint(setup: Setup) {
    let backend = Backend::new(setup).await;
    let desk = &backend.desk;
    let ticket = desk
        .arrive(|new| {
            new.distinct_id = "u".to_owned();
            new.session_context = json!({"current_url": "https://shop.example/x"});
        })
        .await;
    desk.hear(&ticket, "Hi").await;
    let body =
        json!({"priority": "high", "tags": ["b", "a"], "sla_due_at": "2026-01-01T00:00:00.5Z"});
    desk.patch(&ticket, body).await.expect(200);
    let before = desk.peek(&ticket).await;
    let reply = backend.get(&ticket).await.expect(200);
    let names = [
        "id",
        "number",
        "status",
        "priority",
        "channel_source",
        "channel_detail",
        "distinct_id",
        "created_at",
        "updated_at",
        "message_count",
        "last_message_at",
        "last_message_text",
        "unread_team_count",
        "unread_customer_count",
        "sla",
        "snoozed_until",
        "assignee",
        "url",
        "slack_channel_id",
        "slack_thread_ts",
        "slack_team_id",
        "email_subject",
        "email_from",
        "email_to",
        "cc_participants",
        "tags",
    ];
    let places: Vec<_> = names
        .iter()
        .map(|name| reply.text.find(&format!("\"{name}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{}", reply.text);
    let shown = reply.json;
    assert_eq!(shown.as_object().unwrap().len(), names.len());
    for (name, value) in [
        ("number", json!(1)),
        ("status", json!("new")),
        ("priority", json!("high")),
        ("distinct_id", json!("u")),
        ("sla", json!("2026-01-01T00:00:00.500000+00:00")),
        ("url", json!("https://shop.example/x")),
        ("tags", json!(["a", "b"])),
        ("unread_team_count", json!(1)),
        ("last_message_text", json!("Hi")),
        ("cc_participants", json!([])),
        ("assignee", json!(null)),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    let created = shown["created_at"].as_str().unwrap();
    assert_eq!(before["created_at"], created.replace("+00:00", "Z"));
    // It reads nothing for the team.
    assert_eq!(desk.peek(&ticket).await, before);
}

async fn only_a_secret_opens_the_door(setup: Setup) {
    let backend = Backend::new(setup).await;
    let desk = &backend.desk;
    let ticket = desk.add(json!({})).await;
    let project = format!("/api/projects/{}/", desk.tenant.project);
    let project = desk.api.get(&project).await.expect(200).json;
    let stranger = desk.app.stranger();
    let with = async |header: &str| {
        let request = stranger.request(Method::GET, &path(&ticket));
        stranger.send(request.header("authorization", header)).await
    };
    let missing = error("Missing or invalid Authorization header");
    let reply = stranger.get(&path(&ticket)).await;
    assert_json(&reply, 401, &missing);
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    for (header, expected) in [
        (format!("Token {}", backend.secret), missing.clone()),
        ("Bearer".to_owned(), error("Empty API key")),
        ("Bearer  ".to_owned(), error("Empty API key")),
        ("Bearer phs_wrong".to_owned(), error("Invalid API key")),
        (
            format!("Bearer {}", desk.tenant.key),
            error("Invalid API key"),
        ),
        (
            format!("Bearer {}", project["api_token"].as_str().unwrap()),
            error("Invalid API key"),
        ),
        (
            format!(
                "Bearer {}",
                project["widget_public_token"].as_str().unwrap()
            ),
            error("Invalid API key"),
        ),
    ] {
        assert_json(&with(&header).await, 401, &expected);
    }
    // The secret opens nothing else.
    let reply = backend.api.get(&desk.path).await;
    assert_error(&reply, 401, "authentication_failed", "");
    // For a change it may come in the body.
    let body = json!({"secret_api_key": backend.secret, "status": "open"});
    stranger.patch(&path(&ticket), &body).await.expect(200);
    let body = json!({"secret_api_key": "phs_wrong", "status": "open"});
    assert_json(
        &stranger.patch(&path(&ticket), &body).await,
        401,
        &error("Invalid API key"),
    );
    desk.app
        .set(desk.tenant.project, "conversations_enabled", "false")
        .await;
    assert_json(&backend.get(&ticket).await, 401, &error("Invalid API key"));
}

async fn a_named_key_reads_with_its_scope_and_never_writes(setup: Setup) {
    let backend = Backend::new(setup).await;
    let desk = &backend.desk;
    let ticket = desk.add(json!({})).await;
    let keys = format!(
        "/api/projects/{}/project_secret_api_keys/",
        desk.tenant.project
    );
    let make = async |scopes: Value| {
        let body = json!({"label": "Sync", "scopes": scopes});
        desk.api.post(&keys, &body).await
    };
    assert_error(&make(json!([])).await, 400, "empty", "scopes");
    assert_error(
        &make(json!(["nope:read"])).await,
        400,
        "invalid_input",
        "scopes",
    );
    let reader = make(json!(["support_ticket:read"])).await.expect(201).json;
    let other = make(json!(["person:read"])).await.expect(201).json;
    let api = |key: &Value| desk.app.api(key["value"].as_str().unwrap());
    api(&reader).get(&path(&ticket)).await.expect(200);
    let refused = api(&reader)
        .patch(&path(&ticket), &json!({"status": "open"}))
        .await;
    let expected = error("Project secret API keys can only read tickets on this route");
    assert_json(&refused, 403, &expected);
    let refused = api(&other).get(&path(&ticket)).await;
    let expected = error("API key missing required scope 'support_ticket:read'");
    assert_json(&refused, 403, &expected);
    // In a body it is none.
    let body = json!({"secret_api_key": reader["value"], "status": "open"});
    let refused = desk.app.stranger().patch(&path(&ticket), &body).await;
    assert_json(&refused, 401, &error("Invalid API key"));
    let listed = desk.api.get(&keys).await.expect(200);
    assert!(!listed.text.contains(reader["value"].as_str().unwrap()));
    assert_eq!(listed.json["count"], 2);
    let one = format!("{keys}{}/", reader["id"].as_str().unwrap());
    desk.api.delete(&one).await.expect(204);
    desk.api.delete(&one).await.expect(404);
    api(&reader).get(&path(&ticket)).await.expect(401);
}

async fn a_ticket_of_another_project_is_not_found(setup: Setup) {
    let backend = Backend::new(setup).await;
    let other = backend.desk.app.tenant().await;
    let theirs = other
        .api
        .post(&crate::tickets_desk::path_of(&other), &json!({}))
        .await;
    let theirs = theirs.expect(201).json;
    let expected = error("Ticket not found");
    for ticket in [&theirs, &json!({ "id": new_uuid() })] {
        assert_json(&backend.get(ticket).await, 404, &expected);
        assert_json(
            &backend.patch(ticket, json!({"status": "bogus"})).await,
            404,
            &expected,
        );
    }
}

async fn the_secret_before_a_rotation_is_good_until_it_is_dropped(setup: Setup) {
    let backend = Backend::new(setup).await;
    let desk = &backend.desk;
    let ticket = desk.add(json!({})).await;
    let new = rotate(desk).await;
    backend.get(&ticket).await.expect(200);
    let api = desk.app.api(&new);
    api.get(&path(&ticket)).await.expect(200);
    let drop = format!(
        "/api/projects/{}/delete_secret_token_backup/",
        desk.tenant.project
    );
    desk.api.post(&drop, &json!({})).await.expect(204);
    backend.get(&ticket).await.expect(401);
    api.get(&path(&ticket)).await.expect(200);
}

async fn other_methods_and_forms_of_the_path_do_not_exist(setup: Setup) {
    let backend = Backend::new(setup).await;
    let ticket = backend.desk.add(json!({})).await;
    let path = path(&ticket);
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let reply = backend
            .api
            .send(backend.api.request(method.clone(), &path))
            .await;
        assert_error(&reply, 405, "method_not_allowed", "");
        assert_eq!(reply.header("allow"), "GET, PATCH, HEAD, OPTIONS");
    }
    let id = ticket["id"].as_str().unwrap();
    let base = "/api/conversations/external/ticket/";
    for path in [
        format!("{path}/"),
        format!("{path}.json"),
        format!("{base}{}", id.to_uppercase()),
        format!("{base}{}", id.replace('-', "")),
        format!("{base}1"),
        base.to_owned(),
    ] {
        let reply = backend.api.get(&path).await;
        assert_error(&reply, 404, "not_found", "");
        assert_eq!(reply.json["detail"], "Endpoint not found.");
    }
}

async fn a_secret_may_come_120_times_a_minute(mut setup: Setup) {
    setup.api.rate_limits = true;
    let backend = Backend::new(setup).await;
    let ticket = backend.desk.add(json!({})).await;
    for _ in 0..120 {
        backend.get(&ticket).await.expect(200);
    }
    let reply = backend.get(&ticket).await;
    assert_error(&reply, 429, "throttled", "");
    assert!(!reply.header("retry-after").is_empty());
    // Another secret of the same project is counted by itself.
    let other = backend.desk.app.api(&rotate(&backend.desk).await);
    other.get(&path(&ticket)).await.expect(200);
    let project = backend.desk.tenant.project;
    backend.desk.app.set(project, "external_burst", "off").await;
    backend.get(&ticket).await.expect(200);
    let limit = Limit::at(120, Per::Minute);
    assert_eq!(model::rates::EXTERNAL_BURST.default, limit);
}
