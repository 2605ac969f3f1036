//! How queued messages run, or are handed back (ai-conversations.md 6.4; spec "Queue").

use crate::common::{
    Stage, cancel, contents, enqueue, enqueue_strictly, eventually, finals, said, waiting,
};
use crate::turns::scene::{brisk, stepwise, stored_turn};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::{Chat, Gate, Script, Setup, Table, new_uuid, on_both_engines};

on_both_engines! {
    queued_messages_run_in_order_in_the_same_response,
    the_status_stays_in_progress_between_queued_turns,
    a_reader_that_comes_later_sees_the_queued_turns_too,
    the_json_form_does_not_wait_for_queued_turns,
    held_messages_run_after_the_next_turn,
    a_queued_message_inherits_what_it_lacks,
    a_queued_message_keeps_what_it_brings,
    the_queue_goes_on_after_a_failure,
    the_queue_goes_on_after_research,
    a_queued_message_may_ask_for_research,
    cancelling_hands_the_queue_back,
    cancelling_a_queued_turn_hands_the_rest_back,
    a_pending_approval_hands_the_queue_back,
    a_decision_with_another_proposal_open_runs_nothing_queued,
    waiting_for_a_clients_tool_does_not_stop_the_queue,
    a_new_turn_opens_the_queue_again,
    a_queue_that_cannot_go_on_is_kept_until_it_can,
}

async fn queued_messages_run_in_order_in_the_same_response(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage.model.script([
        Script::text(["first"]).gated(&gate),
        Script::text(["second"]),
        Script::text(["third"]),
    ]);
    let chat = stage.chat();
    let stream = chat.say("one").await.expect(201);
    let trace = new_uuid();
    let marked = json!({"content": "two", "trace_id": trace});
    chat.api
        .post(&chat.path("queue/"), &marked)
        .await
        .expect(200);
    enqueue(&chat, "three").await.expect(200);
    gate.open_all();
    let events = stream.events().await;
    let expected = said(&[
        ("human", "one"),
        ("ai", "first"),
        ("human", "two"),
        ("ai", "second"),
        ("human", "three"),
        ("ai", "third"),
    ]);
    assert_eq!(finals(&events), expected);
    assert_eq!(chat.messages().await, expected);
    assert_eq!(waiting(&chat).await, [""; 0]);
    assert_eq!(chat.status().await, "idle");

    // The echo of a queued message carries its own mark, or one that the server has made.
    let echoes: Vec<Value> = events
        .iter()
        .filter(|event| event.kind() == "human")
        .map(|event| event.json()["trace_id"].clone())
        .collect();
    assert_eq!(echoes[1], json!(trace));
    assert!(echoes[2].is_string() && echoes[2] != echoes[0] && echoes[2] != echoes[1]);
    // Only the first turn made the conversation, and cursors count on through the turns.
    let announced = events.iter().filter(|event| event.name == "conversation");
    assert_eq!(announced.count(), 1);
    let turns: Vec<_> = events
        .iter()
        .map(|event| event.id.split(':').next().unwrap())
        .collect();
    assert!(
        turns.is_sorted() && turns[0] == "1" && turns[turns.len() - 1] == "3",
        "{turns:?}"
    );
}

async fn the_status_stays_in_progress_between_queued_turns(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (start, end) = (Gate::new(), Gate::new());
    let chat = stage.chat();
    stage.model.script([
        Script::text(["a"]).gated(&start),
        Script::text(["b"]),
        Script::text(["c"]).gated(&end),
    ]);
    let mut stream = chat.say("one").await.expect(201);
    enqueue(&chat, "two").await.expect(200);
    enqueue(&chat, "three").await.expect(200);
    let last_waits = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn({
        let (chat, last_waits) = (chat.clone(), last_waits.clone());
        async move {
            let mut statuses = Vec::new();
            while !last_waits.load(Ordering::SeqCst) || statuses.len() < 5 {
                statuses.push(chat.status().await);
            }
            statuses
        }
    });
    start.open_all();
    stream.until(|event| event.content() == "three").await;
    last_waits.store(true, Ordering::SeqCst);
    let statuses = watching.await.unwrap();
    assert!(
        statuses.iter().all(|status| status == "in_progress"),
        "{statuses:?}"
    );
    // And so a message that comes in between is a conflict, not a second turn.
    assert_eq!(chat.post(&chat.message("in between")).await.status, 409);
    end.open_all();
    stream.events().await;
    assert_eq!(chat.status().await, "idle");
}

async fn a_reader_that_comes_later_sees_the_queued_turns_too(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage.model.script([
        Script::text(["first"]).gated(&gate),
        Script::text(["second"]),
    ]);
    let chat = stage.chat();
    let first = chat.say("one").await.expect(201);
    enqueue(&chat, "two").await.expect(200);
    let second = chat.attach().await.expect(200);
    gate.open_all();
    let (first, second) = tokio::join!(first.events(), second.events());
    assert_eq!(finals(&first), finals(&second));
    assert_eq!(finals(&first).len(), 4);
}

async fn the_json_form_does_not_wait_for_queued_turns(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (first, second) = (Gate::new(), Gate::new());
    stage.model.script([
        Script::text(["first"]).gated(&first),
        Script::text(["second"]).gated(&second),
    ]);
    let chat = stage.chat();
    let request = chat.api.request(Method::POST, &chat.root());
    let request = request
        .header("accept", "application/json")
        .json(&chat.message("one"));
    let api = chat.api.clone();
    let answer = tokio::spawn(async move { api.send(request).await });
    stage.model.wait_for_turns(1).await;
    enqueue(&chat, "two").await.expect(200);
    first.open_all();
    // The second turn cannot end before this one is answered.
    let answer = answer.await.unwrap().expect(201);
    assert_eq!(contents(&answer.json["messages"])[..2], ["one", "first"]);
    assert_eq!(answer.json["status"], "in_progress");
    second.open_all();
    chat.wait_until_idle().await;
}

async fn held_messages_run_after_the_next_turn(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    enqueue(&chat, "held").await.expect(200);
    stage
        .model
        .script([Script::text(["asked"]), Script::text(["released"])]);
    let events = chat.say("now").await.expect(201).events().await;
    let expected = said(&[
        ("human", "now"),
        ("ai", "asked"),
        ("human", "held"),
        ("ai", "released"),
    ]);
    assert_eq!(finals(&events), expected);
    assert_eq!(waiting(&chat).await, [""; 0]);
}

async fn a_queued_message_inherits_what_it_lacks(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage.model.script([Script::text(["a"]).gated(&gate)]);
    let chat = stage.chat();
    let mut body = chat.message("one");
    body["contextual_tools"] = json!({"open_page": {"description": "Opens a page"}, "plan": "pro"});
    body["agent_mode"] = json!("sql");
    body["ui_context"] = json!({"marker": "of the first page"});
    let stream = chat.stream(&body).await.expect(201);
    enqueue(&chat, "two").await.expect(200);
    gate.open_all();
    stream.events().await;
    let turns = stage.model.turns();
    assert_eq!(turns[1].last_user_text(), "two");
    assert_eq!(turns[1].tools(), ["open_page"]);
    assert!(
        turns[1].system().contains("\"plan\":\"pro\""),
        "{}",
        turns[1].system()
    );
    assert!(
        turns[1].system().contains("\"sql\""),
        "{}",
        turns[1].system()
    );
    // What the page shows is of the moment, and not among what is inherited.
    assert!(turns[0].system().contains("of the first page"));
    assert!(!turns[1].system().contains("of the first page"));
    assert_eq!(chat.detail().await["agent_mode"], "sql");
}

async fn a_queued_message_keeps_what_it_brings(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage.model.script([Script::text(["a"]).gated(&gate)]);
    let chat = stage.chat();
    let mut body = chat.message("one");
    body["contextual_tools"] = json!({"old_tool": {}});
    body["agent_mode"] = json!("sql");
    let stream = chat.stream(&body).await.expect(201);
    let queued = json!({
        "content": "two",
        "contextual_tools": {"new_tool": {}},
        "agent_mode": "session_replay",
        "ui_context": {"marker": "of the second page"},
    });
    chat.api
        .post(&chat.path("queue/"), &queued)
        .await
        .expect(200);
    gate.open_all();
    stream.events().await;
    let turn = &stage.model.turns()[1];
    assert_eq!(turn.tools(), ["new_tool"]);
    assert!(
        turn.system().contains("session_replay") && turn.system().contains("of the second page")
    );
    let detail = chat.detail().await;
    assert_eq!(detail["agent_mode"], "session_replay");
    assert_eq!(detail["messages"][2]["ui_context"], queued["ui_context"]);
}

async fn the_queue_goes_on_after_a_failure(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage.model.script([
        Script::text(["half an"]).and_wait(&gate).abort(),
        Script::text(["whole"]),
    ]);
    let chat = stage.chat();
    let stream = chat.say("one").await.expect(201);
    enqueue(&chat, "two").await.expect(200);
    gate.open_all();
    let finals = finals(&stream.events().await);
    let kinds: Vec<_> = finals.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["human", "ai", "ai/failure", "human", "ai"]);
    assert_eq!(
        (finals[1].1.as_str(), finals[4].1.as_str()),
        ("half an", "whole")
    );
}

async fn the_queue_goes_on_after_research(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage
        .model
        .script([Script::text(["found"]).gated(&gate), Script::text(["more"])]);
    let chat = stage.chat();
    let mut body = chat.message("look into it");
    body["agent_mode"] = json!("research");
    let stream = chat.stream(&body).await.expect(201);
    enqueue_strictly(&chat, "and this").await.expect(200);
    gate.open_all();
    let expected = said(&[
        ("human", "look into it"),
        ("ai", "found"),
        ("human", "and this"),
        ("ai", "more"),
    ]);
    assert_eq!(finals(&stream.events().await), expected);
}

async fn a_queued_message_may_ask_for_research(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage.model.script([Script::text(["a"]).gated(&gate)]);
    let chat = stage.chat();
    let stream = chat.say("one").await.expect(201);
    let queued = json!({"content": "two", "agent_mode": "research"});
    chat.api
        .post(&chat.path("queue/"), &queued)
        .await
        .expect(200);
    gate.open_all();
    stream.events().await;
    let turns = stage.model.turns();
    assert!(
        turns[1].system().contains("research task"),
        "{}",
        turns[1].system()
    );
    assert_eq!(chat.detail().await["type"], "assistant");
}

/// A conversation whose turn waits in mid-answer, with two messages behind it.
async fn with_two_waiting(stage: &Stage) -> (Chat, Value) {
    let chat = stage.chat();
    stage
        .model
        .script([Script::text(["never"]).no_finish().then_hang()]);
    let mut stream = chat.say("go").await.expect(201);
    enqueue(&chat, "one").await.expect(200);
    let queue = enqueue(&chat, "two").await.expect(200).json;
    stream.until(|event| event.is_partial()).await;
    (chat, queue["messages"].clone())
}

async fn cancelling_hands_the_queue_back(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, queued) = with_two_waiting(&stage).await;
    let cancelled = cancel(&chat).await;
    assert_eq!(cancelled["cleared_queue"], queued);
    assert_eq!(cancelled["status"], "idle");
    assert_eq!(waiting(&chat).await, [""; 0]);
    // It stays on the conversation until the next turn, for a client that lost the answer.
    assert_eq!(chat.detail().await["cleared_queue"], queued);
    assert_eq!(cancel(&chat).await["cleared_queue"], queued);
    let events = chat.say("next").await.expect(201).events().await;
    assert_eq!(
        finals(&events).len(),
        2,
        "nothing of the queue runs: {events:?}"
    );
    assert_eq!(chat.detail().await["cleared_queue"], json!([]));

    // Of an idle conversation as well.
    enqueue(&chat, "held").await.expect(200);
    assert_eq!(contents(&cancel(&chat).await["cleared_queue"]), ["held"]);
    assert_eq!(waiting(&chat).await, [""; 0]);
}

async fn cancelling_a_queued_turn_hands_the_rest_back(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage.model.script([
        Script::text(["first"]).gated(&gate),
        Script::text(["second "]).no_finish().then_hang(),
    ]);
    let chat = stage.chat();
    let mut stream = chat.say("go").await.expect(201);
    enqueue(&chat, "one").await.expect(200);
    enqueue(&chat, "two").await.expect(200);
    gate.open_all();
    stream
        .until(|event| event.is_partial() && event.content() == "second ")
        .await;
    let cancelled = cancel(&chat).await;
    assert_eq!(contents(&cancelled["cleared_queue"]), ["two"]);
    assert_eq!(
        contents(&cancelled["messages"]),
        ["go", "first", "one", "second "]
    );
    assert_eq!(finals(&stream.events().await), said(&[("ai", "second ")]));
}

async fn a_pending_approval_hands_the_queue_back(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    let call = Script::text(["I would "])
        .and_wait(&gate)
        .and_tool_call("refund", json!({"amount": 5}));
    stage.model.script([call]);
    let chat = stage.chat();
    let mut body = chat.message("refund me");
    body["contextual_tools"] = json!({"refund": {"requires_approval": true}});
    let stream = chat.stream(&body).await.expect(201);
    let queue = enqueue(&chat, "and hurry").await.expect(200).json;
    gate.open_all();
    let events = stream.events().await;
    assert_eq!(events.last().unwrap().name, "approval");
    let detail = chat.detail().await;
    assert_eq!(detail["cleared_queue"], queue["messages"]);
    assert_eq!(detail["status"], "idle");
    assert_eq!(waiting(&chat).await, [""; 0]);
    assert_eq!(stage.model.turns().len(), 1, "nothing runs");
}

/// While a proposal waits for its decision nothing queued may run: its text would reject the proposal.
async fn a_decision_with_another_proposal_open_runs_nothing_queued(setup: Setup) {
    let stage = Stage::new(setup).await;
    let calls =
        Script::tool_call("refund", json!({"n": 1})).and_tool_call("refund", json!({"n": 2}));
    stage.model.script([calls]);
    let chat = stage.chat();
    let mut body = chat.message("refund me twice");
    body["contextual_tools"] = json!({"refund": {"requires_approval": true}});
    chat.stream(&body).await.expect(201).events().await;
    enqueue(&chat, "held").await.expect(200);
    let proposals = chat.detail().await["pending_approvals"].clone();
    let mut decision = chat.attaching();
    decision["resume_payload"] =
        json!({"action": "approve", "proposal_id": proposals[0]["proposal_id"]});
    chat.stream(&decision).await.expect(201).events().await;
    let detail = chat.detail().await;
    let statuses: Vec<_> = (0..2)
        .map(|index| detail["pending_approvals"][index]["decision_status"].clone())
        .collect();
    assert_eq!(statuses, ["approved", "pending"], "{detail}");
    assert_eq!(contents(&detail["cleared_queue"]), ["held"]);
    assert_eq!(stage.model.turns().len(), 1);
}

async fn waiting_for_a_clients_tool_does_not_stop_the_queue(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    let call = Script::text(["Let me see. "])
        .and_wait(&gate)
        .and_tool_call("pick", json!({}));
    stage.model.script([call, Script::text(["never mind"])]);
    let chat = stage.chat();
    let mut body = chat.message("look");
    body["contextual_tools"] = json!({"pick": {"client": true}});
    let stream = chat.stream(&body).await.expect(201);
    enqueue(&chat, "leave it").await.expect(200);
    gate.open_all();
    let events = stream.events().await;
    let expected = said(&[
        ("human", "look"),
        ("ai", "Let me see. "),
        ("human", "leave it"),
        ("ai", "never mind"),
    ]);
    assert_eq!(finals(&events), expected);
    assert_eq!(chat.detail().await["cleared_queue"], json!([]));
}

async fn a_new_turn_opens_the_queue_again(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    assert_eq!(enqueue_strictly(&chat, "too late").await.status, 409);
    let gate = Gate::new();
    stage.model.script([Script::text(["a"]).gated(&gate)]);
    let stream = chat.say("again").await.expect(201);
    enqueue_strictly(&chat, "in time").await.expect(200);
    gate.open_all();
    assert_eq!(finals(&stream.events().await).len(), 4);
}

async fn a_queue_that_cannot_go_on_is_kept_until_it_can(setup: Setup) {
    let stage = Stage::new(brisk(setup)).await;
    let gate = Gate::new();
    stage.model.script([
        stepwise(&gate, &["first"]),
        Script::text(["second"]),
        Script::text(["third"]),
    ]);
    let chat = stage.chat();
    let mut stream = chat.say("one").await.expect(201);
    gate.open(1);
    stream.until(|event| event.is_partial()).await;
    for text in ["two", "three"] {
        enqueue(&chat, text).await.expect(200);
    }
    stage.app.hide(Table::QueueItem).await;
    gate.open_all();
    // The turn cannot end without the next one's beginning; whoever takes it over meets the same.
    eventually("its end has been tried again", || async {
        stored_turn(&stage.app, &chat, 1).await.epoch > 2
    })
    .await;
    stage.app.give_back(Table::QueueItem).await;
    let finals = finals(&stream.events().await);
    let (kinds, texts): (Vec<_>, Vec<_>) = finals
        .iter()
        .map(|(kind, text)| (kind.as_str(), text.as_str()))
        .unzip();
    assert_eq!(kinds, ["ai", "ai/failure", "human", "ai", "human", "ai"]);
    assert_eq!(texts[0], "first");
    assert_eq!(texts[2..], ["two", "second", "three", "third"]);
    assert_eq!(waiting(&chat).await, [""; 0]);
    assert_eq!(chat.status().await, "idle");
}
