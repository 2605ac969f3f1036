//! Persons over the API (spec "Around the contract", tickets.md 2.4).

use crate::common::{assert_error, assert_json, keys, send_raw};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Reply, Setup, Tenant, TestApp, new_uuid, on_both_engines};

on_both_engines! {
    a_person_is_made_read_and_changed,
    a_list_is_paginated_newest_first,
    a_list_is_filtered_by_id_and_searched,
    broken_persons_are_refused,
    an_id_is_taken_once,
    an_unknown_person_is_told_before_a_broken_body,
    scopes_are_asked_for,
    other_projects_have_other_persons,
}

struct Scene {
    app: TestApp,
    tenant: Tenant,
    api: Api,
    path: String,
}

impl Scene {
    async fn new(setup: Setup) -> Self {
        let app = setup.start().await;
        let tenant = app.tenant().await;
        let api = tenant.api.clone();
        let path = format!("/api/projects/{}/persons/", tenant.project);
        Self {
            app,
            tenant,
            api,
            path,
        }
    }

    async fn add(&self, ids: &[&str], properties: Value) -> Value {
        let body = json!({"distinct_ids": ids, "properties": properties});
        self.post(body).await.expect(201).json
    }

    async fn post(&self, body: Value) -> Reply {
        self.api.post(&self.path, &body).await
    }

    async fn page(&self, query: &str) -> Value {
        let path = format!("{}?{query}", self.path);
        self.api.get(&path).await.expect(200).json
    }

    fn path_of(&self, person: &Value) -> String {
        format!("{}{}/", self.path, person["id"].as_str().unwrap())
    }
}

async fn a_person_is_made_read_and_changed(setup: Setup) {
    let scene = Scene::new(setup).await;
    let made = scene
        .add(
            &["u1", "u2", "u1"],
            json!({"name": "Jo", "deep": {"x": [1, null]}}),
        )
        .await;
    assert_eq!(
        keys(&made),
        [
            "created_at",
            "distinct_ids",
            "id",
            "is_identified",
            "name",
            "properties"
        ]
    );
    assert_eq!(made["name"], "Jo");
    assert_eq!(made["distinct_ids"], json!(["u1", "u2"]));
    assert_eq!(
        made["properties"],
        json!({"name": "Jo", "deep": {"x": [1, null]}})
    );
    assert_eq!(made["is_identified"], true);
    let path = scene.path_of(&made);
    assert_json(&scene.api.get(&path).await, 200, &made);

    scene.app.advance(Duration::from_secs(1));
    let change = json!({"properties": {"name": null, "email": "Jo@x.com"}, "distinct_ids": ["x"]});
    let changed = scene.api.patch(&path, &change).await.expect(200).json;
    assert_eq!(changed["name"], "Jo@x.com");
    assert_eq!(
        changed["properties"],
        json!({"email": "Jo@x.com", "deep": {"x": [1, null]}})
    );
    for member in ["id", "distinct_ids", "created_at", "is_identified"] {
        assert_eq!(changed[member], made[member]);
    }
    assert_json(&scene.api.get(&path).await, 200, &changed);
    for nothing in [json!({}), json!({"nope": 1}), json!({"properties": {}})] {
        assert_json(&scene.api.patch(&path, &nothing).await, 200, &changed);
    }
    let anonymous = scene
        .post(json!({"distinct_ids": [7], "is_identified": "no"}))
        .await;
    let anonymous = anonymous.expect(201).json;
    assert_eq!(anonymous["distinct_ids"], json!(["7"]));
    assert_eq!(anonymous["name"], "7");
    assert_eq!(anonymous["is_identified"], false);
    assert_eq!(anonymous["properties"], json!({}));
}

async fn a_list_is_paginated_newest_first(setup: Setup) {
    let scene = Scene::new(setup).await;
    let empty = json!({"count": 0, "next": null, "previous": null, "results": []});
    assert_json(&scene.api.get(&scene.path).await, 200, &empty);
    let mut made = Vec::new();
    for id in ["one", "two", "three"] {
        scene.app.advance(Duration::from_secs(1));
        made.push(scene.add(&[id], json!({})).await);
    }
    let all = scene.page("").await;
    assert_eq!(all["results"], json!([made[2], made[1], made[0]]));
    let page = scene.page("limit=1&offset=1").await;
    assert_eq!(page["count"], 3);
    assert_eq!(page["results"], json!([made[1]]));
    let ends = |link: &Value, end: &str| link.as_str().unwrap().ends_with(end);
    assert!(ends(&page["next"], "/persons/?limit=1&offset=2"));
    assert!(ends(&page["previous"], "/persons/?limit=1"));
}

async fn a_list_is_filtered_by_id_and_searched(setup: Setup) {
    let scene = Scene::new(setup).await;
    let jo = scene.add(&["user-1"], json!({"email": "jo@x.com"})).await;
    scene.app.advance(Duration::from_secs(1));
    let kim = scene
        .add(&["user-11", "k%m"], json!({"name": "ÄNNE Kim"}))
        .await;
    let long = "x".repeat(201);
    for (query, expected) in [
        ("distinct_id=user-1", json!([jo])),
        ("distinct_id=user", json!([])),
        ("distinct_id=%00", json!([])),
        ("distinct_id=", json!([kim, jo])),
        ("search=user-1", json!([kim, jo])),
        ("search=JO@", json!([jo])),
        ("search=%C3%A4nne", json!([kim])),
        ("search=%25", json!([kim])),
        ("search=_", json!([])),
        ("search=nobody", json!([])),
        ("search=+", json!([kim, jo])),
        ("search=%00", json!([kim, jo])),
        (&*format!("search={long}"), json!([kim, jo])),
        ("distinct_id=user-1&search=JO", json!([jo])),
        ("distinct_id=user-1&search=kim", json!([])),
        ("unknown=x", json!([kim, jo])),
    ] {
        let page = scene.page(query).await;
        assert_eq!(page["results"], expected, "{query}");
        assert_eq!(page["count"], expected.as_array().unwrap().len(), "{query}");
    }
}

async fn broken_persons_are_refused(setup: Setup) {
    let scene = Scene::new(setup).await;
    let long = "ä".repeat(401);
    let large = "x".repeat(64 * 1024);
    for (body, code, attr) in [
        (json!({}), "required", "distinct_ids"),
        (json!({"distinct_ids": null}), "null", "distinct_ids"),
        (json!({"distinct_ids": "u"}), "not_a_list", "distinct_ids"),
        (json!({"distinct_ids": []}), "empty", "distinct_ids"),
        (
            json!({"distinct_ids": ["u", " "]}),
            "blank",
            "distinct_ids__1",
        ),
        (
            json!({"distinct_ids": [long]}),
            "max_length",
            "distinct_ids__0",
        ),
        (
            json!({"distinct_ids": vec!["u"; 101]}),
            "max_length",
            "distinct_ids",
        ),
        (
            json!({"distinct_ids": ["u\u{0}"]}),
            "null_characters_not_allowed",
            "distinct_ids__0",
        ),
        (
            json!({"distinct_ids": ["u"], "properties": null}),
            "null",
            "properties",
        ),
        (
            json!({"distinct_ids": ["u"], "properties": [1]}),
            "not_a_dict",
            "properties",
        ),
        (
            json!({"distinct_ids": ["u"], "properties": {"x": large}}),
            "max_length",
            "properties",
        ),
        (
            json!({"distinct_ids": ["u"], "is_identified": "perhaps"}),
            "invalid_input",
            "is_identified",
        ),
        (json!([]), "invalid_input", ""),
    ] {
        assert_error(&scene.post(body).await, 400, code, attr);
    }
    let made = scene.add(&["u"], json!({"x": 1})).await;
    let path = scene.path_of(&made);
    for (body, code) in [
        (json!({"properties": null}), "null"),
        (json!({"properties": "x"}), "not_a_dict"),
        (json!({"properties": {"y": large}}), "max_length"),
    ] {
        let reply = scene.api.patch(&path, &body).await;
        assert_error(&reply, 400, code, "properties");
    }
    let reply = send_raw(&scene.api, Method::POST, &scene.path, "text/plain", "x").await;
    assert_error(&reply, 415, "unsupported_media_type", "");
    assert_json(&scene.api.get(&path).await, 200, &made);
    assert_error(
        &scene.api.delete(&path).await,
        405,
        "method_not_allowed",
        "",
    );
}

async fn an_id_is_taken_once(setup: Setup) {
    let scene = Scene::new(setup).await;
    scene.add(&["a", "b"], json!({})).await;
    let reply = scene.post(json!({"distinct_ids": ["c", "b"]})).await;
    assert_error(&reply, 400, "unique", "distinct_ids");
    assert_eq!(scene.page("distinct_id=c").await["count"], 0);
    // Whoever comes first wins; nobody gets a server error.
    let bodies = (0..8).map(|_| scene.post(json!({"distinct_ids": ["d"]})));
    let replies = futures::future::join_all(bodies).await;
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    let refused = replies.iter().filter(|reply| reply.status == 400).count();
    assert_eq!((made, refused), (1, 7));
}

async fn an_unknown_person_is_told_before_a_broken_body(setup: Setup) {
    let scene = Scene::new(setup).await;
    for id in [new_uuid().to_string(), "not-a-uuid".to_owned()] {
        let path = format!("{}{id}/", scene.path);
        let reply = scene.api.patch(&path, &json!({"properties": 5})).await;
        assert_error(&reply, 404, "not_found", "");
        assert_error(&scene.api.get(&path).await, 404, "not_found", "");
    }
}

async fn scopes_are_asked_for(setup: Setup) {
    let scene = Scene::new(setup).await;
    let made = scene.add(&["u"], json!({})).await;
    let path = scene.path_of(&made);
    let reader = scene.app.key(scene.tenant.user, &["person:read"]).await;
    let reader = scene.app.api(&reader);
    assert_json(&reader.get(&path).await, 200, &made);
    reader.get(&scene.path).await.expect(200);
    for reply in [
        reader.post(&scene.path, &json!({})).await,
        reader.patch(&path, &json!({})).await,
    ] {
        assert_error(&reply, 403, "permission_denied", "");
        assert_eq!(
            reply.json["detail"],
            "API key missing required scope 'person:write'"
        );
    }
    let agent = scene.app.key(scene.tenant.user, &["ticket:write"]).await;
    let reply = scene.app.api(&agent).get(&scene.path).await.expect(403);
    assert_eq!(
        reply.json["detail"],
        "API key missing required scope 'person:read'"
    );
    scene.app.stranger().get(&path).await.expect(401);
}

async fn other_projects_have_other_persons(setup: Setup) {
    let scene = Scene::new(setup).await;
    let made = scene.add(&["u"], json!({"email": "u@x"})).await;
    let other = scene.app.project(scene.tenant.organization).await;
    let root = format!("/api/projects/{other}/persons/");
    let path = format!("{root}{}/", made["id"].as_str().unwrap());
    let change = json!({"properties": {"x": 1}});
    for reply in [
        scene.api.get(&path).await,
        scene.api.patch(&path, &change).await,
    ] {
        assert_error(&reply, 404, "not_found", "");
    }
    for query in ["", "?distinct_id=u", "?search=u"] {
        let page = scene.api.get(&format!("{root}{query}")).await.expect(200);
        assert_eq!(page.json["count"], 0, "{query}");
    }
    // The same id may name somebody else there.
    let twin = scene.api.post(&root, &json!({"distinct_ids": ["u"]})).await;
    assert_ne!(twin.expect(201).json["id"], made["id"]);
    assert_json(&scene.api.get(&scene.path_of(&made)).await, 200, &made);
    let stranger = scene.app.tenant().await;
    for reply in [
        stranger.api.get(&scene.path).await,
        stranger
            .api
            .post(&scene.path, &json!({"distinct_ids": ["v"]}))
            .await,
    ] {
        assert_error(&reply, 403, "permission_denied", "");
    }
}
