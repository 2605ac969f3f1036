//! Proposals that wait for the user's decision (ai-conversations.md 3.2, 8; spec "Tools"). The ordinary ways of
//! deciding are tested with the turns.

use crate::common::{Stage, assert_json, finals, keys, said};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Chat, Event, Reply, Script, Setup, StubModel, on_both_engines};

on_both_engines! {
    a_proposal_is_announced_and_shown_with_its_arguments,
    arguments_are_shown_only_while_the_proposal_waits,
    a_second_decision_fails_and_changes_nothing,
    an_answer_to_what_does_not_wait_fails_and_says_what_it_was,
    of_simultaneous_decisions_one_counts,
    new_text_rejects_what_was_proposed,
    a_decision_belongs_to_its_conversation,
    the_tools_go_on_after_a_decision,
    other_calls_of_the_answer_are_carried_out_at_once,
    a_proposal_survives_a_restart,
}

fn refund() -> Script {
    Script::text(["I would do this."]).and_tool_call("refund", json!({"amount": 5, "to": "Ada"}))
}

/// A turn that has ended with a proposal.
async fn proposed(model: &StubModel, chat: Chat) -> (Chat, Vec<Event>) {
    model.script([refund()]);
    let mut body = chat.message("refund me");
    body["contextual_tools"] =
        json!({"refund": {"description": "Pays money back", "requires_approval": true}});
    let events = chat.stream(&body).await.expect(201).events().await;
    assert_eq!(events.last().unwrap().name, "approval", "{events:?}");
    (chat, events)
}

async fn proposals(chat: &Chat) -> Vec<Value> {
    let detail = chat.detail().await;
    detail["pending_approvals"].as_array().unwrap().clone()
}

fn decision(chat: &Chat, action: &str, proposal: &Value) -> Value {
    let mut body = chat.attaching();
    body["resume_payload"] = json!({"action": action, "proposal_id": proposal["proposal_id"]});
    body
}

async fn decide(chat: &Chat, action: &str, proposal: &Value) -> Vec<Event> {
    let body = decision(chat, action, proposal);
    chat.stream(&body).await.expect(201).events().await
}

/// How often the tool was carried out.
async fn carried_out(chat: &Chat) -> usize {
    let detail = chat.detail().await;
    let messages = detail["messages"].as_array().unwrap();
    messages
        .iter()
        .filter(|it| it["ui_payload"]["refund"].is_object())
        .count()
}

async fn a_proposal_is_announced_and_shown_with_its_arguments(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, events) = proposed(&stage.model, stage.chat()).await;
    let announced = events.last().unwrap().json();
    let members = [
        "decision_status",
        "message_id",
        "original_tool_call_id",
        "payload",
        "preview",
        "proposal_id",
        "tool_name",
    ];
    assert_eq!(keys(&announced), members);
    assert_eq!(announced["decision_status"], "pending");
    assert_eq!(announced["tool_name"], "refund");
    assert_eq!(announced["payload"], json!({"amount": 5, "to": "Ada"}));
    let preview = announced["preview"].as_str().unwrap();
    assert!(
        preview.contains("Pays money back") && preview.contains("\"amount\": 5"),
        "{preview}"
    );
    let call = events
        .iter()
        .rfind(|event| event.kind() == "ai")
        .unwrap()
        .json();
    assert_eq!(announced["message_id"], call["id"]);
    assert_eq!(
        announced["original_tool_call_id"],
        call["tool_calls"][0]["id"]
    );
    // The cursor of the announcement goes on where the call's ends.
    let seq = |event: &Event| event.id.split_once(':').unwrap().1.parse::<i64>().unwrap();
    let last = events.len() - 1;
    assert_eq!(seq(&events[last]), seq(&events[last - 1]) + 1);

    assert_eq!(proposals(&chat).await, [announced]);
    assert_eq!(chat.status().await, "idle");
    assert_eq!(carried_out(&chat).await, 0);
    assert_eq!(chat.messages().await.len(), 2);
}

async fn arguments_are_shown_only_while_the_proposal_waits(setup: Setup) {
    let stage = Stage::new(setup).await;
    for (action, status) in [("approve", "approved"), ("reject", "rejected")] {
        let (chat, _) = proposed(&stage.model, stage.chat()).await;
        let before = proposals(&chat).await.remove(0);
        decide(&chat, action, &before).await;
        let mut expected = before.clone();
        expected["decision_status"] = json!(status);
        expected["payload"] = json!({});
        assert_eq!(proposals(&chat).await, [expected]);
        assert_eq!(carried_out(&chat).await, usize::from(action == "approve"));
    }
}

async fn a_second_decision_fails_and_changes_nothing(setup: Setup) {
    let stage = Stage::new(setup).await;
    for (first, second, status, times) in [
        ("approve", "approve", "approved", 1),
        ("approve", "reject", "approved", 1),
        ("reject", "approve", "rejected", 0),
    ] {
        let (chat, _) = proposed(&stage.model, stage.chat()).await;
        let proposal = proposals(&chat).await.remove(0);
        decide(&chat, first, &proposal).await;
        let asked = stage.model.turns().len();
        let again = decide(&chat, second, &proposal).await;
        let late = "That proposal is not waiting for a decision any more, so nothing was done.";
        assert_eq!(finals(&again), said(&[("ai/failure", late)]));
        assert_eq!(proposals(&chat).await[0]["decision_status"], status);
        assert_eq!(carried_out(&chat).await, times, "{first}, then {second}");
        assert_eq!(stage.model.turns().len(), asked, "the model is not asked");
        assert_eq!(chat.status().await, "idle");
    }
}

async fn an_answer_to_what_does_not_wait_fails_and_says_what_it_was(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _) = proposed(&stage.model, stage.chat()).await;
    for (payload, told) in [
        (
            json!({"action": "form", "form_answers": {"a": "b"}}),
            "No form is waiting for an answer any more, so nothing was done.",
        ),
        (
            json!({"action": "dismiss_form"}),
            "No form is waiting for an answer any more, so nothing was done.",
        ),
        (
            json!({"action": "client_tool_result", "tool_call_id": "nope", "result": 1}),
            "That tool is not waiting for a result any more, so nothing was done.",
        ),
        (
            json!({"action": "reject", "proposal_id": "nope"}),
            "That proposal is not waiting for a decision any more, so nothing was done.",
        ),
    ] {
        let mut body = chat.message("");
        body["content"] = json!(null);
        body["resume_payload"] = payload;
        let events = chat.stream(&body).await.expect(201).events().await;
        assert_eq!(finals(&events), said(&[("ai/failure", told)]));
        assert_eq!(proposals(&chat).await[0]["decision_status"], "pending");
    }
}

async fn of_simultaneous_decisions_one_counts(setup: Setup) {
    let stage = Stage::new(setup).await;
    for _ in 0..5 {
        let (chat, _) = proposed(&stage.model, stage.chat()).await;
        let proposal = proposals(&chat).await.remove(0);
        join_all((0..6).map(async |_| {
            // Who comes while the turn of another decision runs reads that turn.
            let body = decision(&chat, "approve", &proposal);
            chat.stream(&body).await.events().await
        }))
        .await;
        assert_eq!(carried_out(&chat).await, 1);
        assert_eq!(proposals(&chat).await[0]["decision_status"], "approved");
    }
}

async fn new_text_rejects_what_was_proposed(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _) = proposed(&stage.model, stage.chat()).await;
    let proposal = proposals(&chat).await.remove(0);
    chat.say("no, tell me about Ada")
        .await
        .expect(201)
        .events()
        .await;
    let mut expected = proposal.clone();
    expected["decision_status"] = json!("auto_rejected");
    expected["payload"] = json!({});
    assert_eq!(proposals(&chat).await, [expected.clone()]);
    // The model was told that nothing came of it.
    let asked = stage.model.turns()[1].messages();
    let roles: Vec<_> = asked.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "user"]);
    assert_eq!(
        asked[2].1,
        "There was no result: the user went on without it."
    );
    // It cannot be approved any more.
    let late = decide(&chat, "approve", &proposal).await;
    assert_eq!(finals(&late)[0].0, "ai/failure");
    assert_eq!(proposals(&chat).await, [expected]);
    assert_eq!(carried_out(&chat).await, 0);
}

async fn a_decision_belongs_to_its_conversation(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (one, _) = proposed(&stage.model, stage.chat()).await;
    let (other, _) = proposed(&stage.model, stage.chat()).await;
    let proposal = proposals(&one).await.remove(0);
    let events = decide(&other, "approve", &proposal).await;
    assert_eq!(finals(&events)[0].0, "ai/failure");
    assert_eq!(proposals(&one).await[0]["decision_status"], "pending");
    assert_eq!(proposals(&other).await[0]["decision_status"], "pending");
    // A colleague may look at it, not decide it.
    let tenant = &stage.tenant;
    let colleague = stage.app.member(tenant.organization, tenant.project).await;
    let theirs = one.seen_by(&colleague.api);
    assert_eq!(proposals(&theirs).await[0]["payload"]["amount"], 5);
    let refused: Reply = theirs.post(&decision(&theirs, "approve", &proposal)).await;
    let foreign = json!({"error": "Cannot access other users' conversations"});
    assert_json(&refused, 400, &foreign);
    assert_eq!(proposals(&one).await[0]["decision_status"], "pending");
}

async fn the_tools_go_on_after_a_decision(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _) = proposed(&stage.model, stage.chat()).await;
    let proposal = proposals(&chat).await.remove(0);
    // The resuming request names no tools; those of the interrupted turn hold, and may propose again.
    stage.model.script([refund()]);
    let events = decide(&chat, "approve", &proposal).await;
    assert_eq!(stage.model.turns()[1].tools(), ["refund"]);
    assert_eq!(events.last().unwrap().name, "approval");
    let statuses: Vec<_> = proposals(&chat)
        .await
        .iter()
        .map(|it| it["decision_status"].clone())
        .collect();
    assert_eq!(statuses, ["approved", "pending"]);
    let second = proposals(&chat).await.remove(1);
    stage.model.script([Script::text(["both done"])]);
    let events = decide(&chat, "approve", &second).await;
    assert_eq!(events.last().unwrap().content(), "both done");
    assert_eq!(carried_out(&chat).await, 2);
}

async fn other_calls_of_the_answer_are_carried_out_at_once(setup: Setup) {
    let stage = Stage::new(setup).await;
    let calls = Script::tool_call("look", json!({})).and_tool_call("refund", json!({"amount": 1}));
    stage.model.script([calls, Script::text(["done"])]);
    let chat = stage.chat();
    let mut body = chat.message("please");
    body["contextual_tools"] = json!({"look": {}, "refund": {"requires_approval": true}});
    let events = chat.stream(&body).await.expect(201).events().await;
    let results: Vec<_> = events
        .iter()
        .filter(|event| event.kind() == "tool")
        .collect();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].json()["ui_payload"], json!({"look": {}}));
    let proposal = proposals(&chat).await.remove(0);
    let events = decide(&chat, "approve", &proposal).await;
    assert_eq!(events.last().unwrap().content(), "done");
    let told: Vec<_> = stage.model.turns()[1]
        .messages()
        .into_iter()
        .skip(2)
        .collect();
    assert!(
        told[0].1.contains("look") && told[1].1.contains("refund"),
        "{told:?}"
    );
}

async fn a_proposal_survives_a_restart(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _) = proposed(&stage.model, stage.chat()).await;
    let Stage { app, model, tenant } = stage;
    let app = app.stop().await.start().await;
    let chat = chat.seen_by(&app.api(&tenant.key));
    let proposal = proposals(&chat).await.remove(0);
    assert_eq!(proposal["payload"]["amount"], 5);
    model.script([Script::text(["paid"])]);
    let events = decide(&chat, "approve", &proposal).await;
    assert_eq!(events.last().unwrap().content(), "paid");
    assert_eq!(carried_out(&chat).await, 1);
}
