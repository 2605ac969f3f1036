//! A store that has too much to do for a moment.

use super::scene::stepwise;
use crate::common::finals;
use futures::FutureExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::Error;
use testkit::{Engine, Gate, Setup, StubModel};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_waits_for_a_store_that_is_busy() {
    let setup = Setup::new(Engine::Sqlite, "an_answer_waits_for_a_store_that_is_busy");
    let mut setup = setup.await.unwrap();
    setup.assistant.keep_alive = Duration::from_millis(100);
    let (model, gate) = (StubModel::start().await, Gate::new());
    model.script([stepwise(&gate, &["One, ", "two."])]);
    let app = setup.answered_by(&model).start().await;
    let tenant = app.tenant().await;
    app.set(tenant.project, "titles_by_model", "false").await;
    let mut stream = tenant.chat().say("Count").await.expect(201);
    gate.open(1);
    stream.until(|event| event.raw.contains("One, ")).await;

    // The one writer is held up, and then so many wait for it that nobody else may.
    let begun = Arc::new(tokio::sync::Notify::new());
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begin, held) = (Arc::clone(&begun), Arc::new(Mutex::new(held)));
    let store = app.store.clone();
    let holding = tokio::spawn(async move {
        let held_up = store.write(move |_| {
            Box::pin(async move {
                begin.notify_one();
                let _ = held.lock().unwrap().recv();
                Ok::<_, Error>(())
            })
        });
        held_up.await
    });
    begun.notified().await;
    let one_more = || app.store.write(|_| Box::pin(async { Ok::<_, Error>(()) }));
    while one_more().now_or_never() != Some(Err(Error::Busy)) {}

    gate.open(1);
    for _ in 0..3 {
        stream.until_hint(": keepalive\n\n").await;
    }
    drop(release);
    holding.await.unwrap().unwrap();
    gate.open_all();
    let finals = finals(&stream.events().await);
    let last = finals.last().unwrap();
    assert_eq!((last.0.as_str(), last.1.as_str()), ("ai", "One, two."));
}
