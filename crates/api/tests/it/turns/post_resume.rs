//! Answers to what a turn asked: decisions, forms, results of the client's tools (ai-conversations.md 8; spec
//! "Tools").

use super::scene::{tool, with};
use crate::common::{Stage, finals};
use serde_json::{Value, json};
use testkit::{Chat, Event, Script, Setup, on_both_engines};

on_both_engines! {
    an_approved_call_is_carried_out_and_the_model_goes_on,
    a_rejected_call_is_not_carried_out_and_the_model_is_told_why,
    a_decision_may_come_with_text,
    a_decision_on_an_unknown_proposal_fails_visibly,
    the_result_of_a_clients_tool_goes_to_the_model,
    a_form_is_answered_or_closed,
    several_open_calls_are_settled_one_by_one,
}

/// A turn that ends with these calls open.
async fn asked(stage: &Stage, tools: Value, script: Script) -> (Chat, Vec<Event>) {
    let chat = stage.chat();
    stage.model.script([script]);
    let body = with(chat.message("please"), "contextual_tools", tools);
    let events = chat.stream(&body).await.expect(201).events().await;
    assert_eq!(chat.status().await, "idle");
    (chat, events)
}

async fn proposal(stage: &Stage) -> (Chat, String) {
    let tools = tool("refund", json!({"requires_approval": true}));
    let script = Script::tool_call("refund", json!({"amount": 5}));
    let (chat, events) = asked(stage, tools, script).await;
    let approval = events.last().unwrap();
    assert_eq!(approval.name, "approval");
    let id = approval.json()["proposal_id"].as_str().unwrap().to_owned();
    (chat, id)
}

async fn resume(chat: &Chat, payload: Value) -> Vec<Event> {
    let body = with(chat.attaching(), "resume_payload", payload);
    chat.stream(&body).await.expect(201).events().await
}

/// `decision_status` of all proposals.
async fn decisions(chat: &Chat) -> Vec<Value> {
    let detail = chat.detail().await;
    let all = detail["pending_approvals"].as_array().unwrap().iter();
    all.map(|it| it["decision_status"].clone()).collect()
}

async fn an_approved_call_is_carried_out_and_the_model_goes_on(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, proposal_id) = proposal(&stage).await;
    stage.model.script([Script::text(["refunded"])]);
    let payload = json!({"action": "approve", "proposal_id": proposal_id});
    let events = resume(&chat, payload).await;
    let finals = finals(&events);
    assert_eq!(finals[0].0, "tool");
    assert_eq!(finals[1], ("ai".to_owned(), "refunded".to_owned()));
    assert_eq!(finals.len(), 2, "there is no text, so there is no echo");
    let result = events[0].json();
    assert_eq!(result["ui_payload"], json!({"refund": {"amount": 5}}));
    assert_eq!(decisions(&chat).await, ["approved"]);
    // The model got the result of the very call it made.
    let asked = &stage.model.turns()[1].body["messages"];
    let last = asked.as_array().unwrap().last().unwrap();
    assert_eq!(last["role"], "tool");
    assert_eq!(last["tool_call_id"], result["tool_call_id"]);
}

async fn a_rejected_call_is_not_carried_out_and_the_model_is_told_why(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, proposal_id) = proposal(&stage).await;
    stage.model.script([Script::text(["understood"])]);
    let payload = json!({"action": "reject", "proposal_id": proposal_id, "feedback": "too much"});
    let events = resume(&chat, payload).await;
    assert_eq!(events[0].json().get("ui_payload"), None);
    assert!(events[0].content().contains("too much"));
    assert_eq!(events.last().unwrap().content(), "understood");
    assert_eq!(decisions(&chat).await, ["rejected"]);
}

async fn a_decision_may_come_with_text(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, proposal_id) = proposal(&stage).await;
    let payload = json!({"action": "reject", "proposal_id": proposal_id});
    let body = with(chat.message("rather a voucher"), "resume_payload", payload);
    let events = chat.stream(&body).await.expect(201).events().await;
    let kinds: Vec<_> = finals(&events).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["tool", "human", "ai"]);
    assert_eq!(decisions(&chat).await, ["rejected"]);
    let asked = stage.model.turns()[1].messages();
    let roles: Vec<_> = asked.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "user"]);
}

async fn a_decision_on_an_unknown_proposal_fails_visibly(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, proposal_id) = proposal(&stage).await;
    for unknown in ["", "another", "\u{0}", "\u{1f642}"] {
        let payload = json!({"action": "approve", "proposal_id": unknown});
        let events = resume(&chat, payload).await;
        assert_eq!(events.len(), 1, "{unknown:?}");
        assert_eq!(events[0].kind(), "ai/failure");
        assert_eq!(decisions(&chat).await, ["pending"]);
        assert_eq!(chat.status().await, "idle");
    }
    assert_eq!(stage.model.turns().len(), 1);
    // The question is still open.
    let payload = json!({"action": "approve", "proposal_id": proposal_id});
    let events = resume(&chat, payload.clone()).await;
    assert_eq!(
        events[0].json()["ui_payload"],
        json!({"refund": {"amount": 5}})
    );
    assert_eq!(decisions(&chat).await, ["approved"]);
    // But not for a second time.
    let again = resume(&chat, payload).await;
    assert_eq!(again[0].kind(), "ai/failure");
    assert_eq!(decisions(&chat).await, ["approved"]);
    assert_eq!(stage.model.turns().len(), 2);
}

async fn the_result_of_a_clients_tool_goes_to_the_model(setup: Setup) {
    let stage = Stage::new(setup).await;
    let tools = tool("read_page", json!({"client": true}));
    let (chat, events) = asked(&stage, tools, Script::tool_call("read_page", json!({}))).await;
    let call = events.last().unwrap().json()["tool_calls"][0]["id"].clone();
    assert_eq!(decisions(&chat).await, [Value::Null; 0]);
    stage.model.script([Script::text(["it is blue"])]);
    let payload = json!({
        "action": "client_tool_result",
        "tool_call_id": call,
        "result": {"colour": "blue"},
    });
    let events = resume(&chat, payload.clone()).await;
    assert_eq!(events[0].json()["tool_call_id"], call);
    assert_eq!(events[0].content(), r#"{"colour":"blue"}"#);
    assert_eq!(events.last().unwrap().content(), "it is blue");
    // A second result for the same call is refused visibly and asks nobody.
    let again = resume(&chat, payload).await;
    assert_eq!(again[0].kind(), "ai/failure");
    assert_eq!(stage.model.turns().len(), 2);
}

async fn a_form_is_answered_or_closed(setup: Setup) {
    let stage = Stage::new(setup).await;
    for (payload, told) in [
        (
            json!({"action": "form", "form_answers": {"size": "L"}}),
            r#"{"size":"L"}"#,
        ),
        (
            json!({"action": "dismiss_form"}),
            "The user closed the form without answering.",
        ),
    ] {
        let tools = tool("create_form", json!({"client": true}));
        let questions = json!({"questions": [{"id": "size", "question": "Which size?"}]});
        let script = Script::tool_call("create_form", questions);
        let (chat, _) = asked(&stage, tools, script).await;
        stage.model.script([Script::text(["thanks"])]);
        let events = resume(&chat, payload).await;
        assert_eq!(events[0].content(), told);
        assert_eq!(events.last().unwrap().content(), "thanks");
    }
}

async fn several_open_calls_are_settled_one_by_one(setup: Setup) {
    let stage = Stage::new(setup).await;
    let tools = json!({
        "refund": {"requires_approval": true},
        "read_page": {"client": true},
    });
    let script = Script::tool_call("refund", json!({"amount": 1}))
        .and_tool_call("read_page", json!({}))
        .and_tool_call("refund", json!({"amount": 2}));
    let (chat, events) = asked(&stage, tools, script).await;
    let ids: Vec<_> = events
        .iter()
        .filter(|event| event.name == "approval")
        .map(|event| event.json()["proposal_id"].clone())
        .collect();
    assert_eq!(ids.len(), 2);
    let answer = events
        .iter()
        .find(|event| event.kind() == "ai" && !event.is_partial());
    let page = answer.unwrap().json()["tool_calls"][1]["id"].clone();
    let approve = json!({"action": "approve", "proposal_id": ids[1]});
    assert_eq!(finals(&resume(&chat, approve.clone()).await).len(), 1);
    // A second click on the same proposal leaves the other questions open.
    assert_eq!(resume(&chat, approve).await[0].kind(), "ai/failure");
    let result = json!({"action": "client_tool_result", "tool_call_id": page, "result": "x"});
    assert_eq!(finals(&resume(&chat, result).await).len(), 1);
    assert_eq!(stage.model.turns().len(), 1, "one call is still open");
    stage.model.script([Script::text(["all done"])]);
    let reject = json!({"action": "reject", "proposal_id": ids[0]});
    let events = resume(&chat, reject).await;
    assert_eq!(events.last().unwrap().content(), "all done");
    assert_eq!(
        decisions(&chat).await,
        ["rejected", "approved"],
        "in the order in which the model asked"
    );
    let asked = stage.model.turns()[1].messages();
    let roles: Vec<_> = asked.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "tool"]);
    assert_eq!(chat.messages().await.len(), 7);
}
