//! What happens while Redis is away: nothing that a client would notice.

use super::{Trio, deaf, setup_with_own, with_own_redis};
use crate::common::{assert_error, assert_json, cancel, eventually, finals, said};
use crate::tickets_desk::Desk;
use crate::turns::scene::{brisk, raw, stepwise};
use model::rates::{Limit, Per};
use serde_json::json;
use std::time::Duration;
use testkit::{Event, Gate, RedisServer, Setup, TestApp};
use tokio::time::Instant;

with_own_redis! {
    redis_may_die_and_come_back_in_mid_stream,
    a_redis_that_hangs_holds_nobody_up,
    without_redis_tickets_are_changed_counted_and_logged,
    without_redis_each_replica_counts_for_itself,
    without_redis_a_turn_is_stopped_from_another_replica,
    a_server_starts_without_redis_and_uses_it_when_it_comes,
    what_is_kept_has_the_documented_names_and_times,
}

/// Waits until a server says that it is ready, or not.
async fn readiness(app: &TestApp, status: u16) {
    eventually("readiness", || async {
        app.stranger().get("/_ready").await.status == status
    })
    .await;
}

async fn redis_may_die_and_come_back_in_mid_stream(setup: Setup, mut redis: RedisServer) {
    let trio = Trio::open(brisk(setup)).await;
    let [on_a, on_b, _] = trio.chats();
    let gate = Gate::new();
    trio.model
        .script([stepwise(&gate, &["one ", "two ", "three ", "four"])]);
    let mut stream = on_a.say("hello").await.expect(201);
    let mut reader = on_b.attach().await.expect(200);
    let (mut seen, mut read) = (Vec::new(), Vec::new());
    for piece in 1..=3 {
        match piece {
            2 => {
                redis.kill();
                readiness(&trio.a, 503).await;
                readiness(&trio.b, 503).await;
            }
            3 => {
                redis.restart().await;
                readiness(&trio.a, 200).await;
                readiness(&trio.b, 200).await;
            }
            _ => {}
        }
        trio.a.advance(Duration::from_millis(60));
        gate.open(1);
        seen.extend(stream.until(Event::is_partial).await);
        read.extend(reader.until(Event::is_partial).await);
    }
    gate.open_all();
    seen.extend(stream.events().await);
    read.extend(reader.events().await);
    assert_eq!(
        finals(&seen),
        said(&[("human", "hello"), ("ai", "one two three four")])
    );
    assert_eq!(raw(&read), raw(&seen));
}

async fn a_redis_that_hangs_holds_nobody_up(mut setup: Setup, redis: RedisServer) {
    setup.redis_patience = bus::PATIENCE;
    setup.api.rate_limits = true;
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let presence = desk.at(&ticket, "presence/");
    redis.pause();
    let since = Instant::now();
    for _ in 0..30 {
        assert_eq!(desk.unread().await, 0);
        desk.get(&ticket).await.expect(200);
        let viewers = desk.api.post(&presence, &json!({})).await;
        assert_json(&viewers, 200, &json!({"viewers": []}));
    }
    // Whoever asks Redis waits a tenth of a second, but not everybody asks. With all of them it would be 18 seconds.
    let waited = since.elapsed();
    assert!(waited < Duration::from_secs(9), "{waited:?}");
    let ready = desk.app.stranger().get("/_ready").await;
    assert_eq!(
        (ready.status.as_u16(), &ready.json["reason"]),
        (503, &json!("Redis does not answer"))
    );
    let health = desk.app.stranger().get("/_health").await;
    assert_json(&health, 200, &json!({"status": "ok"}));
    redis.resume();
    readiness(&desk.app, 200).await;
    eventually("presence is kept again", || async {
        desk.api.post(&presence, &json!({})).await.expect(200);
        keys(&redis)
            .await
            .iter()
            .any(|key| key.contains("presence"))
    })
    .await;
}

async fn without_redis_tickets_are_changed_counted_and_logged(
    setup: Setup,
    mut redis: RedisServer,
) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.hear(&ticket, "one").await;
    assert_eq!(desk.unread().await, 1);
    redis.kill();
    readiness(&desk.app, 503).await;
    // Nothing is kept, so every answer is the store's.
    desk.hear(&ticket, "two").await;
    assert_eq!(desk.unread().await, 2);
    desk.hear(&ticket, "three").await;
    assert_eq!(desk.unread().await, 3);
    desk.patch(&ticket, json!({"status": "open"}))
        .await
        .expect(200);
    desk.reply(&ticket, json!({"message": "hello"}))
        .await
        .expect(201);
    desk.get(&ticket).await.expect(200);
    assert_eq!(desk.unread().await, 0);
    for (kind, times) in [
        ("$conversation_message_received", 3),
        ("$conversation_ticket_status_changed", 1),
        ("$conversation_message_sent", 1),
    ] {
        assert_eq!(desk.events_of(kind).await.len(), times, "{kind}");
    }
}

async fn without_redis_each_replica_counts_for_itself(mut setup: Setup, mut redis: RedisServer) {
    setup.api.rate_limits = true;
    setup
        .api
        .rates
        .insert("api_burst", Limit::at(3, Per::Minute));
    let b = setup.twin().start().await;
    let a = setup.start().await;
    let tenant = a.tenant().await;
    redis.kill();
    for app in [&a, &b] {
        let api = app.api(&tenant.key);
        for _ in 0..3 {
            api.get("/api/users/@me/").await.expect(200);
        }
        assert_error(&api.get("/api/users/@me/").await, 429, "throttled", "");
    }
}

async fn without_redis_a_turn_is_stopped_from_another_replica(
    setup: Setup,
    mut redis: RedisServer,
) {
    let trio = Trio::open(brisk(setup)).await;
    let [on_a, on_b, _] = trio.chats();
    let gate = Gate::new();
    trio.model.script([stepwise(&gate, &["half ", "never"])]);
    let mut stream = on_a.say("hello").await.expect(201);
    gate.open(1);
    stream.until(Event::is_partial).await;
    redis.kill();
    readiness(&trio.b, 503).await;
    assert_eq!(cancel(&on_b).await["status"], "idle");
    // Nobody can tell the first server; it has looked.
    trio.model.wait_for_disconnects(1).await;
    let last = stream.events().await.pop().unwrap().json();
    assert_eq!(last["content"], "half ");
    assert_eq!(last["meta"]["interrupted"], "cancelled");
    assert_eq!(on_a.status().await, "idle");
}

async fn a_server_starts_without_redis_and_uses_it_when_it_comes(
    setup: Setup,
    mut redis: RedisServer,
) {
    redis.kill();
    let trio = Trio::open(deaf(setup)).await;
    readiness(&trio.a, 503).await;
    redis.restart().await;
    for app in [&trio.a, &trio.b, &trio.c] {
        readiness(app, 200).await;
    }
    // Ready is who can ask; being told may take a moment longer.
    eventually("a turn is read elsewhere", || async {
        let [on_a, on_b, _] = trio.chats();
        let gate = Gate::new();
        trio.model.script([stepwise(&gate, &["one ", "two"])]);
        let mut stream = on_a.say("hello").await.expect(201);
        gate.open(1);
        stream.until(Event::is_partial).await;
        let mut reader = on_b.attach().await.expect(200);
        reader.until(Event::is_partial).await;
        gate.open_all();
        let seen = raw(&stream.events().await);
        let read = tokio::time::timeout(Duration::from_secs(2), reader.events()).await;
        read.is_ok_and(|read| raw(&read) == seen)
    })
    .await;
}

async fn keys(redis: &RedisServer) -> Vec<String> {
    let mut keys: Vec<String> = testkit::redis::command(&redis.url(), redis::cmd("KEYS").arg("*"))
        .await
        .unwrap();
    keys.sort();
    keys
}

async fn what_is_kept_has_the_documented_names_and_times(setup: Setup, redis: RedisServer) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.hear(&ticket, "hello?").await;
    assert_eq!(desk.unread().await, 1);
    desk.api
        .post(&desk.at(&ticket, "presence/"), &json!({}))
        .await
        .expect(200);
    let project = desk.tenant.project;
    let unread = format!("conversations:unread_count:{project}");
    let presence = format!(
        "conversations:ticket_presence:{project}:{}",
        ticket["id"].as_str().unwrap()
    );
    let generation = format!("{{{unread}}}:generation");
    assert_eq!(
        keys(&redis).await,
        [presence.clone(), unread.clone(), generation]
    );
    let url = redis.url();
    let value: String = testkit::redis::command(&url, redis::cmd("GET").arg(&unread))
        .await
        .unwrap();
    assert_eq!(value, "1");
    for key in [unread, presence] {
        let life: i64 = testkit::redis::command(&url, redis::cmd("PTTL").arg(&key))
            .await
            .unwrap();
        assert!((1..=30_000).contains(&life), "{key}: {life}");
    }
}

/// One node that has all slots is a cluster too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_does_what_one_server_does() {
    let name = concat!(module_path!(), "::a_cluster_does_what_one_server_does");
    let arguments = &["--cluster-enabled", "yes"];
    let Some((mut setup, redis)) = setup_with_own(name, arguments).await else {
        return;
    };
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("ADDSLOTSRANGE").arg(0).arg(16_383);
    testkit::redis::command::<()>(&redis.url(), &slots)
        .await
        .unwrap();
    eventually("the cluster is formed", || async {
        let (url, mut info) = (redis.url(), redis::cmd("CLUSTER"));
        let info: String = testkit::redis::command(&url, info.arg("INFO"))
            .await
            .unwrap();
        info.contains("cluster_state:ok")
    })
    .await;
    let url = redis.url().replace("redis://", "redis-cluster://");
    setup.redis = Some(url.parse().unwrap());
    setup.api.rate_limits = true;
    setup
        .api
        .rates
        .insert("api_burst", Limit::at(100, Per::Minute));
    let trio = Trio::open(deaf(setup)).await;
    for app in [&trio.a, &trio.b, &trio.c] {
        readiness(app, 200).await;
    }
    let [on_a, on_b, _] = trio.chats();
    let gate = Gate::new();
    trio.model.script([stepwise(&gate, &["one ", "two"])]);
    let mut stream = on_a.say("hello").await.expect(201);
    gate.open(1);
    let mut seen = stream.until(Event::is_partial).await;
    let mut reader = on_b.attach().await.expect(200);
    let mut read = reader.until(Event::is_partial).await;
    gate.open_all();
    seen.extend(stream.events().await);
    read.extend(reader.events().await);
    assert_eq!(raw(&read), raw(&seen));
    let unread = format!(
        "/api/projects/{}/conversations/tickets/unread_count/",
        trio.tenant.project
    );
    for api in trio.apis() {
        assert_eq!(api.get(&unread).await.expect(200).json["count"], 0);
    }
    let kept = keys(&redis).await;
    for part in ["unread_count", "throttle"] {
        assert!(
            kept.iter().any(|key| key.contains(part)),
            "{part}: {kept:?}"
        );
    }
}
