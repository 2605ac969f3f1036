//! Cursors that are refused, and which of two counts (spec "Cursors").

use super::scene::{attach_reply, brisk, hold, raw, stored_turn, with};
use crate::common::{Stage, assert_error, eventually};
use http::Method;
use serde_json::json;
use std::time::Duration;
use testkit::{Chat, EventStream, Gate, Reply, Script, Setup, on_both_engines};

on_both_engines! {
    a_malformed_cursor_is_refused,
    a_cursor_of_the_future_is_refused,
    an_expired_cursor_is_gone_and_the_conversation_is_not,
    a_cursor_is_kept_as_long_as_the_retention_says,
    the_header_beats_the_query,
    a_cursor_sent_with_text_is_ignored,
    a_cursor_sent_with_a_resume_payload_of_an_idle_conversation_is_ignored,
    a_cursor_opens_nobody_elses_conversation,
    a_reader_of_frames_that_are_just_being_forgotten_is_not_left_waiting,
}

async fn with_after(chat: &Chat, cursor: &str) -> Reply {
    let encoded: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
    attach_reply(chat, &format!("?after={encoded}"), &[]).await
}

async fn a_malformed_cursor_is_refused(setup: Setup) {
    let stage = Stage::new(setup).await;
    let idle = stage.idle_chat().await;
    let running = stage.chat();
    let (stream, gate) = hold(&stage, &running, &["answer"]).await;
    for chat in [&idle, &running] {
        for cursor in [
            "x",
            "1",
            "1:",
            ":1",
            ":",
            "0:1",
            "-1:1",
            "1:-1",
            "1:1:1",
            "+1:1",
            "1:1 ",
            " 1:1",
            "1.5:1",
            "0x1:1",
            "\u{661}:1",
            "1:\u{0}",
            "99999999999999999999:1",
            "1:99999999999999999999",
            "9223372036854775807:9223372036854775807",
            "'; DROP TABLE turn; --",
        ] {
            let reply = with_after(chat, cursor).await;
            assert_error(&reply, 400, "invalid_input", "after");
            assert_eq!(reply.json.get("reason"), None);
        }
        for cursor in ["x", "1", "1:1:1", "99999999999999999999:1"] {
            let reply = attach_reply(chat, "", &[("last-event-id", cursor)]).await;
            assert_error(&reply, 400, "invalid_input", "after");
        }
        let long = format!("1:{}", "1".repeat(10_000));
        let reply = attach_reply(chat, "", &[("last-event-id", &long)]).await;
        assert_error(&reply, 400, "invalid_input", "after");
    }
    gate.open_all();
    stream.events().await;
}

async fn a_cursor_of_the_future_is_refused(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let refused = async |cursor: &str| {
        let reply = with_after(&chat, cursor).await;
        assert_error(&reply, 400, "invalid_input", "after");
    };
    for cursor in [
        "1:5",
        "1:999999999999999999",
        "2:0",
        "2:1",
        "999999999999999999:0",
    ] {
        refused(cursor).await;
    }
    with_after(&chat, "1:4").await.expect(200);
    let (mut stream, gate) = hold(&stage, &chat, &["a", "b"]).await;
    gate.open(1);
    stream.until(|event| event.is_partial()).await;
    // The running turn has two events. The next will come, but nobody can have seen it.
    for cursor in ["1:5", "2:3", "3:0"] {
        refused(cursor).await;
    }
    gate.open_all();
    stream.events().await;
    with_after(&chat, "2:3").await.expect(200);
}

/// A server that keeps frames for ten minutes.
async fn forgetful(setup: Setup) -> Stage {
    let mut setup = brisk(setup);
    setup.assistant.stream_retention = Duration::from_secs(600);
    Stage::new(setup).await
}

async fn forgotten(chat: &Chat, cursor: &str) {
    eventually("the frames are gone", || async {
        with_after(chat, cursor).await.status == 410
    })
    .await;
}

async fn an_expired_cursor_is_gone_and_the_conversation_is_not(setup: Setup) {
    let stage = forgetful(setup).await;
    let chat = stage.idle_chat().await;
    stage.app.advance(Duration::from_secs(601));
    forgotten(&chat, "1:1").await;
    for cursor in ["1:0", "1:4", "1:99"] {
        let reply = with_after(&chat, cursor).await;
        assert_error(&reply, 410, "cursor_expired", "");
        assert_eq!(reply.json["type"], "invalid_request");
    }
    assert_eq!(chat.messages().await.len(), 2);
    // Later turns have cursors of their own, and an old cursor does not skip what is gone.
    let events = chat.say("more").await.expect(201).events().await;
    assert_eq!(events[0].id, "2:1");
    assert_error(&with_after(&chat, "1:4").await, 410, "cursor_expired", "");
    let rest = chat.attach_after("2:0", "snapshot").await.expect(200);
    assert_eq!(raw(&rest.events().await), raw(&events));
}

async fn a_cursor_is_kept_as_long_as_the_retention_says(setup: Setup) {
    let stage = forgetful(setup).await;
    let chat = stage.chat();
    let (stream, gate) = hold(&stage, &chat, &["answer"]).await;
    // The time counts from the end of the turn, not from its beginning.
    stage.app.advance(Duration::from_secs(601));
    gate.open_all();
    let events = stream.events().await;
    stage.app.advance(Duration::from_secs(590));
    // Another conversation that is old enough shows that the server has looked.
    let other = stage.idle_chat().await;
    let rest = chat.attach_after("1:0", "snapshot").await.expect(200);
    assert_eq!(raw(&rest.events().await), raw(&events));
    stage.app.advance(Duration::from_secs(11));
    forgotten(&chat, "1:0").await;
    with_after(&other, "1:0").await.expect(200);
}

async fn the_header_beats_the_query(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let read =
        async |query: &str, header: &[(&str, &str)]| attach_reply(&chat, query, header).await;
    let from_header = read("?after=1:1", &[("last-event-id", "1:3")]).await;
    let expected = read("?after=1:3", &[]).await.expect(200).text;
    assert_eq!(from_header.expect(200).text, expected);
    // Even where one of them alone would be refused.
    let reply = read("?after=nonsense", &[("last-event-id", "1:3")]).await;
    assert_eq!(reply.expect(200).text, expected);
    let reply = read("?after=1:3", &[("last-event-id", "nonsense")]).await;
    assert_error(&reply, 400, "invalid_input", "after");
    // Browsers send an empty one when they have seen no id.
    let reply = read("?after=1:3", &[("last-event-id", "")]).await;
    assert_eq!(reply.expect(200).text, expected);
    let reply = read("", &[("last-event-id", "")]).await;
    assert_eq!(reply.json["reason"], "conversation_idle", "{}", reply.text);
}

async fn a_cursor_sent_with_text_is_ignored(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    for cursor in ["1:3", "7:7", "nonsense"] {
        let path = format!("{}?after={cursor}", chat.root());
        let request = chat.api.request(Method::POST, &path);
        let request = request.header("last-event-id", cursor);
        let request = request.json(&chat.message("more"));
        let stream = EventStream::of(request.send().await.unwrap()).expect(201);
        let events = stream.events().await;
        assert_eq!(events[0].content(), "more");
        assert!(events[0].id.ends_with(":1"));
    }
    // Nor does it make a busy conversation readable.
    let (stream, gate) = hold(&stage, &chat, &["answer"]).await;
    let request = chat.api.request(Method::POST, &chat.root());
    let request = request.header("last-event-id", "1:1");
    let reply = chat.api.send(request.json(&chat.message("me too"))).await;
    assert_error(&reply, 409, "conflict", "");
    gate.open_all();
    stream.events().await;
}

async fn a_cursor_sent_with_a_resume_payload_of_an_idle_conversation_is_ignored(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    stage.model.script([
        Script::tool_call("read_page", json!({})),
        Script::text(["thanks"]),
    ]);
    let tools = json!({"read_page": {"client": true}});
    let body = with(chat.message("hi"), "contextual_tools", tools);
    let events = chat.stream(&body).await.expect(201).events().await;
    let call = events.last().unwrap().json()["tool_calls"][0]["id"].clone();
    let result = json!({"action": "client_tool_result", "tool_call_id": call, "result": "x"});
    let body = with(chat.attaching(), "resume_payload", result);
    let request = chat.api.request(Method::POST, &chat.root());
    let request = request.header("last-event-id", &events.last().unwrap().id);
    let stream = EventStream::of(request.json(&body).send().await.unwrap()).expect(201);
    let events = stream.events().await;
    assert_eq!(events[0].id, "2:1");
    assert_eq!(events.last().unwrap().content(), "thanks");
}

async fn a_cursor_opens_nobody_elses_conversation(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, gate) = (stage.chat(), Gate::new());
    stage.model.script([Script::text(["secret"]).gated(&gate)]);
    let stream = chat.say("hi").await.expect(201);
    let tenant = &stage.tenant;
    let colleague = stage.app.member(tenant.organization, tenant.project).await;
    for cursor in ["1:0", "1:1", "9:9"] {
        let reply = with_after(&chat.seen_by(&colleague.api), cursor).await;
        assert_eq!(reply.status, 400);
        assert_eq!(
            reply.json,
            json!({"error": "Cannot access other users' conversations"})
        );
    }
    gate.open_all();
    stream.events().await;
}

async fn a_reader_of_frames_that_are_just_being_forgotten_is_not_left_waiting(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let body = chat.message("hi");
    chat.stream(&body).await.expect(201).events().await;
    // As a reader may find things that has looked at the turn before, and at its frames after they were deleted.
    let key = stored_turn(&stage.app, &chat, 1).await.key;
    let deleted = stage
        .app
        .store
        .write(move |c| Box::pin(store::frames::delete(c, key)))
        .await;
    deleted.unwrap();
    let readers = [
        chat.attach_after("1:0", "snapshot").await.expect(200),
        chat.attach_after("1:1", "delta").await.expect(200),
        chat.stream(&body).await.expect(200),
    ];
    for reader in readers {
        assert_eq!(reader.events().await, []);
    }
}
