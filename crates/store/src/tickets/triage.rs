//! What the assistant makes of a ticket, as it is kept on it (tickets.md 2.1).

use super::log::Log;
use super::{Scene, rows};
use crate::{Conn, Result};
use model::tickets::{Ticket, Triage};

/// Keeps what has come of looking at a locked ticket. Neither its times nor its counters move; the live inbox is told.
///
/// # Errors
/// When the store fails.
pub async fn set_triage(
    c: &Conn,
    scene: &Scene,
    ticket: &mut Ticket,
    triage: &Triage,
) -> Result<()> {
    let before = ticket.clone();
    ticket.take_triage(triage);
    rows::save(c, &before, ticket).await?;
    let mut log = Log::new(scene);
    log.hidden("triage", ticket);
    log.write(c).await
}

/// Forgets that a locked ticket was being looked at.
///
/// # Errors
/// When the store fails.
pub async fn leave_triage(c: &Conn, scene: &Scene, ticket: &mut Ticket) -> Result<()> {
    let before = ticket.clone();
    ticket.leave_triage();
    rows::save(c, &before, ticket).await?;
    let mut log = Log::new(scene);
    log.hidden("triage", ticket);
    log.write(c).await
}
