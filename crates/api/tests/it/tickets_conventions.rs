//! What holds for every endpoint, on those of tickets (conventions.md 11, rows 1 to 46).

use crate::common::assert_json;
use crate::tickets_desk::Desk;
use http::Method;
use model::TicketId;
use model::fields::Fields;
use model::tickets::{NewTicket, TicketChange};
use serde_json::{Value, json};
use store::tickets::WriteError;
use testkit::{Api, Reply, Setup, new_uuid, on_both_engines};

on_both_engines! {
    who_calls_is_found_out_as_everywhere,
    what_a_key_may_and_where_is_asked_as_everywhere,
    paths_methods_and_forms_are_as_everywhere,
    bodies_are_read_as_everywhere,
    a_page_of_tickets_is_at_most_a_thousand_long,
}

const JSON: &str = "application/json";

/// `{"type", "code", "detail", "attr"}`, all of it.
fn envelope(kind: &str, code: &str, detail: &str, attr: Option<&str>) -> Value {
    json!({"type": kind, "code": code, "detail": detail, "attr": attr})
}

fn unauthorised(code: &str, detail: &str) -> Value {
    envelope("authentication_error", code, detail, None)
}

fn denied(detail: &str) -> Value {
    unauthorised("permission_denied", detail)
}

fn not_found(detail: &str) -> Value {
    envelope("invalid_request", "not_found", detail, None)
}

/// Sends a request with these headers, and a body if there is one.
async fn send(
    api: &Api,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> Reply {
    let mut request = api.request(Method::from_bytes(method.as_bytes()).unwrap(), path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(body)).await
}

async fn who_calls_is_found_out_as_everywhere(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({})).await;
    let (stranger, key) = (desk.app.stranger(), &desk.tenant.key);
    let (list, item) = (&desk.path, format!("{}1/", desk.path));
    let missing = unauthorised(
        "not_authenticated",
        "Authentication credentials were not provided.",
    );
    let bad_in = |place: &str| {
        let detail = format!("Personal API key found in request {place} is invalid.");
        unauthorised("authentication_failed", &detail)
    };
    let token = format!("Token {key}");
    let in_query = format!("{list}?personal_api_key={key}");
    let nope_in_query = format!("{list}?personal_api_key=nope");
    for (path, authorization, expected) in [
        (list, None, missing.clone()),
        (
            list,
            Some("Bearer phx_nope"),
            bad_in("Authorization header"),
        ),
        (list, Some(&*token), missing),
        (&nope_in_query, None, bad_in("query string")),
        (
            &in_query,
            Some("Bearer nope"),
            bad_in("Authorization header"),
        ),
    ] {
        let headers: Vec<_> = authorization
            .map(|it| ("authorization", it))
            .into_iter()
            .collect();
        let reply = send(&stranger, "GET", path, &headers, "").await;
        assert_json(&reply, 401, &expected);
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    let small = format!("bearer {key}");
    let reply = send(&stranger, "GET", list, &[("authorization", &small)], "").await;
    assert_eq!(reply.expect(200).json["count"], 1);
    assert_eq!(stranger.get(&in_query).await.expect(200).json["count"], 1);
    let body = json!({"personal_api_key": key, "status": "open"});
    let changed = stranger.patch(&item, &body).await.expect(200);
    assert_eq!(changed.json["status"], "open");
    // Without credentials the body is parsed before they are missed.
    let broken = send(&stranger, "PATCH", &item, &[("content-type", JSON)], "{bad").await;
    assert_eq!(
        (broken.status.as_u16(), &broken.json["code"]),
        (400, &json!("parse_error"))
    );
}

async fn what_a_key_may_and_where_is_asked_as_everywhere(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({})).await;
    let user = desk.tenant.user;
    let with = async |scopes: &[&str]| desk.app.api(&desk.app.key(user, scopes).await);
    let reader = with(&["ticket:read", "conversation:read"]).await;
    let item = format!("{}1/", desk.path);
    // Before the body is looked at.
    for body in [r#"{"status": "open"}"#, "{bad"] {
        let reply = send(&reader, "PATCH", &item, &[("content-type", JSON)], body).await;
        let expected = denied("API key missing required scope 'ticket:write'");
        assert_json(&reply, 403, &expected);
    }
    with(&["ticket:write"])
        .await
        .get(&desk.path)
        .await
        .expect(200);
    let other = with(&["conversation:read"]).await;
    let expected = denied("API key missing required scope 'ticket:read'");
    assert_json(&other.get(&desk.path).await, 403, &expected);

    let project = desk.tenant.project;
    let at = |project: &str| format!("/api/projects/{project}/conversations/tickets/");
    for unknown in ["999999", "abc"] {
        let reply = desk.api.get(&at(unknown)).await;
        assert_json(&reply, 404, &not_found("Project not found."));
    }
    let elsewhere = desk.app.tenant().await.project.to_string();
    let reply = desk.api.get(&at(&elsewhere)).await;
    let expected = denied("You don't have access to the project.");
    assert_json(&reply, 403, &expected);
    let second = desk.app.project(desk.tenant.organization).await;
    let narrow = desk
        .app
        .key_with(user, &["*"], |key| key.scoped_projects = vec![project]);
    let narrow = desk.app.api(&narrow.await);
    let detail = format!("API key does not have access to the requested project: ID {second}.");
    let reply = narrow.get(&at(&second.to_string())).await;
    assert_json(&reply, 403, &denied(&detail));
    let current = narrow.get(&at("@current")).await.expect(200).json;
    assert_eq!(
        current["results"],
        narrow.get(&desk.path).await.json["results"]
    );
}

async fn paths_methods_and_forms_are_as_everywhere(setup: Setup) {
    let desk = Desk::new(setup).await;
    for _ in 0..2 {
        desk.add(json!({})).await;
    }
    let list = desk.api.get(&desk.path).await.expect(200).json;
    let bare = desk.path.trim_end_matches('/');
    for path in [
        bare.to_owned(),
        format!("{bare}.json"),
        format!("{bare}?format=json"),
        desk.path.replace("/projects/", "/environments/"),
    ] {
        let reply = desk.api.get(&path).await;
        assert_json(&reply, 200, &list);
        // Neither prefix is on its way out.
        for name in ["deprecation", "sunset", "link"] {
            assert_eq!(reply.header(name), "", "{path}: {name}");
        }
        // The links keep the form of the request.
        let (path, query) = path.split_once('?').unwrap_or((&*path, ""));
        let page = desk.api.get(&format!("{path}?limit=1&{query}")).await.json;
        let next = page["next"].as_str().unwrap().to_owned();
        assert!(next.contains(&format!("{path}?")), "{next}");
    }
    assert_json(
        &desk.api.get(&format!("{}?format=xml", desk.path)).await,
        404,
        &not_found("Not found."),
    );
    let put = send(&desk.api, "PUT", &desk.path, &[], "").await;
    let detail = "Method \"PUT\" not allowed.";
    let expected = envelope("invalid_request", "method_not_allowed", detail, None);
    assert_json(&put, 405, &expected);
    assert_eq!(put.header("allow"), "GET, POST, HEAD, OPTIONS");
    let detail = "Could not satisfy the request Accept header.";
    let expected = envelope("invalid_request", "not_acceptable", detail, None);
    for api in [&desk.api, &desk.app.stranger()] {
        let reply = send(api, "GET", &desk.path, &[("accept", "text/html")], "").await;
        assert_json(&reply, 406, &expected);
    }
}

async fn bodies_are_read_as_everywhere(setup: Setup) {
    const INVALID: &str = "validation_error";
    const DATETIME: &str = "Datetime has wrong format. Use one of these formats instead: \
        YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].";
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    let path = desk.at(&made, "");
    let patch = async |kind: &str, body: &'static str| {
        send(&desk.api, "PATCH", &path, &[("content-type", kind)], body).await
    };
    let at = |code: &str, detail: &str, attr: &str| envelope(INVALID, code, detail, Some(attr));
    let whole = |code: &str, detail: &str| envelope(INVALID, code, detail, None);
    let bogus = |value: &str| {
        let detail = format!("\"{value}\" is not a valid choice.");
        at("invalid_choice", &detail, "status")
    };
    let list = "Invalid data. Expected a dictionary, but got list.";
    let null = "This field may not be null.";
    let nul = "Null characters are not allowed.";
    for (body, expected) in [
        ("[]", whole("invalid_input", list)),
        ("null", whole("null", "No data provided")),
        (r#"{"status": "bogus"}"#, bogus("bogus")),
        (r#"{"status": "x", "priority": "y"}"#, bogus("x")),
        (r#"{"priority": "y", "status": ""}"#, bogus("")),
        (r#"{"status": 5}"#, bogus("5")),
        (r#"{"status": null}"#, at("null", null, "status")),
        (
            r#"{"sla_due_at": "tomorrow"}"#,
            at("invalid_input", DATETIME, "sla_due_at"),
        ),
        (
            r#"{"sla_due_at": "2026-01-01T24:00:00Z"}"#,
            at("invalid_input", DATETIME, "sla_due_at"),
        ),
        (
            r#"{"sla_due_at": 5}"#,
            at("invalid_input", DATETIME, "sla_due_at"),
        ),
        (
            r#"{"escalation_reason": "a\u0000"}"#,
            at("null_characters_not_allowed", nul, "escalation_reason"),
        ),
    ] {
        assert_json(&patch(JSON, body).await, 400, &expected);
    }
    let broken = patch(JSON, "{bad").await.expect(400).json;
    assert_eq!(broken["type"], "invalid_request");
    assert_eq!(broken["code"], "parse_error");
    let detail = broken["detail"].as_str().unwrap();
    assert!(detail.starts_with("JSON parse error - "), "{detail}");
    let detail = "Unsupported media type \"text/plain\" in request.";
    let expected = envelope("invalid_request", "unsupported_media_type", detail, None);
    assert_json(&patch("text/plain", "status=open").await, 415, &expected);
    for body in ["", "{}", r#"{"id": "x", "nope": 1}"#] {
        assert_json(&patch(JSON, body).await, 200, &made);
    }
    for (sent, kept) in [
        (
            r#"{"sla_due_at": "2026-01-01T00:00:00+02:00"}"#,
            "2025-12-31T22:00:00Z",
        ),
        (
            r#"{"sla_due_at": "2026-01-01T10:00:00+0200"}"#,
            "2026-01-01T08:00:00Z",
        ),
        (
            r#"{"sla_due_at": "2026-01-01 10:00"}"#,
            "2026-01-01T10:00:00Z",
        ),
        (r#"{"sla_due_at": "2026-01-01"}"#, "2026-01-01T00:00:00Z"),
        (
            r#"{"sla_due_at": "2026-01-01T10:00:00.1234567Z"}"#,
            "2026-01-01T10:00:00.123456Z",
        ),
    ] {
        assert_eq!(
            patch(JSON, sent).await.expect(200).json["sla_due_at"],
            kept,
            "{sent}"
        );
    }
}

async fn a_page_of_tickets_is_at_most_a_thousand_long(setup: Setup) {
    let desk = Desk::new(setup).await;
    let new = (0..1001).map(|_| {
        let fields = TicketChange::read(&Fields::of(&json!({})).unwrap()).unwrap();
        NewTicket::new(TicketId(new_uuid()), fields)
    });
    let (scene, new) = (desk.scene(), new.collect::<Vec<_>>());
    let made = desk.app.store.write(move |c| {
        Box::pin(async move {
            for ticket in new {
                store::tickets::create(c, &scene, ticket).await?;
            }
            Ok::<_, WriteError>(())
        })
    });
    made.await.unwrap();
    let page = desk.list("limit=5000").await;
    assert_eq!(page["count"], 1001);
    assert_eq!(page["results"].as_array().unwrap().len(), 1000);
    let next = page["next"].as_str().unwrap();
    assert!(next.ends_with("/tickets/?limit=1000&offset=1000"), "{next}");
}
