//! The queue: what a user types while a turn runs (ai-conversations.md 6; spec "Queue").

use crate::conversations::Status;
use crate::turns::TurnOptions;
use crate::{QueueItemId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// Most messages a client may queue. A put-back by the server may exceed it.
pub const QUEUE_MAX: usize = 2;

/// A message that waits for the running turn to end.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueItem {
    /// Made by the server.
    pub id: QueueItemId,
    /// The text, trimmed.
    pub content: String,
    /// The client's mark, if it sent one: the same one again adds nothing.
    pub trace_id: Option<Uuid>,
    /// What the turn will be asked with.
    pub options: TurnOptions,
    /// When it was queued.
    pub created_at: Timestamp,
}

impl QueueItem {
    /// The item as clients see it (ai-conversations.md 6.1).
    pub fn to_view(&self) -> Value {
        json!({
            "id": self.id,
            "content": self.content,
            "created_at": self.created_at.with_offset(),
            "contextual_tools": self.options.contextual_tools,
            "ui_context": self.options.ui_context,
            "billing_context": self.options.billing_context,
            "agent_mode": self.options.agent_mode,
            "session_id": self.options.session_id,
        })
    }
}

/// Why a message cannot be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueRefusal {
    /// Two are waiting already.
    Full,
    /// The client asked to queue only behind a running turn, and none runs.
    NotRunning,
}

/// Whether one more message may wait. `strict` is `Prefer: handling=strict`.
///
/// # Errors
///
/// [`QueueRefusal::NotRunning`] is tested before [`QueueRefusal::Full`].
pub fn may_add(status: Status, waiting: usize, strict: bool) -> Result<(), QueueRefusal> {
    if strict && status == Status::Idle {
        return Err(QueueRefusal::NotRunning);
    }
    if waiting >= QUEUE_MAX {
        return Err(QueueRefusal::Full);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_wait_and_the_third_is_refused() {
        for (status, waiting, strict, expected) in [
            (Status::InProgress, 0, false, Ok(())),
            (Status::InProgress, 1, true, Ok(())),
            (Status::InProgress, 2, false, Err(QueueRefusal::Full)),
            (Status::Idle, 0, false, Ok(())),
            (Status::Idle, 2, false, Err(QueueRefusal::Full)),
            (Status::Idle, 2, true, Err(QueueRefusal::NotRunning)),
            (Status::Idle, 0, true, Err(QueueRefusal::NotRunning)),
        ] {
            assert_eq!(
                may_add(status, waiting, strict),
                expected,
                "{status:?} {waiting} {strict}"
            );
        }
    }
}
