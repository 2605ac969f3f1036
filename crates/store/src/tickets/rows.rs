//! The rows of tickets.

use crate::statements::statements;
use crate::{Conn, Error, FromRow, Result, Row, params};
use model::tickets::{Assignee, Priority, Status, Ticket, TicketKey};
use model::{ProjectId, UserId};
use serde_json::Value as Json;

macro_rules! ticket_columns {
    ($table:literal) => {
        concat!(
            $table,
            "project_id, ",
            $table,
            "id, ",
            $table,
            "number, ",
            $table,
            "channel_source, ",
            $table,
            "channel_detail, ",
            $table,
            "distinct_id, ",
            $table,
            "status, ",
            $table,
            "priority, ",
            $table,
            "assignee, ",
            $table,
            "anonymous_traits, ",
            $table,
            "ai_resolved, ",
            $table,
            "escalation_reason, ",
            $table,
            "created_at, ",
            $table,
            "updated_at, ",
            $table,
            "message_count, ",
            $table,
            "last_message_at, ",
            $table,
            "last_message_text, ",
            $table,
            "unread_team_count, ",
            $table,
            "unread_customer_count, ",
            $table,
            "session_id, ",
            $table,
            "session_context, ",
            $table,
            "sla_due_at, ",
            $table,
            "sla_warned_minutes, ",
            $table,
            "sla_breached, ",
            $table,
            "snoozed_until, ",
            $table,
            "resolved_at, ",
            $table,
            "widget_session_id, ",
            $table,
            "slack_channel_id, ",
            $table,
            "slack_thread_ts, ",
            $table,
            "slack_team_id, ",
            $table,
            "email_subject, ",
            $table,
            "email_from, ",
            $table,
            "email_to, ",
            $table,
            "cc_participants, ",
            $table,
            "github_repo, ",
            $table,
            "github_issue_number, ",
            $table,
            "identity_verified, ",
            $table,
            "ai_triage, ",
            $table,
            "organization_id, ",
            $table,
            "organization_id_source, ",
            $table,
            "zendesk_ticket_id, ",
            $table,
            "merged_at, ",
            $table,
            "merged_into_id, ",
            $table,
            "merged_into_number, ",
            $table,
            "tags, ",
            $table,
            "deleted_at, ",
            $table,
            "first_response_at"
        )
    };
}
pub(super) use ticket_columns;

statements! {
    FIND = concat!(
        "SELECT ", ticket_columns!(""), " FROM ticket WHERE project_id = ?1 AND id = ?2 AND deleted_at IS NULL"
    );
    FIND_BY_NUMBER = concat!(
        "SELECT ", ticket_columns!(""), " FROM ticket WHERE project_id = ?1 AND number = ?2 AND deleted_at IS NULL"
    );
    LOCK = concat!(
        "SELECT ", ticket_columns!(""), " FROM ticket WHERE project_id = ?1 AND id = ?2 AND deleted_at IS NULL /*lock*/"
    );
    LOCK_BY_NUMBER = concat!(
        "SELECT ", ticket_columns!(""),
        " FROM ticket WHERE project_id = ?1 AND number = ?2 AND deleted_at IS NULL /*lock*/"
    );
    INSERT = concat!(
        "INSERT INTO ticket (", ticket_columns!(""), ", ai_triage_result, contact_email) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, \
                 ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, \
                 ?41, ?42, ?43, ?44, ?45, ?46, ?47, ?48, ?49)"
    );
    SAVE = "UPDATE ticket SET distinct_id = ?3, status = ?4, priority = ?5, assignee = ?6, anonymous_traits = ?7, \
              ai_resolved = ?8, escalation_reason = ?9, updated_at = ?10, message_count = ?11, \
              last_message_at = ?12, last_message_text = ?13, unread_team_count = ?14, unread_customer_count = ?15, \
              session_id = ?16, session_context = ?17, sla_due_at = ?18, sla_warned_minutes = ?19, \
              sla_breached = ?20, snoozed_until = ?21, resolved_at = ?22, identity_verified = ?23, ai_triage = ?24, \
              ai_triage_result = ?25, merged_at = ?26, merged_into_id = ?27, merged_into_number = ?28, tags = ?29, \
              widget_session_id = ?30, contact_email = ?31 \
            WHERE project_id = ?1 AND id = ?2";
    /// Leaves alone what most indexes are made of, so that they are not written anew.
    SAVE_SHALLOW = "UPDATE ticket SET priority = ?3, escalation_reason = ?4, updated_at = ?5, message_count = ?6, \
                      last_message_at = ?7, last_message_text = ?8, unread_team_count = ?9, \
                      unread_customer_count = ?10, session_id = ?11, session_context = ?12, \
                      sla_warned_minutes = ?13, identity_verified = ?14, ai_triage = ?15, ai_triage_result = ?16, \
                      merged_at = ?17, merged_into_number = ?18, tags = ?19 \
                    WHERE project_id = ?1 AND id = ?2";
    DELETE = "UPDATE ticket SET deleted_at = ?3, deleted_by = ?4, assignee = '' WHERE project_id = ?1 AND id = ?2";
    DROP_TAGS = "DELETE FROM ticket_tag WHERE project_id = ?1 AND ticket_id = ?2";
    DROP_TEXTS_OF_MESSAGES = "DELETE FROM ticket_text WHERE project_id = ?1 AND source_id IN \
                                (SELECT id FROM ticket_message WHERE project_id = ?1 AND ticket_id = ?2)";
    DROP_TEXT = "DELETE FROM ticket_text WHERE project_id = ?1 AND source_id = ?2";
    INSERT_TAG = "INSERT INTO ticket_tag (project_id, name, ticket_id) VALUES (?1, ?2, ?3) \
                  ON CONFLICT (project_id, name, ticket_id) DO NOTHING";
    SAVE_TEXT = "INSERT INTO ticket_text (project_id, source_id, ticket_id, text) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (project_id, source_id) DO UPDATE SET text = excluded.text \
                   WHERE ticket_text.text <> excluded.text";
}

impl FromRow for Ticket {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            project_id: row.get()?,
            id: row.get()?,
            number: row.get()?,
            channel_source: row.get()?,
            channel_detail: row.get()?,
            distinct_id: row.get()?,
            status: row.parse("ticket.status", Status::from_word)?,
            priority: priority(row.get()?)?,
            assignee: row.parse("ticket.assignee", |word| match word {
                "" => Some(None),
                word => Assignee::from_word(word).map(Some),
            })?,
            anonymous_traits: row.get()?,
            ai_resolved: row.get()?,
            escalation_reason: row.get()?,
            created_at: row.get()?,
            updated_at: row.get()?,
            message_count: row.get()?,
            last_message_at: row.get()?,
            last_message_text: row.get()?,
            unread_team_count: row.get()?,
            unread_customer_count: row.get()?,
            session_id: row.get()?,
            session_context: row.get()?,
            sla_due_at: row.get()?,
            sla_warned_minutes: row.get()?,
            sla_breached: row.get()?,
            snoozed_until: row.get()?,
            resolved_at: row.get()?,
            widget_session_id: row.get()?,
            slack_channel_id: row.get()?,
            slack_thread_ts: row.get()?,
            slack_team_id: row.get()?,
            email_subject: row.get()?,
            email_from: row.get()?,
            email_to: row.get()?,
            cc_participants: row.get()?,
            github_repo: row.get()?,
            github_issue_number: row.get()?,
            identity_verified: row.get()?,
            ai_triage: row.get()?,
            organization_id: row.get()?,
            organization_id_source: row.get()?,
            zendesk_ticket_id: row.get()?,
            merged_at: row.get()?,
            merged_into_id: row.get()?,
            merged_into_number: row.get()?,
            tags: row.parse("ticket.tags", |json| serde_json::from_str(json).ok())?,
            deleted_at: row.get()?,
            first_response_at: row.get()?,
        })
    }
}

fn priority(word: Option<String>) -> Result<Option<Priority>> {
    let Some(word) = word else {
        return Ok(None);
    };
    let known = Priority::from_word(&word);
    known
        .map(Some)
        .ok_or_else(|| Error::Corrupt("ticket.priority holds an unknown value".to_owned()))
}

/// A ticket that is not deleted.
///
/// # Errors
/// When the store fails.
pub async fn find(c: &Conn, project: ProjectId, key: TicketKey) -> Result<Option<Ticket>> {
    match key {
        TicketKey::Id(id) => c.find(FIND, params![project, id]).await,
        TicketKey::Number(number) => c.find(FIND_BY_NUMBER, params![project, number]).await,
    }
}

/// A ticket that is not deleted, locked until the transaction ends.
///
/// # Errors
/// When the store fails.
pub async fn find_for_update(
    c: &Conn,
    project: ProjectId,
    key: TicketKey,
) -> Result<Option<Ticket>> {
    match key {
        TicketKey::Id(id) => c.find(LOCK, params![project, id]).await,
        TicketKey::Number(number) => c.find(LOCK_BY_NUMBER, params![project, number]).await,
    }
}

fn tags_json(ticket: &Ticket) -> String {
    Json::from(ticket.tags.clone()).to_string()
}

/// The word that the filter by triage compares with.
fn triage_result(ticket: &Ticket) -> Option<String> {
    let triage: Json = serde_json::from_str(ticket.ai_triage.as_deref()?).ok()?;
    if triage["status"] == "in_progress" {
        return Some("in_progress".to_owned());
    }
    triage["result"].as_str().map(str::to_owned)
}

/// Adds a ticket with its tags and its search text.
pub(super) async fn insert(c: &Conn, ticket: &Ticket) -> Result<()> {
    let it = ticket;
    let (assignee, tags, triage) = (
        super::list::assignee_word(&it.assignee),
        tags_json(it),
        triage_result(it),
    );
    let contact = it.contact_email();
    let values = params![
        it.project_id,
        it.id,
        it.number,
        &it.channel_source,
        &it.channel_detail,
        &it.distinct_id,
        it.status.as_str(),
        it.priority.map(Priority::as_str),
        &assignee,
        &it.anonymous_traits,
        it.ai_resolved,
        &it.escalation_reason,
        it.created_at,
        it.updated_at,
        it.message_count,
        it.last_message_at,
        &it.last_message_text,
        it.unread_team_count,
        it.unread_customer_count,
        &it.session_id,
        &it.session_context,
        it.sla_due_at,
        it.sla_warned_minutes,
        it.sla_breached,
        it.snoozed_until,
        it.resolved_at,
        &it.widget_session_id,
        &it.slack_channel_id,
        &it.slack_thread_ts,
        &it.slack_team_id,
        &it.email_subject,
        &it.email_from,
        &it.email_to,
        &it.cc_participants,
        &it.github_repo,
        it.github_issue_number,
        it.identity_verified,
        &it.ai_triage,
        &it.organization_id,
        &it.organization_id_source,
        it.zendesk_ticket_id,
        it.merged_at,
        it.merged_into_id,
        it.merged_into_number,
        &tags,
        it.deleted_at,
        it.first_response_at,
        &triage,
        &contact
    ];
    c.exec_one(INSERT, values).await?;
    insert_tags(c, it).await?;
    save_text(c, it).await
}

/// Writes back what may change of a ticket that was locked. `before`: as it was then.
pub(super) async fn save(c: &Conn, before: &Ticket, ticket: &Ticket) -> Result<()> {
    if is_indexed_anew(before, ticket) {
        save_whole(c, ticket).await?;
    } else {
        save_shallow(c, ticket).await?;
    }
    if before.anonymous_traits != ticket.anonymous_traits {
        save_text(c, ticket).await?;
    }
    Ok(())
}

/// Whether something is different that [`SAVE_SHALLOW`] leaves alone.
fn is_indexed_anew(before: &Ticket, it: &Ticket) -> bool {
    before.status != it.status
        || before.assignee != it.assignee
        || before.distinct_id != it.distinct_id
        || before.anonymous_traits != it.anonymous_traits
        || before.ai_resolved != it.ai_resolved
        || before.sla_due_at != it.sla_due_at
        || before.sla_breached != it.sla_breached
        || before.snoozed_until != it.snoozed_until
        || before.resolved_at != it.resolved_at
        || before.merged_into_id != it.merged_into_id
        || before.widget_session_id != it.widget_session_id
}

async fn save_shallow(c: &Conn, ticket: &Ticket) -> Result<()> {
    let it = ticket;
    let (tags, triage) = (tags_json(it), triage_result(it));
    let values = params![
        it.project_id,
        it.id,
        it.priority.map(Priority::as_str),
        &it.escalation_reason,
        it.updated_at,
        it.message_count,
        it.last_message_at,
        &it.last_message_text,
        it.unread_team_count,
        it.unread_customer_count,
        &it.session_id,
        &it.session_context,
        it.sla_warned_minutes,
        it.identity_verified,
        &it.ai_triage,
        &triage,
        it.merged_at,
        it.merged_into_number,
        &tags
    ];
    c.exec_one(SAVE_SHALLOW, values).await
}

async fn save_whole(c: &Conn, ticket: &Ticket) -> Result<()> {
    let it = ticket;
    let (assignee, tags, triage) = (
        super::list::assignee_word(&it.assignee),
        tags_json(it),
        triage_result(it),
    );
    let contact = it.contact_email();
    let values = params![
        it.project_id,
        it.id,
        &it.distinct_id,
        it.status.as_str(),
        it.priority.map(Priority::as_str),
        &assignee,
        &it.anonymous_traits,
        it.ai_resolved,
        &it.escalation_reason,
        it.updated_at,
        it.message_count,
        it.last_message_at,
        &it.last_message_text,
        it.unread_team_count,
        it.unread_customer_count,
        &it.session_id,
        &it.session_context,
        it.sla_due_at,
        it.sla_warned_minutes,
        it.sla_breached,
        it.snoozed_until,
        it.resolved_at,
        it.identity_verified,
        &it.ai_triage,
        &triage,
        it.merged_at,
        it.merged_into_id,
        it.merged_into_number,
        &tags,
        &it.widget_session_id,
        &contact
    ];
    c.exec_one(SAVE, values).await
}

/// Makes the rows of the tags what the ticket says.
pub(super) async fn save_tags(c: &Conn, ticket: &Ticket) -> Result<()> {
    c.exec(DROP_TAGS, params![ticket.project_id, ticket.id])
        .await?;
    insert_tags(c, ticket).await
}

async fn insert_tags(c: &Conn, ticket: &Ticket) -> Result<()> {
    for tag in &ticket.tags {
        c.exec(INSERT_TAG, params![ticket.project_id, tag, ticket.id])
            .await?;
    }
    Ok(())
}

async fn save_text(c: &Conn, ticket: &Ticket) -> Result<()> {
    let text = ticket.search_text();
    if text.is_empty() {
        c.exec(DROP_TEXT, params![ticket.project_id, ticket.id])
            .await?;
        return Ok(());
    }
    let values = params![ticket.project_id, ticket.id, ticket.id, &text];
    c.exec(SAVE_TEXT, values).await?;
    Ok(())
}

/// Marks a ticket as deleted and takes it out of tags and search.
pub(super) async fn delete(c: &Conn, ticket: &Ticket, by: Option<UserId>) -> Result<()> {
    let (project, id) = (ticket.project_id, ticket.id);
    c.exec_one(DELETE, params![project, id, ticket.deleted_at, by])
        .await?;
    c.exec(DROP_TAGS, params![project, id]).await?;
    c.exec(DROP_TEXT, params![project, id]).await?;
    c.exec(DROP_TEXTS_OF_MESSAGES, params![project, id]).await?;
    Ok(())
}
