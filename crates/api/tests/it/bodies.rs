//! Request bodies and the rules of their fields (conventions.md 4.2, 4.3; rows 25 to 37 of its section 11, on the
//! settings of a project, which have fields of every kind).

use crate::common::{assert_error, assert_json, send_raw};
use http::Method;
use model::UserId;
use serde_json::{Value, json};
use testkit::{Api, Reply, Setup, TestApp, on_both_engines};

on_both_engines! {
    what_is_no_json_and_no_form_is_refused,
    what_cannot_be_parsed_is_refused_with_line_and_column,
    a_body_must_be_an_object,
    an_empty_body_changes_nothing,
    forms_are_read_like_json,
    any_charset_is_read_as_utf8,
    a_body_over_the_limit_is_413,
    a_stranger_does_not_make_the_server_read_a_long_body,
    only_the_first_error_is_told,
    every_rule_has_its_code_and_words,
    values_are_coerced_as_documented,
    unknown_and_read_only_members_are_ignored,
    an_unknown_thing_is_told_before_a_broken_body,
}

struct Desk {
    app: TestApp,
    api: Api,
    key: String,
    user: UserId,
    path: String,
}

impl Desk {
    async fn new(setup: Setup) -> Self {
        let app = setup.start().await;
        let tenant = app.tenant().await;
        let path = format!("/api/projects/{}/", tenant.project);
        Self {
            app,
            api: tenant.api,
            key: tenant.key,
            user: tenant.user,
            path,
        }
    }

    async fn patch(&self, body: Value) -> Reply {
        self.api.patch(&self.path, &body).await
    }

    async fn raw(&self, kind: &str, body: impl Into<String>) -> Reply {
        send_raw(&self.api, Method::PATCH, &self.path, kind, body).await
    }

    async fn project(&self) -> Value {
        self.api.get(&self.path).await.expect(200).json
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

async fn what_is_no_json_and_no_form_is_refused(setup: Setup) {
    let desk = Desk::new(setup).await;
    for kind in [
        "text/plain",
        "application/vnd.api+json",
        "application/xml",
        "nonsense",
    ] {
        let reply = desk.raw(kind, "{}").await;
        let expected = json!({
            "type": "invalid_request", "code": "unsupported_media_type",
            "detail": format!("Unsupported media type \"{kind}\" in request."), "attr": null,
        });
        assert_json(&reply, 415, &expected);
    }
}

async fn what_cannot_be_parsed_is_refused_with_line_and_column(setup: Setup) {
    let desk = Desk::new(setup).await;
    let before = desk.project().await;
    for body in [
        "{bad",
        "{\"name\": \"x\"",
        "{\"name\": \"x\",}",
        "{}{}",
        "{} x",
        "\u{feff}{}",
        " \n ",
        "{\"name\": NaN}",
        "{\"name\": Infinity}",
        r#"{"name": "\ud800"}"#,
        "{'name': 'x'}",
        "{\"name\": \"\u{1}\"}",
    ] {
        let reply = desk.raw(JSON, body).await;
        assert_error(&reply, 400, "parse_error", "");
        assert_eq!(reply.json["type"], "invalid_request");
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(
            detail.starts_with("JSON parse error - "),
            "{body:?}: {detail}"
        );
    }
    let reply = desk.raw(JSON, "{\n  \"name\": oops}").await;
    let detail = reply.json["detail"].as_str().unwrap();
    assert!(detail.contains("line 2 column"), "{detail}");
    // No depth of nesting gets any further than that.
    for body in [
        "[".repeat(100_000),
        format!("{}\"x\"", "{\"a\":".repeat(100_000)),
    ] {
        assert_error(&desk.raw(JSON, body).await, 400, "parse_error", "");
    }
    let invalid = desk
        .api
        .request(Method::PATCH, &desk.path)
        .header("content-type", JSON);
    let reply = desk
        .api
        .send(invalid.body(b"{\"name\": \"\xff\xfe\"}".to_vec()))
        .await;
    assert_error(&reply, 400, "parse_error", "");
    assert_eq!(desk.project().await, before);
}

async fn a_body_must_be_an_object(setup: Setup) {
    let desk = Desk::new(setup).await;
    for (body, got) in [
        (json!([]), "list"),
        (json!([{"name": "x"}]), "list"),
        (json!("x"), "str"),
        (json!(3), "int"),
        (json!(1.5), "float"),
        (json!(true), "bool"),
    ] {
        let expected = json!({
            "type": "validation_error", "code": "invalid_input",
            "detail": format!("Invalid data. Expected a dictionary, but got {got}."), "attr": null,
        });
        assert_json(&desk.patch(body).await, 400, &expected);
    }
    let expected = json!({
        "type": "validation_error", "code": "null", "detail": "No data provided", "attr": null,
    });
    assert_json(&desk.patch(Value::Null).await, 400, &expected);
}

async fn an_empty_body_changes_nothing(setup: Setup) {
    let desk = Desk::new(setup).await;
    let before = desk.project().await;
    let no_body = desk
        .api
        .send(desk.api.request(Method::PATCH, &desk.path))
        .await;
    assert_json(&no_body, 200, &before);
    for (kind, body) in [(JSON, ""), (JSON, "{}"), (FORM, "")] {
        assert_json(&desk.raw(kind, body).await, 200, &before);
    }
}

async fn forms_are_read_like_json(setup: Setup) {
    let desk = Desk::new(setup).await;
    let form = "name=A+%26+B&widget_enabled=on&widget_position=top_left&name=The+last";
    let reply = desk.raw(FORM, form).await.expect(200).json;
    assert_eq!(reply["name"], "The last");
    assert_eq!(reply["widget_enabled"], true);
    assert_eq!(reply["widget_position"], "top_left");
    let part = |name: &str, value: &str| {
        format!("--xYx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = format!(
        "{}{}--xYx--\r\n",
        part("name", "Grüße"),
        part("widget_enabled", "false")
    );
    let reply = desk
        .raw("multipart/form-data; boundary=xYx", body)
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&reply["name"], &reply["widget_enabled"]),
        (&json!("Grüße"), &json!(false))
    );
    let broken = desk
        .raw("multipart/form-data; boundary=xYx", "--xYx\r\nnonsense")
        .await;
    assert_error(&broken, 400, "parse_error", "");
    let broken = desk.raw("multipart/form-data", "x").await;
    assert_error(&broken, 400, "parse_error", "");
}

async fn any_charset_is_read_as_utf8(setup: Setup) {
    let desk = Desk::new(setup).await;
    for kind in [
        "application/json; charset=utf-8",
        "application/json;charset=latin-1",
        "APPLICATION/JSON",
    ] {
        let reply = desk.raw(kind, "{\"name\": \"Größe 🦔\"}").await.expect(200);
        assert!(
            reply.text.contains("\"name\":\"Größe 🦔\""),
            "not escaped: {}",
            reply.text
        );
    }
}

async fn a_body_over_the_limit_is_413(mut setup: Setup) {
    setup.api.body_limit = 10_000;
    let desk = Desk::new(setup).await;
    let padded = |length: usize| format!("{{\"nope\": \"{}\"}}", "x".repeat(length - 12));
    desk.raw(JSON, padded(10_000)).await.expect(200);
    let expected = json!({
        "type": "invalid_request", "code": "request_too_large",
        "detail": "Request body is too large.", "attr": null,
    });
    assert_json(&desk.raw(JSON, padded(10_001)).await, 413, &expected);
    // Also when the length is not announced.
    let pieces = (0..11).map(|_| Ok::<_, std::io::Error>("x".repeat(1_000)));
    let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let request = desk
        .api
        .request(Method::PATCH, &desk.path)
        .header("content-type", JSON);
    assert_json(&desk.api.send(request.body(body)).await, 413, &expected);
    // And where credentials are looked for in the body.
    let stranger = desk.app.stranger();
    let reply = send_raw(&stranger, Method::PATCH, &desk.path, JSON, padded(10_001)).await;
    assert_eq!(reply.status, 413);
}

async fn a_stranger_does_not_make_the_server_read_a_long_body(setup: Setup) {
    let desk = Desk::new(setup).await;
    let long = |more: &str| format!("{{\"nope\": \"{}\"{more}}}", "x".repeat(2 << 20));
    let patch = async |api: &Api, path: &str, body: String| {
        send_raw(api, Method::PATCH, path, JSON, body)
            .await
            .status
            .as_u16()
    };
    let (stranger, path, key) = (desk.app.stranger(), &*desk.path, &*desk.key);
    let in_query = |key: &str| format!("{path}?personal_api_key={key}");
    assert_eq!(patch(&stranger, path, long("")).await, 413);
    assert_eq!(patch(&stranger, &in_query("phx_nope"), long("")).await, 413);
    // A key in the body is found after the body has been read.
    let with_key = long(&format!(", \"personal_api_key\": \"{key}\""));
    assert_eq!(patch(&stranger, path, with_key).await, 413);
    let short = format!("{{\"personal_api_key\": \"{key}\"}}");
    assert_eq!(patch(&stranger, path, short).await, 200);
    // Who is known may send what the server takes.
    assert_eq!(patch(&desk.api, path, long("")).await, 200);
    assert_eq!(patch(&stranger, &in_query(key), long("")).await, 200);
    let browser = desk.app.signed_in(desk.user).await;
    assert_eq!(patch(&browser, path, long("")).await, 200);
}

async fn only_the_first_error_is_told(setup: Setup) {
    let desk = Desk::new(setup).await;
    let before = desk.project().await;
    // In the order of the documentation, whatever the order in the body.
    let body = r#"{"widget_position": "x", "timezone": "y", "widget_enabled": "z"}"#;
    let reply = desk.raw(JSON, body).await;
    let expected = json!({
        "type": "validation_error", "code": "invalid_choice",
        "detail": "\"y\" is not a valid choice.", "attr": "timezone",
    });
    assert_json(&reply, 400, &expected);
    // What was right in it is not done either.
    assert_error(
        &desk.patch(json!({"name": "New", "timezone": "y"})).await,
        400,
        "invalid_choice",
        "timezone",
    );
    assert_eq!(desk.project().await, before);
}

async fn every_rule_has_its_code_and_words(setup: Setup) {
    let desk = Desk::new(setup).await;
    let long = "x".repeat(201);
    for (field, value, code, attr, detail) in [
        (
            "name",
            json!(null),
            "null",
            "name",
            "This field may not be null.",
        ),
        (
            "name",
            json!(" \t "),
            "blank",
            "name",
            "This field may not be blank.",
        ),
        (
            "name",
            json!(long),
            "max_length",
            "name",
            "Ensure this field has no more than 200 characters.",
        ),
        (
            "name",
            json!(true),
            "invalid_input",
            "name",
            "Not a valid string.",
        ),
        (
            "name",
            json!(["x"]),
            "invalid_input",
            "name",
            "Not a valid string.",
        ),
        (
            "name",
            json!({}),
            "invalid_input",
            "name",
            "Not a valid string.",
        ),
        (
            "name",
            json!("a\u{0}b"),
            "null_characters_not_allowed",
            "name",
            "Null characters are not allowed.",
        ),
        (
            "widget_position",
            json!("bogus"),
            "invalid_choice",
            "widget_position",
            "\"bogus\" is not a valid choice.",
        ),
        (
            "widget_position",
            json!(""),
            "invalid_choice",
            "widget_position",
            "\"\" is not a valid choice.",
        ),
        (
            "widget_position",
            json!(5),
            "invalid_choice",
            "widget_position",
            "\"5\" is not a valid choice.",
        ),
        (
            "widget_position",
            json!(null),
            "null",
            "widget_position",
            "This field may not be null.",
        ),
        (
            "widget_enabled",
            json!("maybe"),
            "invalid_input",
            "widget_enabled",
            "Must be a valid boolean.",
        ),
        (
            "widget_enabled",
            json!(""),
            "invalid_input",
            "widget_enabled",
            "Must be a valid boolean.",
        ),
        (
            "widget_enabled",
            json!(null),
            "null",
            "widget_enabled",
            "This field may not be null.",
        ),
        (
            "widget_domains",
            json!("x"),
            "not_a_list",
            "widget_domains",
            "Expected a list of items but got type \"str\".",
        ),
        (
            "widget_domains",
            json!({}),
            "not_a_list",
            "widget_domains",
            "Expected a list of items but got type \"dict\".",
        ),
        (
            "widget_domains",
            json!(["ok", 3, false]),
            "invalid_input",
            "widget_domains__2",
            "Not a valid string.",
        ),
        (
            "sla_warning_minutes",
            json!([5, 0]),
            "min_value",
            "sla_warning_minutes__1",
            "Ensure this value is greater than or equal to 1.",
        ),
        (
            "sla_warning_minutes",
            json!([999_999]),
            "max_value",
            "sla_warning_minutes__0",
            "Ensure this value is less than or equal to 525600.",
        ),
        (
            "sla_warning_minutes",
            json!([1.5]),
            "invalid_input",
            "sla_warning_minutes__0",
            "A valid integer is required.",
        ),
        (
            "sla_warning_minutes",
            json!([true]),
            "invalid_input",
            "sla_warning_minutes__0",
            "A valid integer is required.",
        ),
        (
            "sla_warning_minutes",
            json!(vec![1; 11]),
            "max_length",
            "sla_warning_minutes",
            "Ensure this field has no more than 10 elements.",
        ),
        (
            "notification_recipients",
            json!(["nobody"]),
            "invalid_input",
            "notification_recipients__0",
            "Enter a valid email address.",
        ),
    ] {
        let reply = desk.patch(json!({field: value})).await;
        assert_error(&reply, 400, code, attr);
        assert_eq!(reply.json["detail"], detail, "{field}: {value}");
        assert_eq!(reply.json["type"], "validation_error");
    }
}

async fn values_are_coerced_as_documented(setup: Setup) {
    let desk = Desk::new(setup).await;
    for (field, value, stored) in [
        ("name", json!(5), json!("5")),
        ("name", json!("  spaced  "), json!("spaced")),
        ("name", json!("🦔".repeat(200)), json!("🦔".repeat(200))),
        ("widget_enabled", json!("true"), json!(true)),
        ("widget_enabled", json!("off"), json!(false)),
        ("widget_enabled", json!(1), json!(true)),
        ("widget_enabled", json!("0"), json!(false)),
        ("widget_enabled", json!("yes"), json!(true)),
        ("sla_warning_minutes", json!(["3", 4]), json!([3, 4])),
        ("ai_burst", json!("20/min"), json!("20/minute")),
        ("ai_burst", json!(null), json!(null)),
    ] {
        let reply = desk.patch(json!({field: value})).await.expect(200);
        assert_eq!(reply.json[field], stored, "{field}: {value}");
    }
    // Of equal members the last one counts.
    let reply = desk
        .raw(JSON, r#"{"name": "first", "name": "last"}"#)
        .await
        .expect(200);
    assert_eq!(reply.json["name"], "last");
}

async fn unknown_and_read_only_members_are_ignored(setup: Setup) {
    let desk = Desk::new(setup).await;
    let before = desk.project().await;
    let body = json!({"id": 7, "api_token": "mine", "organization": "x", "created_at": 1, "nope": {"a": []}});
    assert_json(&desk.patch(body).await, 200, &before);
}

async fn an_unknown_thing_is_told_before_a_broken_body(setup: Setup) {
    let desk = Desk::new(setup).await;
    let id = testkit::new_uuid();
    for path in [
        format!("{}conversations/{id}/append_message/", desk.path),
        format!("{}conversations/{id}/queue/", desk.path),
    ] {
        let reply = send_raw(&desk.api, Method::POST, &path, JSON, "{bad").await;
        assert_eq!(reply.status, 404, "{}", reply.text);
    }
    let path = format!("{}conversations/articles/{id}/", desk.path);
    let reply = send_raw(&desk.api, Method::PATCH, &path, JSON, "{bad").await;
    assert_eq!(reply.status, 404, "{}", reply.text);
}
