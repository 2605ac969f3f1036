//! Tickets: the live inbox, presence and the unread count on several replicas (tickets.md 9, 10.9, 13).

use super::on_replicas;
use crate::common::eventually;
use crate::tickets_desk::Desk;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, EventStream, Setup, SmtpServer};
use tokio::time::Instant;

on_replicas! {
    a_reply_on_one_replica_reaches_the_open_inbox_on_another,
    viewers_on_different_replicas_see_each_other,
    who_types_on_one_replica_is_seen_once_in_the_open_inbox_on_every_other,
    the_unread_count_is_kept_for_all_and_dropped_for_all,
    a_change_of_settings_or_a_revoked_key_counts_everywhere_within_a_second,
    every_mail_is_sent_by_one_of_them,
}

async fn every_mail_is_sent_by_one_of_them(setup: Setup) {
    let server = SmtpServer::start().await;
    let setup = setup.mailed_by(server.address());
    let _other = setup.twin().start().await;
    let desk = Desk::new(setup).await;
    let recipients: Vec<_> = (0..20).map(|it| format!("{it}@example.com")).collect();
    let project = desk.tenant.project;
    desk.app
        .set(project, "notification_recipients", &recipients.join(","))
        .await;
    let ticket = desk.add(json!({})).await;
    desk.hear(&ticket, "Hello").await;
    let path = format!("/api/projects/{project}/conversations/outbox/");
    eventually("all mails are sent", || async {
        let mails = desk.api.get(&path).await.expect(200).json;
        let mails = mails["results"].as_array().unwrap();
        mails.iter().filter(|mail| mail["state"] == "sent").count() == 20
    })
    .await;
    let mut told: Vec<_> = server.received().into_iter().map(|mail| mail.to).collect();
    assert_eq!(told.len(), 20);
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 20);
}

async fn inbox(api: &Api, desk: &Desk) -> EventStream {
    let path = format!(
        "/api/projects/{}/conversations/events/",
        desk.tenant.project
    );
    let request = api.request(Method::GET, &path);
    let request = request.header("accept", "text/event-stream");
    let mut stream = EventStream::of(request.send().await.unwrap());
    stream.next().await.unwrap();
    stream
}

async fn a_reply_on_one_replica_reaches_the_open_inbox_on_another(setup: Setup) {
    let other = setup.twin().start().await;
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let mut open = inbox(&other.api(&desk.tenant.key), &desk).await;
    let mut waited = Duration::ZERO;
    for number in 0..20 {
        let text = format!("number {number}");
        desk.reply(&ticket, json!({ "message": text }))
            .await
            .expect(201);
        let since = Instant::now();
        let events = open
            .until(|event| event.name == "$conversation_message_sent")
            .await;
        waited += since.elapsed();
        assert_eq!(
            events.last().unwrap().json()["properties"]["ticket_id"],
            ticket["id"]
        );
    }
    // A few milliseconds each. By the clock it would be half a second.
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

async fn viewers_on_different_replicas_see_each_other(setup: Setup) {
    let other = setup.twin().start().await;
    let redis = setup.redis.clone();
    let desk = Desk::new(setup).await;
    assert!(redis.is_some());
    let ticket = desk.add(json!({})).await;
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let there = other.api(&colleague.key);
    let path = desk.at(&ticket, "presence/");
    let ids = |answer: Value| -> Vec<Value> {
        let viewers = answer["viewers"].as_array().unwrap().iter();
        viewers.map(|viewer| viewer["id"].clone()).collect()
    };
    let beat = async |api: &Api| ids(api.post(&path, &json!({})).await.expect(200).json);
    assert_eq!(beat(&there).await, Vec::<Value>::new());
    assert_eq!(beat(&desk.api).await, [json!(colleague.user)]);
    assert_eq!(beat(&there).await, [json!(desk.tenant.user)]);
    let list = format!(
        "{}presence/?ticket_ids={}",
        desk.path,
        ticket["id"].as_str().unwrap()
    );
    let shown = there.get(&list).await.expect(200).json;
    let id = ticket["id"].as_str().unwrap();
    assert_eq!(shown["viewers"][id][0]["id"], json!(desk.tenant.user));
    desk.later(31);
    let shown = there.get(&list).await.expect(200).json;
    assert_eq!(shown, json!({"viewers": {}}));
}

async fn who_types_on_one_replica_is_seen_once_in_the_open_inbox_on_every_other(setup: Setup) {
    let other = setup.twin().start().await;
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let mut here = inbox(&desk.api, &desk).await;
    let mut there = inbox(&other.api(&desk.tenant.key), &desk).await;
    let path = desk.at(&ticket, "presence/");
    let beat = async |body: Value| colleague.api.post(&path, &body).await.expect(200);
    // A stream is greeted before Redis knows of it.
    for stream in [&mut here, &mut there] {
        loop {
            beat(json!({})).await;
            let soon = tokio::time::timeout(Duration::from_millis(200), stream.next());
            if soon.await.is_ok() {
                break;
            }
        }
    }
    beat(json!({"is_typing": true})).await;
    beat(json!({"is_leaving": true})).await;
    for stream in [&mut here, &mut there] {
        let state = |event: &testkit::Event| event.json()["properties"]["state"].clone();
        let events = stream.until(|event| state(event) == "left").await;
        let states: Vec<Value> = events.iter().map(state).collect();
        let news: Vec<&Value> = states.iter().filter(|state| *state != "viewing").collect();
        assert_eq!(news, ["typing", "left"]);
        assert!(events.iter().all(|event| event.id.is_empty()));
    }
}

async fn the_unread_count_is_kept_for_all_and_dropped_for_all(setup: Setup) {
    let other = setup.twin().start().await;
    let desk = Desk::new(setup).await;
    let there = other.api(&desk.tenant.key);
    let path = format!("{}unread_count/", desk.path);
    let unread_there = async || there.get(&path).await.expect(200).json["count"].clone();
    let (ticket, later) = (desk.add(json!({})).await, desk.add(json!({})).await);
    desk.hear(&ticket, "hello?").await;
    assert_eq!(unread_there().await, 1);
    // The customer's message passed the cache by, so the kept number is seen here too.
    desk.hear(&later, "hello?").await;
    assert_eq!(desk.unread().await, 1);
    // Reading the ticket here drops what was kept, for there too.
    desk.get(&ticket).await.expect(200);
    assert_eq!(unread_there().await, 1);
    desk.get(&later).await.expect(200);
    assert_eq!(unread_there().await, 0);
}

async fn a_change_of_settings_or_a_revoked_key_counts_everywhere_within_a_second(setup: Setup) {
    let other = setup.twin().start().await;
    let desk = Desk::new(setup).await;
    let there = other.api(&desk.tenant.key);
    let path = format!("{}unread_count/", desk.path);
    let ticket = desk.add(json!({})).await;
    desk.hear(&ticket, "hello?").await;
    assert_eq!(there.get(&path).await.expect(200).json["count"], 1);
    let project = format!("/api/projects/{}/", desk.tenant.project);
    let off = json!({"conversations_enabled": false});
    desk.api.patch(&project, &off).await.expect(200);
    let since = Instant::now();
    while there.get(&path).await.expect(200).json["count"] != 0 {
        assert!(since.elapsed() < Duration::from_secs(1));
    }
    desk.app.revoke(&desk.tenant.key).await;
    let since = Instant::now();
    while there.get(&path).await.status != 401 {
        assert!(since.elapsed() < Duration::from_secs(1));
    }
}
