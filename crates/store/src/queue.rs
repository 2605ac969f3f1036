//! The queue of a conversation. Every change happens under the conversation's lock.

use crate::statements::statements;
use crate::{Conn, Error, FromRow, Result, Row, params};
use model::queue::QueueItem;
use model::{ConversationId, ProjectId, QueueItemId};

statements! {
    LIST = "SELECT id, content, trace_id, options, created_at FROM queue_item \
            WHERE project_id = ?1 AND conversation_id = ?2 ORDER BY position";
    INSERT = "INSERT INTO queue_item (project_id, conversation_id, id, position, trace_id, content, options, created_at) \
              SELECT ?1, ?2, ?3, coalesce(max(position), 0) + 1, ?4, ?5, ?6, ?7 \
              FROM queue_item WHERE project_id = ?1 AND conversation_id = ?2";
    UPDATE = "UPDATE queue_item SET content = ?4 WHERE project_id = ?1 AND conversation_id = ?2 AND id = ?3";
    DELETE = "DELETE FROM queue_item WHERE project_id = ?1 AND conversation_id = ?2 AND id = ?3";
    CLEAR = "DELETE FROM queue_item WHERE project_id = ?1 AND conversation_id = ?2";
}

impl FromRow for QueueItem {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            content: row.get()?,
            trace_id: row.get()?,
            options: row.parse("queue_item.options", |text| serde_json::from_str(text).ok())?,
            created_at: row.get()?,
        })
    }
}

/// The waiting messages, oldest first.
///
/// # Errors
///
/// When the store fails.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    conversation: ConversationId,
) -> Result<Vec<QueueItem>> {
    c.all(LIST, params![project, conversation]).await
}

/// Adds a message at the end.
///
/// # Errors
///
/// When the store fails.
pub async fn append(
    c: &Conn,
    project: ProjectId,
    conversation: ConversationId,
    item: &QueueItem,
) -> Result<()> {
    let options =
        serde_json::to_string(&item.options).map_err(|error| Error::Internal(error.to_string()))?;
    c.exec(
        INSERT,
        params![
            project,
            conversation,
            item.id,
            item.trace_id,
            &item.content,
            &options,
            item.created_at
        ],
    )
    .await?;
    Ok(())
}

/// Replaces a waiting message's text. `false`: there is no such message.
///
/// # Errors
///
/// When the store fails.
pub async fn update(
    c: &Conn,
    project: ProjectId,
    conversation: ConversationId,
    id: QueueItemId,
    content: &str,
) -> Result<bool> {
    Ok(c.exec(UPDATE, params![project, conversation, id, content])
        .await?
        == 1)
}

/// Removes a waiting message. `false`: there is no such message.
///
/// # Errors
///
/// When the store fails.
pub async fn delete(
    c: &Conn,
    project: ProjectId,
    conversation: ConversationId,
    id: QueueItemId,
) -> Result<bool> {
    Ok(c.exec(DELETE, params![project, conversation, id]).await? == 1)
}

/// Removes all waiting messages.
///
/// # Errors
///
/// When the store fails.
pub async fn clear(c: &Conn, project: ProjectId, conversation: ConversationId) -> Result<()> {
    c.exec(CLEAR, params![project, conversation]).await?;
    Ok(())
}
