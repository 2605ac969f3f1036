//! The messages of a ticket, and what one does to it (tickets.md 10.1, 11).

use super::{Status, Ticket};
use crate::error::{Code, FieldError};
use crate::fields::{Field, Fields};
use crate::json::JsonObject;
use crate::pagination::Bounds;
use crate::{MessageId, TicketId, Timestamp, UserId};
use serde_json::{Map, Value, json};

/// Longest reply or note, in characters after trimming.
pub const MESSAGE_MAX: usize = 5000;
/// Longest editor document, in characters of its JSON.
pub const RICH_CONTENT_MAX: usize = 100_000;
/// Characters of the newest message that a ticket shows.
pub const PREVIEW_MAX: usize = 500;
/// Characters of a message that an event carries.
const EVENT_TEXT_MAX: usize = 1000;
/// Pages of messages.
pub const MESSAGES_PAGE: Bounds = Bounds {
    default: 50,
    max: Some(200),
};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The customer.
    Customer,
    /// Somebody of the team.
    Team,
    /// The assistant.
    Ai,
}

impl Side {
    /// The word it is stored as.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Team => "team",
            Self::Ai => "ai",
        }
    }

    /// Reads [`Self::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "customer" => Some(Self::Customer),
            "team" => Some(Self::Team),
            "ai" => Some(Self::Ai),
            _ => None,
        }
    }

    /// Who it is by a message's context and author (tickets.md 11.1).
    pub fn of(item_context: &Map<String, Value>, created_by: Option<UserId>) -> Self {
        let author_type = item_context.get("author_type").and_then(Value::as_str);
        match author_type {
            Some("customer") => Self::Customer,
            Some("AI") => Self::Ai,
            _ if created_by.is_some() => Self::Team,
            Some("support" | "human" | "team") => Self::Team,
            _ => Self::Customer,
        }
    }
}

/// A message that is to be added.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// Markdown.
    pub content: String,
    /// The editor's document.
    pub rich_content: Option<Value>,
    /// Who wrote it where, and whether it is private.
    pub item_context: Map<String, Value>,
    /// The member of the team who wrote it.
    pub created_by: Option<UserId>,
}

impl NewMessage {
    /// A message of the team's.
    pub fn by_team(id: MessageId, user: UserId, content: String, is_private: bool) -> Self {
        let mut item_context = Map::new();
        item_context.insert("author_type".to_owned(), json!("support"));
        item_context.insert("is_private".to_owned(), json!(is_private));
        Self {
            id,
            content,
            rich_content: None,
            item_context,
            created_by: Some(user),
        }
    }

    /// A public message of the customer's.
    pub fn by_customer(id: MessageId, content: String) -> Self {
        let mut item_context = Map::new();
        item_context.insert("author_type".to_owned(), json!("customer"));
        item_context.insert("is_private".to_owned(), json!(false));
        Self {
            id,
            content,
            rich_content: None,
            item_context,
            created_by: None,
        }
    }

    /// Seen by the team only: stored as exactly `true`.
    pub fn is_private(&self) -> bool {
        self.item_context.get("is_private") == Some(&Value::Bool(true))
    }

    /// Who speaks.
    pub fn side(&self) -> Side {
        Side::of(&self.item_context, self.created_by)
    }
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Time-ordered.
    pub id: MessageId,
    /// Whose message it is.
    pub ticket_id: TicketId,
    /// Markdown.
    pub content: String,
    /// JSON of the editor's document.
    pub rich_content: Option<String>,
    /// JSON object: who wrote it where.
    pub item_context: String,
    /// Who speaks.
    pub side: Side,
    /// Seen by the team only.
    pub is_private: bool,
    /// The member of the team who wrote it.
    pub created_by: Option<UserId>,
    /// Raised by every change of the content, from 0.
    pub version: i64,
    /// Deleted, but kept.
    pub is_deleted: bool,
    /// When it was written.
    pub created_at: Timestamp,
}

impl Message {
    /// Its context as an object.
    pub fn context(&self) -> Map<String, Value> {
        serde_json::from_str(&self.item_context).unwrap_or_default()
    }
}

/// Why a note was not changed (tickets.md 10.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// There is none, or it is deleted.
    NotFound,
    /// It is public.
    NotPrivate,
    /// Somebody else wrote it.
    NotAuthor,
}

impl Message {
    /// Whether this user may change it as a note.
    ///
    /// # Errors
    /// Why not.
    pub fn check_note(&self, user: UserId) -> Result<(), MessageError> {
        if self.is_deleted {
            return Err(MessageError::NotFound);
        }
        if !self.is_private {
            return Err(MessageError::NotPrivate);
        }
        if self.created_by != Some(user) {
            return Err(MessageError::NotAuthor);
        }
        Ok(())
    }
}

/// Reads the member `rich_content`; null is as absent.
///
/// # Errors
/// When it is too long.
pub fn rich_content(fields: &Fields<'_>) -> Result<Option<Value>, FieldError> {
    match fields.json("rich_content").nullable()? {
        Field::Value(value) if value.to_string().chars().count() > RICH_CONTENT_MAX => {
            let detail = "Rich content too large (max 100KB).";
            Err(FieldError::at("rich_content", Code::InvalidInput, detail))
        }
        field => Ok(field.value()),
    }
}

/// The name that is shown with a message (tickets.md 10.1).
pub fn author_name(
    context: &Map<String, Value>,
    author: Option<(&str, &str)>,
    ticket: &Ticket,
) -> String {
    if let Some((first_name, email)) = author {
        let name = if first_name.is_empty() {
            email
        } else {
            first_name
        };
        return name.to_owned();
    }
    match context.get("author_type").and_then(Value::as_str) {
        Some("AI") => "Thicket AI".to_owned(),
        None | Some("customer") => {
            let name = ticket.trait_text("name");
            let name = name.or_else(|| ticket.trait_text("email"));
            name.unwrap_or_else(|| "Customer".to_owned())
        }
        Some(_) => "Support".to_owned(),
    }
}

/// The beginning of a message that the ticket shows.
pub fn preview(text: &str) -> String {
    text.chars().take(PREVIEW_MAX).collect()
}

impl Ticket {
    /// What a new message does to the ticket (tickets.md 11.4). `reopens`: the project opens a resolved ticket when
    /// its customer writes. Gives the status before, if it moved.
    pub fn receive(
        &mut self,
        message: &NewMessage,
        reopens: bool,
        now: Timestamp,
    ) -> Option<Status> {
        if message.is_private() {
            return None;
        }
        self.message_count += 1;
        self.last_message_at = Some(now);
        self.last_message_text = Some(preview(&message.content));
        self.updated_at = now;
        if message.side() == Side::Team {
            self.leave_triage();
        }
        match message.side() {
            Side::Team | Side::Ai => self.unread_customer_count += 1,
            // What the team itself typed in a customer's name is not news to the team.
            Side::Customer if message.created_by.is_none() => self.unread_team_count += 1,
            Side::Customer => {}
        }
        let is_news = message.side() == Side::Customer && self.status == Status::Resolved;
        if reopens && is_news {
            return self.set_status(Status::Open, now);
        }
        None
    }

    /// The name and the further properties of a message's event (tickets.md 12.1).
    pub fn message_event(
        &self,
        message: &NewMessage,
        now: Timestamp,
    ) -> (&'static str, JsonObject) {
        let mut properties = self.event_properties();
        properties.put("message_id", message.id);
        if message.is_private() {
            return ("$conversation_private_message_sent", properties);
        }
        let text = &message.content;
        let end = text.char_indices().nth(EVENT_TEXT_MAX).map(|(at, _)| at);
        properties.put("message_content", &text[..end.unwrap_or(text.len())]);
        // Whoever has no account is the customer, whatever the message says; the assistant apart.
        let is_sent = message.side() == Side::Ai
            || (message.created_by.is_some() && message.side() == Side::Team);
        if !is_sent {
            properties.put("author_type", "customer");
            properties.put("customer_name", self.trait_text("name"));
            properties.put("customer_email", self.trait_text("email"));
            return ("$conversation_message_received", properties);
        }
        properties.put("author_type", "team");
        properties.put("sla_due_at", self.sla_due_at);
        properties.put("sla_active", self.sla_due_at.is_some());
        let left = self
            .sla_due_at
            .map(|due| due.as_micros().saturating_sub(now.as_micros()) / 1_000_000);
        properties.put("sla_breached", left.is_some_and(|left| left < 0));
        properties.put("sla_delta_seconds", left);
        ("$conversation_message_sent", properties)
    }
}
