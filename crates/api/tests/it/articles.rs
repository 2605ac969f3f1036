//! Articles: what the assistant knows (spec "Knowledge").

use crate::common::{assert_error, assert_json, keys, send_raw};
use crate::tickets_desk::path;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Reply, Setup, Tenant, TestApp, new_uuid, on_both_engines};

on_both_engines! {
    an_article_is_made_read_changed_and_deleted,
    a_list_is_paginated_and_newest_first,
    a_change_leaves_the_rest_alone,
    broken_articles_are_refused,
    an_unknown_article_is_told_before_a_broken_body,
    scopes_are_asked_for,
    other_projects_have_other_articles,
    the_assistant_answers_from_what_has_just_been_written,
    both_prefixes_and_slashes_answer,
    articles_are_filtered_by_title_and_switch,
}

/// The text of a JSON string; empty for anything else.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

struct Shelf {
    app: TestApp,
    tenant: Tenant,
    api: Api,
    path: String,
}

impl Shelf {
    async fn new(setup: Setup) -> Self {
        let app = setup.start().await;
        let tenant = app.tenant().await;
        let api = tenant.api.clone();
        let path = format!("/api/projects/{}/conversations/articles/", tenant.project);
        Self {
            app,
            tenant,
            api,
            path,
        }
    }

    async fn add(&self, title: &str, body: &str) -> Value {
        let made = self.post(json!({"title": title, "body": body})).await;
        made.expect(201).json
    }

    async fn post(&self, body: Value) -> Reply {
        self.api.post(&self.path, &body).await
    }

    fn path_of(&self, article: &Value) -> String {
        format!("{}{}/", self.path, text(&article["id"]))
    }
}

async fn an_article_is_made_read_changed_and_deleted(setup: Setup) {
    let shelf = Shelf::new(setup).await;
    let made = shelf
        .post(
            json!({"title": " Queues ", "body": "# Queues\n\nTwo wait.\n", "url": "https://x.y/q"}),
        )
        .await
        .expect(201)
        .json;
    assert_eq!(
        keys(&made),
        [
            "body",
            "created_at",
            "id",
            "is_enabled",
            "title",
            "updated_at",
            "url"
        ]
    );
    assert_eq!(made["title"], "Queues");
    assert_eq!(made["body"], "# Queues\n\nTwo wait.");
    assert_eq!(made["url"], "https://x.y/q");
    assert_eq!(made["is_enabled"], true);
    let path = shelf.path_of(&made);
    assert_json(&shelf.api.get(&path).await, 200, &made);

    shelf.app.advance(Duration::from_secs(1));
    let change = json!({"title": "The queue", "url": null, "is_enabled": false});
    let changed = shelf.api.patch(&path, &change).await.expect(200).json;
    assert_eq!(changed["title"], "The queue");
    assert_eq!(changed["body"], made["body"]);
    assert_eq!(changed["url"], Value::Null);
    assert_eq!(changed["is_enabled"], false);
    assert_eq!(changed["created_at"], made["created_at"]);
    assert_ne!(changed["updated_at"], made["updated_at"]);
    assert_json(&shelf.api.get(&path).await, 200, &changed);

    let gone = shelf.api.delete(&path).await.expect(204);
    assert_eq!(gone.text, "");
    for reply in [
        shelf.api.get(&path).await,
        shelf.api.patch(&path, &json!({})).await,
        shelf.api.delete(&path).await,
    ] {
        assert_error(&reply, 404, "not_found", "");
        assert_eq!(reply.json["detail"], "Not found.");
    }
}

async fn a_list_is_paginated_and_newest_first(setup: Setup) {
    let shelf = Shelf::new(setup).await;
    assert_json(
        &shelf.api.get(&shelf.path).await,
        200,
        &json!({"count": 0, "next": null, "previous": null, "results": []}),
    );
    let mut made = Vec::new();
    for title in ["one", "two", "three"] {
        shelf.app.advance(Duration::from_secs(1));
        made.push(shelf.add(title, "text").await);
    }
    let all = shelf.api.get(&shelf.path).await.expect(200).json;
    assert_eq!(all["results"], json!([made[2], made[1], made[0]]));
    let page = format!("{}?limit=1&offset=1", shelf.path);
    let page = shelf.api.get(&page).await.expect(200).json;
    assert_eq!(page["count"], 3);
    assert_eq!(page["results"], json!([made[1]]));
    let ends = |link: &Value, end: &str| text(link).ends_with(end);
    assert!(ends(&page["next"], "/articles/?limit=1&offset=2"));
    assert!(ends(&page["previous"], "/articles/?limit=1"));
}

async fn a_change_leaves_the_rest_alone(setup: Setup) {
    let shelf = Shelf::new(setup).await;
    let made = shelf.add("title", "body").await;
    let path = shelf.path_of(&made);
    shelf.app.advance(Duration::from_secs(1));
    for nothing in [
        json!({}),
        json!({"id": "x", "nope": 1}),
        json!({"title": "title"}),
    ] {
        assert_json(&shelf.api.patch(&path, &nothing).await, 200, &made);
    }
    let form = send_raw(
        &shelf.api,
        Method::PATCH,
        &path,
        "application/x-www-form-urlencoded",
        "is_enabled=false&title=5",
    )
    .await
    .expect(200);
    assert_eq!(form.json["is_enabled"], false);
    assert_eq!(form.json["title"], "5");
}

async fn broken_articles_are_refused(setup: Setup) {
    let shelf = Shelf::new(setup).await;
    let long = |length| "ä".repeat(length);
    for (body, code, attr) in [
        (json!({}), "required", "title"),
        (json!({"title": "t"}), "required", "body"),
        (json!({"title": null, "body": "b"}), "null", "title"),
        (json!({"title": " ", "body": "b"}), "blank", "title"),
        (json!({"title": "t", "body": "\n"}), "blank", "body"),
        (
            json!({"title": long(401), "body": "b"}),
            "max_length",
            "title",
        ),
        (
            json!({"title": "t", "body": long(200_001)}),
            "max_length",
            "body",
        ),
        (
            json!({"title": "t\u{0}", "body": "b"}),
            "null_characters_not_allowed",
            "title",
        ),
        (
            json!({"title": ["t"], "body": "b"}),
            "invalid_input",
            "title",
        ),
        (
            json!({"title": "t", "body": "b", "url": "x"}),
            "invalid_input",
            "url",
        ),
        (
            json!({"title": "t", "body": "b", "url": "javascript:alert(1)"}),
            "invalid_input",
            "url",
        ),
        (
            json!({"title": "t", "body": "b", "url": format!("https://x/{}", long(2000))}),
            "max_length",
            "url",
        ),
        (
            json!({"title": "t", "body": "b", "is_enabled": "perhaps"}),
            "invalid_input",
            "is_enabled",
        ),
        (
            json!({"title": "t", "body": "b", "is_enabled": null}),
            "null",
            "is_enabled",
        ),
        (json!([]), "invalid_input", ""),
    ] {
        assert_error(&shelf.post(body).await, 400, code, attr);
    }
    let most = json!({"title": long(400), "body": long(200_000), "url": format!("https://x/{}", "y".repeat(1990))});
    let made = shelf.post(most).await.expect(201).json;
    let path = shelf.path_of(&made);
    for (body, code, attr) in [
        (json!({"title": null}), "null", "title"),
        (json!({"body": ""}), "blank", "body"),
        (json!({"url": ""}), "blank", "url"),
        (json!({"url": "ftp://x"}), "invalid_input", "url"),
    ] {
        assert_error(&shelf.api.patch(&path, &body).await, 400, code, attr);
    }
    assert_json(&shelf.api.get(&path).await, 200, &made);
}

async fn an_unknown_article_is_told_before_a_broken_body(setup: Setup) {
    let shelf = Shelf::new(setup).await;
    for id in [
        new_uuid().to_string(),
        "not-a-uuid".to_owned(),
        "7".to_owned(),
    ] {
        let path = format!("{}{id}/", shelf.path);
        let reply = shelf.api.patch(&path, &json!({"title": null})).await;
        assert_error(&reply, 404, "not_found", "");
    }
}

async fn scopes_are_asked_for(setup: Setup) {
    let shelf = Shelf::new(setup).await;
    let made = shelf.add("title", "body").await;
    let path = shelf.path_of(&made);
    let user = shelf.tenant.user;
    let reader = shelf.app.key(user, &["ticket:read"]).await;
    let reader = shelf.app.api(&reader);
    assert_json(&reader.get(&path).await, 200, &made);
    reader.get(&shelf.path).await.expect(200);
    for reply in [
        reader.post(&shelf.path, &json!({})).await,
        reader.patch(&path, &json!({})).await,
        reader.delete(&path).await,
    ] {
        assert_error(&reply, 403, "permission_denied", "");
        assert_eq!(
            reply.json["detail"],
            "API key missing required scope 'ticket:write'"
        );
    }
    let talker = shelf.app.key(user, &["conversation:write"]).await;
    let reply = shelf.app.api(&talker).get(&shelf.path).await;
    assert_eq!(
        reply.expect(403).json["detail"],
        "API key missing required scope 'ticket:read'"
    );
    shelf.app.stranger().get(&shelf.path).await.expect(401);
}

async fn other_projects_have_other_articles(setup: Setup) {
    let shelf = Shelf::new(setup).await;
    let made = shelf.add("title", "body").await;
    let id = text(&made["id"]);
    let other = shelf.app.project(shelf.tenant.organization).await;
    let path = format!("/api/projects/{other}/conversations/articles/");
    assert_eq!(shelf.api.get(&path).await.expect(200).json["count"], 0);
    let path = format!("{path}{id}/");
    for reply in [
        shelf.api.get(&path).await,
        shelf.api.patch(&path, &json!({"title": "mine"})).await,
        shelf.api.delete(&path).await,
    ] {
        assert_error(&reply, 404, "not_found", "");
    }
}

async fn the_assistant_answers_from_what_has_just_been_written(setup: Setup) {
    let shelf = Shelf::new(setup).await;
    let made = shelf
        .add("Rockets", "Rockets are launched on Fridays.")
        .await;
    let ask = || async {
        let chat = shelf.tenant.chat();
        chat.say("When are rockets launched?")
            .await
            .expect(201)
            .events()
            .await;
        let messages = chat.messages().await;
        messages[messages.len() - 1].1.clone()
    };
    let answer = ask().await;
    assert!(
        answer.contains("> Rockets are launched on Fridays."),
        "{answer}"
    );
    let path = shelf.path_of(&made);
    shelf
        .api
        .patch(&path, &json!({"is_enabled": false}))
        .await
        .expect(200);
    let answer = ask().await;
    assert!(answer.starts_with("I found nothing about"), "{answer}");
}

async fn both_prefixes_and_slashes_answer(setup: Setup) {
    let shelf = Shelf::new(setup).await;
    let made = shelf.add("title", "body").await;
    let id = text(&made["id"]);
    let project = shelf.tenant.project;
    for path in [
        format!("/api/projects/{project}/conversations/articles/{id}"),
        format!("/api/environments/{project}/conversations/articles/{id}/"),
        format!("/api/projects/@current/conversations/articles/{id}.json"),
        format!(
            "/api/projects/{project}/conversations/articles/{}/",
            id.to_uppercase()
        ),
    ] {
        assert_json(&shelf.api.get(&path).await, 200, &made);
    }
}

async fn articles_are_filtered_by_title_and_switch(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let articles = path(&tenant, "articles/");
    let mut made = Vec::new();
    for (title, is_enabled) in [("Queues \u{dc}ber alles", true), ("Limits", false)] {
        let body = json!({"title": title, "body": "text", "is_enabled": is_enabled});
        made.push(tenant.api.post(&articles, &body).await.expect(201).json);
        app.advance(Duration::from_secs(1));
    }
    let found = async |query: &str| {
        tenant
            .api
            .get(&format!("{articles}?{query}"))
            .await
            .expect(200)
            .json["results"]
            .clone()
    };
    assert_eq!(found("").await, json!([made[1], made[0]]));
    assert_eq!(found("is_enabled=true").await, json!([made[0]]));
    assert_eq!(found("is_enabled=false").await, json!([made[1]]));
    assert_eq!(found("search=%C3%BCber").await, json!([made[0]]));
    assert_eq!(found("search=LIM&is_enabled=true").await, json!([]));
    let one = format!("{articles}{}/", made[1]["id"].as_str().unwrap());
    tenant
        .api
        .patch(&one, &json!({"title": "Bounds"}))
        .await
        .expect(200);
    assert_eq!(found("search=limits").await, json!([]));
    assert_eq!(found("search=bounds").await.as_array().unwrap().len(), 1);
}
