//! The messages of tickets, and what they do to them (tickets.md 11).

use super::log::Log;
use super::totals::Totals;
use super::{Scene, find_for_update, reply_jobs, rows};
use crate::statements::statements;
use crate::{Conn, Error, FromRow, Result, Row, media, outbox, params};
use model::pagination::Page;
use model::tickets::{
    Changed, Message, MessageError, NewMessage, Side, Ticket, TicketKey, fold, preview,
};
use model::{MessageId, ProjectId, TicketId, Timestamp};
use serde_json::Value;

macro_rules! columns {
    () => {
        "id, ticket_id, content, rich_content, item_context, side, is_private, created_by, version, is_deleted, \
         created_at"
    };
}

statements! {
    INSERT = concat!(
        "INSERT INTO ticket_message (project_id, ", columns!(), ") \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    );
    FIND = concat!("SELECT ", columns!(), " FROM ticket_message WHERE project_id = ?1 AND id = ?2");
    LIST = concat!(
        "SELECT ", columns!(), " FROM ticket_message WHERE project_id = ?1 AND ticket_id = ?2 AND NOT is_deleted \
         ORDER BY created_at, id LIMIT ?3 OFFSET ?4"
    );
    LIST_PUBLIC = concat!(
        "SELECT ", columns!(), " FROM ticket_message \
         WHERE project_id = ?1 AND ticket_id = ?2 AND NOT is_deleted AND NOT is_private AND created_at > ?3 \
         ORDER BY created_at, id LIMIT ?4"
    );
    COUNT = "SELECT count(*) FROM ticket_message WHERE project_id = ?1 AND ticket_id = ?2 AND NOT is_deleted";
    SAVE = "UPDATE ticket_message SET content = ?3, rich_content = ?4, version = ?5, is_deleted = ?6 \
            WHERE project_id = ?1 AND id = ?2";
    LAST_PUBLIC = "SELECT created_at, content FROM ticket_message \
                   WHERE project_id = ?1 AND ticket_id = ?2 AND NOT is_deleted AND NOT is_private \
                   ORDER BY created_at DESC, id DESC LIMIT 1";
    /// No more than two are looked for.
    COUNT_TWO_OF_CUSTOMER = "SELECT count(*) FROM (SELECT 1 FROM ticket_message \
                               WHERE project_id = ?1 AND ticket_id = ?2 AND NOT is_deleted AND NOT is_private \
                                 AND side = 'customer' AND created_by IS NULL LIMIT 2) AS found";
    RECENT_PUBLIC = concat!(
        "SELECT ", columns!(), " FROM ticket_message \
         WHERE project_id = ?1 AND ticket_id = ?2 AND NOT is_deleted AND NOT is_private \
         ORDER BY created_at DESC, id DESC LIMIT ?3"
    );
    /// The first answer to a customer who began the ticket. Only once: later there is an earlier answer.
    /// The subqueries name the ticket's columns, not the parameters: what does not depend on the row, SQLite works out
    /// before it looks at the row, and here that is every message of the ticket.
    NOTE_RESPONSE = "UPDATE ticket SET first_response_at = ?4 \
                     WHERE project_id = ?1 AND id = ?2 AND first_response_at IS NULL \
                       AND 'customer' = (SELECT m.side FROM ticket_message m \
                         WHERE m.project_id = ticket.project_id AND m.ticket_id = ticket.id \
                           AND NOT m.is_deleted AND NOT m.is_private ORDER BY m.created_at, m.id LIMIT 1) \
                       AND NOT EXISTS (SELECT 1 FROM ticket_message m \
                         WHERE m.project_id = ticket.project_id AND m.ticket_id = ticket.id \
                           AND NOT m.is_deleted AND NOT m.is_private AND m.side <> 'customer' AND m.id <> ?3)";
    /// Takes the texts that wait into the index, once there are a thousand; run by the writer before each commit. The
    /// search looks through those that wait one by one (`list/found.rs`), so that it finds every text at once.
    INDEX_TEXTS [sqlite] = "UPDATE ticket_search_state SET indexed_until = (SELECT MAX(search_id) FROM ticket_text) \
                            WHERE indexed_until + 1000 <= (SELECT MAX(search_id) FROM ticket_text)";
    INSERT_TEXT = "INSERT INTO ticket_text (project_id, source_id, ticket_id, text) VALUES (?1, ?2, ?3, ?4)";
    DROP_TEXT = "DELETE FROM ticket_text WHERE project_id = ?1 AND source_id = ?2";
}

impl FromRow for Message {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            ticket_id: row.get()?,
            content: row.get()?,
            rich_content: row.get()?,
            item_context: row.get()?,
            side: row.parse("ticket_message.side", Side::from_word)?,
            is_private: row.get()?,
            created_by: row.get()?,
            version: row.get()?,
            is_deleted: row.get()?,
            created_at: row.get()?,
        })
    }
}

/// One message, deleted ones included.
///
/// # Errors
/// When the store fails.
pub async fn find_message(c: &Conn, project: ProjectId, id: MessageId) -> Result<Option<Message>> {
    c.find(FIND, params![project, id]).await
}

/// A page of a ticket's messages, private ones included, oldest first, and how many there are on all pages.
///
/// # Errors
/// When the store fails.
pub async fn list_messages(
    c: &Conn,
    project: ProjectId,
    ticket: TicketId,
    page: Page,
) -> Result<(Vec<Message>, i64)> {
    let count = c.one(COUNT, params![project, ticket]).await?;
    let values = params![project, ticket, page.limit, page.offset];
    Ok((c.all(LIST, values).await?, count))
}

/// The newest public messages of a ticket, oldest first.
///
/// # Errors
/// When the store fails.
pub async fn list_recent_public(
    c: &Conn,
    project: ProjectId,
    ticket: TicketId,
    limit: i64,
) -> Result<Vec<Message>> {
    let mut messages: Vec<Message> = c
        .all(RECENT_PUBLIC, params![project, ticket, limit])
        .await?;
    messages.reverse();
    Ok(messages)
}

/// A ticket's public messages that are later than a moment, oldest first, at most so many.
pub(super) async fn list_public(
    c: &Conn,
    project: ProjectId,
    ticket: TicketId,
    after: Timestamp,
    limit: i64,
) -> Result<Vec<Message>> {
    c.all(LIST_PUBLIC, params![project, ticket, after, limit])
        .await
}

/// Adds a message to a ticket, with everything that follows from it (tickets.md 11.4); `None`: there is no such
/// ticket. `reopens`: the project opens a resolved ticket when its customer writes.
///
/// # Errors
/// When the store fails.
pub async fn add_message(
    c: &Conn,
    scene: &Scene,
    key: TicketKey,
    new: &NewMessage,
    reopens: bool,
) -> Result<Option<(Ticket, Message)>> {
    let Some(ticket) = find_for_update(c, scene.project, key).await? else {
        return Ok(None);
    };
    add_to(c, scene, ticket, new, reopens, |_| ())
        .await
        .map(Some)
}

/// Adds a message to a ticket that is locked. `amend` changes of the ticket what the message brings along besides.
pub(super) async fn add_to(
    c: &Conn,
    scene: &Scene,
    mut ticket: Ticket,
    new: &NewMessage,
    reopens: bool,
    amend: impl FnOnce(&mut Ticket),
) -> Result<(Ticket, Message)> {
    let scene = &scene.after(ticket.last_message_at);
    let before = ticket.clone();
    amend(&mut ticket);
    let status_before = ticket.receive(new, reopens, scene.now);
    let message = insert(c, scene.project, ticket.id, new, scene.now).await?;
    note_response(c, &mut ticket, &message).await?;
    if !message.is_private {
        rows::save(c, &before, &ticket).await?;
    }
    reply_jobs::follow(c, scene, &ticket, &message).await?;
    if is_customers_first(c, &ticket, &message).await? {
        outbox::tell_of_ticket(c, &scene.env, &ticket, &message.content, scene.now).await?;
    }
    let mut log = Log::new(scene);
    log.message(&ticket, new);
    if status_before.is_some() {
        let changed = Changed {
            status: status_before,
            ..Changed::default()
        };
        log.changed(c, &ticket, &changed).await?;
    }
    log.write(c).await?;
    Totals::moved(&before, &ticket).write(c).await?;
    Ok((ticket, message))
}

/// Whether a message that was just added is the first that the customer wrote in the ticket.
async fn is_customers_first(c: &Conn, ticket: &Ticket, message: &Message) -> Result<bool> {
    let is_theirs = message.side == Side::Customer && message.created_by.is_none();
    if !is_theirs || message.is_private {
        return Ok(false);
    }
    let found: i64 = c
        .one(COUNT_TWO_OF_CUSTOMER, params![ticket.project_id, ticket.id])
        .await?;
    Ok(found == 1)
}

/// Adds a note of the assistant's: it changes nothing of the ticket, and only the live inbox is told (tickets.md 8.2).
/// `false`: there is no such ticket.
///
/// # Errors
/// When the store fails.
pub async fn add_note(c: &Conn, scene: &Scene, key: TicketKey, note: &NewMessage) -> Result<bool> {
    let Some(ticket) = find_for_update(c, scene.project, key).await? else {
        return Ok(false);
    };
    let scene = &scene.after(ticket.last_message_at);
    insert(c, scene.project, ticket.id, note, scene.now).await?;
    let mut log = Log::new(scene);
    log.hidden("note", &ticket);
    log.write(c).await?;
    Ok(true)
}

/// Adds the row and what it is found by.
pub(super) async fn insert(
    c: &Conn,
    project: ProjectId,
    ticket_id: TicketId,
    new: &NewMessage,
    now: Timestamp,
) -> Result<Message> {
    let message = Message {
        id: new.id,
        ticket_id,
        content: new.content.clone(),
        rich_content: new.rich_content.as_ref().map(Value::to_string),
        item_context: serde_json::to_string(&new.item_context).map_err(Error::internal)?,
        side: new.side(),
        is_private: new.is_private(),
        created_by: new.created_by,
        version: 0,
        is_deleted: false,
        created_at: now,
    };
    let it = &message;
    let values = params![
        project,
        it.id,
        it.ticket_id,
        &it.content,
        &it.rich_content,
        &it.item_context,
        it.side.as_str(),
        it.is_private,
        it.created_by,
        it.version,
        it.is_deleted,
        it.created_at
    ];
    c.exec_one(INSERT, values).await?;
    insert_text(c, project, it).await?;
    let document = new.rich_content.as_ref();
    media::bind_new(c, project, it.id, &it.content, document).await?;
    Ok(message)
}

/// Notes in a ticket that a message is the first answer to its customer, if it is.
pub(super) async fn note_response(c: &Conn, ticket: &mut Ticket, message: &Message) -> Result<()> {
    let is_answer = !message.is_private && message.side != Side::Customer;
    if !is_answer || ticket.first_response_at.is_some() {
        return Ok(());
    }
    let answer = params![ticket.project_id, ticket.id, message.id, message.created_at];
    if c.exec(NOTE_RESPONSE, answer).await? > 0 {
        ticket.first_response_at = Some(message.created_at);
    }
    Ok(())
}

async fn insert_text(c: &Conn, project: ProjectId, message: &Message) -> Result<()> {
    let text = fold(&message.content);
    if !text.is_empty() {
        let values = params![project, message.id, message.ticket_id, &text];
        c.exec_one(INSERT_TEXT, values).await?;
    }
    Ok(())
}

/// Why a message was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageWriteError {
    /// The store.
    #[error(transparent)]
    Store(#[from] Error),
    /// There is no such ticket.
    #[error("there is no such ticket")]
    NoTicket,
    /// The message may not be changed.
    #[error("the message may not be changed: {0:?}")]
    Refused(MessageError),
}

/// Changes the text of a message. `check` says whether the caller may.
///
/// # Errors
/// Why not; otherwise when the store fails.
pub async fn edit_message(
    c: &Conn,
    scene: &Scene,
    key: TicketKey,
    id: MessageId,
    check: impl FnOnce(&Message) -> Result<(), MessageError>,
    (content, document): (String, Option<Value>),
) -> Result<(Ticket, Message), MessageWriteError> {
    let (mut ticket, mut message) = open(c, scene.project, key, id, check).await?;
    let rich_content = document.as_ref().map(Value::to_string);
    if message.content == content && message.rich_content == rich_content {
        return Ok((ticket, message));
    }
    message.content = content;
    message.rich_content = rich_content;
    message.version += 1;
    save(c, scene.project, &message).await?;
    insert_text(c, scene.project, &message).await?;
    media::bind_anew(
        c,
        scene.project,
        message.id,
        &message.content,
        document.as_ref(),
    )
    .await?;
    if !message.is_private {
        let before = ticket.clone();
        show_last(c, &mut ticket).await?;
        rows::save(c, &before, &ticket).await?;
    }
    let mut log = Log::new(scene);
    log.message_changed(&ticket, &message);
    log.write(c).await?;
    Ok((ticket, message))
}

/// Deletes a message; its row stays. `check` says whether the caller may.
///
/// # Errors
/// Why not; otherwise when the store fails.
pub async fn delete_message(
    c: &Conn,
    scene: &Scene,
    key: TicketKey,
    id: MessageId,
    check: impl FnOnce(&Message) -> Result<(), MessageError>,
) -> Result<(Ticket, Message), MessageWriteError> {
    let (mut ticket, mut message) = open(c, scene.project, key, id, check).await?;
    message.is_deleted = true;
    save(c, scene.project, &message).await?;
    if !message.is_private {
        let before = ticket.clone();
        ticket.message_count = (ticket.message_count - 1).max(0);
        if message.side != Side::Customer {
            ticket.unread_customer_count = (ticket.unread_customer_count - 1).max(0);
        }
        show_last(c, &mut ticket).await?;
        rows::save(c, &before, &ticket).await?;
    }
    let mut log = Log::new(scene);
    log.message_changed(&ticket, &message);
    log.write(c).await?;
    Ok((ticket, message))
}

/// Brings a deleted message back; one that is not deleted stays as it is. `check` says whether the caller may.
///
/// # Errors
/// Why not; otherwise when the store fails.
pub async fn restore_message(
    c: &Conn,
    scene: &Scene,
    key: TicketKey,
    id: MessageId,
    check: impl FnOnce(&Message) -> Result<(), MessageError>,
) -> Result<(Ticket, Message), MessageWriteError> {
    let (mut ticket, mut message) = open(c, scene.project, key, id, check).await?;
    if !message.is_deleted {
        return Ok((ticket, message));
    }
    message.is_deleted = false;
    save(c, scene.project, &message).await?;
    insert_text(c, scene.project, &message).await?;
    if !message.is_private {
        let before = ticket.clone();
        ticket.message_count += 1;
        if message.side != Side::Customer {
            ticket.unread_customer_count += 1;
        }
        show_last(c, &mut ticket).await?;
        rows::save(c, &before, &ticket).await?;
    }
    let mut log = Log::new(scene);
    log.message_changed(&ticket, &message);
    log.write(c).await?;
    Ok((ticket, message))
}

/// The ticket and the message, locked; every change of a message locks its ticket first.
async fn open(
    c: &Conn,
    project: ProjectId,
    key: TicketKey,
    id: MessageId,
    check: impl FnOnce(&Message) -> Result<(), MessageError>,
) -> Result<(Ticket, Message), MessageWriteError> {
    let ticket = find_for_update(c, project, key).await?;
    let ticket = ticket.ok_or(MessageWriteError::NoTicket)?;
    let refused = MessageWriteError::Refused;
    let message = find_message(c, project, id).await?;
    let message = message
        .filter(|message| message.ticket_id == ticket.id)
        .ok_or(refused(MessageError::NotFound))?;
    check(&message).map_err(refused)?;
    Ok((ticket, message))
}

/// Writes a changed message and takes its old text out of the search.
async fn save(c: &Conn, project: ProjectId, message: &Message) -> Result<()> {
    let it = message;
    let values = params![
        project,
        it.id,
        &it.content,
        &it.rich_content,
        it.version,
        it.is_deleted
    ];
    c.exec_one(SAVE, values).await?;
    c.exec(DROP_TEXT, params![project, it.id]).await?;
    Ok(())
}

/// Makes the ticket show its newest public message.
async fn show_last(c: &Conn, ticket: &mut Ticket) -> Result<()> {
    let last: Option<(Timestamp, String)> = c
        .find(LAST_PUBLIC, params![ticket.project_id, ticket.id])
        .await?;
    ticket.last_message_at = last.as_ref().map(|(at, _)| *at);
    ticket.last_message_text = last.map(|(_, text)| preview(&text));
    Ok(())
}
