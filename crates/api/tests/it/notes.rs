//! Notes: messages that a client adds without asking the assistant (ai-conversations.md 7.2; spec "Reading in
//! mid-turn").

use crate::common::{Stage, assert_error, assert_json, contents, finals, said};
use api::StatusCodes;
use serde_json::{Value, json};
use testkit::{Chat, Gate, Reply, Script, Setup, Table, on_both_engines};

on_both_engines! {
    a_note_is_the_last_message_and_asks_nobody,
    with_observed_codes_the_answer_is_201_and_only_the_id,
    in_mid_turn_a_note_takes_the_next_place_and_is_not_streamed,
    the_model_sees_notes_of_earlier,
    broken_notes_are_refused,
    only_the_owner_adds_notes,
    a_note_that_cannot_be_stored_is_told_and_nothing_is_kept,
}

async fn note(chat: &Chat, body: &Value) -> Reply {
    chat.api.post(&chat.path("append_message/"), body).await
}

async fn a_note_is_the_last_message_and_asks_nobody(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let before = chat.detail().await;
    let added = note(&chat, &json!({"content": "  Ticket #7 was opened. \n"}))
        .await
        .expect(200);
    let content = "Ticket #7 was opened.";
    assert_json(
        &added,
        200,
        &json!({"id": added.json["id"], "content": content}),
    );
    let detail = chat.detail().await;
    let expected = json!({
        "id": added.json["id"], "type": "ai", "content": content,
        "meta": null, "tool_calls": null, "parent_tool_call_id": null,
    });
    assert_eq!(detail["messages"][2], expected);
    for name in ["updated_at", "status", "title", "agent_mode"] {
        assert_eq!(detail[name], before[name], "{name}");
    }
    assert_eq!(stage.model.turns().len(), 1);
}

async fn with_observed_codes_the_answer_is_201_and_only_the_id(mut setup: Setup) {
    setup.api.status_codes = StatusCodes::Observed;
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    chat.say("go").await.expect(200).events().await;
    let added = note(&chat, &json!({"content": "noted"})).await;
    let messages = chat.detail().await["messages"].clone();
    assert_json(&added, 201, &json!({"id": messages[2]["id"]}));
    assert_eq!(messages[2]["content"], "noted");
}

async fn in_mid_turn_a_note_takes_the_next_place_and_is_not_streamed(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage
        .model
        .script([Script::text(["Half ", "an answer"]).gated(&gate)]);
    let chat = stage.chat();
    let mut stream = chat.say("go").await.expect(201);
    gate.open(1);
    let mut events = stream.until(|event| event.is_partial()).await;
    note(&chat, &json!({"content": "noted"})).await.expect(200);
    assert_eq!(
        chat.messages().await,
        said(&[("human", "go"), ("ai", "noted")])
    );
    gate.open_all();
    events.extend(stream.events().await);
    assert_eq!(
        finals(&events),
        said(&[("human", "go"), ("ai", "Half an answer")])
    );
    assert!(events.iter().all(|event| !event.data.contains("noted")));
    let expected = said(&[("human", "go"), ("ai", "noted"), ("ai", "Half an answer")]);
    assert_eq!(chat.messages().await, expected);
    let replay = chat
        .attach_after("1:0", "snapshot")
        .await
        .expect(200)
        .events()
        .await;
    assert_eq!(replay, events);
}

async fn the_model_sees_notes_of_earlier(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    note(&chat, &json!({"content": "Ticket #7 was opened."}))
        .await
        .expect(200);
    chat.say("which number?").await.expect(201).events().await;
    let asked = stage.model.turns()[1].messages();
    assert!(
        asked.contains(&("assistant".into(), "Ticket #7 was opened.".into())),
        "{asked:?}"
    );
    assert_eq!(asked.last().unwrap().1, "which number?");
}

async fn broken_notes_are_refused(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    for (body, code) in [
        (json!({}), "required"),
        (json!({"content": null}), "null"),
        (json!({"content": ""}), "blank"),
        (json!({"content": " \n "}), "blank"),
        (json!({"content": "x".repeat(10_001)}), "max_length"),
        (json!({"content": {"a": 1}}), "invalid_input"),
    ] {
        assert_error(&note(&chat, &body).await, 400, code, "content");
    }
    assert_eq!(chat.messages().await.len(), 2);
    // The longest one, counted in code points after trimming.
    let longest = "é".repeat(10_000);
    note(&chat, &json!({"content": format!(" {longest} ")}))
        .await
        .expect(200);
    assert_eq!(contents(&chat.detail().await["messages"])[2], longest);
}

async fn only_the_owner_adds_notes(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (app, tenant) = (&stage.app, &stage.tenant);
    let chat = stage.idle_chat().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let elsewhere = app.tenant().await;
    let gone = stage.idle_chat().await;
    gone.api.delete(&gone.path("")).await.expect(204);
    let body = json!({"content": "not mine"});
    for other in [
        chat.seen_by(&colleague.api),
        elsewhere.chat_with(chat.id),
        stage.chat(),
        gone,
    ] {
        assert_error(&note(&other, &body).await, 404, "not_found", "");
        // Whose it is comes before what the body says.
        assert_error(&note(&other, &json!({})).await, 404, "not_found", "");
    }
    let path = format!("{}not-a-uuid/append_message/", chat.root());
    assert_error(&chat.api.post(&path, &body).await, 404, "not_found", "");
    let stranger = chat.seen_by(&app.stranger());
    assert_error(&note(&stranger, &body).await, 401, "not_authenticated", "");
    let reader = app.key(tenant.user, &["conversation:read"]).await;
    let refused = note(&chat.seen_by(&app.api(&reader)), &body).await;
    assert_error(&refused, 403, "permission_denied", "");
    assert_eq!(chat.messages().await.len(), 2);
}

async fn a_note_that_cannot_be_stored_is_told_and_nothing_is_kept(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let before = chat.detail().await;
    stage.app.hide(Table::Message).await;
    let failed = note(&chat, &json!({"content": "lost"})).await;
    let told = json!({"error": "Failed to append message"});
    assert_json(&failed, 422, &told);
    stage.app.give_back(Table::Message).await;
    assert_eq!(chat.detail().await, before);
    note(&chat, &json!({"content": "kept"})).await.expect(200);
    assert_eq!(contents(&chat.detail().await["messages"])[2], "kept");
}
