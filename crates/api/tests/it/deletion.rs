//! Deleting a conversation (ai-conversations.md 7.3; spec "Cancel").

use crate::common::{Stage, assert_error, assert_json, enqueue, finals, said};
use serde_json::json;
use testkit::{Chat, Script, Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_deleted_conversation_is_absent_everywhere,
    a_deleted_conversation_is_not_revived,
    a_running_turn_is_cancelled_first,
    only_the_owner_deletes,
}

async fn a_deleted_conversation_is_absent_everywhere(setup: Setup) {
    let stage = Stage::new(setup).await;
    let kept = stage.idle_chat().await;
    let chat = stage.idle_chat().await;
    enqueue(&chat, "held").await.expect(200);
    let deleted = chat.api.delete(&chat.path("")).await.expect(204);
    assert_eq!(deleted.text, "");

    assert_error(&chat.api.delete(&chat.path("")).await, 404, "not_found", "");
    assert_error(&chat.api.get(&chat.path("")).await, 404, "not_found", "");
    let cancel = chat.api.patch(&chat.path("cancel/"), &json!({})).await;
    assert_error(&cancel, 404, "not_found", "");
    let note = json!({"content": "x"});
    let note = chat.api.post(&chat.path("append_message/"), &note).await;
    assert_error(&note, 404, "not_found", "");
    let queue = chat.api.get(&chat.path("queue/")).await;
    assert_json(&queue, 404, &json!({"error": "Conversation not found"}));
    let list = chat.api.get(&chat.root()).await.expect(200).json;
    assert_eq!(
        (list["count"].clone(), list["results"][0]["id"].clone()),
        (json!(1), json!(kept.id))
    );
    let colleague = stage
        .app
        .member(stage.tenant.organization, stage.tenant.project)
        .await;
    assert_error(
        &colleague.api.get(&chat.path("")).await,
        404,
        "not_found",
        "",
    );
}

async fn a_deleted_conversation_is_not_revived(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let first = chat.message("go");
    chat.stream(&first).await.expect(201).events().await;
    chat.api.delete(&chat.path("")).await.expect(204);
    let gone = json!({"error": "Conversation does not exist"});
    // A repetition of what began it is refused as well.
    for body in [chat.message("again"), chat.attaching(), first] {
        assert_json(&chat.post(&body).await, 404, &gone);
    }
    let after = chat.attach_after("1:0", "snapshot").await;
    assert_eq!(after.status, 404);
    assert_error(&chat.api.get(&chat.path("")).await, 404, "not_found", "");
    // To everybody else it is still somebody else's.
    let colleague = stage
        .app
        .member(stage.tenant.organization, stage.tenant.project)
        .await;
    let foreign = json!({"error": "Cannot access other users' conversations"});
    let other = chat.seen_by(&colleague.api);
    assert_json(&other.post(&chat.message("mine")).await, 400, &foreign);
    assert_eq!(stage.model.turns().len(), 1);
}

async fn a_running_turn_is_cancelled_first(setup: Setup) {
    let stage = Stage::new(setup).await;
    stage
        .model
        .script([Script::text(["Half"]).no_finish().then_hang()]);
    let chat = stage.chat();
    let mut stream = chat.say("go").await.expect(201);
    stream.until(|event| event.is_partial()).await;
    enqueue(&chat, "never").await.expect(200);
    chat.api.delete(&chat.path("")).await.expect(204);
    assert_eq!(finals(&stream.events().await), said(&[("ai", "Half")]));
    stage.model.wait_for_disconnects(1).await;
    assert_eq!(stage.app.assistant.running_turns(), 0);
    assert_eq!(stage.model.turns().len(), 1, "what was queued does not run");
}

async fn only_the_owner_deletes(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (app, tenant) = (&stage.app, &stage.tenant);
    let chat = stage.idle_chat().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let project = app.project(tenant.organization).await;
    for other in [
        chat.seen_by(&colleague.api),
        app.tenant().await.chat_with(chat.id),
        Chat {
            project,
            ..chat.clone()
        },
        tenant.chat_with(new_uuid()),
    ] {
        assert_error(
            &other.api.delete(&other.path("")).await,
            404,
            "not_found",
            "",
        );
    }
    let reader = app.key(tenant.user, &["conversation:read"]).await;
    let refused = app.api(&reader).delete(&chat.path("")).await;
    assert_error(&refused, 403, "permission_denied", "");
    let refused = app.stranger().delete(&chat.path("")).await;
    assert_error(&refused, 401, "not_authenticated", "");
    assert_eq!(chat.messages().await.len(), 2);
}
