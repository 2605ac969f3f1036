//! Drafts of answers, kept for their writers.

use crate::common::{assert_error, assert_json};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Reply, Setup, Tenant, on_both_engines};

on_both_engines! {
    a_draft_is_kept_changed_and_thrown_away,
    a_draft_is_its_writers_alone,
    a_draft_is_bounded,
    of_too_many_drafts_the_oldest_go,
}

fn path(tenant: &Tenant, key: &str) -> String {
    format!(
        "/api/projects/{}/conversations/drafts/{key}/",
        tenant.project
    )
}

async fn put(api: &Api, path: &str, body: &Value) -> Reply {
    api.send(api.request(Method::PUT, path).json(body)).await
}

async fn a_draft_is_kept_changed_and_thrown_away(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    let path = path(&tenant, "0190a4b0-0000-7000-8000-000000000000");
    let none = json!({
        "key": "0190a4b0-0000-7000-8000-000000000000",
        "content": "",
        "rich_content": null,
        "is_private": false,
        "updated_at": null,
    });
    assert_json(&browser.get(&path).await, 200, &none);
    let rich = json!({"type": "doc", "content": [{"type": "paragraph"}]});
    let body = json!({"content": "Dear Ada, ", "rich_content": rich, "is_private": true});
    let kept = put(&browser, &path, &body).await.expect(200).json;
    assert_eq!(
        kept["content"], "Dear Ada, ",
        "the space at the end is part of it"
    );
    assert_eq!(
        (&kept["rich_content"], &kept["is_private"]),
        (&rich, &json!(true))
    );
    assert_eq!(kept["key"], "0190a4b0-0000-7000-8000-000000000000");
    assert_eq!(browser.get(&path).await.expect(200).json, kept);
    let empty = put(&browser, &path, &json!({})).await.expect(200).json;
    assert_eq!(
        (&empty["content"], &empty["rich_content"]),
        (&json!(""), &Value::Null)
    );
    for _ in 0..2 {
        browser.delete(&path).await.expect(204);
    }
    assert_json(&browser.get(&path).await, 200, &none);
}

async fn a_draft_is_its_writers_alone(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let second = Tenant {
        project: app.project(tenant.organization).await,
        ..tenant.clone()
    };
    let new = path(&tenant, "new");
    put(&tenant.api, &new, &json!({"content": "mine"}))
        .await
        .expect(200);
    let theirs = colleague.api.get(&new).await.expect(200).json;
    let elsewhere = tenant.api.get(&path(&second, "new")).await;
    for draft in [theirs, elsewhere.expect(200).json] {
        assert_eq!(
            (&draft["content"], &draft["updated_at"]),
            (&json!(""), &Value::Null)
        );
    }
    colleague.api.delete(&new).await.expect(204);
    assert_eq!(
        tenant.api.get(&new).await.expect(200).json["content"],
        "mine"
    );
    let other = app.tenant().await;
    assert_error(&other.api.get(&new).await, 403, "permission_denied", "");
    let reader = app.api(&app.key(tenant.user, &["ticket:read"]).await);
    reader.get(&new).await.expect(200);
    assert_error(
        &put(&reader, &new, &json!({})).await,
        403,
        "permission_denied",
        "",
    );
}

async fn a_draft_is_bounded(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let new = path(&tenant, "new");
    for (body, code, attr) in [
        (
            json!({"content": "x".repeat(102_401)}),
            "max_length",
            "content",
        ),
        (json!({"content": 5}), "invalid_input", "content"),
        (
            json!({"content": "a\u{0}"}),
            "null_characters_not_allowed",
            "content",
        ),
        (json!({"is_private": "x"}), "invalid_input", "is_private"),
    ] {
        assert_error(&put(&tenant.api, &new, &body).await, 400, code, attr);
    }
    let longest = json!({"content": "x".repeat(102_400)});
    put(&tenant.api, &new, &longest).await.expect(200);
    for key in ["a%20b", "%00", &"x".repeat(101)] {
        assert_error(
            &put(&tenant.api, &path(&tenant, key), &json!({})).await,
            404,
            "not_found",
            "",
        );
    }
}

async fn of_too_many_drafts_the_oldest_go(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    for index in 0..202 {
        let path = path(&tenant, &format!("draft-{index}"));
        put(&tenant.api, &path, &json!({"content": "x"}))
            .await
            .expect(200);
        app.advance(Duration::from_millis(1));
    }
    for (index, content) in [(0, ""), (1, ""), (2, "x"), (201, "x")] {
        let path = path(&tenant, &format!("draft-{index}"));
        let draft = tenant.api.get(&path).await.expect(200).json;
        assert_eq!(draft["content"], content, "{index}");
    }
}
