//! Frames: the append-only log of a turn.

use crate::statements::statements;
use crate::turns::TurnKey;
use crate::{Conn, FromRow, Result, Row, params};
use model::frames::{Frame, FrameKind};

statements! {
    INSERT = "INSERT INTO frame (project_id, conversation_id, turn, seq, kind, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    LIST = "SELECT seq, kind, payload FROM frame \
            WHERE project_id = ?1 AND conversation_id = ?2 AND turn = ?3 AND seq > ?4 ORDER BY seq";
    DELETE = "DELETE FROM frame WHERE project_id = ?1 AND conversation_id = ?2 AND turn = ?3";
}

impl FromRow for Frame {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            seq: row.get()?,
            kind: row.parse("frame.kind", FrameKind::from_stored)?,
            payload: row.get()?,
        })
    }
}

/// Adds frames whose sequence numbers were reserved.
///
/// # Errors
///
/// When the store fails.
pub async fn insert(c: &Conn, key: TurnKey, frames: &[Frame]) -> Result<()> {
    for frame in frames {
        c.exec(
            INSERT,
            params![
                key.project_id,
                key.conversation_id,
                key.number,
                frame.seq,
                frame.kind.as_str(),
                &frame.payload,
            ],
        )
        .await?;
    }
    Ok(())
}

/// The frames of a turn after a sequence number, in order.
///
/// # Errors
///
/// When the store fails.
pub async fn list_after(c: &Conn, key: TurnKey, seq: i64) -> Result<Vec<Frame>> {
    c.all(
        LIST,
        params![key.project_id, key.conversation_id, key.number, seq],
    )
    .await
}

/// Deletes the frames of a turn.
///
/// # Errors
///
/// When the store fails.
pub async fn delete(c: &Conn, key: TurnKey) -> Result<()> {
    c.exec(
        DELETE,
        params![key.project_id, key.conversation_id, key.number],
    )
    .await?;
    Ok(())
}
