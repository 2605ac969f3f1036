//! Support tickets: rows, counters, events and activities, each operation in one transaction.
//!
//! What locks, locks in this order, so that no two operations wait for each other: tickets (by id), then files that
//! messages link (by id), then the project's event counter, then its totals. So events are appended before totals are
//! moved.

pub(crate) mod background;
mod bulk;
mod external;
mod feedback;
pub(crate) mod list;
mod log;
pub(crate) mod merge;
pub(crate) mod messages;
pub(crate) mod reply_jobs;
pub(crate) mod rows;
pub(crate) mod solved;
pub(crate) mod statistics;
pub(crate) mod tags;
pub(crate) mod totals;
mod triage;
pub(crate) mod visitors;

#[cfg(test)]
mod tests;

pub use background::{erase_deleted, tell_due_dates, wake_snoozed};
pub use bulk::{BulkTags, Skipped, TagAction, set_status, set_tags};
pub use external::{Outcome, update_from_outside};
pub use feedback::{Feedback, note_feedback};
pub use list::{count, count_many, list, list_merged_into, names_of_assignees};
pub use log::{Actor, ActorKind};
pub use merge::{MergeError, MergeNotes, Merged, merge};
pub use messages::{
    MessageWriteError, add_message, add_note, delete_message, edit_message, find_message,
    list_messages, list_recent_public, restore_message,
};
pub use reply_jobs::{
    ReplyJob, claim_reply_job, drop_reply_job, find_reply_job, list_owned_reply_jobs,
    list_waiting_reply_jobs, release_reply_jobs, renew_reply_jobs,
};
pub use rows::{find, find_for_update};
pub use solved::{Solved, list_solved};
pub use statistics::statistics;
pub use tags::{TagUsage, find_tag, list_tags, replace_tag};
pub use totals::{TicketCount, unassign, unread_count};
pub use triage::{leave_triage, set_triage};
pub use visitors::{
    Reception, VisitError, Visited, list_of_visitor, mark_seen, messages_of_visited, receive, visit,
};

use crate::{Conn, Error, Result, organizations, roles};
use log::Log;
use model::tickets::{
    Assignee, AssigneeError, Changed, NewTicket, Ticket, TicketChange, TicketKey,
};
use model::{Env, OrganizationId, ProjectId, Timestamp};
use std::time::Duration;
use totals::Totals;

/// Why a ticket could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The store.
    #[error(transparent)]
    Store(#[from] Error),
    /// The assignee is not one of the organisation's.
    #[error(transparent)]
    Assignee(#[from] AssigneeError),
}

/// Where an operation takes place, who acts, and when: what all of them need.
#[derive(Clone)]
pub struct Scene {
    /// The tenant.
    pub project: ProjectId,
    /// Whose members and roles tickets can be assigned to.
    pub organization: OrganizationId,
    /// Who acts.
    pub actor: Actor,
    /// Ids for what is logged.
    pub env: Env,
    /// One moment for the whole operation.
    pub now: Timestamp,
}

impl Scene {
    /// The same, but later than a ticket's newest message: whoever reads on after that message finds the next one.
    fn after(&self, last: Option<Timestamp>) -> Self {
        let next = last.map(|last| last.plus(Duration::from_micros(1)));
        Self {
            now: next.map_or(self.now, |next| next.max(self.now)),
            ..self.clone()
        }
    }
}

/// Makes a ticket, under the project's next number.
///
/// # Errors
/// An assignee that is not one of the organisation's; otherwise when the store fails.
pub async fn create(c: &Conn, scene: &Scene, new: NewTicket) -> Result<Ticket, WriteError> {
    if let Some(Some(assignee)) = new.fields.assignee {
        check_assignee(c, scene.organization, assignee).await?;
    }
    let number = crate::events::next_ticket_number(c, scene.project).await?;
    let ticket = new.into_ticket(scene.project, number, scene.now);
    rows::insert(c, &ticket).await?;
    let mut log = Log::new(scene);
    log.created(&ticket);
    if ticket.assignee.is_some() {
        log.assigned(c, &ticket, None).await?;
    }
    log.write(c).await?;
    let mut totals = Totals::new(scene.project);
    totals.add(&ticket);
    totals.write(c).await?;
    Ok(ticket)
}

/// Reads a ticket for the team: its unread messages are read by that (tickets.md 5). `true` beside it: there were
/// some.
///
/// # Errors
/// When the store fails.
pub async fn mark_read(c: &Conn, scene: &Scene, key: TicketKey) -> Result<Option<(Ticket, bool)>> {
    let Some(mut ticket) = find_for_update(c, scene.project, key).await? else {
        return Ok(None);
    };
    if ticket.unread_team_count == 0 {
        return Ok(Some((ticket, false)));
    }
    let before = ticket.clone();
    ticket.unread_team_count = 0;
    rows::save(c, &before, &ticket).await?;
    let mut log = Log::new(scene);
    log.hidden("read", &ticket);
    log.write(c).await?;
    Totals::moved(&before, &ticket).write(c).await?;
    Ok(Some((ticket, true)))
}

/// Changes a ticket (tickets.md 6); `None`: there is none. What changed is beside it.
///
/// # Errors
/// An assignee that is not one of the organisation's: nothing was changed then. Otherwise when the store fails.
pub async fn update(
    c: &Conn,
    scene: &Scene,
    key: TicketKey,
    change: &TicketChange,
) -> Result<Option<(Ticket, Changed)>, WriteError> {
    let Some(mut ticket) = find_for_update(c, scene.project, key).await? else {
        return Ok(None);
    };
    if let Some(Some(assignee)) = change.assignee {
        check_assignee(c, scene.organization, assignee).await?;
    }
    let before = ticket.clone();
    let changed = ticket.apply(change, scene.now);
    if !changed.is_any() {
        return Ok(Some((ticket, changed)));
    }
    rows::save(c, &before, &ticket).await?;
    if changed.is_resolving(&ticket) {
        reply_jobs::drop_reply_job(c, scene.project, ticket.id).await?;
    }
    if changed.tags.is_some() {
        rows::save_tags(c, &ticket).await?;
    }
    let mut log = Log::new(scene);
    log.changed(c, &ticket, &changed).await?;
    log.write(c).await?;
    Totals::moved(&before, &ticket).write(c).await?;
    Ok(Some((ticket, changed)))
}

/// Deletes a ticket: from now on nobody sees it, and later it is erased. `false`: there is none.
///
/// # Errors
/// When the store fails.
pub async fn delete(c: &Conn, scene: &Scene, key: TicketKey) -> Result<bool> {
    let Some(mut ticket) = find_for_update(c, scene.project, key).await? else {
        return Ok(false);
    };
    let mut totals = Totals::new(scene.project);
    totals.remove(&ticket);
    ticket.deleted_at = Some(scene.now);
    reply_jobs::drop_reply_job(c, scene.project, ticket.id).await?;
    rows::delete(c, &ticket, scene.actor.user_id()).await?;
    let mut log = Log::new(scene);
    log.deleted(&ticket);
    log.write(c).await?;
    totals.write(c).await?;
    Ok(true)
}

/// Whether tickets of an organisation's projects can be assigned to this person or role.
///
/// # Errors
/// Why not; otherwise when the store fails.
pub async fn check_assignee(
    c: &Conn,
    organization: OrganizationId,
    assignee: Assignee,
) -> Result<(), WriteError> {
    match assignee {
        Assignee::User(user) => {
            let level = organizations::find_level(c, organization, user).await?;
            level.map(|_| ()).ok_or(AssigneeError::NotAMember.into())
        }
        Assignee::Role(role) => {
            let role = roles::find(c, organization, role).await?;
            role.map(|_| ()).ok_or(AssigneeError::ForeignRole.into())
        }
    }
}
