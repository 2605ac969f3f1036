//! The public capture endpoints: what events of a site's visitors say about persons (spec "Around the contract").

use crate::common::assert_error;
use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use model::ProjectId;
use model::rates::{Limit, Per};
use serde_json::{Value, json};
use std::io::Write as _;
use testkit::{Api, Reply, Setup, Tenant, TestApp, on_both_engines};

on_both_engines! {
    identify_makes_a_person,
    identify_merges_what_was_anonymous,
    properties_are_set_and_set_once,
    other_events_are_accepted_and_dropped,
    every_path_and_every_form_is_read,
    a_batch_is_applied_in_order,
    the_token_may_stand_in_many_places,
    what_has_no_good_token_is_refused,
    what_cannot_be_read_is_refused,
    large_requests_and_bombs_are_refused,
    pages_of_any_site_may_send,
    senders_are_throttled_by_address,
    changes_are_throttled_by_project,
    events_that_arrive_together_make_one_person,
    the_same_id_in_another_project_is_somebody_else,
}

struct Scene {
    app: TestApp,
    tenant: Tenant,
    visitor: Api,
    token: String,
}

impl Scene {
    async fn new(setup: Setup) -> Self {
        let app = setup.start().await;
        let tenant = app.tenant().await;
        let token = token_of(&tenant.api, tenant.project).await;
        let visitor = app.stranger();
        Self {
            app,
            tenant,
            visitor,
            token,
        }
    }

    /// Sends an event with the token, as a server would.
    async fn send(&self, mut event: Value) -> Reply {
        event["api_key"] = json!(self.token);
        self.visitor.post("/i/v0/e/", &event).await
    }

    async fn capture(&self, event: Value) {
        let reply = self.send(event).await.expect(200);
        assert_eq!(reply.text, r#"{"status":1}"#);
    }

    async fn post_raw(&self, path: &str, kind: &str, body: Vec<u8>) -> Reply {
        post_raw(&self.visitor, path, kind, body).await
    }

    /// Who appears under an id; null when nobody does.
    async fn person(&self, id: &str) -> Value {
        person(&self.tenant.api, self.tenant.project, id).await
    }

    async fn count(&self) -> i64 {
        let path = format!("/api/projects/{}/persons/", self.tenant.project);
        let page = self.tenant.api.get(&path).await.expect(200).json;
        page["count"].as_i64().unwrap()
    }
}

async fn token_of(api: &Api, project: ProjectId) -> String {
    let path = format!("/api/projects/{project}/");
    let project = api.get(&path).await.expect(200).json;
    project["api_token"].as_str().unwrap().to_owned()
}

async fn person(api: &Api, project: ProjectId, id: &str) -> Value {
    let path = format!("/api/projects/{project}/persons/?distinct_id={id}");
    api.get(&path).await.expect(200).json["results"][0].clone()
}

async fn post_raw(api: &Api, path: &str, kind: &str, body: Vec<u8>) -> Reply {
    let request = api.request(Method::POST, path).header("content-type", kind);
    api.send(request.body(body)).await
}

fn identify(id: &str, anon: &str) -> Value {
    json!({"event": "$identify", "distinct_id": id, "properties": {"$anon_distinct_id": anon}})
}

fn set(id: &str, set: Value) -> Value {
    json!({"event": "$set", "distinct_id": id, "properties": {"$set": set}})
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// As a browser sends a form with base64 in it.
fn form(data: &str) -> Vec<u8> {
    let data = data
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    format!("data={data}").into_bytes()
}

async fn identify_makes_a_person(setup: Setup) {
    let scene = Scene::new(setup).await;
    let mut event = identify("u1", "anon-1");
    event["$set"] = json!({"email": "jo@x.com"});
    event["$set_once"] = json!({"first_page": "/"});
    scene.capture(event).await;
    let person = scene.person("u1").await;
    assert_eq!(person["name"], "jo@x.com");
    assert_eq!(person["is_identified"], true);
    assert_eq!(person["distinct_ids"], json!(["u1", "anon-1"]));
    assert_eq!(
        person["properties"],
        json!({"email": "jo@x.com", "first_page": "/"})
    );
    assert_eq!(scene.person("anon-1").await, person);
    assert_eq!(scene.count().await, 1);
}

async fn identify_merges_what_was_anonymous(setup: Setup) {
    let scene = Scene::new(setup).await;
    scene
        .capture(set("anon", json!({"x": "anon", "y": "anon"})))
        .await;
    scene.capture(set("u", json!({"x": "u"}))).await;
    let (before, own) = (scene.person("anon").await, scene.person("u").await);
    assert_eq!(
        (&before["is_identified"], scene.count().await),
        (&json!(false), 2)
    );
    scene.capture(identify("u", "anon")).await;
    let person = scene.person("anon").await;
    assert_eq!(person["id"], own["id"]);
    assert_eq!(person["distinct_ids"], json!(["u", "anon"]));
    assert_eq!(person["properties"], json!({"x": "u", "y": "anon"}));
    assert_eq!(person["created_at"], before["created_at"]);
    assert_eq!(scene.count().await, 1);
    // The id of who is no more still leads to who they are.
    let path = format!("/api/projects/{}/persons/", scene.tenant.project);
    let path = format!("{path}{}/", before["id"].as_str().unwrap());
    assert_eq!(scene.tenant.api.get(&path).await.expect(200).json, person);

    // Two who were both identified stay two, whatever an event says.
    scene.capture(identify("v", "anon-v")).await;
    scene.capture(identify("u", "v")).await;
    assert_eq!(scene.count().await, 2);
    assert_ne!(scene.person("v").await["id"], person["id"]);
    // Nor does an id by mistake link anybody.
    for mistake in ["undefined", "null", "", "w"] {
        scene.capture(identify("w", mistake)).await;
    }
    assert_eq!(scene.person("w").await["distinct_ids"], json!(["w"]));
    assert_eq!(scene.count().await, 3);
}

async fn properties_are_set_and_set_once(setup: Setup) {
    let scene = Scene::new(setup).await;
    let mut event = json!({"event": "$pageview", "distinct_id": "u", "properties": {
        "$set": {"a": 1}, "$set_once": {"a": 5, "b": 1}, "$current_url": "https://x"}});
    scene.capture(event.clone()).await;
    event["properties"]["$set"]["a"] = json!(2);
    event["properties"]["$set_once"]["b"] = json!(2);
    scene.capture(event).await;
    let person = scene.person("u").await;
    assert_eq!(person["properties"], json!({"a": 2, "b": 1}));
    assert_eq!(person["is_identified"], false);
    // Too much is not kept, and does no harm.
    scene
        .capture(set("u", json!({"c": "x".repeat(60_000)})))
        .await;
    scene
        .capture(set("u", json!({"d": "x".repeat(60_000)})))
        .await;
    let person = scene.person("u").await;
    assert!(person["properties"]["c"].is_string() && person["properties"]["d"].is_null());
    // A NUL is a character of JSON like others.
    scene
        .capture(set("u", json!({"c": "\u{0}", "email": "a\u{0}@x"})))
        .await;
    assert_eq!(scene.person("u").await["properties"]["c"], "\u{0}");
}

async fn other_events_are_accepted_and_dropped(setup: Setup) {
    let scene = Scene::new(setup).await;
    for event in [
        json!({"event": "$pageview", "distinct_id": "u", "properties": {"x": 1}}),
        json!({"event": "$create_alias", "distinct_id": "u", "properties": {"alias": "v"}}),
        json!({"event": "$groupidentify", "distinct_id": "u"}),
        json!({"event": "$pageview", "distinct_id": "u",
            "properties": {"$process_person_profile": false, "$set_once": {"x": 1}}}),
        json!({"event": "$identify"}),
        json!({"event": "$identify", "distinct_id": "x".repeat(401)}),
        json!({"event": "$identify", "distinct_id": "a\u{0}b"}),
        json!({"event": "$identify", "distinct_id": ["x"]}),
        json!({"batch": [5, null, "x", [], {}]}),
        json!({}),
    ] {
        scene.capture(event).await;
    }
    assert_eq!(scene.count().await, 0);
}

async fn every_path_and_every_form_is_read(setup: Setup) {
    const FORM: &str = "application/x-www-form-urlencoded";
    let scene = Scene::new(setup).await;
    let mut number = 0;
    let mut event = || {
        number += 1;
        let mut event = set(&format!("u{number}"), json!({"text": "ä+/?~\u{1f600}"}));
        event["properties"]["token"] = json!(scene.token);
        event.to_string().into_bytes()
    };
    let replies = [
        scene
            .post_raw(
                "/i/v0/e/?ip=0&_=17&ver=1.449.2",
                "application/json",
                event(),
            )
            .await,
        scene.post_raw("/i/v0/e", "text/plain", event()).await,
        scene
            .post_raw("/e/?compression=gzip-js", "text/plain", gzip(&event()))
            .await,
        scene.post_raw("/e", FORM, form(&base64(&event()))).await,
        scene
            .post_raw("/capture/", FORM, form(&base64(&gzip(&event()))))
            .await,
        scene
            .post_raw(
                "/capture?compression=base64",
                "text/plain",
                base64(&event()).into_bytes(),
            )
            .await,
        scene.post_raw("/batch/", "", event()).await,
        scene
            .post_raw(
                "/batch",
                "application/json",
                [b"[", &*event(), b"]"].concat(),
            )
            .await,
        {
            let request = scene.visitor.request(Method::POST, "/batch/");
            let request = request.header("content-encoding", "gzip");
            let request = request.header("content-type", "application/json");
            scene.visitor.send(request.body(gzip(&event()))).await
        },
    ];
    let count = replies.len();
    for reply in replies {
        assert_eq!(
            (reply.status.as_u16(), &*reply.text),
            (200, r#"{"status":1}"#)
        );
        assert_eq!(reply.header("content-type"), "application/json");
    }
    for number in 1..=count {
        let person = scene.person(&format!("u{number}")).await;
        assert_eq!(person["properties"]["text"], "ä+/?~\u{1f600}", "{number}");
    }
}

async fn a_batch_is_applied_in_order(setup: Setup) {
    let scene = Scene::new(setup).await;
    scene.capture(set("u", json!({"x": 1}))).await;
    // The last says what is known already, until the first changes it.
    let batch = [
        set("u", json!({"x": 2})),
        set("u", json!({"x": 1})),
        identify("u", "a"),
    ];
    scene.capture(json!({"batch": batch})).await;
    let person = scene.person("a").await;
    assert_eq!(person["properties"], json!({"x": 1}));
    assert_eq!(person["is_identified"], true);
    let many: Vec<_> = (0..120)
        .map(|n| set(&format!("many-{n}"), json!({"n": n})))
        .collect();
    scene.capture(json!({"batch": many})).await;
    assert_eq!(scene.count().await, 121);
    assert_eq!(scene.person("many-119").await["properties"]["n"], 119);
    let reply = scene
        .send(json!({"batch": vec![set("u", json!({"x": 1})); 1001]}))
        .await;
    assert_error(&reply, 400, "max_length", "batch");
}

async fn the_token_may_stand_in_many_places(setup: Setup) {
    let scene = Scene::new(setup).await;
    let token = &scene.token;
    let with = |member: &str| {
        let mut event = set("u", json!({"x": 1}));
        event[member] = json!(token);
        event
    };
    let mut inside = set("u", json!({"x": 1}));
    inside["properties"]["token"] = json!(token);
    for (path, body) in [
        ("/e/".to_owned(), with("api_key")),
        ("/e/".to_owned(), with("token")),
        ("/e/".to_owned(), inside.clone()),
        ("/e/".to_owned(), json!([inside])),
        (
            "/batch/".to_owned(),
            json!({"api_key": token, "batch": [set("u", json!({}))]}),
        ),
        (format!("/e/?api_key={token}"), set("u", json!({"x": 1}))),
        (format!("/e/?token={token}"), set("u", json!({"x": 1}))),
    ] {
        scene.visitor.post(&path, &body).await.expect(200);
    }
    let data = base64(set("u", json!({"x": 1})).to_string().as_bytes());
    let body = [form(&data), format!("&api_key={token}").into_bytes()].concat();
    let kind = "application/x-www-form-urlencoded";
    scene.post_raw("/e/", kind, body).await.expect(200);
    assert_eq!(scene.count().await, 1);
}

async fn what_has_no_good_token_is_refused(setup: Setup) {
    let scene = Scene::new(setup).await;
    let event = set("u", json!({"x": 1}));
    let reply = scene.visitor.post("/e/", &event).await;
    assert_error(&reply, 401, "not_authenticated", "");
    let key = &scene.tenant.key;
    for wrong in ["phc_nope", "phs_nope", "a\u{0}b", key] {
        let mut event = event.clone();
        event["api_key"] = json!(wrong);
        let reply = scene.visitor.post("/e/", &event).await;
        assert_error(&reply, 401, "authentication_failed", "");
    }
    // A key is no token, also not as a bearer.
    let reply = scene.tenant.api.post("/e/", &event).await;
    assert_error(&reply, 401, "not_authenticated", "");
    assert_eq!(scene.count().await, 0);
}

async fn what_cannot_be_read_is_refused(setup: Setup) {
    let scene = Scene::new(setup).await;
    for body in [
        "",
        "null",
        "5",
        "{bad",
        "data=",
        "data=!!",
        "[1,",
        "{}{}",
        "\u{1f}\u{8b}",
    ] {
        let body = body.as_bytes().to_vec();
        let reply = scene.post_raw("/e/", "text/plain", body).await;
        assert_error(&reply, 400, "parse_error", "");
        assert!(
            reply.json["detail"]
                .as_str()
                .unwrap()
                .starts_with("JSON parse error - ")
        );
    }
    let mut broken = gzip(set("u", json!({"x": 1})).to_string().as_bytes());
    broken.truncate(broken.len() - 3);
    let reply = scene.post_raw("/e/", "text/plain", broken).await;
    assert_error(&reply, 400, "parse_error", "");
    for path in ["/e/", "/i/v0/e", "/batch/"] {
        let reply = scene.visitor.get(path).await;
        assert_error(&reply, 405, "method_not_allowed", "");
        assert_eq!(reply.header("allow"), "POST, OPTIONS");
    }
    scene.visitor.post("/e/x/", &json!({})).await.expect(404);
}

async fn large_requests_and_bombs_are_refused(setup: Setup) {
    let scene = Scene::new(setup).await;
    let path = format!("/e/?api_key={}", scene.token);
    let mut large = vec![b' '; 1024 * 1024 + 1];
    large[0] = b'{';
    let reply = scene.post_raw(&path, "text/plain", large.clone()).await;
    assert_error(&reply, 413, "request_too_large", "");
    large.truncate(1024 * 1024);
    *large.last_mut().unwrap() = b'}';
    scene.post_raw(&path, "text/plain", large).await.expect(200);

    let mut bomb = vec![b' '; 64 * 1024 * 1024];
    bomb[0] = b'{';
    let bomb = gzip(&bomb);
    for body in [bomb.clone(), form(&base64(&bomb))] {
        let reply = scene.post_raw(&path, "text/plain", body).await;
        assert_error(&reply, 413, "request_too_large", "");
    }
    let deep = "[".repeat(500_000).into_bytes();
    let reply = scene.post_raw(&path, "text/plain", deep).await;
    assert_error(&reply, 400, "parse_error", "");
}

async fn pages_of_any_site_may_send(setup: Setup) {
    let scene = Scene::new(setup).await;
    for path in ["/i/v0/e/", "/e/", "/capture/", "/batch/", "/e"] {
        let preflight = scene
            .visitor
            .request(Method::OPTIONS, path)
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let reply = scene.visitor.send(preflight).await.expect(200);
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
        assert!(
            reply
                .header("access-control-allow-methods")
                .contains("POST")
        );
        assert!(
            reply
                .header("access-control-allow-headers")
                .contains("content-type")
        );
        assert_eq!(reply.header("access-control-allow-credentials"), "");
        // Errors too, or the page could not tell what is wrong.
        for body in [set("u", json!({"x": 1})).to_string(), "{bad".to_owned()] {
            let path = format!("{path}?token={}", scene.token);
            let request = scene.visitor.request(Method::POST, &path);
            let request = request.header("origin", "https://shop.example").body(body);
            let reply = scene.visitor.send(request).await;
            assert_eq!(
                reply.header("access-control-allow-origin"),
                "*",
                "{}",
                reply.text
            );
        }
    }
}

async fn senders_are_throttled_by_address(mut setup: Setup) {
    setup.api.rate_limits = true;
    setup.api.rates.insert("capture", Limit::at(3, Per::Minute));
    let scene = Scene::new(setup).await;
    for _ in 0..3 {
        scene.capture(set("u", json!({"x": 1}))).await;
    }
    let reply = scene.send(set("u", json!({"x": 2}))).await;
    assert_error(&reply, 429, "throttled", "");
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(scene.person("u").await["properties"]["x"], 1);
    // Nobody can get around it by claiming to be somebody else.
    let mut event = set("u", json!({"x": 2}));
    event["api_key"] = json!(scene.token);
    let request = scene.visitor.request(Method::POST, "/e/").json(&event);
    let request = request.header("x-forwarded-for", "198.51.100.7");
    scene.visitor.send(request).await.expect(429);
    scene.app.advance(std::time::Duration::from_secs(61));
    scene.capture(set("u", json!({"x": 2}))).await;
}

async fn changes_are_throttled_by_project(mut setup: Setup) {
    setup.api.rate_limits = true;
    setup
        .api
        .rates
        .insert("capture_persons", Limit::at(2, Per::Minute));
    let scene = Scene::new(setup).await;
    scene.capture(set("u", json!({"x": 1}))).await;
    for _ in 0..5 {
        // Nothing new, so nothing counts.
        scene.capture(set("u", json!({"x": 1}))).await;
    }
    scene.capture(set("u", json!({"x": 2}))).await;
    let reply = scene.send(set("u", json!({"x": 3}))).await;
    assert_error(&reply, 429, "throttled", "");
    let other = scene.app.project(scene.tenant.organization).await;
    let token = token_of(&scene.tenant.api, other).await;
    let mut event = set("u", json!({"x": 3}));
    event["api_key"] = json!(token);
    scene.visitor.post("/e/", &event).await.expect(200);
}

async fn events_that_arrive_together_make_one_person(setup: Setup) {
    let scene = Scene::new(setup).await;
    let events = (0..12).map(|n| scene.capture(identify("u", &format!("anon-{}", n % 3))));
    futures::future::join_all(events).await;
    assert_eq!(scene.count().await, 1);
    let ids = scene.person("u").await["distinct_ids"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(ids, 4);
}

async fn the_same_id_in_another_project_is_somebody_else(setup: Setup) {
    let scene = Scene::new(setup).await;
    let other = scene.app.tenant().await;
    let token = token_of(&other.api, other.project).await;
    scene.capture(set("u", json!({"of": "one"}))).await;
    let mut event = identify("u", "anon");
    event["api_key"] = json!(token);
    event["$set"] = json!({"of": "other"});
    scene.visitor.post("/e/", &event).await.expect(200);
    let (one, two) = (
        scene.person("u").await,
        person(&other.api, other.project, "u").await,
    );
    assert_eq!(one["properties"], json!({"of": "one"}));
    assert_eq!(two["properties"], json!({"of": "other"}));
    assert_ne!(one["id"], two["id"]);
    assert_eq!(scene.person("anon").await, Value::Null);
}
