//! The order in which a POST is checked, and what it counts under (ai-conversations.md 4.2, 9.1; spec "Throttles").

use super::scene::{count, hold, post_accepting, raw, with};
use crate::common::{Stage, assert_error, assert_json};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Chat, Gate, Reply, Script, Setup, new_uuid, on_both_engines};

on_both_engines! {
    each_check_comes_before_the_next,
    a_key_that_may_only_read_begins_no_turn,
    without_credentials_a_broken_body_is_met_first,
    the_eleventh_turn_in_a_minute_is_throttled,
    broken_requests_count_as_turns,
    the_day_has_a_limit_of_its_own,
    the_fourth_research_turn_in_a_minute_is_throttled,
    an_exempt_project_is_not_throttled,
    a_converted_research_conversation_counts_as_ordinary,
    reading_does_not_count_as_a_turn,
    a_request_is_known_again_in_every_notation,
    each_user_has_a_limit_of_their_own,
    a_keys_limit_can_be_lifted_and_a_projects_changed,
    exhausted_credits_stop_turns_and_nothing_else,
}

/// A server that counts.
async fn counting(mut setup: Setup) -> Stage {
    setup.api.rate_limits = true;
    Stage::new(setup).await
}

async fn say(chat: &Chat) -> Reply {
    chat.post(&chat.message("hello")).await
}

/// Sets whether the credits are used up.
async fn set_credits(stage: &Stage, exhausted: &str) {
    let project = stage.tenant.project;
    stage
        .app
        .set(project, "ai_credits_exhausted", exhausted)
        .await;
    // A change over HTTP makes the server look at the project anew at once.
    let path = format!("/api/projects/{project}/");
    let unrelated = json!({"timezone": "UTC"});
    let reply = stage.tenant.api.patch(&path, &unrelated).await;
    reply.expect(200);
}

/// Uses up the minute's ten ordinary turns.
async fn use_up(stage: &Stage) {
    for _ in 0..10 {
        say(&stage.chat()).await.expect(201);
    }
}

fn research(chat: &Chat) -> Value {
    with(chat.message("dig deep"), "agent_mode", json!("research"))
}

async fn each_check_comes_before_the_next(setup: Setup) {
    let stage = counting(setup).await;
    let tenant = &stage.tenant;
    let reader = stage.app.key(tenant.user, &["conversation:read"]).await;
    let outsider = stage.app.tenant().await;
    set_credits(&stage, "true").await;
    let chat = stage.chat();
    let unknown = Chat {
        project: model::ProjectId(999_999),
        ..chat.clone()
    };
    let nobody = stage.app.stranger();
    let foreign = outsider.chat();
    foreign.say("mine").await.expect(201).events().await;
    // Every request breaks all the later rules, too.
    let mut body = json!({"content": "", "conversation": foreign.id, "trace_id": new_uuid()});
    let reply = post_accepting(&unknown.seen_by(&nobody), "text/html", &body).await;
    assert_error(&reply, 406, "not_acceptable", "");
    let reply = unknown.seen_by(&nobody).post(&body).await;
    assert_error(&reply, 401, "not_authenticated", "");
    assert!(reply.header("www-authenticate").starts_with("Bearer"));
    let reader = stage.app.api(&reader);
    let reply = unknown.seen_by(&reader).post(&body).await;
    assert_error(&reply, 404, "not_found", "");
    assert_eq!(reply.json["detail"], "Project not found.");
    for denied in [&outsider.api, &reader] {
        let reply = chat.seen_by(denied).post(&body).await;
        assert_error(&reply, 403, "permission_denied", "");
    }
    for _ in 0..10 {
        let reply = chat.post(&body).await;
        assert_error(&reply, 402, "quota_limit_exceeded", "");
    }
    assert_error(&chat.post(&body).await, 429, "throttled", "");
    stage.app.advance(Duration::from_secs(61));
    assert_error(&chat.post(&body).await, 402, "quota_limit_exceeded", "");
    set_credits(&stage, "false").await;
    assert_error(&chat.post(&body).await, 400, "blank", "content");
    body = with(body, "content", json!("hello"));
    let reply = chat.post(&body).await;
    assert_json(
        &reply,
        400,
        &json!({"error": "Cannot access other users' conversations"}),
    );
    assert_eq!(count(&chat).await, 0);
}

async fn a_key_that_may_only_read_begins_no_turn(setup: Setup) {
    let stage = Stage::new(setup).await;
    let tenant = &stage.tenant;
    for (scopes, status) in [
        (&["conversation:read"][..], 403),
        (&["ticket:write"][..], 403),
        (&["conversation:write"][..], 201),
        (&["*"][..], 201),
    ] {
        let key = stage.app.key(tenant.user, scopes).await;
        let chat = stage.chat().seen_by(&stage.app.api(&key));
        let reply = say(&chat).await.expect(status);
        if status == 403 {
            assert_error(&reply, 403, "permission_denied", "");
            assert_eq!(
                reply.json["detail"],
                "API key missing required scope 'conversation:write'"
            );
            // Attaching is the same action.
            let attaching = chat.post(&chat.attaching()).await;
            assert_error(&attaching, 403, "permission_denied", "");
        }
    }
}

async fn without_credentials_a_broken_body_is_met_first(setup: Setup) {
    let stage = Stage::new(setup).await;
    let stranger: Api = stage.app.stranger();
    let chat = stage.chat().seen_by(&stranger);
    let request = stranger.request(Method::POST, &chat.root());
    let request = request
        .header("content-type", "application/json")
        .body("{bad");
    assert_error(&stranger.send(request).await, 400, "parse_error", "");
    assert_error(&say(&chat).await, 401, "not_authenticated", "");
}

async fn the_eleventh_turn_in_a_minute_is_throttled(setup: Setup) {
    let stage = counting(setup).await;
    use_up(&stage).await;
    let chat = stage.chat();
    let reply = say(&chat).await;
    assert_error(&reply, 429, "throttled", "");
    assert_eq!(reply.json["type"], "throttled_error");
    let detail = reply.json["detail"].as_str().unwrap();
    assert!(!detail.contains("Research mode"), "{detail}");
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(detail.contains("second"), "{detail}");
    assert_eq!(chat.api.get(&chat.path("")).await.status, 404);
    // Research is counted by itself.
    let other = stage.chat();
    other.stream(&research(&other)).await.expect(201);
    // Whoever waits as long as told is let in.
    stage.app.advance(Duration::from_secs(wait));
    say(&chat).await.expect(201);
}

async fn broken_requests_count_as_turns(setup: Setup) {
    let stage = counting(setup).await;
    let chat = stage.chat();
    for body in [
        json!({}),
        json!([]),
        json!({"content": ""}),
        json!({"content": "hello"}),
        with(chat.message("hello"), "agent_mode", json!("nope")),
    ] {
        assert_eq!(chat.post(&body).await.status, 400);
        let malformed = chat
            .api
            .request(Method::POST, &chat.root())
            .header("content-type", "application/json")
            .body("{bad");
        assert_eq!(chat.api.send(malformed).await.status, 400);
    }
    assert_error(&say(&chat).await, 429, "throttled", "");
}

async fn the_day_has_a_limit_of_its_own(setup: Setup) {
    let stage = counting(setup).await;
    let chat = stage.chat();
    for _ in 0..10 {
        for _ in 0..10 {
            assert_eq!(chat.post(&json!({})).await.status, 400);
        }
        stage.app.advance(Duration::from_secs(61));
    }
    let reply = say(&chat).await;
    assert_error(&reply, 429, "throttled", "");
    let detail = reply.json["detail"].as_str().unwrap();
    assert!(detail.contains("later today"), "{detail}");
    stage.app.advance(Duration::from_secs(24 * 3600));
    say(&chat).await.expect(201);
}

async fn the_fourth_research_turn_in_a_minute_is_throttled(setup: Setup) {
    let stage = counting(setup).await;
    for _ in 0..3 {
        let chat = stage.chat();
        chat.stream(&research(&chat)).await.expect(201);
    }
    let chat = stage.chat();
    let reply = chat.post(&research(&chat)).await;
    assert_error(&reply, 429, "throttled", "");
    let detail = reply.json["detail"].as_str().unwrap();
    assert!(
        detail.contains("Research mode") && detail.contains("beta"),
        "{detail}"
    );
    // An ordinary turn is counted by itself.
    say(&chat).await.expect(201);
}

async fn an_exempt_project_is_not_throttled(setup: Setup) {
    let stage = counting(setup).await;
    stage
        .app
        .set(stage.tenant.project, "ai_limits_exempt", "true")
        .await;
    for _ in 0..5 {
        let chat = stage.chat();
        chat.stream(&research(&chat)).await.expect(201);
    }
    for _ in 0..12 {
        say(&stage.chat()).await.expect(201);
    }
}

async fn a_converted_research_conversation_counts_as_ordinary(setup: Setup) {
    let stage = counting(setup).await;
    let chat = stage.chat();
    let events = chat.stream(&research(&chat)).await.expect(201);
    events.events().await;
    // The first follow-up meets a research conversation and is charged as such; it converts it.
    say(&chat).await.expect(201);
    let other = stage.chat();
    other.stream(&research(&other)).await.expect(201);
    let refused = stage.chat();
    assert_error(
        &refused.post(&research(&refused)).await,
        429,
        "throttled",
        "",
    );
    for _ in 0..10 {
        say(&chat).await.expect(201);
    }
    let reply = say(&chat).await;
    assert_error(&reply, 429, "throttled", "");
    assert!(
        !reply.text.contains("Research mode"),
        "the ordinary limit was met: {}",
        reply.text
    );
}

async fn reading_does_not_count_as_a_turn(setup: Setup) {
    let stage = counting(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage.model.script([Script::text(["answer"]).gated(&gate)]);
    let body = chat.message("go on");
    let stream = chat.stream(&body).await.expect(201);
    let mut readers = Vec::new();
    for _ in 0..12 {
        readers.push(chat.attach().await.expect(200));
        readers.push(chat.stream(&body).await.expect(200));
    }
    gate.open_all();
    let all = raw(&stream.events().await);
    for reader in readers {
        assert_eq!(raw(&reader.events().await), all);
    }
    for _ in 0..12 {
        chat.stream(&body).await.expect(200);
        chat.attach_after("1:1", "delta").await.expect(200);
        assert_eq!(chat.post(&chat.attaching()).await.status, 400);
    }
    for _ in 0..9 {
        say(&stage.chat()).await.expect(201);
    }
    assert_error(&say(&stage.chat()).await, 429, "throttled", "");
    // And once the limit is met, reading goes on.
    chat.attach_after("1:1", "delta").await.expect(200);
    chat.stream(&body).await.expect(200);
}

async fn a_request_is_known_again_in_every_notation(setup: Setup) {
    let stage = counting(setup).await;
    let chat = stage.chat();
    // Ids as whole numbers, a text as a number, and white space that only the original takes for some.
    for (id, content) in [(7, json!(5)), (8, json!("\u{1f}hello"))] {
        let body = json!({"content": content, "conversation": id, "trace_id": id});
        chat.post(&body).await.expect(201);
        for _ in 0..11 {
            chat.post(&body).await.expect(200);
        }
    }
    // So is a conversation: a follow-up to research counts as research.
    let research =
        json!({"content": "dig", "conversation": 9, "trace_id": 9, "agent_mode": "research"});
    chat.post(&research).await.expect(201);
    for trace_id in 10..12 {
        let resuming =
            json!({"content": null, "conversation": 9, "trace_id": trace_id, "resume_payload": {}});
        chat.post(&resuming).await.expect(201);
    }
    let other = stage.chat();
    let reply = other.post(&self::research(&other)).await;
    assert_error(&reply, 429, "throttled", "");
}

async fn each_user_has_a_limit_of_their_own(setup: Setup) {
    let stage = counting(setup).await;
    use_up(&stage).await;
    let tenant = &stage.tenant;
    let another_key = stage.app.key(tenant.user, &["*"]).await;
    let chat = stage.chat();
    assert_eq!(
        say(&chat.seen_by(&stage.app.api(&another_key)))
            .await
            .status,
        429
    );
    let colleague = stage.app.member(tenant.organization, tenant.project).await;
    say(&colleague.chat()).await.expect(201);
    // What is no turn is not held back.
    chat.api.get(&chat.root()).await.expect(200);
}

async fn a_keys_limit_can_be_lifted_and_a_projects_changed(setup: Setup) {
    let stage = counting(setup).await;
    let tenant = &stage.tenant;
    let free = stage
        .app
        .key_with(tenant.user, &["*"], |key| key.unthrottled = true)
        .await;
    let free = stage.app.api(&free);
    for _ in 0..12 {
        say(&stage.chat().seen_by(&free)).await.expect(201);
    }
    let other = stage.app.tenant().await;
    stage.app.set(other.project, "ai_burst", "2/minute").await;
    say(&other.chat()).await.expect(201);
    say(&other.chat()).await.expect(201);
    assert_eq!(say(&other.chat()).await.status, 429);
}

async fn exhausted_credits_stop_turns_and_nothing_else(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage.model.script([Script::text(["answer"]).gated(&gate)]);
    let body = chat.message("go on");
    let stream = chat.stream(&body).await.expect(201);
    set_credits(&stage, "true").await;
    let other = stage.chat();
    let reply = say(&other).await;
    assert_error(&reply, 402, "quota_limit_exceeded", "");
    assert_eq!(reply.json["type"], "server_error");
    assert_eq!(other.api.get(&other.path("")).await.status, 404);
    // Whoever only reads is let through: attaching, repeating, reading on.
    let readers = [
        chat.attach().await.expect(200),
        chat.stream(&body).await.expect(200),
    ];
    gate.open_all();
    let all = raw(&stream.events().await);
    for reader in readers {
        assert_eq!(raw(&reader.events().await), all);
    }
    chat.stream(&body).await.expect(200);
    chat.attach_after("1:1", "delta").await.expect(200);
    // The rest of the API does not ask for credits.
    chat.api.get(&chat.root()).await.expect(200);
    let note = json!({"content": "a note"});
    let path = chat.path("append_message/");
    chat.api.post(&path, &note).await.expect(200);
    let cancel = chat.path("cancel/");
    chat.api.patch(&cancel, &json!({})).await.expect(200);
    // A resumption is a turn.
    let resuming = with(chat.attaching(), "resume_payload", json!({}));
    assert_eq!(chat.post(&resuming).await.status, 402);
    set_credits(&stage, "false").await;
    let (stream, gate) = hold(&stage, &other, &["answer"]).await;
    gate.open_all();
    stream.events().await;
}
