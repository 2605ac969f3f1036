//! A message that is queued at the very moment at which the turn ends: it runs, it is handed back, it waits, or it
//! was refused. It is never lost and never runs twice.

use crate::common::{Stage, contents, enqueue, enqueue_strictly, waiting};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Chat, Gate, Script, Setup, on_both_engines};

on_both_engines! {
    no_acknowledged_message_is_lost_when_the_turn_ends,
    no_acknowledged_message_is_lost_when_the_turn_is_cancelled,
}

/// Conversations at one time, and how often.
const AT_ONCE: usize = 8;
const ROUNDS: usize = 12;

/// Turns that wait at one gate, so that all end at the same moment.
async fn begin(stage: &Stage, gate: &Gate) -> Vec<Chat> {
    let chats: Vec<_> = (0..AT_ONCE).map(|_| stage.chat()).collect();
    stage
        .model
        .script((0..AT_ONCE).map(|_| Script::text(["done"]).gated(gate)));
    let before = stage.model.turns().len();
    join_all(chats.iter().map(|chat| chat.say("go"))).await;
    stage.model.wait_for_turns(before + AT_ONCE).await;
    chats
}

/// How often a text was asked in a conversation.
fn times_asked(detail: &Value, text: &str) -> usize {
    let messages = detail["messages"].as_array().unwrap();
    let is_it = |it: &&Value| it["type"] == "human" && it["content"] == text;
    messages.iter().filter(is_it).count()
}

async fn no_acknowledged_message_is_lost_when_the_turn_ends(setup: Setup) {
    let stage = Stage::new(setup).await;
    let mut acknowledged = 0;
    let mut refused = 0;
    for round in 0..ROUNDS {
        let gate = Gate::new();
        let chats = begin(&stage, &gate).await;
        let open = async {
            // Earlier in some rounds, later in others.
            for _ in 0..round * 2 {
                tokio::task::yield_now().await;
            }
            gate.open_all();
        };
        let adding = join_all(chats.iter().map(async |chat| {
            let strictly = enqueue_strictly(chat, "strict").await;
            let freely = enqueue(chat, "free").await;
            (strictly, freely)
        }));
        let ((), answers) = tokio::join!(open, adding);
        for (chat, (strictly, freely)) in chats.iter().zip(answers) {
            chat.wait_until_idle().await;
            let (detail, held) = (chat.detail().await, waiting(chat).await);
            // Only what a turn was running for was taken, so nothing of it can be left.
            let strict_runs = times_asked(&detail, "strict");
            match strictly.status.as_u16() {
                200 => assert_eq!(strict_runs, 1, "{detail} {held:?}"),
                409 => assert_eq!(strict_runs, 0, "{detail} {held:?}"),
                other => panic!("{other}: {}", strictly.text),
            }
            assert!(!held.contains(&"strict".to_owned()), "{detail}");
            let free = freely.expect(200);
            let waits = usize::from(held == ["free"]);
            assert_eq!(times_asked(&detail, "free") + waits, 1, "{detail} {held:?}");
            if free.json["status"] == "in_progress" {
                assert_eq!(
                    waits, 0,
                    "it was told that a turn runs that it will follow: {detail}"
                );
            }
            acknowledged += usize::from(strict_runs == 1);
            refused += usize::from(strict_runs == 0);
        }
    }
    eprintln!("{acknowledged} in time, {refused} too late");
}

async fn no_acknowledged_message_is_lost_when_the_turn_is_cancelled(setup: Setup) {
    let stage = Stage::new(setup).await;
    for _ in 0..ROUNDS {
        let gate = Gate::new();
        let chats = begin(&stage, &gate).await;
        let ending = async { gate.open_all() };
        let adding = join_all(chats.iter().map(|chat| enqueue(chat, "free")));
        let cancelling = join_all(chats.iter().map(async |chat| {
            let path = chat.path("cancel/");
            chat.api.patch(&path, &json!({})).await.expect(200).json
        }));
        let (added, cancelled, ()) = tokio::join!(adding, cancelling, ending);
        for ((chat, added), cancelled) in chats.iter().zip(added).zip(cancelled) {
            added.expect(200);
            // What came after the cancel may have begun to run.
            chat.wait_until_idle().await;
            let (detail, held) = (chat.detail().await, waiting(chat).await);
            let handed_back = contents(&cancelled["cleared_queue"]).len();
            let ran = times_asked(&detail, "free");
            assert_eq!(
                ran + handed_back + held.len(),
                1,
                "{detail} {cancelled} {held:?}"
            );
        }
    }
}
