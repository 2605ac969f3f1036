//! Who gets in, and in which order that is decided (conventions.md 7, 8, 11 rows 47 to 54).

use super::scene::{BASE, Browser, Site};
use crate::common::{assert_error, assert_json, send_raw};
use http::Method;
use serde_json::{Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_browser_of_another_site_may_send_the_token,
    who_has_no_token_is_refused,
    a_bad_token_is_refused_in_the_envelope,
    a_body_that_breaks_rules_is_told_all_of_them,
    a_body_that_cannot_be_read_is_told_in_the_envelope,
    the_paths_have_one_form,
    a_filled_honeypot_stores_nothing,
    only_listed_sites_get_in,
    the_checks_have_an_order,
    conversations_that_are_off_know_no_token,
    a_new_token_replaces_the_old_one,
    unknown_parameters_and_members_do_no_harm,
}

fn error(text: &str) -> Value {
    json!({ "error": text })
}

async fn a_browser_of_another_site_may_send_the_token(setup: Setup) {
    let site = Site::new(setup).await;
    let api = site.desk.app.stranger();
    let path = format!("{BASE}message");
    let request = api
        .request(Method::OPTIONS, &path)
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,x-conversations-token",
        );
    let reply = api.send(request).await.expect(200);
    assert_eq!(reply.text, "");
    let allowed = reply.header("access-control-allow-headers");
    assert!(allowed.contains("x-conversations-token") && allowed.contains("content-type"));
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.header("access-control-max-age"), "86400");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    let mut browser = site.browser("u");
    browser.origin = Some("https://shop.example".to_owned());
    for reply in [
        browser.write(json!({"message": "Hi"})).await.expect(200),
        browser.write(json!({})).await.expect(400),
    ] {
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(reply.header("vary"), "origin");
    }
}

async fn who_has_no_token_is_refused(setup: Setup) {
    let site = Site::new(setup).await;
    let api = site.desk.app.stranger();
    let ticket = new_uuid();
    for (method, path) in [
        (Method::POST, "message".to_owned()),
        (Method::GET, format!("messages/{ticket}")),
        (Method::POST, format!("messages/{ticket}/read")),
        (Method::GET, "tickets".to_owned()),
        (Method::POST, "restore/request".to_owned()),
        (Method::POST, "restore".to_owned()),
    ] {
        let reply = send_raw(
            &api,
            method,
            &format!("{BASE}{path}"),
            "application/json",
            "",
        )
        .await;
        assert_json(&reply, 403, &error("Authentication required"));
        assert_eq!(reply.header("www-authenticate"), "");
    }
}

async fn a_bad_token_is_refused_in_the_envelope(setup: Setup) {
    let site = Site::new(setup).await;
    let other = site.desk.app.tenant().await;
    for token in ["nope", &other.key, &"x".repeat(5000)] {
        let browser = Browser {
            token: token.to_owned(),
            ..site.browser("u")
        };
        let reply = browser.write(json!({"message": "Hi"})).await;
        assert_json(
            &reply,
            403,
            &json!({
                "type": "authentication_error", "code": "authentication_failed",
                "detail": "Invalid token or conversations not enabled", "attr": null,
            }),
        );
    }
}

async fn a_body_that_breaks_rules_is_told_all_of_them(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let required = "This field is required.";
    let session =
        "Either widget_session_id or both identity_distinct_id and identity_hash are required";
    for (body, details) in [
        (json!({}), json!({"message": [required]})),
        (
            json!([]),
            json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
        ),
        (
            json!({"message": " ", "widget_session_id": "x", "traits": 1}),
            json!({
                "message": ["This field may not be blank."],
                "widget_session_id": ["Must be a valid UUID."],
                "traits": ["Expected a dictionary of items but got type \"int\"."],
            }),
        ),
        (
            json!({"message": "Hi"}),
            json!({"non_field_errors": [session]}),
        ),
        (
            json!({"message": "Hi", "widget_session_id": new_uuid()}),
            json!({"non_field_errors": ["distinct_id is required when using widget_session_id"]}),
        ),
        (
            json!({"message": "x".repeat(10_001)}),
            json!({"message": ["Ensure this field has no more than 10000 characters."]}),
        ),
        (
            json!({"message": "a\u{0}b"}),
            json!({"message": ["Null characters are not allowed."]}),
        ),
    ] {
        let expected = json!({"error": "Invalid request data", "details": details});
        assert_json(&browser.post("message", &body).await, 400, &expected);
    }
    assert_eq!(site.desk.list("").await["count"], 0);
    let reply = browser
        .read(&json!(new_uuid()), json!({"after": "x", "limit": 0}))
        .await;
    assert_eq!(
        reply.expect(400).json["details"].as_object().unwrap().len(),
        2
    );
    let reply = browser
        .tickets(json!({"status": "x", "offset": -1, "limit": 501}))
        .await;
    let details = reply.expect(400).json["details"].clone();
    assert_eq!(details["status"][0], "\"x\" is not a valid choice.");
    assert_eq!(
        details["limit"][0],
        "Ensure this value is less than or equal to 500."
    );
    assert_eq!(
        details["offset"][0],
        "Ensure this value is greater than or equal to 0."
    );
}

async fn a_body_that_cannot_be_read_is_told_in_the_envelope(setup: Setup) {
    let site = Site::new(setup).await;
    let api = site.desk.app.stranger();
    let send = async |kind: &str, body: String| {
        let request = api
            .request(Method::POST, &format!("{BASE}message"))
            .header("x-conversations-token", &site.token)
            .header("content-type", kind);
        api.send(request.body(body)).await
    };
    let reply = send("application/json", "{bad".to_owned()).await;
    assert_error(&reply, 400, "parse_error", "");
    let reply = send("text/plain", "Hi".to_owned()).await;
    assert_error(&reply, 415, "unsupported_media_type", "");
    let reply = send("application/json", " ".repeat(300_000)).await;
    assert_error(&reply, 413, "request_too_large", "");
    let form = format!("message=Hi&distinct_id=u&widget_session_id={}", new_uuid());
    send("application/x-www-form-urlencoded", form)
        .await
        .expect(200);
}

async fn the_paths_have_one_form(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let ticket = browser.begin("Hi").await["ticket_id"].clone();
    let id = ticket.as_str().unwrap();
    for path in [
        "message/",
        "message.json",
        "nope",
        "",
        "restore/",
        "restore/request/",
    ] {
        let reply = browser.write_to(path).await;
        assert_error(&reply, 404, "not_found", "");
        assert_eq!(reply.json["detail"], "Endpoint not found.");
    }
    for path in [
        format!("messages/{}", id.to_uppercase()),
        format!("messages/{}", id.replace('-', "")),
        "messages/1".to_owned(),
        "messages/nope/read".to_owned(),
        format!("messages/{id}/"),
        format!("messages/{id}/read/"),
        "tickets/".to_owned(),
    ] {
        let input = json!({"widget_session_id": browser.session});
        for method in [Method::GET, Method::POST] {
            let reply = browser.send(method, &path, &input).await;
            assert_error(&reply, 404, "not_found", "");
        }
    }
    for (method, path, allow) in [
        (Method::GET, "message".to_owned(), "POST, OPTIONS"),
        (Method::DELETE, "tickets".to_owned(), "GET, HEAD, OPTIONS"),
        (Method::PUT, format!("messages/{id}"), "GET, HEAD, OPTIONS"),
        (Method::PATCH, "restore".to_owned(), "POST, OPTIONS"),
    ] {
        let reply = browser.send(method.clone(), &path, &json!({})).await;
        assert_error(&reply, 405, "method_not_allowed", "");
        assert_eq!(
            reply.json["detail"],
            format!("Method \"{method}\" not allowed.")
        );
        assert_eq!(reply.header("allow"), allow);
    }
    let reply = site
        .desk
        .app
        .stranger()
        .get(&format!("{BASE}message"))
        .await;
    assert_error(&reply, 405, "method_not_allowed", "");
}

impl Browser {
    async fn write_to(&self, path: &str) -> testkit::Reply {
        let body = json!({"message": "Hi", "distinct_id": "u", "widget_session_id": self.session});
        self.post(path, &body).await
    }
}

async fn a_filled_honeypot_stores_nothing(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    for value in [json!("x"), json!(1), json!(["x"])] {
        let reply = browser.write(json!({"message": "Buy", "_hp": value})).await;
        assert_json(&reply, 400, &error("Invalid request"));
    }
    assert_eq!(site.desk.list("").await["count"], 0);
    for value in [json!(""), json!(null)] {
        let reply = browser.write(json!({"message": "Hi", "_hp": value})).await;
        reply.expect(200);
    }
}

async fn only_listed_sites_get_in(setup: Setup) {
    let site = Site::new(setup).await;
    let mut browser = site.browser("u");
    let hi = json!({"message": "Hi"});
    browser.write(hi.clone()).await.expect(200);
    site.set("widget_domains", "https://shop.example,*.acme.example")
        .await;
    let ticket = json!(new_uuid());
    for origin in [
        None,
        Some("https://evil.example"),
        Some("null"),
        Some("https://shop.example.evil.example"),
    ] {
        browser.origin = origin.map(str::to_owned);
        for reply in [
            browser.write(hi.clone()).await,
            browser.read(&ticket, json!({})).await,
            browser.mark_read(&ticket).await,
            browser.tickets(json!({})).await,
            browser.post("restore/request", &json!({})).await,
            browser.post("restore", &json!({})).await,
        ] {
            assert_json(&reply, 403, &error("Origin not allowed"));
        }
    }
    for origin in [
        "https://shop.example",
        "http://shop.example:8080",
        "https://a.acme.example",
        "https://acme.example",
    ] {
        browser.origin = Some(origin.to_owned());
        browser.write(hi.clone()).await.expect(200);
    }
    // A page may send a referrer only.
    let request = browser
        .api
        .request(
            Method::GET,
            &format!("{BASE}tickets?widget_session_id={}", browser.session),
        )
        .header("x-conversations-token", &site.token)
        .header("referer", "https://shop.example/basket?x");
    browser.api.send(request).await.expect(200);
}

async fn the_checks_have_an_order(setup: Setup) {
    let site = Site::new(setup).await;
    let (mine, theirs) = (site.browser("u"), site.browser("v"));
    let ticket = theirs.begin("Hi").await["ticket_id"].clone();
    site.set("widget_domains", "shop.example").await;
    let mut broken = json!({
        "_hp": "x", "message": "", "widget_session_id": mine.session, "distinct_id": "u",
        "identity_distinct_id": "u", "identity_hash": "0".repeat(64), "ticket_id": "nope",
    });
    let mut browser = mine.clone();
    let steps = [
        ("the honeypot", None, 400, "Invalid request"),
        (
            "the origin",
            Some(("_hp", json!(""))),
            403,
            "Origin not allowed",
        ),
        ("the body", None, 400, "Invalid request data"),
        (
            "who it is",
            Some(("message", json!("Hi"))),
            403,
            "Forbidden",
        ),
        (
            "the form of the ticket's id",
            Some(("identity_hash", json!(null))),
            400,
            "Invalid ticket_id format",
        ),
        (
            "the ticket",
            Some(("ticket_id", json!(new_uuid()))),
            404,
            "Ticket not found",
        ),
        ("whose it is", Some(("ticket_id", ticket)), 403, "Forbidden"),
    ];
    for (step, change, status, text) in steps {
        if let Some((name, value)) = change {
            broken[name] = value;
        }
        if step == "the body" {
            browser.origin = Some("https://shop.example".to_owned());
        }
        let reply = browser.post("message", &broken).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json["error"]),
            (status, &json!(text)),
            "{step}"
        );
    }
}

async fn conversations_that_are_off_know_no_token(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    browser.begin("Hi").await;
    site.set("conversations_enabled", "false").await;
    let reply = browser.write(json!({"message": "Hi"})).await;
    assert_error(&reply, 403, "authentication_failed", "");
    site.set("conversations_enabled", "true").await;
    let reply = browser.write(json!({"message": "Hi"})).await;
    // A new token was made.
    assert_error(&reply, 403, "authentication_failed", "");
}

async fn a_new_token_replaces_the_old_one(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    browser.begin("Hi").await;
    let path = site.path("generate_conversations_public_token/");
    let project = site.desk.api.post(&path, &json!({})).await.expect(200).json;
    let token = project["widget_public_token"].as_str().unwrap().to_owned();
    assert_ne!(token, site.token);
    assert_eq!(
        project["conversations_settings"]["widget_public_token"],
        json!(token)
    );
    let reply = browser.write(json!({"message": "Hi"})).await;
    assert_error(&reply, 403, "authentication_failed", "");
    let browser = Browser { token, ..browser };
    browser.begin("Hi").await;
    site.set("conversations_enabled", "false").await;
    let reply = site.desk.api.post(&path, &json!({})).await;
    assert_error(&reply, 400, "invalid_input", "");
}

async fn unknown_parameters_and_members_do_no_harm(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let sent = browser
        .write(json!({"message": "Hi", "nope": {"deep": []}}))
        .await;
    let ticket = sent.expect(200).json["ticket_id"].clone();
    browser
        .read(&ticket, json!({"_": "1767225600000"}))
        .await
        .expect(200);
    browser
        .tickets(json!({"_": "1", "format": "x"}))
        .await
        .expect(200);
    // An empty parameter is as if it were not there.
    let page = browser
        .read(&ticket, json!({"after": "", "limit": ""}))
        .await;
    assert_eq!(page.expect(200).json["has_more"], false);
    let empty = json!({"status": "", "limit": "", "offset": ""});
    assert_eq!(browser.tickets(empty).await.expect(200).json["count"], 1);
}
