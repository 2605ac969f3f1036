//! A visitor writes (tickets.md 14.2, 18.7 rows 167 to 177).

use super::scene::{Site, texts};
use crate::common::assert_json;
use serde_json::{Map, Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_first_message_makes_a_ticket,
    a_message_without_a_ticket_makes_another,
    a_message_goes_into_its_ticket_and_brings_what_is_new,
    a_ticket_of_another_session_or_project_is_out_of_reach,
    a_ticket_id_must_be_one,
    traits_and_context_are_cut_not_refused,
    markup_is_kept_as_it_is,
    a_message_counts_for_the_team_at_once,
    a_resolved_ticket_opens_where_the_project_says_so,
    an_anonymous_customer_becomes_known_but_not_the_other_way,
    a_message_is_told_once_to_the_log_and_to_the_team,
    a_deleted_ticket_is_gone_for_its_customer,
}

async fn a_first_message_makes_a_ticket(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let context = json!({"current_url": "https://shop.example/", "n": 1});
    let sent = browser
        .write(json!({
            "message": "  Hello\nworld ", "traits": {"name": "Jo", "email": null}, "ticket_id": null,
            "session_id": "rec-1", "session_context": context,
        }))
        .await
        .expect(200);
    let names = [
        "\"ticket_id\"",
        "\"message_id\"",
        "\"ticket_status\"",
        "\"unread_count\"",
        "\"created_at\"",
    ];
    let places = names.map(|name| sent.text.find(name).unwrap());
    assert!(places.is_sorted(), "{}", sent.text);
    let sent = sent.json;
    assert_eq!(sent["ticket_status"], "new");
    assert_eq!(sent["unread_count"], 0);
    assert!(sent["created_at"].as_str().unwrap().ends_with("+00:00"));
    let seen = site.staff_sees(&sent["ticket_id"]).await;
    for (name, value) in [
        ("ticket_number", json!(1)),
        ("status", json!("new")),
        ("channel_source", json!("widget")),
        ("channel_detail", json!("widget_api")),
        ("distinct_id", json!("u")),
        ("unread_team_count", json!(1)),
        ("unread_customer_count", json!(0)),
        ("message_count", json!(1)),
        ("last_message_text", json!("Hello\nworld")),
        ("anonymous_traits", json!({"name": "Jo", "email": null})),
        ("session_id", json!("rec-1")),
        ("session_context", context),
        ("identity_verified", json!(false)),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
    assert!(seen.get("widget_session_id").is_none());
    let messages = site.desk.at(&seen, "messages/");
    let messages = site.desk.api.get(&messages).await.expect(200).json;
    assert_eq!(messages["results"][0]["id"], sent["message_id"]);
    assert_eq!(messages["results"][0]["author_type"], "customer");
    site.set("widget_enabled", "true").await;
    let embedded = browser.begin("Hi").await;
    let seen = site.staff_sees(&embedded["ticket_id"]).await;
    assert_eq!(seen["channel_detail"], "widget_embedded");
}

async fn a_message_without_a_ticket_makes_another(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    browser.begin("one").await;
    let second = browser
        .write(json!({"message": "two", "ticket_id": ""}))
        .await;
    let seen = site.staff_sees(&second.expect(200).json["ticket_id"]).await;
    assert_eq!(seen["ticket_number"], 2);
}

async fn a_message_goes_into_its_ticket_and_brings_what_is_new(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let first = browser
        .write(json!({
            "message": "one", "traits": {"name": "Jo", "email": "jo@x.example"}, "session_context": {"a": 1, "b": 1},
        }))
        .await
        .expect(200)
        .json;
    let second = browser
        .write(json!({
            "message": "two", "ticket_id": first["ticket_id"], "session_id": "rec-2",
            "traits": {"name": "Joe", "email": null, "plan": "pro"}, "session_context": {"b": 2},
        }))
        .await
        .expect(200)
        .json;
    assert_eq!(second["ticket_id"], first["ticket_id"]);
    assert!(second["created_at"].as_str() > first["created_at"].as_str());
    let seen = site.staff_sees(&first["ticket_id"]).await;
    for (name, value) in [
        ("unread_team_count", json!(2)),
        ("message_count", json!(2)),
        ("status", json!("new")),
        (
            "anonymous_traits",
            json!({"name": "Joe", "email": "jo@x.example", "plan": "pro"}),
        ),
        ("session_context", json!({"a": 1, "b": 2})),
        ("session_id", json!("rec-2")),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
}

async fn a_ticket_of_another_session_or_project_is_out_of_reach(setup: Setup) {
    let site = Site::new(setup).await;
    let (mine, theirs) = (site.browser("u"), site.browser("u"));
    let ticket = theirs.begin("Hi").await["ticket_id"].clone();
    let forbidden = json!({"error": "Forbidden"});
    assert_json(&mine.go_on(&ticket, "x").await, 403, &forbidden);
    assert_json(&mine.read(&ticket, json!({})).await, 403, &forbidden);
    assert_json(&mine.mark_read(&ticket).await, 403, &forbidden);
    // The same session under another project's token.
    let other = site.desk.app.tenant().await;
    let mut elsewhere = theirs.clone();
    elsewhere.token = super::scene::widget_token(&other.api, other.project.0).await;
    let unknown = json!({"error": "Ticket not found"});
    assert_json(&elsewhere.go_on(&ticket, "x").await, 404, &unknown);
    assert_json(&elsewhere.read(&ticket, json!({})).await, 404, &unknown);
    assert_json(&elsewhere.mark_read(&ticket).await, 404, &unknown);
    assert!(elsewhere.numbers().await.is_empty());
    let seen = site.staff_sees(&ticket).await;
    assert_eq!(seen["message_count"], 1);
}

async fn a_ticket_id_must_be_one(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    for id in [json!("nope"), json!(7), json!(["x"]), json!("1")] {
        let expected = json!({"error": "Invalid ticket_id format"});
        assert_json(&browser.go_on(&id, "x").await, 400, &expected);
    }
    let unknown = json!({"error": "Ticket not found"});
    assert_json(&browser.go_on(&json!(new_uuid()), "x").await, 404, &unknown);
    assert_json(
        &browser.read(&json!(new_uuid()), json!({})).await,
        404,
        &unknown,
    );
    assert_eq!(site.desk.list("").await["count"], 0);
}

async fn traits_and_context_are_cut_not_refused(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let mut traits: Map<String, Value> = (0..51).map(|n| (format!("t{n}"), json!("x"))).collect();
    traits.insert("k".repeat(201), json!("x"));
    traits.insert("a".to_owned(), json!({"nested": 1}));
    traits.insert("b".to_owned(), json!("y\u{0}".repeat(600)));
    traits.insert("c".to_owned(), json!(5));
    traits.insert("d".to_owned(), json!(true));
    let context = json!({"url": "u".repeat(3000), "list": [1], "n": 1.5, "k".repeat(101): 1});
    let sent = browser
        .write(json!({"message": "Hi", "traits": traits, "session_context": context}))
        .await
        .expect(200)
        .json;
    let seen = site.staff_sees(&sent["ticket_id"]).await;
    let traits = seen["anonymous_traits"].as_object().unwrap();
    assert_eq!(traits.len(), 50);
    assert!(!traits.contains_key("a") && !traits.contains_key(&"k".repeat(201)));
    assert_eq!(traits["b"], "y".repeat(500));
    assert_eq!((&traits["c"], &traits["d"]), (&json!("5"), &json!("true")));
    assert_eq!(
        seen["session_context"],
        json!({"url": "u".repeat(2000), "n": 1.5})
    );
    // Many messages do not add up to more.
    let more: Map<String, Value> = (0..50).map(|n| (format!("more{n}"), json!("x"))).collect();
    browser
        .write(json!({"message": "Hi", "traits": more, "ticket_id": sent["ticket_id"]}))
        .await
        .expect(200);
    let seen = site.staff_sees(&sent["ticket_id"]).await;
    assert_eq!(seen["anonymous_traits"].as_object().unwrap().len(), 50);
}

async fn markup_is_kept_as_it_is(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let text = "<script>alert('x')</script> **bold** \u{1F600}";
    let ticket = browser.begin(text).await["ticket_id"].clone();
    let page = browser.read(&ticket, json!({})).await.expect(200).json;
    assert_eq!(texts(&page), [text]);
}

async fn a_message_counts_for_the_team_at_once(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    assert_eq!(site.desk.unread().await, 0);
    let ticket = browser.begin("one").await["ticket_id"].clone();
    assert_eq!(site.desk.unread().await, 1);
    browser.go_on(&ticket, "two").await.expect(200);
    assert_eq!(site.desk.unread().await, 2);
    site.desk.get(&json!({ "id": ticket })).await.expect(200);
    assert_eq!(site.desk.unread().await, 0);
}

async fn a_resolved_ticket_opens_where_the_project_says_so(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let ticket = browser.begin("one").await["ticket_id"].clone();
    let resolve = async || {
        let ticket = json!({ "id": ticket });
        let done = json!({"status": "resolved"});
        site.desk.patch(&ticket, done).await.expect(200);
    };
    resolve().await;
    let sent = browser.go_on(&ticket, "two").await.expect(200).json;
    assert_eq!(sent["ticket_status"], "resolved");
    assert_eq!(site.desk.unread().await, 0);
    site.set("reopen_on_customer_message", "true").await;
    let sent = browser.go_on(&ticket, "three").await.expect(200).json;
    assert_eq!(sent["ticket_status"], "open");
    assert_eq!(site.desk.unread().await, 3);
}

async fn an_anonymous_customer_becomes_known_but_not_the_other_way(setup: Setup) {
    let site = Site::new(setup).await;
    let mut browser = site.browser("anonymous-1");
    let ticket = browser.begin("one").await["ticket_id"].clone();
    browser.distinct_id = "user-1".to_owned();
    browser.go_on(&ticket, "two").await.expect(200);
    assert_eq!(site.staff_sees(&ticket).await["distinct_id"], "user-1");
    let path = site.path("persons/");
    let body = json!({"distinct_ids": ["user-1"], "properties": {"email": "u1@example.com"}});
    site.desk.api.post(&path, &body).await.expect(201);
    let identify = json!({
        "api_key": public_token(&site).await, "event": "$identify", "distinct_id": "user-1",
        "properties": {"$anon_distinct_id": "other-browser", "$set": {"name": "U"}},
    });
    site.desk
        .app
        .stranger()
        .post("/i/v0/e/", &identify)
        .await
        .expect(200);
    // A session may call itself what it likes, but the ticket stays with its person.
    browser.distinct_id = "somebody-else".to_owned();
    browser.go_on(&ticket, "three").await.expect(200);
    assert_eq!(site.staff_sees(&ticket).await["distinct_id"], "user-1");
    // Another id of the same person is as good.
    browser.distinct_id = "other-browser".to_owned();
    browser.go_on(&ticket, "four").await.expect(200);
    assert_eq!(
        site.staff_sees(&ticket).await["distinct_id"],
        "other-browser"
    );
}

async fn public_token(site: &Site) -> Value {
    let project = site.desk.api.get(&site.path("")).await.expect(200).json;
    project["api_token"].clone()
}

async fn a_message_is_told_once_to_the_log_and_to_the_team(setup: Setup) {
    let site = Site::new(setup).await;
    site.set("notification_recipients", "team@example.com")
        .await;
    let browser = site.browser("u");
    let text = "x".repeat(1500);
    let sent = browser
        .write(json!({"message": text, "traits": {"name": "Jo", "email": "jo@x.example"}}))
        .await
        .expect(200)
        .json;
    browser.go_on(&sent["ticket_id"], "more").await.expect(200);
    let created = site.desk.events_of("$conversation_ticket_created").await;
    assert_eq!(created.len(), 1);
    assert_eq!(created[0]["customer_email"], "jo@x.example");
    let received = site.desk.events_of("$conversation_message_received").await;
    assert_eq!(received.len(), 2);
    assert_eq!(received[0]["message_id"], sent["message_id"]);
    assert_eq!(received[0]["message_content"].as_str().unwrap().len(), 1000);
    assert_eq!(received[0]["author_type"], "customer");
    assert_eq!(received[0]["actor_type"], "customer");
    let mails = site.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0]["to"], "team@example.com");
}

async fn a_deleted_ticket_is_gone_for_its_customer(setup: Setup) {
    let site = Site::new(setup).await;
    let browser = site.browser("u");
    let ticket = browser.begin("one").await["ticket_id"].clone();
    let path = site.desk.at(&json!({ "id": ticket }), "");
    site.desk.api.delete(&path).await.expect(204);
    let unknown = json!({"error": "Ticket not found"});
    assert_json(&browser.go_on(&ticket, "two").await, 404, &unknown);
    assert_json(&browser.read(&ticket, json!({})).await, 404, &unknown);
    assert!(browser.numbers().await.is_empty());
}
