//! Reading on after a cursor: the rest, byte for byte, from any event on (spec "Cursors", "Snapshot dialect").

use super::scene::{brisk, raw, seq, stepwise, tool, with};
use crate::common::{Stage, enqueue};
use serde_json::json;
use std::time::Duration;
use testkit::{Chat, Event, EventStream, Gate, Script, Setup, on_both_engines};

on_both_engines! {
    after_the_end_every_cursor_gives_exactly_the_rest,
    while_the_turn_runs_every_cursor_gives_exactly_the_rest,
    a_restarted_server_gives_exactly_the_same_bytes,
    a_cursor_goes_on_through_later_turns,
    a_reader_without_a_cursor_stops_at_the_end_of_its_turn,
    a_cursor_at_the_very_end_gives_an_empty_stream,
    a_cursor_counts_for_both_dialects,
}

const DIALECTS: [&str; 2] = ["snapshot", "delta"];

/// A turn of every kind of event: reasoning, text in pieces, a tool call, its result, a second answer.
struct Rich {
    gate: Gate,
    stream: EventStream,
    chat: Chat,
}

impl Rich {
    async fn begin(stage: &Stage) -> Self {
        let gate = Gate::new();
        let first = Script::text([""; 0])
            .and_wait(&gate)
            .and_thinking(["hm, "])
            .and_wait(&gate)
            .and_thinking(["well"])
            .and_wait(&gate)
            .and_text(["I "])
            .and_wait(&gate)
            .and_text(["look up.\n"])
            .and_wait(&gate)
            .and_tool_call("look", json!({}));
        let second = stepwise(&gate, &["So ", "\u{1f642} it ", "is."]);
        stage.model.script([first, second]);
        let chat = stage.chat();
        let tools = tool("look", json!({}));
        let body = with(chat.message("what is it?"), "contextual_tools", tools);
        let stream = chat.stream_deltas(&body).await.expect(201);
        Self { gate, stream, chat }
    }

    /// The next piece, at least a snapshot point later; the events that it brings. `None` at the end.
    async fn step(&mut self, stage: &Stage) -> Option<Vec<Event>> {
        stage.app.advance(Duration::from_millis(60));
        self.gate.open(1);
        let mut events = Vec::new();
        while let Some(event) = self.stream.next().await {
            // The name of a tool may come in an event of its own or with the call: no step ends with it.
            let names_a_tool = event.data.contains("\"tool_calls\"");
            let ends = event.kind() == "tool" || (event.is_partial() && !names_a_tool);
            events.push(event);
            if ends {
                return Some(events);
            }
        }
        (!events.is_empty()).then_some(events)
    }

    /// Runs to the end and gives all events of the delta dialect.
    async fn finish(mut self, stage: &Stage) -> (Chat, Vec<Event>) {
        let mut events = Vec::new();
        while let Some(more) = self.step(stage).await {
            events.extend(more);
        }
        (self.chat, events)
    }
}

/// The events with a sequence number above this one.
fn after(events: &[Event], last: i64) -> String {
    let rest: Vec<_> = events
        .iter()
        .filter(|event| seq(event) > last)
        .cloned()
        .collect();
    raw(&rest)
}

/// Compares the rest after every cursor of turn 1 with the whole.
async fn assert_every_rest(chat: &Chat, whole: &[Vec<Event>; 2], last: i64) {
    for (dialect, whole) in DIALECTS.into_iter().zip(whole) {
        for seq in 0..=last {
            let reader = chat.attach_after(&format!("1:{seq}"), dialect).await;
            let rest = raw(&reader.expect(200).events().await);
            assert_eq!(rest, after(whole, seq), "{dialect} after 1:{seq}");
        }
    }
}

/// Both dialects of turn 1, from its beginning.
async fn both(chat: &Chat) -> [Vec<Event>; 2] {
    let mut all = [Vec::new(), Vec::new()];
    for (dialect, events) in DIALECTS.into_iter().zip(&mut all) {
        *events = chat
            .attach_after("1:0", dialect)
            .await
            .expect(200)
            .events()
            .await;
    }
    all
}

async fn after_the_end_every_cursor_gives_exactly_the_rest(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, live) = Rich::begin(&stage).await.finish(&stage).await;
    let whole = both(&chat).await;
    assert_eq!(raw(&whole[1]), raw(&live), "a replay is what was sent live");
    let last = seq(live.last().unwrap());
    assert!(last >= 11, "{live:?}");
    let points = whole[0].iter().filter(|event| event.is_partial()).count();
    assert!(
        points >= 7,
        "every piece was a snapshot point: {:?}",
        whole[0]
    );
    assert_every_rest(&chat, &whole, last).await;
}

async fn while_the_turn_runs_every_cursor_gives_exactly_the_rest(setup: Setup) {
    let stage = Stage::new(setup).await;
    let mut rich = Rich::begin(&stage).await;
    let mut readers = Vec::new();
    let mut live = Vec::new();
    loop {
        let Some(events) = rich.step(&stage).await else {
            break;
        };
        // At every point of the turn, a reader after every event so far, in both dialects.
        for event in &events {
            for dialect in DIALECTS {
                let reader = rich.chat.attach_after(&event.id, dialect).await;
                readers.push((seq(event), dialect, reader.expect(200)));
            }
        }
        live.extend(events);
    }
    let whole = both(&rich.chat).await;
    assert_eq!(raw(&whole[1]), raw(&live));
    assert!(readers.len() >= 20);
    for (last, dialect, reader) in readers {
        let expected = match dialect {
            "delta" => after(&whole[1], last),
            _ => after(&whole[0], last),
        };
        assert_eq!(
            raw(&reader.events().await),
            expected,
            "{dialect} after 1:{last}"
        );
    }
}

async fn a_restarted_server_gives_exactly_the_same_bytes(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (chat, live) = Rich::begin(&stage).await.finish(&stage).await;
    let whole = both(&chat).await;
    let app = stage.app.stop().await.start().await;
    let chat = chat.seen_by(&app.api(&stage.tenant.key));
    assert_every_rest(&chat, &whole, seq(live.last().unwrap())).await;
}

async fn a_cursor_goes_on_through_later_turns(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage
        .model
        .script([Script::text(["one"]).gated(&gate), Script::text(["two"])]);
    let stream = chat.say("first").await.expect(201);
    enqueue(&chat, "second").await.expect(200);
    gate.open_all();
    let mut all = stream.events().await;
    for text in ["third", "fourth"] {
        all.extend(chat.say(text).await.expect(201).events().await);
    }
    let ids: Vec<_> = all.iter().map(|event| event.id.clone()).collect();
    for (index, id) in ids.iter().enumerate() {
        let rest = chat
            .attach_after(id, "snapshot")
            .await
            .expect(200)
            .events()
            .await;
        assert_eq!(raw(&rest), raw(&all[index + 1..]), "after {id}");
    }
    for turn in 1..=4 {
        let rest = chat.attach_after(&format!("{turn}:0"), "snapshot").await;
        let rest = rest.expect(200).events().await;
        assert_eq!(rest[0].id, format!("{turn}:1"));
        assert_eq!(rest.last(), all.last());
    }
    // A reader that waits in a running turn goes on, too.
    let gate = Gate::new();
    stage.model.script([Script::text(["five"]).gated(&gate)]);
    let stream = chat.say("fifth").await.expect(201);
    let reader = chat.attach_after(&ids[0], "snapshot").await.expect(200);
    gate.open_all();
    all.extend(stream.events().await);
    assert_eq!(raw(&reader.events().await), raw(&all[1..]));
}

async fn a_reader_without_a_cursor_stops_at_the_end_of_its_turn(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let body = chat.message("first");
    let first = chat.stream(&body).await.expect(201).events().await;
    let gate = Gate::new();
    stage.model.script([Script::text(["two"]).gated(&gate)]);
    let stream = chat.say("second").await.expect(201);
    let reader = chat.attach().await.expect(200);
    // Who repeats the first request reads that turn, and not the one that runs now.
    let repeated = chat.stream(&body).await.expect(200).events().await;
    assert_eq!(raw(&repeated), raw(&first));
    gate.open_all();
    let second = stream.events().await;
    assert_eq!(raw(&reader.events().await), raw(&second));
    assert!(second.iter().all(|event| event.id.starts_with("2:")));
}

async fn a_cursor_at_the_very_end_gives_an_empty_stream(setup: Setup) {
    let stage = Stage::new(brisk(setup)).await;
    let chat = stage.chat();
    let events = chat.say("first").await.expect(201).events().await;
    let last = &events.last().unwrap().id;
    for dialect in DIALECTS {
        let reader = chat.attach_after(last, dialect).await.expect(200);
        assert_eq!(reader.headers["content-type"], "text/event-stream");
        assert_eq!(reader.events().await, []);
    }
}

async fn a_cursor_counts_for_both_dialects(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Gate::new();
    stage
        .model
        .script([Script::text(["a", "b", "c"]).gated(&gate)]);
    let chat = stage.chat();
    let mut stream = chat.stream_deltas(&chat.message("hi")).await.expect(201);
    gate.open(1);
    stream.until(Event::is_partial).await;
    gate.open(1);
    let delta = stream.until(Event::is_partial).await.pop().unwrap();
    // A client changes its dialect in the middle of a message: it gets the rest of that dialect.
    let snapshot = chat.attach_after(&delta.id, "snapshot").await.expect(200);
    let deltas = chat.attach_after(&delta.id, "delta").await.expect(200);
    gate.open_all();
    let rest = stream.events().await;
    assert_eq!(raw(&deltas.events().await), raw(&rest));
    let snapshot = snapshot.events().await;
    assert_eq!(snapshot.last(), rest.last());
    assert!(snapshot.iter().all(|event| event.name == "message"));
}
