//! The comments API over messages of tickets (tickets.md 11.2; case 142).

use crate::common::{assert_error, assert_json, keys};
use crate::tickets_desk::Desk;
use http::Method;
use serde_json::{Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_comment_is_a_message_of_its_ticket,
    a_private_comment_is_a_note,
    bad_comments_are_told_what_is_wrong,
    the_servers_marks_are_removed,
    only_ones_own_comment_can_be_changed,
    deleting_is_a_change_and_can_be_taken_back,
    comments_of_other_projects_are_not_there,
    a_task_and_an_answer_stay_with_the_comment,
}

pub(crate) fn path(desk: &Desk) -> String {
    format!("/api/projects/{}/comments/", desk.tenant.project)
}

pub(crate) fn body(ticket: &Value, content: &str) -> Value {
    json!({
        "scope": "conversations_ticket", "item_id": ticket["id"], "content": content,
        "item_context": {"author_type": "support", "is_private": false},
    })
}

pub(crate) async fn comment(desk: &Desk, ticket: &Value, content: &str) -> Value {
    desk.api
        .post(&path(desk), &body(ticket, content))
        .await
        .expect(201)
        .json
}

pub(crate) async fn listed(desk: &Desk, query: &str) -> Value {
    desk.api
        .get(&format!(
            "{}?scope=conversations_ticket&{query}",
            path(desk)
        ))
        .await
        .expect(200)
        .json
}

pub(crate) fn texts(list: &Value) -> Vec<&str> {
    list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["content"].as_str().unwrap())
        .collect()
}

async fn a_comment_is_a_message_of_its_ticket(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let made = comment(&desk, &ticket, " Hi ").await;
    assert_eq!(
        keys(&made),
        [
            "content",
            "created_at",
            "created_by",
            "deleted",
            "id",
            "is_task",
            "item_context",
            "item_id",
            "rich_content",
            "scope",
            "source_comment",
            "version",
        ]
    );
    assert_eq!(
        (&made["content"], &made["item_id"], &made["version"]),
        (&json!("Hi"), &ticket["id"], &json!(0))
    );
    assert_eq!(made["created_by"]["id"], json!(desk.tenant.user));
    let one = format!("{}{}/", path(&desk), made["id"].as_str().unwrap());
    assert_json(&desk.api.get(&one).await, 200, &made);
    let shown = desk.peek(&ticket).await;
    assert_eq!(
        (&shown["message_count"], &shown["unread_customer_count"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(shown["last_message_text"], "Hi");
    let messages = desk
        .api
        .get(&desk.at(&ticket, "messages/"))
        .await
        .expect(200)
        .json;
    assert_eq!(messages["results"][0]["id"], made["id"]);
    assert_eq!(messages["results"][0]["author_type"], "support");
    assert_eq!(desk.events_of("$conversation_message_sent").await.len(), 1);
    let activity = desk.activity(&ticket).await;
    assert_eq!(activity[0]["activity"], "commented");
    assert_eq!(activity[0]["detail"]["name"], "Ticket #1");
    // The other way round, too.
    desk.reply(&ticket, json!({"message": "reply"}))
        .await
        .expect(201);
    assert_eq!(texts(&listed(&desk, "").await), ["reply", "Hi"]);
    let document = json!({"type": "doc", "content": []});
    let rich =
        json!({"scope": "conversations_ticket", "item_id": ticket["id"], "rich_content": document});
    let rich = desk.api.post(&path(&desk), &rich).await.expect(201).json;
    assert_eq!(
        (&rich["content"], &rich["rich_content"]),
        (&json!(""), &document)
    );
}

async fn a_private_comment_is_a_note(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let mut private = body(&ticket, "secret");
    private["item_context"]["is_private"] = json!(true);
    desk.api.post(&path(&desk), &private).await.expect(201);
    let shown = desk.peek(&ticket).await;
    assert_eq!(
        (&shown["message_count"], &shown["last_message_text"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(shown["updated_at"], ticket["updated_at"]);
    let messages = desk
        .api
        .get(&desk.at(&ticket, "messages/"))
        .await
        .expect(200)
        .json;
    assert_eq!(messages["results"][0]["is_private"], true);
}

async fn bad_comments_are_told_what_is_wrong(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let with = |name: &str, value: Value| {
        let mut body = body(&ticket, "Hi");
        body[name] = value;
        body
    };
    let gone = desk.add(json!({})).await;
    desk.api.delete(&desk.at(&gone, "")).await.expect(204);
    for (body, code, attr) in [
        (with("content", json!(" ")), "invalid_input", ""),
        (with("content", Value::Null), "invalid_input", ""),
        (
            with("content", json!("x".repeat(10_001))),
            "max_length",
            "content",
        ),
        (with("item_id", Value::Null), "null", "item_id"),
        (with("item_id", json!("nope")), "invalid_input", "item_id"),
        (
            with("item_id", json!(new_uuid())),
            "invalid_input",
            "item_id",
        ),
        (
            with("item_id", gone["id"].clone()),
            "invalid_input",
            "item_id",
        ),
        (
            with("item_id", json!("x".repeat(73))),
            "max_length",
            "item_id",
        ),
        (with("scope", json!("Ticket")), "invalid_choice", "scope"),
        (with("scope", Value::Null), "null", "scope"),
        (
            with("item_context", json!([])),
            "not_a_dict",
            "item_context",
        ),
        (
            with("item_context", json!({"x": "x".repeat(10_000)})),
            "max_length",
            "item_context",
        ),
    ] {
        let reply = desk.api.post(&path(&desk), &body).await;
        assert_error(&reply, 400, code, attr);
        match (code, attr) {
            ("invalid_input", "") => {
                assert_eq!(reply.json["detail"], "A comment must have content")
            }
            ("invalid_input", "item_id") => assert_eq!(reply.json["detail"], "Ticket not found"),
            _ => {}
        }
    }
    assert!(texts(&listed(&desk, "").await).is_empty());
    let reader = desk
        .app
        .api(&desk.app.key(desk.tenant.user, &["ticket:read"]).await);
    reader.get(&path(&desk)).await.expect(200);
    let refused = reader.post(&path(&desk), &body(&ticket, "Hi")).await;
    assert_error(&refused, 403, "permission_denied", "");
}

async fn the_servers_marks_are_removed(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let mut forged = body(&ticket, "Hi");
    forged["item_context"] =
        json!({"from_slack": true, "slack_user": "u", "author_type": "support", "mine": 1});
    let made = desk.api.post(&path(&desk), &forged).await.expect(201).json;
    assert_eq!(
        made["item_context"],
        json!({"author_type": "support", "mine": 1})
    );
}

async fn only_ones_own_comment_can_be_changed(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let made = comment(&desk, &ticket, "Hi").await;
    let one = format!("{}{}/", path(&desk), made["id"].as_str().unwrap());
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    for change in [
        json!({"content": "x"}),
        json!({"deleted": true}),
        json!({"content": 5, "nonsense": {}}),
    ] {
        let refused = colleague.api.patch(&one, &change).await;
        assert_error(&refused, 403, "permission_denied", "");
        assert_eq!(
            refused.json["detail"],
            "You can only modify your own comments"
        );
    }
    desk.hear(&ticket, "from the customer").await;
    let heard = listed(&desk, "").await["results"][0].clone();
    let theirs = format!("{}{}/", path(&desk), heard["id"].as_str().unwrap());
    assert_error(
        &desk.api.patch(&theirs, &json!({"deleted": true})).await,
        403,
        "permission_denied",
        "",
    );

    let changed = desk
        .api
        .patch(
            &one,
            &json!({"content": "Hello", "scope": "x", "item_id": "y", "item_context": {}}),
        )
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&changed["content"], &changed["version"]),
        (&json!("Hello"), &json!(1))
    );
    assert_eq!(
        (&changed["item_id"], &changed["item_context"]),
        (&made["item_id"], &made["item_context"])
    );
    let same = desk
        .api
        .patch(&one, &json!({"content": "Hello"}))
        .await
        .expect(200)
        .json;
    assert_eq!(same["version"], 1);
    let empty = desk.api.patch(&one, &json!({"content": ""})).await;
    assert_error(&empty, 400, "invalid_input", "");
    assert_error(&desk.api.delete(&one).await, 405, "method_not_allowed", "");
    let put = desk
        .api
        .send(desk.api.request(Method::PUT, &one).json(&json!({})))
        .await;
    assert_error(&put, 405, "method_not_allowed", "");
    assert_error(
        &desk
            .api
            .patch(&format!("{}nope/", path(&desk)), &json!({}))
            .await,
        404,
        "not_found",
        "",
    );
}

async fn deleting_is_a_change_and_can_be_taken_back(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let first = comment(&desk, &ticket, "first").await;
    desk.later(1);
    let made = comment(&desk, &ticket, "second").await;
    let one = format!("{}{}/", path(&desk), made["id"].as_str().unwrap());
    let deleted = desk
        .api
        .patch(&one, &json!({"deleted": true}))
        .await
        .expect(200)
        .json;
    assert_eq!(deleted["deleted"], true);
    assert_error(&desk.api.get(&one).await, 404, "not_found", "");
    assert_error(
        &desk.api.patch(&one, &json!({"content": "x"})).await,
        404,
        "not_found",
        "",
    );
    assert_eq!(texts(&listed(&desk, "").await), ["first"]);
    let shown = desk.peek(&ticket).await;
    assert_eq!(
        (&shown["message_count"], &shown["unread_customer_count"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(shown["last_message_text"], "first");
    assert_eq!(desk.numbers("search=second").await, [] as [i64; 0]);

    for _ in 0..2 {
        let back = desk
            .api
            .patch(&one, &json!({"deleted": false}))
            .await
            .expect(200)
            .json;
        assert_eq!(
            (&back["deleted"], &back["content"]),
            (&json!(false), &json!("second"))
        );
        let shown = desk.peek(&ticket).await;
        assert_eq!(
            (&shown["message_count"], &shown["unread_customer_count"]),
            (&json!(2), &json!(2))
        );
        assert_eq!(shown["last_message_text"], "second");
    }
    assert_eq!(desk.numbers("search=second").await, [1]);
    let both = desk
        .api
        .patch(&one, &json!({"content": "third", "deleted": true}))
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&both["content"], &both["deleted"]),
        (&json!("third"), &json!(true))
    );
    let one = format!("{}{}/", path(&desk), first["id"].as_str().unwrap());
    desk.api
        .patch(&one, &json!({"deleted": true}))
        .await
        .expect(200);
    let shown = desk.peek(&ticket).await;
    assert_eq!(
        (&shown["message_count"], &shown["unread_customer_count"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        (&shown["last_message_text"], &shown["last_message_at"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(desk.app.store.check().await.unwrap(), []);
}

async fn comments_of_other_projects_are_not_there(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let made = comment(&desk, &ticket, "Hi").await;
    let other = desk.app.tenant().await;
    let theirs = format!("/api/projects/{}/comments/", other.project);
    let one = format!("{theirs}{}/", made["id"].as_str().unwrap());
    assert_error(&other.api.get(&one).await, 404, "not_found", "");
    assert_error(
        &other.api.patch(&one, &json!({"deleted": true})).await,
        404,
        "not_found",
        "",
    );
    assert_error(
        &other.api.post(&theirs, &body(&ticket, "Hi")).await,
        400,
        "invalid_input",
        "item_id",
    );
    let list = other
        .api
        .get(&format!("{theirs}?scope=conversations_ticket"))
        .await
        .expect(200)
        .json;
    assert!(texts(&list).is_empty());
    // What belongs to a deleted ticket is not there either.
    desk.api.delete(&desk.at(&ticket, "")).await.expect(204);
    assert!(texts(&listed(&desk, "").await).is_empty());
    let one = format!("{}{}/", path(&desk), made["id"].as_str().unwrap());
    assert_error(&desk.api.get(&one).await, 404, "not_found", "");
}

async fn a_task_and_an_answer_stay_with_the_comment(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let first = comment(&desk, &ticket, "first").await;
    let mut task = body(&ticket, "do it");
    task["is_task"] = json!(true);
    task["source_comment"] = first["id"].clone();
    let made = desk.api.post(&path(&desk), &task).await.expect(201).json;
    assert_eq!(
        (&made["is_task"], &made["source_comment"]),
        (&json!(true), &first["id"])
    );
    let one = format!("{}{}/", path(&desk), made["id"].as_str().unwrap());
    let done = desk
        .api
        .patch(&one, &json!({"is_task": false}))
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&done["is_task"], &done["source_comment"], &done["version"]),
        (&json!(false), &first["id"], &json!(0))
    );
}
