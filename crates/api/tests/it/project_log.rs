//! What is done to a project itself is in its log of changes.

use crate::common::{assert_error, keys};
use http::Method;
use serde_json::{Value, json};
use testkit::{Setup, Tenant, on_both_engines};

on_both_engines! {
    a_changed_setting_is_in_the_log_with_what_it_was,
    a_change_that_changes_nothing_is_not,
    the_secret_is_read_again_and_the_log_says_by_whom,
    what_is_done_with_keys_and_secrets_is_in_the_log_without_them,
    whether_an_earlier_secret_is_valid_is_told_to_those_who_might_drop_it,
    who_leaves_and_who_is_taken_out_is_in_the_log_of_each_project,
    who_is_invited_joins_and_may_do_more_is_in_the_log_of_each_project,
    what_the_assistant_draws_on_and_who_changed_it_is_in_the_log,
    what_becomes_of_tags_is_in_the_log,
    who_took_the_whole_project_away_is_in_the_log,
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

/// What was done, to what, and by whom; oldest first.
async fn done(tenant: &Tenant) -> Vec<(String, String, Value)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = log(tenant).await.into_iter().rev();
    rows.map(|row| {
        let name = text(&row["detail"]["name"]);
        (text(&row["activity"]), name, row["user"]["id"].clone())
    })
    .collect()
}

fn expected(user: model::UserId, rows: &[(&str, &str)]) -> Vec<(String, String, Value)> {
    let row = |(what, name): &(&str, &str)| ((*what).to_owned(), (*name).to_owned(), json!(user));
    rows.iter().map(row).collect()
}

async fn who_is_invited_joins_and_may_do_more_is_in_the_log_of_each_project(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let second = Tenant {
        project: app.project(tenant.organization).await,
        ..tenant.clone()
    };
    let organization = format!("/api/organizations/{}/", tenant.organization);
    let invites = format!("{organization}invites/");
    let invite = async |email: &str| {
        let body = json!({"email": email, "level": 1});
        tenant.api.post(&invites, &body).await.expect(201).json
    };
    let withdrawn = invite("bob@example.com").await;
    let withdrawn = format!("{invites}{}/", withdrawn["id"].as_str().unwrap());
    tenant.api.delete(&withdrawn).await.expect(204);
    tenant.api.delete(&withdrawn).await.expect(404);
    let link = invite("grace@example.com").await;
    let token = link["link"].as_str().unwrap().rsplit('/').next().unwrap();
    let body = json!({"name": "Grace Hopper", "password": "correct horse battery"});
    let accept = format!("/api/invites/{token}/");
    let joined = app.stranger().post(&accept, &body).await.expect(201).json;
    let grace = model::UserId(joined["id"].as_i64().unwrap());
    let member = format!("{organization}members/{grace}/");
    for level in [8, 8] {
        let body = json!({"level": level});
        tenant.api.patch(&member, &body).await.expect(200);
    }
    for tenant in [&tenant, &second] {
        let by_admin = expected(
            tenant.user,
            &[
                ("invited", "bob@example.com"),
                ("invitation_withdrawn", "bob@example.com"),
                ("invited", "grace@example.com"),
                ("member_level_changed", "grace@example.com"),
            ],
        );
        let by_grace = expected(grace, &[("member_joined", "grace@example.com")]);
        let rows = [&by_admin[..3], &by_grace, &by_admin[3..]].concat();
        assert_eq!(done(tenant).await, rows);
        let change = &log(tenant).await[0]["detail"]["changes"][0];
        assert_eq!(
            (&change["field"], &change["before"], &change["after"]),
            (&json!("level"), &json!("member"), &json!("admin"))
        );
        assert!(!Value::from(log(tenant).await).to_string().contains(token));
    }
}

async fn what_the_assistant_draws_on_and_who_changed_it_is_in_the_log(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let api = &tenant.api;
    let articles = path(&tenant, "conversations/articles/");
    let body = json!({"title": "Invoices", "body": "They are in the menu."});
    let article = api.post(&articles, &body).await.expect(201).json;
    let article = format!("{articles}{}/", article["id"].as_str().unwrap());
    for change in [
        json!({"title": "Bills"}),
        json!({"title": "Bills"}),
        json!({}),
    ] {
        api.patch(&article, &change).await.expect(200);
    }
    api.delete(&article).await.expect(204);
    api.delete(&article).await.expect(404);

    let rules = path(&tenant, "conversations/guidance/");
    let body = json!({"name": "Calm", "content": "Stay calm.", "rule_type": "tone"});
    let rule = api.post(&rules, &body).await.expect(201).json;
    let rule = format!("{rules}{}/", rule["id"].as_str().unwrap());
    for change in [json!({"is_active": false}), json!({"is_active": false})] {
        api.patch(&rule, &change).await.expect(200);
    }
    api.delete(&rule).await.expect(204);
    api.delete(&rule).await.expect(404);
    let rows = [
        ("article_created", "Invoices"),
        ("article_updated", "Bills"),
        ("article_deleted", "Bills"),
        ("guidance_created", "Calm"),
        ("guidance_updated", "Calm"),
        ("guidance_deleted", "Calm"),
    ];
    assert_eq!(done(&tenant).await, expected(tenant.user, &rows));
}

async fn what_becomes_of_tags_is_in_the_log(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let api = &tenant.api;
    let tickets = path(&tenant, "conversations/tickets/");
    for tags in [json!(["bug", "late"]), json!(["bug", "slow"])] {
        api.post(&tickets, &json!({"tags": tags})).await.expect(201);
    }
    let tags = path(&tenant, "conversations/tags/");
    let renamed = format!("{tags}?name=bug");
    let body = json!({"name": "defect"});
    api.patch(&renamed, &body).await.expect(200);
    let body = json!({"names": ["late", "slow", "nobody has it"], "into": "slow"});
    let merge = format!("{tags}merge/");
    api.post(&merge, &body).await.expect(200);
    api.delete(&format!("{tags}?name=slow")).await.expect(204);
    let rows = [
        ("tag_renamed", "bug"),
        ("tag_merged", "late"),
        ("tag_deleted", "slow"),
    ];
    assert_eq!(done(&tenant).await, expected(tenant.user, &rows));
    let now: Vec<_> = log(&tenant)
        .await
        .iter()
        .map(|row| row["detail"]["changes"][0]["after"].clone())
        .collect();
    assert_eq!(now, [json!(null), json!("slow"), json!("defect")]);
}

async fn who_took_the_whole_project_away_is_in_the_log(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let without = app.key(tenant.user, &["ticket:read"]).await;
    let export = path(&tenant, "export/");
    app.api(&without).get(&export).await.expect(403);
    let head = tenant.api.request(Method::HEAD, &export);
    tenant.api.send(head).await.expect(200);
    assert_eq!(done(&tenant).await, expected(tenant.user, &[]));
    tenant.api.get(&export).await.expect(200);
    let project = tenant.api.get(&path(&tenant, "")).await.expect(200).json;
    let rows = [("exported", project["name"].as_str().unwrap())];
    assert_eq!(done(&tenant).await, expected(tenant.user, &rows));
}
