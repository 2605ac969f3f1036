//! Personal API keys over HTTP.

use crate::common::{assert_error, keys};
use serde_json::{Value, json};
use testkit::{Api, Setup, on_both_engines};

on_both_engines! {
    a_key_is_made_by_who_has_signed_in_and_shown_once,
    a_key_makes_and_changes_no_key,
    a_key_is_changed_and_revoked_by_its_owner_only,
    a_key_with_mistakes_is_refused,
    every_scope_is_described,
    a_person_has_at_most_a_hundred_keys,
}

const PATH: &str = "/api/personal_api_keys/";

async fn make(browser: &Api, scopes: &Value) -> Value {
    let body = json!({"label": "ci", "scopes": scopes});
    browser.post(PATH, &body).await.expect(201).json
}

fn path(key: &Value) -> String {
    format!("{PATH}{}/", key["id"].as_str().unwrap())
}

async fn a_key_is_made_by_who_has_signed_in_and_shown_once(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    let body = json!({
        "label": " ci ", "scopes": ["ticket:read", "user:read"], "scoped_teams": [tenant.project],
        "scoped_organizations": [tenant.organization],
    });
    let reply = browser.post(PATH, &body).await.expect(201);
    assert_eq!(reply.header("cache-control"), "no-store");
    let made = reply.json;
    let secret = made["value"].as_str().unwrap();
    assert!(secret.starts_with("phx_"), "{secret}");
    assert_eq!(made["label"], "ci");
    assert_eq!(made["scoped_teams"], json!([tenant.project]));
    let key = app.api(secret);
    let tickets = format!("/api/projects/{}/conversations/tickets/", tenant.project);
    key.get(&tickets).await.expect(200);
    assert_error(
        &key.post(&tickets, &json!({})).await,
        403,
        "permission_denied",
        "",
    );
    let current = key
        .get("/api/personal_api_keys/@current/")
        .await
        .expect(200)
        .json;
    let listed = browser.get(PATH).await.expect(200);
    assert!(!listed.text.contains(secret));
    let listed = listed.json["results"].as_array().unwrap().clone();
    // The test's own key is the other one.
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1]["id"], current["id"]);
    assert!(!keys(&listed[1]).contains(&"value"));
    assert_eq!(key.get(PATH).await.expect(200).json["count"], 2);
}

async fn a_key_makes_and_changes_no_key(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let made = make(&app.signed_in(tenant.user).await, &json!(["ticket:read"])).await;
    let body = json!({"label": "more", "scopes": ["*"]});
    // Not even one that may do everything.
    for reply in [
        tenant.api.post(PATH, &body).await,
        tenant.api.patch(&path(&made), &body).await,
        tenant.api.delete(&path(&made)).await,
    ] {
        assert_error(&reply, 403, "permission_denied", "");
        assert_eq!(
            reply.json["detail"],
            "This action does not support personal API key access"
        );
    }
    let without_scope = app.api(&app.key(tenant.user, &["ticket:read"]).await);
    assert_error(&without_scope.get(PATH).await, 403, "permission_denied", "");
}

async fn a_key_is_changed_and_revoked_by_its_owner_only(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    let made = make(&browser, &json!(["ticket:read"])).await;
    let key = app.api(made["value"].as_str().unwrap());
    let tickets = format!("/api/projects/{}/conversations/tickets/", tenant.project);
    key.get(&tickets).await.expect(200);

    let colleague = app.member(tenant.organization, tenant.project).await;
    let colleague = app.signed_in(colleague.user).await;
    assert_error(
        &colleague.patch(&path(&made), &json!({})).await,
        404,
        "not_found",
        "",
    );
    assert_error(&colleague.delete(&path(&made)).await, 404, "not_found", "");
    assert_eq!(colleague.get(PATH).await.expect(200).json["count"], 1);

    let changed = browser
        .patch(
            &path(&made),
            &json!({"label": "renamed", "scopes": ["person:read"]}),
        )
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&changed["label"], &changed["scopes"]),
        (&json!("renamed"), &json!(["person:read"]))
    );
    assert_eq!(changed["mask_value"], made["mask_value"]);
    assert_error(&key.get(&tickets).await, 403, "permission_denied", "");
    assert_eq!(
        browser
            .patch(&path(&made), &json!({}))
            .await
            .expect(200)
            .json["label"],
        "renamed"
    );
    browser.delete(&path(&made)).await.expect(204);
    assert_error(
        &key.get("/api/users/@me/").await,
        401,
        "authentication_failed",
        "",
    );
    for reply in [
        browser.delete(&path(&made)).await,
        browser.patch(&path(&made), &json!({})).await,
        browser.delete(&format!("{PATH}x/")).await,
    ] {
        assert_error(&reply, 404, "not_found", "");
    }
}

async fn a_key_with_mistakes_is_refused(setup: Setup) {
    let app = setup.start().await;
    let (tenant, other) = (app.tenant().await, app.tenant().await);
    let browser = app.signed_in(tenant.user).await;
    let all = json!(["*"]);
    for (body, code, attr) in [
        (json!({"scopes": all}), "required", "label"),
        (json!({"label": "x"}), "required", "scopes"),
        (json!({"label": "x", "scopes": []}), "empty", "scopes"),
        (
            json!({"label": "x", "scopes": ["*", "dashboard:read"]}),
            "invalid_choice",
            "scopes__1",
        ),
        (
            json!({"label": "x".repeat(201), "scopes": all}),
            "max_length",
            "label",
        ),
        (
            json!({"label": "x", "scopes": all, "scoped_teams": [tenant.project, other.project]}),
            "invalid_choice",
            "scoped_teams__1",
        ),
        (
            json!({"label": "x", "scopes": all, "scoped_organizations": [other.organization]}),
            "invalid_choice",
            "scoped_organizations__0",
        ),
        (
            json!({"label": "x", "scopes": all, "scoped_teams": "x"}),
            "not_a_list",
            "scoped_teams",
        ),
    ] {
        assert_error(&browser.post(PATH, &body).await, 400, code, attr);
    }
    assert_eq!(browser.get(PATH).await.json["count"], 1);
}

async fn every_scope_is_described(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let scopes = app.key(tenant.user, &[]).await;
    let scopes = app
        .api(&scopes)
        .get("/api/personal_api_keys/scopes/")
        .await
        .expect(200)
        .json;
    let scopes = scopes["results"].as_array().unwrap();
    let named: Vec<_> = scopes
        .iter()
        .map(|it| it["scope"].as_str().unwrap())
        .collect();
    assert!(
        named.contains(&"ticket:write") && named.contains(&"*"),
        "{named:?}"
    );
    assert!(
        scopes
            .iter()
            .all(|it| it["description"].as_str().unwrap().ends_with('.'))
    );
}

async fn a_person_has_at_most_a_hundred_keys(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    for _ in 0..99 {
        make(&browser, &json!(["ticket:read"])).await;
    }
    let body = json!({"label": "x", "scopes": ["*"]});
    assert_error(&browser.post(PATH, &body).await, 409, "conflict", "");
    let listed = browser.get(PATH).await.expect(200).json;
    browser
        .delete(&path(&listed["results"][0]))
        .await
        .expect(204);
    make(&browser, &json!(["ticket:read"])).await;
}
