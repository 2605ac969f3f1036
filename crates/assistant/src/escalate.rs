//! From a conversation to a ticket: the command `/ticket`, and the tool `create_ticket` that a model may call
//! (spec "Queue", ai-conversations.md 8).
//!
//! The ticket is made in the transaction that logs the words which name it, under the turn's fence. So a turn that is
//! taken over opens no second one, and a cancelled turn opens none.

use crate::commit::Step;
use crate::engine::{Engine, Inner};
use model::conversations::Conversation;
use model::messages::{Body, Message, OpenedTicket};
use model::settings::ProjectSettings;
use model::tickets::{NewMessage, NewTicket, TicketChange, TicketKey};
use model::turns::TurnStatus;
use model::{MessageId, TicketId};
use serde_json::json;
use store::messages::{self, StoredMessage};
use store::tickets::{self, Actor, Scene, WriteError};
use store::{Conn, Error, projects, users};

/// The command.
const COMMAND: &str = "/ticket";
/// The tool.
pub(crate) const TOOL: &str = "create_ticket";
/// Where a message names the ticket that will have been opened with it.
const NUMBER: &str = "{ticket_number}";
/// Messages of the conversation that the ticket begins with, the newest.
const MESSAGES: i64 = 100;
/// Characters of all of them together.
const CHARACTERS: usize = 20_000;
/// Characters of a reason.
const REASON_MAX: usize = 1_000;
/// The reason when none is given.
const ASKED: &str = "The user asked for a person.";

/// A ticket that a step opens.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    /// Why.
    pub reason: String,
    /// Which of the step's messages names it.
    pub named_in: usize,
}

/// What is written behind the command; `None`: the text is no command.
pub(crate) fn command(text: &str) -> Option<&str> {
    let rest = text.trim().strip_prefix(COMMAND)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// Whether a project's conversations may end in tickets.
pub(crate) fn is_offered(settings: &ProjectSettings) -> bool {
    settings.conversations_enabled && settings.ai_opens_tickets
}

/// The tool as models are told of it.
pub(crate) fn tool() -> llm::ToolSpec {
    llm::ToolSpec {
        name: TOOL.to_owned(),
        description: "Opens a ticket for the people of the support team, with this conversation. Call it when the user asks for a \
                      person, or needs something that only people can do. Do not call it just because you are not sure."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"reason": {"type": "string", "description": "Why people are needed, in one sentence."}},
            "required": ["reason"],
        }),
    }
}

/// What the model is told of its call.
pub(crate) fn tool_result() -> String {
    format!(
        "Ticket #{NUMBER} has been opened. Tell the user its number, and that the team will answer there."
    )
}

/// The reason that a model gave.
pub(crate) fn reason_of(args: &serde_json::Value) -> String {
    reason(args["reason"].as_str().unwrap_or_default())
}

fn reason(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return ASKED.to_owned();
    }
    text.replace('\0', "").chars().take(REASON_MAX).collect()
}

impl Engine {
    /// The only step of a turn that was begun with the command.
    pub(crate) fn ticket_step(&self, said: &str, settings: &ProjectSettings) -> Step {
        let (text, opens) = if is_offered(settings) {
            let text = format!(
                "I have opened ticket #{NUMBER} with this conversation. Our support team will answer you there."
            );
            let opening = Opening {
                reason: reason(said),
                named_in: 0,
            };
            (text, Some(opening))
        } else {
            (
                "Tickets cannot be opened from here: this project has switched them off."
                    .to_owned(),
                None,
            )
        };
        Step {
            messages: vec![Message::ai(MessageId(self.0.env.uuid()), text)],
            opens,
            end: Some(TurnStatus::Done),
            ..Step::default()
        }
    }
}

/// Opens the ticket of a step, whose frames have been claimed, and names it in the step's messages. The conversation is
/// locked.
pub(crate) async fn open(
    c: &Conn,
    inner: &Inner,
    conversation: &Conversation,
    opening: &Opening,
    said: &mut [Message],
) -> Result<(), Error> {
    let (id, now) = (conversation.project_id, inner.env.now());
    let project = projects::find(c, id).await?.ok_or(Error::NoRow)?;
    let user = users::find(c, conversation.user_id)
        .await?
        .ok_or(Error::NoRow)?;
    let before = messages::list_recent(c, id, conversation.id, MESSAGES).await?;
    let scene = Scene {
        project: id,
        organization: project.organization_id,
        actor: Actor::customer(),
        env: inner.env.clone(),
        now,
    };
    let name = format!("{} {}", user.first_name, user.last_name);
    let fields = TicketChange {
        anonymous_traits: Some(json!({"name": name.trim(), "email": user.email})),
        escalation_reason: Some(Some(opening.reason.clone())),
        ..TicketChange::default()
    };
    let new = NewTicket {
        distinct_id: user.distinct_id,
        session_context: json!({"conversation": conversation.id}),
        ..NewTicket::new(TicketId(inner.env.uuid()), fields)
    };
    let ticket = match tickets::create(c, &scene, new).await {
        Ok(ticket) => ticket,
        Err(WriteError::Store(error)) => return Err(error),
        // It has no assignee.
        Err(WriteError::Assignee(error)) => return Err(Error::Internal(error.to_string())),
    };
    let first = NewMessage::by_customer(
        MessageId(inner.env.uuid()),
        transcript(&before, &opening.reason),
    );
    tickets::add_message(c, &scene, TicketKey::Id(ticket.id), &first, false).await?;
    if let Some(message) = said.get_mut(opening.named_in) {
        let number = ticket.number.to_string();
        match &mut message.body {
            Body::Ai(ai) => {
                ai.content = ai.content.replace(NUMBER, &number);
                let opened = OpenedTicket {
                    id: ticket.id,
                    number: ticket.number,
                };
                ai.meta.get_or_insert_default().ticket = Some(opened);
            }
            Body::Tool(tool) => tool.content = tool.content.replace(NUMBER, &number),
            Body::Human(_) | Body::Failure(_) => {}
        }
    }
    metrics::counter!("thicket_tickets_opened_by_assistant_total").increment(1);
    Ok(())
}

/// What was said, the newest that fits, oldest first, as Markdown. Commands are left out.
fn transcript(messages: &[StoredMessage], reason: &str) -> String {
    let mut left = CHARACTERS;
    let mut newest_first = Vec::new();
    let mut is_cut = false;
    for stored in messages.iter().rev() {
        let (who, text) = match &stored.message.body {
            Body::Human(human) if command(&human.content).is_none() => ("User", &human.content),
            Body::Ai(ai) if !ai.content.is_empty() => ("Assistant", &ai.content),
            Body::Human(_) | Body::Ai(_) | Body::Tool(_) | Body::Failure(_) => continue,
        };
        if left == 0 {
            is_cut = true;
            break;
        }
        let length = text.chars().count();
        is_cut |= length > left;
        let text: String = text.chars().take(left).collect();
        left = left.saturating_sub(length);
        newest_first.push(format!("**{who}:** {text}"));
    }
    if newest_first.is_empty() {
        return reason.to_owned();
    }
    if is_cut {
        newest_first.push("*(The beginning of the conversation is left out.)*".to_owned());
    }
    newest_first.reverse();
    newest_first.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_command_itself_is_one() {
        for (text, rest) in [
            ("/ticket", Some("")),
            (" /ticket ", Some("")),
            ("/ticket my parcel is lost", Some("my parcel is lost")),
            ("/ticket\nmy parcel", Some("my parcel")),
            ("/tickets", None),
            ("/Ticket", None),
            ("please /ticket", None),
            ("/init", None),
            ("", None),
        ] {
            assert_eq!(command(text), rest, "{text:?}");
        }
    }

    #[test]
    fn a_reason_is_never_empty_and_never_long() {
        assert_eq!(reason(" "), ASKED);
        assert_eq!(reason_of(&json!({})), ASKED);
        assert_eq!(reason_of(&json!({"reason": 5})), ASKED);
        assert_eq!(
            reason_of(&json!({"reason": "x".repeat(5_000)})).len(),
            REASON_MAX
        );
    }
}
