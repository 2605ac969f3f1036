//! The messages of a conversation: rows in the order of their positions.

use crate::statements::statements;
use crate::{Conn, Error, FromRow, Result, Row, params};
use model::conversations::Conversation;
use model::messages::Message;
use model::{ConversationId, ProjectId, Timestamp};

statements! {
    INSERT = "INSERT INTO message (project_id, conversation_id, position, id, turn, body, created_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    LIST = "SELECT position, turn, body FROM message WHERE project_id = ?1 AND conversation_id = ?2 ORDER BY position";
    RECENT = "SELECT position, turn, body FROM message WHERE project_id = ?1 AND conversation_id = ?2 \
              ORDER BY position DESC LIMIT ?3";
}

/// A message and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMessage {
    /// Dense within the conversation, from 1.
    pub position: i64,
    /// The turn that wrote it; none for appended notes.
    pub turn: Option<i64>,
    /// What it says.
    pub message: Message,
}

impl FromRow for StoredMessage {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            position: row.get()?,
            turn: row.get()?,
            message: row.parse("message.body", Message::from_stored)?,
        })
    }
}

/// Adds a message at the end. Takes the next position from the locked conversation, which the caller saves.
///
/// # Errors
///
/// When the store fails, or the message has no id.
pub async fn append(
    c: &Conn,
    conversation: &mut Conversation,
    turn: Option<i64>,
    message: &Message,
    now: Timestamp,
) -> Result<()> {
    let id = message
        .id
        .ok_or_else(|| Error::Internal("a message without an id cannot be stored".into()))?;
    conversation.last_position += 1;
    c.exec(
        INSERT,
        params![
            conversation.project_id,
            conversation.id,
            conversation.last_position,
            id,
            turn,
            &message.to_stream_json(),
            now,
        ],
    )
    .await?;
    Ok(())
}

/// All messages, oldest first.
///
/// # Errors
///
/// When the store fails; [`Error::Corrupt`] when a row is not a message this version knows.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    conversation: ConversationId,
) -> Result<Vec<StoredMessage>> {
    c.all(LIST, params![project, conversation]).await
}

/// The newest messages, at most `limit`, oldest first.
///
/// # Errors
///
/// As [`list`].
pub async fn list_recent(
    c: &Conn,
    project: ProjectId,
    conversation: ConversationId,
    limit: i64,
) -> Result<Vec<StoredMessage>> {
    let mut newest_first: Vec<StoredMessage> =
        c.all(RECENT, params![project, conversation, limit]).await?;
    newest_first.reverse();
    Ok(newest_first)
}
