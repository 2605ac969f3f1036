//! Deep research (ai-conversations.md 4.5).

use super::scene::{raw, tool, with};
use crate::common::Stage;
use serde_json::{Value, json};
use testkit::{Chat, Gate, Script, Setup, on_both_engines};

on_both_engines! {
    a_new_conversation_in_research_mode_is_a_research_one,
    a_research_turn_takes_no_tools_and_no_mode,
    new_text_turns_an_idle_research_conversation_into_a_chat,
    attaching_to_running_research_changes_nothing,
    resuming_keeps_research,
    research_in_a_chat_leaves_it_a_chat,
}

fn research(chat: &Chat, text: &str) -> Value {
    with(chat.message(text), "agent_mode", json!("research"))
}

/// Whether each call of the model so far was told that it is research.
fn was_research(stage: &Stage) -> Vec<bool> {
    let turns = stage.model.turns();
    turns
        .iter()
        .map(|request| request.system().contains("research task"))
        .collect()
}

async fn kind(chat: &Chat) -> String {
    chat.detail().await["type"].as_str().unwrap().to_owned()
}

async fn a_new_conversation_in_research_mode_is_a_research_one(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let events = chat.stream(&research(&chat, "why?")).await.expect(201);
    let events = events.events().await;
    assert_eq!(events[0].name, "conversation");
    assert_eq!(events[0].json()["type"], "deep_research");
    assert_eq!(kind(&chat).await, "deep_research");
    assert_eq!(chat.detail().await["agent_mode"], "product_analytics");
    assert_eq!(was_research(&stage), [true]);
    let list = chat.api.get(&chat.root()).await.expect(200);
    assert_eq!(list.json["results"][0]["type"], "deep_research");
}

async fn a_research_turn_takes_no_tools_and_no_mode(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let tools = json!({"open_page": {"description": "Opens a page"}, "page": "billing-secret"});
    let body = with(research(&chat, "why?"), "contextual_tools", tools.clone());
    chat.stream(&body).await.expect(201).events().await;
    let request = &stage.model.turns()[0];
    assert_eq!(request.tools(), [""; 0]);
    assert!(!request.system().contains("billing-secret"));
    assert!(!request.system().contains("mode \""));
    // The same tools do reach a chat.
    let body = with(chat.message("and?"), "contextual_tools", tools);
    chat.stream(&body).await.expect(201).events().await;
    let request = &stage.model.turns()[1];
    assert_eq!(request.tools(), ["open_page"]);
    assert!(request.system().contains("billing-secret"));
}

async fn new_text_turns_an_idle_research_conversation_into_a_chat(setup: Setup) {
    let stage = Stage::new(setup).await;
    for again in [false, true] {
        let before = stage.model.turns().len();
        let chat = stage.chat();
        let first = chat.stream(&research(&chat, "why?")).await.expect(201);
        first.events().await;
        // Even when the body asks for research again.
        let body = if again {
            research(&chat, "and now?")
        } else {
            chat.message("and now?")
        };
        let events = chat.stream(&body).await.expect(201).events().await;
        assert!(events.iter().all(|event| event.name != "conversation"));
        assert_eq!(kind(&chat).await, "assistant");
        assert_eq!(was_research(&stage)[before..], [true, false]);
    }
}

async fn attaching_to_running_research_changes_nothing(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage.model.script([Script::text(["because"]).gated(&gate)]);
    let stream = chat.stream(&research(&chat, "why?")).await.expect(201);
    let reader = chat.attach().await.expect(200);
    assert_eq!(kind(&chat).await, "deep_research");
    assert_eq!(chat.post(&chat.message("well?")).await.status, 409);
    assert_eq!(kind(&chat).await, "deep_research");
    gate.open_all();
    assert_eq!(raw(&reader.events().await), raw(&stream.events().await));
    assert_eq!(kind(&chat).await, "deep_research");
}

async fn resuming_keeps_research(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let first = chat.stream(&research(&chat, "why?")).await.expect(201);
    first.events().await;
    let body = with(chat.attaching(), "resume_payload", json!({}));
    chat.stream(&body).await.expect(201).events().await;
    assert_eq!(kind(&chat).await, "deep_research");
    // Also with text.
    let body = with(chat.message("because?"), "resume_payload", json!({}));
    chat.stream(&body).await.expect(201).events().await;
    assert_eq!(kind(&chat).await, "deep_research");
    assert_eq!(was_research(&stage), [true, true]);
}

async fn research_in_a_chat_leaves_it_a_chat(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let body = with(
        research(&chat, "dig"),
        "contextual_tools",
        tool("open_page", json!({})),
    );
    chat.stream(&body).await.expect(201).events().await;
    assert_eq!(kind(&chat).await, "assistant");
    chat.say("thanks").await.expect(201).events().await;
    assert_eq!(was_research(&stage), [false, true, false]);
}
