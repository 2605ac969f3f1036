//! The outbox: mails that wait to be sent, and those that were.
//!
//! A mail is written in the transaction of what causes it, so none is lost and none is about something that did not
//! happen. Whoever sends takes mails with [`claim`], which lends them for a while, and says what came of each with
//! [`mark_sent`] or [`mark_failed`]. A sender that dies gives its mails back by the end of that while; so a mail may
//! go out twice, but not never. Without a mail server they stay queued, and can be read in the app.

use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params, projects};
use model::outbox::{MailState, NEW_TICKET, NewMail, new_ticket_mail};
use model::pagination::Page;
use model::tickets::Ticket;
use model::{Env, MailId, ProjectId, Timestamp};
use std::time::Duration;

/// The team is told by mail of at most so many new tickets in an hour: a stranger can write many.
const NEWS_MAX: i64 = 60;
const HOUR_MICROS: i64 = 3_600_000_000;
/// Longest reason that is kept, in characters.
const ERROR_MAX: usize = 500;

macro_rules! columns {
    () => {
        "project_id, id, purpose, recipient, subject, text, html, state, attempts, expires_at, error, created_at, \
         sent_at"
    };
}

statements! {
    INSERT = "INSERT INTO outbox (project_id, id, purpose, recipient, subject, text, html, state, attempts, due_at, \
                expires_at, created_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'queued', 0, ?8, ?9, ?8)";
    LIST = concat!(
        "SELECT ", columns!(), " FROM outbox WHERE project_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2 OFFSET ?3"
    );
    COUNT = "SELECT count(*) FROM outbox WHERE project_id = ?1";
    COUNT_RECENT = "SELECT count(*) FROM outbox WHERE project_id = ?1 AND purpose = ?2 AND created_at > ?3";
    /// What came too late is given up before anything is taken.
    EXPIRE = "UPDATE outbox SET state = 'failed', due_at = NULL, error = 'It was not sent in time.' \
              WHERE due_at IS NOT NULL AND due_at <= ?1 AND expires_at <= ?1";
    COUNT_DUE = "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE due_at IS NOT NULL AND due_at <= ?1 LIMIT 1) due";
    DUE = concat!(
        "SELECT ", columns!(), " FROM outbox WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at LIMIT ?2 /*lock*/"
    );
    TAKE = "UPDATE outbox SET state = 'sending', attempts = attempts + 1, due_at = ?3 WHERE project_id = ?1 AND id = ?2";
    SENT = "UPDATE outbox SET state = 'sent', due_at = NULL, error = NULL, sent_at = ?3 \
            WHERE project_id = ?1 AND id = ?2 AND state = 'sending'";
    FAILED = "UPDATE outbox SET state = ?3, due_at = ?4, error = ?5 \
              WHERE project_id = ?1 AND id = ?2 AND state = 'sending'";
    FIND = concat!("SELECT ", columns!(), " FROM outbox WHERE project_id = ?1 AND id = ?2");
    QUEUE_AGAIN = "UPDATE outbox SET state = 'queued', attempts = 0, due_at = ?3 \
                   WHERE project_id = ?1 AND id = ?2 AND state = 'failed' AND expires_at > ?3";
    ERASE = "DELETE FROM outbox WHERE (project_id, id) IN \
               (SELECT project_id, id FROM outbox WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";
}

/// A mail of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// The tenant.
    pub project_id: ProjectId,
    /// Time-ordered.
    pub id: MailId,
    /// What it is for, such as `new_ticket`.
    pub purpose: String,
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// How far it has come.
    pub state: MailState,
    /// How often it was taken to be sent.
    pub attempts: i64,
    /// What is not sent by then is not sent at all.
    pub expires_at: Timestamp,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When the mail server took it.
    pub sent_at: Option<Timestamp>,
}

impl FromRow for Mail {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            project_id: row.get()?,
            id: row.get()?,
            purpose: row.get()?,
            to: row.get()?,
            subject: row.get()?,
            text: row.get()?,
            html: row.get()?,
            state: row.parse("outbox.state", MailState::from_word)?,
            attempts: row.get()?,
            expires_at: row.get()?,
            error: row.get()?,
            created_at: row.get()?,
            sent_at: row.get()?,
        })
    }
}

/// Puts a mail into the outbox.
///
/// # Errors
/// When the store fails.
pub async fn append(c: &Conn, project: ProjectId, mail: &NewMail, now: Timestamp) -> Result<()> {
    let it = mail;
    let values = params![
        project,
        it.id,
        it.purpose,
        &it.to,
        &it.subject,
        &it.text,
        &it.html,
        now,
        it.expires_at
    ];
    c.exec_one(INSERT, values).await
}

/// Tells the team of a ticket that a customer has begun, by a mail to each of the project's
/// `notification_recipients` (tickets.md 11.5). At most 60 tickets in an hour are told.
///
/// # Errors
/// When the store fails.
pub async fn tell_of_ticket(
    c: &Conn,
    env: &Env,
    ticket: &Ticket,
    message: &str,
    now: Timestamp,
) -> Result<()> {
    let project = ticket.project_id;
    let Some(found) = projects::find(c, project).await? else {
        return Ok(());
    };
    let recipients = &found.settings.notification_recipients;
    if recipients.is_empty() {
        return Ok(());
    }
    let since = now.as_micros().saturating_sub(HOUR_MICROS);
    let recent: i64 = c
        .one(COUNT_RECENT, params![project, NEW_TICKET, since])
        .await?;
    let each = i64::try_from(recipients.len()).unwrap_or(i64::MAX);
    if recent >= each.saturating_mul(NEWS_MAX) {
        return Ok(());
    }
    for to in recipients {
        let id = MailId(env.uuid());
        let mail = new_ticket_mail(id, to, &found.name, ticket, message, now);
        append(c, project, &mail, now).await?;
    }
    Ok(())
}

/// One page of a project's mails, newest first, and how many there are on all pages.
///
/// # Errors
/// When the store fails.
pub async fn list(c: &Conn, project: ProjectId, page: Page) -> Result<(Vec<Mail>, i64)> {
    let count = c.one(COUNT, params![project]).await?;
    let values = params![project, page.limit, page.offset];
    Ok((c.all(LIST, values).await?, count))
}

/// Whether there is anything to [`claim`].
///
/// # Errors
/// When the store fails.
pub async fn is_due(c: &Conn, now: Timestamp) -> Result<bool> {
    let due: i64 = c.one(COUNT_DUE, params![now]).await?;
    Ok(due > 0)
}

/// Takes at most `limit` mails of any project that are to be sent now. Whoever does not say what came of one within
/// `lease` gives it back. What is too late is given up.
///
/// # Errors
/// When the store fails.
pub async fn claim(c: &Conn, now: Timestamp, lease: Duration, limit: i64) -> Result<Vec<Mail>> {
    c.exec(EXPIRE, params![now]).await?;
    let mut mails: Vec<Mail> = c.all(DUE, params![now, limit]).await?;
    let until = now.plus(lease);
    for mail in &mut mails {
        c.exec_one(TAKE, params![mail.project_id, mail.id, until])
            .await?;
        mail.state = MailState::Sending;
        mail.attempts += 1;
    }
    Ok(mails)
}

/// The mail server has taken a mail. `false`: it was not being sent any more.
///
/// # Errors
/// When the store fails.
pub async fn mark_sent(c: &Conn, project: ProjectId, id: MailId, now: Timestamp) -> Result<bool> {
    Ok(c.exec(SENT, params![project, id, now]).await? > 0)
}

/// A mail could not be sent; without `retry_at` it is given up. `error` is shown to the project's admins. `false`: it
/// was not being sent any more.
///
/// # Errors
/// When the store fails.
pub async fn mark_failed(
    c: &Conn,
    project: ProjectId,
    id: MailId,
    error: &str,
    retry_at: Option<Timestamp>,
) -> Result<bool> {
    let state = match retry_at {
        Some(_) => MailState::Queued,
        None => MailState::Failed,
    };
    let error: String = error.chars().take(ERROR_MAX).collect();
    let values = params![project, id, state.as_str(), retry_at, &error];
    Ok(c.exec(FAILED, values).await? > 0)
}

/// What came of the wish to send a mail again.
#[derive(Clone, Debug, PartialEq)]
pub enum Resent {
    /// It waits, as if it had just been written; why it failed is kept until the next attempt.
    Queued(Box<Mail>),
    /// It has not failed: it waits, is being sent, or was sent.
    NotFailed,
    /// It is of no use to anybody any more.
    Expired,
}

/// Puts a mail that was given up back among those that wait. `None`: there is no such mail.
///
/// # Errors
/// When the store fails.
pub async fn resend(
    c: &Conn,
    project: ProjectId,
    id: MailId,
    now: Timestamp,
) -> Result<Option<Resent>> {
    let changed = c.exec(QUEUE_AGAIN, params![project, id, now]).await?;
    let mail: Option<Mail> = c.find(FIND, params![project, id]).await?;
    Ok(mail.map(|mail| match mail.state {
        _ if changed > 0 => Resent::Queued(Box::new(mail)),
        MailState::Failed => Resent::Expired,
        _ => Resent::NotFailed,
    }))
}

/// Erases at most `limit` mails that were written before a moment, whatever became of them. Returns how many.
///
/// # Errors
/// When the store fails.
pub async fn erase(c: &Conn, before: Timestamp, limit: i64) -> Result<u64> {
    c.exec(ERASE, params![before, limit]).await
}
