//! The general throttles, and the words of a 429 (conventions.md 6; ai-conversations.md 9.1; spec "Throttles"). What
//! counts as a turn is tested with the turns.

use crate::common::{Stage, assert_error, enqueue};
use model::rates::{Limit, Per};
use serde_json::json;
use std::time::Duration;
use testkit::{Api, Reply, Setup, on_both_engines};

on_both_engines! {
    a_key_may_come_480_times_a_minute,
    an_hour_has_a_limit_of_its_own,
    every_key_is_counted_by_itself,
    broken_requests_count_and_refused_ones_do_not,
    a_turn_counts_in_place_of_a_request,
    a_project_sets_its_own_rates,
    a_keys_throttles_can_be_lifted,
    a_throttled_turn_says_when_to_come_back,
    who_may_begin_no_turn_may_still_queue_and_note,
    without_rate_limits_nothing_is_counted,
}

fn limited(mut setup: Setup, rates: &[(&'static str, u32, Per)]) -> Setup {
    setup.api.rate_limits = true;
    for (name, count, per) in rates {
        setup.api.rates.insert(*name, Limit::at(*count, *per));
    }
    setup
}

const ME: &str = "/api/users/@me/";

/// Fails unless this is the answer of the general throttles, and gives the seconds it says.
#[track_caller]
fn assert_throttled(reply: &Reply) -> u64 {
    assert_error(reply, 429, "throttled", "");
    assert_eq!(reply.json["type"], "throttled_error");
    let seconds: u64 = reply.header("retry-after").parse().unwrap();
    let plural = if seconds == 1 { "" } else { "s" };
    let detail = format!("Request was throttled. Expected available in {seconds} second{plural}.");
    assert_eq!(reply.json["detail"], detail);
    seconds
}

/// Comes so often, each time let in.
async fn come(api: &Api, times: usize) {
    for time in 0..times {
        let reply = api.get(ME).await;
        assert_eq!(reply.status, 200, "the {time}th time: {}", reply.text);
    }
}

async fn a_key_may_come_480_times_a_minute(setup: Setup) {
    let app = limited(setup, &[]).start().await;
    let api = app.tenant().await.api;
    come(&api, 480).await;
    let seconds = assert_throttled(&api.get(ME).await);
    assert!((30..=60).contains(&seconds), "{seconds}");
    // In the last second of the wait it is told in the singular.
    app.advance(Duration::from_secs(seconds - 1));
    let last = assert_throttled(&api.get(ME).await);
    assert_eq!(last, 1);
    app.advance(Duration::from_secs(1));
    come(&api, 1).await;
}

async fn an_hour_has_a_limit_of_its_own(setup: Setup) {
    let app = limited(setup, &[("api_sustained", 3, Per::Hour)])
        .start()
        .await;
    let api = app.tenant().await.api;
    come(&api, 3).await;
    app.advance(Duration::from_secs(120));
    let seconds = assert_throttled(&api.get(ME).await);
    assert!((3470..=3480).contains(&seconds), "{seconds}");
    app.advance(Duration::from_secs(seconds));
    come(&api, 3).await;
}

async fn every_key_is_counted_by_itself(setup: Setup) {
    let app = limited(setup, &[("api_burst", 2, Per::Minute)])
        .start()
        .await;
    let tenant = app.tenant().await;
    let second = app.api(&app.key(tenant.user, &["*"]).await);
    come(&tenant.api, 2).await;
    assert_throttled(&tenant.api.get(ME).await);
    come(&second, 2).await;
    assert_throttled(&second.get(ME).await);
}

async fn broken_requests_count_and_refused_ones_do_not(setup: Setup) {
    let app = limited(setup, &[("api_burst", 3, Per::Minute)])
        .start()
        .await;
    let tenant = app.tenant().await;
    let reader = app.key(tenant.user, &["conversation:read"]).await;
    let api = app.api(&reader);
    let chat = tenant.chat().seen_by(&api);
    // Neither who is not known nor who may not, nor what does not exist at all.
    for _ in 0..5 {
        let note = json!({"content": "x"});
        assert_eq!(
            api.post(&chat.path("append_message/"), &note).await.status,
            403
        );
        assert_eq!(app.stranger().get(ME).await.status, 401);
        assert_eq!(api.get("/api/nope/").await.status, 404);
    }
    assert_eq!(api.get(&chat.path("")).await.status, 404);
    assert_eq!(
        api.get(&format!("{}nonsense/", chat.root())).await.status,
        404
    );
    come(&api, 1).await;
    assert_throttled(&api.get(ME).await);
    assert_throttled(&api.get(&chat.path("")).await);
}

async fn a_turn_counts_in_place_of_a_request(setup: Setup) {
    let stage = Stage::new(limited(setup, &[("api_burst", 1, Per::Minute)])).await;
    let chat = stage.chat();
    let repeated = chat.message("go");
    chat.stream(&repeated).await.expect(201).events().await;
    for _ in 0..4 {
        chat.say("go").await.expect(201).events().await;
    }
    // Nothing of that was a request; attaching and repeating are.
    chat.stream(&repeated).await.expect(200).events().await;
    assert_throttled(&chat.post(&repeated).await);
    assert_throttled(&chat.post(&chat.attaching()).await);
    assert_throttled(&chat.api.get(&chat.path("")).await);
    chat.say("go").await.expect(201).events().await;
}

async fn a_project_sets_its_own_rates(setup: Setup) {
    let app = limited(setup, &[("api_burst", 1, Per::Minute)])
        .start()
        .await;
    let (one, other) = (app.tenant().await, app.tenant().await);
    app.set(one.project, "api_burst", "3/minute").await;
    let list = one.chat().root();
    for _ in 0..3 {
        one.api.get(&list).await.expect(200);
    }
    assert_throttled(&one.api.get(&list).await);
    // The other project, and what belongs to no project, are under the server's.
    let others = other.chat().root();
    other.api.get(&others).await.expect(200);
    assert_throttled(&other.api.get(&others).await);
    app.set(other.project, "api_burst", "off").await;
    let lifted = async || other.api.get(&others).await.status == 200;
    crate::common::eventually("the throttle is off", lifted).await;
    for _ in 0..5 {
        other.api.get(&others).await.expect(200);
    }
}

async fn a_keys_throttles_can_be_lifted(setup: Setup) {
    let app = limited(setup, &[("api_burst", 1, Per::Minute)])
        .start()
        .await;
    let tenant = app.tenant().await;
    let free = app
        .key_with(tenant.user, &["*"], |key| key.unthrottled = true)
        .await;
    come(&app.api(&free), 5).await;
    come(&tenant.api, 1).await;
    assert_throttled(&tenant.api.get(ME).await);
}

async fn a_throttled_turn_says_when_to_come_back(setup: Setup) {
    let rates = [("ai_burst", 1, Per::Minute), ("ai_sustained", 2, Per::Day)];
    let stage = Stage::new(limited(setup, &rates)).await;
    let chat = stage.chat();
    let throttled = async || {
        let reply = chat.post(&chat.message("go")).await;
        assert_error(&reply, 429, "throttled", "");
        let seconds: u64 = reply.header("retry-after").parse().unwrap();
        let detail = reply.json["detail"].as_str().unwrap().to_owned();
        (seconds, detail)
    };
    let words = |when: &str, seconds: u64| {
        format!(
            "You've reached the assistant's usage limit. Please try again {when}. Expected available in {seconds} seconds."
        )
    };
    chat.say("go").await.expect(201).events().await;
    let (seconds, detail) = throttled().await;
    // People are told whole units rounded down, programs whole seconds rounded up.
    assert_eq!(
        detail,
        words(&format!("in {} seconds", seconds - 1), seconds)
    );
    stage.app.advance(Duration::from_secs(seconds));
    chat.say("go").await.expect(201).events().await;
    stage.app.advance(Duration::from_secs(60));
    let (seconds, detail) = throttled().await;
    assert_eq!(detail, words("later today", seconds));
    stage.app.advance(Duration::from_secs(seconds - 600));
    let (seconds, detail) = throttled().await;
    assert_eq!(
        detail,
        words(&format!("in {} minutes", (seconds - 1) / 60), seconds)
    );
    stage.app.advance(Duration::from_secs(seconds));
    chat.say("go").await.expect(201).events().await;
}

async fn who_may_begin_no_turn_may_still_queue_and_note(setup: Setup) {
    let stage = Stage::new(limited(setup, &[("ai_burst", 1, Per::Minute)])).await;
    let chat = stage.idle_chat().await;
    assert_eq!(chat.post(&chat.message("again")).await.status, 429);
    enqueue(&chat, "later").await.expect(200);
    let note = json!({"content": "noted"});
    chat.api
        .post(&chat.path("append_message/"), &note)
        .await
        .expect(200);
    chat.api
        .patch(&chat.path("cancel/"), &json!({}))
        .await
        .expect(200);
    chat.api.get(&chat.root()).await.expect(200);
    chat.api.delete(&chat.path("")).await.expect(204);
}

async fn without_rate_limits_nothing_is_counted(mut setup: Setup) {
    for name in ["ai_burst", "api_burst"] {
        setup.api.rates.insert(name, Limit::at(1, Per::Day));
    }
    assert!(!setup.api.rate_limits);
    let stage = Stage::new(setup).await;
    come(&stage.tenant.api, 3).await;
    for _ in 0..3 {
        stage.chat().say("go").await.expect(201).events().await;
    }
}
