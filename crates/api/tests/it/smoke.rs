//! The shortest walk through every room.

use testkit::{Gate, Script, Setup, StubModel, on_both_engines};

on_both_engines! {
    a_first_message_is_answered_without_a_model,
    a_model_answers_word_by_word,
}

async fn a_first_message_is_answered_without_a_model(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let chat = tenant.chat();
    let stream = chat.say("hello there").await.expect(201);
    let events = stream.events().await;
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(&names[..2], ["conversation", "message"], "{events:?}");
    assert_eq!(events[1].kind(), "human");
    assert_eq!(events.last().unwrap().kind(), "ai");
    assert!(!events.last().unwrap().is_partial());
    assert_eq!(chat.messages().await.len(), 2);
    assert_eq!(chat.status().await, "idle");
}

async fn a_model_answers_word_by_word(setup: Setup) {
    let model = StubModel::start().await;
    let gate = Gate::new();
    model.script([Script::text(["Hel", "lo ", "world"]).gated(&gate)]);
    let app = setup.answered_by(&model).start().await;
    let chat = app.tenant().await.chat();
    let mut stream = chat.stream_deltas(&chat.message("hi")).await.expect(201);
    gate.open(1);
    let first = stream.until(|event| event.is_partial()).await;
    assert_eq!(first.last().unwrap().content(), "Hel");
    gate.open(1);
    let second = stream.until(|event| event.name == "delta").await;
    assert_eq!(second.last().unwrap().content(), "lo ");
    gate.open_all();
    let rest = stream.events().await;
    let last = rest.iter().rfind(|event| event.kind() == "ai").unwrap();
    assert_eq!(last.content(), "Hello world");
}
