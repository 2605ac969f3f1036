//! Messages of tickets as the comments API knows them (tickets.md 11.2): all of a project in one list, the newest first.

use crate::activity::{self, NewActivity};
use crate::statements::statements;
use crate::tickets::list::{escaped, is_indexed};
use crate::tickets::{self, Scene};
use crate::{Conn, Engine, FromRow, Result, Row, params};
use model::comments::Cursor;
use model::tickets::{Message, NewMessage, TicketKey, fold};
use model::{MessageId, ProjectId, TicketId};
use serde_json::json;
use uuid::Uuid;

macro_rules! select {
    () => {
        "SELECT m.id, m.ticket_id, m.content, m.rich_content, m.item_context, m.side, m.is_private, m.created_by, \
           m.version, m.is_deleted, m.created_at, m.source_comment, m.is_task \
         FROM ticket_message m JOIN ticket t ON t.project_id = m.project_id AND t.id = m.ticket_id \
         WHERE m.project_id = ?1 AND t.deleted_at IS NULL"
    };
}

macro_rules! page {
    ($condition:expr, $side:literal, $order:literal, $limit:literal) => {
        concat!(
            select!(),
            " AND NOT m.is_deleted AND (CAST(?4 AS UUID) IS NULL OR m.source_comment = ?4)",
            $condition,
            " AND (m.created_at, m.id) ",
            $side,
            " (?2, ?3) ORDER BY m.created_at ",
            $order,
            ", m.id ",
            $order,
            $limit
        )
    };
}

/// Those whose text is among the texts that a condition finds.
macro_rules! with_part {
    () => {
        " AND m.id IN (SELECT s.source_id FROM ticket_text s WHERE s.text LIKE ?5 ESCAPE '\\' AND s.project_id = ?1)"
    };
}

/// The same over SQLite's index, and over the texts that wait for it (`messages::INDEX_TEXTS`). Those are few: the `+` keeps SQLite
/// from looking at all texts of the project.
macro_rules! with_indexed_part {
    () => {
        " AND m.id IN (SELECT s.source_id FROM ticket_search \
            CROSS JOIN ticket_text s ON s.search_id = ticket_search.rowid \
            WHERE ticket_search MATCH '\"' || replace(?5, '\"', '\"\"') || '\"' AND s.project_id = ?1 \
          UNION ALL SELECT s.source_id FROM ticket_text s \
            WHERE s.search_id > (SELECT indexed_until FROM ticket_search_state) \
              AND +s.project_id = ?1 AND instr(s.text, ?5) > 0)"
    };
}

macro_rules! of_ticket {
    () => {
        " AND m.ticket_id = ?5 AND (CAST(?6 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM ticket_text s \
            WHERE s.project_id = m.project_id AND s.source_id = m.id AND s.text LIKE ?6 ESCAPE '\\'))"
    };
}

statements! {
    FIND = concat!(select!(), " AND m.id = ?2");
    OLDER = page!("", "<", "DESC", " LIMIT ?5");
    NEWER = page!("", ">", "ASC", " LIMIT ?5");
    OLDER_WITH_PART = page!(with_part!(), "<", "DESC", " LIMIT ?6");
    NEWER_WITH_PART = page!(with_part!(), ">", "ASC", " LIMIT ?6");
    OLDER_WITH_INDEXED_PART [sqlite] = page!(with_indexed_part!(), "<", "DESC", " LIMIT ?6");
    NEWER_WITH_INDEXED_PART [sqlite] = page!(with_indexed_part!(), ">", "ASC", " LIMIT ?6");
    OLDER_OF_TICKET = concat!(
        select!(), " AND NOT m.is_deleted AND (CAST(?4 AS UUID) IS NULL OR m.source_comment = ?4)", of_ticket!(),
        " AND (m.created_at, m.id) < (?2, ?3) ORDER BY m.created_at DESC, m.id DESC LIMIT ?7"
    );
    NEWER_OF_TICKET = concat!(
        select!(), " AND NOT m.is_deleted AND (CAST(?4 AS UUID) IS NULL OR m.source_comment = ?4)", of_ticket!(),
        " AND (m.created_at, m.id) > (?2, ?3) ORDER BY m.created_at, m.id LIMIT ?7"
    );
    SET_EXTRAS = "UPDATE ticket_message SET source_comment = ?3, is_task = ?4 WHERE project_id = ?1 AND id = ?2";
}

/// A message with what only comments have.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    /// The message.
    pub message: Message,
    /// The comment it answers.
    pub source_comment: Option<Uuid>,
    /// Something is to be done.
    pub is_task: bool,
}

impl FromRow for Comment {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            message: Message::from_row(row)?,
            source_comment: row.get()?,
            is_task: row.get()?,
        })
    }
}

/// What a list of comments is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct CommentFilters {
    /// Only those of a ticket.
    pub ticket: Option<TicketId>,
    /// Only with this in their text, in any case.
    pub search: Option<String>,
    /// Only answers to this comment.
    pub source_comment: Option<Uuid>,
}

/// One comment of a ticket that is not deleted; deleted ones included.
///
/// # Errors
/// When the store fails.
pub async fn find(c: &Conn, project: ProjectId, id: MessageId) -> Result<Option<Comment>> {
    c.find(FIND, params![project, id]).await
}

/// At most `limit` comments that are not deleted from a cursor on, in the cursor's direction.
///
/// # Errors
/// When the store fails.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    filters: &CommentFilters,
    cursor: Cursor,
    limit: i64,
) -> Result<Vec<Comment>> {
    let source = filters.source_comment;
    let text = filters.search.as_deref().map(fold);
    let part = |text: &String| format!("%{}%", escaped(text));
    let Some(ticket) = filters.ticket else {
        let Some(text) = text else {
            let statement = if cursor.is_forward { OLDER } else { NEWER };
            let values = params![project, cursor.at, cursor.id, source, limit];
            return c.all(statement, values).await;
        };
        let is_indexed = c.engine() == Engine::Sqlite && is_indexed(&text);
        let (statement, text) = match (is_indexed, cursor.is_forward) {
            (true, true) => (OLDER_WITH_INDEXED_PART, text),
            (true, false) => (NEWER_WITH_INDEXED_PART, text),
            (false, true) => (OLDER_WITH_PART, part(&text)),
            (false, false) => (NEWER_WITH_PART, part(&text)),
        };
        let values = params![project, cursor.at, cursor.id, source, &text, limit];
        return c.all(statement, values).await;
    };
    let statement = match cursor.is_forward {
        true => OLDER_OF_TICKET,
        false => NEWER_OF_TICKET,
    };
    let search = text.as_ref().map(part);
    let values = params![
        project, cursor.at, cursor.id, source, ticket, &search, limit
    ];
    c.all(statement, values).await
}

/// Adds a message to a ticket, and says so in the log of who did what; `None`: there is no such ticket.
///
/// # Errors
/// When the store fails.
pub async fn create(
    c: &Conn,
    scene: &Scene,
    ticket: TicketId,
    new: &NewMessage,
    source_comment: Option<Uuid>,
    is_task: bool,
) -> Result<Option<Comment>> {
    let key = TicketKey::Id(ticket);
    let Some((ticket, message)) = tickets::add_message(c, scene, key, new, false).await? else {
        return Ok(None);
    };
    set_extras(c, scene.project, message.id, source_comment, is_task).await?;
    let commented = NewActivity {
        id: scene.env.uuid(),
        scope: "Ticket",
        item_id: ticket.id.to_string(),
        activity: "commented",
        user_id: scene.actor.user_id(),
        // Without the text: this log outlives the message.
        detail: json!({"name": format!("Ticket #{}", ticket.number), "changes": []}).to_string(),
        client: scene.actor.client.clone(),
    };
    activity::append(c, scene.project, &commented, scene.now).await?;
    Ok(Some(Comment {
        message,
        source_comment,
        is_task,
    }))
}

/// Writes what only comments have.
///
/// # Errors
/// When the store fails.
pub async fn set_extras(
    c: &Conn,
    project: ProjectId,
    id: MessageId,
    source_comment: Option<Uuid>,
    is_task: bool,
) -> Result<()> {
    c.exec_one(SET_EXTRAS, params![project, id, source_comment, is_task])
        .await
}
