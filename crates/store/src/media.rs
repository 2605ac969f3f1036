//! Uploaded files, without their bytes, and the messages that link them (tickets.md 11.3).
//!
//! A file lives as long as a message links it. One that no message links is swept after a day; one whose last message
//! is erased goes with it. *Doomed* files are seen by nobody any more; their row stays until the bytes have been
//! removed, so that none are forgotten. Where files are locked, it is after tickets and before the event counter.

use crate::sealed::SecretKey;
use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params};
use model::media::{MEDIA_PER_MESSAGE, Media, linked};
use model::{MediaId, MessageId, ProjectId, TicketId, Timestamp, UserId};
use serde_json::Value as Json;
use std::collections::BTreeSet;

macro_rules! columns {
    () => {
        "m.project_id, m.id, m.name, m.content_type, m.size, m.is_attached, m.uploaded_by, m.created_at"
    };
}

/// A message of a ticket that is not deleted, and not deleted itself, links the file.
macro_rules! is_linked {
    ($and:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM media_use u \
               JOIN ticket_message s ON s.project_id = u.project_id AND s.id = u.message_id \
               JOIN ticket t ON t.project_id = s.project_id AND t.id = s.ticket_id \
             WHERE u.project_id = m.project_id AND u.media_id = m.id AND NOT s.is_deleted \
               AND t.deleted_at IS NULL",
            $and,
            ")"
        )
    };
}

statements! {
    INSERT = "INSERT INTO media (project_id, id, name, content_type, size, is_stored, is_attached, uploaded_by, \
                created_at) VALUES (?1, ?2, ?3, ?4, 0, FALSE, FALSE, ?5, ?6)";
    SET_STORED = "UPDATE media SET is_stored = TRUE, size = ?3 WHERE project_id = ?1 AND id = ?2 AND doomed_at IS NULL";
    UNATTACHED_OF = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM media \
                     WHERE project_id = ?1 AND uploaded_by = ?2 AND NOT is_attached AND doomed_at IS NULL";
    /// For whoever has the link: what customers may see.
    FIND_PUBLIC = concat!(
        "SELECT ", columns!(), " FROM media m WHERE m.project_id = ?1 AND m.id = ?2 AND m.is_stored \
           AND m.doomed_at IS NULL AND ", is_linked!(" AND NOT s.is_private")
    );
    /// In whichever project of the person's: the link names none. One that no message links is its uploader's alone.
    FIND_OF_USER = concat!(
        "SELECT ", columns!(), " FROM membership b \
           JOIN project p ON p.organization_id = b.organization_id \
           JOIN media m ON m.project_id = p.id \
         WHERE b.user_id = ?1 AND m.id = ?2 AND m.is_stored AND m.doomed_at IS NULL \
           AND ((NOT m.is_attached AND m.uploaded_by = ?1) OR ", is_linked!(""), ")"
    );
    LOCK = "SELECT is_attached FROM media WHERE project_id = ?1 AND id = ?2 AND is_stored AND doomed_at IS NULL /*lock*/";
    SET_ATTACHED = "UPDATE media SET is_attached = ?3 WHERE project_id = ?1 AND id = ?2";
    ADD_USE = "INSERT INTO media_use (project_id, media_id, message_id) VALUES (?1, ?2, ?3) \
               ON CONFLICT (project_id, media_id, message_id) DO NOTHING";
    USED_BY = "SELECT media_id FROM media_use WHERE project_id = ?1 AND message_id = ?2 ORDER BY media_id";
    DROP_USE = "DELETE FROM media_use WHERE project_id = ?1 AND media_id = ?2 AND message_id = ?3";
    IS_USED = "SELECT EXISTS (SELECT 1 FROM media_use WHERE project_id = ?1 AND media_id = ?2)";
    /// Sorted by whoever asks, and joined from the ticket's side: else SQLite would walk over the project.
    USED_BY_TICKET = "SELECT u.media_id FROM ticket_message s CROSS JOIN media_use u \
                      WHERE s.project_id = ?1 AND s.ticket_id = ?2 \
                        AND u.project_id = s.project_id AND u.message_id = s.id";
    DROP_USES_OF_TICKET = "DELETE FROM media_use WHERE project_id = ?1 AND message_id IN \
                             (SELECT s.id FROM ticket_message s WHERE s.project_id = ?1 AND s.ticket_id = ?2)";
    DOOM = "UPDATE media SET doomed_at = ?3 WHERE project_id = ?1 AND id = ?2";
    SWEEP = "UPDATE media SET doomed_at = ?2 WHERE NOT is_attached AND doomed_at IS NULL AND created_at < ?1";
    DOOMED = "SELECT project_id, id FROM media WHERE doomed_at IS NOT NULL ORDER BY doomed_at LIMIT ?1";
    FORGET = "DELETE FROM media WHERE project_id = ?1 AND id = ?2 AND doomed_at IS NOT NULL";
    STORED_AFTER = concat!(
        "SELECT ", columns!(), " FROM media m WHERE (m.project_id > ?1 OR (m.project_id = ?1 AND m.id > ?2)) \
           AND m.is_stored AND m.doomed_at IS NULL AND ", is_linked!(""), " ORDER BY m.project_id, m.id LIMIT ?3"
    );
}

impl FromRow for Media {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            project_id: row.get()?,
            id: row.get()?,
            name: row.get()?,
            content_type: row.get()?,
            size: row.get()?,
            is_attached: row.get()?,
            uploaded_by: row.get()?,
            created_at: row.get()?,
        })
    }
}

/// What tokens are signed for.
const PURPOSE: &str = "media";

fn subject(project: ProjectId, id: MediaId) -> String {
    format!("{project}/{id}")
}

/// The token in a file's address that opens it: the project's number and a signature.
pub fn token(key: &SecretKey, project: ProjectId, id: MediaId) -> String {
    let signature = key.sign(PURPOSE, &subject(project, id));
    format!("{project}.{signature}")
}

/// The project that a good token names.
pub fn project_of_token(key: &SecretKey, id: MediaId, token: &str) -> Option<ProjectId> {
    let (project, signature) = token.split_once('.')?;
    let project = ProjectId(project.parse().ok()?);
    let is_good = key.verify(PURPOSE, &subject(project, id), signature);
    is_good.then_some(project)
}

/// Notes a file whose bytes are about to be written. Nobody sees it until [`set_stored`].
///
/// # Errors
/// When the store fails.
pub async fn create(c: &Conn, media: &Media) -> Result<()> {
    let values = params![
        media.project_id,
        media.id,
        &media.name,
        &media.content_type,
        media.uploaded_by,
        media.created_at
    ];
    c.exec_one(INSERT, values).await
}

/// The bytes of a file are where they belong.
///
/// # Errors
/// [`Error::NoRow`](crate::Error::NoRow) when it has been given up meanwhile; otherwise when the store fails.
pub async fn set_stored(c: &Conn, project: ProjectId, id: MediaId, size: i64) -> Result<()> {
    c.exec_one(SET_STORED, params![project, id, size]).await
}

/// The bytes of all files of a person's that no message links.
///
/// # Errors
/// When the store fails.
pub async fn unattached_of(c: &Conn, project: ProjectId, user: UserId) -> Result<i64> {
    c.one(UNATTACHED_OF, params![project, user]).await
}

/// A file that a customer may see: a public message links it.
///
/// # Errors
/// When the store fails.
pub async fn find_public(c: &Conn, project: ProjectId, id: MediaId) -> Result<Option<Media>> {
    c.find(FIND_PUBLIC, params![project, id]).await
}

/// A file that this person may see, in whichever of their projects: a message of a ticket links it, or they uploaded
/// it and no message does.
///
/// # Errors
/// When the store fails.
pub async fn find_of_user(c: &Conn, user: UserId, id: MediaId) -> Result<Option<Media>> {
    c.find(FIND_OF_USER, params![user, id]).await
}

/// Makes the files that a new message uses those that it links.
///
/// # Errors
/// When the store fails.
pub(crate) async fn bind_new(
    c: &Conn,
    project: ProjectId,
    message: MessageId,
    content: &str,
    rich_content: Option<&Json>,
) -> Result<()> {
    let wanted = wanted(content, rich_content);
    bind(c, project, message, &wanted, &BTreeSet::new()).await
}

/// Makes the files that a changed message uses those that it links now.
///
/// # Errors
/// When the store fails.
pub(crate) async fn bind_anew(
    c: &Conn,
    project: ProjectId,
    message: MessageId,
    content: &str,
    rich_content: Option<&Json>,
) -> Result<()> {
    let used: Vec<MediaId> = c.all(USED_BY, params![project, message]).await?;
    let (wanted, used) = (wanted(content, rich_content), used.into_iter().collect());
    bind(c, project, message, &wanted, &used).await
}

fn wanted(content: &str, rich_content: Option<&Json>) -> BTreeSet<MediaId> {
    let linked = linked(content, rich_content).into_iter();
    linked.take(MEDIA_PER_MESSAGE).collect()
}

async fn bind(
    c: &Conn,
    project: ProjectId,
    message: MessageId,
    wanted: &BTreeSet<MediaId>,
    used: &BTreeSet<MediaId>,
) -> Result<()> {
    // In the order of the ids, as always where several rows are locked.
    for id in wanted.symmetric_difference(used) {
        let found: Option<bool> = c.find(LOCK, params![project, *id]).await?;
        let Some(is_attached) = found else { continue };
        if wanted.contains(id) {
            c.exec(ADD_USE, params![project, *id, message]).await?;
            if !is_attached {
                c.exec(SET_ATTACHED, params![project, *id, true]).await?;
            }
        } else {
            c.exec(DROP_USE, params![project, *id, message]).await?;
            if !c.one(IS_USED, params![project, *id]).await? {
                c.exec(SET_ATTACHED, params![project, *id, false]).await?;
            }
        }
    }
    Ok(())
}

/// Lets go of the files of a ticket that is being erased: those that no other ticket's message links are doomed.
///
/// # Errors
/// When the store fails.
pub(crate) async fn release(
    c: &Conn,
    project: ProjectId,
    ticket: TicketId,
    now: Timestamp,
) -> Result<()> {
    let used: Vec<MediaId> = c.all(USED_BY_TICKET, params![project, ticket]).await?;
    let used: BTreeSet<MediaId> = used.into_iter().collect();
    let mut locked = Vec::with_capacity(used.len());
    for id in used {
        let found: Option<bool> = c.find(LOCK, params![project, id]).await?;
        locked.extend(found.map(|_| id));
    }
    c.exec(DROP_USES_OF_TICKET, params![project, ticket])
        .await?;
    for id in locked {
        if !c.one(IS_USED, params![project, id]).await? {
            c.exec(DOOM, params![project, id, now]).await?;
        }
    }
    Ok(())
}

/// Dooms the files that were uploaded before a moment and that no message links; returns how many. Over all projects.
///
/// # Errors
/// When the store fails.
pub async fn sweep(c: &Conn, before: Timestamp, now: Timestamp) -> Result<u64> {
    c.exec(SWEEP, params![before, now]).await
}

/// Some files whose bytes are to be removed, in whichever project.
///
/// # Errors
/// When the store fails.
pub async fn list_doomed(c: &Conn, limit: i64) -> Result<Vec<(ProjectId, MediaId)>> {
    c.all(DOOMED, params![limit]).await
}

/// Forgets a doomed file whose bytes have been removed.
///
/// # Errors
/// When the store fails.
pub async fn forget(c: &Conn, project: ProjectId, id: MediaId) -> Result<()> {
    c.exec(FORGET, params![project, id]).await?;
    Ok(())
}

/// The files that must have bytes, in the order of project and id, after one: for the integrity check.
///
/// # Errors
/// When the store fails.
pub async fn list_stored_after(
    c: &Conn,
    after: (ProjectId, MediaId),
    limit: i64,
) -> Result<Vec<Media>> {
    c.all(STORED_AFTER, params![after.0, after.1, limit]).await
}
