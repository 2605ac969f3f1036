//! Input that no client should send: the documented error, nothing half done, no panic.

use super::scene::{attach_reply, count, post_accepting, tool, with};
use crate::common::{Stage, assert_error, finals, send_raw};
use http::Method;
use serde_json::json;
use testkit::{Chat, Gate, Reply, Script, Setup, on_both_engines};

on_both_engines! {
    a_body_beyond_the_limit_is_refused_and_the_connection_answered,
    text_of_more_than_forty_thousand_code_points_is_refused,
    lone_surrogates_and_raw_control_characters_are_refused,
    nul_is_refused_in_texts_and_harmless_everywhere_else,
    numbers_beyond_all_bounds_are_refused_or_kept,
    nesting_is_bounded_and_what_passes_can_be_read_again,
    tools_with_every_kind_of_nonsense_are_context,
    huge_but_allowed_context_is_kept_and_does_no_harm,
    ids_of_every_shape_name_nothing,
    a_resume_payload_of_any_shape_breaks_nothing,
    what_a_model_makes_up_can_be_stored_and_read,
    a_models_arguments_may_be_nested_as_deep_as_it_likes,
}

async fn post_text(chat: &Chat, body: impl Into<String>) -> Reply {
    send_raw(
        &chat.api,
        Method::POST,
        &chat.root(),
        "application/json",
        body,
    )
    .await
}

/// A text of so many lists one in another.
fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// A body as text, with one more member.
fn body_with(chat: &Chat, member: &str) -> String {
    let body = chat.message("hello").to_string();
    format!("{},{member}}}", body.strip_suffix('}').unwrap())
}

/// The conversation works as any other: a turn runs, and everything of it can be read.
async fn assert_sound(chat: &Chat) {
    let events = chat.say("and on").await.expect(201).events().await;
    assert_eq!(events.last().unwrap().kind(), "ai", "{events:?}");
    let detail = chat.detail().await;
    assert_eq!(detail["status"], "idle");
    assert_eq!(detail["has_unsupported_content"], false);
    assert!(!detail["messages"].as_array().unwrap().is_empty());
}

async fn a_body_beyond_the_limit_is_refused_and_the_connection_answered(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let big = body_with(
        &chat,
        &format!("\"x\":\"{}\"", "x".repeat(25 * 1024 * 1024)),
    );
    let reply = post_text(&chat, big).await;
    assert_error(&reply, 413, "request_too_large", "");
    assert_eq!(reply.json["type"], "invalid_request");
    assert_eq!(count(&chat).await, 0);
    assert_sound(&chat).await;
}

async fn text_of_more_than_forty_thousand_code_points_is_refused(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    for text in [
        "x".repeat(40_001),
        "\u{1f642}".repeat(40_001),
        "x".repeat(4_000_000),
    ] {
        let reply = chat.post(&chat.message(&text)).await;
        assert_error(&reply, 400, "max_length", "content");
        assert!(reply.text.len() < 1_000, "the text is not sent back");
    }
    assert_eq!(count(&chat).await, 0);
}

async fn lone_surrogates_and_raw_control_characters_are_refused(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    for text in [
        r"\ud800",
        r"a\udc00b",
        r"\ud83d\ud83d",
        "a\nb",
        "a\u{0}b",
        r"\u12",
        r"\x41",
    ] {
        let body = chat.message("TEXT").to_string().replace("TEXT", text);
        assert_error(&post_text(&chat, body).await, 400, "parse_error", "");
    }
    // Bytes that are no UTF-8.
    let request = chat.api.request(Method::POST, &chat.root());
    let mut bytes = chat.message("TEXT").to_string().into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'T').unwrap();
    bytes[at] = 0xff;
    let request = request
        .header("content-type", "application/json")
        .body(bytes);
    assert_error(&chat.api.send(request).await, 400, "parse_error", "");
    assert_eq!(count(&chat).await, 0);
    // A pair of surrogates is one character.
    let body = chat
        .message("TEXT")
        .to_string()
        .replace("TEXT", r"\ud83d\ude42");
    assert_eq!(post_text(&chat, body).await.status, 201);
    assert_eq!(chat.messages().await[0].1, "\u{1f642}");
}

async fn nul_is_refused_in_texts_and_harmless_everywhere_else(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let reply = chat.post(&chat.message("a\0b")).await;
    assert_error(&reply, 400, "null_characters_not_allowed", "content");
    assert_eq!(count(&chat).await, 0);
    let everywhere = json!({"a\0b": {"description": "x\0y", "z": ["\0"]}});
    for member in [
        "ui_context",
        "contextual_tools",
        "billing_context",
        "resume_payload",
    ] {
        let chat = stage.chat();
        let body = with(chat.message("hello"), member, everywhere.clone());
        let events = chat.stream(&body).await.expect(201).events().await;
        assert_eq!(events.last().unwrap().kind(), "ai", "{member}");
        assert_sound(&chat).await;
    }
    // Where it comes to be part of a proposal.
    let chat = stage.chat();
    stage
        .model
        .script([Script::tool_call("refund", json!({"why\0": "\0"}))]);
    let tools = tool(
        "refund",
        json!({"requires_approval": true, "description": "Pays\0back"}),
    );
    let body = with(chat.message("hello"), "contextual_tools", tools);
    let events = chat.stream(&body).await.expect(201).events().await;
    assert_eq!(events.last().unwrap().name, "approval");
    assert_eq!(
        chat.detail().await["pending_approvals"][0]["payload"],
        json!({"why\0": "\0"})
    );
    assert_sound(&chat).await;
}

async fn numbers_beyond_all_bounds_are_refused_or_kept(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    for number in [
        "1e999", "-1e999", "NaN", "Infinity", "01", "1.", ".5", "+1", "0x10",
    ] {
        let body = body_with(&chat, &format!("\"ui_context\":{{\"n\":{number}}}"));
        assert_error(&post_text(&chat, body).await, 400, "parse_error", "");
    }
    let huge = "340282366920938463463374607431768211456";
    for member in ["conversation", "trace_id"] {
        let body = chat.message("hello");
        let text = body[member].to_string();
        let body = body.to_string().replace(&text, huge);
        assert_error(&post_text(&chat, body).await, 400, "invalid_input", member);
    }
    assert_eq!(count(&chat).await, 0);
    let kept = format!("\"ui_context\":{{\"n\":[{huge},1e-999,-0.0,9007199254740993,1e300]}}");
    assert_eq!(post_text(&chat, body_with(&chat, &kept)).await.status, 201);
    assert_sound(&chat).await;
}

async fn nesting_is_bounded_and_what_passes_can_be_read_again(setup: Setup) {
    let stage = Stage::new(setup).await;
    for depth in [100, 128, 1_000, 100_000] {
        let chat = stage.chat();
        for member in [
            "ui_context",
            "contextual_tools",
            "billing_context",
            "resume_payload",
            "x",
        ] {
            let body = body_with(
                &chat,
                &format!("\"{member}\":{{\"deep\":{}}}", nested(depth)),
            );
            assert_error(&post_text(&chat, body).await, 400, "parse_error", "");
        }
        assert_error(
            &post_text(&chat, nested(depth + 1)).await,
            400,
            "parse_error",
            "",
        );
        assert_eq!(count(&chat).await, 0);
    }
    // The deepest that is taken at all must survive everything that is made of it: streams, storage, and what goes to
    // the model.
    let deepest = async |member: &str| {
        for depth in (1..100).rev() {
            let chat = stage.chat();
            let body = body_with(
                &chat,
                &format!("\"{member}\":{{\"deep\":{}}}", nested(depth)),
            );
            let reply = post_text(&chat, body).await;
            if reply.status == 201 {
                return (chat, depth, reply);
            }
            assert_error(&reply, 400, "parse_error", "");
        }
        unreachable!("flat ones are taken");
    };
    for member in [
        "ui_context",
        "contextual_tools",
        "billing_context",
        "resume_payload",
    ] {
        let (chat, depth, reply) = deepest(member).await;
        assert_eq!(depth, 98, "{member}");
        assert!(
            reply.text.contains("\"type\":\"ai\""),
            "{member}: {}",
            reply.text
        );
        assert_sound(&chat).await;
        // In the queue, and handed back.
        let gate = Gate::new();
        stage.model.script([Script::text(["x"]).gated(&gate)]);
        let stream = chat.say("hold").await.expect(201);
        let queued = format!(
            "{{\"content\":\"later\",\"{member}\":{{\"deep\":{}}}}}",
            nested(depth)
        );
        let path = chat.path("queue/");
        send_raw(&chat.api, Method::POST, &path, "application/json", queued)
            .await
            .expect(200);
        let waiting = chat.api.get(&path).await.expect(200);
        let cancelled = crate::common::cancel(&chat).await;
        assert_eq!(
            cancelled["cleared_queue"], waiting.json["messages"],
            "{member}"
        );
        stream.events().await;
        assert_sound(&chat).await;
    }
}

async fn tools_with_every_kind_of_nonsense_are_context(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let tools = json!({
        "": {"description": "no name"},
        "bad name!": {"description": "x"},
        "x".repeat(65): {"description": "long name"},
        "é": {"client": true},
        "list": [1, 2],
        "null": null,
        "number": 5,
        "other": {"whatever": {"deep": []}},
        "odd": {"description": 5, "parameters": "none", "requires_approval": "yes", "client": 1},
        "good": {"description": "The only one", "parameters": {"type": "object"}},
    });
    let body = with(chat.message("hello"), "contextual_tools", tools);
    chat.stream(&body).await.expect(201).events().await;
    let request = &stage.model.turns()[0];
    assert_eq!(request.tools(), ["good"]);
    assert!(request.system().contains("whatever"));
    assert_sound(&chat).await;
}

async fn huge_but_allowed_context_is_kept_and_does_no_harm(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let page = "words ".repeat(200_000);
    let context = json!({"page": page});
    let body = with(chat.message("hello"), "ui_context", context.clone());
    let reply = post_accepting(&chat, "application/json", &body).await;
    assert_eq!(reply.expect(201).json["messages"][0]["ui_context"], context);
    // The model gets a part of it only.
    assert!(stage.model.turns()[0].system().len() < 100_000);
    assert_sound(&chat).await;
}

async fn ids_of_every_shape_name_nothing(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    for project in [
        "0",
        "-1",
        "99999999999999999999",
        "1e3",
        "1.0",
        "%00",
        "null",
        "\u{661}",
    ] {
        let path = format!("/api/environments/{project}/conversations/");
        let reply = chat.api.post(&path, &chat.message("hello")).await;
        assert_eq!(reply.status, 404, "{project}: {}", reply.text);
    }
    for id in [
        "x",
        "%00",
        "%ff",
        "..%2f",
        "1",
        &"9".repeat(5_000),
        "{}",
        "%F0%9F%99%82",
    ] {
        let reply = chat.api.get(&format!("{}{id}/", chat.root())).await;
        assert_error(&reply, 404, "not_found", "");
    }
    let reply = attach_reply(&chat, "?after=%ff%fe", &[]).await;
    assert_error(&reply, 400, "invalid_input", "after");
    let reply = attach_reply(&chat, "?stream=%00&after=", &[]).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert_eq!(count(&chat).await, 0);
}

async fn a_resume_payload_of_any_shape_breaks_nothing(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    stage.model.script([Script::tool_call("refund", json!({}))]);
    let tools = tool("refund", json!({"requires_approval": true}));
    let body = with(chat.message("hello"), "contextual_tools", tools);
    chat.stream(&body).await.expect(201).events().await;
    for payload in [
        json!(0),
        json!(""),
        json!([]),
        json!({"action": null}),
        json!({"action": ["approve"]}),
        json!({"action": "approve"}),
        json!({"action": "approve", "proposal_id": 5}),
        json!({"action": "approve", "proposal_id": "x".repeat(100_000)}),
        json!({"action": "approve", "proposal_id": "'; DROP TABLE approval; --"}),
        json!({"action": "reject", "proposal_id": "\0", "feedback": "\0"}),
        json!({"action": "reject", "proposal_id": {}, "feedback": []}),
        json!({"action": "form", "form_answers": "\0"}),
        json!({"action": "client_tool_result", "tool_call_id": "\0", "result": {"\0": "\0"}}),
        json!({"action": "client_tool_result", "tool_call_id": ["x"]}),
    ] {
        let body = with(chat.attaching(), "resume_payload", payload.clone());
        let reply = chat.post(&body).await;
        assert_eq!(reply.status, 201, "{payload}: {}", reply.text);
        let detail = chat.detail().await;
        assert_eq!(detail["status"], "idle", "{payload}");
        assert_eq!(detail["pending_approvals"][0]["decision_status"], "pending");
    }
    assert_eq!(stage.model.turns().len(), 1);
    assert_sound(&chat).await;
}

async fn what_a_model_makes_up_can_be_stored_and_read(setup: Setup) {
    let stage = Stage::new(setup).await;
    let odd = "\0\u{1}\u{7f}\u{feff}\u{202e}\u{fffd}\u{10ffff}\"\\\n";
    let scripts = [
        Script::text([odd]),
        Script::thinking([odd]).and_text([odd]),
        Script::tool_call(odd, json!({odd: odd})),
        Script::tool_call("", json!({})),
        Script::tool_call(&"n".repeat(10_000), json!({})),
        Script::tool_call("look", json!({odd: [odd]})),
        Script::text([""; 0]).and_tool_call_fragments("look", ["{\"a\":", "not json"]),
        Script::text([""; 0]).and_tool_call_fragments("look", ["[1]"]),
        // A call whose id is odd as well.
        Script::raw([
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [{
                "index": 0, "id": odd, "function": {"name": "refund", "arguments": "{}"},
            }]}}]})
            .to_string(),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
                .to_string(),
        ]),
    ];
    let tools = json!({"look": {}, "refund": {"requires_approval": true}});
    for script in scripts {
        let shown = format!("{script:?}");
        let chat = stage.chat();
        stage.model.script([script, Script::text(["done"])]);
        let body = with(chat.message("hello"), "contextual_tools", tools.clone());
        let before = stage.model.turns().len();
        let events = chat.stream(&body).await.expect(201).events().await;
        assert!(finals(&events).len() > 1, "{shown}: {events:?}");
        assert_eq!(chat.status().await, "idle", "{shown}");
        while stage.model.scripts_left() > 0 {
            chat.say("go on").await.expect(201).events().await;
        }
        // Nothing of it was asked for twice because it could not be written.
        assert_eq!(stage.model.turns().len() - before, 2, "{shown}");
        assert_sound(&chat).await;
    }
}

async fn a_models_arguments_may_be_nested_as_deep_as_it_likes(setup: Setup) {
    let stage = Stage::new(setup).await;
    for depth in [98, 99, 100, 125, 126, 127, 5_000] {
        for name in ["look", "refund", "read_page"] {
            let chat = stage.chat();
            let arguments = format!("{{\"deep\":{}}}", nested(depth));
            let call = Script::text([""; 0]).and_tool_call_fragments(name, [arguments]);
            stage.model.script([call]);
            let tools = json!({
                "look": {},
                "refund": {"requires_approval": true},
                "read_page": {"client": true},
            });
            let body = with(chat.message("hello"), "contextual_tools", tools);
            let events = chat.stream(&body).await.expect(201).events().await;
            assert!(finals(&events).len() > 1, "{name} {depth}: {events:?}");
            assert_sound(&chat).await;
        }
    }
}
