//! Turns that are read, stopped and added to on other replicas than the one that runs them.

use super::{Trio, deaf, on_replicas};
use crate::common::{cancel, contents, enqueue, eventually, finals, said};
use crate::turns::scene::{Mortal, raw, stepwise};
use serde_json::json;
use std::time::Duration;
use testkit::{Chat, Event, EventStream, Gate, Script, Setup, StubModel};
use tokio::time::Instant;

on_replicas! {
    a_turn_is_followed_on_all_replicas_byte_for_byte,
    every_frame_arrives_as_soon_as_it_is_written,
    a_message_too_long_to_be_passed_around_arrives_too,
    cancelling_elsewhere_stops_the_turn_at_once,
    the_queue_is_edited_elsewhere_and_runs_in_the_same_response,
    many_turns_at_once_are_each_read_elsewhere,
    a_replica_that_dies_in_mid_answer_is_replaced_within_ten_seconds,
}

/// A turn on the first server that has said one piece and waits before the next.
async fn begun(trio: &Trio, chat: &Chat, pieces: &[&str]) -> (Vec<Event>, EventStream, Gate) {
    let gate = Gate::new();
    trio.model.script([stepwise(&gate, pieces)]);
    let mut stream = chat.say("hello").await.expect(201);
    gate.open(1);
    let seen = stream.until(Event::is_partial).await;
    (seen, stream, gate)
}

async fn a_turn_is_followed_on_all_replicas_byte_for_byte(setup: Setup) {
    let trio = Trio::open(deaf(setup)).await;
    let [on_a, on_b, on_c] = trio.chats();
    let (mut seen, mut stream, gate) = begun(&trio, &on_a, &["half ", "of it, ", "all"]).await;
    let mut early = on_b.attach().await.expect(200);
    let mut read = early.until(Event::is_partial).await;
    trio.a.advance(Duration::from_millis(60));
    gate.open(1);
    seen.extend(stream.until(Event::is_partial).await);
    read.extend(early.until(Event::is_partial).await);
    // From the middle, on a third.
    let late = on_c.attach_after(&seen[1].id, "snapshot").await.expect(200);
    let deltas = on_c.attach_after("1:0", "delta").await.expect(200);
    gate.open_all();
    seen.extend(stream.events().await);
    read.extend(early.events().await);
    assert_eq!(raw(&read), raw(&seen));
    assert_eq!(raw(&late.events().await), raw(&seen[2..]));
    let on_owner = on_a.attach_after("1:0", "delta").await.expect(200);
    assert_eq!(raw(&deltas.events().await), raw(&on_owner.events().await));
    assert_eq!(on_b.messages().await, on_a.messages().await);
}

async fn every_frame_arrives_as_soon_as_it_is_written(setup: Setup) {
    let trio = Trio::open(deaf(setup)).await;
    let [on_a, on_b, _] = trio.chats();
    let pieces = ["a "; 20];
    let (_, mut stream, gate) = begun(&trio, &on_a, &pieces).await;
    let mut reader = on_b.attach_after("1:0", "delta").await.expect(200);
    reader.until(Event::is_partial).await;
    let mut waited = Duration::ZERO;
    for _ in 1..pieces.len() {
        trio.a.advance(Duration::from_millis(60));
        gate.open(1);
        stream.until(Event::is_partial).await;
        // Its own server has it.
        let since = Instant::now();
        let next = reader.next().await.unwrap();
        waited += since.elapsed();
        assert_eq!(next.name, "delta");
    }
    // A few milliseconds each. By the clock it would be half a second.
    assert!(waited < Duration::from_secs(3), "{waited:?}");
}

async fn a_message_too_long_to_be_passed_around_arrives_too(setup: Setup) {
    let trio = Trio::open(deaf(setup)).await;
    let [on_a, on_b, _] = trio.chats();
    let long = "0123456789abcdef ".repeat(4_000);
    let (mut seen, stream, gate) = begun(&trio, &on_a, &["short ", &long]).await;
    let mut reader = on_b.attach().await.expect(200);
    let mut read = reader.until(Event::is_partial).await;
    gate.open_all();
    seen.extend(stream.events().await);
    read.extend(reader.events().await);
    assert_eq!(seen.last().unwrap().content(), format!("short {long}"));
    assert_eq!(raw(&read), raw(&seen));
}

async fn cancelling_elsewhere_stops_the_turn_at_once(setup: Setup) {
    let trio = Trio::open(deaf(setup)).await;
    let [on_a, on_b, on_c] = trio.chats();
    let (mut seen, stream, _gate) = begun(&trio, &on_a, &["half ", "never"]).await;
    let reader = on_c.attach().await.expect(200);
    assert_eq!(cancel(&on_b).await["status"], "idle");
    trio.model.wait_for_disconnects(1).await;
    seen.extend(stream.events().await);
    assert_eq!(
        seen.last().unwrap().json()["meta"]["interrupted"],
        "cancelled"
    );
    assert_eq!(raw(&reader.events().await), raw(&seen));
    eventually("the first server has let go", || async {
        trio.a.assistant.running_turns() == 0
    })
    .await;
    on_c.say("and now?").await.expect(201).events().await;
}

async fn the_queue_is_edited_elsewhere_and_runs_in_the_same_response(setup: Setup) {
    let trio = Trio::open(deaf(setup)).await;
    let [on_a, on_b, on_c] = trio.chats();
    let (mut seen, stream, gate) = begun(&trio, &on_a, &["first ", "answer"]).await;
    trio.model.script([Script::text(["second answer"])]);
    enqueue(&on_b, "secnod").await.expect(200);
    let queued = enqueue(&on_c, "a mistake").await.expect(200).json;
    let id = |index: usize| queued["messages"][index]["id"].as_str().unwrap().to_owned();
    let first = on_c.path(&format!("queue/{}/", id(0)));
    let body = json!({"content": "second"});
    on_c.api.patch(&first, &body).await.expect(200);
    let second = on_b.path(&format!("queue/{}/", id(1)));
    on_b.api.delete(&second).await.expect(204);
    let left = on_a.api.get(&on_a.path("queue/")).await.expect(200).json;
    assert_eq!(contents(&left["messages"]), ["second"]);
    let reader = on_c.attach().await.expect(200);
    gate.open_all();
    seen.extend(stream.events().await);
    let expected = [
        ("human", "hello"),
        ("ai", "first answer"),
        ("human", "second"),
        ("ai", "second answer"),
    ];
    assert_eq!(finals(&seen), said(&expected));
    assert_eq!(raw(&reader.events().await), raw(&seen));
}

async fn many_turns_at_once_are_each_read_elsewhere(setup: Setup) {
    let trio = Trio::open(deaf(setup)).await;
    let mut open = Vec::new();
    for _ in 0..12 {
        let [on_a, on_b, on_c] = trio.chats();
        let (seen, stream, gate) = begun(&trio, &on_a, &["one ", "two ", "three"]).await;
        let readers = [
            on_b.attach().await.expect(200),
            on_c.attach().await.expect(200),
        ];
        open.push((seen, stream, gate, readers));
    }
    open.iter().for_each(|(_, _, gate, _)| gate.open_all());
    for (mut seen, stream, _, readers) in open {
        seen.extend(stream.events().await);
        for reader in readers {
            assert_eq!(raw(&reader.events().await), raw(&seen));
        }
    }
}

async fn a_replica_that_dies_in_mid_answer_is_replaced_within_ten_seconds(setup: Setup) {
    let model = StubModel::start().await;
    let setup = setup.answered_by(&model);
    let b = setup.twin().start().await;
    let a = Mortal::start(setup).await;
    let tenant = a.app.tenant().await;
    b.set(tenant.project, "titles_by_model", "false").await;
    let gate = Gate::new();
    model.script([stepwise(&gate, &["half ", "never"])]);
    let chat = tenant.chat();
    let mut stream = chat.say("hello").await.expect(201);
    gate.open(1);
    stream.until(Event::is_partial).await;
    let on_b = chat.seen_by(&b.api(&tenant.key));
    let reader = on_b.attach().await.expect(200);
    // Nobody moves the clock: the lease runs out by itself.
    let died = Instant::now();
    a.kill();
    let closed = finals(&reader.events().await);
    assert!(
        died.elapsed() < Duration::from_secs(10),
        "{:?}",
        died.elapsed()
    );
    assert_eq!(closed[..2], said(&[("human", "hello"), ("ai", "half ")]));
    assert_eq!(closed[2].0, "ai/failure");
    assert_eq!(on_b.status().await, "idle");
    on_b.say("and now?").await.expect(201).events().await;
}
