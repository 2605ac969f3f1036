//! What people think of the assistant's answers (tickets.md 10.7).

use super::log::Log;
use super::{Scene, find};
use crate::{Conn, Result};
use model::tickets::TicketKey;

/// A person's opinion of an answer.
#[derive(Clone, Debug)]
pub struct Feedback {
    /// The answer, as the client names it.
    pub message_id: String,
    /// It helped.
    pub is_good: bool,
    /// Why not; may be empty.
    pub text: String,
}

/// Writes an opinion into the event log. `false`: there is no such ticket.
///
/// # Errors
/// When the store fails.
pub async fn note_feedback(
    c: &Conn,
    scene: &Scene,
    key: TicketKey,
    feedback: &Feedback,
) -> Result<bool> {
    let Some(ticket) = find(c, scene.project, key).await? else {
        return Ok(false);
    };
    let mut log = Log::new(scene);
    log.feedback(&ticket, feedback);
    log.write(c).await?;
    Ok(true)
}
