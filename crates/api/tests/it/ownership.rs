//! Who reaches a conversation: the table of ai-conversations.md 1.4, row by row.

use crate::common::{Stage, enqueue};
use serde_json::json;
use testkit::{Chat, Setup, on_both_engines};

on_both_engines! {
    every_route_knows_whose_a_conversation_is,
}

/// The status of every route for one caller; DELETE comes last.
async fn statuses(chat: &Chat) -> Vec<(&'static str, u16)> {
    let list = chat.api.get(&chat.root()).await.expect(200).json;
    let is_listed = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .any(|it| it["id"] == json!(chat.id));
    let retrieve = chat.api.get(&chat.path("")).await;
    let create = chat.stream(&chat.message("again")).await.status.as_u16();
    if create == 201 {
        chat.wait_until_idle().await;
    }
    let attach = chat.post(&chat.attaching()).await;
    let cancel = chat.api.patch(&chat.path("cancel/"), &json!({})).await;
    let note = json!({"content": "noted"});
    let append = chat.api.post(&chat.path("append_message/"), &note).await;
    let queue = chat.api.get(&chat.path("queue/")).await;
    let add = enqueue(chat, "later").await;
    let clear = chat.api.post(&chat.path("queue/clear/"), &json!({})).await;
    let delete = chat.api.delete(&chat.path("")).await;
    vec![
        ("list", if is_listed { 200 } else { 0 }),
        ("retrieve", retrieve.status.as_u16()),
        ("create", create),
        ("attach", attach.status.as_u16()),
        ("cancel", cancel.status.as_u16()),
        ("append", append.status.as_u16()),
        ("queue", queue.status.as_u16()),
        ("add", add.status.as_u16()),
        ("clear", clear.status.as_u16()),
        ("delete", delete.status.as_u16()),
    ]
}

async fn every_route_knows_whose_a_conversation_is(setup: Setup) {
    let stage = Stage::new(setup).await;
    let (app, tenant) = (&stage.app, &stage.tenant);
    let chat = stage.idle_chat().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let elsewhere = app.tenant().await;
    let names = [
        "list", "retrieve", "create", "attach", "cancel", "append", "queue", "add", "clear",
        "delete",
    ];
    let table = |statuses: [u16; 10]| names.into_iter().zip(statuses).collect::<Vec<_>>();
    let seen = statuses(&chat.seen_by(&colleague.api)).await;
    let expected = table([0, 200, 400, 400, 404, 404, 403, 403, 403, 404]);
    assert_eq!(seen, expected, "a colleague");
    let seen = statuses(&elsewhere.chat_with(chat.id)).await;
    let expected = table([0, 404, 400, 400, 404, 404, 403, 403, 403, 404]);
    assert_eq!(seen, expected, "another team");
    let seen = statuses(&chat).await;
    let expected = table([200, 200, 201, 400, 200, 200, 200, 200, 200, 204]);
    assert_eq!(seen, expected, "the owner");
    let seen = statuses(&chat).await;
    let expected = table([0, 404, 404, 404, 404, 404, 404, 404, 404, 404]);
    assert_eq!(seen, expected, "the owner, when it is deleted");
}
