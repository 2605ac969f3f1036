//! What the team has not read (tickets.md 5, 9, 18.3).

use crate::common::assert_json;
use crate::tickets_desk::{Desk, path_of};
use http::Method;
use serde_json::json;
use testkit::{Setup, on_both_engines};

on_both_engines! {
    reading_a_ticket_clears_its_unread_messages,
    a_read_ticket_is_not_written,
    unread_messages_are_summed_over_what_is_not_resolved,
    the_unread_count_is_kept_until_something_changes,
}

async fn reading_a_ticket_clears_its_unread_messages(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    for text in ["one", "two"] {
        desk.later(1);
        desk.hear(&made, text).await;
    }
    let before = desk.peek(&made).await;
    assert_eq!(before["unread_team_count"], 2);
    desk.later(1);
    let head = desk.api.request(Method::HEAD, &desk.at(&made, ""));
    desk.api.send(head).await.expect(200);
    assert_eq!(desk.peek(&made).await["unread_team_count"], 2);
    let path = format!("{}1/", desk.path);
    let read = desk.api.get(&path).await.expect(200).json;
    assert_eq!(read["unread_team_count"], 0);
    assert_eq!(read["updated_at"], before["updated_at"]);
    assert_eq!(desk.peek(&made).await, read);
}

async fn a_read_ticket_is_not_written(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = desk.add(json!({})).await;
    let events = desk.events().await.len();
    desk.later(1);
    assert_json(&desk.get(&made).await, 200, &made);
    assert_eq!(desk.events().await.len(), events);
}

async fn unread_messages_are_summed_over_what_is_not_resolved(setup: Setup) {
    let desk = Desk::new(setup).await;
    assert_eq!(desk.unread().await, 0);
    for (count, status) in [(3, "new"), (5, "open"), (0, "pending"), (4, "resolved")] {
        let ticket = desk.add(json!({ "status": status })).await;
        for _ in 0..count {
            desk.hear(&ticket, "hello").await;
        }
    }
    desk.later(30);
    assert_eq!(desk.unread().await, 8);
    let other = desk.app.tenant().await;
    let path = format!("{}unread_count/", path_of(&other));
    assert_json(&other.api.get(&path).await, 200, &json!({"count": 0}));
    desk.app
        .set(desk.tenant.project, "conversations_enabled", "false")
        .await;
    crate::common::eventually("the setting is read anew", async || {
        desk.unread().await == 0
    })
    .await;
}

async fn the_unread_count_is_kept_until_something_changes(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let other = desk.add(json!({})).await;
    desk.hear(&ticket, "one").await;
    assert_eq!(desk.unread().await, 1);
    desk.hear(&ticket, "two").await;
    assert_eq!(desk.unread().await, 1, "kept");
    desk.patch(&ticket, json!({"status": "open"}))
        .await
        .expect(200);
    desk.get(&other).await.expect(200);
    assert_eq!(desk.unread().await, 1, "neither changes the sum");
    desk.patch(&other, json!({"status": "resolved"}))
        .await
        .expect(200);
    assert_eq!(desk.unread().await, 2, "fresh");
    desk.hear(&ticket, "three").await;
    desk.later(29);
    assert_eq!(desk.unread().await, 2, "kept");
    desk.later(1);
    assert_eq!(desk.unread().await, 3, "too old");
    desk.get(&ticket).await.expect(200);
    assert_eq!(desk.unread().await, 0, "read");
    desk.hear(&ticket, "four").await;
    desk.patch(&other, json!({"status": "open"}))
        .await
        .expect(200);
    assert_eq!(desk.unread().await, 1, "reopened");
}
