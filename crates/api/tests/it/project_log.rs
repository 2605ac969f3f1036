//! What is done to a project itself is in its log of changes.

use crate::common::{assert_error, keys};
use serde_json::{Value, json};
use testkit::{Setup, Tenant, on_both_engines};

on_both_engines! {
    a_changed_setting_is_in_the_log_with_what_it_was,
    a_change_that_changes_nothing_is_not,
    the_secret_is_read_again_and_the_log_says_by_whom,
    what_is_done_with_keys_and_secrets_is_in_the_log_without_them,
    whether_an_earlier_secret_is_valid_is_told_to_those_who_might_drop_it,
    who_leaves_and_who_is_taken_out_is_in_the_log_of_each_project,
}

fn path(tenant: &Tenant, rest: &str) -> String {
    format!("/api/projects/{}/{rest}", tenant.project)
}

/// The log of the project itself, newest first.
async fn log(tenant: &Tenant) -> Vec<Value> {
    let path = path(tenant, "activity_log/?scope=Project");
    let page = tenant.api.get(&path).await.expect(200).json;
    page["results"].as_array().unwrap().clone()
}

async fn a_changed_setting_is_in_the_log_with_what_it_was(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let change = json!({
        "name": "Shop",
        "timezone": "Europe/Berlin",
        "conversations_settings": {"widget_enabled": true},
        "ai_suggestions": true,
    });
    let request = tenant
        .api
        .request(http::Method::PATCH, &path(&tenant, ""))
        .header("x-posthog-client", "web");
    tenant.api.send(request.json(&change)).await.expect(200);
    let log = log(&tenant).await;
    assert_eq!(log.len(), 1);
    let row = &log[0];
    assert_eq!(row["activity"], "updated");
    assert_eq!(row["item_id"], json!(tenant.project.to_string()));
    assert_eq!(row["user"]["id"], json!(tenant.user));
    assert_eq!(row["client"], "web");
    assert_eq!(row["detail"]["name"], "Shop");
    let changes = row["detail"]["changes"].as_array().unwrap();
    let fields: Vec<_> = changes.iter().map(|it| it["field"].clone()).collect();
    assert_eq!(fields, ["name", "timezone", "widget_enabled"]);
    let zone = &changes[1];
    assert_eq!(keys(zone), ["action", "after", "before", "field", "type"]);
    assert_eq!(
        (&zone["before"], &zone["after"], &zone["action"]),
        (&json!("UTC"), &json!("Europe/Berlin"), &json!("changed"))
    );
}

async fn a_change_that_changes_nothing_is_not(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    for change in [json!({}), json!({"timezone": "UTC"})] {
        let changed = tenant.api.patch(&path(&tenant, ""), &change).await;
        changed.expect(200);
    }
    let refused = json!({"timezone": "Europe/Berlin", "business_hours": 5});
    let refused = tenant.api.patch(&path(&tenant, ""), &refused).await;
    assert_error(&refused, 400, "not_a_dict", "business_hours");
    assert_eq!(log(&tenant).await, Vec::<Value>::new());
}

async fn the_secret_is_read_again_and_the_log_says_by_whom(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let post = async |rest: &str| tenant.api.post(&path(&tenant, rest), &json!({})).await;
    let made = post("rotate_secret_token/").await.expect(200).json;
    let read = post("reveal_secret_token/").await.expect(200);
    assert_eq!(read.json, made);
    assert!(
        read.json["secret_token"]
            .as_str()
            .unwrap()
            .starts_with("phs_")
    );
    assert_eq!(read.header("cache-control"), "no-store");
    // It is nowhere where nobody is noted down.
    let detail = tenant.api.get(&path(&tenant, "")).await.expect(200).text;
    assert!(!detail.contains("phs_"));
    tenant
        .api
        .get(&path(&tenant, "reveal_secret_token/"))
        .await
        .expect(405);
    let log = log(&tenant).await;
    assert_eq!(log[0]["activity"], "secret_revealed");
    assert_eq!(log[0]["user"]["id"], json!(tenant.user));
    let text = Value::from(log).to_string();
    assert!(!text.contains("phs_"), "{text}");
}

async fn what_is_done_with_keys_and_secrets_is_in_the_log_without_them(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let api = &tenant.api;
    let post = async |rest: &str, body: Value| api.post(&path(&tenant, rest), &body).await;
    let key = json!({"label": "Nightly", "scopes": ["support_ticket:read"]});
    let made = post("project_secret_api_keys/", key).await.expect(201).json;
    let id = made["id"].as_str().unwrap();
    let key = path(&tenant, &format!("project_secret_api_keys/{id}/"));
    api.delete(&key).await.expect(204);
    api.delete(&key).await.expect(404);
    post("rotate_secret_token/", json!({})).await.expect(200);
    post("delete_secret_token_backup/", json!({}))
        .await
        .expect(204);
    let token = post("generate_conversations_public_token/", json!({})).await;
    token.expect(200);
    let log = log(&tenant).await;
    let done: Vec<_> = log.iter().map(|row| row["activity"].clone()).collect();
    assert_eq!(
        done,
        [
            "widget_token_replaced",
            "old_secret_dropped",
            "secret_rotated",
            "key_revoked",
            "key_created",
        ]
    );
    let names: Vec<_> = log.iter().map(|row| &row["detail"]["name"]).collect();
    assert_eq!((names[3], names[4]), (&json!("Nightly"), &json!("Nightly")));
    assert!(!Value::from(log.clone()).to_string().contains("phs_"));
}

async fn whether_an_earlier_secret_is_valid_is_told_to_those_who_might_drop_it(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let has_backup = async || {
        let project = tenant.api.get(&path(&tenant, "")).await.expect(200).json;
        project["has_secret_token_backup"].clone()
    };
    let post = async |rest: &str| tenant.api.post(&path(&tenant, rest), &json!({})).await;
    assert_eq!(has_backup().await, json!(false));
    post("rotate_secret_token/").await.expect(200);
    assert_eq!(has_backup().await, json!(true));
    let change = json!({"name": "Shop"});
    let changed = tenant
        .api
        .patch(&path(&tenant, ""), &change)
        .await
        .expect(200);
    assert_eq!(changed.json["has_secret_token_backup"], json!(true));
    post("delete_secret_token_backup/").await.expect(204);
    assert_eq!(has_backup().await, json!(false));
}

async fn who_leaves_and_who_is_taken_out_is_in_the_log_of_each_project(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let elsewhere = app.tenant().await;
    let second = Tenant {
        project: app.project(tenant.organization).await,
        ..tenant.clone()
    };
    let leaves = app.member(tenant.organization, tenant.project).await;
    let goes = app.member(tenant.organization, tenant.project).await;
    let members = format!("/api/organizations/{}/members/", tenant.organization);
    let of = |user: model::UserId| format!("{members}{user}/");
    leaves.api.delete(&of(leaves.user)).await.expect(204);
    tenant.api.delete(&of(goes.user)).await.expect(204);
    tenant.api.delete(&of(goes.user)).await.expect(404);
    for tenant in [&tenant, &second] {
        let log = log(tenant).await;
        let rows: Vec<_> = log
            .iter()
            .map(|row| (row["activity"].as_str().unwrap(), row["user"]["id"].clone()))
            .collect();
        let expected = [
            ("member_removed", json!(tenant.user)),
            ("member_left", json!(leaves.user)),
        ];
        assert_eq!(rows, expected);
        assert_eq!(log[1]["detail"]["name"], log[1]["user"]["email"]);
    }
    assert_eq!(log(&elsewhere).await, Vec::<Value>::new());
}
