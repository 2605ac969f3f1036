//! A visitor reads what the team answers (tickets.md 14.3, 14.4, 18.7 rows 179 to 183).

use super::scene::{Site, texts};
use crate::common::{assert_json, eventually, keys};
use serde_json::{Value, json};
use testkit::{Setup, on_both_engines};

on_both_engines! {
    messages_come_oldest_first_and_never_a_note,
    only_what_is_strictly_later_comes_after,
    parallel_messages_are_all_found_by_who_reads_on,
    a_page_says_whether_there_is_more,
    a_deleted_message_does_not_appear,
    a_message_that_was_read_is_not_counted_again_when_it_is_deleted,
    the_team_is_named_but_not_by_its_addresses,
    reading_clears_the_badge_and_nothing_else,
}

async fn messages_come_oldest_first_and_never_a_note(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let sent = browser.begin("one").await;
    let ticket = &sent["ticket_id"];
    let doc = json!({"type": "doc", "content": []});
    site.staff_says(ticket, json!({"message": "two", "rich_content": doc}))
        .await;
    let note = json!({"message": "secret note", "is_private": true});
    site.staff_says(ticket, note).await;
    browser.go_on(ticket, "three").await.expect(200);
    let page = browser.read(ticket, json!({})).await.expect(200);
    assert!(!page.text.contains("secret") && !page.text.contains("is_private"));
    assert_eq!(page.header("cache-control"), "no-store");
    let page = page.json;
    assert_eq!(texts(&page), ["one", "two", "three"]);
    assert_eq!(
        keys(&page),
        [
            "has_more",
            "messages",
            "ticket_id",
            "ticket_status",
            "unread_count"
        ]
    );
    let first = &page["messages"][0];
    assert_eq!(
        keys(first),
        [
            "author_name",
            "author_type",
            "content",
            "created_at",
            "id",
            "rich_content"
        ]
    );
    assert_eq!(first["created_at"], sent["created_at"]);
    assert_eq!(first["id"], sent["message_id"]);
    assert_eq!(
        (&first["author_type"], &first["author_name"]),
        (&json!("customer"), &json!("You"))
    );
    let second = &page["messages"][1];
    assert_eq!(
        (&second["author_type"], &second["author_name"]),
        (&json!("human"), &json!("Robin"))
    );
    assert_eq!(second["rich_content"], doc);
    assert_eq!(first["rich_content"], Value::Null);
    assert_eq!(
        (&page["unread_count"], &page["has_more"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(page["ticket_status"], "new");
}

async fn only_what_is_strictly_later_comes_after(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let sent = browser.begin("one").await;
    let ticket = &sent["ticket_id"];
    let after = async |moment: &Value| {
        let page = browser.read(ticket, json!({ "after": moment })).await;
        page.expect(200).json
    };
    assert_eq!(after(&sent["created_at"]).await["messages"], json!([]));
    let reply = site.staff_says(ticket, json!({"message": "two"})).await;
    let page = after(&sent["created_at"]).await;
    assert_eq!(texts(&page), ["two"]);
    assert_eq!(
        after(&page["messages"][0]["created_at"]).await["messages"],
        json!([])
    );
    // The form with a Z, and a plus sign that nobody encoded.
    assert_eq!(after(&reply["created_at"]).await["messages"], json!([]));
    let text = sent["created_at"].as_str().unwrap();
    let path = format!(
        "{}messages/{}?widget_session_id={}&after={text}",
        super::scene::BASE,
        ticket.as_str().unwrap(),
        browser.session
    );
    let request = browser
        .api
        .request(http::Method::GET, &path)
        .header("x-conversations-token", &browser.token);
    assert_eq!(
        texts(&browser.api.send(request).await.expect(200).json),
        ["two"]
    );
}

/// However close together messages are written, none is as old as one that was shown before it.
async fn parallel_messages_are_all_found_by_who_reads_on(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let sent = browser.begin("0").await;
    let ticket = sent["ticket_id"].clone();
    let writers: Vec<_> = (1..=8)
        .map(|writer| {
            let (browser, ticket) = (browser.clone(), ticket.clone());
            tokio::spawn(async move {
                for number in 0..5 {
                    let text = format!("{writer}-{number}");
                    browser.go_on(&ticket, &text).await.expect(200);
                }
            })
        })
        .collect();
    let seen = std::sync::Mutex::new((sent["created_at"].clone(), Vec::new()));
    eventually("all messages are read", || async {
        let after = seen.lock().unwrap().0.clone();
        let page = browser.read(&ticket, json!({ "after": after })).await;
        let page = page.expect(200).json;
        let mut seen = seen.lock().unwrap();
        for message in page["messages"].as_array().unwrap() {
            seen.0 = message["created_at"].clone();
            seen.1.push(message["content"].as_str().unwrap().to_owned());
        }
        seen.1.len() >= 40
    })
    .await;
    for writer in writers {
        writer.await.unwrap();
    }
    let mut texts = seen.into_inner().unwrap().1;
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 40);
}

async fn a_page_says_whether_there_is_more(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let sent = browser.begin("one").await;
    let ticket = &sent["ticket_id"];
    browser.go_on(ticket, "two").await.expect(200);
    for (limit, shown, has_more) in [(1, vec!["one"], true), (3, vec!["one", "two"], false)] {
        let page = browser.read(ticket, json!({ "limit": limit })).await;
        let page = page.expect(200).json;
        assert_eq!(texts(&page), shown);
        assert_eq!(page["has_more"], has_more);
    }
}

async fn a_deleted_message_does_not_appear(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let ticket = browser.begin("one").await["ticket_id"].clone();
    let reply = site.staff_says(&ticket, json!({"message": "two"})).await;
    let (scene, key) = (
        site.desk.scene(),
        crate::tickets_desk::key(&json!({ "id": ticket })),
    );
    let id = model::MessageId(reply["id"].as_str().unwrap().parse().unwrap());
    site.desk
        .app
        .store
        .write(move |c| {
            Box::pin(
                async move { store::tickets::delete_message(c, &scene, key, id, |_| Ok(())).await },
            )
        })
        .await
        .unwrap();
    let page = browser.read(&ticket, json!({})).await.expect(200).json;
    assert_eq!(texts(&page), ["one"]);
    assert_eq!(page["unread_count"], 0);
}

async fn a_message_that_was_read_is_not_counted_again_when_it_is_deleted(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let ticket = browser.begin("one").await["ticket_id"].clone();
    let reply = site.staff_says(&ticket, json!({"message": "two"})).await;
    browser.mark_read(&ticket).await.expect(200);
    let path = site.path(&format!("comments/{}/", reply["id"].as_str().unwrap()));
    let deletion = json!({"deleted": true});
    site.desk.api.patch(&path, &deletion).await.expect(200);
    let seen = site.staff_sees(&ticket).await;
    for (name, value) in [
        ("unread_customer_count", json!(0)),
        ("unread_team_count", json!(1)),
        ("message_count", json!(1)),
        ("last_message_text", json!("one")),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
}

async fn the_team_is_named_but_not_by_its_addresses(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let ticket = browser.begin("one").await["ticket_id"].clone();
    site.staff_says(&ticket, json!({"message": "two"})).await;
    let user = site.desk.tenant.user;
    let sql = "UPDATE users SET first_name = '' WHERE id = ?1";
    site.desk
        .app
        .store
        .write(move |c| Box::pin(async move { c.exec(sql, &[store::Value::from(user)]).await }))
        .await
        .unwrap();
    let page = browser.read(&ticket, json!({})).await.expect(200);
    assert_eq!(page.json["messages"][1]["author_name"], "Support");
    assert!(!page.text.contains("@example.com"), "{}", page.text);
    let named = browser
        .write(json!({"message": "x", "ticket_id": ticket, "traits": {"name": "Jo"}}))
        .await;
    named.expect(200);
    let page = browser.read(&ticket, json!({})).await.expect(200).json;
    assert_eq!(page["messages"][0]["author_name"], "Jo");
}

async fn reading_clears_the_badge_and_nothing_else(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let ticket = browser.begin("one").await["ticket_id"].clone();
    site.staff_says(&ticket, json!({"message": "two"})).await;
    let before = site.staff_sees(&ticket).await;
    assert_eq!(before["unread_customer_count"], 1);
    let read = json!({"success": true, "unread_count": 0});
    for _ in 0..2 {
        assert_json(&browser.mark_read(&ticket).await, 200, &read);
        let mut expected = before.clone();
        expected["unread_customer_count"] = json!(0);
        assert_eq!(site.staff_sees(&ticket).await, expected);
    }
    let seen = site.desk.events_of("ticket_changed").await;
    assert_eq!(
        seen.iter()
            .filter(|event| event["change"] == "seen")
            .count(),
        1
    );
    let page = browser.read(&ticket, json!({})).await.expect(200).json;
    assert_eq!(page["unread_count"], 0);
}
