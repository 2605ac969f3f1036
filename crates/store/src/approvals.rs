//! Proposals of tool calls that a user decides on (ai-conversations.md 3.2, 8).

use crate::statements::statements;
use crate::turns::TurnKey;
use crate::{Conn, Error, FromRow, Result, Row, params};
use model::{ConversationId, MessageId, ProjectId, Timestamp};
use serde_json::Value;

statements! {
    LIST = "SELECT proposal_id, decision_status, tool_name, preview, payload, tool_call_id, message_id FROM approval \
            WHERE project_id = ?1 AND conversation_id = ?2 ORDER BY created_at, proposal_id";
    INSERT = "INSERT INTO approval (project_id, conversation_id, proposal_id, turn, decision_status, tool_name, preview, \
              payload, tool_call_id, message_id, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    DECIDE = "UPDATE approval SET decision_status = ?4, decided_at = ?5 \
              WHERE project_id = ?1 AND conversation_id = ?2 AND proposal_id = ?3 AND decision_status = 'pending'";
    AUTO_REJECT = "UPDATE approval SET decision_status = 'auto_rejected', decided_at = ?3 \
                   WHERE project_id = ?1 AND conversation_id = ?2 AND decision_status = 'pending'";
}

/// A proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// Names it to clients.
    pub proposal_id: String,
    /// `pending`, `approved`, `rejected` or `auto_rejected`.
    pub decision_status: String,
    /// The tool that would be called.
    pub tool_name: String,
    /// What would happen, in Markdown.
    pub preview: String,
    /// The arguments of the call.
    pub payload: Value,
    /// The call.
    pub tool_call_id: Option<String>,
    /// The message that holds the call.
    pub message_id: Option<MessageId>,
}

impl Approval {
    /// Whether it waits for a decision.
    pub fn is_pending(&self) -> bool {
        self.decision_status == "pending"
    }
}

impl FromRow for Approval {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            proposal_id: row.get()?,
            decision_status: row.get()?,
            tool_name: row.get()?,
            preview: row.get()?,
            payload: row.parse("approval.payload", |text| serde_json::from_str(text).ok())?,
            tool_call_id: row.get()?,
            message_id: row.get()?,
        })
    }
}

/// All proposals of a conversation, decided ones included, oldest first.
///
/// # Errors
///
/// When the store fails.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    conversation: ConversationId,
) -> Result<Vec<Approval>> {
    c.all(LIST, params![project, conversation]).await
}

/// Records a proposal.
///
/// # Errors
///
/// When the store fails.
pub async fn create(c: &Conn, turn: TurnKey, approval: &Approval, now: Timestamp) -> Result<()> {
    let payload = serde_json::to_string(&approval.payload)
        .map_err(|error| Error::Internal(error.to_string()))?;
    c.exec(
        INSERT,
        params![
            turn.project_id,
            turn.conversation_id,
            &approval.proposal_id,
            turn.number,
            &approval.decision_status,
            &approval.tool_name,
            &approval.preview,
            &payload,
            &approval.tool_call_id,
            approval.message_id,
            now,
        ],
    )
    .await?;
    Ok(())
}

/// Decides a pending proposal. `false`: it is unknown, or was decided before.
///
/// # Errors
///
/// When the store fails.
pub async fn decide(
    c: &Conn,
    project: ProjectId,
    conversation: ConversationId,
    proposal_id: &str,
    decision: &str,
    now: Timestamp,
) -> Result<bool> {
    Ok(c.exec(
        DECIDE,
        params![project, conversation, proposal_id, decision, now],
    )
    .await?
        == 1)
}

/// Rejects all pending proposals, because the user moved on.
///
/// # Errors
///
/// When the store fails.
pub async fn auto_reject(
    c: &Conn,
    project: ProjectId,
    conversation: ConversationId,
    now: Timestamp,
) -> Result<u64> {
    c.exec(AUTO_REJECT, params![project, conversation, now])
        .await
}
