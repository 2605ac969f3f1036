//! The event log of a project: what happened to its tickets, in the order of the commits.
//!
//! The numbers come from a counter row that is locked until the commit. So they are dense, and nobody ever sees an
//! event before one with a lower number, on either engine. Append last in a transaction: what comes after the lock
//! makes all other writers of the project wait.

use crate::statements::statements;
use crate::{Conn, Engine, Error, FromRow, Result, Row, params};
use model::{ProjectId, Timestamp};

macro_rules! columns {
    () => {
        "seq, kind, distinct_id, properties, is_hidden, created_at"
    };
}

macro_rules! published {
    () => {
        "WHERE project_id = ?1 AND seq > ?2 AND NOT is_hidden ORDER BY seq LIMIT ?3"
    };
}

macro_rules! advance {
    () => {
        "INSERT INTO project_counter (project_id, last_event, last_ticket_number) VALUES (?1, ?2, 0) \
         ON CONFLICT (project_id) DO UPDATE SET last_event = project_counter.last_event + ?2"
    };
}

macro_rules! next_ticket {
    () => {
        "INSERT INTO project_counter (project_id, last_event, last_ticket_number) VALUES (?1, 0, 1) \
         ON CONFLICT (project_id) DO UPDATE SET last_ticket_number = project_counter.last_ticket_number + 1"
    };
}

statements! {
    /// SQLite has one writer, so that the new number can be read afterwards; for `RETURNING` it would make a table each time.
    ADVANCE_SQLITE [sqlite] = advance!();
    ADVANCE_POSTGRES [postgres] = concat!(advance!(), " RETURNING last_event");
    NEXT_TICKET_SQLITE [sqlite] = next_ticket!();
    NEXT_TICKET_POSTGRES [postgres] = concat!(next_ticket!(), " RETURNING last_ticket_number");
    LAST_TICKET [sqlite] = "SELECT last_ticket_number FROM project_counter WHERE project_id = ?1";
    LAST = "SELECT last_event FROM project_counter WHERE project_id = ?1";
    FIRST = "SELECT seq FROM event WHERE project_id = ?1 ORDER BY seq LIMIT 1";
    INSERT = concat!("INSERT INTO event (project_id, ", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    LIST_ALL = concat!(
        "SELECT ", columns!(), " FROM event WHERE project_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
    );
    /// SQLite would rather walk over the hidden ones, of which there may be any number.
    LIST_PUBLISHED_SQLITE [sqlite] = concat!(
        "SELECT ", columns!(), " FROM event INDEXED BY event_published ", published!()
    );
    LIST_PUBLISHED_POSTGRES [postgres] = concat!("SELECT ", columns!(), " FROM event ", published!());
}

/// An event that is about to be logged.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// What happened, such as `$conversation_ticket_created`.
    pub kind: &'static str,
    /// The person it is about, or by (tickets.md 12.1).
    pub distinct_id: String,
    /// A JSON object, as text.
    pub properties: String,
    /// Not published: only the live inbox gets it.
    pub is_hidden: bool,
}

/// An event of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its place in the project's log: the first has 1. Also the cursor of those who have read up to it.
    pub seq: i64,
    /// What happened.
    pub kind: String,
    /// The person it is about, or by.
    pub distinct_id: String,
    /// A JSON object, as text.
    pub properties: String,
    /// Not published.
    pub is_hidden: bool,
    /// When it happened.
    pub created_at: Timestamp,
}

impl FromRow for Event {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            seq: row.get()?,
            kind: row.get()?,
            distinct_id: row.get()?,
            properties: row.get()?,
            is_hidden: row.get()?,
            created_at: row.get()?,
        })
    }
}

/// What part of the log there is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Number of the oldest event that is kept; one more than `last` when none is.
    pub first: i64,
    /// Number of the newest event, 0 before the first.
    pub last: i64,
}

/// Logs events in the given order, and returns the number of the last one. Without events: the newest number.
///
/// # Errors
/// When the store fails.
pub async fn append(
    c: &Conn,
    project: ProjectId,
    events: &[NewEvent],
    now: Timestamp,
) -> Result<i64> {
    if events.is_empty() {
        return last(c, project).await;
    }
    let count = i64::try_from(events.len()).map_err(Error::internal)?;
    let last = advance(c, project, count).await?;
    for (event, seq) in events.iter().zip(last - count + 1..) {
        let values = params![
            project,
            seq,
            event.kind,
            &event.distinct_id,
            &event.properties,
            event.is_hidden,
            now
        ];
        c.exec(INSERT, values).await?;
    }
    Ok(last)
}

/// Takes so many numbers, and returns the last of them.
async fn advance(c: &Conn, project: ProjectId, count: i64) -> Result<i64> {
    match c.engine() {
        Engine::Sqlite => {
            c.exec_one(ADVANCE_SQLITE, params![project, count]).await?;
            c.one(LAST, params![project]).await
        }
        Engine::Postgres => c.one(ADVANCE_POSTGRES, params![project, count]).await,
    }
}

/// At most `limit` events after a number, oldest first. Without the hidden ones, unless they are asked for.
///
/// # Errors
/// When the store fails.
pub async fn list_after(
    c: &Conn,
    project: ProjectId,
    after: i64,
    limit: i64,
    with_hidden: bool,
) -> Result<Vec<Event>> {
    let statement = match c.engine() {
        _ if with_hidden => LIST_ALL,
        Engine::Sqlite => LIST_PUBLISHED_SQLITE,
        Engine::Postgres => LIST_PUBLISHED_POSTGRES,
    };
    c.all(statement, params![project, after, limit]).await
}

/// The number of the newest event, 0 before the first.
///
/// # Errors
/// When the store fails.
pub async fn last(c: &Conn, project: ProjectId) -> Result<i64> {
    Ok(c.find(LAST, params![project]).await?.unwrap_or(0))
}

/// What part of the log there is to read.
///
/// # Errors
/// When the store fails.
pub async fn extent(c: &Conn, project: ProjectId) -> Result<Extent> {
    // In this order: an event that is logged in between is newer than `last`, but none is older than `first`.
    let last = last(c, project).await?;
    let first: Option<i64> = c.find(FIRST, params![project]).await?;
    let first = first.unwrap_or(last + 1).min(last + 1);
    Ok(Extent { first, last })
}

/// Takes the next ticket number of a project: from 1, without gaps, never given twice (tickets.md 2.6). Two
/// transactions at once wait for each other.
///
/// # Errors
/// When the store fails.
pub async fn next_ticket_number(c: &Conn, project: ProjectId) -> Result<i64> {
    match c.engine() {
        Engine::Sqlite => {
            c.exec_one(NEXT_TICKET_SQLITE, params![project]).await?;
            c.one(LAST_TICKET, params![project]).await
        }
        Engine::Postgres => c.one(NEXT_TICKET_POSTGRES, params![project]).await,
    }
}
