//! A client's answer to what the last turn asked: a decision, a form, or the result of a tool that ran at the
//! client (ai-conversations.md 8; spec "Tools").

use crate::engine::Inner;
use crate::tools::{pending_calls, result_of, tool_message};
use model::Timestamp;
use model::conversations::Conversation;
use model::messages::{Message, ToolCall};
use model::turns::{Resume, TurnOptions};
use serde_json::{Value, json};
use store::turns::TurnKey;
use store::{Conn, approvals, messages, turns};

/// How many of the newest messages are searched for open calls; a model never asks for that many at once.
const RECENT: i64 = 200;

const NO_PROPOSAL: &str =
    "That proposal is not waiting for a decision any more, so nothing was done.";
const NO_CALL: &str = "That tool is not waiting for a result any more, so nothing was done.";
const NO_FORM: &str = "No form is waiting for an answer any more, so nothing was done.";

/// What an answer came to.
#[derive(Default)]
pub(crate) struct Resumption {
    /// Results of the calls that the answer settles.
    pub results: Vec<Message>,
    /// Every open call is settled: the model can be asked again.
    pub ready: bool,
    /// What is said when the answer is to something that does not wait (any more).
    pub mismatch: Option<&'static str>,
    /// What the interrupted turn was asked with.
    pub interrupted_options: TurnOptions,
}

/// Records the decision and makes the tool results that follow from it. A second decision on one proposal is a
/// mismatch, so nothing can be done twice.
pub(crate) async fn resume(
    c: &Conn,
    inner: &Inner,
    conversation: &Conversation,
    payload: &Value,
    now: Timestamp,
) -> Result<Resumption, store::Error> {
    let (project, id) = (conversation.project_id, conversation.id);
    let recent = messages::list_recent(c, project, id, RECENT).await?;
    let mut open = pending_calls(recent.iter().map(|stored| &stored.message));
    let last = TurnKey {
        project_id: project,
        conversation_id: id,
        number: conversation.last_turn,
    };
    let mut resumption = Resumption {
        interrupted_options: turns::find(c, last)
            .await?
            .map(|turn| turn.options)
            .unwrap_or_default(),
        ..Resumption::default()
    };
    let (settled, missing) = match Resume::of(payload) {
        Resume::Approve { proposal_id } => {
            let call = decide(c, conversation, &mut open, &proposal_id, "approved", now).await?;
            let result = call.map(|call| {
                let payload = json!({ (call.name.as_str()): call.args });
                tool_message(
                    inner,
                    &call.id,
                    result_of(&call.name),
                    payload.as_object().cloned(),
                )
            });
            (result, NO_PROPOSAL)
        }
        Resume::Reject {
            proposal_id,
            feedback,
        } => {
            let call = decide(c, conversation, &mut open, &proposal_id, "rejected", now).await?;
            let result = call.map(|call| {
                let text = match feedback {
                    Some(words) => format!("The user declined this call and said: {words}"),
                    None => "The user declined this call.".to_owned(),
                };
                tool_message(inner, &call.id, text, None)
            });
            (result, NO_PROPOSAL)
        }
        Resume::ClientToolResult {
            tool_call_id,
            result,
        } => {
            let call = take(&mut open, &tool_call_id);
            let result = call.map(|call| tool_message(inner, &call.id, text_of(&result), None));
            (result, NO_CALL)
        }
        Resume::Form(answers) => {
            let call = take_form(&mut open);
            let result = call.map(|call| tool_message(inner, &call.id, text_of(&answers), None));
            (result, NO_FORM)
        }
        Resume::DismissForm => {
            let text = "The user closed the form without answering.";
            let call = take_form(&mut open);
            let result = call.map(|call| tool_message(inner, &call.id, text, None));
            (result, NO_FORM)
        }
        Resume::Other => return Ok(resumption),
    };
    match settled {
        Some(result) => {
            resumption.results.push(result);
            resumption.ready = open.is_empty();
        }
        None => resumption.mismatch = Some(missing),
    }
    Ok(resumption)
}

/// Decides a pending proposal and takes the call it is about out of the open ones. A proposal that is not waiting
/// gives nothing; one that is recorded as waiting although its call is not is rejected, whatever was decided.
async fn decide(
    c: &Conn,
    conversation: &Conversation,
    open: &mut Vec<ToolCall>,
    proposal_id: &str,
    decision: &str,
    now: Timestamp,
) -> Result<Option<ToolCall>, store::Error> {
    let (project, id) = (conversation.project_id, conversation.id);
    // The id is the client's, so it is compared with ours and goes nowhere else.
    let all = approvals::list(c, project, id).await?;
    let waiting = all
        .into_iter()
        .find(|approval| approval.proposal_id == proposal_id && approval.is_pending());
    let Some(approval) = waiting else {
        return Ok(None);
    };
    let call = approval
        .tool_call_id
        .and_then(|call_id| take(open, &call_id));
    let decision = if call.is_some() {
        decision
    } else {
        "auto_rejected"
    };
    approvals::decide(c, project, id, &approval.proposal_id, decision, now).await?;
    Ok(call)
}

fn take(open: &mut Vec<ToolCall>, call_id: &str) -> Option<ToolCall> {
    let index = open.iter().position(|call| call.id == call_id)?;
    Some(open.remove(index))
}

/// A form is a call of the tool `create_form`.
fn take_form(open: &mut Vec<ToolCall>) -> Option<ToolCall> {
    let index = open.iter().position(|call| call.name == "create_form")?;
    Some(open.remove(index))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
