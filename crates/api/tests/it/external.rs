//! A ticket for the customer's own backend (tickets.md 15.1, 18.8 rows 193 to 204; conventions.md 9, 11 rows 55 to 57).

use crate::common::{assert_error, assert_json, send_raw};
use crate::tickets_desk::Desk;
use http::Method;
use model::rates::{Limit, Per};
use serde_json::{Value, json};
use testkit::{Api, Reply, Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_ticket_is_shown_under_the_names_of_this_endpoint,
    only_a_secret_opens_the_door,
    a_named_key_reads_with_its_scope_and_never_writes,
    a_ticket_of_another_project_is_not_found,
    the_secret_before_a_rotation_is_good_until_it_is_dropped,
    a_change_is_logged_without_a_user_and_causes_no_loop,
    the_workflow_that_makes_a_change_is_recorded,
    tags_are_added_set_and_removed,
    an_amount_of_time_becomes_a_due_date,
    broken_members_are_all_told,
    a_snooze_moves_the_status,
    a_ticket_is_assigned_and_what_stood_before_a_failure_stays,
    other_methods_and_forms_of_the_path_do_not_exist,
    the_unread_count_follows,
    a_secret_may_come_120_times_a_minute,
}

/// A project, and a program with its secret.
struct Backend {
    desk: Desk,
    secret: String,
    api: Api,
}

impl Backend {
    async fn new(setup: Setup) -> Self {
        let desk = Desk::new(setup).await;
        let secret = rotate(&desk).await;
        let api = desk.app.api(&secret);
        Self { desk, secret, api }
    }

    async fn get(&self, ticket: &Value) -> Reply {
        self.api.get(&path(ticket)).await
    }

    async fn patch(&self, ticket: &Value, body: Value) -> Reply {
        self.api.patch(&path(ticket), &body).await
    }

    /// A change that is made.
    async fn change(&self, ticket: &Value, body: Value) -> Value {
        assert_json(&self.patch(ticket, body).await, 200, &json!({"ok": true}));
        self.desk.peek(ticket).await
    }
}

async fn rotate(desk: &Desk) -> String {
    let path = format!("/api/projects/{}/rotate_secret_token/", desk.tenant.project);
    let reply = desk.api.post(&path, &json!({})).await.expect(200);
    reply.json["secret_token"].as_str().unwrap().to_owned()
}

fn path(ticket: &Value) -> String {
    let id = ticket["id"].as_str().unwrap();
    format!("/api/conversations/external/ticket/{id}")
}

fn error(text: &str) -> Value {
    json!({ "error": text })
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
