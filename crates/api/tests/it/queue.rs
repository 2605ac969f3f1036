//! The queue: reading, adding, editing, removing (ai-conversations.md 6; spec "Queue").

use crate::common::{
    Stage, assert_error, assert_json, contents, enqueue, enqueue_strictly, finals, said, waiting,
};
use api::StatusCodes;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Chat, Gate, Reply, Script, Setup, new_uuid, on_both_engines};

on_both_engines! {
    an_empty_queue_is_shown_with_its_limit,
    a_message_is_queued_with_everything_that_came_with_it,
    texts_are_trimmed,
    a_third_message_is_refused,
    an_idle_conversation_holds_messages,
    a_held_message_outlives_any_time_and_a_restart,
    strict_handling_refuses_when_nothing_runs,
    the_same_mark_and_text_are_queued_once,
    the_mark_and_text_of_a_turn_are_not_queued_again,
    a_message_is_edited_in_its_place,
    a_message_is_removed,
    with_observed_codes_removing_answers_the_queue,
    an_unknown_message_is_404_whatever_the_body_says,
    the_queue_is_cleared,
    broken_messages_are_refused_and_nothing_is_queued,
    what_asks_for_a_sandbox_is_not_queued,
    clear_is_not_the_id_of_a_message,
    only_the_owner_reaches_the_queue,
    keys_need_the_scope_of_the_call,
}

async fn an_empty_queue_is_shown_with_its_limit(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let queue = chat.api.get(&chat.path("queue/")).await;
    assert_json(
        &queue,
        200,
        &json!({"messages": [], "max_queue_messages": 2}),
    );
}

/// A conversation whose turn waits at the gate.
async fn running(stage: &Stage) -> (Chat, Gate) {
    let gate = Gate::new();
    stage.model.script([Script::text(["well"]).gated(&gate)]);
    let chat = stage.chat();
    chat.say("go").await.expect(201);
    (chat, gate)
}

async fn a_message_is_queued_with_everything_that_came_with_it(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _gate) = running(&stage).await;
    let body = json!({
        "content": "and then?",
        "contextual_tools": {"page": "billing"},
        "ui_context": {"dashboards": [], "whatever": 1},
        "billing_context": {"subscription_level": "free", "has_active_subscription": false},
        "agent_mode": "sql",
    });
    let request = chat.api.request(Method::POST, &chat.path("queue/"));
    let request = request.header("x-posthog-session-id", "session-7");
    let added = chat.api.send(request.json(&body)).await.expect(200).json;
    assert_eq!(added["status"], "in_progress");
    assert_eq!(added["max_queue_messages"], 2);
    let item = &added["messages"][0];
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&item[name], value, "{name}");
    }
    assert_eq!(item["session_id"], "session-7");
    let id: uuid::Uuid = item["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 4);
    let time = item["created_at"].as_str().unwrap();
    assert!(time.ends_with("+00:00"), "{time}");
    let shown = chat.api.get(&chat.path("queue/")).await;
    let expected = json!({"messages": added["messages"], "max_queue_messages": 2});
    assert_json(&shown, 200, &expected);

    let plain = enqueue(&chat, "second").await.expect(200).json;
    assert_eq!(contents(&plain["messages"]), ["and then?", "second"]);
    for name in [
        "contextual_tools",
        "ui_context",
        "billing_context",
        "agent_mode",
        "session_id",
    ] {
        assert_eq!(plain["messages"][1][name], Value::Null, "{name}");
    }
}

async fn texts_are_trimmed(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _gate) = running(&stage).await;
    enqueue(&chat, " \n spaced \t").await.expect(200);
    assert_eq!(waiting(&chat).await, ["spaced"]);
}

async fn a_third_message_is_refused(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _gate) = running(&stage).await;
    enqueue(&chat, "one").await.expect(200);
    enqueue(&chat, "two").await.expect(200);
    let full =
        json!({"error": "queue_full", "detail": "Only two messages can be queued at a time."});
    assert_json(&enqueue(&chat, "three").await, 409, &full);
    assert_json(&enqueue_strictly(&chat, "three").await, 409, &full);
    assert_eq!(waiting(&chat).await, ["one", "two"]);
}

async fn an_idle_conversation_holds_messages(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let held = enqueue(&chat, "later").await.expect(200).json;
    assert_eq!(held["status"], "idle");
    assert_eq!(waiting(&chat).await, ["later"]);
    assert_eq!(chat.status().await, "idle");
    assert_eq!(
        stage.model.turns().len(),
        1,
        "nothing was asked because of it"
    );
}

async fn a_held_message_outlives_any_time_and_a_restart(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    enqueue(&chat, "held").await.expect(200);
    stage.app.advance(Duration::from_secs(30 * 86_400));
    assert_eq!(waiting(&chat).await, ["held"]);
    let Stage { app, model, tenant } = stage;
    let app = app.stop().await.start().await;
    let chat = chat.seen_by(&app.api(&tenant.key));
    assert_eq!(waiting(&chat).await, ["held"]);
    model.script([Script::text(["asked"]), Script::text(["released"])]);
    let events = chat.say("now").await.expect(201).events().await;
    let expected = said(&[
        ("human", "now"),
        ("ai", "asked"),
        ("human", "held"),
        ("ai", "released"),
    ]);
    assert_eq!(finals(&events), expected);
}

async fn strict_handling_refuses_when_nothing_runs(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, gate) = running(&stage).await;
    let accepted = enqueue_strictly(&chat, "behind the turn").await.expect(200);
    assert_eq!(accepted.json["status"], "in_progress");
    gate.open_all();
    chat.wait_until_idle().await;

    let refused = enqueue_strictly(&chat, "too late").await.expect(409);
    assert_eq!(refused.json["error"], "not_running");
    assert!(refused.json["detail"].is_string(), "{}", refused.text);
    assert_eq!(waiting(&chat).await, [""; 0]);

    // That nothing runs is said before that the queue is full.
    enqueue(&chat, "one").await.expect(200);
    enqueue(&chat, "two").await.expect(200);
    let refused = enqueue_strictly(&chat, "three").await.expect(409);
    assert_eq!(refused.json["error"], "not_running");
    assert_eq!(waiting(&chat).await, ["one", "two"]);
}

async fn the_same_mark_and_text_are_queued_once(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _gate) = running(&stage).await;
    let path = chat.path("queue/");
    let body = json!({"content": "once", "trace_id": new_uuid()});
    let first = chat.api.post(&path, &body).await.expect(200).json;
    let again = chat.api.post(&path, &body).await.expect(200).json;
    assert_eq!(first, again);
    // The same mark with other words is another message.
    let other = json!({"content": "twice", "trace_id": body["trace_id"]});
    chat.api.post(&path, &other).await.expect(200);
    assert_eq!(waiting(&chat).await, ["once", "twice"]);
    // A full queue is no obstacle to a repetition.
    chat.api.post(&path, &body).await.expect(200);
    assert_eq!(waiting(&chat).await, ["once", "twice"]);
}

async fn the_mark_and_text_of_a_turn_are_not_queued_again(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage.model.script([Script::text(["well"]).gated(&gate)]);
    let chat = stage.chat();
    let turn = chat.message("go");
    chat.stream(&turn).await.expect(201);
    let same = json!({"content": "go", "trace_id": turn["trace_id"]});
    let queued = json!({"content": "next", "trace_id": new_uuid()});
    for body in [&same, &queued] {
        chat.api.post(&chat.path("queue/"), body).await.expect(200);
    }
    assert_eq!(waiting(&chat).await, ["next"]);
    gate.open_all();
    chat.wait_until_idle().await;
    // What has run from the queue is recognised too, there and by POST.
    chat.api
        .post(&chat.path("queue/"), &queued)
        .await
        .expect(200);
    assert_eq!(waiting(&chat).await, [""; 0]);
    let mut repeated = chat.message("next");
    repeated["trace_id"] = queued["trace_id"].clone();
    chat.stream(&repeated).await.expect(200).events().await;
    assert_eq!(stage.model.turns().len(), 2);
}

/// Two waiting messages behind a running turn, and their ids.
async fn two_waiting(stage: &Stage) -> (Chat, Gate, [String; 2]) {
    let (chat, gate) = running(stage).await;
    enqueue(&chat, "one").await.expect(200);
    let queue = enqueue(&chat, "two").await.expect(200).json;
    let id = |index: usize| queue["messages"][index]["id"].as_str().unwrap().to_owned();
    let ids = [id(0), id(1)];
    (chat, gate, ids)
}

async fn a_message_is_edited_in_its_place(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, gate, [first, _]) = two_waiting(&stage).await;
    let before = chat.api.get(&chat.path("queue/")).await.json;
    let path = chat.path(&format!("queue/{first}/"));
    let body = json!({"content": " uno ", "agent_mode": "sql", "id": new_uuid()});
    let edited = chat.api.patch(&path, &body).await;
    let mut expected = before.clone();
    expected["messages"][0]["content"] = json!("uno");
    assert_json(&edited, 200, &expected);

    for (body, code) in [
        (json!({}), "required"),
        (json!({"content": ""}), "blank"),
        (json!({"content": null}), "null"),
        (json!({"content": "x".repeat(40_001)}), "max_length"),
    ] {
        assert_error(&chat.api.patch(&path, &body).await, 400, code, "content");
    }
    assert_eq!(waiting(&chat).await, ["uno", "two"]);
    gate.open_all();
    chat.wait_until_idle().await;
    let asked: Vec<_> = stage
        .model
        .turns()
        .iter()
        .map(|turn| turn.last_user_text())
        .collect();
    assert_eq!(asked, ["go", "uno", "two"]);
}

async fn a_message_is_removed(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, gate, [first, second]) = two_waiting(&stage).await;
    let path = chat.path(&format!("queue/{first}/"));
    let removed = chat.api.delete(&path).await.expect(204);
    assert_eq!(
        (removed.text.as_str(), removed.header("content-type")),
        ("", "")
    );
    assert_eq!(waiting(&chat).await, ["two"]);
    let again = chat.api.delete(&path).await;
    assert_json(&again, 404, &json!({"detail": "Queue message not found."}));

    let request = chat
        .api
        .request(Method::DELETE, &chat.path(&format!("queue/{second}/")));
    let request = request.header("prefer", "respond-async, return=representation");
    let rest = chat.api.send(request).await;
    assert_json(
        &rest,
        200,
        &json!({"messages": [], "max_queue_messages": 2}),
    );
    gate.open_all();
    chat.wait_until_idle().await;
    assert_eq!(
        stage.model.turns().len(),
        1,
        "what was removed does not run"
    );
}

async fn with_observed_codes_removing_answers_the_queue(mut setup: Setup) {
    setup.api.status_codes = StatusCodes::Observed;
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    chat.say("go").await.expect(200).events().await;
    let queue = enqueue(&chat, "one").await.expect(200).json;
    let id = queue["messages"][0]["id"].as_str().unwrap();
    let removed = chat.api.delete(&chat.path(&format!("queue/{id}/"))).await;
    assert_json(
        &removed,
        200,
        &json!({"messages": [], "max_queue_messages": 2}),
    );
}

async fn an_unknown_message_is_404_whatever_the_body_says(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    enqueue(&chat, "stays").await.expect(200);
    let unknown = json!({"detail": "Queue message not found."});
    for id in [new_uuid().to_string(), "not-a-uuid".to_owned()] {
        let path = chat.path(&format!("queue/{id}/"));
        for body in [json!({}), json!({"content": "x"}), json!([])] {
            assert_json(&chat.api.patch(&path, &body).await, 404, &unknown);
        }
        assert_json(&chat.api.delete(&path).await, 404, &unknown);
    }
    assert_eq!(waiting(&chat).await, ["stays"]);
}

async fn the_queue_is_cleared(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, gate, _) = two_waiting(&stage).await;
    let path = chat.path("queue/clear/");
    let empty = json!({"messages": [], "max_queue_messages": 2});
    for _ in 0..2 {
        // Without a body, as the published contract has it.
        let cleared = chat.api.send(chat.api.request(Method::POST, &path)).await;
        assert_json(&cleared, 200, &empty);
    }
    assert_eq!(waiting(&chat).await, [""; 0]);
    gate.open_all();
    chat.wait_until_idle().await;
    assert_eq!(stage.model.turns().len(), 1);
}

async fn broken_messages_are_refused_and_nothing_is_queued(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _gate) = running(&stage).await;
    let path = chat.path("queue/");
    for (body, code, attr) in [
        (json!({}), "required", "content"),
        (json!({"content": null}), "null", "content"),
        (json!({"content": "  \n"}), "blank", "content"),
        (
            json!({"content": "x".repeat(40_001)}),
            "max_length",
            "content",
        ),
        (json!({"content": true}), "invalid_input", "content"),
        (
            json!({"content": "a\u{0}b"}),
            "null_characters_not_allowed",
            "content",
        ),
        (
            json!({"content": "x", "contextual_tools": []}),
            "not_a_dict",
            "contextual_tools",
        ),
        (
            json!({"content": "x", "agent_mode": "nope"}),
            "invalid_choice",
            "agent_mode",
        ),
        (
            json!({"content": "x", "trace_id": "nope"}),
            "invalid_input",
            "trace_id",
        ),
        (
            json!({"content": "x", "session_id": []}),
            "invalid_input",
            "session_id",
        ),
        (
            json!({"content": "x", "is_sandbox": "perhaps"}),
            "invalid_input",
            "is_sandbox",
        ),
        (
            json!({"content": "x", "agent_mode": "nope", "trace_id": "nope"}),
            "invalid_input",
            "trace_id",
        ),
        (
            json!({"content": "x", "ui_context": {"dashboards": 3}}),
            "invalid_input",
            "",
        ),
        (json!([]), "invalid_input", ""),
        (
            json!({"agent_mode": "nope", "contextual_tools": 1}),
            "required",
            "content",
        ),
    ] {
        assert_error(&chat.api.post(&path, &body).await, 400, code, attr);
    }
    assert_eq!(waiting(&chat).await, [""; 0]);
    // The longest that is allowed, counted in code points; and a context that counts as none.
    let long = "🦔".repeat(40_000);
    let body = json!({"content": long, "billing_context": "nonsense", "agent_mode": null});
    let queue = chat.api.post(&path, &body).await.expect(200).json;
    assert_eq!(queue["messages"][0]["billing_context"], Value::Null);
    assert_eq!(waiting(&chat).await, [long]);
}

async fn what_asks_for_a_sandbox_is_not_queued(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _gate) = running(&stage).await;
    let path = chat.path("queue/");
    for body in [
        json!({"content": "x", "is_sandbox": true}),
        json!({"content": "x", "agent_mode": "sandbox"}),
    ] {
        let refused = chat.api.post(&path, &body).await;
        assert_error(&refused, 403, "permission_denied", "");
    }
    assert_eq!(waiting(&chat).await, [""; 0]);
    let body = json!({"content": "x", "is_sandbox": "no", "session_id": "ignored"});
    let queue = chat.api.post(&path, &body).await.expect(200).json;
    assert_eq!(queue["messages"][0]["session_id"], Value::Null);
}

async fn clear_is_not_the_id_of_a_message(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let path = chat.path("queue/clear/");
    for method in [Method::PATCH, Method::DELETE, Method::GET, Method::PUT] {
        let request = chat
            .api
            .request(method.clone(), &path)
            .json(&json!({"content": "x"}));
        let refused = chat.api.send(request).await;
        assert_error(&refused, 405, "method_not_allowed", "");
        assert_eq!(
            refused.json["detail"],
            format!("Method \"{method}\" not allowed.")
        );
        assert_eq!(refused.header("allow"), "POST, OPTIONS");
    }
}

/// Every call on a queue.
async fn every_call(chat: &Chat) -> Vec<Reply> {
    let item = chat.path(&format!("queue/{}/", new_uuid()));
    vec![
        chat.api.get(&chat.path("queue/")).await,
        enqueue(chat, "x").await,
        chat.api.post(&chat.path("queue/"), &json!({})).await,
        chat.api.patch(&item, &json!({"content": "x"})).await,
        chat.api.delete(&item).await,
        chat.api.post(&chat.path("queue/clear/"), &json!({})).await,
    ]
}

async fn only_the_owner_reaches_the_queue(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (app, tenant) = (&stage.app, &stage.tenant);
    let chat = stage.idle_chat().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let elsewhere = app.tenant().await;
    let foreign = json!({"error": "Cannot access other users' conversations"});
    for other in [chat.seen_by(&colleague.api), elsewhere.chat_with(chat.id)] {
        for reply in every_call(&other).await {
            assert_json(&reply, 403, &foreign);
        }
    }
    // The owner, through another project of the same organisation.
    let project = app.project(tenant.organization).await;
    let through_another = Chat {
        project,
        ..chat.clone()
    };
    for reply in every_call(&through_another).await {
        assert_json(&reply, 403, &foreign);
    }
    assert_eq!(waiting(&chat).await, [""; 0]);

    let missing = json!({"error": "Conversation not found"});
    let gone = stage.idle_chat().await;
    gone.api.delete(&gone.path("")).await.expect(204);
    // What is deleted is absent for everybody, also for whom it was never.
    let gone_for_others = gone.seen_by(&colleague.api);
    for absent in [stage.chat(), gone, gone_for_others] {
        for reply in every_call(&absent).await {
            assert_json(&reply, 404, &missing);
        }
    }
    let root = chat.root();
    let no_uuid = chat.api.get(&format!("{root}not-a-uuid/queue/")).await;
    assert_json(&no_uuid, 404, &missing);
    let anonymous = chat.seen_by(&app.stranger());
    for reply in every_call(&anonymous).await {
        assert_error(&reply, 401, "not_authenticated", "");
    }
}

async fn keys_need_the_scope_of_the_call(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let reader = stage
        .app
        .key(stage.tenant.user, &["conversation:read"])
        .await;
    let reading = chat.seen_by(&stage.app.api(&reader));
    let [read, writes @ ..] = &every_call(&reading).await[..] else {
        panic!("there are calls");
    };
    assert_eq!(read.status, 200);
    for reply in writes {
        assert_error(reply, 403, "permission_denied", "");
        let detail = "API key missing required scope 'conversation:write'";
        assert_eq!(reply.json["detail"], detail);
    }
    let writer = stage
        .app
        .key(stage.tenant.user, &["conversation:write"])
        .await;
    let statuses: Vec<_> = every_call(&chat.seen_by(&stage.app.api(&writer)))
        .await
        .iter()
        .map(|reply| reply.status.as_u16())
        .collect();
    assert_eq!(statuses, [200, 200, 400, 404, 404, 200]);
}
