//! Calls of the tools a client brought along (spec "Tools").

use crate::engine::Inner;
use crate::escalate::{self, Opening};
use model::MessageId;
use model::contextual_tools::ContextualTool;
use model::messages::{Body, Message, Tool, ToolCall};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use store::approvals::Approval;

/// What a model's calls come to, before anything is written.
#[derive(Default)]
pub(crate) struct CarriedOut {
    /// A result for every call that could be answered at once.
    pub results: Vec<Message>,
    /// A proposal for every call that the user must allow.
    pub approvals: Vec<Approval>,
    /// A ticket that is opened, named in one of the results.
    pub opens: Option<Opening>,
    /// Some call waits for the user or for the client.
    pub waits: bool,
}

/// Whether the model was offered the tool that opens a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TicketTool {
    /// It was not.
    Unknown,
    /// It was.
    Offered {
        /// It has been called in this turn: one ticket is enough.
        is_used: bool,
    },
}

/// Carries out the calls of one answer. Contextual tools are hands of the client's page: a call is handed to it
/// as `ui_payload` and changes nothing here, so it may be written together with the call itself.
pub(crate) fn carry_out(
    inner: &Inner,
    message_id: MessageId,
    calls: &[ToolCall],
    tools: &[ContextualTool],
    tickets: TicketTool,
) -> CarriedOut {
    let mut carried = CarriedOut::default();
    for call in calls {
        if let TicketTool::Offered { is_used } = tickets
            && call.name == escalate::TOOL
        {
            let text = if is_used || carried.opens.is_some() {
                "A ticket has been opened already; one is enough.".to_owned()
            } else {
                carried.opens = Some(Opening {
                    reason: escalate::reason_of(&call.args),
                    named_in: carried.results.len(),
                });
                escalate::tool_result()
            };
            let payload = json!({ (escalate::TOOL): call.args });
            let result = tool_message(inner, &call.id, text, payload.as_object().cloned());
            carried.results.push(result);
            continue;
        }
        match tools.iter().find(|tool| tool.name == call.name) {
            None => {
                let text = format!("There is no tool named {:?}.", call.name);
                carried
                    .results
                    .push(tool_message(inner, &call.id, text, None));
            }
            Some(tool) if tool.requires_approval => {
                carried.waits = true;
                carried
                    .approvals
                    .push(proposal(inner, message_id, call, tool));
            }
            Some(tool) if tool.client => carried.waits = true,
            Some(_) => {
                let payload = json!({ (call.name.as_str()): call.args });
                let result = tool_message(
                    inner,
                    &call.id,
                    result_of(&call.name),
                    payload.as_object().cloned(),
                );
                carried.results.push(result);
            }
        }
    }
    carried
}

/// What the model is told of a call that was handed to the client's page.
pub(crate) fn result_of(name: &str) -> String {
    format!("The call of {name} was handed to the user's page.")
}

/// A stored result of a call.
pub(crate) fn tool_message(
    inner: &Inner,
    call_id: &str,
    content: impl Into<String>,
    ui_payload: Option<Map<String, Value>>,
) -> Message {
    let tool = Tool {
        content: content.into(),
        tool_call_id: call_id.to_owned(),
        ui_payload,
    };
    Message {
        id: Some(MessageId(inner.env.uuid())),
        body: Body::Tool(tool),
    }
}

fn proposal(
    inner: &Inner,
    message_id: MessageId,
    call: &ToolCall,
    tool: &ContextualTool,
) -> Approval {
    let arguments = serde_json::to_string_pretty(&call.args).unwrap_or_default();
    let purpose = if tool.description.is_empty() {
        String::new()
    } else {
        format!("{}\n\n", tool.description)
    };
    let preview = format!("{purpose}**{}**\n\n```json\n{arguments}\n```", call.name);
    Approval {
        proposal_id: inner.env.uuid().to_string(),
        decision_status: "pending".into(),
        tool_name: call.name.clone(),
        // A client may describe its tool with what cannot be stored.
        preview: preview.replace('\0', ""),
        payload: call.args.clone(),
        tool_call_id: Some(call.id.clone()),
        message_id: Some(message_id),
    }
}

/// The calls of the newest answer that have no result yet.
///
/// Calls are open only until the user writes on: later text abandons them. A failure does not: it tells of a
/// decision that came too late or twice, and the other questions are still open.
pub(crate) fn pending_calls<'a>(
    messages: impl DoubleEndedIterator<Item = &'a Message>,
) -> Vec<ToolCall> {
    let mut answered = HashSet::new();
    for message in messages.rev() {
        match &message.body {
            Body::Tool(tool) => {
                answered.insert(tool.tool_call_id.clone());
            }
            Body::Ai(ai) if !ai.tool_calls.is_empty() => {
                return ai
                    .tool_calls
                    .iter()
                    .filter(|call| !answered.contains(&call.id))
                    .cloned()
                    .collect();
            }
            Body::Ai(_) | Body::Failure(_) => {}
            Body::Human(_) => return Vec::new(),
        }
    }
    Vec::new()
}
