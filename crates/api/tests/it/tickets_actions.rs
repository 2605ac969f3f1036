//! Bulk changes, merging, presence, composing, feedback (tickets.md 10, 18.6).

use crate::common::{assert_error, assert_json};
use crate::tickets_desk::{Desk, path_of};
use serde_json::{Value, json};
use testkit::{Reply, Setup, new_uuid, on_both_engines};

on_both_engines! {
    many_tickets_move_to_a_status_at_once,
    a_broken_bulk_change_is_refused,
    tags_are_added_removed_and_set_on_many,
    a_ticket_that_would_have_too_many_tags_is_passed_over,
    a_ticket_is_merged_into_another,
    what_cannot_be_merged_is_refused,
    viewers_see_each_other_and_fade,
    composing_needs_a_mail_channel,
    feedback_is_noted,
}

async fn post(desk: &Desk, rest: &str, body: Value) -> Reply {
    desk.api.post(&format!("{}{rest}", desk.path), &body).await
}

async fn many_tickets_move_to_a_status_at_once(setup: Setup) {
    let desk = Desk::new(setup).await;
    let (one, two) = (desk.add(json!({})).await, desk.add(json!({})).await);
    let done = desk.add(json!({"status": "resolved"})).await;
    let stranger = desk.app.tenant().await;
    let theirs = stranger
        .api
        .post(&path_of(&stranger), &json!({}))
        .await
        .expect(201)
        .json;
    desk.hear(&one, "hello").await;
    assert_eq!(desk.unread().await, 1);
    let ids = json!([
        two["id"],
        theirs["id"],
        done["id"],
        one["id"],
        new_uuid(),
        one["id"]
    ]);
    let answer = post(
        &desk,
        "bulk_update_status/",
        json!({"ids": ids, "status": "resolved"}),
    )
    .await;
    assert_json(
        &answer,
        200,
        &json!({"updated": 2, "ids": [two["id"], one["id"]]}),
    );
    assert_eq!(desk.unread().await, 0, "fresh");
    assert_eq!(
        desk.numbers("status=resolved&order_by=ticket_number").await,
        [1, 2, 3]
    );
    for ticket in [&one, &two] {
        assert_eq!(desk.activity(ticket).await[0]["activity"], "updated");
    }
    assert_eq!(desk.activity(&done).await.len(), 1, "only created");
    assert_eq!(
        desk.events_of("$conversation_ticket_status_changed")
            .await
            .len(),
        2
    );
    let path = format!("{}1/", path_of(&stranger));
    assert_eq!(stranger.api.get(&path).await.json["status"], "new");
}

async fn a_broken_bulk_change_is_refused(setup: Setup) {
    let desk = Desk::new(setup).await;
    let id = new_uuid();
    let many = vec![id; 501];
    for (body, code, attr) in [
        (json!({"status": "open"}), "required", "ids"),
        (json!({"ids": [], "status": "open"}), "empty", "ids"),
        (json!({"ids": many, "status": "open"}), "max_length", "ids"),
        (
            json!({"ids": ["x"], "status": "open"}),
            "invalid_input",
            "ids__0",
        ),
        (
            json!({"ids": [id], "status": "bogus"}),
            "invalid_choice",
            "status",
        ),
    ] {
        assert_error(
            &post(&desk, "bulk_update_status/", body).await,
            400,
            code,
            attr,
        );
    }
    let tags: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    for (body, code, attr) in [
        (json!({"action": "add", "tags": ["a"]}), "required", "ids"),
        (
            json!({"ids": [], "action": "add", "tags": ["a"]}),
            "empty",
            "ids",
        ),
        (
            json!({"ids": [id], "action": "burn", "tags": ["a"]}),
            "invalid_choice",
            "action",
        ),
        (json!({"ids": [id], "action": "add"}), "required", "tags"),
        (
            json!({"ids": [id], "action": "add", "tags": [" "]}),
            "invalid_input",
            "tags",
        ),
        (
            json!({"ids": [id], "action": "remove", "tags": []}),
            "invalid_input",
            "tags",
        ),
        (
            json!({"ids": ["nope"], "action": "add", "tags": ["a"]}),
            "invalid_input",
            "ids__0",
        ),
        (
            json!({"ids": vec![id; 500], "action": "add", "tags": tags}),
            "invalid_input",
            "",
        ),
    ] {
        assert_error(
            &post(&desk, "bulk_update_tags/", body).await,
            400,
            code,
            attr,
        );
    }
    let body = json!({"ids": [id], "action": "add", "tags": []});
    let refused = post(&desk, "bulk_update_tags/", body).await;
    assert_eq!(
        refused.json["detail"],
        "tags must not be empty for action 'add'."
    );
}

async fn tags_are_added_removed_and_set_on_many(setup: Setup) {
    let desk = Desk::new(setup).await;
    let one = desk.add(json!({"tags": ["a"]})).await;
    let two = desk.add(json!({"tags": ["b"]})).await;
    let nobody = new_uuid();
    for (ids, action, tags, first, second) in [
        (
            json!([one["id"], nobody, 2]),
            "add",
            json!(["C", "a"]),
            json!(["a", "c"]),
            json!(["a", "b", "c"]),
        ),
        (
            json!([one["id"], two["id"]]),
            "remove",
            json!(["a"]),
            json!(["c"]),
            json!(["b", "c"]),
        ),
        (
            json!([1, two["id"]]),
            "set",
            json!(["z"]),
            json!(["z"]),
            json!(["z"]),
        ),
        (json!([1, 2]), "set", json!([]), json!([]), json!([])),
    ] {
        let body = json!({"ids": ids, "action": action, "tags": tags});
        let done = post(&desk, "bulk_update_tags/", body)
            .await
            .expect(200)
            .json;
        let expected = json!([{"id": one["id"], "tags": first}, {"id": two["id"], "tags": second}]);
        assert_eq!(done["updated"], expected);
        let skipped = done["skipped"].as_array().unwrap();
        if action == "add" {
            let reason = "Not found or no edit access";
            assert_eq!(skipped, &[json!({"id": nobody, "reason": reason})]);
        } else {
            assert!(skipped.is_empty());
        }
        assert_eq!(desk.peek(&one).await["tags"], first);
    }
    assert_eq!(desk.numbers("tags=[\"a\",\"b\",\"c\",\"z\"]").await, [0; 0]);
}

async fn a_ticket_that_would_have_too_many_tags_is_passed_over(setup: Setup) {
    let desk = Desk::new(setup).await;
    let many: Vec<_> = (0..100).map(|n| format!("tag{n:03}")).collect();
    let full = desk.add(json!({"tags": many})).await;
    let other = desk.add(json!({})).await;
    let body = json!({"ids": [full["id"], other["id"]], "action": "add", "tags": ["one more"]});
    let done = post(&desk, "bulk_update_tags/", body)
        .await
        .expect(200)
        .json;
    let expected = json!([{"id": other["id"], "tags": ["one more"]}]);
    assert_eq!(done["updated"], expected);
    let reason = "It would have more than 100 tags";
    let expected = json!([{"id": full["id"], "reason": reason}]);
    assert_eq!(done["skipped"], expected);
    assert_eq!(desk.peek(&full).await["tags"], json!(many));
    let body = json!({"ids": [full["id"]], "action": "add", "tags": [many[7]]});
    let done = post(&desk, "bulk_update_tags/", body)
        .await
        .expect(200)
        .json;
    assert_eq!(done["skipped"], json!([]), "it has that tag already");
}

async fn merge(desk: &Desk, source: &Value, target: &Value) -> Reply {
    let body = json!({"target_ticket_id": target["id"]});
    desk.api.post(&desk.at(source, "merge/"), &body).await
}

async fn a_ticket_is_merged_into_another(setup: Setup) {
    let desk = Desk::new(setup).await;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(desk.add(json!({})).await);
    }
    desk.hear(&tickets[0], "unread").await;
    assert_eq!(desk.unread().await, 1);
    let merged = merge(&desk, &tickets[0], &tickets[1])
        .await
        .expect(200)
        .json;
    assert_eq!(
        merged,
        json!({"id": tickets[0]["id"], "ticket_status": "resolved",
               "target_ticket_id": tickets[1]["id"], "target_ticket_number": 2})
    );
    assert_eq!(desk.unread().await, 0);
    merge(&desk, &tickets[1], &tickets[2]).await.expect(200);
    let source = desk.peek(&tickets[0]).await;
    assert_eq!(source["status"], "resolved");
    assert_eq!(source["assignee"]["id"], json!(desk.tenant.user));
    assert_eq!(
        source["merged_into_id"], tickets[2]["id"],
        "the tree is flat"
    );
    assert_eq!(source["merged_into_ticket_number"], 3);
    assert!(source["merged_at"].is_string());
    let root = desk.peek(&tickets[2]).await;
    assert_eq!(
        root["merged_tickets"],
        json!([{"id": tickets[0]["id"], "ticket_number": 1}, {"id": tickets[1]["id"], "ticket_number": 2}])
    );
    assert_eq!(
        (&root["status"], &root["message_count"]),
        (&json!("new"), &json!(0))
    );
    let notes = desk
        .api
        .get(&desk.at(&tickets[2], "messages/"))
        .await
        .expect(200)
        .json;
    assert_eq!(
        notes["results"][0]["content"],
        "Ticket #2 was merged into this one."
    );
    assert_eq!(notes["results"][0]["is_private"], true);
    let log = desk.activity(&tickets[0]).await;
    assert!(log.iter().any(|row| row["activity"] == "merged"));

    let public = desk.add(json!({})).await;
    let body = json!({"target_ticket_id": tickets[2]["id"], "source_note": "see there", "source_note_is_private": false});
    desk.api
        .post(&desk.at(&public, "merge/"), &body)
        .await
        .expect(200);
    let told = desk.peek(&public).await;
    assert_eq!(
        (&told["last_message_text"], &told["unread_customer_count"]),
        (&json!("see there"), &json!(1))
    );
}

async fn what_cannot_be_merged_is_refused(setup: Setup) {
    let desk = Desk::new(setup).await;
    let (one, two) = (desk.add(json!({})).await, desk.add(json!({})).await);
    let three = desk.add(json!({})).await;
    assert_json(
        &merge(&desk, &one, &one).await,
        400,
        &json!({"detail": "A ticket cannot be merged into itself."}),
    );
    merge(&desk, &one, &two).await.expect(200);
    assert_json(
        &merge(&desk, &one, &three).await,
        400,
        &json!({"detail": "This ticket has already been merged."}),
    );
    let conflict = merge(&desk, &three, &one).await.expect(409).json;
    assert_eq!(conflict["error_type"], "target_already_merged");
    assert_eq!(conflict["root_ticket_id"], two["id"]);
    assert_eq!(conflict["root_ticket_number"], 2);
    let stranger = desk.app.tenant().await;
    let theirs = stranger
        .api
        .post(&path_of(&stranger), &json!({}))
        .await
        .expect(201)
        .json;
    for target in [theirs, json!({ "id": new_uuid() })] {
        let refused = merge(&desk, &three, &target).await;
        assert_json(
            &refused,
            404,
            &json!({"detail": "Target ticket not found."}),
        );
    }
    let unknown = json!({ "id": new_uuid() });
    assert_error(&merge(&desk, &unknown, &three).await, 404, "not_found", "");
    let empty = desk.api.post(&desk.at(&three, "merge/"), &json!({})).await;
    assert_error(&empty, 400, "required", "target_ticket_id");
}

async fn viewers_see_each_other_and_fade(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let path = desk.at(&ticket, "presence/");
    let beat = async |api: &testkit::Api| {
        let answer = api.post(&path, &json!({})).await.expect(200);
        let viewers = answer.json["viewers"].as_array().unwrap().clone();
        viewers
            .iter()
            .map(|viewer| viewer["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(beat(&colleague.api).await, [0; 0].map(Value::from));
    assert_eq!(beat(&desk.api).await, [json!(colleague.user)]);
    assert_eq!(beat(&colleague.api).await, [json!(desk.tenant.user)]);
    let id = ticket["id"].as_str().unwrap();
    let list = format!("{}presence/?ticket_ids={id},{}", desk.path, new_uuid());
    let shown = desk.api.get(&list).await.expect(200).json;
    assert_eq!(shown["viewers"].as_object().unwrap().len(), 1);
    assert_eq!(shown["viewers"][id][0]["id"], json!(colleague.user));
    let stranger = desk.app.tenant().await;
    let theirs = format!("{}presence/?ticket_ids={id}", path_of(&stranger));
    assert_json(
        &stranger.api.get(&theirs).await,
        200,
        &json!({"viewers": {}}),
    );
    desk.later(31);
    assert_json(&desk.api.get(&list).await, 200, &json!({"viewers": {}}));
    let bad = format!("{}presence/?ticket_ids=nope", desk.path);
    assert_error(
        &desk.api.get(&bad).await,
        400,
        "invalid_input",
        "ticket_ids",
    );
    let unknown = json!({ "id": new_uuid() });
    let unknown = desk
        .api
        .post(&desk.at(&unknown, "presence/"), &json!({}))
        .await;
    assert_error(&unknown, 404, "not_found", "");
}

async fn composing_needs_a_mail_channel(setup: Setup) {
    let desk = Desk::new(setup).await;
    let good =
        json!({"recipient_email": "jo@x.com", "email_config_id": new_uuid(), "message": "hi"});
    for (name, value, code) in [
        ("recipient_email", json!("nope"), "invalid_input"),
        (
            "recipient_distinct_id",
            json!("x".repeat(401)),
            "max_length",
        ),
        ("email_subject", json!("x".repeat(501)), "max_length"),
        ("email_config_id", json!("x"), "invalid_input"),
        ("message", json!("x".repeat(5001)), "max_length"),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert_error(&post(&desk, "compose/", bad).await, 400, code, name);
    }
    let refused = post(&desk, "compose/", good).await;
    assert_json(
        &refused,
        400,
        &json!({"detail": "Email channel is not enabled."}),
    );
}

async fn feedback_is_noted(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let path = desk.at(&ticket, "ai_feedback/");
    for (body, code, attr) in [
        (json!({"rating": "good"}), "required", "message_id"),
        (
            json!({"message_id": "x".repeat(201), "rating": "good"}),
            "max_length",
            "message_id",
        ),
        (
            json!({"message_id": "m", "rating": "fair"}),
            "invalid_choice",
            "rating",
        ),
        (
            json!({"message_id": "m", "rating": "bad", "feedback_text": "x".repeat(2001)}),
            "max_length",
            "feedback_text",
        ),
    ] {
        assert_error(&desk.api.post(&path, &body).await, 400, code, attr);
    }
    desk.api
        .post(&path, &json!({"message_id": "m", "rating": "good"}))
        .await
        .expect(202);
    let bad = json!({"message_id": "m", "rating": "bad", "feedback_text": "wrong"});
    desk.api.post(&path, &bad).await.expect(202);
    let values: Vec<_> = desk.events_of("$ai_metric").await;
    assert_eq!(
        values
            .iter()
            .map(|it| it["$ai_metric_value"].clone())
            .collect::<Vec<_>>(),
        [json!(1), json!(0)]
    );
    let texts = desk.events_of("$ai_feedback").await;
    assert_eq!(
        (texts.len(), &texts[0]["$ai_feedback_text"]),
        (1, &json!("wrong"))
    );
}
