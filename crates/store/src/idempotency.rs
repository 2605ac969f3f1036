//! What was made under an `Idempotency-Key`: it is written in the transaction that makes it (tickets.md 17).

use crate::statements::statements;
use crate::{Conn, Error, Result, params};
use model::idempotency::Attempt;
use model::{ProjectId, Timestamp, UserId};
use uuid::Uuid;

statements! {
    CLAIM = "INSERT INTO idempotency (project_id, user_id, digest, request, made, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (project_id, user_id, digest) DO NOTHING";
    FIND = "SELECT request, made FROM idempotency WHERE project_id = ?1 AND user_id = ?2 AND digest = ?3";
    ERASE = "DELETE FROM idempotency WHERE (project_id, user_id, digest) IN \
               (SELECT project_id, user_id, digest FROM idempotency WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";
}

/// What is known of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// The same was asked for before, and made this.
    Same(Uuid),
    /// Something else was asked for under this key.
    Other,
}

/// What is known of an attempt; `None`: nothing.
///
/// # Errors
/// When the store fails.
pub async fn find(
    c: &Conn,
    project: ProjectId,
    user: UserId,
    attempt: &Attempt,
) -> Result<Option<Earlier>> {
    let values = params![project, user, &attempt.key];
    let found: Option<(Vec<u8>, Uuid)> = c.find(FIND, values).await?;
    Ok(
        found.map(|(request, made)| match request == attempt.request {
            true => Earlier::Same(made),
            false => Earlier::Other,
        }),
    )
}

/// Takes an attempt for what is about to be made under the id `made`; or says what is known of it. Of two at the same
/// time the second waits until the first is committed.
///
/// # Errors
/// When the store fails.
pub async fn claim(
    c: &Conn,
    project: ProjectId,
    user: UserId,
    attempt: &Attempt,
    made: Uuid,
    now: Timestamp,
) -> Result<Option<Earlier>> {
    let Attempt { key, request } = attempt;
    let values = params![project, user, key, request, made, now];
    if c.exec(CLAIM, values).await? > 0 {
        return Ok(None);
    }
    find(c, project, user, attempt)
        .await?
        .map(Some)
        .ok_or(Error::NoRow)
}

/// Erases at most `limit` attempts from before a moment. Returns how many.
///
/// # Errors
/// When the store fails.
pub async fn erase(c: &Conn, before: Timestamp, limit: i64) -> Result<u64> {
    c.exec(ERASE, params![before, limit]).await
}
