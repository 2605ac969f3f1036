//! The body of a POST: its rules, their order, and what is coerced (ai-conversations.md 4.1; conventions.md 4.2, 4.3).

use super::scene::{count, with, without};
use crate::common::{Stage, assert_error, send_raw};
use http::Method;
use serde_json::{Value, json};
use testkit::{Script, Setup, new_uuid, on_both_engines};

on_both_engines! {
    every_broken_field_has_its_code_and_makes_nothing,
    only_the_first_broken_field_is_reported_in_the_order_of_declaration,
    errors_are_json_even_for_who_asks_for_a_stream,
    the_page_context_is_checked_only_with_text,
    a_body_that_is_no_object_is_refused_as_a_whole,
    a_body_that_cannot_be_read_is_refused,
    the_longest_text_is_counted_in_code_points_after_trimming,
    texts_are_trimmed_and_numbers_become_text,
    ids_are_read_in_every_usual_notation,
    unknown_members_are_ignored_and_of_equal_keys_the_last_counts,
    every_mode_of_any_version_is_known,
    a_form_is_read_like_json,
}

async fn every_broken_field_has_its_code_and_makes_nothing(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let long = "x".repeat(50_000);
    let cases = [
        ("content", json!(""), "blank"),
        ("content", json!(" \n\t "), "blank"),
        ("content", json!(long), "max_length"),
        ("content", json!(true), "invalid_input"),
        ("content", json!({}), "invalid_input"),
        ("content", json!(["hello"]), "invalid_input"),
        ("content", json!("a\0b"), "null_characters_not_allowed"),
        ("conversation", json!("not-a-uuid"), "invalid_input"),
        ("conversation", json!(""), "invalid_input"),
        ("conversation", json!(true), "invalid_input"),
        ("conversation", json!(-1), "invalid_input"),
        ("conversation", json!(1.5), "invalid_input"),
        ("conversation", json!([chat.id]), "invalid_input"),
        ("conversation", Value::Null, "null"),
        ("contextual_tools", json!([]), "not_a_dict"),
        ("contextual_tools", json!("tools"), "not_a_dict"),
        ("contextual_tools", json!(5), "not_a_dict"),
        ("trace_id", json!("not-a-uuid"), "invalid_input"),
        ("trace_id", json!({}), "invalid_input"),
        ("trace_id", Value::Null, "null"),
        ("session_id", json!([]), "invalid_input"),
        ("session_id", json!("a\0b"), "null_characters_not_allowed"),
        ("agent_mode", json!("nope"), "invalid_choice"),
        ("agent_mode", json!(""), "invalid_choice"),
        ("agent_mode", json!("SQL"), "invalid_choice"),
        ("agent_mode", json!(5), "invalid_choice"),
        ("agent_mode", json!(["sql"]), "invalid_choice"),
        ("is_sandbox", json!("perhaps"), "invalid_input"),
        ("is_sandbox", json!(2), "invalid_input"),
        ("is_sandbox", json!([]), "invalid_input"),
    ];
    for (field, value, code) in cases {
        let reply = chat.post(&with(chat.message("hello"), field, value)).await;
        assert_error(&reply, 400, code, field);
        assert_eq!(reply.json["type"], "validation_error");
    }
    for field in ["content", "conversation", "trace_id"] {
        let reply = chat.post(&without(chat.message("hello"), field)).await;
        assert_error(&reply, 400, "required", field);
    }
    let contexts = [
        json!("page"),
        json!([]),
        json!({"dashboards": "all"}),
        json!({"form_answers": []}),
        json!({"voice_mode": "on"}),
    ];
    for context in contexts {
        let body = with(chat.message("hello"), "ui_context", context);
        let reply = chat.post(&body).await;
        assert_error(&reply, 400, "invalid_input", "");
        assert_eq!(reply.json["detail"], "Invalid message content.");
    }
    assert_eq!(count(&chat).await, 0);
    assert_eq!(stage.model.requests().len(), 0);
    chat.say("hello").await.expect(201).events().await;
}

async fn only_the_first_broken_field_is_reported_in_the_order_of_declaration(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let order = [
        ("content", json!("")),
        ("conversation", json!("x")),
        ("contextual_tools", json!([])),
        ("trace_id", json!("x")),
        ("session_id", json!([])),
        ("agent_mode", json!("x")),
        ("is_sandbox", json!("x")),
    ];
    // Everything is broken; then one after the other is put right.
    let mut body = with(json!({}), "ui_context", json!("broken too"));
    for (field, broken) in &order {
        body = with(body, field, broken.clone());
    }
    let right = chat.message("hello");
    for (field, _) in &order {
        let reply = chat.post(&body).await;
        assert_eq!(reply.json["attr"], *field, "{}", reply.text);
        body = match right.get(*field) {
            Some(value) => with(body, field, value.clone()),
            None => without(body, field),
        };
    }
    // The rule about the message as a whole comes after those of all fields.
    assert_error(&chat.post(&body).await, 400, "invalid_input", "");
    let body = without(body, "ui_context");
    chat.stream(&body).await.expect(201).events().await;
}

async fn errors_are_json_even_for_who_asks_for_a_stream(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    for accept in ["text/event-stream", "*/*", "application/json"] {
        let request = chat.api.request(Method::POST, &chat.root());
        let request = request.header("accept", accept);
        let body = with(chat.message(""), "content", json!("x".repeat(40_001)));
        let reply = chat.api.send(request.json(&body)).await;
        assert_error(&reply, 400, "max_length", "content");
        assert_eq!(reply.header("content-type"), "application/json");
    }
}

async fn the_page_context_is_checked_only_with_text(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let body = with(chat.attaching(), "ui_context", json!("broken"));
    let reply = chat.post(&body).await;
    assert_eq!(reply.json["reason"], "conversation_idle", "{}", reply.text);
}

async fn a_body_that_is_no_object_is_refused_as_a_whole(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    for (body, code, detail) in [
        (
            json!([]),
            "invalid_input",
            "Invalid data. Expected a dictionary, but got list.",
        ),
        (
            json!("hello"),
            "invalid_input",
            "Invalid data. Expected a dictionary, but got str.",
        ),
        (
            json!(5),
            "invalid_input",
            "Invalid data. Expected a dictionary, but got int.",
        ),
        (Value::Null, "null", "No data provided"),
    ] {
        let reply = chat.post(&body).await;
        assert_error(&reply, 400, code, "");
        assert_eq!(reply.json["detail"], detail);
    }
    // No body at all is an empty object.
    let request = chat.api.request(Method::POST, &chat.root());
    assert_error(&chat.api.send(request).await, 400, "required", "content");
}

async fn a_body_that_cannot_be_read_is_refused(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let whole = chat.message("hello").to_string();
    let cases = [
        ("application/json", "{bad".to_owned(), 400, "parse_error"),
        ("application/json", " \n".to_owned(), 400, "parse_error"),
        (
            "application/json",
            format!("{whole}{{}}"),
            400,
            "parse_error",
        ),
        (
            "application/json",
            format!("\u{feff}{whole}"),
            400,
            "parse_error",
        ),
        ("text/plain", whole.clone(), 415, "unsupported_media_type"),
        (
            "application/vnd.api+json",
            whole,
            415,
            "unsupported_media_type",
        ),
    ];
    for (kind, body, status, code) in cases {
        let reply = send_raw(&chat.api, Method::POST, &chat.root(), kind, body).await;
        assert_error(&reply, status, code, "");
        assert_eq!(reply.json["type"], "invalid_request");
    }
    assert_eq!(count(&chat).await, 0);
}

async fn the_longest_text_is_counted_in_code_points_after_trimming(setup: Setup) {
    let stage = Stage::new(setup).await;
    for text in [
        "x".repeat(40_000),
        "\u{1f642}".repeat(40_000),
        format!("  {}\n\n", "é".repeat(40_000)),
    ] {
        let chat = stage.chat();
        let events = chat.say(&text).await.expect(201).events().await;
        assert_eq!(events[1].content(), text.trim());
        assert_eq!(chat.messages().await[0].1, text.trim());
        let longer = format!("{text}y");
        let other = stage.chat();
        let reply = other.post(&other.message(&longer)).await;
        // Text after the white space makes it part of the message.
        assert_error(&reply, 400, "max_length", "content");
        assert_eq!(
            reply.json["detail"],
            "Ensure this field has no more than 40000 characters."
        );
    }
}

async fn texts_are_trimmed_and_numbers_become_text(setup: Setup) {
    let stage = Stage::new(setup).await;
    for (sent, kept) in [
        (json!("\u{a0} hello \r\n there\t"), "hello \r\n there"),
        (json!(5), "5"),
        (json!(-1.5), "-1.5"),
        (json!("\u{1f}x"), "x"),
    ] {
        let chat = stage.chat();
        let body = with(chat.message(""), "content", sent);
        let events = chat.stream(&body).await.expect(201).events().await;
        assert_eq!(events[1].content(), kept);
        assert_eq!(chat.messages().await[0].1, kept);
    }
}

async fn ids_are_read_in_every_usual_notation(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let trace = new_uuid();
    let notations = |id: uuid::Uuid| {
        [
            id.to_string(),
            id.to_string().to_uppercase(),
            id.simple().to_string(),
            format!("{{{id}}}"),
            format!("urn:uuid:{id}"),
        ]
    };
    let mut first = None;
    for (conversation, trace) in notations(chat.id).into_iter().zip(notations(trace)) {
        let body = json!({"content": "hello", "conversation": conversation, "trace_id": trace});
        let reply = chat.post(&body).await;
        // All are the same request, so all but the first are repeats.
        let expected = if first.is_none() { 201 } else { 200 };
        assert_eq!(reply.status, expected, "{conversation}");
        let text = reply.text.clone();
        assert_eq!(*first.get_or_insert(reply.text), text, "{conversation}");
    }
    assert_eq!(chat.messages().await.len(), 2);
    let seven = json!({"content": "hello", "conversation": 7, "trace_id": 8});
    let reply = chat.post(&seven).await.expect(201);
    assert!(
        reply
            .text
            .contains("\"trace_id\":\"00000000-0000-0000-0000-000000000008\"")
    );
    let path = format!("{}00000000-0000-0000-0000-000000000007/", chat.root());
    chat.api.get(&path).await.expect(200);
}

async fn unknown_members_are_ignored_and_of_equal_keys_the_last_counts(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let body = format!(
        r#"{{"content": "first", "conversation": "{}", "trace_id": "{}", "nope": [1], "content": "last"}}"#,
        chat.id,
        new_uuid()
    );
    let reply = send_raw(
        &chat.api,
        Method::POST,
        &chat.root(),
        "application/json",
        body,
    )
    .await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(chat.messages().await[0].1, "last");
}

async fn every_mode_of_any_version_is_known(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let modes = [
        ("product_analytics", "product_analytics"),
        ("sql", "sql"),
        ("session_replay", "session_replay"),
        ("error_tracking", "error_tracking"),
        ("plan", "sql"),
        ("execution", "product_analytics"),
        ("survey", "survey"),
        ("research", "product_analytics"),
        ("flags", "flags"),
        ("llm_analytics", "llm_analytics"),
        ("user_interview", "user_interview"),
        ("customer_analytics", "customer_analytics"),
        ("onboarding", "onboarding"),
        ("browser_use", "browser_use"),
    ];
    for (mode, shown) in modes {
        stage.model.script([Script::text(["ok"])]);
        let body = with(chat.message("hello"), "agent_mode", json!(mode));
        chat.stream(&body).await.expect(201).events().await;
        assert_eq!(chat.detail().await["agent_mode"], shown, "{mode}");
    }
    let body = with(chat.message("hello"), "agent_mode", Value::Null);
    chat.stream(&body).await.expect(201).events().await;
}

async fn a_form_is_read_like_json(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let form = format!(
        "content=hello+there&conversation={}&trace_id={}&is_sandbox=false",
        chat.id,
        new_uuid()
    );
    let kind = "application/x-www-form-urlencoded";
    let reply = send_raw(&chat.api, Method::POST, &chat.root(), kind, form).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(chat.messages().await[0].1, "hello there");
}
