//! The same request again, and requests at the same time (spec "Idempotency"; ai-conversations.md 4.3, 4.4).

use super::scene::{attach_reply, brisk, hold, post_accepting, raw, with};
use crate::common::{Stage, cancel, enqueue, eventually, finals, said};
use futures::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Chat, Event, Gate, Reply, Script, Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_repeat_while_the_turn_runs_reads_it_from_the_beginning,
    a_repeat_after_the_end_replays_the_turn,
    a_repeat_after_the_retention_is_the_final_message,
    a_repeat_of_a_turn_that_said_nothing_is_an_empty_stream,
    a_repeat_of_an_earlier_turn_reads_that_turn_whatever_runs_now,
    a_repeat_of_a_queued_message_that_ran_reads_its_turn,
    the_mark_alone_makes_no_repeat,
    the_text_alone_makes_no_repeat,
    a_repeat_in_the_json_form_answers_the_conversation,
    nobody_repeats_for_somebody_else,
    of_two_messages_at_once_one_runs_and_the_other_is_refused,
    of_two_creations_at_once_one_makes_the_conversation,
    the_same_request_twice_at_once_is_one_turn,
    one_id_in_two_projects_at_once_belongs_to_one,
}

/// A conversation whose only turn, begun by this body, has ended with these events.
async fn ended(stage: &Stage) -> (Chat, Value, Vec<Event>) {
    let chat = stage.chat();
    let body = chat.message("hello");
    let events = chat.stream(&body).await.expect(201).events().await;
    (chat, body, events)
}

async fn a_repeat_while_the_turn_runs_reads_it_from_the_beginning(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage.model.script([Script::text(["a", "b"]).gated(&gate)]);
    let body = chat.message("hello");
    let mut stream = chat.stream(&body).await.expect(201);
    gate.open(1);
    let mut seen = stream.until(Event::is_partial).await;
    // White space around the text is no other text.
    let spaced = with(body.clone(), "content", json!("\n hello "));
    let repeats = [
        chat.stream(&body).await.expect(200),
        chat.stream(&spaced).await.expect(200),
    ];
    gate.open_all();
    seen.extend(stream.events().await);
    for repeat in repeats {
        assert_eq!(raw(&repeat.events().await), raw(&seen));
    }
    assert_eq!(chat.messages().await.len(), 2);
    assert_eq!(stage.model.turns().len(), 1);
}

async fn a_repeat_after_the_end_replays_the_turn(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, body, events) = ended(&stage).await;
    for _ in 0..2 {
        let repeat = chat.stream(&body).await.expect(200);
        assert_eq!(repeat.headers["content-type"], "text/event-stream");
        assert_eq!(raw(&repeat.events().await), raw(&events));
    }
    // The text counts, and not what else is in the body.
    let other_mode = with(body.clone(), "agent_mode", json!("sql"));
    let repeat = chat.stream(&other_mode).await.expect(200);
    assert_eq!(raw(&repeat.events().await), raw(&events));
    assert_eq!(chat.messages().await.len(), 2);
    assert_eq!(stage.model.turns().len(), 1);
    // A failed turn is a turn.
    stage.model.script([Script::text(["half"]).abort()]);
    let body = chat.message("and now?");
    let events = chat.stream(&body).await.expect(201).events().await;
    let repeat = chat.stream(&body).await.expect(200);
    assert_eq!(raw(&repeat.events().await), raw(&events));
}

/// Waits until the frames of turn 1 are gone.
async fn forget(stage: &Stage, chat: &Chat) {
    stage.app.advance(Duration::from_secs(2 * 3600));
    eventually("the frames are gone", || async {
        let reply = attach_reply(chat, "?after=1:0", &[]).await;
        reply.status == 410
    })
    .await;
}

async fn a_repeat_after_the_retention_is_the_final_message(setup: Setup) {
    let stage = Stage::new(brisk(setup)).await;
    let (chat, body, events) = ended(&stage).await;
    forget(&stage, &chat).await;
    let reply = chat.post(&body).await.expect(200);
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let last = &events.last().unwrap().data;
    assert_eq!(reply.text, format!("event: message\ndata: {last}\n\n"));
    let json = post_accepting(&chat, "application/json", &body).await;
    assert_eq!(json.expect(200).json, chat.detail().await);
    // Of a failed turn it is the failure.
    let chat = stage.chat();
    stage.model.script([Script::text(["half"]).abort()]);
    let body = chat.message("hello");
    let events = chat.stream(&body).await.expect(201).events().await;
    forget(&stage, &chat).await;
    let reply = chat.post(&body).await.expect(200);
    assert!(reply.text.contains("ai/failure"), "{}", reply.text);
    assert!(reply.text.contains(&events.last().unwrap().data));
    assert_eq!(chat.messages().await.len(), 3);
}

async fn a_repeat_of_a_turn_that_said_nothing_is_an_empty_stream(setup: Setup) {
    let stage = Stage::new(brisk(setup)).await;
    let chat = stage.chat();
    stage.model.script([Script::hang()]);
    let body = chat.message("hello");
    let stream = chat.stream(&body).await.expect(201);
    cancel(&chat).await;
    let events = stream.events().await;
    let repeat = chat.stream(&body).await.expect(200);
    assert_eq!(raw(&repeat.events().await), raw(&events));
    forget(&stage, &chat).await;
    // The echo of the user's own text is no answer.
    let reply = chat.post(&body).await.expect(200);
    assert_eq!(reply.text, "");
}

async fn a_repeat_of_an_earlier_turn_reads_that_turn_whatever_runs_now(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, body, first) = ended(&stage).await;
    let (stream, gate) = hold(&stage, &chat, &["second"]).await;
    let repeat = chat.stream(&body).await.expect(200);
    assert_eq!(raw(&repeat.events().await), raw(&first));
    gate.open_all();
    stream.events().await;
    assert_eq!(chat.messages().await.len(), 4);
}

async fn a_repeat_of_a_queued_message_that_ran_reads_its_turn(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (stream, gate) = hold(&stage, &chat, &["one"]).await;
    stage.model.script([Script::text(["two"])]);
    let trace_id = new_uuid();
    let queued = json!({"content": "second", "trace_id": trace_id});
    chat.api
        .post(&chat.path("queue/"), &queued)
        .await
        .expect(200);
    // While it waits, the same request as a turn is a conflict like any other.
    let same = with(queued, "conversation", json!(chat.id));
    assert_eq!(chat.post(&same).await.status, 409);
    gate.open_all();
    let events = stream.events().await;
    let second: Vec<_> = events
        .into_iter()
        .filter(|event| event.id.starts_with("2:"))
        .collect();
    let repeat = chat.stream(&same).await.expect(200);
    assert_eq!(raw(&repeat.events().await), raw(&second));
    assert_eq!(chat.messages().await.len(), 4);
}

async fn the_mark_alone_makes_no_repeat(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, body, _) = ended(&stage).await;
    let other_text = with(body.clone(), "content", json!("hello!"));
    let events = chat.stream(&other_text).await.expect(201).events().await;
    assert!(events[0].id.starts_with("2:"));
    // And while a turn runs, other text under the same mark is a conflict.
    let (stream, gate) = hold(&stage, &chat, &["third"]).await;
    let yet_another = with(body, "content", json!("hello?"));
    assert_eq!(chat.post(&yet_another).await.status, 409);
    gate.open_all();
    stream.events().await;
    assert_eq!(chat.messages().await.len(), 6);
}

async fn the_text_alone_makes_no_repeat(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, _, _) = ended(&stage).await;
    let events = chat.say("hello").await.expect(201).events().await;
    assert!(events[0].id.starts_with("2:"));
    // The mark belongs to the conversation: another one knows nothing of it.
    let (_, body, _) = ended(&stage).await;
    let elsewhere = stage.chat();
    let body = with(body, "conversation", json!(elsewhere.id));
    elsewhere.stream(&body).await.expect(201).events().await;
}

async fn a_repeat_in_the_json_form_answers_the_conversation(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, body, _) = ended(&stage).await;
    let reply = post_accepting(&chat, "application/json", &body).await;
    assert_eq!(reply.expect(200).json, chat.detail().await);
    assert_eq!(stage.model.turns().len(), 1);
}

async fn nobody_repeats_for_somebody_else(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, body, _) = ended(&stage).await;
    let tenant = &stage.tenant;
    let colleague = stage.app.member(tenant.organization, tenant.project).await;
    let reply = chat.seen_by(&colleague.api).post(&body).await.expect(400);
    assert_eq!(
        reply.json,
        json!({"error": "Cannot access other users' conversations"})
    );
    chat.api.delete(&chat.path("")).await.expect(204);
    chat.post(&body).await.expect(404);
}

/// The statuses, sorted.
fn statuses(replies: &[Reply]) -> Vec<u16> {
    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    statuses
}

/// The texts of the human messages.
async fn asked(chat: &Chat) -> Vec<String> {
    let messages = chat.messages().await.into_iter();
    messages
        .filter(|(kind, _)| kind == "human")
        .map(|(_, text)| text)
        .collect()
}

async fn of_two_messages_at_once_one_runs_and_the_other_is_refused(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.idle_chat().await;
    let mut expected = asked(&chat).await;
    for round in 0..15 {
        // The winner's turn is held, or the loser could come after its end.
        let gate = Gate::new();
        stage.model.script([Script::text(["answer"]).gated(&gate)]);
        let texts = ["a", "b", "c"].map(|name| format!("{name}{round}"));
        let begun = join_all(texts.iter().map(|text| chat.say(text))).await;
        let (won, lost): (Vec<_>, Vec<_>) = begun
            .into_iter()
            .zip(texts)
            .partition(|(stream, _)| stream.status == 201);
        assert_eq!((won.len(), lost.len()), (1, 2), "round {round}");
        assert!(lost.iter().all(|(stream, _)| stream.status == 409));
        gate.open_all();
        for (stream, text) in won {
            let events = stream.events().await;
            assert_eq!(finals(&events), said(&[("human", &text), ("ai", "answer")]));
            expected.push(text);
        }
    }
    assert_eq!(asked(&chat).await, expected);
    assert_eq!(stage.model.turns().len(), 16);
    // A refused message can still be queued, so nothing needs to be lost.
    let (stream, gate) = hold(&stage, &chat, &["answer"]).await;
    let reply = chat.post(&chat.message("late")).await;
    assert_eq!(reply.status, 409);
    enqueue(&chat, "late").await.expect(200);
    gate.open_all();
    stream.events().await;
    assert_eq!(asked(&chat).await.last().unwrap(), "late");
}

async fn of_two_creations_at_once_one_makes_the_conversation(setup: Setup) {
    let stage = Stage::new(setup).await;
    for round in 0..10 {
        let chat = stage.chat();
        let gate = Gate::new();
        stage.model.script([Script::text(["answer"]).gated(&gate)]);
        let texts = ["a", "b"];
        let begun = join_all(texts.map(|text| chat.say(text))).await;
        let winner = begun
            .iter()
            .position(|stream| stream.status == 201)
            .unwrap();
        assert_eq!(begun[1 - winner].status, 409, "round {round}");
        gate.open_all();
        for stream in begun {
            stream.events().await;
        }
        assert_eq!(asked(&chat).await, [texts[winner]]);
    }
    assert_eq!(stage.model.turns().len(), 10);
}

async fn the_same_request_twice_at_once_is_one_turn(setup: Setup) {
    let stage = Stage::new(setup).await;
    for _ in 0..10 {
        let chat = stage.chat();
        let body = chat.message("hello");
        let replies = join_all((0..3).map(|_| chat.post(&body))).await;
        assert_eq!(statuses(&replies), [200, 200, 201]);
        assert_eq!(replies[0].text, replies[1].text);
        assert_eq!(replies[0].text, replies[2].text);
        assert_eq!(chat.messages().await.len(), 2);
    }
    assert_eq!(stage.model.turns().len(), 10);
}

async fn one_id_in_two_projects_at_once_belongs_to_one(setup: Setup) {
    let stage = Stage::new(setup).await;
    let other = stage.app.tenant().await;
    for _ in 0..10 {
        let mine = stage.chat();
        let theirs = other.chat_with(mine.id);
        let bodies = [mine.message("mine"), theirs.message("theirs")];
        let (a, b) = futures::join!(mine.post(&bodies[0]), theirs.post(&bodies[1]));
        let replies = [a, b];
        assert_eq!(statuses(&replies), [201, 400]);
        let (owner, loser) = if replies[0].status == 201 {
            (&mine, 1)
        } else {
            (&theirs, 0)
        };
        assert_eq!(
            replies[loser].json,
            json!({"error": "Cannot access other users' conversations"})
        );
        assert_eq!(owner.messages().await.len(), 2);
    }
}
