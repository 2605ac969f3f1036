//! Who is calling (conventions.md 2.1, 2.2 and rows 1 to 9 of its section 11).

use crate::common::{assert_json, eventually, send_raw};
use http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{Api, Reply, Setup, Tenant, TestApp, on_both_engines};

on_both_engines! {
    who_shows_no_credentials_is_told_so,
    who_shows_bad_credentials_is_told_where,
    a_key_is_taken_from_header_body_or_query,
    the_first_credential_found_is_the_only_one_tried,
    a_body_without_credentials_is_read_before_they_are_missed,
    a_revoked_key_is_refused_within_a_second,
    the_use_of_a_key_is_recorded,
}

fn list(tenant: &Tenant) -> String {
    format!("/api/projects/{}/conversations/", tenant.project)
}

fn refusal(code: &str, detail: &str) -> Value {
    json!({"type": "authentication_error", "code": code, "detail": detail, "attr": null})
}

#[track_caller]
fn assert_401(reply: &Reply, code: &str, detail: &str) {
    assert_json(reply, 401, &refusal(code, detail));
    assert!(
        reply.header("www-authenticate").starts_with("Bearer"),
        "{:?}",
        reply.headers
    );
    // The envelope's members in their order.
    assert!(
        reply
            .text
            .starts_with("{\"type\":\"authentication_error\",\"code\":"),
        "{}",
        reply.text
    );
}

const NONE: &str = "Authentication credentials were not provided.";

async fn with_header(app: &TestApp, path: &str, value: &str) -> Reply {
    let api = app.stranger();
    let request = api
        .request(Method::GET, path)
        .header("authorization", value);
    api.send(request).await
}

async fn who_shows_no_credentials_is_told_so(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let path = list(&tenant);
    assert_401(&app.stranger().get(&path).await, "not_authenticated", NONE);
    // Another scheme, and a token that is none, count as no credentials.
    for value in [
        format!("Token {}", tenant.key),
        format!("Basic {}", tenant.key),
        tenant.key.clone(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer x".to_owned(),
    ] {
        assert_401(
            &with_header(&app, &path, &value).await,
            "not_authenticated",
            NONE,
        );
    }
    // The name of the scheme has no case (RFC 9110), and space around the token does not matter.
    for value in [
        format!("bearer {}", tenant.key),
        format!("BEARER   {} ", tenant.key),
    ] {
        assert_eq!(
            with_header(&app, &path, &value).await.status,
            200,
            "{value}"
        );
    }
}

async fn who_shows_bad_credentials_is_told_where(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let path = list(&tenant);
    let header = "Personal API key found in request Authorization header is invalid.";
    let project = tenant
        .api
        .get(&format!("/api/projects/{}/", tenant.project))
        .await
        .json;
    let public = project["api_token"].as_str().unwrap();
    assert!(public.starts_with("phc_"), "{public}");
    for (token, detail) in [
        ("phx_nope", header),
        ("nope", header),
        ("phs_0123456789abcdef", header),
        (public, header),
        ("pha_nope", "Invalid access token."),
    ] {
        let reply = with_header(&app, &path, &format!("Bearer {token}")).await;
        assert_401(&reply, "authentication_failed", detail);
    }
    let stranger = app.stranger();
    let query = stranger.get(&format!("{path}?personal_api_key=nope")).await;
    let detail = "Personal API key found in request query string is invalid.";
    assert_401(&query, "authentication_failed", detail);
    let body = stranger
        .post(&path, &json!({"personal_api_key": "nope"}))
        .await;
    let detail = "Personal API key found in request body is invalid.";
    assert_401(&body, "authentication_failed", detail);
    for name in ["token", "api_key"] {
        let reply = stranger.get(&format!("{path}?{name}={public}")).await;
        assert_401(
            &reply,
            "authentication_failed",
            "Incorrect authentication credentials.",
        );
    }
}

async fn a_key_is_taken_from_header_body_or_query(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let (path, key, stranger) = (list(&tenant), &tenant.key, app.stranger());
    stranger
        .get(&format!("{path}?personal_api_key={key}"))
        .await
        .expect(200);
    let project = format!("/api/projects/{}/", tenant.project);
    let named = json!({"personal_api_key": key, "name": "From the body"});
    let changed = stranger.patch(&project, &named).await.expect(200);
    assert_eq!(changed.json["name"], "From the body");
    let form = format!("name=From+a+form&personal_api_key={key}");
    let kind = "application/x-www-form-urlencoded";
    let changed = send_raw(&stranger, Method::PATCH, &project, kind, form)
        .await
        .expect(200);
    assert_eq!(changed.json["name"], "From a form");
}

async fn the_first_credential_found_is_the_only_one_tried(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let key = &tenant.key;
    let path = format!("{}?personal_api_key={key}", list(&tenant));
    let reply = with_header(&app, &path, "Bearer nope").await;
    let detail = "Personal API key found in request Authorization header is invalid.";
    assert_401(&reply, "authentication_failed", detail);
    let reply = app
        .stranger()
        .post(&path, &json!({"personal_api_key": "nope"}))
        .await;
    let detail = "Personal API key found in request body is invalid.";
    assert_401(&reply, "authentication_failed", detail);
    // What is no scheme of ours does not count as found.
    assert_eq!(with_header(&app, &path, "Token nope").await.status, 200);
}

async fn a_body_without_credentials_is_read_before_they_are_missed(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let path = format!("/api/projects/{}/", tenant.project);
    let send = async |api: &Api, kind: &str, body: &str| {
        let reply = send_raw(api, Method::PATCH, &path, kind, body).await;
        (
            reply.status.as_u16(),
            reply.json["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let stranger = app.stranger();
    let told = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(
        send(&stranger, "application/json", "{bad").await,
        told(400, "parse_error")
    );
    assert_eq!(
        send(&stranger, "text/plain", "hello").await,
        told(415, "unsupported_media_type")
    );
    assert_eq!(
        send(&stranger, "application/json", "[1]").await,
        told(401, "not_authenticated")
    );
    // With a header the body is looked at only after everything else.
    let reader = app.api(&app.key(tenant.user, &["project:read"]).await);
    assert_eq!(
        send(&reader, "application/json", "{bad").await,
        told(403, "permission_denied")
    );
}

async fn a_revoked_key_is_refused_within_a_second(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let me = "/api/users/@me/";
    tenant.api.get(me).await.expect(200);
    app.revoke(&tenant.key).await;
    let revoked = Instant::now();
    let refused = async || tenant.api.get(me).await.status == 401;
    eventually("the key is refused", refused).await;
    let took = revoked.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

async fn the_use_of_a_key_is_recorded(setup: Setup) {
    let app = setup.start().await;
    let api = app.tenant().await.api;
    let current = "/api/personal_api_keys/@current/";
    let last_used = async || api.get(current).await.expect(200).json["last_used_at"].clone();
    eventually("the use is recorded", async || {
        last_used().await.is_string()
    })
    .await;
    let first = last_used().await;
    // At most once an hour.
    app.advance(Duration::from_secs(3000));
    assert_eq!(last_used().await, first);
    app.advance(Duration::from_secs(1000));
    eventually("the later use is recorded", async || {
        last_used().await != first
    })
    .await;
}
