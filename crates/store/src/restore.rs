//! Links that move a visitor's tickets to another browser (tickets.md 14.6).

use crate::statements::statements;
use crate::{Conn, Result, params};
use model::secrets::Digest;
use model::{ProjectId, TicketId, Timestamp};
use uuid::Uuid;

statements! {
    INSERT = "INSERT INTO restore_token (project_id, digest, email, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    FIND_EMAIL = "SELECT email FROM restore_token WHERE project_id = ?1 AND digest = ?2";
    /// All of an address, in one order: two of them may be used at the same time.
    LOCK = "SELECT digest, expires_at, used_at FROM restore_token WHERE project_id = ?1 AND email = ?2 \
            ORDER BY digest /*lock*/";
    /// The others of the address are void from then on, too.
    USE = "UPDATE restore_token SET used_at = ?3 WHERE project_id = ?1 AND email = ?2 AND used_at IS NULL";
    /// By the address that the customer gave in the ticket; else by that of the person. Anybody can say of a person
    /// what they like, so the latter counts only where the project itself has said it, and that the id is theirs; and
    /// where nothing speaks against it: not for a ticket with another address, nor for one whose customer the project
    /// vouched for, who needs no link.
    /// Sorted by whoever asks, and joined from the person's side: else SQLite would walk over the project.
    TICKETS = "SELECT id FROM ticket WHERE project_id = ?1 AND deleted_at IS NULL AND contact_email = ?2 \
               UNION ALL SELECT t.id FROM person p CROSS JOIN person_distinct_id d CROSS JOIN ticket t \
                 WHERE p.project_id = ?1 AND p.vouched_email = ?2 \
                   AND d.project_id = p.project_id AND d.person_id = p.id AND d.is_vouched \
                   AND t.project_id = d.project_id AND t.distinct_id = d.distinct_id \
                   AND t.deleted_at IS NULL AND t.contact_email IS NULL \
                   AND (t.identity_verified IS NULL OR NOT t.identity_verified)";
    LOCK_TICKET = "SELECT id FROM ticket WHERE project_id = ?1 AND id = ?2 AND deleted_at IS NULL /*lock*/";
    MOVE = "UPDATE ticket SET widget_session_id = ?3 WHERE project_id = ?1 AND id = ?2";
    ERASE = "DELETE FROM restore_token WHERE (project_id, digest) IN \
               (SELECT project_id, digest FROM restore_token WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";
}

/// What came of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// These tickets belong to the session now, the oldest first.
    Moved(Vec<TicketId>),
    /// It came too late.
    Expired,
    /// It had been used, or another one of the same address.
    Used,
    /// There is no such token.
    Unknown,
}

/// Keeps a new token for an address (folded).
///
/// # Errors
/// When the store fails.
pub async fn create(
    c: &Conn,
    project: ProjectId,
    digest: &Digest,
    email: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<()> {
    c.exec_one(INSERT, params![project, digest, email, now, expires_at])
        .await
}

/// The tickets that an address (folded) can move, the oldest first.
///
/// # Errors
/// When the store fails.
pub async fn list_tickets(c: &Conn, project: ProjectId, email: &str) -> Result<Vec<TicketId>> {
    let mut tickets: Vec<TicketId> = c.all(TICKETS, params![project, email]).await?;
    tickets.sort_unstable();
    Ok(tickets)
}

/// Uses a token: its address' tickets go to the session, and no other token of the address is good any more.
///
/// # Errors
/// When the store fails.
pub async fn redeem(
    c: &Conn,
    project: ProjectId,
    digest: &Digest,
    session: Uuid,
    now: Timestamp,
) -> Result<Redeemed> {
    let email: Option<String> = c.find(FIND_EMAIL, params![project, digest]).await?;
    let Some(email) = email else {
        return Ok(Redeemed::Unknown);
    };
    let tokens: Vec<(Vec<u8>, Timestamp, Option<Timestamp>)> =
        c.all(LOCK, params![project, &email]).await?;
    let mut tokens = tokens.into_iter();
    let Some((_, expires_at, used_at)) = tokens.find(|(known, ..)| known == digest) else {
        return Ok(Redeemed::Unknown);
    };
    if used_at.is_some() {
        return Ok(Redeemed::Used);
    }
    if expires_at <= now {
        return Ok(Redeemed::Expired);
    }
    c.exec(USE, params![project, &email, now]).await?;
    let session = session.to_string();
    let mut moved = Vec::new();
    for id in list_tickets(c, project, &email).await? {
        let locked: Option<TicketId> = c.find(LOCK_TICKET, params![project, id]).await?;
        if locked.is_some() {
            c.exec_one(MOVE, params![project, id, &session]).await?;
            moved.push(id);
        }
    }
    Ok(Redeemed::Moved(moved))
}

/// Erases at most `limit` tokens that expired before a moment. Returns how many.
///
/// # Errors
/// When the store fails.
pub async fn erase(c: &Conn, before: Timestamp, limit: i64) -> Result<u64> {
    c.exec(ERASE, params![before, limit]).await
}
