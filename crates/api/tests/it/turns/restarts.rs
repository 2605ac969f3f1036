//! Turns and streams across the end of a server, sudden or announced (spec "Crash, stop, takeover").

use super::scene::{Mortal, brisk, messages_without_ids, raw, seq, stepwise, tool, with};
use crate::common::{cancel, enqueue, eventually, finals, said};
use serde_json::json;
use std::time::Duration;
use testkit::{
    Chat, Engine, Event, Gate, Script, Setup, StubModel, Tenant, TestApp, on_both_engines,
};

on_both_engines! {
    a_message_that_was_accepted_survives,
    a_turn_that_had_said_nothing_is_asked_again,
    a_turn_that_had_only_reasoned_is_asked_again,
    a_turn_that_had_begun_to_answer_is_closed_with_what_it_said,
    a_tool_call_in_the_log_is_not_made_again,
    the_queue_goes_on_after_a_takeover,
    a_cancelled_turn_stays_cancelled,
    a_reader_with_a_cursor_sees_one_unbroken_turn,
    a_repeat_finds_the_turn_that_was_taken_over,
    a_turn_that_nobody_can_finish_is_closed,
    a_turn_may_end_within_the_grace_of_a_stopping_server,
    a_turn_that_outlives_the_grace_is_handed_over,
    a_turn_handed_over_before_its_first_word_is_asked_again,
    a_stopped_server_leaves_nothing_running,
}

/// A mortal server, its model, and a member of a project.
struct Scene {
    mortal: Mortal,
    model: StubModel,
    tenant: Tenant,
}

impl Scene {
    async fn open(setup: Setup) -> Self {
        let model = StubModel::start().await;
        let mortal = Mortal::start(brisk(setup).answered_by(&model)).await;
        let tenant = mortal.app.tenant().await;
        let project = tenant.project;
        mortal.app.set(project, "titles_by_model", "false").await;
        Self {
            mortal,
            model,
            tenant,
        }
    }

    /// Kills the server, and starts another one on its data.
    async fn restart(self) -> (TestApp, StubModel, Tenant) {
        let app = self.mortal.kill_and_wait().start().await;
        let api = app.api(&self.tenant.key);
        (app, self.model, Tenant { api, ..self.tenant })
    }
}

/// All that turn 1 has said, once it has ended.
async fn whole(chat: &Chat) -> Vec<Event> {
    let reader = chat.attach_after("1:0", "delta").await.expect(200);
    let events = reader.events().await;
    let seqs: Vec<_> = events
        .iter()
        .filter(|event| event.id.starts_with("1:"))
        .map(seq)
        .collect();
    let dense: Vec<_> = (1..).take(seqs.len()).collect();
    assert_eq!(seqs, dense, "no number is missing, none comes twice");
    events
}

async fn a_message_that_was_accepted_survives(setup: Setup) {
    let scene = Scene::open(setup).await;
    let chat = scene.tenant.chat();
    // The head of the answer is all that the client ever gets; how far the turn came nobody knows.
    drop(chat.say("hello").await.expect(201));
    let (_app, _model, tenant) = scene.restart().await;
    let chat = tenant.chat_with(chat.id);
    let finals = finals(&whole(&chat).await);
    assert_eq!(finals[0], ("human".to_owned(), "hello".to_owned()));
    assert!(
        finals.len() > 1,
        "and it is answered, or said to have failed"
    );
    assert_eq!(chat.messages().await, finals);
    assert_eq!(chat.status().await, "idle");
}

async fn a_turn_that_had_said_nothing_is_asked_again(setup: Setup) {
    let scene = Scene::open(setup).await;
    scene
        .model
        .script([Script::hang(), Script::text(["answer"])]);
    let chat = scene.tenant.chat();
    let stream = chat.say("hello").await.expect(201);
    scene.model.wait_for_turns(1).await;
    let (_app, model, tenant) = scene.restart().await;
    // The old connection breaks; nothing else was said on it.
    let before = stream.events().await;
    assert!(before.iter().all(|event| event.kind() != "ai"));
    let chat = tenant.chat_with(chat.id);
    let events = whole(&chat).await;
    assert_eq!(
        finals(&events),
        said(&[("human", "hello"), ("ai", "answer")])
    );
    assert!(raw(&events).starts_with(&raw(&before)));
    assert_eq!(chat.status().await, "idle");
    let asked: Vec<_> = model.turns().iter().map(|turn| turn.body.clone()).collect();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0], asked[1], "the same question");
}

/// One server has the data directory, so what another one left there is nobody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_embedded_engine_a_turn_is_taken_over_long_before_its_lease_runs_out() {
    let name = "on_the_embedded_engine_a_turn_is_taken_over_long_before_its_lease_runs_out";
    let mut setup = Setup::new(Engine::Sqlite, name).await.unwrap();
    setup.assistant.lease = Duration::from_secs(3600);
    let scene = Scene::open(setup).await;
    scene
        .model
        .script([Script::hang(), Script::text(["answer"])]);
    let chat = scene.tenant.chat();
    let _stream = chat.say("hello").await.expect(201);
    scene.model.wait_for_turns(1).await;
    // Nobody moves the clock.
    let app = scene.mortal.kill().start().await;
    let chat = chat.seen_by(&app.api(&scene.tenant.key));
    assert_eq!(
        finals(&whole(&chat).await),
        said(&[("human", "hello"), ("ai", "answer")])
    );
    assert_eq!(scene.model.turns().len(), 2);
}

async fn a_turn_that_had_only_reasoned_is_asked_again(setup: Setup) {
    let scene = Scene::open(setup).await;
    let gate = Gate::new();
    let thoughtful = || Script::thinking(["hm"]);
    scene.model.script([
        thoughtful().and_wait(&gate),
        thoughtful().and_text(["answer"]),
    ]);
    let chat = scene.tenant.chat();
    let mut stream = chat.say("hello").await.expect(201);
    stream.until(Event::is_partial).await;
    let (_app, _model, tenant) = scene.restart().await;
    let chat = tenant.chat_with(chat.id);
    let events = whole(&chat).await;
    assert_eq!(events.last().unwrap().content(), "answer");
    // The partial begins anew, and nothing of the first attempt is in the answer.
    let stored = &messages_without_ids(&chat).await[1];
    assert_eq!(
        stored["meta"]["thinking"],
        json!([{"type": "thinking", "thinking": "hm"}])
    );
}

async fn a_turn_that_had_begun_to_answer_is_closed_with_what_it_said(setup: Setup) {
    let scene = Scene::open(setup).await;
    let gate = Gate::new();
    scene
        .model
        .script([stepwise(&gate, &["half ", "an ", "answer"])]);
    let chat = scene.tenant.chat();
    let mut stream = chat.stream_deltas(&chat.message("hello")).await.expect(201);
    for _ in 0..2 {
        gate.open(1);
        stream.until(Event::is_partial).await;
    }
    let (_app, model, tenant) = scene.restart().await;
    let chat = tenant.chat_with(chat.id);
    let events = whole(&chat).await;
    let finals = finals(&events);
    assert_eq!(finals[..2], said(&[("human", "hello"), ("ai", "half an ")]));
    assert_eq!(finals[2].0, "ai/failure");
    assert_eq!(finals.len(), 3);
    let cut = events[events.len() - 2].json();
    assert_eq!(cut["meta"], json!({"interrupted": "failed"}));
    assert_eq!(chat.messages().await, finals);
    assert_eq!(model.turns().len(), 1, "it is not asked again");
    model.wait_for_disconnects(1).await;
    // And the conversation goes on.
    let next = chat.say("and now?").await.expect(201).events().await;
    assert_eq!(next.last().unwrap().kind(), "ai");
}

async fn a_tool_call_in_the_log_is_not_made_again(setup: Setup) {
    let scene = Scene::open(setup).await;
    scene.model.script([
        Script::tool_call("look", json!({"at": "sky"})),
        Script::hang(),
        Script::text(["blue"]),
    ]);
    let chat = scene.tenant.chat();
    let body = with(
        chat.message("colour?"),
        "contextual_tools",
        tool("look", json!({})),
    );
    let _stream = chat.stream(&body).await.expect(201);
    scene.model.wait_for_turns(2).await;
    let (_app, model, tenant) = scene.restart().await;
    let chat = tenant.chat_with(chat.id);
    let kinds: Vec<_> = finals(&whole(&chat).await)
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, ["human", "ai", "tool", "ai"]);
    let asked = model.turns();
    assert_eq!(asked.len(), 3);
    assert_eq!(
        asked[1].body, asked[2].body,
        "it goes on from the tool's result"
    );
}

async fn the_queue_goes_on_after_a_takeover(setup: Setup) {
    let scene = Scene::open(setup).await;
    let gate = Gate::new();
    scene.model.script([
        stepwise(&gate, &["half", "never"]),
        Script::text(["second answer"]),
    ]);
    let chat = scene.tenant.chat();
    let mut stream = chat.say("first").await.expect(201);
    gate.open(1);
    stream.until(Event::is_partial).await;
    enqueue(&chat, "second").await.expect(200);
    let (_app, _model, tenant) = scene.restart().await;
    let chat = tenant.chat_with(chat.id);
    let finals = finals(&whole(&chat).await);
    let kinds: Vec<_> = finals.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["human", "ai", "ai/failure", "human", "ai"]);
    assert_eq!(finals[4].1, "second answer");
    assert_eq!(chat.messages().await, finals);
    assert_eq!(chat.status().await, "idle");
}

async fn a_cancelled_turn_stays_cancelled(setup: Setup) {
    let scene = Scene::open(setup).await;
    let gate = Gate::new();
    scene.model.script([stepwise(&gate, &["half", "never"])]);
    let chat = scene.tenant.chat();
    let mut stream = chat.say("first").await.expect(201);
    gate.open(1);
    stream.until(Event::is_partial).await;
    cancel(&chat).await;
    let (_app, model, tenant) = scene.restart().await;
    let chat = tenant.chat_with(chat.id);
    assert_eq!(
        finals(&whole(&chat).await),
        said(&[("human", "first"), ("ai", "half")])
    );
    assert_eq!(chat.status().await, "idle");
    chat.say("second").await.expect(201).events().await;
    assert_eq!(chat.messages().await.len(), 4);
    assert_eq!(model.turns().len(), 2);
}

async fn a_reader_with_a_cursor_sees_one_unbroken_turn(setup: Setup) {
    let scene = Scene::open(setup).await;
    let gate = Gate::new();
    scene
        .model
        .script([stepwise(&gate, &["one ", "two ", "never"])]);
    let chat = scene.tenant.chat();
    let mut stream = chat.stream_deltas(&chat.message("count")).await.expect(201);
    let mut seen = Vec::new();
    for _ in 0..2 {
        gate.open(1);
        seen.extend(stream.until(Event::is_partial).await);
    }
    let (_app, _model, tenant) = scene.restart().await;
    let chat = tenant.chat_with(chat.id);
    let reader = chat.attach_after(&seen.last().unwrap().id, "delta").await;
    seen.extend(reader.expect(200).events().await);
    assert_eq!(raw(&whole(&chat).await), raw(&seen));
    assert_eq!(seen.last().unwrap().kind(), "ai/failure");
}

async fn a_repeat_finds_the_turn_that_was_taken_over(setup: Setup) {
    let scene = Scene::open(setup).await;
    scene
        .model
        .script([Script::hang(), Script::text(["answer"])]);
    let chat = scene.tenant.chat();
    let body = chat.message("hello");
    let _stream = chat.stream(&body).await.expect(201);
    scene.model.wait_for_turns(1).await;
    let (_app, model, tenant) = scene.restart().await;
    let chat = tenant.chat_with(chat.id);
    // A client that has lost its connection sends the same request again.
    let events = chat.stream(&body).await.expect(200).events().await;
    assert_eq!(
        finals(&events),
        said(&[("human", "hello"), ("ai", "answer")])
    );
    assert_eq!(chat.messages().await.len(), 2);
    assert_eq!(model.turns().len(), 2);
}

async fn a_turn_that_nobody_can_finish_is_closed(setup: Setup) {
    let mut scene = Scene::open(setup).await;
    scene.model.respond(|_| Script::hang());
    let id = {
        let chat = scene.tenant.chat();
        chat.say("hello").await.expect(201);
        chat.id
    };
    for attempt in 1..=6 {
        scene.model.wait_for_turns(attempt).await;
        let heir = scene.mortal.kill_and_wait();
        scene.mortal = Mortal::start(heir).await;
    }
    let api = scene.mortal.app.api(&scene.tenant.key);
    let chat = Tenant {
        api,
        ..scene.tenant
    }
    .chat_with(id);
    let finals = finals(&whole(&chat).await);
    assert_eq!(finals.len(), 2);
    assert_eq!(finals[1].0, "ai/failure");
    assert_eq!(scene.model.turns().len(), 6);
    assert_eq!(chat.status().await, "idle");
    scene.model.respond(|_| Script::text(["answer"]));
    let next = chat.say("again").await.expect(201).events().await;
    assert_eq!(next.last().unwrap().content(), "answer");
}

/// A server that is asked to stop, with a turn that waits at a gate.
struct Stopping {
    app: TestApp,
    model: StubModel,
    tenant: Tenant,
}

impl Stopping {
    async fn open(setup: Setup, grace: Duration) -> Self {
        let model = StubModel::start().await;
        let mut setup = brisk(setup).answered_by(&model);
        setup.assistant.shutdown_grace = grace;
        let app = setup.start().await;
        let tenant = app.tenant().await;
        app.set(tenant.project, "titles_by_model", "false").await;
        Self { app, model, tenant }
    }
}

async fn a_turn_may_end_within_the_grace_of_a_stopping_server(setup: Setup) {
    let scene = Stopping::open(setup, Duration::from_secs(20)).await;
    let gate = Gate::new();
    scene.model.script([stepwise(&gate, &["one ", "two"])]);
    let chat = scene.tenant.chat();
    let mut stream = chat.say("count").await.expect(201);
    gate.open(1);
    let mut seen = stream.until(Event::is_partial).await;
    let assistant = scene.app.assistant.clone();
    let stopped = tokio::spawn(scene.app.stop());
    eventually("the server drains", || async { assistant.is_draining() }).await;
    gate.open_all();
    seen.extend(stream.events().await);
    assert_eq!(seen.last().unwrap().content(), "one two");
    let app = stopped.await.unwrap().start().await;
    let chat = chat.seen_by(&app.api(&scene.tenant.key));
    assert_eq!(chat.messages().await.len(), 2);
    assert_eq!(chat.status().await, "idle");
    assert_eq!(scene.model.turns().len(), 1);
}

async fn a_turn_that_outlives_the_grace_is_handed_over(setup: Setup) {
    let scene = Stopping::open(setup, Duration::ZERO).await;
    let gate = Gate::new();
    scene.model.script([stepwise(&gate, &["half ", "never"])]);
    let chat = scene.tenant.chat();
    let mut stream = chat.say("count").await.expect(201);
    gate.open(1);
    let mut seen = stream.until(Event::is_partial).await;
    let stopped = tokio::spawn(scene.app.stop());
    // The reader is told when to come back, and its stream ends properly.
    while let Some(event) = stream.next().await {
        seen.push(event);
    }
    assert_eq!(stream.hints, ["retry: 1000\n\n"]);
    scene.model.wait_for_disconnects(1).await;
    // The lease was handed back, so the next server need not wait for its end.
    let app = stopped.await.unwrap().start().await;
    let chat = chat.seen_by(&app.api(&scene.tenant.key));
    let reader = chat
        .attach_after(&seen.last().unwrap().id, "snapshot")
        .await;
    let rest = reader.expect(200).events().await;
    assert_eq!(finals(&rest)[0], ("ai".to_owned(), "half ".to_owned()));
    assert_eq!(rest[0].json()["meta"]["interrupted"], "failed");
    assert_eq!(rest[1].kind(), "ai/failure");
    assert_eq!(rest.len(), 2);
    assert_eq!(scene.model.turns().len(), 1);
}

async fn a_turn_handed_over_before_its_first_word_is_asked_again(setup: Setup) {
    let scene = Stopping::open(setup, Duration::ZERO).await;
    scene
        .model
        .script([Script::hang(), Script::text(["answer"])]);
    let chat = scene.tenant.chat();
    let stream = chat.say("hello").await.expect(201);
    scene.model.wait_for_turns(1).await;
    let setup = scene.app.stop().await;
    stream.events().await;
    let app = setup.start().await;
    let chat = chat.seen_by(&app.api(&scene.tenant.key));
    assert_eq!(
        finals(&whole(&chat).await),
        said(&[("human", "hello"), ("ai", "answer")])
    );
}

async fn a_stopped_server_leaves_nothing_running(setup: Setup) {
    let scene = Stopping::open(setup, Duration::ZERO).await;
    let base = scene.app.base.clone();
    let chat = scene.tenant.chat();
    chat.say("hello").await.expect(201).events().await;
    let assistant = scene.app.assistant.clone();
    let setup = scene.app.stop().await;
    assert_eq!(assistant.running_turns(), 0);
    assert!(testkit::http_client().get(&base).send().await.is_err());
    let app = setup.start().await;
    let chat = chat.seen_by(&app.api(&scene.tenant.key));
    assert_eq!(chat.messages().await.len(), 2);
    assert_eq!(scene.model.turns().len(), 1);
}
