//! Messages, replies and notes of tickets (tickets.md 10, 11, 18.5).

use crate::comments;
use crate::common::{assert_error, contents, keys};
use crate::tickets_desk::Desk;
use serde_json::{Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_reply_is_public_and_counts_for_the_customer,
    a_ticket_shows_its_newest_public_message,
    a_note_changes_no_number,
    messages_are_listed_oldest_first_with_notes,
    broken_replies_are_refused,
    replies_need_the_projects_switch,
    a_note_is_changed_and_deleted_by_its_author_only,
    who_wrote_a_message_is_named,
    replies_are_throttled,
    the_preview_is_cut,
    only_a_real_true_makes_a_message_private,
    what_the_team_types_for_a_customer_is_nobodys_news,
}

async fn a_reply_is_public_and_counts_for_the_customer(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.hear(&ticket, "help").await;
    desk.later(1);
    let rich = json!({"type": "doc", "content": []});
    let reply = json!({"message": "  Hi\n", "rich_content": rich});
    let reply = desk.reply(&ticket, reply).await.expect(201).json;
    assert_eq!(
        keys(&reply),
        [
            "author_name",
            "author_type",
            "content",
            "created_at",
            "created_by",
            "id",
            "is_private",
            "rich_content",
            "version"
        ]
    );
    assert_eq!(reply["content"], "Hi");
    assert_eq!(reply["author_type"], "support");
    assert_eq!(reply["author_name"], "Robin");
    assert_eq!(reply["created_by"]["id"], json!(desk.tenant.user));
    assert_eq!(reply["is_private"], false);
    assert_eq!(
        (&reply["rich_content"], &reply["version"]),
        (&rich, &json!(0))
    );
    let now = desk.peek(&ticket).await;
    assert_eq!(now["message_count"], 2);
    assert_eq!(now["unread_customer_count"], 1);
    assert_eq!(now["unread_team_count"], 1);
    assert_eq!(now["last_message_text"], "Hi");
    assert_eq!(now["last_message_at"], reply["created_at"]);
    assert_eq!(now["updated_at"], reply["created_at"]);
    assert_eq!(now["status"], "new");
}

async fn a_ticket_shows_its_newest_public_message(setup: Setup) {
    const DAY: u64 = 86_400;
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.hear(&ticket, "one").await;
    desk.later(DAY);
    desk.reply(&ticket, json!({"message": "two"}))
        .await
        .expect(201);
    desk.later(DAY);
    let third = desk.reply(&ticket, json!({"message": "three"}));
    let third = third.await.expect(201).json;
    desk.later(DAY);
    let shown = desk.peek(&ticket).await;
    for (name, value) in [
        ("message_count", &json!(3)),
        ("last_message_text", &json!("three")),
        ("last_message_at", &third["created_at"]),
        ("updated_at", &third["created_at"]),
    ] {
        assert_eq!(&shown[name], value, "{name}");
    }
}

async fn a_note_changes_no_number(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.later(1);
    let note = json!({"message": "careful", "is_private": true});
    let note = desk.reply(&ticket, note).await.expect(201).json;
    assert_eq!(note["is_private"], true);
    assert_eq!(desk.peek(&ticket).await, ticket);
}

async fn messages_are_listed_oldest_first_with_notes(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.hear(&ticket, "one").await;
    desk.later(1);
    desk.reply(&ticket, json!({"message": "two"}))
        .await
        .expect(201);
    desk.later(1);
    desk.reply(&ticket, json!({"message": "three", "is_private": true}))
        .await
        .expect(201);
    let path = desk.at(&ticket, "messages/");
    let list = desk.api.get(&path).await.expect(200).json;
    assert_eq!(list["count"], 3);
    assert_eq!(contents(&list["results"]), ["one", "two", "three"]);
    assert_eq!(list["results"][0]["author_type"], "customer");
    let page = desk
        .api
        .get(&format!("{path}?limit=1&offset=1"))
        .await
        .expect(200)
        .json;
    assert_eq!(contents(&page["results"]), ["two"]);
    let next = page["next"].as_str().unwrap();
    assert!(next.ends_with("/messages/?limit=1&offset=2"), "{next}");
    let capped = desk
        .api
        .get(&format!("{path}?limit=999&offset=1"))
        .await
        .expect(200)
        .json;
    assert!(capped["previous"].as_str().unwrap().ends_with("limit=200"));
    assert_eq!(
        desk.peek(&ticket).await["unread_team_count"],
        1,
        "not read by that"
    );
    let stranger = desk.app.tenant().await;
    let own = format!(
        "{}{}/messages/",
        crate::tickets_desk::path_of(&stranger),
        ticket["id"].as_str().unwrap()
    );
    assert_error(&stranger.api.get(&own).await, 404, "not_found", "");
}

async fn broken_replies_are_refused(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    for (body, code, attr) in [
        (json!({}), "required", "message"),
        (json!({"message": null}), "null", "message"),
        (json!({"message": "  "}), "blank", "message"),
        (
            json!({"message": "x".repeat(5001)}),
            "max_length",
            "message",
        ),
        (
            json!({"message": "x", "is_private": "perhaps"}),
            "invalid_input",
            "is_private",
        ),
        (
            json!({"message": "x", "rich_content": "x".repeat(100_001)}),
            "invalid_input",
            "rich_content",
        ),
    ] {
        assert_error(&desk.reply(&ticket, body).await, 400, code, attr);
    }
    let blank = desk.reply(&ticket, json!({"message": "  "})).await;
    assert_eq!(blank.json["detail"], "Message content is required.");
    desk.reply(&ticket, json!({"message": "ä".repeat(5000)}))
        .await
        .expect(201);
    let unknown = json!({ "id": new_uuid() });
    assert_error(&desk.reply(&unknown, json!({})).await, 404, "not_found", "");
    assert_eq!(desk.peek(&ticket).await["message_count"], 1);
}

async fn replies_need_the_projects_switch(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.app
        .set(desk.tenant.project, "conversations_enabled", "false")
        .await;
    let refused = async || {
        let reply = desk.reply(&ticket, json!({"message": "x"})).await;
        reply.status == 400 && reply.json == json!({"detail": "Conversations is not enabled."})
    };
    crate::common::eventually("replies are refused", refused).await;
    let merge = json!({"target_ticket_id": new_uuid()});
    let merge = desk
        .api
        .post(&desk.at(&ticket, "merge/"), &merge)
        .await
        .expect(400);
    assert_eq!(
        merge.json,
        json!({"detail": "Conversations is not enabled."})
    );
    let mail =
        json!({"recipient_email": "jo@x.com", "email_config_id": new_uuid(), "message": "hi"});
    let compose = format!("{}compose/", desk.path);
    let compose = desk.api.post(&compose, &mail).await.expect(400);
    assert_eq!(compose.json, merge.json);
    desk.get(&ticket).await.expect(200);
    desk.patch(&ticket, json!({"status": "open"}))
        .await
        .expect(200);
}

async fn a_note_is_changed_and_deleted_by_its_author_only(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let other_ticket = desk.add(json!({})).await;
    let post = async |is_private: bool| {
        let body = json!({"message": "text", "is_private": is_private, "rich_content": {"a": 1}});
        desk.reply(&ticket, body).await.expect(201).json
    };
    let (note, public) = (post(true).await, post(false).await);
    let path = |ticket: &Value, note: &Value| {
        desk.at(ticket, &format!("notes/{}/", note["id"].as_str().unwrap()))
    };
    let own = path(&ticket, &note);
    let edited = desk
        .api
        .patch(&own, &json!({"message": "better"}))
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&edited["content"], &edited["version"]),
        (&json!("better"), &json!(1))
    );
    assert_eq!(edited["rich_content"], Value::Null);
    assert_eq!(edited["created_at"], note["created_at"]);
    let blank = desk.api.patch(&own, &json!({"message": ""})).await;
    assert_error(&blank, 400, "blank", "message");

    let refusal = |status: u16, detail: &str, error_type: &str| {
        (status, json!({"detail": detail, "error_type": error_type}))
    };
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let unknown = json!({ "id": new_uuid() });
    let malformed = json!({"id": "nope"});
    for (api, path, edit, delete) in [
        (
            &desk.api,
            path(&ticket, &public),
            refusal(400, "Only private notes can be edited.", "not_private_note"),
            refusal(
                400,
                "Only private notes can be deleted.",
                "not_private_note",
            ),
        ),
        (
            &colleague.api,
            own.clone(),
            refusal(
                403,
                "You can only edit your own private notes.",
                "not_note_author",
            ),
            refusal(
                403,
                "You can only delete your own private notes.",
                "not_note_author",
            ),
        ),
        (
            &desk.api,
            path(&other_ticket, &note),
            refusal(404, "Note not found.", "note_not_found"),
            refusal(404, "Note not found.", "note_not_found"),
        ),
        (
            &desk.api,
            path(&ticket, &unknown),
            refusal(404, "Note not found.", "note_not_found"),
            refusal(404, "Note not found.", "note_not_found"),
        ),
        (
            &desk.api,
            path(&ticket, &malformed),
            refusal(404, "Note not found.", "note_not_found"),
            refusal(404, "Note not found.", "note_not_found"),
        ),
    ] {
        let answer = api.patch(&path, &json!({"message": "x"})).await;
        assert_eq!((answer.status.as_u16(), answer.json), edit, "{path}");
        let answer = api.delete(&path).await;
        assert_eq!((answer.status.as_u16(), answer.json), delete, "{path}");
    }
    let before = desk.peek(&ticket).await;
    desk.api.delete(&own).await.expect(204);
    let again = desk.api.delete(&own).await;
    assert_eq!(again.status.as_u16(), 404);
    assert_eq!(desk.peek(&ticket).await, before);
    let messages = desk
        .api
        .get(&desk.at(&ticket, "messages/"))
        .await
        .expect(200)
        .json;
    assert_eq!(contents(&messages["results"]), ["text"]);
}

async fn who_wrote_a_message_is_named(setup: Setup) {
    let desk = Desk::new(setup).await;
    for (traits, name) in [
        (json!({}), "Customer"),
        (json!({"email": "jo@x.y"}), "jo@x.y"),
        (json!({"email": "jo@x.y", "name": "Jo"}), "Jo"),
        (json!([1]), "Customer"),
    ] {
        let ticket = desk.add(json!({ "anonymous_traits": traits })).await;
        desk.hear(&ticket, "hi").await;
        let list = desk
            .api
            .get(&desk.at(&ticket, "messages/"))
            .await
            .expect(200)
            .json;
        assert_eq!(list["results"][0]["author_name"], name);
        assert_eq!(list["results"][0]["created_by"], Value::Null);
    }
}

async fn replies_are_throttled(mut setup: Setup) {
    setup.api.rate_limits = true;
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    for _ in 0..10 {
        desk.reply(&ticket, json!({})).await.expect(400);
    }
    let refused = desk.reply(&ticket, json!({"message": "x"})).await;
    assert_error(&refused, 429, "throttled", "");
    assert_eq!(refused.header("retry-after"), "60");
    let compose = format!("{}compose/", desk.path);
    desk.api.post(&compose, &json!({})).await.expect(429);
    desk.later(60);
    desk.reply(&ticket, json!({"message": "x"}))
        .await
        .expect(201);
}

async fn the_preview_is_cut(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.reply(&ticket, json!({"message": "😀".repeat(600)}))
        .await
        .expect(201);
    assert_eq!(
        desk.peek(&ticket).await["last_message_text"],
        "😀".repeat(500)
    );
}

/// Posts a comment on a ticket, with this context.
async fn comment(desk: &Desk, ticket: &Value, context: Value) {
    let mut body = comments::body(ticket, "Hi");
    body["item_context"] = context;
    desk.api
        .post(&comments::path(desk), &body)
        .await
        .expect(201);
}

async fn only_a_real_true_makes_a_message_private(setup: Setup) {
    let desk = Desk::new(setup).await;
    for (stored, is_private) in [
        (json!(true), true),
        (json!("true"), false),
        (json!(1), false),
        (json!(false), false),
        (Value::Null, false),
    ] {
        let ticket = desk.add(json!({})).await;
        let context = json!({"author_type": "support", "is_private": stored});
        comment(&desk, &ticket, context).await;
        let list = desk.api.get(&desk.at(&ticket, "messages/")).await;
        let list = list.expect(200).json;
        assert_eq!(list["results"][0]["is_private"], is_private, "{stored}");
        let counted = i64::from(!is_private);
        assert_eq!(desk.peek(&ticket).await["message_count"], counted);
    }
}

async fn what_the_team_types_for_a_customer_is_nobodys_news(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    comment(&desk, &ticket, json!({"author_type": "customer"})).await;
    let shown = desk.peek(&ticket).await;
    for (name, value) in [
        ("message_count", 1),
        ("unread_customer_count", 0),
        ("unread_team_count", 0),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
}
