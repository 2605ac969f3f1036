//! What a POST comes to (ai-conversations.md 4.3 and 11; spec "Decisions").

use super::scene::{attach_reply, count, hold, raw, stored_turn, with};
use crate::common::{Stage, assert_error, assert_json, finals, said};
use api::StatusCodes;
use http::Method;
use serde_json::{Value, json};
use testkit::{Chat, Gate, Reply, Script, Setup, on_both_engines};

on_both_engines! {
    a_new_id_with_text_makes_a_conversation_of_the_callers,
    text_in_an_idle_conversation_begins_its_next_turn,
    with_observed_codes_every_success_is_200,
    the_mode_reaches_the_model_and_the_detail_form,
    the_session_header_counts_and_the_session_field_does_not,
    attaching_to_nothing_is_refused_and_makes_nothing,
    attaching_to_a_running_turn_reads_it_from_its_first_event,
    attaching_to_an_idle_conversation_is_refused_with_a_reason,
    text_while_a_turn_runs_is_a_conflict_and_changes_nothing,
    somebody_elses_conversation_is_refused_whatever_is_asked,
    a_deleted_conversation_stays_deleted,
    a_resume_payload_is_ignored_while_a_turn_runs,
    a_resume_payload_that_answers_nothing_is_accepted_and_asks_no_model,
    a_malformed_billing_context_counts_as_absent,
    a_sandbox_is_refused_before_anything_is_made,
    both_prefixes_and_both_slashes_lead_to_the_same_conversation,
    the_current_project_can_be_named_without_its_number,
    a_server_that_drains_begins_no_turns_and_lets_read,
}

async fn a_new_id_with_text_makes_a_conversation_of_the_callers(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let stream = chat.say("Where is my invoice?").await.expect(201);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(stream.headers[name], value, "{name}");
    }
    stream.events().await;
    let detail = chat.detail().await;
    assert_eq!(detail["id"], json!(chat.id));
    assert_eq!(detail["type"], "assistant");
    assert_eq!(detail["status"], "idle");
    assert_eq!(detail["user"]["id"], json!(stage.tenant.user));
    assert_eq!(detail["is_internal"], false);
    assert_eq!(count(&chat).await, 1);
}

async fn text_in_an_idle_conversation_begins_its_next_turn(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    stage.model.script([Script::text(["again"])]);
    let events = chat.say("more").await.expect(201).events().await;
    assert_eq!(
        finals(&events),
        said(&[("human", "more"), ("ai", "again")]),
        "no conversation event: the conversation is not new"
    );
    assert!(events.iter().all(|event| event.name == "message"));
    assert!(events.iter().all(|event| event.id.starts_with("2:")));
    assert_eq!(chat.messages().await.len(), 4);
    assert_eq!(count(&chat).await, 1);
    // The model is told what was said before.
    let asked = stage.model.turns()[1].messages();
    let roles: Vec<_> = asked.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    assert_eq!(asked[2].1, "more");
}

async fn with_observed_codes_every_success_is_200(mut setup: Setup) {
    setup.api.status_codes = StatusCodes::Observed;
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    chat.say("first").await.expect(200).events().await;
    let gate = Gate::new();
    stage.model.script([Script::text(["well"]).gated(&gate)]);
    let stream = chat.say("second").await.expect(200);
    let reader = chat.attach().await.expect(200);
    gate.open_all();
    assert_eq!(raw(&reader.events().await), raw(&stream.events().await));
}

async fn the_mode_reaches_the_model_and_the_detail_form(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let body = with(chat.message("how many rows?"), "agent_mode", json!("sql"));
    chat.stream(&body).await.expect(201).events().await;
    assert_eq!(chat.detail().await["agent_mode"], "sql");
    let system = stage.model.turns()[0].system();
    assert!(system.contains("\"sql\""), "{system}");
}

async fn the_session_header_counts_and_the_session_field_does_not(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let body = with(chat.message("hello"), "session_id", json!("from the body"));
    let request = chat.api.request(Method::POST, &chat.root());
    let request = request.header("x-posthog-session-id", "from the header");
    chat.api.send(request.json(&body)).await.expect(201);
    let turn = stored_turn(&stage.app, &chat, 1).await;
    assert_eq!(turn.options.session_id.as_deref(), Some("from the header"));
}

async fn attaching_to_nothing_is_refused_and_makes_nothing(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let error = json!({"error": "Cannot stream from non-existent conversation"});
    assert_json(&chat.post(&chat.attaching()).await, 400, &error);
    let resuming = with(
        chat.attaching(),
        "resume_payload",
        json!({"action": "approve", "proposal_id": "x"}),
    );
    assert_json(&chat.post(&resuming).await, 400, &error);
    let reply = attach_reply(&chat, "?after=1:1", &[]).await;
    assert_json(&reply, 400, &error);
    assert_eq!(chat.api.get(&chat.path("")).await.status, 404);
    assert_eq!(count(&chat).await, 0);
    // The id is still free.
    chat.say("now with text").await.expect(201).events().await;
}

async fn attaching_to_a_running_turn_reads_it_from_its_first_event(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (mut stream, gate) = hold(&stage, &chat, &["some", " words"]).await;
    gate.open(1);
    let mut seen = stream.until(|event| event.is_partial()).await;
    let reader = chat.attach().await.expect(200);
    assert_eq!(reader.headers["content-type"], "text/event-stream");
    gate.open_all();
    seen.extend(stream.events().await);
    assert_eq!(raw(&reader.events().await), raw(&seen));
    assert_eq!(stage.model.turns().len(), 1, "attaching begins nothing");
}

async fn attaching_to_an_idle_conversation_is_refused_with_a_reason(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let expected = json!({
        "type": "validation_error",
        "code": "invalid_input",
        "detail": "Cannot continue streaming from an idle conversation",
        "attr": null,
        "reason": "conversation_idle",
    });
    assert_json(&chat.post(&chat.attaching()).await, 400, &expected);
    let with_null = with(chat.attaching(), "resume_payload", Value::Null);
    assert_json(&chat.post(&with_null).await, 400, &expected);
    assert_eq!(chat.messages().await.len(), 2);
}

async fn text_while_a_turn_runs_is_a_conflict_and_changes_nothing(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (stream, gate) = hold(&stage, &chat, &["answer"]).await;
    let before = chat.detail().await;
    for resume_payload in [
        Value::Null,
        json!({"action": "approve", "proposal_id": "x"}),
    ] {
        let body = with(chat.message("me too"), "resume_payload", resume_payload);
        let reply = chat.post(&body).await;
        assert_error(&reply, 409, "conflict", "");
        assert_eq!(reply.json["type"], "server_error");
        assert_eq!(reply.header("content-type"), "application/json");
    }
    assert_eq!(chat.detail().await, before);
    gate.open_all();
    let events = stream.events().await;
    let expected = said(&[("human", "go on"), ("ai", "answer")]);
    assert_eq!(finals(&events), expected);
    assert_eq!(chat.messages().await, expected);
    chat.say("me too").await.expect(201).events().await;
}

async fn somebody_elses_conversation_is_refused_whatever_is_asked(setup: Setup) {
    let stage = Stage::new(setup).await;
    let tenant = &stage.tenant;
    let colleague = stage.app.member(tenant.organization, tenant.project).await;
    let stranger = stage.app.tenant().await;
    let sibling = stage.app.project(tenant.organization).await;
    let (idle, deleted, running) = (
        stage.idle_chat().await,
        stage.idle_chat().await,
        stage.chat(),
    );
    deleted.api.delete(&deleted.path("")).await.expect(204);
    let (stream, gate) = hold(&stage, &running, &["answer"]).await;
    let resume = json!({"action": "approve", "proposal_id": "x"});
    for chat in [&idle, &deleted, &running] {
        let elsewhere = [
            chat.seen_by(&colleague.api),
            Chat {
                project: stranger.project,
                ..chat.seen_by(&stranger.api)
            },
            // The owner's own, but in another project.
            Chat {
                project: sibling,
                ..chat.clone()
            },
        ];
        for other in elsewhere {
            let bodies = [
                other.message("mine now"),
                other.attaching(),
                with(other.attaching(), "resume_payload", resume.clone()),
            ];
            for body in bodies {
                let error = json!({"error": "Cannot access other users' conversations"});
                assert_json(&other.post(&body).await, 400, &error);
            }
            let reply = attach_reply(&other, "?after=1:1", &[]).await;
            assert_eq!(reply.status, 400, "{}", reply.text);
        }
    }
    gate.open_all();
    stream.events().await;
    assert_eq!(idle.messages().await.len(), 2);
    assert_eq!(running.messages().await.len(), 2);
}

async fn a_deleted_conversation_stays_deleted(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    chat.api.delete(&chat.path("")).await.expect(204);
    let gone = json!({"error": "Conversation does not exist"});
    assert_json(&chat.post(&chat.message("again")).await, 404, &gone);
    assert_json(&chat.post(&chat.attaching()).await, 404, &gone);
    assert_json(&attach_reply(&chat, "?after=1:1", &[]).await, 404, &gone);
    assert_eq!(chat.api.get(&chat.path("")).await.status, 404);
    assert_eq!(count(&chat).await, 0);
    assert_eq!(stage.model.turns().len(), 1);
}

async fn a_resume_payload_is_ignored_while_a_turn_runs(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (stream, gate) = hold(&stage, &chat, &["answer"]).await;
    let payload = json!({"action": "client_tool_result", "tool_call_id": "c", "result": 1});
    let body = with(chat.attaching(), "resume_payload", payload);
    let reader = chat.stream(&body).await.expect(200);
    gate.open_all();
    assert_eq!(raw(&reader.events().await), raw(&stream.events().await));
    assert_eq!(chat.messages().await.len(), 2);
}

async fn a_resume_payload_that_answers_nothing_is_accepted_and_asks_no_model(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    for payload in [
        json!({}),
        json!(false),
        json!("go"),
        json!({"action": "dance"}),
    ] {
        let body = with(chat.attaching(), "resume_payload", payload.clone());
        let events = chat.stream(&body).await.expect(201).events().await;
        assert_eq!(events, [], "{payload}");
        assert_eq!(chat.status().await, "idle");
    }
    assert_eq!(stage.model.turns().len(), 1);
    assert_eq!(chat.messages().await.len(), 2);
    chat.say("and on").await.expect(201).events().await;
    assert_eq!(chat.messages().await.len(), 4);
}

async fn a_malformed_billing_context_counts_as_absent(setup: Setup) {
    let stage = Stage::new(setup).await;
    let history = |entries: usize| json!({"plan": "free", "spend_history": vec![1; entries]});
    let cases = [
        (json!("free"), None),
        (json!(["free"]), None),
        (json!(5), None),
        (Value::Null, None),
        (history(20), Some(history(20))),
        (
            history(21),
            Some(json!({"plan": "free", "spend_history": null})),
        ),
    ];
    for (sent, kept) in cases {
        let chat = stage.chat();
        let body = with(chat.message("hello"), "billing_context", sent.clone());
        chat.stream(&body).await.expect(201).events().await;
        let turn = stored_turn(&stage.app, &chat, 1).await;
        assert_eq!(turn.options.billing_context, kept, "{sent}");
    }
}

async fn a_sandbox_is_refused_before_anything_is_made(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let bodies = |chat: &Chat| {
        [
            with(chat.message("build it"), "is_sandbox", json!(true)),
            with(chat.message("build it"), "is_sandbox", json!("yes")),
            with(chat.message("build it"), "agent_mode", json!("sandbox")),
        ]
    };
    for body in bodies(&chat) {
        assert_error(&chat.post(&body).await, 403, "permission_denied", "");
    }
    assert_eq!(count(&chat).await, 0);
    assert_eq!(stage.model.turns().len(), 0);
    let idle = stage.idle_chat().await;
    for body in bodies(&idle) {
        assert_error(&idle.post(&body).await, 403, "permission_denied", "");
    }
    assert_eq!(idle.messages().await.len(), 2);
    // Whose conversation it is, and that it is deleted, is said before.
    let tenant = &stage.tenant;
    let colleague = stage.app.member(tenant.organization, tenant.project).await;
    let deleted = stage.idle_chat().await;
    deleted.api.delete(&deleted.path("")).await.expect(204);
    for (chat, status, error) in [
        (
            idle.seen_by(&colleague.api),
            400,
            "Cannot access other users' conversations",
        ),
        (deleted, 404, "Conversation does not exist"),
    ] {
        for body in bodies(&chat) {
            assert_json(&chat.post(&body).await, status, &json!({ "error": error }));
        }
    }
    // Without text the flags change nothing.
    let resuming = with(idle.attaching(), "resume_payload", json!({}));
    for (name, value) in [
        ("is_sandbox", json!(true)),
        ("agent_mode", json!("sandbox")),
    ] {
        let attaching = with(idle.attaching(), name, value.clone());
        assert_error(&idle.post(&attaching).await, 400, "invalid_input", "");
        let resuming = with(resuming.clone(), name, value);
        idle.stream(&resuming).await.expect(201).events().await;
        assert_eq!(idle.detail().await["agent_mode"], "product_analytics");
    }
    let attaching = with(idle.attaching(), "is_sandbox", json!(true));
    let (stream, gate) = hold(&stage, &idle, &["answer"]).await;
    let reader = idle.stream(&attaching).await.expect(200);
    gate.open_all();
    assert_eq!(raw(&reader.events().await), raw(&stream.events().await));
}

async fn both_prefixes_and_both_slashes_lead_to_the_same_conversation(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let send = async |prefix: &str, slash: &str, body: &Value| -> Reply {
        let path = format!("/api/{prefix}/{}/conversations{slash}", chat.project);
        chat.api.post(&path, body).await
    };
    let mut expected = Vec::new();
    for prefix in ["environments", "projects"] {
        for slash in ["", "/"] {
            let text = format!("by {prefix}{slash}");
            let reply = send(prefix, slash, &chat.message(&text)).await.expect(201);
            assert!(reply.text.contains("event: message\n"));
            expected.push(text);
            let idle = send(prefix, slash, &chat.attaching()).await;
            assert_error(&idle, 400, "invalid_input", "");
            let empty = send(prefix, slash, &json!({})).await;
            assert_error(&empty, 400, "required", "content");
        }
    }
    let messages = chat.messages().await;
    let asked: Vec<_> = messages
        .iter()
        .filter(|(kind, _)| kind == "human")
        .map(|(_, text)| text.clone())
        .collect();
    assert_eq!(asked, expected);
}

async fn the_current_project_can_be_named_without_its_number(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let path = "/api/environments/@current/conversations/";
    chat.api
        .post(path, &chat.message("hello"))
        .await
        .expect(201);
    assert_eq!(chat.messages().await.len(), 2);
}

async fn a_server_that_drains_begins_no_turns_and_lets_read(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage.model.script([Script::text(["answer"]).gated(&gate)]);
    let body = chat.message("go on");
    let stream = chat.stream(&body).await.expect(201);
    let draining = stage.app.assistant.clone();
    let drained = tokio::spawn(async move { draining.shut_down().await });
    while !stage.app.assistant.is_draining() {
        tokio::task::yield_now().await;
    }
    let other = stage.chat();
    let refused = other.post(&other.message("hello")).await;
    assert_error(&refused, 503, "error", "");
    assert_eq!(refused.json["type"], "server_error");
    assert_eq!(refused.json["detail"], "A server error occurred.");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    let readers = [
        chat.attach().await.expect(200),
        chat.stream(&body).await.expect(200),
    ];
    gate.open_all();
    let all = raw(&stream.events().await);
    for reader in readers {
        assert_eq!(raw(&reader.events().await), all);
    }
    drained.await.unwrap();
    assert_eq!(count(&chat).await, 1);
    assert_eq!(chat.status().await, "idle");
}
