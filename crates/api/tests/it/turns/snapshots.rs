//! What long answers cost in both dialects (spec "Snapshot dialect", "Two stream dialects").

use super::scene::{hold, seq, stepwise, with};
use crate::common::Stage;
use serde_json::json;
use std::time::{Duration, Instant};
use testkit::{Chat, Event, Gate, Script, Setup, on_both_engines};

on_both_engines! {
    a_snapshot_comes_only_when_the_text_has_grown_by_a_sixty_fourth,
    two_snapshots_are_at_least_fifty_milliseconds_apart,
    a_long_answer_costs_at_most_twice_its_text_in_deltas,
    each_snapshot_begins_with_the_one_before,
    deltas_put_together_are_the_answer,
    an_answer_of_one_piece_is_shown_at_once_and_once_more_in_its_final_form,
}

fn bytes(events: &[Event]) -> usize {
    events.iter().map(|event| event.raw.len()).sum()
}

fn partials(events: &[Event]) -> Vec<Event> {
    let partials = events.iter().filter(|event| event.is_partial());
    partials.cloned().collect()
}

/// Lets the model say the pieces one by one, each in a frame of its own and as far apart as snapshots must be, and
/// gives turn 1 in the snapshot dialect.
async fn spoken(stage: &Stage, pieces: &[&str]) -> (Chat, Vec<Event>) {
    let gate = Gate::new();
    stage.model.script([stepwise(&gate, pieces)]);
    let chat = stage.chat();
    let mut stream = chat.stream_deltas(&chat.message("hi")).await.expect(201);
    for _ in pieces {
        stage.app.advance(Duration::from_millis(51));
        gate.open(1);
        stream.until(Event::is_partial).await;
    }
    gate.open_all();
    stream.events().await;
    let reader = chat.attach_after("1:0", "snapshot").await.expect(200);
    let events = reader.events().await;
    (chat, events)
}

async fn a_snapshot_comes_only_when_the_text_has_grown_by_a_sixty_fourth(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (long, short) = ("x".repeat(6400), "y".repeat(50));
    let mut pieces = vec![long.as_str()];
    pieces.extend([short.as_str(); 9]);
    let (_, events) = spoken(&stage, &pieces).await;
    let shown: Vec<_> = partials(&events)
        .iter()
        .map(|event| event.content().len())
        .collect();
    // 6400 / 64 = 100, which is reached after two pieces; 6500 / 64 and all after it take three.
    assert_eq!(shown, [6400, 6500, 6650, 6800]);
    assert_eq!(events.last().unwrap().content().len(), 6850);
}

async fn two_snapshots_are_at_least_fifty_milliseconds_apart(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    // Every piece is big enough to be a frame by itself, and all come at once.
    stage.model.script([Script::flood(16, 64 * 1024)]);
    let begun = Instant::now();
    let events = chat.say("hi").await.expect(201).events().await;
    let most = begun.elapsed().as_millis() / 50 + 1;
    let snapshots = partials(&events).len();
    assert!(
        snapshots as u128 <= most,
        "{snapshots} snapshots, {most} allowed"
    );
    let frames = seq(events.last().unwrap());
    assert!(
        frames > 10,
        "there were enough frames to choose from: {frames}"
    );
}

async fn a_long_answer_costs_at_most_twice_its_text_in_deltas(setup: Setup) {
    let stage = Stage::new(setup).await;
    for size in [100_000, 400_000] {
        let chat = stage.chat();
        stage.model.script([Script::flood(size / 100, 100)]);
        let stream = chat.stream_deltas(&chat.message("hi")).await.expect(201);
        let events = stream.events().await;
        assert_eq!(events.last().unwrap().content().len(), size);
        let unfinished = bytes(&partials(&events));
        assert!(unfinished <= 2 * size, "{unfinished} for {size}");
        // The final form holds the text once more.
        let all = bytes(&events);
        assert!(all <= 2 * size + size / 4, "{all} for {size}");
    }
}

async fn each_snapshot_begins_with_the_one_before(setup: Setup) {
    let stage = Stage::new(setup).await;
    let pieces = [
        "Es ",
        "grünt \"so\"\n",
        "\u{1f642}\u{200d}",
        "",
        "grün",
        ".",
    ];
    let (_, events) = spoken(&stage, &pieces[..3]).await;
    let mut before = String::new();
    for event in events.iter().filter(|event| event.kind() == "ai") {
        assert!(event.content().starts_with(&before), "{event:?}");
        before = event.content();
    }
    assert_eq!(before, pieces[..3].concat());
    assert_eq!(partials(&events).len(), 3);
}

async fn deltas_put_together_are_the_answer(setup: Setup) {
    let stage = Stage::new(setup).await;
    let pieces = [
        "Es ",
        "grünt \"so\"\n",
        "\u{1f642}\u{200d}",
        "\u{1f469}",
        " grün\\",
        ".",
    ];
    let (chat, _) = spoken(&stage, &pieces).await;
    let reader = chat.attach_after("1:0", "delta").await.expect(200);
    let events = reader.events().await;
    let text: String = partials(&events).iter().map(Event::content).collect();
    assert_eq!(text, pieces.concat());
    assert_eq!(partials(&events).len(), pieces.len());
    assert_eq!(events.last().unwrap().content(), text);
    assert_eq!(chat.messages().await[1].1, text);
}

async fn an_answer_of_one_piece_is_shown_at_once_and_once_more_in_its_final_form(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    for turn in ["snapshot", "delta"] {
        let (stream, gate) = hold(&stage, &chat, &["Hello"]).await;
        gate.open_all();
        let events = stream.events().await;
        let said: Vec<_> = events
            .iter()
            .filter(|event| event.kind() == "ai")
            .map(|event| (event.is_partial(), event.content()))
            .collect();
        let hello = || "Hello".to_owned();
        assert_eq!(said, [(true, hello()), (false, hello())], "{turn}");
    }
    let body = with(chat.message("hi"), "agent_mode", json!(null));
    chat.stream(&body).await.expect(201).events().await;
}
