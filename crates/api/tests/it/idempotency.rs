//! `Idempotency-Key`: what is sent once more is made once (tickets.md 17).

use crate::common::{assert_error, contents};
use crate::tickets_desk::{Desk, path_of};
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Reply, Setup, on_both_engines};

on_both_engines! {
    a_ticket_is_made_once_under_a_key,
    a_reply_is_sent_once_under_a_key,
    a_key_is_its_users_own_and_for_one_request,
    a_key_that_cannot_be_one_is_refused,
    a_refused_request_uses_up_no_key,
    of_many_at_once_one_is_carried_out,
    a_repeat_counts_under_no_throttle_of_replies,
    what_is_gone_is_not_made_again,
    a_key_is_forgotten_after_a_day,
}

async fn post(api: &Api, path: &str, key: &str, body: &Value) -> Reply {
    let request = api.request(Method::POST, path);
    api.send(request.header("idempotency-key", key).json(body))
        .await
}

async fn a_ticket_is_made_once_under_a_key(setup: Setup) {
    let desk = Desk::new(setup).await;
    let body = json!({"priority": "high", "distinct_id": "u"});
    let first = post(&desk.api, &desk.path, "k-1", &body).await.expect(201);
    for _ in 0..2 {
        let again = post(&desk.api, &desk.path, "k-1", &body).await.expect(201);
        assert_eq!(again.json, first.json);
    }
    let second = post(&desk.api, &desk.path, "k-2", &body).await.expect(201);
    assert_eq!(second.json["ticket_number"], 2);
    // Without a key every request makes a ticket.
    assert_eq!(desk.add(body).await["ticket_number"], 3);
    let created = desk.events_of("$conversation_ticket_created").await;
    assert_eq!(created.len(), 3);
    assert_eq!(desk.activity(&first.json).await.len(), 1);
}

async fn a_reply_is_sent_once_under_a_key(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let path = desk.at(&ticket, "reply/");
    let body = json!({"message": "Hi"});
    let first = post(&desk.api, &path, "k", &body).await.expect(201);
    let again = post(&desk.api, &path, "k", &body).await.expect(201);
    assert_eq!(again.json, first.json);
    let shown = desk.peek(&ticket).await;
    assert_eq!(
        (&shown["message_count"], &shown["unread_customer_count"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(desk.events_of("$conversation_message_sent").await.len(), 1);
}

async fn a_key_is_its_users_own_and_for_one_request(setup: Setup) {
    let desk = Desk::new(setup).await;
    let (one, two) = (desk.add(json!({})).await, desk.add(json!({})).await);
    let body = json!({"message": "Hi"});
    let path = desk.at(&one, "reply/");
    post(&desk.api, &path, "k", &body).await.expect(201);
    let other = json!({"message": "Ho"});
    for (path, body) in [
        (&path, &other),
        (&desk.at(&two, "reply/"), &body),
        (&desk.path, &json!({})),
    ] {
        let refused = post(&desk.api, path, "k", body).await;
        assert_error(&refused, 409, "conflict", "");
    }
    assert_eq!(desk.list("").await["count"], 2);
    assert_eq!(desk.peek(&one).await["message_count"], 1);
    assert_eq!(desk.peek(&two).await["message_count"], 0);
    // A colleague's key is another one, and so is one in another project.
    let (organization, project) = (desk.tenant.organization, desk.tenant.project);
    let colleague = desk.app.member(organization, project).await;
    post(&colleague.api, &path, "k", &other).await.expect(201);
    let stranger = desk.app.tenant().await;
    let theirs = post(&stranger.api, &path_of(&stranger), "k", &json!({})).await;
    assert_eq!(theirs.expect(201).json["ticket_number"], 1);
}

async fn a_key_that_cannot_be_one_is_refused(setup: Setup) {
    let desk = Desk::new(setup).await;
    for key in ["", "x".repeat(256).as_str()] {
        let refused = post(&desk.api, &desk.path, key, &json!({})).await;
        assert_error(&refused, 400, "invalid_input", "");
    }
    assert_eq!(desk.list("").await["count"], 0);
    let longest = "x".repeat(255);
    post(&desk.api, &desk.path, &longest, &json!({}))
        .await
        .expect(201);
}

async fn a_refused_request_uses_up_no_key(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let path = desk.at(&ticket, "reply/");
    for (body, status) in [
        (json!({"message": " "}), 400),
        (json!({"message": "Hi"}), 201),
    ] {
        post(&desk.api, &path, "k", &body).await.expect(status);
    }
    let nobody = json!({"assignee": {"type": "user", "id": 999_999}});
    for (body, status) in [(nobody, 400), (json!({}), 201)] {
        post(&desk.api, &desk.path, "t", &body).await.expect(status);
    }
    assert_eq!(desk.list("").await["count"], 2);
}

async fn of_many_at_once_one_is_carried_out(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let path = desk.at(&ticket, "reply/");
    let body = json!({"message": "Hi"});
    let replies = join_all((0..8).map(|_| post(&desk.api, &path, "k", &body))).await;
    let ids: Vec<Value> = replies
        .into_iter()
        .map(|reply| reply.expect(201).json["id"].clone())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let list = desk.api.get(&desk.at(&ticket, "messages/")).await;
    assert_eq!(contents(&list.expect(200).json["results"]), ["Hi"]);
}

async fn a_repeat_counts_under_no_throttle_of_replies(mut setup: Setup) {
    setup.api.rate_limits = true;
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let path = desk.at(&ticket, "reply/");
    let body = json!({"message": "Hi"});
    for number in 0..10 {
        let key = format!("k-{number}");
        post(&desk.api, &path, &key, &body).await.expect(201);
    }
    post(&desk.api, &path, "new", &body).await.expect(429);
    post(&desk.api, &path, "k-3", &body).await.expect(201);
    assert_eq!(desk.peek(&ticket).await["message_count"], 10);
}

async fn what_is_gone_is_not_made_again(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = post(&desk.api, &desk.path, "k", &json!({})).await;
    let made = made.expect(201).json;
    let note = json!({"message": "psst", "is_private": true});
    let path = desk.at(&made, "reply/");
    let noted = post(&desk.api, &path, "n", &note).await.expect(201).json;
    let notes = format!("notes/{}/", noted["id"].as_str().unwrap());
    desk.api.delete(&desk.at(&made, &notes)).await.expect(204);
    let again = post(&desk.api, &path, "n", &note).await;
    assert_error(&again, 404, "not_found", "");
    desk.api.delete(&desk.at(&made, "")).await.expect(204);
    let again = post(&desk.api, &desk.path, "k", &json!({})).await;
    assert_error(&again, 404, "not_found", "");
    assert_eq!(desk.list("").await["count"], 0);
}

async fn a_key_is_forgotten_after_a_day(setup: Setup) {
    let desk = Desk::new(setup).await;
    let erase = async || {
        let lives = model::idempotency::KEY_LIVES;
        let before = desk.app.env.now().minus(lives);
        let erased = desk
            .app
            .store
            .write(move |c| Box::pin(store::idempotency::erase(c, before, 10)));
        erased.await.unwrap()
    };
    let number = async || {
        let made = post(&desk.api, &desk.path, "k", &json!({})).await;
        made.expect(201).json["ticket_number"].clone()
    };
    assert_eq!(number().await, 1);
    desk.app.advance(Duration::from_secs(86_390));
    assert_eq!(erase().await, 0);
    assert_eq!(number().await, 1);
    desk.later(20);
    assert_eq!(erase().await, 1);
    assert_eq!(number().await, 2);
}
