//! Customers' messages that the assistant is to answer: leased rows, like turns. Who holds the lease and the epoch may
//! answer; everybody else finds out by finding no such row.

use super::Scene;
use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params, projects};
use model::settings::AiReplies;
use model::tickets::{Message, Side, Ticket, WIDGET};
use model::{MessageId, NodeId, ProjectId, TicketId, Timestamp};

macro_rules! columns {
    () => {
        "project_id, ticket_id, message_id, epoch, attempts, owner, lease_until"
    };
}

statements! {
    ENQUEUE = "INSERT INTO reply_job (project_id, ticket_id, message_id, epoch, attempts, lease_until, created_at) \
               VALUES (?1, ?2, ?3, 1, 0, 0, ?4) \
               ON CONFLICT (project_id, ticket_id) DO UPDATE \
                 SET message_id = excluded.message_id, epoch = reply_job.epoch + 1, attempts = 0, owner = NULL, \
                     lease_until = 0, created_at = excluded.created_at";
    DELETE = "DELETE FROM reply_job WHERE project_id = ?1 AND ticket_id = ?2";
    FIND = concat!("SELECT ", columns!(), " FROM reply_job WHERE project_id = ?1 AND ticket_id = ?2");
    WAITING = concat!(
        "SELECT ", columns!(), " FROM reply_job WHERE owner IS NULL ORDER BY created_at LIMIT ?1"
    );
    OWNED = concat!(
        "SELECT ", columns!(), " FROM reply_job WHERE owner IS NOT NULL ORDER BY lease_until LIMIT ?1"
    );
    CLAIM = "UPDATE reply_job SET owner = ?4, lease_until = ?5, epoch = epoch + 1, attempts = attempts + 1 \
             WHERE project_id = ?1 AND ticket_id = ?2 AND epoch = ?3";
    RENEW = "UPDATE reply_job SET lease_until = ?2 WHERE owner = ?1";
    RELEASE = "UPDATE reply_job SET owner = NULL, lease_until = 0 WHERE owner = ?1";
}

/// A customer's message that is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyJob {
    /// The tenant.
    pub project_id: ProjectId,
    /// In which ticket.
    pub ticket_id: TicketId,
    /// Which message.
    pub message_id: MessageId,
    /// What an answer must know to be given.
    pub epoch: i64,
    /// How often somebody has begun.
    pub attempts: i64,
    /// The process that works on it.
    pub owner: Option<NodeId>,
    /// Until when that is believed.
    pub lease_until: Timestamp,
}

impl FromRow for ReplyJob {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            project_id: row.get()?,
            ticket_id: row.get()?,
            message_id: row.get()?,
            epoch: row.get()?,
            attempts: row.get()?,
            owner: row.get()?,
            lease_until: row.get()?,
        })
    }
}

/// What a new message of a locked ticket means for the assistant: a customer's is to be answered, if the project wants
/// that; after anybody else's public word nothing is.
pub(super) async fn follow(
    c: &Conn,
    scene: &Scene,
    ticket: &Ticket,
    message: &Message,
) -> Result<()> {
    if message.is_private {
        return Ok(());
    }
    match message.side {
        Side::Customer if message.created_by.is_none() => {
            let is_wanted = ticket.channel_source == WIDGET && {
                let project = projects::find(c, scene.project).await?;
                project.is_some_and(|project| {
                    let settings = project.settings;
                    settings.conversations_enabled && settings.ai_replies != AiReplies::Off
                })
            };
            if is_wanted {
                enqueue(c, scene.project, ticket.id, message.id, scene.now).await?;
            }
            Ok(())
        }
        // What the team itself typed in a customer's name.
        Side::Customer => Ok(()),
        Side::Team | Side::Ai => drop_reply_job(c, scene.project, ticket.id).await,
    }
}

/// Asks for an answer to a message; whoever works on an earlier message of the ticket works in vain from now on. The
/// ticket is locked.
async fn enqueue(
    c: &Conn,
    project: ProjectId,
    ticket: TicketId,
    message: MessageId,
    now: Timestamp,
) -> Result<()> {
    c.exec_one(ENQUEUE, params![project, ticket, message, now])
        .await
}

/// No answer is wanted any more, or it was given. The ticket is locked.
///
/// # Errors
/// When the store fails.
pub async fn drop_reply_job(c: &Conn, project: ProjectId, ticket: TicketId) -> Result<()> {
    c.exec(DELETE, params![project, ticket]).await?;
    Ok(())
}

/// The message of a ticket that is to be answered.
///
/// # Errors
/// When the store fails.
pub async fn find_reply_job(
    c: &Conn,
    project: ProjectId,
    ticket: TicketId,
) -> Result<Option<ReplyJob>> {
    c.find(FIND, params![project, ticket]).await
}

/// What nobody works on, in the order of its arrival; of all projects.
///
/// # Errors
/// When the store fails.
pub async fn list_waiting_reply_jobs(c: &Conn, limit: i64) -> Result<Vec<ReplyJob>> {
    c.all(WAITING, params![limit]).await
}

/// What somebody works on, those whose leases run out first first; of all projects.
///
/// # Errors
/// When the store fails.
pub async fn list_owned_reply_jobs(c: &Conn, limit: i64) -> Result<Vec<ReplyJob>> {
    c.all(OWNED, params![limit]).await
}

/// Takes a job, from whoever had it under this epoch; the epoch is one more from now on. `false`: somebody was quicker,
/// or there is another message.
///
/// # Errors
/// When the store fails.
pub async fn claim_reply_job(
    c: &Conn,
    job: &ReplyJob,
    owner: NodeId,
    until: Timestamp,
) -> Result<bool> {
    let values = params![job.project_id, job.ticket_id, job.epoch, owner, until];
    Ok(c.exec(CLAIM, values).await? == 1)
}

/// Renews the leases of all jobs a process works on.
///
/// # Errors
/// When the store fails.
pub async fn renew_reply_jobs(c: &Conn, owner: NodeId, until: Timestamp) -> Result<u64> {
    c.exec(RENEW, params![owner, until]).await
}

/// Gives back all jobs of a process, so that another may take them at once.
///
/// # Errors
/// When the store fails.
pub async fn release_reply_jobs(c: &Conn, owner: NodeId) -> Result<u64> {
    c.exec(RELEASE, params![owner]).await
}
