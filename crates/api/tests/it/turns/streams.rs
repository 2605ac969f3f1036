//! What a stream says, in which order, byte for byte (ai-conversations.md 5.1 to 5.4; spec "SSE carries event ids",
//! "Two stream dialects").

use super::scene::{hold, raw, stepwise, tool, with};
use crate::common::{Stage, cancel, finals, keys};
use http::Method;
use serde_json::{Value, json};
use testkit::{Chat, Event, EventStream, Gate, Script, Setup, on_both_engines};

on_both_engines! {
    a_simple_turn_comes_in_exactly_these_bytes,
    the_delta_dialect_comes_in_exactly_these_bytes,
    the_delta_dialect_is_asked_for_in_the_query_or_the_accept_header,
    a_conversation_event_is_the_minimal_form_with_spaces_after_separators,
    the_keys_of_messages_are_sorted_and_nulls_left_out,
    events_are_numbered_densely_within_each_turn,
    the_echo_has_the_id_of_the_stored_message_and_the_clients_mark,
    a_turn_with_tools_goes_from_call_to_result_to_answer,
    reasoning_travels_in_the_meta_of_partials_and_of_the_final_message,
    a_tool_name_is_shown_before_its_arguments,
    a_proposal_is_an_event_after_the_call,
    the_first_text_is_never_held_back,
    what_cannot_stand_in_a_line_is_escaped,
    a_stream_ends_without_an_event_of_its_own,
    the_stream_says_what_the_conversation_then_holds,
}

/// Every event must be the three lines that the format prescribes, in their order, and a blank one.
fn assert_framing(events: &[Event]) {
    for event in events {
        let expected = format!(
            "event: {}\ndata: {}\nid: {}\n\n",
            event.name, event.data, event.id
        );
        assert_eq!(event.raw, expected);
        assert!(!event.data.contains(['\n', '\r']));
    }
}

async fn a_simple_turn_comes_in_exactly_these_bytes(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage.model.script([Script::text(["Hello you"])]);
    let chat = stage.chat();
    let body = chat.message("hi");
    let reply = chat.api.post(&chat.root(), &body).await.expect(201);
    let detail = chat.detail().await;
    let of = |path: &str| detail.pointer(path).unwrap().as_str().unwrap().to_owned();
    let expected = format!(
        "event: conversation\n\
         data: {{\"id\": \"{id}\", \"status\": \"in_progress\", \"title\": \"hi\", \"topic\": null, \
         \"user\": {{\"id\": {user}, \"uuid\": \"{uuid}\", \"distinct_id\": \"{distinct_id}\", \
         \"first_name\": \"{first_name}\", \"last_name\": \"{last_name}\", \"email\": \"{email}\", \
         \"is_email_verified\": null, \"hedgehog_config\": null, \"role_at_organization\": null}}, \
         \"created_at\": \"{created_at}\", \"updated_at\": \"{created_at}\", \"type\": \"assistant\", \
         \"is_internal\": false, \"slack_thread_key\": null, \"slack_workspace_domain\": null, \
         \"task\": null}}\n\
         id: 1:1\n\n\
         event: message\n\
         data: {{\"content\":\"hi\",\"id\":\"{echo}\",\"trace_id\":{trace},\"type\":\"human\"}}\n\
         id: 1:2\n\n\
         event: message\n\
         data: {{\"content\":\"Hello you\",\"id\":\"temp-0\",\"type\":\"ai\"}}\n\
         id: 1:3\n\n\
         event: message\n\
         data: {{\"content\":\"Hello you\",\"id\":\"{answer}\",\"type\":\"ai\"}}\n\
         id: 1:4\n\n",
        id = chat.id,
        user = detail["user"]["id"],
        uuid = of("/user/uuid"),
        distinct_id = of("/user/distinct_id"),
        first_name = of("/user/first_name"),
        last_name = of("/user/last_name"),
        email = of("/user/email"),
        created_at = of("/created_at"),
        echo = of("/messages/0/id"),
        trace = body["trace_id"],
        answer = of("/messages/1/id"),
    );
    assert_eq!(reply.text, expected);
}

async fn the_delta_dialect_comes_in_exactly_these_bytes(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let gate = Gate::new();
    let script = stepwise(&gate, &["Hel", "lo", " you"]);
    stage.model.script([script]);
    let body = chat.message("hi");
    let mut stream = chat.stream_deltas(&body).await.expect(201);
    let mut events = Vec::new();
    for _ in 0..3 {
        gate.open(1);
        events.extend(stream.until(Event::is_partial).await);
    }
    gate.open_all();
    events.extend(stream.events().await);
    let messages = chat.detail().await["messages"].clone();
    let expected = format!(
        "event: message\n\
         data: {{\"content\":\"hi\",\"id\":{echo},\"trace_id\":{trace},\"type\":\"human\"}}\n\
         id: 2:1\n\n\
         event: message\ndata: {{\"content\":\"Hel\",\"id\":\"temp-0\",\"type\":\"ai\"}}\nid: 2:2\n\n\
         event: delta\ndata: {{\"content\":\"lo\",\"id\":\"temp-0\"}}\nid: 2:3\n\n\
         event: delta\ndata: {{\"content\":\" you\",\"id\":\"temp-0\"}}\nid: 2:4\n\n\
         event: message\ndata: {{\"content\":\"Hello you\",\"id\":{answer},\"type\":\"ai\"}}\nid: 2:5\n\n",
        echo = messages[2]["id"],
        trace = body["trace_id"],
        answer = messages[3]["id"],
    );
    assert_eq!(raw(&events), expected);
}

async fn the_delta_dialect_is_asked_for_in_the_query_or_the_accept_header(setup: Setup) {
    let stage = Stage::new(setup).await;
    for (query, accept, is_delta) in [
        ("?stream=delta", "*/*", true),
        ("?stream=delta", "text/event-stream", true),
        ("", "text/event-stream;dialect=delta", true),
        ("", "text/event-stream; dialect=\"delta\"", true),
        ("", "text/event-stream", false),
        ("?stream=snapshot", "text/event-stream", false),
        ("?stream=nonsense", "*/*", false),
    ] {
        let chat = stage.chat();
        let gate = Gate::new();
        stage.model.script([stepwise(&gate, &["a", "b"])]);
        let request = chat
            .api
            .request(Method::POST, &format!("{}{query}", chat.root()));
        let request = request.header("accept", accept).json(&chat.message("hi"));
        let mut stream = EventStream::of(request.send().await.unwrap()).expect(201);
        gate.open(1);
        stream.until(Event::is_partial).await;
        gate.open(1);
        let mut rest = Vec::new();
        if is_delta {
            rest.extend(stream.until(Event::is_partial).await);
        }
        gate.open_all();
        rest.extend(stream.events().await);
        let has_delta = rest.iter().any(|event| event.name == "delta");
        assert_eq!(has_delta, is_delta, "{query} {accept}: {rest:?}");
    }
}

async fn a_conversation_event_is_the_minimal_form_with_spaces_after_separators(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let tricky = "a,b:c \"d\": {e}";
    let events = chat.say(tricky).await.expect(201).events().await;
    let announced = &events[0];
    assert_eq!(announced.name, "conversation");
    assert!(announced.data.starts_with(&format!(
        "{{\"id\": \"{}\", \"status\": \"in_progress\", \"title\": \"a,b:c \\\"d\\\": {{e}}\", ",
        chat.id
    )));
    assert!(!announced.data.contains("\",\"") && !announced.data.contains("\":\""));
    let list = chat.api.get(&chat.root()).await.expect(200);
    let listed = &list.json["results"][0];
    assert_eq!(keys(&announced.json()), keys(listed));
    assert_eq!(announced.json()["user"], listed["user"]);
}

async fn the_keys_of_messages_are_sorted_and_nulls_left_out(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let tools = tool("look", json!({"description": "Looks"}));
    stage.model.script([
        Script::thinking(["hm"])
            .and_text(["let me look"])
            .and_tool_call("look", json!({"z": 1, "a": {"y": 2, "b": 3}})),
        Script::text(["done"]),
    ]);
    let body = with(chat.message("hi"), "contextual_tools", tools);
    let body = with(
        body,
        "ui_context",
        json!({"voice_mode": null, "dashboards": []}),
    );
    let events = chat.stream(&body).await.expect(201).events().await;
    assert_framing(&events);
    let messages = events.iter().filter(|event| event.name == "message");
    for event in messages {
        // Without its own order a map of this library is sorted.
        assert_eq!(event.data, event.json().to_string());
        let members = event.json();
        let members = members.as_object().unwrap();
        assert!(
            members.values().all(|value| !value.is_null()),
            "{}",
            event.data
        );
    }
    let call = events.iter().find(|event| event.data.contains("\"z\":1"));
    assert!(
        call.unwrap()
            .data
            .contains(r#"{"args":{"a":{"b":3,"y":2},"z":1},"id":"#)
    );
}

async fn events_are_numbered_densely_within_each_turn(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    for turn in 1..=3 {
        let gate = Gate::new();
        stage.model.script([stepwise(&gate, &["a", "b", "c"])]);
        let mut stream = chat.stream_deltas(&chat.message("hi")).await.expect(201);
        let mut events = Vec::new();
        for _ in 0..3 {
            gate.open(1);
            events.extend(stream.until(Event::is_partial).await);
        }
        gate.open_all();
        events.extend(stream.events().await);
        let ids: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
        let expected: Vec<_> = (1..=events.len())
            .map(|seq| format!("{turn}:{seq}"))
            .collect();
        assert_eq!(ids, expected);
        assert_framing(&events);
    }
}

async fn the_echo_has_the_id_of_the_stored_message_and_the_clients_mark(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let context = json!({"dashboards": [{"id": 7}], "unknown_page": {"x": null}});
    let body = with(chat.message("  hi  "), "ui_context", context.clone());
    let gate = Gate::new();
    stage.model.script([Script::text(["a"]).gated(&gate)]);
    let mut stream = chat.stream(&body).await.expect(201);
    let echo = stream.until(|event| event.kind() == "human").await;
    let echo = echo.last().unwrap().json();
    assert_eq!(echo["trace_id"], body["trace_id"]);
    assert_eq!(echo["content"], "hi");
    assert_eq!(echo["ui_context"], context);
    // It is stored before anybody is told of it, and before the model says anything.
    let stored = chat.detail().await["messages"].clone();
    assert_eq!(stored.as_array().unwrap().len(), 1);
    assert_eq!(stored[0]["id"], echo["id"]);
    gate.open_all();
    stream.events().await;
}

async fn a_turn_with_tools_goes_from_call_to_result_to_answer(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    stage.model.script([
        Script::text(["I will look. "]).and_tool_call("look", json!({"at": "sky"})),
        Script::tool_call("look", json!({"at": "sea"})).and_tool_call("nothing_known", json!({})),
        Script::text(["Blue."]),
    ]);
    let tools = tool("look", json!({"description": "Looks at something"}));
    let body = with(chat.message("what colour?"), "contextual_tools", tools);
    let events = chat.stream(&body).await.expect(201).events().await;
    let kinds: Vec<_> = finals(&events).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["human", "ai", "tool", "ai", "tool", "tool", "ai"]);
    let finals: Vec<Value> = events
        .iter()
        .filter(|event| event.name == "message" && !event.is_partial())
        .map(Event::json)
        .collect();
    let call = &finals[1]["tool_calls"][0];
    assert_eq!(call["args"], json!({"at": "sky"}));
    assert_eq!(call["type"], "tool_call");
    assert_eq!(finals[2]["tool_call_id"], call["id"]);
    assert_eq!(finals[2]["ui_payload"], json!({"look": {"at": "sky"}}));
    assert_eq!(finals[4]["ui_payload"], json!({"look": {"at": "sea"}}));
    // A tool that nobody offered is answered, and not handed on.
    assert_eq!(finals[5].get("ui_payload"), None);
    assert_eq!(finals[6]["content"], "Blue.");
    assert_eq!(finals[6].get("tool_calls"), None);
    // Every call is told its result.
    let asked = stage.model.turns()[2].messages();
    let roles: Vec<_> = asked.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(
        roles,
        ["user", "assistant", "tool", "assistant", "tool", "tool"]
    );
    assert_eq!(chat.status().await, "idle");
}

async fn reasoning_travels_in_the_meta_of_partials_and_of_the_final_message(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    let script = Script::thinking(["let me", " see"])
        .and_text(["Yes."])
        .gated(&gate);
    stage.model.script([script]);
    let chat = stage.chat();
    let mut stream = chat.stream_deltas(&chat.message("hi")).await.expect(201);
    gate.open(1);
    let first = stream.until(Event::is_partial).await;
    let first = first.last().unwrap().json();
    assert_eq!(first["content"], "");
    assert_eq!(
        first["meta"]["thinking"],
        json!([{"type": "thinking", "thinking": "let me"}])
    );
    gate.open(1);
    let second = stream.until(Event::is_partial).await;
    assert_eq!(
        second.last().unwrap().data,
        r#"{"content":"","id":"temp-0","thinking":" see"}"#
    );
    gate.open_all();
    let rest = stream.events().await;
    let expected = json!([{"type": "thinking", "thinking": "let me see"}]);
    let last = rest.last().unwrap().json();
    assert_eq!(last["meta"]["thinking"], expected);
    assert_eq!(last["content"], "Yes.");
    assert_eq!(
        chat.detail().await["messages"][1]["meta"]["thinking"],
        expected
    );
}

async fn a_tool_name_is_shown_before_its_arguments(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    // The name comes first, and the arguments in pieces after it.
    let script = Script::text(["I look. "]).and_tool_call("look", json!({"at": 1}));
    stage
        .model
        .script([script.gated(&gate), Script::text(["done"])]);
    let chat = stage.chat();
    let body = with(
        chat.message("hi"),
        "contextual_tools",
        tool("look", json!({})),
    );
    let mut stream = chat.stream_deltas(&body).await.expect(201);
    gate.open(1);
    stream.until(Event::is_partial).await;
    gate.open(1);
    let named = stream.until(Event::is_partial).await;
    let named = named.last().unwrap().json();
    assert_eq!(named["tool_calls"][0]["name"], "look");
    assert_eq!(named["tool_calls"][0]["args"], json!({}));
    gate.open_all();
    let call = stream.until(|event| event.kind() == "ai").await;
    let call = call.last().unwrap().json();
    assert_eq!(call["tool_calls"][0]["args"], json!({"at": 1}));
    stream.events().await;
}

async fn a_proposal_is_an_event_after_the_call(setup: Setup) {
    let stage = Stage::new(setup).await;
    let script = Script::tool_call("refund", json!({"amount": 5}));
    stage.model.script([script]);
    let chat = stage.chat();
    let tools = tool(
        "refund",
        json!({"requires_approval": true, "description": "Pays back"}),
    );
    let body = with(chat.message("hi"), "contextual_tools", tools);
    let events = chat.stream(&body).await.expect(201).events().await;
    assert_framing(&events);
    let (event, call) = (&events[events.len() - 1], &events[events.len() - 2]);
    assert_eq!(event.name, "approval");
    let proposal = event.json();
    assert_eq!(
        keys(&proposal),
        [
            "decision_status",
            "message_id",
            "original_tool_call_id",
            "payload",
            "preview",
            "proposal_id",
            "tool_name"
        ]
    );
    assert_eq!(proposal["message_id"], call.json()["id"]);
    assert_eq!(
        proposal["original_tool_call_id"],
        call.json()["tool_calls"][0]["id"]
    );
    assert_eq!(proposal["payload"], json!({"amount": 5}));
    assert!(proposal["preview"].as_str().unwrap().contains("Pays back"));
    assert_eq!(chat.detail().await["pending_approvals"], json!([proposal]));
}

async fn the_first_text_is_never_held_back(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    // The model is silent after one letter, so waiting for more would be waiting for ever.
    let (mut stream, gate) = hold(&stage, &chat, &["H", "i"]).await;
    gate.open(1);
    let events = stream.until(Event::is_partial).await;
    assert_eq!(events.last().unwrap().content(), "H");
    gate.open_all();
    stream.events().await;
}

async fn what_cannot_stand_in_a_line_is_escaped(setup: Setup) {
    let stage = Stage::new(setup).await;
    let text = "a\nb\r\nc\td\u{0}e\u{7f}f\u{2028}g\"h\\i\u{1f642}j\u{1b}[0m\u{fffd}</script>data: x\n\nid: 9:9\n\n";
    let chat = stage.chat();
    stage.model.script([Script::text([text])]);
    let events = chat
        .say("a\nb\tc\u{2028}\"d\" \u{1f642}")
        .await
        .expect(201)
        .events()
        .await;
    assert_framing(&events);
    assert_eq!(events[1].content(), "a\nb\tc\u{2028}\"d\" \u{1f642}");
    let answer = events.last().unwrap();
    assert_eq!(answer.content(), text);
    assert!(
        answer.data.contains('\u{1f642}'),
        "text is not escaped to ASCII"
    );
    assert_eq!(chat.messages().await[1].1, text);
}

async fn a_stream_ends_without_an_event_of_its_own(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (stream, gate) = hold(&stage, &chat, &["half"]).await;
    gate.open_all();
    let events = stream.events().await;
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["conversation", "message", "message", "message"]);
    assert_eq!(events.last().unwrap().kind(), "ai");
    // Nor does a cancelled one that has said nothing.
    let (stream, _gate) = hold(&stage, &chat, &["never"]).await;
    cancel(&chat).await;
    let events = stream.events().await;
    let kinds: Vec<_> = events.iter().map(Event::kind).collect();
    assert_eq!(kinds, ["human"]);
}

/// The messages among events as the detail form should have them.
fn shown(events: &[Event]) -> Vec<Value> {
    let finals = events
        .iter()
        .filter(|event| event.name == "message" && !event.is_partial());
    finals.map(Event::json).collect()
}

async fn the_stream_says_what_the_conversation_then_holds(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat: Chat = stage.chat();
    let tools = tool("look", json!({}));
    stage.model.script([
        Script::text(["I look. "]).and_tool_call("look", json!({"at": 1})),
        Script::text(["done"]),
    ]);
    let body = with(chat.message("hi"), "contextual_tools", tools);
    let events = chat.stream(&body).await.expect(201).events().await;
    let detail = chat.detail().await;
    let mut stored = detail["messages"].as_array().unwrap().clone();
    for message in &mut stored {
        let members = message.as_object_mut().unwrap();
        assert!(
            members.contains_key("parent_tool_call_id"),
            "nulls are shown"
        );
        members.retain(|_, value| !value.is_null());
    }
    assert_eq!(stored, shown(&events));
}
