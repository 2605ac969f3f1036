//! Rules of tone and of escalation (tickets.md 16.3).

use crate::common::assert_error;
use crate::tickets_desk::path;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Setup, on_both_engines};

on_both_engines! {
    guidance_rules_are_made_filtered_changed_and_deleted,
}

async fn guidance_rules_are_made_filtered_changed_and_deleted(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let rules = path(&tenant, "guidance/");
    let mut made = Vec::new();
    for body in [
        json!({"rule_type": "tone", "name": "Freundlich \u{dc}ben", "content": "Be kind."}),
        json!({"rule_type": "escalation", "name": "Refunds 100%", "content": "To people.", "is_active": false,
            "channels": ["widget", "email", "widget"]}),
    ] {
        made.push(tenant.api.post(&rules, &body).await.expect(201).json);
        app.advance(Duration::from_secs(1));
    }
    assert_eq!(made[0]["channels"], json!([]));
    assert_eq!(made[1]["channels"], json!(["email", "widget"]));
    assert_eq!(
        (&made[0]["is_active"], &made[0]["created_by"]["id"]),
        (&json!(true), &json!(tenant.user))
    );
    for (query, expected) in [
        ("", vec![1, 0]),
        ("?is_active=true", vec![0]),
        ("?is_active=false", vec![1]),
        ("?is_active=maybe", vec![1, 0]),
        ("?rule_type=tone", vec![0]),
        ("?rule_type=nope", vec![1, 0]),
        ("?search=%C3%BCBEN", vec![0]),
        ("?search=100%25", vec![1]),
        ("?search=1_0", vec![]),
        ("?rule_type=tone&is_active=false", vec![]),
        ("?limit=1&offset=1", vec![0]),
    ] {
        let list = tenant
            .api
            .get(&format!("{rules}{query}"))
            .await
            .expect(200)
            .json;
        let expected: Vec<&Value> = expected
            .into_iter()
            .map(|index: usize| &made[index])
            .collect();
        assert_eq!(list["results"], json!(expected), "{query}");
    }
    for (body, code, attr) in [
        (
            json!({"name": "n", "content": "c"}),
            "required",
            "rule_type",
        ),
        (
            json!({"rule_type": "x", "name": "n", "content": "c"}),
            "invalid_choice",
            "rule_type",
        ),
        (
            json!({"rule_type": "tone", "content": "c"}),
            "required",
            "name",
        ),
        (
            json!({"rule_type": "tone", "name": "n"}),
            "required",
            "content",
        ),
        (
            json!({"rule_type": "tone", "name": "n", "content": "c", "channels": ["fax"]}),
            "invalid_choice",
            "channels__0",
        ),
    ] {
        assert_error(&tenant.api.post(&rules, &body).await, 400, code, attr);
    }
    let one = format!("{rules}{}/", made[0]["id"].as_str().unwrap());
    let changed = tenant
        .api
        .patch(&one, &json!({"is_active": false, "name": "N"}))
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&changed["is_active"], &changed["name"], &changed["content"]),
        (&json!(false), &json!("N"), &json!("Be kind."))
    );
    assert_eq!(tenant.api.get(&one).await.expect(200).json, changed);
    assert_eq!(
        tenant.api.get(&format!("{rules}?search=kind")).await.json["count"],
        0
    );
    let other = app.tenant().await;
    let theirs = path(
        &other,
        &format!("guidance/{}/", made[0]["id"].as_str().unwrap()),
    );
    assert_error(&other.api.get(&theirs).await, 404, "not_found", "");
    assert_error(&other.api.delete(&theirs).await, 404, "not_found", "");
    tenant.api.delete(&one).await.expect(204);
    assert_error(&tenant.api.get(&one).await, 404, "not_found", "");
    assert_error(
        &tenant.api.get(&format!("{rules}nope/")).await,
        404,
        "not_found",
        "",
    );
}
