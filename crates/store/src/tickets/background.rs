//! What happens to tickets without a request: snoozes end, due dates come, deleted tickets are erased (tickets.md 12.5).
//!
//! What is due is looked for without a lock, and done ticket by ticket, each in a transaction that looks again: so
//! replicas may do the same work at once, and nobody waits for long.

use super::log::{Actor, Log};
use super::{Scene, WriteError, find_for_update, rows};
use crate::activity::{self, NewActivity};
use crate::statements::statements;
use crate::{Conn, Error, Result, Store, media, params, projects};
use model::tickets::{SlaNotice, Status, TicketChange, TicketKey, due_notice};
use model::{Env, ProjectId, TicketId, Timestamp};
use serde_json::json;

/// Tickets looked for at once.
const BATCH: i64 = 100;
const MINUTE_MICROS: i64 = 60_000_000;

statements! {
    SNOOZED = "SELECT project_id, id FROM ticket \
               WHERE snoozed_until IS NOT NULL AND snoozed_until <= ?1 AND deleted_at IS NULL \
               ORDER BY snoozed_until LIMIT ?2";
    PROJECTS_WITH_DUE_DATES = "SELECT DISTINCT project_id FROM ticket \
        WHERE sla_due_at IS NOT NULL AND NOT sla_breached AND status <> 'resolved' AND deleted_at IS NULL";
    BREACHED = "SELECT id FROM ticket \
        WHERE project_id = ?1 AND sla_due_at IS NOT NULL AND NOT sla_breached AND status <> 'resolved' \
          AND deleted_at IS NULL AND sla_due_at <= ?2 ORDER BY sla_due_at LIMIT ?3";
    APPROACHING = "SELECT id FROM ticket \
        WHERE project_id = ?1 AND sla_due_at IS NOT NULL AND NOT sla_breached AND status <> 'resolved' \
          AND deleted_at IS NULL AND sla_due_at > ?2 AND sla_due_at <= ?3 \
          AND (sla_warned_minutes IS NULL OR sla_warned_minutes > ?4) ORDER BY sla_due_at LIMIT ?5";
    DELETED = "SELECT project_id, id, number FROM ticket WHERE deleted_at IS NOT NULL AND deleted_at < ?1 \
               ORDER BY deleted_at LIMIT ?2 /*lock*/";
    ERASE_TAGS = "DELETE FROM ticket_tag WHERE project_id = ?1 AND ticket_id = ?2";
    ERASE_MESSAGES = "DELETE FROM ticket_message WHERE project_id = ?1 AND ticket_id = ?2";
    ERASE_REPLY_JOB = "DELETE FROM reply_job WHERE project_id = ?1 AND ticket_id = ?2";
    ERASE = "DELETE FROM ticket WHERE project_id = ?1 AND id = ?2";
}

/// Ends the snoozes whose time has come; gives the project of each ticket that woke up.
///
/// # Errors
/// When the store fails; what was done until then stays done.
pub async fn wake_snoozed(store: &Store, env: &Env) -> Result<Vec<ProjectId>> {
    let now = env.now();
    let mut woken = Vec::new();
    loop {
        let due: Vec<(ProjectId, TicketId)> = store
            .read(move |c| Box::pin(async move { c.all(SNOOZED, params![now, BATCH]).await }))
            .await?;
        for (project, id) in &due {
            let (project, id, env) = (*project, *id, env.clone());
            store
                .write(move |c| Box::pin(async move { wake(c, &env, project, id, now).await }))
                .await?;
            woken.push(project);
        }
        if due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            return Ok(woken);
        }
    }
}

async fn wake(c: &Conn, env: &Env, project: ProjectId, id: TicketId, now: Timestamp) -> Result<()> {
    let Some(ticket) = find_for_update(c, project, TicketKey::Id(id)).await? else {
        return Ok(());
    };
    if ticket.snoozed_until.is_none_or(|until| until > now) {
        return Ok(());
    }
    let status = match ticket.status {
        Status::New | Status::Open | Status::Resolved => ticket.status,
        Status::Pending | Status::OnHold => Status::Open,
    };
    let change = TicketChange {
        status: Some(status),
        snoozed_until: Some(None),
        ..TicketChange::default()
    };
    let scene = system(c, env, project, now).await?;
    match super::update(c, &scene, TicketKey::Id(id), &change).await {
        Ok(_) => Ok(()),
        Err(WriteError::Store(error)) => Err(error),
        // The change names no assignee.
        Err(WriteError::Assignee(error)) => Err(Error::internal(error)),
    }
}

async fn system(c: &Conn, env: &Env, project: ProjectId, now: Timestamp) -> Result<Scene> {
    let found = projects::find(c, project).await?.ok_or(Error::NoRow)?;
    Ok(Scene {
        project,
        organization: found.organization_id,
        actor: Actor::system(),
        env: env.clone(),
        now,
    })
}

/// Tells the team of due dates that come near or have passed; gives the project of each ticket that there was news
/// of.
///
/// # Errors
/// When the store fails; what was told until then stays told.
pub async fn tell_due_dates(store: &Store, env: &Env) -> Result<Vec<ProjectId>> {
    let now = env.now();
    let projects: Vec<ProjectId> = store
        .read(|c| Box::pin(async move { c.all(PROJECTS_WITH_DUE_DATES, params![]).await }))
        .await?;
    let mut told = Vec::new();
    for project in projects {
        let found = store
            .read(move |c| Box::pin(projects::find(c, project)))
            .await?;
        let Some(found) = found else { continue };
        let offsets = found.settings.sla_warning_minutes;
        while let Some(batch) = due(store, project, &offsets, now).await? {
            for id in batch {
                let (env, offsets) = (env.clone(), offsets.clone());
                let is_news = store
                    .write(move |c| {
                        Box::pin(async move { tell(c, &env, project, id, &offsets, now).await })
                    })
                    .await?;
                if is_news {
                    told.push(project);
                }
            }
        }
    }
    Ok(told)
}

/// The next tickets of a project that there is news of; `None` when there are no more.
async fn due(
    store: &Store,
    project: ProjectId,
    offsets: &[i64],
    now: Timestamp,
) -> Result<Option<Vec<TicketId>>> {
    let mut offsets = offsets.to_vec();
    offsets.sort_unstable();
    store
        .read(move |c| {
            Box::pin(async move {
                let mut found: Vec<TicketId> =
                    c.all(BREACHED, params![project, now, BATCH]).await?;
                // From the nearest on: who is told of that is not told of those before.
                for offset in offsets {
                    if !found.is_empty() {
                        break;
                    }
                    let until = now.as_micros().saturating_add(offset * MINUTE_MICROS);
                    let values = params![project, now, until, offset, BATCH];
                    found = c.all(APPROACHING, values).await?;
                }
                Ok((!found.is_empty()).then_some(found))
            })
        })
        .await
}

async fn tell(
    c: &Conn,
    env: &Env,
    project: ProjectId,
    id: TicketId,
    offsets: &[i64],
    now: Timestamp,
) -> Result<bool> {
    let Some(mut ticket) = find_for_update(c, project, TicketKey::Id(id)).await? else {
        return Ok(false);
    };
    let is_open = ticket.status != Status::Resolved && !ticket.sla_breached;
    let Some(due) = ticket.sla_due_at.filter(|_| is_open) else {
        return Ok(false);
    };
    let Some(notice) = due_notice(due, offsets, ticket.sla_warned_minutes, now) else {
        return Ok(false);
    };
    let before = ticket.clone();
    match notice {
        SlaNotice::Approaching {
            threshold_minutes, ..
        } => ticket.sla_warned_minutes = Some(threshold_minutes),
        SlaNotice::Breached { .. } => ticket.sla_breached = true,
    }
    rows::save(c, &before, &ticket).await?;
    let scene = system(c, env, project, now).await?;
    let mut log = Log::new(&scene);
    log.due(&ticket, notice);
    log.write(c).await?;
    Ok(true)
}

/// Erases at most `limit` tickets that were deleted before a moment, with their messages. Returns how many.
///
/// # Errors
/// When the store fails.
pub async fn erase_deleted(c: &Conn, env: &Env, before: Timestamp, limit: i64) -> Result<usize> {
    let deleted: Vec<(ProjectId, TicketId, i64)> = c.all(DELETED, params![before, limit]).await?;
    for (project, id, number) in &deleted {
        media::release(c, *project, *id, env.now()).await?;
        for statement in [
            rows::DROP_TEXT,
            rows::DROP_TEXTS_OF_MESSAGES,
            ERASE_TAGS,
            ERASE_MESSAGES,
            ERASE_REPLY_JOB,
            ERASE,
        ] {
            c.exec(statement, params![*project, *id]).await?;
        }
        let purged = NewActivity {
            id: env.uuid(),
            scope: "Ticket",
            item_id: id.to_string(),
            activity: "purged",
            user_id: None,
            detail: json!({"name": format!("Ticket #{number}"), "changes": []}).to_string(),
            client: None,
        };
        activity::append(c, *project, &purged, env.now()).await?;
    }
    Ok(deleted.len())
}
