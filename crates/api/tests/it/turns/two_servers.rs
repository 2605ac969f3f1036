//! Two servers on one PostgreSQL database (spec "SSE carries event ids", "Crash, stop, takeover"; design 1).

use super::scene::{Mortal, brisk, post_accepting, raw, stepwise, stored_turn};
use crate::common::{cancel, enqueue, eventually, finals, said};
use futures::future::join_all;
use serde_json::json;
use std::time::Duration;
use testkit::{Chat, Engine, Event, Gate, Script, Setup, StubModel, Tenant, TestApp, new_uuid};

/// Makes a test of every named `async fn(Setup)`, on PostgreSQL: two servers cannot share the embedded engine.
macro_rules! on_postgres {
    ($($test:ident),* $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let name = concat!(module_path!(), "::", stringify!($test));
                if let Some(setup) = testkit::Setup::new(testkit::Engine::Postgres, name).await {
                    super::$test(setup).await;
                }
            })*
        }
    };
}

on_postgres! {
    a_turn_is_read_on_the_other_server_byte_for_byte,
    the_json_form_waits_for_a_turn_of_the_other_server,
    cancelling_on_the_other_server_stops_the_turn_and_ends_all_streams,
    deleting_on_the_other_server_stops_the_turn_and_ends_all_streams,
    a_message_queued_on_the_other_server_runs_in_the_same_response,
    messages_at_once_on_both_servers_make_one_turn,
    one_id_on_both_servers_at_once_is_one_conversation,
    a_turn_of_a_dead_server_is_taken_over_by_the_other_one,
    a_turn_with_a_sign_of_life_is_left_alone,
    a_server_that_was_thought_dead_cannot_write_any_more,
}

/// Two servers, their one model, and a member as both know them.
struct Pair {
    a: TestApp,
    b: TestApp,
    model: StubModel,
    tenant: Tenant,
}

impl Pair {
    async fn open(setup: Setup) -> Self {
        assert_eq!(setup.engine, Engine::Postgres);
        let model = StubModel::start().await;
        let setup = brisk(setup).answered_by(&model);
        let b = setup.twin().start().await;
        let a = setup.start().await;
        let tenant = a.tenant().await;
        a.set(tenant.project, "titles_by_model", "false").await;
        Self {
            a,
            b,
            model,
            tenant,
        }
    }

    /// A new conversation, as seen through either server.
    fn chat(&self) -> (Chat, Chat) {
        let chat = self.tenant.chat();
        let there = chat.seen_by(&self.b.api(&self.tenant.key));
        (chat, there)
    }

    /// A turn on the first server that has said one piece and waits before the next.
    async fn begun(&self) -> (Chat, Chat, Vec<Event>, testkit::EventStream, Gate) {
        let gate = Gate::new();
        self.model.script([stepwise(&gate, &["half ", "done"])]);
        let (here, there) = self.chat();
        let mut stream = here.say("hello").await.expect(201);
        gate.open(1);
        let seen = stream.until(Event::is_partial).await;
        (here, there, seen, stream, gate)
    }
}

async fn a_turn_is_read_on_the_other_server_byte_for_byte(setup: Setup) {
    let pair = Pair::open(setup).await;
    let (here, there, mut seen, mut stream, gate) = pair.begun().await;
    let mut reader = there.attach().await.expect(200);
    let late = there
        .attach_after(&seen[1].id, "snapshot")
        .await
        .expect(200);
    // It comes while the turn runs, and not only at its end.
    let mut read = reader.until(Event::is_partial).await;
    pair.a.advance(Duration::from_millis(60));
    gate.open(1);
    seen.extend(stream.until(Event::is_partial).await);
    read.extend(reader.until(Event::is_partial).await);
    assert_eq!(there.status().await, "in_progress");
    assert_eq!(there.post(&there.message("me too")).await.status, 409);
    gate.open_all();
    seen.extend(stream.events().await);
    read.extend(reader.events().await);
    assert_eq!(raw(&read), raw(&seen));
    assert_eq!(raw(&late.events().await), raw(&seen[2..]));
    let replay = there.attach_after("1:0", "snapshot").await.expect(200);
    assert_eq!(raw(&replay.events().await), raw(&seen));
    assert_eq!(there.messages().await, here.messages().await);
}

async fn the_json_form_waits_for_a_turn_of_the_other_server(setup: Setup) {
    let pair = Pair::open(setup).await;
    let (here, there, _, stream, gate) = pair.begun().await;
    let waiting = tokio::spawn(async move {
        post_accepting(&there, "application/json", &there.attaching()).await
    });
    gate.open_all();
    stream.events().await;
    let reply = waiting.await.unwrap();
    // It may have come after the end, and is told so.
    if reply.status == 200 {
        assert_eq!(reply.json, here.detail().await);
    } else {
        assert_eq!(reply.json["reason"], "conversation_idle");
    }
}

async fn cancelling_on_the_other_server_stops_the_turn_and_ends_all_streams(setup: Setup) {
    let pair = Pair::open(setup).await;
    let (here, there, mut seen, stream, _gate) = pair.begun().await;
    let reader = there.attach().await.expect(200);
    let cancelled = cancel(&there).await;
    assert_eq!(cancelled["status"], "idle");
    // The model is told to stop although it says nothing that would make the first server look.
    pair.model.wait_for_disconnects(1).await;
    seen.extend(stream.events().await);
    let last = seen.last().unwrap().json();
    assert_eq!(last["content"], "half ");
    assert_eq!(last["meta"]["interrupted"], "cancelled");
    assert_eq!(raw(&reader.events().await), raw(&seen));
    let expected = said(&[("human", "hello"), ("ai", "half ")]);
    assert_eq!(here.messages().await, expected);
    eventually("the first server has let go", || async {
        pair.a.assistant.running_turns() == 0
    })
    .await;
    here.say("and now?").await.expect(201).events().await;
}

async fn deleting_on_the_other_server_stops_the_turn_and_ends_all_streams(setup: Setup) {
    let pair = Pair::open(setup).await;
    let (here, there, _, stream, _gate) = pair.begun().await;
    there.api.delete(&there.path("")).await.expect(204);
    pair.model.wait_for_disconnects(1).await;
    stream.events().await;
    assert_eq!(here.api.get(&here.path("")).await.status, 404);
    assert_eq!(here.post(&here.message("again")).await.status, 404);
}

async fn a_message_queued_on_the_other_server_runs_in_the_same_response(setup: Setup) {
    let pair = Pair::open(setup).await;
    let (_, there, mut seen, stream, gate) = pair.begun().await;
    pair.model.script([Script::text(["second answer"])]);
    enqueue(&there, "second").await.expect(200);
    let reader = there.attach().await.expect(200);
    gate.open_all();
    seen.extend(stream.events().await);
    assert_eq!(
        finals(&seen),
        said(&[
            ("human", "hello"),
            ("ai", "half done"),
            ("human", "second"),
            ("ai", "second answer")
        ])
    );
    assert_eq!(raw(&reader.events().await), raw(&seen));
}

async fn messages_at_once_on_both_servers_make_one_turn(setup: Setup) {
    let pair = Pair::open(setup).await;
    let (here, there) = pair.chat();
    here.say("first").await.expect(201).events().await;
    for _ in 0..8 {
        let gate = Gate::new();
        pair.model.script([Script::text(["answer"]).gated(&gate)]);
        let begun = join_all([here.say("a"), there.say("b"), here.say("c")]).await;
        let mut statuses: Vec<_> = begun.iter().map(|it| it.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409]);
        gate.open_all();
        for stream in begun {
            stream.events().await;
        }
    }
    assert_eq!(pair.model.turns().len(), 9);
    assert_eq!(here.messages().await.len(), 18);
}

async fn one_id_on_both_servers_at_once_is_one_conversation(setup: Setup) {
    let pair = Pair::open(setup).await;
    for _ in 0..8 {
        let (here, there) = pair.chat();
        let body = json!({"content": "hello", "conversation": here.id, "trace_id": new_uuid()});
        let (a, b) = futures::join!(here.post(&body), there.post(&body));
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{} {}", a.text, b.text);
        assert_eq!(a.text, b.text);
        assert_eq!(there.messages().await.len(), 2);
    }
}

async fn a_turn_of_a_dead_server_is_taken_over_by_the_other_one(setup: Setup) {
    let model = StubModel::start().await;
    let setup = brisk(setup).answered_by(&model);
    let b = setup.twin().start().await;
    let a = Mortal::start(setup).await;
    let tenant = a.app.tenant().await;
    b.set(tenant.project, "titles_by_model", "false").await;
    let there = b.api(&tenant.key);
    let gate = Gate::new();
    model.script([stepwise(&gate, &["half ", "never"]), Script::hang()]);
    let (spoken, silent) = (tenant.chat(), tenant.chat());
    let mut stream = spoken.say("hello").await.expect(201);
    gate.open(1);
    stream.until(Event::is_partial).await;
    let _stream = silent.say("hello").await.expect(201);
    model.wait_for_turns(2).await;
    let (spoken, silent) = (spoken.seen_by(&there), silent.seen_by(&there));
    let readers = [
        spoken.attach().await.expect(200),
        silent.attach().await.expect(200),
    ];
    let setup = a.kill();
    // For as long as the lease lasts nobody can know.
    assert_eq!(spoken.status().await, "in_progress");
    assert_eq!(spoken.post(&spoken.message("hello?")).await.status, 409);
    model.script([Script::text(["answer"])]);
    setup
        .clock
        .advance(setup.assistant.lease + Duration::from_secs(1));
    let [closed, again] = readers.map(|reader| reader.events());
    let closed = finals(&closed.await);
    assert_eq!(closed[..2], said(&[("human", "hello"), ("ai", "half ")]));
    assert_eq!(closed[2].0, "ai/failure");
    assert_eq!(
        finals(&again.await),
        said(&[("human", "hello"), ("ai", "answer")])
    );
    assert_eq!(spoken.status().await, "idle");
    assert_eq!(silent.status().await, "idle");
    assert_eq!(model.turns().len(), 3);
}

async fn a_turn_with_a_sign_of_life_is_left_alone(mut setup: Setup) {
    setup.assistant.heartbeat = Duration::from_millis(20);
    let pair = Pair::open(setup).await;
    let (here, _, mut seen, stream, gate) = pair.begun().await;
    let owner = stored_turn(&pair.a, &here, 1).await.owner;
    // Several leases go by, a part of one at a time, and each time the owner is heard.
    for _ in 0..6 {
        pair.a.advance(Duration::from_secs(4));
        let now = pair.a.env.now();
        eventually("the lease is renewed", || async {
            stored_turn(&pair.a, &here, 1).await.lease_until >= now.plus(Duration::from_secs(6))
        })
        .await;
    }
    let turn = stored_turn(&pair.a, &here, 1).await;
    assert_eq!((turn.owner, turn.epoch), (owner, 1));
    gate.open_all();
    seen.extend(stream.events().await);
    assert_eq!(seen.last().unwrap().content(), "half done");
    assert_eq!(pair.model.turns().len(), 1);
}

async fn a_server_that_was_thought_dead_cannot_write_any_more(mut setup: Setup) {
    // The first server never gives a sign of life, and does not look what has become of its turn.
    setup.assistant.heartbeat = Duration::from_secs(3600);
    let model = StubModel::start().await;
    let setup = brisk(setup).answered_by(&model);
    let b = setup.twin().start().await;
    let mut stalled = setup.twin();
    stalled.assistant.look_every = Duration::from_secs(3600);
    let a = stalled.start().await;
    let tenant = a.tenant().await;
    a.set(tenant.project, "titles_by_model", "false").await;
    let gate = Gate::new();
    model.script([stepwise(&gate, &["half ", "done"])]);
    let here = tenant.chat();
    let mut stream = here.say("hello").await.expect(201);
    gate.open(1);
    stream.until(Event::is_partial).await;
    a.advance(Duration::from_secs(7));
    let there = here.seen_by(&b.api(&tenant.key));
    let reader = there.attach_after("1:0", "snapshot").await.expect(200);
    let closed = finals(&reader.events().await);
    assert_eq!(closed[..2], said(&[("human", "hello"), ("ai", "half ")]));
    assert_eq!(closed[2].0, "ai/failure");
    // Now it wakes up, and the rest of its answer comes too late.
    gate.open_all();
    model.wait_until_idle().await;
    eventually("it has noticed", || async {
        a.assistant.running_turns() == 0
    })
    .await;
    assert_eq!(there.messages().await, closed);
    let again = there.attach_after("1:0", "snapshot").await.expect(200);
    assert_eq!(finals(&again.events().await), closed);
    there.say("and now?").await.expect(201).events().await;
}
