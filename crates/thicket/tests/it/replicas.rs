//! Several processes of the program on one PostgreSQL and one Redis.

use crate::harness::Place;
use crate::server::{Server, until};
use model::ProjectId;
use serde_json::json;
use std::time::Duration;
use store::Engine;
use store::testing::TestPlace;
use testkit::{
    Api, Chat, Event, EventStream, Gate, Script, StubModel, http_client, new_uuid, redis_database,
};
use tokio::time::Instant;

const SECRET_KEY: &str = "the same on every replica";

/// Two processes with data directories of their own, and a conversation as seen through either.
struct Pair {
    first: Server,
    second: Server,
    model: StubModel,
    here: Chat,
    there: Chat,
    places: [Place; 2],
    _schema: TestPlace,
}

impl Pair {
    /// `None`, after naming the test as skipped, when PostgreSQL or Redis cannot be had.
    async fn start(test: &str) -> Option<Self> {
        let name = format!("thicket::it::replicas::{test}");
        let redis = redis_database(&name).await?;
        let schema = TestPlace::create(Engine::Postgres, &name).await.unwrap()?;
        let model = StubModel::start().await;
        let place = || {
            Place::new()
                .with("THICKET_DATABASE_URL", schema.database_url().unwrap())
                .with("THICKET_REDIS_URL", redis.clone())
                .with("THICKET_SECRET_KEY", SECRET_KEY.to_owned())
                .with("THICKET_LLM_PROVIDER", "openai".to_owned())
                .with("THICKET_LLM_BASE_URL", model.openai_url())
                .with("THICKET_LLM_MODEL", "stub".to_owned())
                .with("THICKET_SHUTDOWN_GRACE", "100ms".to_owned())
        };
        let places = [place(), place()];
        places[0].json("project create --name Acme");
        places[0].json("project set 1 titles_by_model=false");
        places[0].json("user create --email ada@example.com --name Ada --project 1");
        let key = places[0].json("key create --user 1 --scopes conversation:write");
        let key = key["key"].as_str().unwrap().to_owned();
        let [first, second] = [&places[0], &places[1]].map(Server::start);
        let id = new_uuid();
        let [here, there] = [&first, &second].map(|server| Chat {
            api: Api::new(http_client(), server.url(), Some(key.clone())),
            project: ProjectId(1),
            id,
        });
        Some(Self {
            first,
            second,
            model,
            here,
            there,
            places,
            _schema: schema,
        })
    }

    /// A turn on the first process that has said one piece and waits; with a reader on the second.
    async fn begun(&self) -> (EventStream, EventStream, Gate) {
        let gate = Gate::new();
        let script = Script::text(["half "]).and_wait(&gate).and_text(["done"]);
        self.model.script([script]);
        let mut stream = self.here.say("hello").await.expect(201);
        stream.until(Event::is_partial).await;
        let mut reader = self.there.attach().await.expect(200);
        reader.until(Event::is_partial).await;
        (stream, reader, gate)
    }
}

fn finals(events: &[Event]) -> Vec<(String, String)> {
    let done = events
        .iter()
        .filter(|event| event.name == "message" && !event.is_partial());
    done.map(|event| (event.kind(), event.content())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_in_mid_answer_is_replaced_within_ten_seconds() {
    let test = "a_process_that_is_killed_in_mid_answer_is_replaced_within_ten_seconds";
    let Some(pair) = Pair::start(test).await else {
        return;
    };
    let (_stream, reader, _gate) = pair.begun().await;
    let killed = Instant::now();
    pair.first.signal("-KILL");
    let rest = finals(&reader.events().await);
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(rest[0], ("ai".to_owned(), "half ".to_owned()));
    assert_eq!(rest[1].0, "ai/failure");
    pair.model.script([Script::text(["answer"])]);
    let again = pair.there.say("and now?").await.expect(201).events().await;
    assert_eq!(again.last().unwrap().content(), "answer");
    assert_eq!(pair.there.messages().await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_stopped_hands_its_turn_over_and_readers_elsewhere_see_its_end() {
    let test = "a_process_that_is_stopped_hands_its_turn_over_and_readers_elsewhere_see_its_end";
    let Some(pair) = Pair::start(test).await else {
        return;
    };
    let (mut stream, reader, _gate) = pair.begun().await;
    let stopped = Instant::now();
    let end = pair.first.stop();
    assert_eq!(end.code, Some(0), "{end:?}");
    while stream.next().await.is_some() {}
    assert!(stream.hints.iter().any(|hint| hint.starts_with("retry:")));
    let rest = finals(&reader.events().await);
    let took = stopped.elapsed();
    // Without waiting for the lease to run out.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(rest[0], ("ai".to_owned(), "half ".to_owned()));
    assert_eq!(rest[1].0, "ai/failure");
    assert_eq!(pair.there.status().await, "idle");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_sealed_the_other_one_opens() {
    let Some(pair) = Pair::start("what_one_process_sealed_the_other_one_opens").await else {
        return;
    };
    let [one, other] = [0, 1].map(|index: usize| pair.places[index].json("project show 1"));
    assert!(one["secret_token"].as_str().unwrap().starts_with("phs_"));
    assert_eq!(one["secret_token"], other["secret_token"]);
    for server in [&pair.first, &pair.second] {
        let ready = until("it is ready", || {
            let answer = server.get("/_ready", &[]);
            (answer.status == 200).then_some(answer)
        });
        assert_eq!(ready.json(), json!({"status": "ready"}));
    }
}

#[test]
fn several_replicas_without_a_common_key_do_not_start() {
    let place = Place::new()
        .with(
            "THICKET_DATABASE_URL",
            "postgres://nobody@127.0.0.1:1/none".to_owned(),
        )
        .with("THICKET_REDIS_URL", "redis://127.0.0.1:1".to_owned());
    let refusal = place.run("serve").refusal(2);
    assert_eq!(
        refusal,
        "secret_key: several replicas need one key; set THICKET_SECRET_KEY to the same text on each of them"
    );
}
