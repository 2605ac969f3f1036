//! A change that the customer's own backend makes (tickets.md 15.1).

use super::{Scene, WriteError, check_assignee, find_for_update, update};
use crate::{Conn, Result};
use model::TicketId;
use model::tickets::{Changed, ExternalChange, Ticket, TicketKey};

/// What came of a change from outside.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The ticket as it is now.
    pub ticket: Ticket,
    /// What is different.
    pub changed: Changed,
    /// The ticket could not be assigned; what the body names after that was left as it was.
    pub assignee_failed: bool,
}

/// Changes a ticket; `None`: there is none. Whom it cannot be assigned to does not undo what stands before.
///
/// # Errors
/// When the store fails.
pub async fn update_from_outside(
    c: &Conn,
    scene: &Scene,
    id: TicketId,
    change: &ExternalChange,
) -> Result<Option<Outcome>> {
    let key = TicketKey::Id(id);
    let Some(ticket) = find_for_update(c, scene.project, key).await? else {
        return Ok(None);
    };
    let assignee_failed = match change.assignee {
        None | Some(Ok(None)) => false,
        Some(Err(_)) => true,
        Some(Ok(Some(assignee))) => match check_assignee(c, scene.organization, assignee).await {
            Ok(()) => false,
            Err(WriteError::Assignee(_)) => true,
            Err(WriteError::Store(error)) => return Err(error),
        },
    };
    let change = change.of(&ticket, !assignee_failed);
    let updated = match update(c, scene, key, &change).await {
        Ok(updated) => updated,
        Err(WriteError::Store(error)) => return Err(error),
        // It was checked just now, in the same transaction.
        Err(WriteError::Assignee(error)) => return Err(crate::Error::internal(error)),
    };
    Ok(updated.map(|(ticket, changed)| Outcome {
        ticket,
        changed,
        assignee_failed,
    }))
}
