//! The forms in which a POST answers: a stream, or one JSON body (spec "JSON form of POST" and "The POST of row 2
//! negotiates").

use super::scene::{count, hold, post_accepting, tool, with, with_another_key};
use crate::common::{Stage, assert_error, cancel};
use api::StatusCodes;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Chat, Gate, Reply, Script, Setup, on_both_engines};

on_both_engines! {
    the_accept_header_chooses_the_form,
    the_json_form_is_the_detail_form_at_the_end_of_the_turn,
    the_json_form_answers_a_failure_with_the_conversation,
    the_json_form_answers_a_cancelled_turn_with_the_conversation,
    the_json_form_answers_a_pending_approval_with_the_conversation,
    attaching_in_the_json_form_waits_for_the_end_too,
    a_client_of_the_json_form_that_leaves_cancels_nothing,
    a_client_of_the_json_form_whose_key_is_revoked_is_refused_and_the_turn_goes_on,
    with_observed_codes_the_json_form_answers_200,
    a_server_that_stops_tells_waiting_clients_to_come_back,
}

async fn post_json(chat: &Chat, body: &Value) -> Reply {
    post_accepting(chat, "application/json", body).await
}

/// Sends the body, and waits until the model was asked.
async fn posted(stage: &Stage, chat: &Chat, body: Value) -> tokio::task::JoinHandle<Reply> {
    let asked = stage.model.turns().len();
    let waiting = tokio::spawn({
        let chat = chat.clone();
        async move { post_json(&chat, &body).await }
    });
    stage.model.wait_for_turns(asked + 1).await;
    waiting
}

async fn the_accept_header_chooses_the_form(setup: Setup) {
    let stage = Stage::new(setup).await;
    const STREAM: &str = "text/event-stream";
    const JSON: &str = "application/json";
    for (accept, form) in [
        ("text/event-stream", STREAM),
        ("*/*", STREAM),
        ("text/*", STREAM),
        ("", STREAM),
        ("text/html, */*;q=0.1", STREAM),
        ("application/json, text/event-stream", STREAM),
        ("text/event-stream;dialect=delta", STREAM),
        ("application/json", JSON),
        ("application/json, text/plain, */*", JSON),
        ("text/html, application/json;q=0.1", JSON),
    ] {
        let chat = stage.chat();
        let reply = post_accepting(&chat, accept, &chat.message("hello")).await;
        assert_eq!(reply.status, 201, "{accept}: {}", reply.text);
        assert_eq!(reply.header("content-type"), form, "{accept}");
    }
    // And without any such header.
    let chat = stage.chat();
    assert_eq!(
        chat.say("hello").await.expect(201).headers["content-type"],
        STREAM
    );
    let made = count(&chat).await;
    for accept in [
        "text/html",
        "application/xml, image/*",
        "application/json;q=0",
    ] {
        let chat = stage.chat();
        let reply = post_accepting(&chat, accept, &chat.message("hello")).await;
        assert_error(&reply, 406, "not_acceptable", "");
        assert_eq!(reply.json["type"], "invalid_request");
    }
    assert_eq!(count(&chat).await, made);
}

async fn the_json_form_is_the_detail_form_at_the_end_of_the_turn(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage
        .model
        .script([Script::text(["an", "swer"]).gated(&gate)]);
    let waiting = posted(&stage, &chat, chat.message("hello")).await;
    assert_eq!(chat.status().await, "in_progress");
    assert!(!waiting.is_finished());
    gate.open_all();
    let reply = waiting.await.unwrap().expect(201);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.json, chat.detail().await);
    assert_eq!(reply.json["status"], "idle");
    assert_eq!(reply.json["messages"][1]["content"], "answer");
    // The next turn is a new one as well.
    let next = post_json(&chat, &chat.message("and now?")).await;
    assert_eq!(next.status, 201);
    assert_eq!(next.json["messages"].as_array().unwrap().len(), 4);
}

async fn the_json_form_answers_a_failure_with_the_conversation(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    stage.model.script([Script::status(500)]);
    let reply = post_json(&chat, &chat.message("hello")).await.expect(201);
    assert_eq!(reply.json["status"], "idle");
    assert_eq!(reply.json["messages"][1]["type"], "ai/failure");
}

async fn the_json_form_answers_a_cancelled_turn_with_the_conversation(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage
        .model
        .script([Script::text(["half", " done"]).gated(&gate)]);
    let waiting = posted(&stage, &chat, chat.message("hello")).await;
    let mut reader = chat.attach().await.expect(200);
    gate.open(1);
    reader.until(|event| event.is_partial()).await;
    cancel(&chat).await;
    let reply = waiting.await.unwrap().expect(201);
    assert_eq!(reply.json["status"], "idle");
    let last = &reply.json["messages"][1];
    assert_eq!(last["content"], "half");
    assert_eq!(last["meta"]["interrupted"], "cancelled");
}

async fn the_json_form_answers_a_pending_approval_with_the_conversation(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    stage
        .model
        .script([Script::tool_call("refund", json!({"amount": 5}))]);
    let tools = tool("refund", json!({"requires_approval": true}));
    let body = with(chat.message("my money"), "contextual_tools", tools);
    let reply = post_json(&chat, &body).await.expect(201);
    assert_eq!(reply.json["status"], "idle");
    let approval = &reply.json["pending_approvals"][0];
    assert_eq!(approval["decision_status"], "pending");
    assert_eq!(approval["payload"], json!({"amount": 5}));
    assert_eq!(reply.json["messages"][1]["tool_calls"][0]["name"], "refund");
}

async fn attaching_in_the_json_form_waits_for_the_end_too(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (stream, gate) = hold(&stage, &chat, &["answer"]).await;
    let waiting = tokio::spawn({
        let chat = chat.clone();
        async move { post_json(&chat, &chat.attaching()).await }
    });
    stage.model.wait_for_turns(1).await;
    gate.open_all();
    let reply = waiting.await.unwrap();
    stream.events().await;
    // The request may have come after the end only if it was slower than the whole turn.
    if reply.status == 200 {
        assert_eq!(reply.json["messages"][1]["content"], "answer");
    } else {
        assert_eq!(reply.json["reason"], "conversation_idle");
    }
    // With a cursor it is 200 in any case.
    let request = chat.api.request(Method::POST, &chat.root());
    let request = request
        .header("accept", "application/json")
        .header("last-event-id", "1:1");
    let reply = chat.api.send(request.json(&chat.attaching())).await;
    assert_eq!(reply.expect(200).json, chat.detail().await);
}

async fn a_client_of_the_json_form_that_leaves_cancels_nothing(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage.model.script([Script::text(["answer"]).gated(&gate)]);
    let waiting = posted(&stage, &chat, chat.message("hello")).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    let reader = chat.attach().await.expect(200);
    gate.open_all();
    let events = reader.events().await;
    assert_eq!(events.last().unwrap().content(), "answer");
    assert_eq!(stage.model.disconnects(), 0);
}

async fn a_client_of_the_json_form_whose_key_is_revoked_is_refused_and_the_turn_goes_on(
    setup: Setup,
) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (phone, key) = with_another_key(&stage, &chat).await;
    let gate = Gate::new();
    stage.model.script([Script::text(["a", "b"]).gated(&gate)]);
    let waiting = posted(&stage, &phone, phone.message("hello")).await;
    stage.app.revoke(&key).await;
    assert_error(&waiting.await.unwrap(), 403, "permission_denied", "");
    gate.open_all();
    chat.wait_until_idle().await;
    let detail = chat.detail().await;
    assert_eq!(detail["messages"][1]["content"], "ab", "{detail}");
}

async fn with_observed_codes_the_json_form_answers_200(mut setup: Setup) {
    setup.api.status_codes = StatusCodes::Observed;
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let reply = post_json(&chat, &chat.message("hello")).await.expect(200);
    assert_eq!(reply.json["messages"].as_array().unwrap().len(), 2);
}

async fn a_server_that_stops_tells_waiting_clients_to_come_back(mut setup: Setup) {
    setup.assistant.shutdown_grace = Duration::ZERO;
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage.model.script([Script::text(["answer"]).gated(&gate)]);
    let body = chat.message("hello");
    let waiting = posted(&stage, &chat, body.clone()).await;
    let setup = stage.app.stop().await;
    let reply = waiting.await.unwrap();
    assert_error(&reply, 503, "error", "");
    assert!(reply.header("retry-after").parse::<u32>().unwrap() > 0);
    // The same request again is safe: it finds its turn.
    gate.open_all();
    stage.model.script([Script::text(["answer"])]);
    let app = setup.start().await;
    let api = app.api(&stage.tenant.key);
    let chat = chat.seen_by(&api);
    let reply = post_json(&chat, &body).await.expect(200);
    assert_eq!(reply.json["messages"].as_array().unwrap().len(), 2);
    assert_eq!(reply.json["messages"][1]["content"], "answer");
}
