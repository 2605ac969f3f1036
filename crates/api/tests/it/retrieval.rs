//! Reading one conversation (ai-conversations.md 3).

use crate::common::{Stage, assert_error, contents, eventually, keys};
use http::Method;
use serde_json::{Value, json};
use store::params;
use testkit::{Chat, Script, Setup, StubModel, Table, TestApp, new_uuid, on_both_engines};

on_both_engines! {
    the_detail_form_is_complete,
    a_colleague_may_read_but_nobody_else,
    what_does_not_exist_is_404,
    what_is_never_shown_is_404_and_unlisted,
    messages_show_absent_fields_as_null,
    an_answer_that_only_calls_a_tool_is_shown,
    an_answer_of_reasoning_alone_is_shown,
    an_answer_that_says_nothing_is_not_shown,
    stored_messages_of_another_version_are_reported,
    messages_that_cannot_be_read_leave_the_rest_readable,
    the_mode_follows_the_newest_turn_that_named_one,
    a_long_first_message_gives_a_short_title,
    the_models_title_replaces_the_first_one_once,
}

async fn the_detail_form_is_complete(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let detail = chat.detail().await;
    assert_eq!(
        keys(&detail),
        [
            "agent_mode",
            "cleared_queue",
            "created_at",
            "has_unsupported_content",
            "id",
            "is_internal",
            "is_sandbox",
            "messages",
            "pending_approvals",
            "slack_thread_key",
            "slack_workspace_domain",
            "status",
            "task",
            "title",
            "topic",
            "type",
            "updated_at",
            "user",
        ]
    );
    assert_eq!(detail["id"], json!(chat.id));
    assert_eq!(detail["has_unsupported_content"], false);
    assert_eq!(detail["is_sandbox"], false);
    assert_eq!(detail["pending_approvals"], json!([]));
    assert_eq!(detail["agent_mode"], "product_analytics");
    assert_eq!(detail["title"], "first words");
    assert_eq!(contents(&detail["messages"])[0], "first words");
    // In any notation of the id.
    let bare = chat.id.simple().to_string().to_uppercase();
    let other = chat
        .api
        .get(&format!("{}{bare}/", chat.root()))
        .await
        .expect(200);
    assert_eq!(other.json, detail);
}

async fn a_colleague_may_read_but_nobody_else(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (app, tenant) = (&stage.app, &stage.tenant);
    let chat = stage.idle_chat().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let shown = colleague.api.get(&chat.path("")).await.expect(200).json;
    assert_eq!(shown, chat.detail().await);
    assert_eq!(
        shown["user"]["id"],
        json!(tenant.user),
        "the owner is named"
    );

    let elsewhere = app.tenant().await;
    let through_theirs = elsewhere.chat_with(chat.id);
    let hidden = elsewhere.api.get(&through_theirs.path("")).await;
    assert_error(&hidden, 404, "not_found", "");
    assert_eq!(hidden.json["detail"], "Not found.");
    let through_ours = elsewhere.api.get(&chat.path("")).await;
    assert_error(&through_ours, 403, "permission_denied", "");
    let project = app.project(tenant.organization).await;
    let through_another = Chat {
        project,
        ..chat.clone()
    };
    assert_error(
        &chat.api.get(&through_another.path("")).await,
        404,
        "not_found",
        "",
    );
}

async fn what_does_not_exist_is_404(setup: Setup) {
    let stage = Stage::new(setup).await;
    let root = stage.chat().root();
    for id in [&new_uuid().to_string(), "not-a-uuid", "7", "@current"] {
        let reply = stage.tenant.api.get(&format!("{root}{id}/")).await;
        assert_error(&reply, 404, "not_found", "");
        assert_eq!(reply.json["detail"], "Not found.", "{id}");
    }
}

/// Changes what no request can change.
async fn tamper(app: &TestApp, chat: &Chat, statement: &'static str) {
    let id = model::ConversationId(chat.id);
    let changed = app
        .store
        .write(move |c| Box::pin(async move { c.exec(statement, params![id]).await }))
        .await;
    assert_eq!(changed.unwrap(), 1);
}

async fn what_is_never_shown_is_404_and_unlisted(setup: Setup) {
    let stage = Stage::new(setup).await;
    for statement in [
        "UPDATE conversation SET type = 'tool_call' WHERE id = ?1",
        "UPDATE conversation SET is_internal = TRUE WHERE id = ?1",
    ] {
        let chat = stage.idle_chat().await;
        tamper(&stage.app, &chat, statement).await;
        let uncount = "UPDATE conversation_total SET conversations = conversations - 1 \
                       WHERE user_id = (SELECT user_id FROM conversation WHERE id = ?1)";
        tamper(&stage.app, &chat, uncount).await;
        assert_error(&chat.api.get(&chat.path("")).await, 404, "not_found", "");
        let list = chat.api.get(&chat.root()).await.expect(200).json;
        assert_eq!((&list["count"], &list["results"]), (&json!(0), &json!([])));
        // Its owner may still write in it.
        chat.say("next").await.expect(201).events().await;
        let cancelled = chat.api.patch(&chat.path("cancel/"), &json!({})).await;
        assert_eq!(cancelled.expect(200).json["id"], json!(chat.id));
        let request = chat.api.request(Method::POST, &chat.root());
        let request = request.header("accept", "application/json");
        let answer = chat
            .api
            .send(request.json(&chat.message("in one piece")))
            .await;
        assert_eq!(answer.expect(201).json["status"], "idle");
        chat.api.get(&chat.path("queue/")).await.expect(200);
        let note = json!({"content": "noted"});
        chat.api
            .post(&chat.path("append_message/"), &note)
            .await
            .expect(200);
        chat.api.delete(&chat.path("")).await.expect(204);
    }
}

async fn messages_show_absent_fields_as_null(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage.model.script([Script::status(500)]);
    let chat = stage.chat();
    let asked = chat.message("go");
    chat.stream(&asked).await.expect(201).events().await;
    let messages = chat.detail().await["messages"].clone();
    let human = json!({
        "id": messages[0]["id"], "type": "human", "content": "go", "trace_id": asked["trace_id"],
        "ui_context": null, "parent_tool_call_id": null,
    });
    assert_eq!(messages[0], human);
    assert_eq!(messages[1]["type"], "ai/failure");
    assert_eq!(
        keys(&messages[1]),
        ["content", "id", "parent_tool_call_id", "type"]
    );
}

async fn an_answer_that_only_calls_a_tool_is_shown(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage
        .model
        .script([Script::tool_call("look", json!({"at": "it"}))]);
    let chat = stage.chat();
    let mut body = chat.message("go");
    body["contextual_tools"] = json!({"look": {"description": "Looks"}});
    chat.stream(&body).await.expect(201).events().await;
    let messages = chat.detail().await["messages"].clone();
    let call = &messages[1];
    assert_eq!(
        (&call["type"], &call["content"]),
        (&json!("ai"), &json!(""))
    );
    assert_eq!(call["tool_calls"][0]["args"], json!({"at": "it"}));
    assert_eq!(call["tool_calls"][0]["type"], "tool_call");
    assert_eq!(
        keys(&messages[2]),
        [
            "content",
            "id",
            "parent_tool_call_id",
            "tool_call_id",
            "type",
            "ui_payload"
        ]
    );
}

async fn an_answer_of_reasoning_alone_is_shown(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage.model.script([Script::thinking(["Hm, hm."])]);
    let chat = stage.chat();
    chat.say("go").await.expect(201).events().await;
    let messages = chat.detail().await["messages"].clone();
    assert_eq!(messages.as_array().unwrap().len(), 2);
    let answer = &messages[1];
    assert_eq!(
        (&answer["type"], &answer["content"]),
        (&json!("ai"), &json!(""))
    );
    let thinking = json!([{"type": "thinking", "thinking": "Hm, hm."}]);
    assert_eq!(answer["meta"], json!({ "thinking": thinking }));
}

/// This server stores no such answer itself.
async fn an_answer_that_says_nothing_is_not_shown(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage.model.script([
        Script::text(["I look."]).and_tool_call("look", json!({})),
        Script::text(["Blue."]),
    ]);
    let chat = stage.chat();
    let mut body = chat.message("which colour?");
    body["contextual_tools"] = json!({"look": {"description": "Looks"}});
    chat.stream(&body).await.expect(201).events().await;
    assert_eq!(chat.messages().await.len(), 4);
    let statement = "UPDATE message SET body = '{\"content\":\"\",\"type\":\"ai\"}' WHERE conversation_id = ?1 AND position = 4";
    tamper(&stage.app, &chat, statement).await;
    let detail = chat.detail().await;
    let messages = detail["messages"].as_array().unwrap().iter();
    let kinds: Vec<_> = messages.map(|message| message["type"].clone()).collect();
    assert_eq!(kinds, ["human", "ai", "tool"]);
    assert_eq!(detail["has_unsupported_content"], false);
}

async fn stored_messages_of_another_version_are_reported(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let statement = "UPDATE message SET body = '{\"type\":\"ai/hologram\"}' WHERE conversation_id = ?1 AND position = 2";
    tamper(&stage.app, &chat, statement).await;
    let detail = chat.detail().await;
    assert_eq!(detail["messages"], json!([]));
    assert_eq!(detail["has_unsupported_content"], true);
}

async fn messages_that_cannot_be_read_leave_the_rest_readable(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let whole = chat.detail().await;
    // It is not their content that is wrong then.
    assert_eq!(whole["has_unsupported_content"], false);
    stage.app.hide(Table::Message).await;
    let mut expected = whole.clone();
    expected["messages"] = json!([]);
    assert_eq!(chat.detail().await, expected);
    stage.app.give_back(Table::Message).await;
    assert_eq!(chat.detail().await, whole);
}

async fn the_mode_follows_the_newest_turn_that_named_one(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    for (mode, shown) in [
        (Value::Null, "product_analytics"),
        (json!("plan"), "sql"),
        (Value::Null, "sql"),
        (json!("execution"), "product_analytics"),
        (json!("survey"), "survey"),
        (json!("research"), "product_analytics"),
    ] {
        let mut body = chat.message("go");
        body["agent_mode"] = mode.clone();
        chat.stream(&body).await.expect(201).events().await;
        assert_eq!(chat.detail().await["agent_mode"], shown, "{mode}");
    }
    let modes = stage.model.turns();
    assert!(
        modes[1].system().contains("\"plan\""),
        "{}",
        modes[1].system()
    );
}

async fn a_long_first_message_gives_a_short_title(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let words = "Wörter über Wörter ".repeat(20);
    chat.say(&words).await.expect(201).events().await;
    let title = chat.detail().await["title"].as_str().unwrap().to_owned();
    let length = title.chars().count();
    assert!((60..=80).contains(&length), "{title}");
    assert!(
        words.starts_with(&format!("{title} ")),
        "it ends at a word: {title}"
    );
}

async fn the_models_title_replaces_the_first_one_once(setup: Setup) {
    let model = StubModel::start().await;
    model.script_titles([
        Script::text(["\"Lost passwords\""]),
        Script::text(["Another"]),
    ]);
    let app = setup.answered_by(&model).start().await;
    let tenant = app.tenant().await;
    let chat = tenant.chat();
    chat.say("I lost my password")
        .await
        .expect(201)
        .events()
        .await;
    let titled = async || chat.detail().await["title"] == "Lost passwords";
    eventually("the model's title", titled).await;
    chat.say("and again").await.expect(201).events().await;
    chat.say("and again").await.expect(201).events().await;
    assert_eq!(chat.detail().await["title"], "Lost passwords");
    let asked_for_titles = model.requests().len() - model.turns().len();
    assert_eq!(asked_for_titles, 1);
}
