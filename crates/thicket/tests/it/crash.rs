//! `kill -9` at random moments: everything that was acknowledged is there, nothing is there twice, readers that
//! come back see every frame once, and no conversation stays locked.

use crate::harness::Place;
use crate::postgres::on_postgres;
use crate::server::Server;
use model::{Env, ProjectId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use testkit::{Api, Chat, Event, Script, StubModel, http_client, new_uuid};
use tokio::time::{Instant, timeout};

/// Kills of one run; a longer run is asked for with this variable.
const ROUNDS: (&str, u32) = ("THICKET_CRASH_ROUNDS", 200);
/// On PostgreSQL: a turn is taken over when its lease has run out, so each round waits for some seconds.
const ROUNDS_ON_POSTGRES: (&str, u32) = ("THICKET_CRASH_ROUNDS_ON_POSTGRES", 4);
/// Clients at once, each in a conversation of its own.
const CLIENTS: usize = 4;
/// A conversation must be free again within this time after the restart (spec "Crash, stop, takeover").
const FREE_WITHIN: Duration = Duration::from_secs(10);

/// What a client knows that the server has acknowledged, and what it has read.
#[derive(Clone)]
struct Witness {
    chat: Chat,
    /// Texts that must be there exactly once, as a message or in the queue.
    acknowledged: Vec<String>,
    /// Texts whose answer was lost: there once, or not at all.
    unknown: Vec<String>,
    /// Events of the stream that was open when the server died.
    read: Vec<Event>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_stays_locked_when_the_server_is_killed() {
    kill_it(Place::new(), ROUNDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_on_postgresql() {
    let test = "nothing_acknowledged_is_lost_when_the_server_is_killed_on_postgresql";
    if let Some((place, _schema)) = on_postgres("crash", test).await {
        kill_it(place, ROUNDS_ON_POSTGRES).await;
    }
}

async fn kill_it(place: Place, rounds: (&str, u32)) {
    let rounds = std::env::var(rounds.0).map_or(rounds.1, |rounds| rounds.parse().unwrap());
    let model = StubModel::start().await;
    model.respond(|_| {
        let words = (0..30).map(|word| format!("word{word} "));
        Script::text(words).every(Duration::from_millis(1))
    });
    place.json("project create --name Acme");
    place.json("user create --email ada@example.com --name Ada --project 1");
    let key = place.json("key create --user 1 --scopes conversation:write");
    let key = key["key"].as_str().unwrap().to_owned();

    let mut witnesses: Vec<Witness> = Vec::new();
    let mut answered = 0;
    let mut closed = 0;
    for round in 0..rounds {
        let server = start(&place, &model);
        let api = Api::new(http_client(), server.url(), Some(key.clone()));
        for witness in &mut witnesses {
            witness.chat.api = api.clone();
            check(witness, round).await;
        }
        // Half of the conversations go on, the others begin.
        witnesses.truncate(CLIENTS / 2);
        witnesses
            .iter_mut()
            .for_each(|witness| witness.read.clear());
        while witnesses.len() < CLIENTS {
            let chat = Chat {
                api: api.clone(),
                project: ProjectId(1),
                id: new_uuid(),
            };
            witnesses.push(Witness {
                chat,
                acknowledged: vec![],
                unknown: vec![],
                read: vec![],
            });
        }
        witnesses.rotate_left(1);
        let talks: Vec<_> = witnesses
            .drain(..)
            .map(|witness| tokio::spawn(talk(witness, round)))
            .collect();
        let life = Duration::from_millis(u64::from(random_below(120)) + 5);
        tokio::time::sleep(life).await;
        drop(server); // kill -9
        for talk in talks {
            let witness = talk.await.unwrap();
            answered += witness
                .read
                .iter()
                .filter(|event| event.name == "message" && !event.is_partial())
                .count();
            closed += usize::from(witness.read.is_empty());
            witnesses.push(witness);
        }
    }
    let server = start(&place, &model);
    let api = Api::new(http_client(), server.url(), Some(key.clone()));
    for witness in &mut witnesses {
        witness.chat.api = api.clone();
        check(witness, rounds).await;
    }
    drop(server);
    place.run("check").ok();
    assert!(
        answered > 0 && closed < rounds as usize * CLIENTS,
        "the rounds were too short to show anything"
    );
}

fn start(place: &Place, model: &StubModel) -> Server {
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("THICKET_LLM_PROVIDER", "openai")
        .env("THICKET_LLM_BASE_URL", model.openai_url())
        .env("THICKET_LLM_MODEL", "stub")
        .env("THICKET_RATE_LIMITS", "off");
    Server::of(command)
}

fn random_below(limit: u32) -> u32 {
    let mut bytes = [0; 4];
    Env::system().fill(&mut bytes);
    u32::from_le_bytes(bytes) % limit
}

/// Talks until the server is gone: messages, queued messages, notes, and reading all the while.
async fn talk(mut witness: Witness, round: u32) -> Witness {
    for turn in 0.. {
        let text = format!("message {round}.{turn}");
        let path = format!("{}?stream=delta", witness.chat.root());
        let request = witness
            .chat
            .api
            .request(Method::POST, &path)
            .json(&witness.chat.message(&text));
        let Ok(response) = request.send().await else {
            witness.unknown.push(text);
            return witness;
        };
        match response.status() {
            StatusCode::CREATED => witness.acknowledged.push(text),
            // A queued message's turn is still running.
            StatusCode::CONFLICT => {}
            other => panic!("{other}: {:?}", response.text().await),
        }
        witness.read.clear();
        let mut stream = testkit::EventStream::of(response);
        let mut events = 0;
        while let Some(event) = stream.next().await {
            witness.read.push(event);
            events += 1;
            if events == 4 {
                let queued = format!("queued {round}.{turn}");
                let body = json!({"content": queued});
                if !acknowledged(&mut witness, "queue/", body, queued).await {
                    break;
                }
                let note = format!("note {round}.{turn}");
                let body = json!({"content": note});
                if !acknowledged(&mut witness, "append_message/", body, note).await {
                    break;
                }
            }
        }
    }
    witness
}

/// Sends something small beside the stream. `false`: the server is gone.
async fn acknowledged(witness: &mut Witness, rest: &str, body: Value, text: String) -> bool {
    let request = witness
        .chat
        .api
        .request(Method::POST, &witness.chat.path(rest))
        .json(&body);
    match request.send().await {
        Ok(response) if response.status() == StatusCode::OK => {
            witness.acknowledged.push(text);
            true
        }
        // The queue is full, or the conversation was not there yet when the server died.
        Ok(response) if response.status() == StatusCode::CONFLICT => true,
        Ok(response) => panic!("{}: {:?}", response.status(), response.text().await),
        Err(_) => {
            witness.unknown.push(text);
            false
        }
    }
}

/// After a restart: what the witness saw is still so.
async fn check(witness: &mut Witness, round: u32) {
    let chat = &witness.chat;
    let restarted = Instant::now();
    let missing = chat.api.get(&chat.path("")).await.status == StatusCode::NOT_FOUND;
    if missing {
        assert!(
            witness.acknowledged.is_empty(),
            "round {round}: the conversation is gone: {:?}",
            witness.acknowledged
        );
        return;
    }
    check_stream(witness, round).await;
    let chat = &witness.chat;
    timeout(FREE_WITHIN, chat.wait_until_idle())
        .await
        .unwrap_or_else(|_| panic!("round {round}: still locked"));
    assert!(restarted.elapsed() < FREE_WITHIN + Duration::from_secs(5));

    let mut seen: HashMap<String, usize> = HashMap::new();
    for (_, content) in chat.messages().await {
        *seen.entry(content).or_default() += 1;
    }
    let queue = chat.api.get(&chat.path("queue/")).await.expect(200).json;
    for item in queue["messages"].as_array().unwrap() {
        *seen
            .entry(item["content"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    for text in &witness.acknowledged {
        assert_eq!(
            seen.get(text),
            Some(&1),
            "round {round}: {text:?} was acknowledged; there is {seen:?}"
        );
    }
    for text in &witness.unknown {
        assert!(
            seen.get(text).is_none_or(|count| *count == 1),
            "round {round}: {text:?} is there twice"
        );
    }
}

/// A reader that comes back with its cursor gets exactly what a reader from the beginning gets after it.
async fn check_stream(witness: &Witness, round: u32) {
    let Some(last) = witness.read.last() else {
        return;
    };
    let turn = witness.read[0].id.split(':').next().unwrap();
    let rest = witness
        .chat
        .attach_after(&last.id, "delta")
        .await
        .expect(200)
        .events()
        .await;
    let all = witness
        .chat
        .attach_after(&format!("{turn}:0"), "delta")
        .await
        .expect(200)
        .events()
        .await;
    let raw = |events: &[Event]| {
        events
            .iter()
            .map(|event| event.raw.clone())
            .collect::<Vec<_>>()
    };
    let mut resumed = raw(&witness.read);
    resumed.extend(raw(&rest));
    assert_eq!(resumed, raw(&all), "round {round}");
}
