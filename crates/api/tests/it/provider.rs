//! Who answers, as the settings page tells it.

use crate::common::{Stage, assert_error, assert_json};
use model::MemberLevel;
use model::rates::{Limit, Per};
use serde_json::json;
use testkit::{Script, Setup, on_both_engines};

on_both_engines! {
    without_a_model_the_extractive_answerer_is_named,
    a_model_is_named_and_no_secret,
    a_model_that_answers_passes_the_test,
    what_is_wrong_with_a_model_is_told_by_kind,
    only_admins_test,
    a_test_counts_as_a_turn,
}

const PAGE: &str = "/api/projects/@current/assistant/";
const TEST: &str = "/api/projects/@current/assistant/test/";

async fn without_a_model_the_extractive_answerer_is_named(setup: Setup) {
    let app = setup.start().await;
    let api = app.tenant().await.api;
    let facts = json!({"provider": "extractive", "model": null, "is_configured": false});
    assert_json(&api.get(PAGE).await, 200, &facts);
    let test = api.post(TEST, &json!({})).await.expect(200).json;
    assert_eq!(test["ok"], true);
    assert!(test["latency_ms"].is_u64(), "{test}");
}

async fn a_model_is_named_and_no_secret(setup: Setup) {
    let stage = Stage::new(setup).await;
    let facts = json!({"provider": "openai", "model": "stub", "is_configured": true});
    assert_json(&stage.tenant.api.get(PAGE).await, 200, &facts);
    assert!(stage.model.requests().is_empty());
}

async fn a_model_that_answers_passes_the_test(setup: Setup) {
    let stage = Stage::new(setup).await;
    let test = stage.tenant.api.post(TEST, &json!({})).await.expect(200);
    assert_eq!(test.json["ok"], true);
    assert_eq!(test.json["error_type"], json!(null));
    assert_eq!(stage.model.requests().len(), 1, "one call");
}

async fn what_is_wrong_with_a_model_is_told_by_kind(setup: Setup) {
    let stage = Stage::new(setup).await;
    for (status, kind) in [
        (401, "unauthorized"),
        (403, "unauthorized"),
        (404, "not_found"),
        (400, "rejected"),
        (429, "rate_limit"),
        (504, "timeout"),
        (500, "unavailable"),
    ] {
        let secret = r#"{"error":{"message":"sk-secret is wrong at http://10.0.0.1"}}"#;
        stage
            .model
            .respond(move |_| Script::status(status).body(secret));
        let before = stage.model.requests().len();
        let test = stage.tenant.api.post(TEST, &json!({})).await.expect(200);
        assert_eq!(test.json["ok"], false, "{status}");
        assert_eq!(test.json["error_type"], kind, "{status}");
        assert!(!test.text.contains("sk-secret") && !test.text.contains("10.0.0.1"));
        assert!(test.json["detail"].as_str().is_some_and(|it| it.len() > 20));
        let attempts = stage.model.requests().len() - before;
        assert!(attempts <= 2, "{status}: {attempts}");
    }
}

async fn only_admins_test(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (organization, project) = (stage.tenant.organization, stage.tenant.project);
    let member = stage.app.member(organization, project).await;
    let (user, now) = (member.user, stage.app.env.now());
    let made = stage.app.store.write(move |c| {
        Box::pin(async move {
            let level = MemberLevel::Member;
            store::organizations::set_member(c, organization, user, level, now).await
        })
    });
    made.await.unwrap();
    stage.app.app.forget_cached();
    let (page, test) = (
        format!("/api/projects/{project}/assistant/"),
        format!("/api/projects/{project}/assistant/test/"),
    );
    member.api.get(&page).await.expect(200);
    assert_error(
        &member.api.post(&test, &json!({})).await,
        403,
        "permission_denied",
        "",
    );
    let key = stage
        .app
        .key(stage.tenant.user, &["project:read", "ticket:write"])
        .await;
    let api = stage.app.api(&key);
    api.get(&page).await.expect(200);
    assert_error(
        &api.post(&test, &json!({})).await,
        403,
        "permission_denied",
        "",
    );
    let key = stage.app.key(stage.tenant.user, &["ticket:write"]).await;
    assert_error(
        &stage.app.api(&key).get(&page).await,
        403,
        "permission_denied",
        "",
    );
    assert!(stage.model.requests().is_empty());
}

async fn a_test_counts_as_a_turn(mut setup: Setup) {
    setup.api.rate_limits = true;
    setup
        .api
        .rates
        .insert("ai_burst", Limit::at(2, Per::Minute));
    let stage = Stage::new(setup).await;
    for _ in 0..2 {
        stage.tenant.api.post(TEST, &json!({})).await.expect(200);
    }
    let refused = stage.tenant.api.post(TEST, &json!({})).await;
    assert_error(&refused, 429, "throttled", "");
    assert_eq!(stage.model.requests().len(), 2);
}
