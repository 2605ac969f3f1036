//! Titles: the first message at once, the model's once (spec "Titles"; ai-conversations.md 9.3).

use crate::common::{Stage, eventually};
use serde_json::{Value, json};
use testkit::{Chat, Gate, Script, Setup, StubModel, Tenant, TestApp, on_both_engines};

on_both_engines! {
    a_new_conversation_can_be_listed_and_read_before_the_model_says_a_word,
    the_models_title_comes_as_a_second_conversation_event,
    a_title_that_comes_after_the_end_is_stored_all_the_same,
    a_stream_is_not_held_open_for_a_title,
    the_model_is_asked_for_a_title_once,
    a_title_that_fails_is_asked_for_again_with_the_next_turn,
    a_title_is_made_fit_to_be_stored,
    titles_by_the_model_can_be_switched_off,
    without_a_model_the_first_message_stays_the_title,
    a_deleted_conversation_gets_no_title,
}

/// A server whose model gives titles.
struct Press {
    app: TestApp,
    model: StubModel,
    tenant: Tenant,
}

impl Press {
    async fn open(setup: Setup) -> Self {
        let model = StubModel::start().await;
        let app = setup.answered_by(&model).start().await;
        let tenant = app.tenant().await;
        Self { app, model, tenant }
    }

    fn title_requests(&self) -> usize {
        self.model.requests().len() - self.model.turns().len()
    }
}

async fn title(chat: &Chat) -> String {
    chat.detail().await["title"].as_str().unwrap().to_owned()
}

async fn listed(chat: &Chat) -> Value {
    let list = chat.api.get(&chat.root()).await.expect(200);
    list.json["results"][0]["title"].clone()
}

async fn a_new_conversation_can_be_listed_and_read_before_the_model_says_a_word(setup: Setup) {
    let stage = Stage::new(setup).await;
    for (message, expected) in [
        ("How do I\n reset it?", "How do I reset it?".to_owned()),
        (
            &"word ".repeat(40),
            "word ".repeat(16).trim_end().to_owned(),
        ),
        (&"\u{1f642}".repeat(200), "\u{1f642}".repeat(80)),
    ] {
        let gate = Gate::new();
        stage.model.script([Script::text(["answer"]).gated(&gate)]);
        let chat = stage.chat();
        let mut stream = chat.say(message).await.expect(201);
        let announced = stream.next().await.unwrap();
        assert_eq!(announced.json()["title"], json!(expected));
        let detail = chat.detail().await;
        assert_eq!(detail["title"], json!(expected));
        assert_eq!(detail["status"], "in_progress");
        assert_eq!(listed(&chat).await, json!(expected));
        gate.open_all();
        stream.events().await;
    }
}

async fn the_models_title_comes_as_a_second_conversation_event(setup: Setup) {
    let press = Press::open(setup).await;
    let gate = Gate::new();
    press
        .model
        .script([Script::text(["An", "swer"]).gated(&gate)]);
    press
        .model
        .script_titles([Script::text(["Resetting a password"])]);
    let chat = press.tenant.chat();
    let mut stream = chat.say("How do I reset my password?").await.expect(201);
    gate.open(1);
    let events = stream
        .until(|event| event.name == "conversation" && !event.id.ends_with(":1"))
        .await;
    let event = events.last().unwrap();
    assert!(event.data.contains("\"title\": \"Resetting a password\", "));
    assert_eq!(event.json()["status"], "in_progress");
    assert_eq!(title(&chat).await, "Resetting a password");
    assert_eq!(listed(&chat).await, "Resetting a password");
    gate.open_all();
    let rest = stream.events().await;
    assert_eq!(rest.last().unwrap().content(), "Answer");
    // It was asked for when the first text was there, from the user's message, without a stream.
    let asked = press.model.requests();
    let asked: Vec<_> = asked.iter().filter(|request| !request.streaming).collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].last_user_text(), "How do I reset my password?");
}

async fn a_title_that_comes_after_the_end_is_stored_all_the_same(setup: Setup) {
    let press = Press::open(setup).await;
    let gate = Gate::new();
    press
        .model
        .script_titles([Script::text(["Late, but good"]).gated(&gate)]);
    let chat = press.tenant.chat();
    let events = chat.say("hello").await.expect(201).events().await;
    assert_eq!(events.last().unwrap().kind(), "ai");
    let before = chat.detail().await;
    assert_eq!(before["title"], "hello");
    gate.open_all();
    eventually("the title is there", || async {
        title(&chat).await == "Late, but good"
    })
    .await;
    let after = chat.detail().await;
    assert_eq!(after["status"], "idle");
    assert!(after["updated_at"].as_str() >= before["updated_at"].as_str());
    // What was streamed stays as it was.
    let replayed = chat.attach_after("1:0", "snapshot").await.expect(200);
    assert_eq!(replayed.events().await, events);
}

async fn a_stream_is_not_held_open_for_a_title(setup: Setup) {
    let press = Press::open(setup).await;
    press.model.script_titles([Script::hang()]);
    let chat = press.tenant.chat();
    let events = chat.say("hello").await.expect(201).events().await;
    assert_eq!(events.last().unwrap().kind(), "ai");
    assert_eq!(chat.status().await, "idle");
    chat.say("more").await.expect(201).events().await;
}

async fn the_model_is_asked_for_a_title_once(setup: Setup) {
    let press = Press::open(setup).await;
    press.model.script_titles([Script::text(["The title"])]);
    let chat = press.tenant.chat();
    chat.say("first").await.expect(201).events().await;
    eventually("the title is there", || async {
        title(&chat).await == "The title"
    })
    .await;
    for text in ["second", "third"] {
        let events = chat.say(text).await.expect(201).events().await;
        assert!(events.iter().all(|event| event.name != "conversation"));
    }
    assert_eq!(press.title_requests(), 1);
    assert_eq!(title(&chat).await, "The title");
}

async fn a_title_that_fails_is_asked_for_again_with_the_next_turn(setup: Setup) {
    let press = Press::open(setup).await;
    let chat = press.tenant.chat();
    for (asked, failing) in [
        Script::status(500),
        Script::close(),
        Script::text([""]),
        Script::text(["\"\" \n"]),
    ]
    .into_iter()
    .enumerate()
    {
        press.model.script_titles([failing]);
        chat.say(&format!("message {asked}"))
            .await
            .expect(201)
            .events()
            .await;
        press.model.wait_for_requests(2 * (asked + 1)).await;
        press.model.wait_until_idle().await;
        assert_eq!(title(&chat).await, "message 0");
    }
    press.model.script_titles([Script::text(["At last"])]);
    chat.say("and now?").await.expect(201).events().await;
    eventually("the title is there", || async {
        title(&chat).await == "At last"
    })
    .await;
}

async fn a_title_is_made_fit_to_be_stored(setup: Setup) {
    let press = Press::open(setup).await;
    let long = "w".repeat(300);
    for (said, stored) in [
        ("\"Quoted\"", "Quoted"),
        ("  two\nlines  ", "two lines"),
        ("**Bold** end", "Bold** end"),
        ("nul\u{0}l", "null"),
        (&long, &"w".repeat(250)),
        ("\u{1f642} smile", "\u{1f642} smile"),
    ] {
        press.model.script_titles([Script::text([said])]);
        let chat = press.tenant.chat();
        chat.say("hello").await.expect(201).events().await;
        eventually("the title is there", || async {
            title(&chat).await == stored
        })
        .await;
    }
}

async fn titles_by_the_model_can_be_switched_off(setup: Setup) {
    let press = Press::open(setup).await;
    let project = press.tenant.project;
    press.app.set(project, "titles_by_model", "false").await;
    let chat = press.tenant.chat();
    for text in ["first", "second", "third"] {
        let events = chat.say(text).await.expect(201).events().await;
        assert!(events[1..].iter().all(|event| event.name != "conversation"));
    }
    assert_eq!(press.title_requests(), 0);
    assert_eq!(title(&chat).await, "first");
    // Switched on again, an untitled conversation gets its title with the next turn.
    press.app.set(project, "titles_by_model", "true").await;
    press
        .model
        .script_titles([Script::text(["Now it has one"])]);
    chat.say("fourth").await.expect(201).events().await;
    eventually("the title is there", || async {
        title(&chat).await == "Now it has one"
    })
    .await;
}

async fn without_a_model_the_first_message_stays_the_title(setup: Setup) {
    let app = setup.start().await;
    let chat = app.tenant().await.chat();
    for text in ["first", "second"] {
        chat.say(text).await.expect(201).events().await;
        assert_eq!(title(&chat).await, "first");
    }
}

async fn a_deleted_conversation_gets_no_title(setup: Setup) {
    let press = Press::open(setup).await;
    let gate = Gate::new();
    press
        .model
        .script_titles([Script::text(["Too late"]).gated(&gate)]);
    let chat = press.tenant.chat();
    chat.say("hello").await.expect(201).events().await;
    press.model.wait_for_requests(2).await;
    chat.api.delete(&chat.path("")).await.expect(204);
    gate.open_all();
    press.model.wait_until_idle().await;
    chat.api.get(&chat.path("")).await.expect(404);
    // The server lives, and other conversations go on.
    let stage = press;
    let other = stage.tenant.chat();
    stage.model.script_titles([Script::text(["In time"])]);
    other.say("hello").await.expect(201).events().await;
    eventually("the title is there", || async {
        title(&other).await == "In time"
    })
    .await;
}
