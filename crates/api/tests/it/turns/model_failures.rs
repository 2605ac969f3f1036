//! Models that fail, in every way the scripted one knows: the documented result, and a free conversation
//! (ai-conversations.md 5.7).

use super::scene::{answered_with, hold, messages_without_ids, post_accepting, raw, tool, with};
use crate::common::{Stage, cancel, finals, said};
use llm::{ProviderConfig, ProviderKind};
use serde_json::json;
use std::time::Duration;
use testkit::{Chat, Event, Script, Setup, StubModel, Tenant, TestApp, on_both_engines};

on_both_engines! {
    every_failure_is_visible_and_leaves_the_conversation_free,
    every_failure_of_the_anthropic_format_is_visible_too,
    what_was_said_before_a_failure_is_kept,
    odd_but_complete_answers_are_answers,
    odd_but_complete_answers_of_the_anthropic_format_are_answers,
    a_model_that_never_answers_is_given_up,
    a_model_that_falls_silent_is_given_up_and_its_text_kept,
    a_turn_has_a_time_limit_of_its_own,
    a_turn_that_calls_tools_without_end_asks_whether_to_go_on,
    an_answer_at_full_speed_arrives_whole,
    an_endless_answer_is_cut,
    an_answer_that_is_cut_for_its_length_says_so_and_may_go_on,
    a_call_that_is_cut_for_its_length_is_not_carried_out,
    a_transient_failure_is_tried_again_within_the_same_turn,
    cancelling_closes_the_connection_to_the_model,
    cancelling_a_model_that_has_not_answered_yet_closes_the_connection_too,
    the_models_own_words_about_its_failure_reach_nobody,
}

const TOO_LONG: &str = "has become too long for the model";
const UNAVAILABLE: &str = "temporarily unavailable";
const BROKEN: &str = "tell the people who run this service";
const NOTHING: &str = "gave no answer";

/// A server whose model is reached with limits of the test's own.
struct Line {
    app: TestApp,
    model: StubModel,
    tenant: Tenant,
}

impl Line {
    async fn open(
        setup: Setup,
        kind: ProviderKind,
        change: impl FnOnce(&mut ProviderConfig),
    ) -> Self {
        let model = StubModel::start().await;
        let app = answered_with(setup, &model, kind, change).start().await;
        let tenant = app.tenant().await;
        app.set(tenant.project, "titles_by_model", "false").await;
        Self { app, model, tenant }
    }

    /// A turn of a new conversation in which the model does what the script says.
    async fn play(&self, script: Script) -> (Chat, Vec<Event>) {
        self.model.script([script]);
        let chat = self.tenant.chat();
        let events = chat.say("hi").await.expect(201).events().await;
        (chat, events)
    }
}

/// The turn ended with what was kept of the answer, if anything, and a failure; and the next one is answered.
async fn assert_failed(line: &Line, script: &Script, kept: &str, sentence: &str) {
    let (chat, events) = line.play(script.clone()).await;
    let shown = format!("{script:?}: {events:?}");
    let finals = finals(&events);
    let (kind, text) = finals.last().unwrap();
    assert_eq!(kind, "ai/failure", "{shown}");
    assert!(text.contains(sentence), "{shown}");
    let id = events.last().unwrap().json()["id"].clone();
    assert!(id.as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{id}");
    assert_eq!(finals.len(), if kept.is_empty() { 2 } else { 3 }, "{shown}");
    let mut expected = vec![("human".to_owned(), "hi".to_owned())];
    if !kept.is_empty() {
        let cut = events[events.len() - 2].json();
        assert_eq!(cut["content"], kept, "{shown}");
        assert_eq!(cut["meta"], json!({"interrupted": "failed"}), "{shown}");
        expected.push(("ai".to_owned(), kept.to_owned()));
    }
    expected.push(finals.last().unwrap().clone());
    assert_eq!(finals, expected);
    assert_eq!(chat.messages().await, expected);
    assert_eq!(chat.status().await, "idle", "{shown}");
    line.model.script([Script::text(["better now"])]);
    let next = chat.say("again").await.expect(201).events().await;
    assert_eq!(next.last().unwrap().content(), "better now", "{shown}");
}

fn failures() -> Vec<(Script, &'static str, &'static str)> {
    let half = || Script::text(["half"]);
    vec![
        (Script::status(400), "", TOO_LONG),
        (Script::status(422), "", TOO_LONG),
        (Script::status(408), "", UNAVAILABLE),
        (Script::status(429).retry_after(3600), "", UNAVAILABLE),
        (Script::status(500), "", UNAVAILABLE),
        (Script::status(503).body("<html>"), "", UNAVAILABLE),
        (Script::status(529), "", UNAVAILABLE),
        (Script::status(401), "", BROKEN),
        (Script::status(403), "", BROKEN),
        (Script::status(404), "", BROKEN),
        (Script::close(), "", UNAVAILABLE),
        (Script::text([""; 0]).abort(), "", UNAVAILABLE),
        (
            Script::text([""; 0]).and_error("overloaded_error"),
            "",
            UNAVAILABLE,
        ),
        (Script::raw(["this is not JSON"]), "", UNAVAILABLE),
        (Script::text([""; 0]), "", NOTHING),
        (Script::text(["", ""]), "", NOTHING),
        (half().abort(), "half", UNAVAILABLE),
        (half().no_finish().no_end(), "half", UNAVAILABLE),
        (half().and_error("overloaded_error"), "half", UNAVAILABLE),
        (half().and_error("invalid_request_error"), "half", TOO_LONG),
        (half().and_error("authentication_error"), "half", BROKEN),
        (half().and_raw("words"), "half", UNAVAILABLE),
        (
            half().and_raw("{\"choices\": [").abort(),
            "half",
            UNAVAILABLE,
        ),
    ]
}

async fn every_failure_is_visible_and_leaves_the_conversation_free(setup: Setup) {
    let line = Line::open(setup, ProviderKind::OpenAi, |_| {}).await;
    for (script, kept, sentence) in failures() {
        assert_failed(&line, &script, kept, sentence).await;
    }
}

async fn every_failure_of_the_anthropic_format_is_visible_too(setup: Setup) {
    let line = Line::open(setup, ProviderKind::Anthropic, |_| {}).await;
    for (script, kept, sentence) in failures() {
        assert_failed(&line, &script, kept, sentence).await;
    }
}

async fn what_was_said_before_a_failure_is_kept(setup: Setup) {
    let line = Line::open(setup, ProviderKind::OpenAi, |_| {}).await;
    let script = Script::thinking(["hm"])
        .and_text(["half ", "an answer"])
        .abort();
    let (chat, _) = line.play(script).await;
    let meta = json!({
        "interrupted": "failed",
        "thinking": [{"type": "thinking", "thinking": "hm"}],
    });
    let stored = messages_without_ids(&chat).await;
    assert_eq!(stored[1]["content"], "half an answer");
    assert_eq!(stored[1]["meta"], meta);
    assert_eq!(stored[2]["type"], "ai/failure");
    // The model is told what it had said, and not what we said of its failure.
    chat.say("go on").await.expect(201).events().await;
    let asked = line.model.turns()[1].messages();
    let text = |role: &str, text: &str| (role.to_owned(), text.to_owned());
    assert_eq!(
        asked,
        [
            text("user", "hi"),
            text("assistant", "half an answer"),
            text("user", "go on")
        ]
    );
}

const WORDS: [&str; 4] = ["Grüße, ", "\u{1f642}", " \"done\"", "\n\\"];

fn oddities() -> Vec<Script> {
    let words = || Script::text(WORDS);
    let mut scripts = vec![
        words(),
        words().at_once(),
        words().crlf(),
        words().cr(),
        words().crlf().split(1),
        words().with_comments(),
        words().no_last_blank_line(),
        words().no_end(),
        words().no_end().no_last_blank_line(),
        words().finish(""),
        words().finish("something new"),
        words().no_finish(),
        words().ignore_stream(),
        words().and_raw("{}"),
    ];
    scripts.extend((2..6).map(|size| words().split(size)));
    scripts
}

async fn assert_answered(line: &Line, script: Script) {
    let shown = format!("{script:?}");
    let (chat, events) = line.play(script).await;
    assert_eq!(
        finals(&events),
        said(&[("human", "hi"), ("ai", &WORDS.concat())]),
        "{shown}"
    );
    assert_eq!(events.last().unwrap().json().get("meta"), None, "{shown}");
    assert_eq!(chat.messages().await[1].1, WORDS.concat(), "{shown}");
}

async fn odd_but_complete_answers_are_answers(setup: Setup) {
    let line = Line::open(setup, ProviderKind::OpenAi, |_| {}).await;
    for script in oddities() {
        assert_answered(&line, script).await;
    }
}

async fn odd_but_complete_answers_of_the_anthropic_format_are_answers(setup: Setup) {
    let line = Line::open(setup, ProviderKind::Anthropic, |_| {}).await;
    for script in oddities() {
        assert_answered(&line, script).await;
    }
}

async fn a_model_that_never_answers_is_given_up(setup: Setup) {
    let line = Line::open(setup, ProviderKind::OpenAi, |config| {
        config.timeouts.begin = Duration::from_millis(100);
    })
    .await;
    assert_failed(&line, &Script::hang(), "", UNAVAILABLE).await;
}

async fn a_model_that_falls_silent_is_given_up_and_its_text_kept(setup: Setup) {
    let line = Line::open(setup, ProviderKind::OpenAi, |config| {
        config.timeouts.idle = Duration::from_millis(100);
    })
    .await;
    let silent = |script: Script| script.no_finish().then_hang();
    assert_failed(&line, &silent(Script::text([""; 0])), "", UNAVAILABLE).await;
    assert_failed(&line, &silent(Script::text(["half"])), "half", UNAVAILABLE).await;
}

async fn a_turn_has_a_time_limit_of_its_own(mut setup: Setup) {
    setup.assistant.chat.time = Duration::from_millis(150);
    let line = Line::open(setup, ProviderKind::OpenAi, |_| {}).await;
    let (chat, events) = line
        .play(Script::text(["half"]).no_finish().then_hang())
        .await;
    assert_eq!(events.last().unwrap().kind(), "ai/failure");
    assert_eq!(chat.messages().await[1].1, "half");
    let (chat, events) = line.play(Script::hang()).await;
    assert_eq!(events.last().unwrap().kind(), "ai/failure");
    assert_eq!(chat.status().await, "idle");
    line.model.wait_until_idle().await;
}

async fn a_turn_that_calls_tools_without_end_asks_whether_to_go_on(mut setup: Setup) {
    setup.assistant.chat.steps = 3;
    let line = Line::open(setup, ProviderKind::OpenAi, |_| {}).await;
    line.model.respond(|_| Script::tool_call("look", json!({})));
    let chat = line.tenant.chat();
    let body = with(
        chat.message("hi"),
        "contextual_tools",
        tool("look", json!({})),
    );
    let events = chat.stream(&body).await.expect(201).events().await;
    let kinds: Vec<_> = finals(&events).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        kinds,
        ["human", "ai", "tool", "ai", "tool", "ai", "tool", "ai"]
    );
    let question = events.last().unwrap().json();
    assert_eq!(question.get("tool_calls"), None);
    assert!(question["content"].as_str().unwrap().ends_with('?'));
    assert_eq!(line.model.turns().len(), 3);
    assert_eq!(chat.messages().await.len(), 8);
    assert_eq!(chat.status().await, "idle");
}

async fn an_answer_at_full_speed_arrives_whole(setup: Setup) {
    let line = Line::open(setup, ProviderKind::OpenAi, |_| {}).await;
    line.model.script([Script::flood(5_000, 40)]);
    let chat = line.tenant.chat();
    let stream = chat.stream_deltas(&chat.message("hi")).await.expect(201);
    let events = stream.events().await;
    let whole = "x".repeat(200_000);
    let deltas: String = events
        .iter()
        .filter(|event| event.is_partial())
        .map(Event::content)
        .collect();
    assert!(whole.starts_with(&deltas) && !deltas.is_empty());
    assert_eq!(events.last().unwrap().content(), whole);
    assert_eq!(chat.messages().await[1].1, whole);
}

async fn an_answer_that_is_cut_for_its_length_says_so_and_may_go_on(setup: Setup) {
    for (kind, finish) in [
        (ProviderKind::OpenAi, "length"),
        (ProviderKind::Anthropic, "max_tokens"),
    ] {
        let line = Line::open(setup.twin(), kind, |_| {}).await;
        let (chat, events) = line.play(Script::text(["half of"]).finish(finish)).await;
        let finals = finals(&events);
        let kinds: Vec<_> = finals.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["human", "ai", "ai"]);
        assert_eq!(finals[1].1, "half of");
        assert!(finals[2].1.contains("longest length") && finals[2].1.ends_with('?'));
        let detail = chat.detail().await;
        let meta = &detail["messages"][1]["meta"];
        assert_eq!(meta["interrupted"], "length", "{detail}");
        assert_eq!(chat.status().await, "idle");
        line.model.script([Script::text(["the answer"])]);
        let events = chat.say("Yes").await.expect(201).events().await;
        assert_eq!(events.last().unwrap().content(), "the answer");
        let seen = line.model.turns().pop().unwrap().messages();
        assert!(
            seen.iter().any(|(_, text)| text.contains("half of")),
            "{seen:?}"
        );
        line.app.stop().await;
    }
}

async fn a_call_that_is_cut_for_its_length_is_not_carried_out(setup: Setup) {
    let line = Line::open(setup, ProviderKind::OpenAi, |_| {}).await;
    line.model
        .script([Script::tool_call("look", json!({})).finish("length")]);
    let chat = line.tenant.chat();
    let body = with(
        chat.message("hi"),
        "contextual_tools",
        tool("look", json!({})),
    );
    let events = chat.stream(&body).await.expect(201).events().await;
    let finals = finals(&events);
    let (kind, text) = finals.last().unwrap();
    assert_eq!(
        (finals.len(), kind.as_str()),
        (2, "ai/failure"),
        "{finals:?}"
    );
    assert!(text.contains("longest length"), "{text}");
    assert_eq!(chat.status().await, "idle");
    assert_eq!(line.model.turns().len(), 1);
}

async fn an_endless_answer_is_cut(setup: Setup) {
    let line = Line::open(setup, ProviderKind::OpenAi, |_| {}).await;
    line.model.script([Script::flood(1_000, 64 * 1024)]);
    let chat = line.tenant.chat();
    let body = chat.message("hi");
    let reply = post_accepting(&chat, "application/json", &body).await;
    let messages = &reply.expect(201).json["messages"];
    let length = messages[1]["content"].as_str().unwrap().len();
    assert!((4 << 20..5 << 20).contains(&length), "{length}");
    assert_eq!(messages[1]["meta"]["interrupted"], "failed");
    assert_eq!(messages[2]["type"], "ai/failure");
    assert_eq!(chat.status().await, "idle");
    line.model.wait_for_disconnects(1).await;
}

async fn a_transient_failure_is_tried_again_within_the_same_turn(setup: Setup) {
    let line = Line::open(setup, ProviderKind::OpenAi, |config| {
        config.max_retries = 2;
        config.retry_pause = Duration::from_millis(1);
    })
    .await;
    line.model.script([Script::status(429), Script::close()]);
    let (chat, events) = line.play(Script::text(["at last"])).await;
    assert_eq!(finals(&events), said(&[("human", "hi"), ("ai", "at last")]));
    assert_eq!(line.model.turns().len(), 3);
    assert_eq!(chat.messages().await.len(), 2);
}

async fn cancelling_closes_the_connection_to_the_model(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (mut stream, gate) = hold(&stage, &chat, &["half", " never"]).await;
    gate.open(1);
    stream.until(Event::is_partial).await;
    assert_eq!(stage.model.open(), 1);
    cancel(&chat).await;
    stage.model.wait_for_disconnects(1).await;
    stage.model.wait_until_idle().await;
    let rest = stream.events().await;
    assert_eq!(
        rest.last().unwrap().json()["meta"]["interrupted"],
        "cancelled"
    );
}

async fn cancelling_a_model_that_has_not_answered_yet_closes_the_connection_too(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage.model.script([Script::hang()]);
    let chat = stage.chat();
    let stream = chat.say("hi").await.expect(201);
    stage.model.wait_for_turns(1).await;
    cancel(&chat).await;
    stage.model.wait_for_disconnects(1).await;
    assert_eq!(finals(&stream.events().await), said(&[("human", "hi")]));
    assert_eq!(chat.status().await, "idle");
}

async fn the_models_own_words_about_its_failure_reach_nobody(setup: Setup) {
    let line = Line::open(setup, ProviderKind::OpenAi, |_| {}).await;
    let quoted = json!({"error": {"message": "your key sk-secret is wrong", "type": "x"}});
    for status in [400, 401, 500] {
        let script = Script::status(status).body(quoted.to_string());
        let (chat, events) = line.play(script).await;
        let told = raw(&events) + &chat.detail().await.to_string();
        assert!(!told.contains("sk-secret"), "{told}");
    }
}
