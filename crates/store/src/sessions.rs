//! Sessions: who is signed in, and from which browser. The cookie's value itself is stored nowhere.

use crate::statements::statements;
use crate::users::User;
use crate::{Conn, FromRow, Result, Row, params};
use model::secrets::Digest;
use model::sessions::{LIFETIME, TOUCH_INTERVAL};
use model::{SessionId, Timestamp, UserId};

macro_rules! columns {
    () => {
        "session.id, session.user_id, session.user_agent, session.created_at, session.last_seen_at, \
         session.expires_at"
    };
}

statements! {
    INSERT = "INSERT INTO session (id, user_id, digest, user_agent, created_at, last_seen_at, expires_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    FIND_BY_DIGEST = concat!(
        "SELECT ", columns!(), ", users.id, users.uuid, users.email, users.first_name, users.last_name, \
           users.distinct_id, users.current_project_id, users.created_at, session.digest \
         FROM session JOIN users ON users.id = session.user_id \
         WHERE session.digest = ?1 AND session.expires_at > ?2"
    );
    IS_VALID = "SELECT EXISTS (SELECT 1 FROM session WHERE id = ?1 AND user_id = ?2 AND expires_at > ?3)";
    LIST_OF_USER = concat!(
        "SELECT ", columns!(), " FROM session WHERE user_id = ?1 AND expires_at > ?2 \
         ORDER BY last_seen_at DESC, id DESC LIMIT ?3 OFFSET ?4"
    );
    COUNT_OF_USER = "SELECT COUNT(*) FROM session WHERE user_id = ?1 AND expires_at > ?2";
    TOUCH = "UPDATE session SET last_seen_at = ?2, expires_at = ?3 WHERE id = ?1 AND last_seen_at <= ?4";
    DELETE = "DELETE FROM session WHERE user_id = ?1 AND id = ?2";
    DELETE_BY_DIGEST = "DELETE FROM session WHERE digest = ?1";
    DELETE_OF_USER = "DELETE FROM session WHERE user_id = ?1";
    DELETE_OTHERS = "DELETE FROM session WHERE user_id = ?1 AND id <> ?2";
    DELETE_EXPIRED = "DELETE FROM session WHERE id IN \
                        (SELECT id FROM session WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
}

/// Someone signed in from one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Not secret.
    pub id: SessionId,
    /// Who is signed in.
    pub user_id: UserId,
    /// As the browser named itself, cut.
    pub user_agent: String,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// To the hour.
    pub last_seen_at: Timestamp,
    /// From when it is worthless. Moves on when the session is used.
    pub expires_at: Timestamp,
}

impl FromRow for Session {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            user_id: row.get()?,
            user_agent: row.get()?,
            created_at: row.get()?,
            last_seen_at: row.get()?,
            expires_at: row.get()?,
        })
    }
}

/// A session that was found by its cookie's digest.
#[derive(Clone, Debug)]
pub struct FoundSession {
    /// The session; it had not expired.
    pub session: Session,
    /// Who is signed in.
    pub user: User,
    /// The stored digest, for a comparison in constant time.
    pub digest: Vec<u8>,
}

impl FromRow for FoundSession {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            session: Session::from_row(row)?,
            user: User::from_row(row)?,
            digest: row.get()?,
        })
    }
}

/// Adds a session.
///
/// # Errors
/// A foreign key violation when there is no such person; otherwise when the store fails.
pub async fn create(c: &Conn, session: &Session, digest: &Digest) -> Result<()> {
    c.exec(
        INSERT,
        params![
            session.id,
            session.user_id,
            digest,
            &session.user_agent,
            session.created_at,
            session.last_seen_at,
            session.expires_at
        ],
    )
    .await?;
    Ok(())
}

/// The session with this digest and its person, unless it has expired.
///
/// # Errors
/// When the store fails.
pub async fn find_by_digest(
    c: &Conn,
    digest: &Digest,
    now: Timestamp,
) -> Result<Option<FoundSession>> {
    c.find(FIND_BY_DIGEST, params![digest, now]).await
}

/// Whether a person is still signed in with a session.
///
/// # Errors
/// When the store fails.
pub async fn is_valid(c: &Conn, id: SessionId, user: UserId, now: Timestamp) -> Result<bool> {
    c.one(IS_VALID, params![id, user, now]).await
}

/// A person's sessions that have not expired, the one last used first; and how many there are.
///
/// # Errors
/// When the store fails.
pub async fn list_of_user(
    c: &Conn,
    user: UserId,
    now: Timestamp,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Session>, i64)> {
    let sessions = c
        .all(LIST_OF_USER, params![user, now, limit, offset])
        .await?;
    let count = c.one(COUNT_OF_USER, params![user, now]).await?;
    Ok((sessions, count))
}

/// Records that a session was used, and lets it live on; at most once an hour. `false`: recorded within the hour
/// already, or there is no such session any more.
///
/// # Errors
/// When the store fails.
pub async fn touch(c: &Conn, id: SessionId, now: Timestamp) -> Result<bool> {
    let expires_at = now.plus(LIFETIME);
    let an_hour_ago = now.minus(TOUCH_INTERVAL);
    Ok(c.exec(TOUCH, params![id, now, expires_at, an_hour_ago])
        .await?
        > 0)
}

/// Ends one of a person's sessions. `false`: the person has no such session.
///
/// # Errors
/// When the store fails.
pub async fn delete(c: &Conn, user: UserId, id: SessionId) -> Result<bool> {
    Ok(c.exec(DELETE, params![user, id]).await? > 0)
}

/// Ends the session that a cookie names, if there is one.
///
/// # Errors
/// When the store fails.
pub async fn delete_by_digest(c: &Conn, digest: &Digest) -> Result<()> {
    c.exec(DELETE_BY_DIGEST, params![digest]).await?;
    Ok(())
}

/// Ends all of a person's sessions, or all but one.
///
/// # Errors
/// When the store fails.
pub async fn delete_of_user(c: &Conn, user: UserId, except: Option<SessionId>) -> Result<u64> {
    match except {
        Some(kept) => c.exec(DELETE_OTHERS, params![user, kept]).await,
        None => c.exec(DELETE_OF_USER, params![user]).await,
    }
}

/// Forgets sessions that have expired, at most so many; returns how many.
///
/// # Errors
/// When the store fails.
pub async fn delete_expired(c: &Conn, now: Timestamp, limit: i64) -> Result<u64> {
    c.exec(DELETE_EXPIRED, params![now, limit]).await
}
