//! Stopping a turn (ai-conversations.md 7.1; spec "Cancel").

use crate::common::{Stage, assert_error, assert_json, cancel, contents, finals, keys, said};
use api::StatusCodes;
use serde_json::{Value, json};
use testkit::{Chat, EventStream, Gate, Script, Setup, Table, new_uuid, on_both_engines};

on_both_engines! {
    what_was_said_is_kept_and_marked_as_cancelled,
    reasoning_is_kept_with_the_text,
    every_reader_gets_the_cut_message_and_the_end,
    the_model_is_told_to_stop,
    before_the_first_word_nothing_is_kept,
    between_two_steps_what_was_done_stays,
    an_idle_conversation_is_answered_and_nothing_changes,
    with_observed_codes_the_answer_is_204,
    a_message_may_follow_at_once_and_sees_what_was_kept,
    a_replay_shows_the_same_cut,
    only_the_owner_cancels,
    a_cancel_that_cannot_be_stored_is_told_and_changes_nothing,
    the_word_canceling_stays_in_the_document,
}

/// A turn that has said this much and will say no more.
async fn stuck(stage: &Stage, text: &str) -> (Chat, EventStream) {
    stage
        .model
        .script([Script::text([text]).no_finish().then_hang()]);
    let chat = stage.chat();
    let mut stream = chat.say("go").await.expect(201);
    stream.until(|event| event.is_partial()).await;
    (chat, stream)
}

async fn what_was_said_is_kept_and_marked_as_cancelled(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _stream) = stuck(&stage, "Half an ans").await;
    let before = chat.detail().await;
    assert_eq!(
        contents(&before["messages"]),
        ["go"],
        "the partial is not shown before"
    );
    let cancelled = cancel(&chat).await;
    assert_eq!(keys(&cancelled), keys(&before));
    assert_eq!(cancelled["status"], "idle");
    assert_eq!(cancelled["cleared_queue"], json!([]));
    let kept = &cancelled["messages"][1];
    assert_eq!(kept["type"], "ai");
    assert_eq!(kept["content"], "Half an ans");
    assert_eq!(kept["meta"], json!({"interrupted": "cancelled"}));
    assert!(kept["id"].as_str().unwrap().parse::<uuid::Uuid>().is_ok());
    assert!(cancelled["updated_at"].as_str() > before["updated_at"].as_str());
    assert_eq!(chat.detail().await, cancelled);
}

async fn reasoning_is_kept_with_the_text(setup: Setup) {
    let stage = Stage::new(setup).await;
    let script = Script::thinking(["Hm, hm."])
        .and_text(["It is"])
        .no_finish()
        .then_hang();
    stage.model.script([script]);
    let chat = stage.chat();
    let mut stream = chat.say("go").await.expect(201);
    stream.until(|event| event.content() == "It is").await;
    let kept = cancel(&chat).await["messages"][1].clone();
    let thinking = json!([{"type": "thinking", "thinking": "Hm, hm."}]);
    assert_eq!(
        kept["meta"],
        json!({"interrupted": "cancelled", "thinking": thinking})
    );
}

async fn every_reader_gets_the_cut_message_and_the_end(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, first) = stuck(&stage, "Half").await;
    let second = chat.attach().await.expect(200);
    let deltas = chat.stream_deltas(&chat.attaching()).await.expect(200);
    let cancelled = cancel(&chat).await;
    let (first, second, deltas) = tokio::join!(first.events(), second.events(), deltas.events());
    for events in [&first, &second, &deltas] {
        let last = events.last().unwrap();
        assert_eq!(
            (last.name.as_str(), last.kind().as_str()),
            ("message", "ai")
        );
        let mut kept = cancelled["messages"][1].clone();
        kept.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        assert_eq!(last.json(), kept);
    }
}

async fn the_model_is_told_to_stop(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _stream) = stuck(&stage, "Half").await;
    cancel(&chat).await;
    stage.model.wait_for_disconnects(1).await;
    assert_eq!(stage.app.assistant.running_turns(), 0);
}

async fn before_the_first_word_nothing_is_kept(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage.model.script([Script::hang()]);
    let chat = stage.chat();
    let stream = chat.say("go").await.expect(201);
    stage.model.wait_for_turns(1).await;
    let cancelled = cancel(&chat).await;
    assert_eq!(contents(&cancelled["messages"]), ["go"]);
    assert_eq!(finals(&stream.events().await), said(&[("human", "go")]));
    assert_eq!(chat.status().await, "idle");
}

async fn between_two_steps_what_was_done_stays(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage.model.script([
        Script::text(["I open it. "]).and_tool_call("open_page", json!({"id": 3})),
        Script::hang(),
    ]);
    let chat = stage.chat();
    let mut body = chat.message("open it");
    body["contextual_tools"] = json!({"open_page": {}});
    let mut stream = chat.stream(&body).await.expect(201);
    stream.until(|event| event.kind() == "tool").await;
    stage.model.wait_for_turns(2).await;
    let cancelled = cancel(&chat).await;
    let kinds: Vec<_> = (0..3)
        .map(|index| cancelled["messages"][index]["type"].clone())
        .collect();
    assert_eq!(kinds, ["human", "ai", "tool"]);
    assert_eq!(cancelled["messages"].as_array().unwrap().len(), 3);
    assert_eq!(
        cancelled["messages"][1]["meta"],
        Value::Null,
        "that message was complete"
    );
    assert_eq!(stream.events().await, []);
}

async fn an_idle_conversation_is_answered_and_nothing_changes(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let before = chat.detail().await;
    for _ in 0..2 {
        let cancelled = cancel(&chat).await;
        assert_eq!(cancelled["status"], "idle");
        assert_eq!(cancelled["messages"], before["messages"]);
    }
    let (chat, _stream) = stuck(&stage, "Half").await;
    let first = cancel(&chat).await;
    let second = cancel(&chat).await;
    assert_eq!(first["messages"], second["messages"]);
    assert_eq!(second["status"], "idle");
}

async fn with_observed_codes_the_answer_is_204(mut setup: Setup) {
    setup.api.status_codes = StatusCodes::Observed;
    let stage = Stage::new(setup).await;
    stage
        .model
        .script([Script::text(["Half"]).no_finish().then_hang()]);
    let chat = stage.chat();
    let mut stream = chat.say("go").await.expect(200);
    stream.until(|event| event.is_partial()).await;
    for _ in 0..2 {
        let cancelled = chat
            .api
            .patch(&chat.path("cancel/"), &json!({}))
            .await
            .expect(204);
        assert_eq!(cancelled.text, "");
    }
    assert_eq!(chat.status().await, "idle");
    assert_eq!(
        chat.messages().await,
        said(&[("human", "go"), ("ai", "Half")])
    );
}

async fn a_message_may_follow_at_once_and_sees_what_was_kept(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _stream) = stuck(&stage, "Half").await;
    assert_eq!(chat.post(&chat.message("too early")).await.status, 409);
    cancel(&chat).await;
    chat.say("go on").await.expect(201).events().await;
    let asked = stage.model.turns()[1].messages();
    assert_eq!(
        asked,
        said(&[("user", "go"), ("assistant", "Half"), ("user", "go on")])
    );
}

async fn a_replay_shows_the_same_cut(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage
        .model
        .script([Script::text(["One ", "two ", "three"]).gated(&gate)]);
    let chat = stage.chat();
    let mut stream = chat.say("count").await.expect(201);
    let mut live = Vec::new();
    gate.open(1);
    live.extend(stream.until(|event| event.is_partial()).await);
    cancel(&chat).await;
    gate.open_all();
    live.extend(stream.events().await);
    let replay = chat
        .attach_after("1:0", "snapshot")
        .await
        .expect(200)
        .events()
        .await;
    assert_eq!(replay, live);
    assert_eq!(live.last().unwrap().content(), "One ");
}

async fn only_the_owner_cancels(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (app, tenant) = (&stage.app, &stage.tenant);
    let (chat, mut stream) = stuck(&stage, "Half").await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let elsewhere = app.tenant().await;
    let other_project = app.project(tenant.organization).await;
    let gone = stage.idle_chat().await;
    gone.api.delete(&gone.path("")).await.expect(204);
    let through_another = Chat {
        project: other_project,
        ..chat.clone()
    };
    for other in [
        chat.seen_by(&colleague.api),
        elsewhere.chat_with(chat.id),
        through_another,
        gone,
        tenant.chat_with(new_uuid()),
    ] {
        let refused = other.api.patch(&other.path("cancel/"), &json!({})).await;
        assert_error(&refused, 404, "not_found", "");
        assert_eq!(refused.json["detail"], "Not found.");
    }
    let path = format!("{}not-a-uuid/cancel/", chat.root());
    assert_error(
        &chat.api.patch(&path, &json!({})).await,
        404,
        "not_found",
        "",
    );
    let stranger = chat.seen_by(&app.stranger());
    let refused = stranger.api.patch(&chat.path("cancel/"), &json!({})).await;
    assert_error(&refused, 401, "not_authenticated", "");
    let reader = app.key(tenant.user, &["conversation:read"]).await;
    let refused = app
        .api(&reader)
        .patch(&chat.path("cancel/"), &json!({}))
        .await;
    assert_error(&refused, 403, "permission_denied", "");

    assert_eq!(
        chat.status().await,
        "in_progress",
        "none of them has stopped it"
    );
    cancel(&chat).await;
    stream.until(|event| !event.is_partial()).await;
}

async fn a_cancel_that_cannot_be_stored_is_told_and_changes_nothing(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, mut stream) = stuck(&stage, "Half").await;
    stage.app.hide(Table::Message).await;
    let failed = chat.api.patch(&chat.path("cancel/"), &json!({})).await;
    let told = json!({"error": "Failed to cancel conversation"});
    assert_json(&failed, 422, &told);
    stage.app.give_back(Table::Message).await;
    // Cancelling is one transaction, so nothing of it was done, and it can be repeated.
    assert_eq!(chat.status().await, "in_progress");
    let cancelled = cancel(&chat).await;
    assert_eq!(cancelled["status"], "idle");
    assert_eq!(contents(&cancelled["messages"]), ["go", "Half"]);
    stream.until(|event| !event.is_partial()).await;
}

async fn the_word_canceling_stays_in_the_document(setup: Setup) {
    let app = setup.start().await;
    let document = app.stranger().get("/api/schema/?format=json").await;
    let document = document.expect(200).json.to_string();
    let statuses = r#""enum":["idle","in_progress","canceling"]"#;
    assert!(document.contains(statuses), "{document}");
}
