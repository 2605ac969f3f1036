//! A visitor's own tickets (tickets.md 14.5, 18.7 row 184).

use super::scene::{Site, numbers};
use crate::common::assert_json;
use serde_json::{Value, json};
use testkit::{Setup, on_both_engines};

on_both_engines! {
    a_visitor_sees_their_own_tickets_newest_first,
    the_list_is_cut_and_narrowed,
    the_list_is_fresh_after_every_change,
}

async fn a_visitor_sees_their_own_tickets_newest_first(setup: Setup) {
    let site = Site::new(setup).await;
    let (mine, theirs) = (site.browser("u"), site.browser("u"));
    let empty = json!({"count": 0, "results": []});
    assert_json(&mine.tickets(json!({})).await, 200, &empty);
    let first = mine.begin("one").await;
    theirs.begin("theirs").await;
    mine.begin("three").await;
    site.staff_says(&first["ticket_id"], json!({"message": "answer"}))
        .await;
    let list = mine.tickets(json!({})).await.expect(200).json;
    assert_eq!(list["count"], 2);
    assert_eq!(numbers(&list), [3, 1]);
    let seen = site.staff_sees(&first["ticket_id"]).await;
    let ticket = &list["results"][1];
    assert_eq!(
        ticket,
        &json!({
            "id": first["ticket_id"], "ticket_number": 1, "status": "new", "unread_count": 1,
            "last_message": "answer", "last_message_at": ticket["last_message_at"], "message_count": 2,
            "created_at": ticket["created_at"],
        })
    );
    for name in ["last_message_at", "created_at"] {
        let shown = ticket[name].as_str().unwrap();
        assert_eq!(seen[name], shown.replace("+00:00", "Z"), "{name}");
    }
}

async fn the_list_is_cut_and_narrowed(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let mut ids: Vec<Value> = Vec::new();
    for text in ["one", "two", "three"] {
        ids.push(browser.begin(text).await["ticket_id"].clone());
    }
    let resolved = json!({"status": "resolved"});
    let second = json!({ "id": ids[1] });
    site.desk.patch(&second, resolved).await.expect(200);
    for (query, shown, count) in [
        (json!({"limit": 2}), vec![3, 2], 3),
        (json!({"limit": 2, "offset": 2}), vec![1], 3),
        (json!({"offset": 9}), vec![], 3),
        (json!({"status": "resolved"}), vec![2], 1),
        (json!({"status": "new"}), vec![3, 1], 2),
        (json!({"status": "on_hold"}), vec![], 0),
    ] {
        let list = browser.tickets(query.clone()).await.expect(200).json;
        assert_eq!(
            (numbers(&list), &list["count"]),
            (shown, &json!(count)),
            "{query}"
        );
    }
}

async fn the_list_is_fresh_after_every_change(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let ticket = browser.begin("one").await["ticket_id"].clone();
    let shown = async || browser.tickets(json!({})).await.expect(200).json["results"][0].clone();
    assert_eq!(shown().await["unread_count"], 0);
    site.staff_says(&ticket, json!({"message": "two"})).await;
    let now = shown().await;
    assert_eq!(
        (&now["unread_count"], &now["last_message"]),
        (&json!(1), &json!("two"))
    );
    browser.mark_read(&ticket).await.expect(200);
    assert_eq!(shown().await["unread_count"], 0);
    let open = json!({"status": "open"});
    site.desk
        .patch(&json!({ "id": ticket }), open)
        .await
        .expect(200);
    assert_eq!(shown().await["status"], "open");
}
