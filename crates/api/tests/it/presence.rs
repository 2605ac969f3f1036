//! Who looks at a ticket and who types there, as the readers of the event stream learn it (spec "Events and live inbox").

use crate::common::assert_error;
use crate::tickets_desk::Desk;
use http::Method;
use serde_json::{Value, json};
use testkit::{Api, Event, EventStream, Setup, Tenant, on_both_engines};

on_both_engines! {
    the_others_are_told_who_looks_types_and_leaves,
    who_closes_one_of_two_tabs_has_not_left,
    presence_moves_no_cursor_and_is_not_replayed,
    another_project_is_told_nothing,
    the_others_are_told_so_often_at_most,
    a_heartbeat_needs_no_body_but_a_fitting_one,
}

/// The stream of a project from now on.
async fn open(api: &Api, tenant: &Tenant) -> EventStream {
    let path = format!("/api/projects/{}/conversations/events/", tenant.project);
    let request = api.request(Method::GET, &path);
    let request = request.header("accept", "text/event-stream");
    let mut stream = EventStream::of(request.send().await.unwrap()).expect(200);
    stream.next().await.unwrap();
    stream
}

/// Who is told to do what at which ticket.
fn told(event: &Event) -> (Value, Value, Value) {
    assert_eq!(event.name, "ticket_presence", "{}", event.raw);
    let data = event.json();
    assert_eq!(data["event"], "ticket_presence");
    assert!(data["timestamp"].as_str().unwrap().ends_with('Z'));
    let it = &data["properties"];
    (
        it["viewer"]["id"].clone(),
        it["state"].clone(),
        it["ticket_id"].clone(),
    )
}

async fn the_others_are_told_who_looks_types_and_leaves(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let path = desk.at(&ticket, "presence/");
    let mut mine = open(&desk.api, &desk.tenant).await;
    let mut theirs = open(&colleague.api, &desk.tenant).await;
    let (me, them) = (json!(desk.tenant.user), json!(colleague.user));
    for (body, state) in [
        (json!({}), "viewing"),
        (json!({"is_typing": true}), "typing"),
        (json!({"is_typing": false}), "viewing"),
        (json!({"is_leaving": true, "is_typing": true}), "left"),
    ] {
        colleague.api.post(&path, &body).await.expect(200);
        let event = mine.next().await.unwrap();
        let expected = (them.clone(), json!(state), ticket["id"].clone());
        assert_eq!(told(&event), expected);
        let properties = &event.json()["properties"];
        assert_eq!(properties["ticket_number"], ticket["ticket_number"]);
        assert!(properties["viewer"]["email"].is_string());
    }
    // Whoever has left has gone at once, and is still told of those who look.
    let seen = desk.api.post(&path, &json!({})).await.expect(200).json;
    assert_eq!(seen, json!({"viewers": []}));
    // The first thing that they are told is what somebody else did.
    let event = theirs.next().await.unwrap();
    assert_eq!(told(&event), (me, json!("viewing"), ticket["id"].clone()));
}

async fn who_closes_one_of_two_tabs_has_not_left(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let path = desk.at(&ticket, "presence/");
    let mut mine = open(&desk.api, &desk.tenant).await;
    for (body, state) in [
        (json!({"tab": "one"}), "viewing"),
        (json!({"tab": "two", "is_typing": true}), "typing"),
        (json!({"tab": "two", "is_leaving": true}), "viewing"),
        (json!({"tab": "one", "is_leaving": true}), "left"),
    ] {
        colleague.api.post(&path, &body).await.expect(200);
        assert_eq!(told(&mine.next().await.unwrap()).1, state);
        let seen = desk.api.post(&path, &json!({})).await.expect(200).json;
        let viewers = seen["viewers"].as_array().unwrap().len();
        assert_eq!(viewers, usize::from(state != "left"), "{body}");
    }
}

async fn presence_moves_no_cursor_and_is_not_replayed(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let log = format!(
        "/api/projects/{}/conversations/events/",
        desk.tenant.project
    );
    let before = desk.api.get(&log).await.expect(200).json["next"].clone();
    let mut stream = open(&desk.api, &desk.tenant).await;
    let path = desk.at(&ticket, "presence/");
    colleague.api.post(&path, &json!({})).await.expect(200);
    let event = stream.next().await.unwrap();
    assert!(!event.raw.contains("id:"), "{}", event.raw);
    desk.reply(&ticket, json!({"message": "hello"}))
        .await
        .expect(201);
    let next = stream.next().await.unwrap();
    assert_eq!(next.name, "$conversation_message_sent");
    assert_eq!(next.id, (before.as_i64().unwrap() + 1).to_string());

    let request = desk.api.request(Method::GET, &log);
    let request = request
        .header("accept", "text/event-stream")
        .header("last-event-id", before.to_string());
    let mut again = EventStream::of(request.send().await.unwrap());
    again.next().await.unwrap();
    assert_eq!(again.next().await.unwrap().id, next.id);
    let page = desk.api.get(&log).await.expect(200).text;
    assert!(!page.contains("ticket_presence"), "{page}");
}

async fn another_project_is_told_nothing(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let stranger = desk.app.tenant().await;
    let second = Tenant {
        project: desk.app.project(desk.tenant.organization).await,
        ..desk.tenant.clone()
    };
    let colleague = desk
        .app
        .member(desk.tenant.organization, second.project)
        .await;
    let mut stream = open(&desk.api, &second).await;
    let path = desk.at(&ticket, "presence/");
    colleague.api.post(&path, &json!({})).await.expect(200);
    assert_error(
        &stranger.api.post(&path, &json!({})).await,
        403,
        "permission_denied",
        "",
    );
    // Whatever comes first in the other project is of that project.
    let other = crate::tickets_desk::path_of(&second);
    let made = desk.api.post(&other, &json!({})).await.expect(201).json;
    let event = stream.next().await.unwrap();
    assert_eq!(event.name, "$conversation_ticket_created");
    assert_eq!(event.json()["properties"]["ticket_id"], made["id"]);
}

async fn the_others_are_told_so_often_at_most(mut setup: Setup) {
    setup.api.rate_limits = true;
    let desk = Desk::new(setup).await;
    let (ticket, other) = (desk.add(json!({})).await, desk.add(json!({})).await);
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let mut stream = open(&desk.api, &desk.tenant).await;
    let path = desk.at(&ticket, "presence/");
    let typing = json!({"is_typing": true});
    for _ in 0..65 {
        colleague.api.post(&path, &typing).await.expect(200);
    }
    // Another ticket is counted for itself.
    let there = desk.at(&other, "presence/");
    colleague.api.post(&there, &typing).await.expect(200);
    let events = stream
        .until(|event| event.json()["properties"]["ticket_id"] == other["id"])
        .await;
    assert_eq!(events.len(), 60 + 1);
    // They are there all the same, and heard again a minute later.
    let seen = desk.api.post(&path, &json!({})).await.expect(200).json;
    assert_eq!(seen["viewers"][0]["id"], json!(colleague.user));
    desk.later(61);
    colleague.api.post(&path, &typing).await.expect(200);
    let event = stream.next().await.unwrap();
    assert_eq!(told(&event).2, ticket["id"]);
}

async fn a_heartbeat_needs_no_body_but_a_fitting_one(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let path = desk.at(&ticket, "presence/");
    let bare = desk.api.request(Method::POST, &path);
    desk.api.send(bare).await.expect(200);
    for name in ["is_typing", "is_leaving"] {
        let refused = desk.api.post(&path, &json!({ name: "perhaps" })).await;
        assert_error(&refused, 400, "invalid_input", name);
    }
    let long = json!({"tab": "t".repeat(65)});
    let refused = desk.api.post(&path, &long).await;
    assert_error(&refused, 400, "max_length", "tab");
    let list = desk.api.post(&path, &json!([])).await;
    assert_error(&list, 400, "invalid_input", "");
}
