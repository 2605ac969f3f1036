//! Tools that a client brings along (ai-conversations.md 5.3, 5.4; spec "Tools").

use crate::common::{Stage, finals, keys, said};
use serde_json::{Value, json};
use testkit::{Chat, Event, Script, Setup, on_both_engines};

on_both_engines! {
    a_call_is_handed_to_the_page_and_the_loop_goes_on,
    arguments_come_with_the_final_message,
    every_call_of_an_answer_gets_its_result_in_order,
    only_what_describes_a_tool_can_be_called,
    a_call_of_an_unknown_tool_is_told_to_the_model,
    calls_with_the_same_id_in_different_answers_keep_their_own_results,
    unreadable_arguments_are_handed_on_as_they_came,
    a_turn_that_never_comes_to_an_answer_asks_whether_to_go_on,
    tools_of_an_earlier_turn_are_forgotten,
}

async fn ask_with(chat: &Chat, tools: Value) -> Vec<Event> {
    let mut body = chat.message("please");
    body["contextual_tools"] = tools;
    chat.stream(&body).await.expect(201).events().await
}

async fn a_call_is_handed_to_the_page_and_the_loop_goes_on(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage.model.script([
        Script::text(["I open it."]).and_tool_call("open_page", json!({"id": 3})),
        Script::text(["It is open."]),
    ]);
    let chat = stage.chat();
    let schema = json!({"type": "object", "properties": {"id": {"type": "integer"}}});
    let tools = json!({"open_page": {"description": "Opens a page", "parameters": schema}});
    let events = ask_with(&chat, tools).await;
    let handed = "The call of open_page was handed to the user's page.";
    let expected = said(&[
        ("human", "please"),
        ("ai", "I open it."),
        ("tool", handed),
        ("ai", "It is open."),
    ]);
    assert_eq!(finals(&events), expected);
    assert_eq!(chat.messages().await, expected);
    let call = events
        .iter()
        .find(|it| it.kind() == "ai" && !it.is_partial())
        .unwrap()
        .json();
    let result = events.iter().find(|it| it.kind() == "tool").unwrap().json();
    assert_eq!(
        keys(&result),
        ["content", "id", "tool_call_id", "type", "ui_payload"]
    );
    assert_eq!(result["ui_payload"], json!({"open_page": {"id": 3}}));
    assert_eq!(call["tool_calls"].as_array().unwrap().len(), 1);
    let made = &call["tool_calls"][0];
    assert_eq!(keys(made), ["args", "id", "name", "type"]);
    assert_eq!(
        (&made["name"], &made["args"], &made["type"]),
        (&json!("open_page"), &json!({"id": 3}), &json!("tool_call"))
    );
    assert_eq!(result["tool_call_id"], made["id"]);
    assert_eq!(chat.status().await, "idle");

    // What the model was offered, and what it was told.
    let [first, second] = &stage.model.turns()[..] else {
        panic!("two model calls");
    };
    let offered = &first.body["tools"][0]["function"];
    assert_eq!(offered["description"], "Opens a page");
    assert_eq!(offered["parameters"], schema);
    assert_eq!(second.tools(), ["open_page"]);
    let roles: Vec<_> = second
        .messages()
        .into_iter()
        .map(|(role, _)| role)
        .collect();
    assert_eq!(roles, ["user", "assistant", "tool"]);
    assert_eq!(second.messages()[2].1, handed);
}

async fn arguments_come_with_the_final_message(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = testkit::Gate::new();
    let call = Script::text(["I open it."]).and_tool_call("open_page", json!({"id": 3}));
    stage.model.script([call.and_wait(&gate)]);
    let chat = stage.chat();
    let mut body = chat.message("please");
    body["contextual_tools"] = json!({"open_page": {}});
    let mut stream = chat.stream_deltas(&body).await.expect(201);
    let begun = stream.until(|event| event.data.contains("open_page")).await;
    let call = begun.last().unwrap();
    assert!(call.is_partial(), "{call:?}");
    assert_eq!(call.json()["tool_calls"][0]["args"], json!({}));
    gate.open_all();
    let rest = stream.events().await;
    let last = rest
        .iter()
        .find(|event| event.kind() == "ai" && !event.is_partial())
        .unwrap();
    assert_eq!(last.json()["tool_calls"][0]["args"], json!({"id": 3}));
}

async fn every_call_of_an_answer_gets_its_result_in_order(setup: Setup) {
    let stage = Stage::new(setup).await;
    let calls = Script::tool_call("look", json!({"at": 1}))
        .and_tool_call("turn", json!({"by": 2}))
        .and_tool_call("look", json!({"at": 3}));
    stage.model.script([calls, Script::text(["done"])]);
    let chat = stage.chat();
    let events = ask_with(&chat, json!({"look": {}, "turn": {}})).await;
    let payloads: Vec<_> = events
        .iter()
        .filter(|event| event.kind() == "tool")
        .map(|event| event.json()["ui_payload"].clone())
        .collect();
    let expected = [
        json!({"look": {"at": 1}}),
        json!({"turn": {"by": 2}}),
        json!({"look": {"at": 3}}),
    ];
    assert_eq!(payloads, expected);
    let roles: Vec<_> = stage.model.turns()[1]
        .messages()
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "tool"]);
}

async fn only_what_describes_a_tool_can_be_called(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let tools = json!({
        "described": {"description": "Does it"},
        "with_parameters": {"parameters": {"type": "object"}},
        "bare": {},
        "current_filters": {"from": "2026-01-01"},
        "plan": "enterprise",
        "seats": 7,
        "nothing": null,
        "bad name": {"description": "x"},
    });
    ask_with(&chat, tools).await;
    let turn = &stage.model.turns()[0];
    let mut offered = turn.tools();
    offered.sort();
    assert_eq!(offered, ["bare", "described", "with_parameters"]);
    let system = turn.system();
    for context in [
        r#""current_filters":{"from":"2026-01-01"}"#,
        r#""plan":"enterprise""#,
        r#""seats":7"#,
    ] {
        assert!(system.contains(context), "{system}");
    }
    assert!(
        !system.contains("Does it"),
        "tools are not repeated as context: {system}"
    );
}

async fn a_call_of_an_unknown_tool_is_told_to_the_model(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage.model.script([
        Script::tool_call("drop_tables", json!({"all": true})),
        Script::text(["I cannot."]),
    ]);
    let chat = stage.chat();
    let events = ask_with(&chat, json!({"look": {}, "drop_tables": "context only"})).await;
    let result = events
        .iter()
        .find(|event| event.kind() == "tool")
        .unwrap()
        .json();
    assert_eq!(result["content"], "There is no tool named \"drop_tables\".");
    assert_eq!(
        result.get("ui_payload"),
        None,
        "the page is not asked to do anything"
    );
    assert_eq!(finals(&events).last().unwrap().1, "I cannot.");
}

/// Some model servers count their calls anew in every answer.
async fn calls_with_the_same_id_in_different_answers_keep_their_own_results(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage.model.script([
        Script::tool_call("look", json!({})),
        Script::tool_call("turn", json!({})),
        Script::text(["done"]),
    ]);
    let chat = stage.chat();
    let events = ask_with(&chat, json!({"look": {}, "turn": {}})).await;
    assert_eq!(finals(&events).last().unwrap().1, "done");
    let told: Vec<_> = stage.model.turns()[2]
        .messages()
        .into_iter()
        .filter(|(role, _)| role == "tool")
        .map(|(_, text)| text)
        .collect();
    assert!(
        told[0].contains("look") && told[1].contains("turn"),
        "{told:?}"
    );
}

async fn unreadable_arguments_are_handed_on_as_they_came(setup: Setup) {
    let stage = Stage::new(setup).await;
    let broken =
        Script::text(["I look. "]).and_tool_call_fragments("look", ["{\"at\": ", "nowhere"]);
    stage.model.script([broken, Script::text(["done"])]);
    let chat = stage.chat();
    let events = ask_with(&chat, json!({"look": {}})).await;
    let result = events
        .iter()
        .find(|event| event.kind() == "tool")
        .unwrap()
        .json();
    assert_eq!(
        result["ui_payload"],
        json!({"look": {"_raw": "{\"at\": nowhere"}})
    );
    assert_eq!(finals(&events).last().unwrap().1, "done");
}

async fn a_turn_that_never_comes_to_an_answer_asks_whether_to_go_on(mut setup: Setup) {
    setup.assistant.chat.steps = 3;
    setup.assistant.research.steps = 2;
    let stage = Stage::new(setup).await;
    stage
        .model
        .respond(|_| Script::tool_call("look", json!({})));
    let chat = stage.chat();
    let events = ask_with(&chat, json!({"look": {}})).await;
    assert_eq!(stage.model.turns().len(), 3);
    let last = events.last().unwrap().json();
    assert_eq!(
        (&last["type"], &last["meta"]),
        (&json!("ai"), &Value::Null),
        "no failure: {last}"
    );
    assert!(
        last["content"].as_str().unwrap().contains("go on?"),
        "{last}"
    );
    let detail = chat.detail().await;
    assert_eq!(
        detail["messages"].as_array().unwrap().len(),
        8,
        "human, three calls and results, question"
    );
    assert_eq!(
        (&detail["status"], &detail["messages"][7]["content"]),
        (&json!("idle"), &last["content"])
    );
    // Going on is an ordinary message with its own steps.
    ask_with(&chat, json!({"look": {}})).await;
    assert_eq!(stage.model.turns().len(), 6);

    // Research is the same loop under its own limits.
    let chat = stage.chat();
    let mut body = chat.message("dig");
    body["agent_mode"] = json!("research");
    chat.stream(&body).await.expect(201).events().await;
    assert_eq!(stage.model.turns().len(), 8);
}

async fn tools_of_an_earlier_turn_are_forgotten(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    ask_with(&chat, json!({"look": {}, "plan": "enterprise"})).await;
    chat.say("and now?").await.expect(201).events().await;
    let second = &stage.model.turns()[1];
    assert_eq!(second.tools(), [""; 0]);
    assert!(
        !second.system().contains("enterprise"),
        "{}",
        second.system()
    );
}
