//! A turn that is stopped at any moment: before its first word, in mid-answer, while a tool is called, at its end.
//! After the answer to the cancel there is never another word, and the conversation is free.

use crate::common::{Stage, cancel, finals};
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use testkit::{Chat, Gate, Script, Setup, StubModel, on_both_engines};

on_both_engines! {
    a_turn_can_be_stopped_at_any_moment,
}

const AT_ONCE: usize = 6;
const ROUNDS: usize = 12;
/// Pieces of text in a whole answer, half before its tool call and half after it.
const PIECES: usize = 24;

fn pieces(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|index| format!("word{index} ")).collect()
}

/// Every first message is answered in two steps whose pieces wait at the gate, every later one at once.
fn answer_through(model: &StubModel, gate: &Arc<Mutex<Gate>>) {
    let gate = gate.clone();
    model.respond(move |request| {
        let gate = gate.lock().unwrap().clone();
        let messages = request.messages();
        let newest = messages.last().map(|(role, _)| role.as_str());
        match (request.last_user_text().as_str(), newest) {
            ("next", _) => Script::text(["fresh"]),
            (_, Some("tool")) => Script::text(pieces(PIECES / 2..PIECES)).gated(&gate),
            _ => Script::text(pieces(0..PIECES / 2))
                .and_tool_call("look", json!({}))
                .gated(&gate),
        }
    });
}

async fn a_turn_can_be_stopped_at_any_moment(setup: Setup) {
    let stage = Stage::new(setup).await;
    let gate = Arc::new(Mutex::new(Gate::new()));
    answer_through(&stage.model, &gate);
    let mut cut = 0;
    for round in 0..ROUNDS {
        let current = Gate::new();
        *gate.lock().unwrap() = current.clone();
        let opening = tokio::spawn(async move {
            // A few pieces at a time, so that the conversations are all at different places.
            for _ in 0..AT_ONCE * PIECES {
                current.open(1);
                tokio::task::yield_now().await;
            }
            current.open_all();
        });
        let chats: Vec<_> = (0..AT_ONCE).map(|_| stage.chat()).collect();
        let cuts = join_all(
            chats
                .iter()
                .enumerate()
                .map(|(index, chat)| stop_after(chat, (round * AT_ONCE + index) % 9)),
        )
        .await;
        opening.await.unwrap();
        cut += cuts.into_iter().filter(|was_cut| *was_cut).count();
    }
    // Otherwise this test has looked at nothing.
    assert!(
        cut * 4 > ROUNDS * AT_ONCE,
        "only {cut} were stopped in time"
    );
}

/// Stops a turn after its reader has seen so many events, and looks at what is left. Gives whether it was in time.
async fn stop_after(chat: &Chat, events: usize) -> bool {
    let mut body = chat.message("go");
    body["contextual_tools"] = json!({"look": {}});
    let mut stream = chat.stream_deltas(&body).await.expect(201);
    let mut seen = Vec::new();
    for _ in 0..events {
        seen.extend(stream.next().await);
    }
    let cancelled = cancel(chat).await;
    assert_eq!(cancelled["status"], "idle");
    // Free at once.
    let next = chat.say("next").await.expect(201);
    seen.extend(stream.events().await);
    next.events().await;

    let kept = cancelled["messages"].as_array().unwrap();
    let detail = chat.detail().await;
    let after = detail["messages"].as_array().unwrap();
    assert_eq!(
        &after[..kept.len()],
        &kept[..],
        "nothing that was there has changed"
    );
    let rest: Vec<_> = after[kept.len()..]
        .iter()
        .map(|it| it["content"].clone())
        .collect();
    assert_eq!(
        rest,
        ["next", "fresh"],
        "not a word has come after the cancel"
    );

    // The reader was shown exactly what is kept, and nothing else.
    let shown: Vec<_> = finals(&seen);
    let stored: Vec<_> = kept
        .iter()
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
            (text("type"), text("content"))
        })
        .collect();
    assert_eq!(shown, stored);
    let first = chat
        .attach_after("1:0", "delta")
        .await
        .expect(200)
        .events()
        .await;
    let replayed: Vec<_> = first
        .into_iter()
        .filter(|event| event.id.starts_with("1:"))
        .collect();
    assert_eq!(replayed, seen, "a replay shows the same");

    let whole: Vec<Value> = kept
        .iter()
        .filter(|it| it["type"] == "ai")
        .cloned()
        .collect();
    for (index, message) in whole.iter().enumerate() {
        let half = PIECES / 2;
        let full = pieces(index * half..(index + 1) * half).concat();
        let text = message["content"].as_str().unwrap();
        assert!(full.starts_with(text), "{text}");
        let is_cut = message["meta"]["interrupted"] == "cancelled";
        assert!(is_cut || text == full, "{message}");
    }
    kept.len() < 4 || kept.last().unwrap()["meta"]["interrupted"] == "cancelled"
}
