//! Several clients of one user do at random whatever can be done with a conversation, all at once. Afterwards every
//! message that was acknowledged is accounted for exactly once, and nothing is locked.

use crate::common::{Stage, contents, waiting};
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use testkit::{Chat, Script, Setup, StubModel, on_both_engines};

on_both_engines! {
    no_message_is_lost_or_doubled_whatever_many_clients_do_at_once,
}

const CLIENTS: usize = 6;
const STEPS: usize = 25;
const ROUNDS: usize = 3;

/// What became of texts, by what the clients were told.
#[derive(Default)]
struct Told {
    said: HashSet<String>,
    queued: HashSet<String>,
    noted: HashSet<String>,
    /// Handed back by a cancel, or taken out of the queue.
    returned: HashMap<String, usize>,
    refused: HashSet<String>,
}

/// Answers in all the ways there are.
fn answer_variously(model: &StubModel) {
    model.respond(|request| {
        let text = request.last_user_text();
        let is_called = request
            .messages()
            .last()
            .is_some_and(|(role, _)| role == "tool");
        match text.bytes().map(usize::from).sum::<usize>() % 5 {
            0 => Script::status(500),
            1 if !is_called => Script::text(["I look."]).and_tool_call("look", json!({})),
            2 => Script::text(["a ", "few ", "words"]).abort(),
            _ => Script::text(["a ", "few ", "words"]),
        }
    });
}

/// A generator of its own, so that a run can be understood from its round and client.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        // Knuth's; the high bits are the random ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

async fn no_message_is_lost_or_doubled_whatever_many_clients_do_at_once(setup: Setup) {
    let stage = Stage::new(setup).await;
    answer_variously(&stage.model);
    for round in 0..ROUNDS {
        let chat = stage.idle_chat().await;
        let told = Mutex::new(Told::default());
        join_all((0..CLIENTS).map(|client| act(&chat, &told, client, round))).await;
        chat.wait_until_idle().await;
        let told = told.into_inner().unwrap();
        account_for(&chat, told).await;
        assert_eq!(chat.status().await, "idle");
        chat.say("free").await.expect(201).events().await;
    }
}

async fn act(chat: &Chat, told: &Mutex<Told>, client: usize, round: usize) {
    let mut dice = Dice((round * CLIENTS + client) as u64 + 1);
    for step in 0..STEPS {
        let text = format!("{client}-{step}");
        match dice.below(10) {
            0..3 => say(chat, told, text, dice.below(2) == 0).await,
            3..6 => queue(chat, told, text).await,
            6 => cancel(chat, told).await,
            7 => {
                let body = json!({"content": text});
                chat.api
                    .post(&chat.path("append_message/"), &body)
                    .await
                    .expect(200);
                told.lock().unwrap().noted.insert(text);
            }
            8 => take_out(chat, told).await,
            _ => {
                let stream = chat.attach().await;
                assert!(
                    [200, 400].contains(&stream.status.as_u16()),
                    "{}",
                    stream.status
                );
                if dice.below(2) == 0 {
                    stream.events().await;
                }
            }
        }
    }
}

async fn say(chat: &Chat, told: &Mutex<Told>, text: String, reads: bool) {
    let mut body = chat.message(&text);
    body["contextual_tools"] = json!({"look": {}});
    let stream = chat.stream(&body).await;
    let status = stream.status.as_u16();
    assert!([201, 409].contains(&status), "{status}");
    {
        let mut told = told.lock().unwrap();
        match status {
            201 => told.said.insert(text),
            _ => told.refused.insert(text),
        };
    }
    if reads && status == 201 {
        stream.events().await;
    }
}

async fn queue(chat: &Chat, told: &Mutex<Told>, text: String) {
    let body = json!({"content": text});
    let reply = chat.api.post(&chat.path("queue/"), &body).await;
    let mut told = told.lock().unwrap();
    match reply.status.as_u16() {
        200 => told.queued.insert(text),
        409 => told.refused.insert(text),
        other => panic!("{other}: {}", reply.text),
    };
}

async fn cancel(chat: &Chat, told: &Mutex<Told>) {
    let request = chat.api.request(Method::PATCH, &chat.path("cancel/"));
    let cancelled = chat.api.send(request).await.expect(200).json;
    for text in contents(&cancelled["cleared_queue"]) {
        // A later cancel that finds the queue empty repeats what the one before it has handed back.
        told.lock().unwrap().returned.entry(text).or_insert(1);
    }
}

/// Removes whatever waits first.
async fn take_out(chat: &Chat, told: &Mutex<Told>) {
    let queue = chat.api.get(&chat.path("queue/")).await.expect(200).json;
    let first = &queue["messages"][0];
    let Some(id) = first["id"].as_str() else {
        return;
    };
    let reply = chat.api.delete(&chat.path(&format!("queue/{id}/"))).await;
    match reply.status.as_u16() {
        204 => {
            *told
                .lock()
                .unwrap()
                .returned
                .entry(first["content"].as_str().unwrap().to_owned())
                .or_default() += 1
        }
        404 => {}
        other => panic!("{other}: {}", reply.text),
    }
}

async fn account_for(chat: &Chat, told: Told) {
    let detail = chat.detail().await;
    let held = waiting(chat).await;
    let messages = detail["messages"].as_array().unwrap();
    let times = |kind: &str, text: &str| {
        let is_it = |it: &&Value| it["type"] == kind && it["content"] == text;
        messages.iter().filter(is_it).count()
    };
    for text in &told.said {
        assert_eq!(times("human", text), 1, "{text} was said");
    }
    for text in &told.noted {
        assert_eq!(times("ai", text), 1, "{text} was noted");
    }
    for text in &told.refused {
        assert_eq!(times("human", text), 0, "{text} was refused");
    }
    for text in &told.queued {
        let returned = told.returned.get(text).copied().unwrap_or_default();
        let waits = held.iter().filter(|held| *held == text).count();
        let ran = times("human", text);
        assert_eq!(
            ran + waits + returned,
            1,
            "{text} was queued: ran {ran}, waits {waits}, returned {returned}"
        );
    }
    let all = told.said.len() + told.queued.len();
    assert!(
        all > CLIENTS && !told.refused.is_empty(),
        "the clients met each other"
    );
}
