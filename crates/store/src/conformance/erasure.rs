//! Erasing deleted conversations.

use crate::testing::TestStore;
use crate::{Error, Store, Value, erasure, params};
use model::Timestamp;
use uuid::Uuid;

crate::on_both_engines! {
    long_deleted_conversations_vanish_without_a_trace,
    few_are_erased_at_a_time,
}

const TABLES: &[&str] = &[
    "SELECT count(*) FROM conversation_directory",
    "SELECT count(*) FROM conversation",
    "SELECT count(*) FROM message",
    "SELECT count(*) FROM turn",
    "SELECT count(*) FROM frame",
    "SELECT count(*) FROM queue_item",
    "SELECT count(*) FROM approval",
];

/// An organisation, a project and a person, to hang conversations on.
const OWNERS: &[&str] = &[
    "INSERT INTO organization (id, name, allows_personal_api_keys, created_at) VALUES (?1, 'o', TRUE, 0)",
    "INSERT INTO project (id, organization_id, name, settings, public_token, secret_token_sealed, \
       secret_token_digest, created_at) VALUES (1, ?1, 'p', '{}', 'phc_1', ?2, ?2, 0)",
    "INSERT INTO users (id, uuid, email, first_name, last_name, distinct_id, created_at) \
       VALUES (1, ?1, 'a@example.com', '', '', 'd', 0)",
    // What the list will have once all that is deleted is gone.
    "INSERT INTO conversation_total (project_id, user_id, conversations) \
       VALUES (1, (SELECT id FROM users WHERE uuid = ?1), 1)",
];

/// A conversation with a row in every table.
const CONVERSATION: &[&str] = &[
    "INSERT INTO conversation_directory (conversation_id, project_id) VALUES (?1, 1)",
    "INSERT INTO conversation (project_id, id, user_id, title, titled_by_model, status, type, is_internal, \
       last_turn, last_position, created_at, updated_at) \
       VALUES (1, ?1, 1, 't', FALSE, 'idle', 'assistant', FALSE, 1, 1, 0, 0)",
    "INSERT INTO message (project_id, conversation_id, position, id, body, created_at) \
       VALUES (1, ?1, 1, ?1, '{}', 0)",
    "INSERT INTO turn (project_id, conversation_id, number, status, kind, epoch, owner, lease_until, trace_id, \
       content_digest, options, last_seq, steps, input_tokens, output_tokens, continued, started_at, ended_at) \
       VALUES (1, ?1, 1, 'done', 'chat', 1, ?1, 0, ?1, ?2, '{}', 1, 1, 0, 0, FALSE, 0, 0)",
    "INSERT INTO frame (project_id, conversation_id, turn, seq, kind, payload) VALUES (1, ?1, 1, 1, 'k', '{}')",
    "INSERT INTO queue_item (project_id, conversation_id, id, position, content, options, created_at) \
       VALUES (1, ?1, ?1, 1, 'c', '{}', 0)",
    "INSERT INTO approval (project_id, conversation_id, proposal_id, turn, decision_status, tool_name, preview, \
       payload, created_at) VALUES (1, ?1, 'p', 1, 'pending', 't', '', '{}', 0)",
];

const DELETE: &str = "UPDATE conversation SET deleted_at = ?2 WHERE project_id = 1 AND id = ?1";

/// Runs statements on one id; those that want bytes, too, get them.
async fn run(store: &Store, statements: &'static [&'static str], id: Uuid) {
    store
        .write(move |c| {
            Box::pin(async move {
                for statement in statements {
                    let id_and_bytes = [Value::from(id), Value::Bytes(b"x")];
                    let count = if statement.contains("?2") { 2 } else { 1 };
                    c.exec_one(statement, &id_and_bytes[..count]).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
}

async fn conversation(store: &Store, number: u128, deleted_at: Option<i64>) {
    let id = Uuid::from_u128(number);
    run(store, CONVERSATION, id).await;
    if let Some(at) = deleted_at {
        store
            .write(move |c| Box::pin(async move { c.exec_one(DELETE, params![id, at]).await }))
            .await
            .unwrap();
    }
}

async fn erase(store: &Store, before: i64, limit: i64) -> usize {
    let before = Timestamp::from_micros(before);
    store
        .write(move |c| Box::pin(erasure::erase_deleted(c, before, limit)))
        .await
        .unwrap()
}

async fn counts(store: &Store) -> Vec<i64> {
    store
        .read(|c| {
            Box::pin(async move {
                let mut counts = Vec::new();
                for table in TABLES {
                    counts.push(c.one::<i64>(table, &[]).await?);
                }
                Ok::<_, Error>(counts)
            })
        })
        .await
        .unwrap()
}

async fn long_deleted_conversations_vanish_without_a_trace(store: TestStore) {
    run(&store, OWNERS, Uuid::from_u128(1)).await;
    conversation(&store, 1, None).await;
    conversation(&store, 2, Some(99)).await;
    conversation(&store, 3, Some(100)).await;
    assert_eq!(counts(&store).await, [3; 7]);
    assert_eq!(erase(&store, 100, 10).await, 1);
    assert_eq!(counts(&store).await, [2; 7]);
    assert_eq!(erase(&store, 100, 10).await, 0);
    assert_eq!(erase(&store, 101, 10).await, 1);
    assert_eq!(counts(&store).await, [1; 7]);
    assert_eq!(store.check().await.unwrap(), []);
}

async fn few_are_erased_at_a_time(store: TestStore) {
    run(&store, OWNERS, Uuid::from_u128(1)).await;
    for number in 1..=3 {
        conversation(&store, number, Some(0)).await;
    }
    assert_eq!(erase(&store, 1, 2).await, 2);
    assert_eq!(erase(&store, 1, 2).await, 1);
    assert_eq!(counts(&store).await, [0; 7]);
}
