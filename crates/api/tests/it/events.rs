//! The event log, page by page and live, and the log of changes (spec "Events and live inbox", tickets.md 12.2).

use crate::common::{assert_error, keys};
use http::Method;
use model::{ProjectId, Timestamp, UserId};
use serde_json::{Value, json};
use std::time::Duration;
use store::activity::{self, NewActivity};
use store::events::{self, NewEvent};
use testkit::{Api, Event, EventStream, Setup, Tenant, TestApp, new_uuid, on_both_engines};

on_both_engines! {
    the_log_is_read_page_by_page_without_hidden_events,
    a_bad_cursor_is_refused_in_both_forms,
    a_stream_replays_and_goes_on,
    a_stream_without_a_cursor_begins_now,
    a_long_replay_is_complete_and_in_order,
    events_that_another_process_wrote_arrive,
    a_reader_misses_nothing_while_many_write_at_once,
    a_quiet_stream_shows_that_it_lives,
    a_stream_ends_with_a_hint_when_the_server_stops,
    a_stream_ends_when_its_key_is_revoked,
    a_stream_ends_when_its_key_may_less,
    the_form_is_negotiated,
    a_reader_sees_its_own_project_only,
    changes_are_listed_newest_first,
    the_log_of_changes_is_read_whole_or_narrowed,
    the_log_of_changes_refuses_what_it_is_not_kept_of,
    what_was_done_to_the_project_needs_a_scope_of_its_own,
}

/// A server, a member of a project, and the path of the project's events.
struct Scene {
    app: TestApp,
    tenant: Tenant,
    path: String,
}

impl Scene {
    async fn new(setup: Setup) -> Self {
        let app = setup.start().await;
        let tenant = app.tenant().await;
        let path = path(tenant.project);
        Self { app, tenant, path }
    }

    /// Logs events as tickets do, and wakes the readers.
    async fn log(&self, events: Vec<NewEvent>) -> i64 {
        let last = self.log_silently(events).await;
        self.app.app.pokes.poke(self.tenant.project);
        last
    }

    /// Logs events as another process does.
    async fn log_silently(&self, events: Vec<NewEvent>) -> i64 {
        append(&self.app, self.tenant.project, events).await
    }

    async fn page(&self, query: &str) -> Value {
        let path = format!("{}?{query}", self.path);
        self.tenant.api.get(&path).await.expect(200).json
    }

    async fn stream(&self, query: &str, last_event_id: Option<&str>) -> EventStream {
        let path = format!("{}?{query}", self.path);
        open(&self.tenant.api, &path, last_event_id).await
    }
}

fn path(project: ProjectId) -> String {
    format!("/api/projects/{project}/conversations/events/")
}

async fn append(app: &TestApp, project: ProjectId, events: Vec<NewEvent>) -> i64 {
    let now = app.env.now();
    app.store
        .write(move |c| Box::pin(async move { events::append(c, project, &events, now).await }))
        .await
        .unwrap()
}

async fn open(api: &Api, path: &str, last_event_id: Option<&str>) -> EventStream {
    let mut request = api
        .request(Method::GET, path)
        .header("accept", "text/event-stream");
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    EventStream::of(request.send().await.unwrap())
}

/// A published event.
fn event(number: i64) -> NewEvent {
    NewEvent {
        kind: "$conversation_message_sent",
        distinct_id: "user-1".to_owned(),
        properties: json!({"n": number, "text": "ä\n\u{2028}"}).to_string(),
        is_hidden: false,
    }
}

/// An event for the live inbox only.
fn hidden(number: i64) -> NewEvent {
    NewEvent {
        kind: "ticket_changed",
        is_hidden: true,
        ..event(number)
    }
}

fn ids(page: &Value) -> Vec<i64> {
    let results = page["results"].as_array().unwrap();
    results
        .iter()
        .map(|it| it["id"].as_i64().unwrap())
        .collect()
}

/// The cursor that a stream begins with.
async fn greeting(stream: &mut EventStream) -> String {
    let first = stream.next().await.unwrap();
    assert_eq!((first.name.as_str(), first.data.as_str()), ("", ""));
    first.id
}

/// The numbers of the next events.
async fn next(stream: &mut EventStream, count: usize) -> Vec<i64> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        let event: Event = stream.next().await.unwrap();
        let data = event.json();
        assert_eq!(data["id"].to_string(), event.id);
        assert_eq!(data["event"], event.name);
        numbers.push(data["properties"]["n"].as_i64().unwrap());
    }
    numbers
}

async fn the_log_is_read_page_by_page_without_hidden_events(setup: Setup) {
    let scene = Scene::new(setup).await;
    let empty = json!({"next": 0, "has_more": false, "results": []});
    assert_eq!(scene.page("").await, empty);
    assert_eq!(scene.page("after=0").await, empty);
    scene
        .log(vec![event(1), hidden(2), event(3), event(4), hidden(5)])
        .await;
    let all = scene.page("").await;
    assert_eq!(ids(&all), [1, 3, 4]);
    assert_eq!((&all["next"], &all["has_more"]), (&json!(5), &json!(false)));
    let first = &all["results"][0];
    assert_eq!(
        keys(first),
        ["distinct_id", "event", "id", "properties", "timestamp"]
    );
    assert_eq!(first["event"], "$conversation_message_sent");
    assert_eq!(first["distinct_id"], "user-1");
    assert_eq!(first["properties"], json!({"n": 1, "text": "ä\n\u{2028}"}));
    assert!(first["timestamp"].as_str().unwrap().ends_with('Z'));

    let page = scene.page("limit=2").await;
    assert_eq!(ids(&page), [1, 3]);
    assert_eq!(
        (&page["next"], &page["has_more"]),
        (&json!(3), &json!(true))
    );
    let page = scene.page("limit=2&after=3").await;
    assert_eq!(ids(&page), [4]);
    assert_eq!(
        (&page["next"], &page["has_more"]),
        (&json!(5), &json!(false))
    );
    assert_eq!(scene.page("after=5").await["next"], 5);
    assert_eq!(ids(&scene.page("limit=x&offset=2").await), [1, 3, 4]);
}

async fn a_bad_cursor_is_refused_in_both_forms(setup: Setup) {
    let scene = Scene::new(setup).await;
    scene.log((1..=5).map(event).collect()).await;
    forget_before(&scene, 3).await;
    for accept in ["application/json", "text/event-stream"] {
        for (after, status, code, attr) in [
            ("x", 400, "invalid_input", "after"),
            ("", 400, "invalid_input", "after"),
            ("-1", 400, "invalid_input", "after"),
            ("%2B3", 400, "invalid_input", "after"),
            ("1:2", 400, "invalid_input", "after"),
            ("99999999999999999999", 400, "invalid_input", "after"),
            ("6", 400, "invalid_input", "after"),
            ("1", 410, "cursor_expired", ""),
        ] {
            let path = format!("{}?after={after}", scene.path);
            let api = &scene.tenant.api;
            let request = api.request(Method::GET, &path).header("accept", accept);
            assert_error(&api.send(request).await, status, code, attr);
        }
    }
    // The last one that was forgotten is the newest that one can go on after.
    assert_eq!(ids(&scene.page("after=2").await), [3, 4, 5]);
    assert_eq!(ids(&scene.page("").await), [3, 4, 5]);
    let path = format!("{}?after=3", scene.path);
    let request = scene.tenant.api.request(Method::GET, &path);
    let request = request.header("last-event-id", "nonsense");
    let reply = scene.tenant.api.send(request).await;
    assert_error(&reply, 400, "invalid_input", "after");
}

/// Removes the beginning of the log.
async fn forget_before(scene: &Scene, before: i64) {
    let project = scene.tenant.project;
    let statement = "DELETE FROM event WHERE project_id = ?1 AND seq < ?2";
    scene
        .app
        .store
        .write(move |c| {
            Box::pin(async move { c.exec(statement, store::params![project, before]).await })
        })
        .await
        .unwrap();
}

async fn a_stream_replays_and_goes_on(setup: Setup) {
    let scene = Scene::new(setup).await;
    scene.log(vec![event(1), hidden(2), event(3)]).await;
    let mut stream = scene.stream("after=1", None).await.expect(200);
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert_eq!(stream.headers["cache-control"], "no-cache, no-transform");
    assert_eq!(greeting(&mut stream).await, "1");
    assert_eq!(next(&mut stream, 2).await, [2, 3]);
    scene.log(vec![event(4)]).await;
    assert_eq!(next(&mut stream, 1).await, [4]);
    scene.log(vec![hidden(5), event(6)]).await;
    assert_eq!(next(&mut stream, 2).await, [5, 6]);

    // The header wins, as a browser that comes back sends both.
    let mut again = scene.stream("after=1", Some("4")).await;
    assert_eq!(greeting(&mut again).await, "4");
    assert_eq!(next(&mut again, 2).await, [5, 6]);
}

async fn a_stream_without_a_cursor_begins_now(setup: Setup) {
    let scene = Scene::new(setup).await;
    scene.log(vec![event(1), event(2)]).await;
    let mut stream = scene.stream("", None).await;
    assert_eq!(greeting(&mut stream).await, "2");
    scene.log(vec![event(3)]).await;
    assert_eq!(next(&mut stream, 1).await, [3]);
}

async fn a_long_replay_is_complete_and_in_order(setup: Setup) {
    let scene = Scene::new(setup).await;
    scene.log((1..=250).map(event).collect()).await;
    let mut stream = scene.stream("after=0", None).await;
    greeting(&mut stream).await;
    let numbers = next(&mut stream, 250).await;
    assert!(numbers.into_iter().eq(1..=250));
    let first = scene.page("limit=1000").await;
    assert_eq!(ids(&first).len(), 250);
    assert_eq!(ids(&scene.page("").await).len(), 100);
}

async fn events_that_another_process_wrote_arrive(setup: Setup) {
    let scene = Scene::new(setup).await;
    let mut stream = scene.stream("", None).await;
    assert_eq!(greeting(&mut stream).await, "0");
    scene.log_silently(vec![event(1)]).await;
    assert_eq!(next(&mut stream, 1).await, [1]);
}

async fn a_reader_misses_nothing_while_many_write_at_once(setup: Setup) {
    const TICKETS: usize = 60;
    let scene = Scene::new(setup).await;
    let mut stream = scene.stream("", None).await;
    assert_eq!(greeting(&mut stream).await, "0");
    let tickets = crate::tickets_desk::path_of(&scene.tenant);
    let writing = futures::future::join_all((0..TICKETS).map(async |_| {
        let made = scene.tenant.api.post(&tickets, &json!({})).await;
        made.expect(201);
    }));
    let reading = async {
        let (mut ids, mut made) = (Vec::new(), 0);
        while made < TICKETS {
            let event = stream.next().await.unwrap();
            ids.push(event.id.parse::<i64>().unwrap());
            made += usize::from(event.name == "$conversation_ticket_created");
        }
        ids
    };
    let (_, ids) = tokio::join!(writing, reading);
    let dense: Vec<_> = (1..).take(ids.len()).collect();
    assert_eq!(ids, dense, "in their order, and none passed over");
}

async fn a_quiet_stream_shows_that_it_lives(mut setup: Setup) {
    setup.assistant.keep_alive = Duration::from_millis(20);
    let scene = Scene::new(setup).await;
    let mut stream = scene.stream("", None).await;
    greeting(&mut stream).await;
    stream.until_hint(": keepalive\n\n").await;
    scene.log(vec![event(1)]).await;
    assert_eq!(next(&mut stream, 1).await, [1]);
}

async fn a_stream_ends_with_a_hint_when_the_server_stops(setup: Setup) {
    let scene = Scene::new(setup).await;
    let mut stream = scene.stream("", None).await;
    greeting(&mut stream).await;
    let stopping = tokio::spawn(scene.app.stop());
    assert_eq!(stream.next().await, None);
    assert_eq!(stream.hints, ["retry: 1000\n\n"]);
    drop(stopping.await.unwrap());
}

async fn a_stream_ends_when_its_key_is_revoked(setup: Setup) {
    let scene = Scene::new(setup).await;
    let key = scene.app.key(scene.tenant.user, &["ticket:read"]).await;
    let mut stream = open(&scene.app.api(&key), &scene.path, None).await;
    greeting(&mut stream).await;
    scene.app.revoke(&key).await;
    scene.log(vec![event(1)]).await;
    assert_eq!(stream.next().await, None);
}

async fn a_stream_ends_when_its_key_may_less(setup: Setup) {
    let scene = Scene::new(setup).await;
    let elsewhere = scene.app.project(scene.tenant.organization).await;
    for change in [
        json!({"scopes": ["person:read"]}),
        json!({"scoped_teams": [elsewhere]}),
    ] {
        let browser = scene.app.signed_in(scene.tenant.user).await;
        let new = json!({"label": "inbox", "scopes": ["ticket:read"]});
        let made = browser.post("/api/personal_api_keys/", &new).await;
        let made = made.expect(201).json;
        let key = scene.app.api(made["value"].as_str().unwrap());
        let mut stream = open(&key, &scene.path, None).await;
        greeting(&mut stream).await;
        let path = format!("/api/personal_api_keys/{}/", made["id"].as_str().unwrap());
        browser.patch(&path, &change).await.expect(200);
        scene.log(vec![event(1)]).await;
        assert_eq!(stream.next().await, None, "{change}");
    }
}

async fn the_form_is_negotiated(setup: Setup) {
    let scene = Scene::new(setup).await;
    let api = &scene.tenant.api;
    for accept in ["*/*", "application/json", "text/html, */*;q=0.1"] {
        let request = api
            .request(Method::GET, &scene.path)
            .header("accept", accept);
        let reply = api.send(request).await.expect(200);
        assert_eq!(reply.json["next"], 0, "{accept}");
    }
    let request = api.request(Method::GET, &scene.path);
    let reply = api.send(request.header("accept", "text/html")).await;
    assert_error(&reply, 406, "not_acceptable", "");
    // With a key in the query, as a browser's EventSource has to.
    let path = format!("{}?personal_api_key={}", scene.path, scene.tenant.key);
    let mut stream = open(&scene.app.stranger(), &path, None).await.expect(200);
    greeting(&mut stream).await;
    let other_prefix = scene.path.replace("/projects/", "/environments/");
    api.get(other_prefix.trim_end_matches('/'))
        .await
        .expect(200);
    let reply = api.post(&scene.path, &json!({})).await;
    assert_error(&reply, 405, "method_not_allowed", "");
}

async fn a_reader_sees_its_own_project_only(setup: Setup) {
    let scene = Scene::new(setup).await;
    let other = scene.app.tenant().await;
    scene.log(vec![event(1), event(2)]).await;
    append(&scene.app, other.project, vec![event(7)]).await;
    let theirs = other.api.get(&path(other.project)).await.expect(200).json;
    assert_eq!(theirs["results"][0]["properties"]["n"], 7);
    assert_eq!(ids(&theirs), [1]);
    let mut stream = open(&other.api, &path(other.project), Some("0")).await;
    greeting(&mut stream).await;
    assert_eq!(next(&mut stream, 1).await, [7]);
    // What happens over there does not even number anything here.
    scene.log(vec![event(3)]).await;
    append(&scene.app, other.project, vec![event(8)]).await;
    assert_eq!(next(&mut stream, 1).await, [8]);

    for accept in ["application/json", "text/event-stream"] {
        let ask = |api: Api| async move {
            let request = api.request(Method::GET, &path(scene.tenant.project));
            api.send(request.header("accept", accept)).await
        };
        assert_error(&ask(other.api.clone()).await, 403, "permission_denied", "");
        let stranger = ask(scene.app.stranger()).await;
        assert_error(&stranger, 401, "not_authenticated", "");
        let talker = scene
            .app
            .key(scene.tenant.user, &["conversation:write"])
            .await;
        let reply = ask(scene.app.api(&talker)).await;
        assert_error(&reply, 403, "permission_denied", "");
        assert_eq!(
            reply.json["detail"],
            "API key missing required scope 'ticket:read'"
        );
    }
}

async fn record(app: &TestApp, project: ProjectId, item: &str, by: Option<UserId>, second: i64) {
    let new = NewActivity {
        id: app.env.uuid(),
        scope: "Ticket",
        item_id: item.to_owned(),
        activity: "updated",
        user_id: by,
        detail: json!({"name": "Ticket #1", "changes": [{"second": second}]}).to_string(),
        client: by.map(|_| "mcp".to_owned()),
    };
    let at = Timestamp::from_micros(1_700_000_000_000_000 + second * 1_000_000);
    app.store
        .write(move |c| Box::pin(async move { activity::append(c, project, &new, at).await }))
        .await
        .unwrap();
}

async fn changes_are_listed_newest_first(setup: Setup) {
    let scene = Scene::new(setup).await;
    let (app, tenant) = (&scene.app, &scene.tenant);
    let ticket = new_uuid().to_string();
    for (second, by) in [(1, Some(tenant.user)), (3, None), (2, None)] {
        record(app, tenant.project, &ticket, by, second).await;
    }
    record(app, tenant.project, &new_uuid().to_string(), None, 4).await;
    let other = app.project(tenant.organization).await;
    record(app, other, &ticket, None, 5).await;

    let root = format!("/api/projects/{}/activity_log/", tenant.project);
    let path = format!("{root}?scope=Ticket&item_id={}", ticket.to_uppercase());
    let page = tenant.api.get(&path).await.expect(200).json;
    assert_eq!(page["count"], 3);
    let seconds: Vec<_> = (0..3)
        .map(|n| page["results"][n]["detail"]["changes"][0]["second"].clone())
        .collect();
    assert_eq!(seconds, [3, 2, 1]);
    let newest = &page["results"][0];
    assert_eq!(
        keys(newest),
        [
            "activity",
            "client",
            "created_at",
            "detail",
            "id",
            "item_id",
            "scope",
            "user"
        ]
    );
    assert_eq!(newest["scope"], "Ticket");
    assert_eq!(newest["item_id"], json!(ticket));
    assert_eq!(newest["activity"], "updated");
    assert_eq!(
        (&newest["user"], &newest["client"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(newest["created_at"], "2023-11-14T22:13:23Z");
    let oldest = &page["results"][2];
    assert_eq!(oldest["user"]["id"], json!(tenant.user));
    assert_eq!(oldest["client"], "mcp");
    let page = tenant.api.get(&format!("{path}&limit=1&offset=1")).await;
    let page = page.expect(200).json;
    assert_eq!(page["results"][0]["detail"]["changes"][0]["second"], 2);
    assert!(page["next"].as_str().unwrap().contains("offset=2"));
}

async fn the_log_of_changes_is_read_whole_or_narrowed(setup: Setup) {
    let scene = Scene::new(setup).await;
    let (app, tenant) = (&scene.app, &scene.tenant);
    let robin = app.member(tenant.organization, tenant.project).await;
    let (one, two) = (new_uuid().to_string(), new_uuid().to_string());
    record(app, tenant.project, &one, Some(tenant.user), 1).await;
    record(app, tenant.project, &two, Some(robin.user), 2).await;
    record(app, tenant.project, &one, None, 3).await;
    let other = app.project(tenant.organization).await;
    record(app, other, &one, Some(tenant.user), 4).await;
    // Also of the project itself.
    let settings = format!("/api/projects/{}/", tenant.project);
    let change = json!({"timezone": "Europe/Berlin"});
    tenant.api.patch(&settings, &change).await.expect(200);

    let robins = robin.api.get("/api/users/@me/").await.expect(200).json;
    let uuid = robins["uuid"].as_str().unwrap();
    let (me, them) = (tenant.user, robin.user);
    let root = format!("/api/projects/{}/activity_log/", tenant.project);
    for (query, expected) in [
        (String::new(), vec![-1, 3, 2, 1]),
        ("scope=Ticket".to_owned(), vec![3, 2, 1]),
        ("scope=Project".to_owned(), vec![-1]),
        (format!("user={me}"), vec![-1, 1]),
        (format!("user={them}"), vec![2]),
        (format!("user={uuid}"), vec![2]),
        (format!("user={}", new_uuid()), vec![]),
        ("user=999999".to_owned(), vec![]),
        (format!("scope=Ticket&user={me}"), vec![1]),
        (format!("scope=Ticket&item_id={one}"), vec![3, 1]),
        (format!("scope=Ticket&item_id={one}&user={me}"), vec![1]),
        ("limit=2&offset=1".to_owned(), vec![3, 2]),
    ] {
        let page = tenant.api.get(&format!("{root}?{query}")).await;
        let page = page.expect(200).json;
        let second = |row: &Value| row["detail"]["changes"][0]["second"].as_i64();
        let found: Vec<i64> = page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| second(row).unwrap_or(-1))
            .collect();
        assert_eq!(found, expected, "{query}");
        if !query.starts_with("limit") {
            assert_eq!(page["count"], json!(expected.len()), "{query}");
        }
    }
}

async fn what_was_done_to_the_project_needs_a_scope_of_its_own(setup: Setup) {
    let scene = Scene::new(setup).await;
    let (app, tenant) = (&scene.app, &scene.tenant);
    record(app, tenant.project, &new_uuid().to_string(), None, 1).await;
    let settings = format!("/api/projects/{}/", tenant.project);
    let change = json!({"name": "Another name"});
    tenant.api.patch(&settings, &change).await.expect(200);
    let root = format!("/api/projects/{}/activity_log/", tenant.project);
    let reader = app.api(&app.key(tenant.user, &["ticket:read"]).await);
    let page = reader.get(&root).await.expect(200).json;
    assert_eq!(page["count"], 1);
    assert_eq!(page["results"][0]["scope"], "Ticket");
    let refused = reader.get(&format!("{root}?scope=Project")).await;
    assert_error(&refused, 403, "permission_denied", "");
    assert_eq!(
        refused.json["detail"],
        "API key missing required scope 'project:read'"
    );
    let both = app.key(tenant.user, &["ticket:read", "project:read"]).await;
    let page = app.api(&both).get(&root).await.expect(200).json;
    assert_eq!(page["count"], 2);
}

async fn the_log_of_changes_refuses_what_it_is_not_kept_of(setup: Setup) {
    let scene = Scene::new(setup).await;
    let root = format!("/api/projects/{}/activity_log/", scene.tenant.project);
    let api = &scene.tenant.api;
    for (query, code, attr) in [
        ("item_id=1", "required", "scope"),
        ("scope=Insight&item_id=1", "invalid_choice", "scope"),
        ("user=me", "invalid_input", "user"),
    ] {
        let reply = api.get(&format!("{root}?{query}")).await;
        assert_error(&reply, 400, code, attr);
    }
    let query = "?scope=Ticket&item_id=%00";
    let reply = api.get(&format!("{root}{query}")).await.expect(200);
    assert_eq!(reply.json["count"], 0);
    let talker = scene
        .app
        .key(scene.tenant.user, &["conversation:write"])
        .await;
    let reply = scene.app.api(&talker).get(&format!("{root}{query}")).await;
    assert_error(&reply, 403, "permission_denied", "");
    let other = scene.app.tenant().await;
    other.api.get(&format!("{root}{query}")).await.expect(403);
    scene.app.stranger().get(&root).await.expect(401);
}
