//! Erasing what has been deleted for long enough (`THICKET_DELETE_GRACE`).

use crate::statements::statements;
use crate::{Conn, Result, params};
use model::{ConversationId, ProjectId, Timestamp};

statements! {
    DELETED = "SELECT project_id, id FROM conversation WHERE deleted_at IS NOT NULL AND deleted_at < ?1 \
               ORDER BY deleted_at LIMIT ?2 /*lock*/";
    ERASE_FRAMES = "DELETE FROM frame WHERE project_id = ?1 AND conversation_id = ?2";
    ERASE_APPROVALS = "DELETE FROM approval WHERE project_id = ?1 AND conversation_id = ?2";
    ERASE_QUEUE = "DELETE FROM queue_item WHERE project_id = ?1 AND conversation_id = ?2";
    ERASE_TURNS = "DELETE FROM turn WHERE project_id = ?1 AND conversation_id = ?2";
    ERASE_MESSAGES = "DELETE FROM message WHERE project_id = ?1 AND conversation_id = ?2";
    ERASE_CONVERSATION = "DELETE FROM conversation WHERE project_id = ?1 AND id = ?2";
    FORGET = "DELETE FROM conversation_directory WHERE project_id = ?1 AND conversation_id = ?2";
}

/// Erases at most `limit` conversations that were deleted before a moment, with everything that belongs to them.
/// Returns how many. Afterwards their ids are as good as new.
///
/// # Errors
/// When the store fails.
pub async fn erase_deleted(c: &Conn, before: Timestamp, limit: i64) -> Result<usize> {
    let deleted: Vec<(ProjectId, ConversationId)> = c.all(DELETED, params![before, limit]).await?;
    for (project, id) in &deleted {
        for statement in [
            ERASE_FRAMES,
            ERASE_APPROVALS,
            ERASE_QUEUE,
            ERASE_TURNS,
            ERASE_MESSAGES,
            ERASE_CONVERSATION,
            FORGET,
        ] {
            c.exec(statement, params![*project, *id]).await?;
        }
    }
    Ok(deleted.len())
}
