//! A conversation as clients see it, and the rules of its title (ai-conversations.md 1.5, 2; spec "Decisions").

use crate::{ConversationId, ProjectId, Timestamp, UserId};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use uuid::Uuid;

/// Longest title, in code points (ai-conversations.md 9.2).
pub const TITLE_MAX: usize = 250;
/// Where the first message is cut to make the first title.
const FIRST_TITLE_MAX: usize = 80;

/// Whether a turn is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing runs.
    Idle,
    /// A turn runs, or is waiting to be taken over after a crash.
    InProgress,
}

impl Status {
    /// The stored and visible form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::InProgress => "in_progress",
        }
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Idle, Self::InProgress]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// What kind of conversation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationType {
    /// An ordinary chat.
    Assistant,
    /// A conversation that a tool holds with itself; never shown.
    ToolCall,
    /// Deep research.
    DeepResearch,
    /// Held in Slack.
    Slack,
}

impl ConversationType {
    /// The stored and visible form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assistant => "assistant",
            Self::ToolCall => "tool_call",
            Self::DeepResearch => "deep_research",
            Self::Slack => "slack",
        }
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        [
            Self::Assistant,
            Self::ToolCall,
            Self::DeepResearch,
            Self::Slack,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

/// A stored conversation.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The tenant.
    pub project_id: ProjectId,
    /// Minted by the client.
    pub id: ConversationId,
    /// The owner.
    pub user_id: UserId,
    /// Never empty; at most [`TITLE_MAX`] code points.
    pub title: String,
    /// False while the title is only the beginning of the first message.
    pub titled_by_model: bool,
    /// Whether a turn is running.
    pub status: Status,
    /// What kind it is.
    pub kind: ConversationType,
    /// What it is about, if somebody said.
    pub topic: Option<String>,
    /// The mode of the newest turn that named one.
    pub agent_mode: Option<String>,
    /// Made by staff on somebody's behalf.
    pub is_internal: bool,
    /// The Slack thread it belongs to.
    pub slack_thread_key: Option<String>,
    /// The Slack workspace it belongs to.
    pub slack_workspace_domain: Option<String>,
    /// Number of the newest turn; 0 before the first.
    pub last_turn: i64,
    /// Position of the newest message; 0 before the first.
    pub last_position: i64,
    /// JSON array of what the last cancel or pending approval took out of the queue.
    pub cleared_queue: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was made, titled, cancelled, or a turn ended.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

impl Conversation {
    /// Whether its owner finds it in the list, and others by its id (ai-conversations.md 1.4).
    pub fn is_listed(&self) -> bool {
        self.deleted_at.is_none() && !self.is_internal && self.kind != ConversationType::ToolCall
    }
}

/// A user as other endpoints show them (ai-conversations.md 2).
#[derive(Clone, Debug, Serialize)]
pub struct UserView {
    /// The integer id.
    pub id: UserId,
    /// The UUID.
    pub uuid: Uuid,
    /// The id under which the user appears in events.
    pub distinct_id: Option<String>,
    /// First name.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// E-mail address.
    pub email: String,
    /// Whether the address was verified; null when nobody asked.
    pub is_email_verified: Option<bool>,
    /// Kept for clients; always null.
    pub hedgehog_config: Option<serde_json::Value>,
    /// Kept for clients; always null.
    pub role_at_organization: Option<String>,
}

/// The minimal form: one entry of the list, and the data of `conversation` events (ai-conversations.md 2).
#[derive(Clone, Debug, Serialize)]
pub struct ConversationView<U = UserView> {
    /// The id.
    pub id: ConversationId,
    /// `idle` or `in_progress`.
    pub status: Status,
    /// Never null in this implementation.
    pub title: String,
    /// What it is about, if known.
    pub topic: Option<String>,
    /// The owner.
    pub user: U,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The kind.
    #[serde(rename = "type")]
    pub kind: ConversationType,
    /// Made by staff on somebody's behalf.
    pub is_internal: bool,
    /// The Slack thread.
    pub slack_thread_key: Option<String>,
    /// The Slack workspace.
    pub slack_workspace_domain: Option<String>,
    /// Kept for clients; always null.
    pub task: Option<serde_json::Value>,
}

impl<U> ConversationView<U> {
    /// The view of a conversation and its owner.
    pub fn new(conversation: &Conversation, user: U) -> Self {
        Self {
            id: conversation.id,
            status: conversation.status,
            title: conversation.title.clone(),
            topic: conversation.topic.clone(),
            user,
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
            kind: conversation.kind,
            is_internal: conversation.is_internal,
            slack_thread_key: conversation.slack_thread_key.clone(),
            slack_workspace_domain: conversation.slack_workspace_domain.clone(),
            task: None,
        }
    }
}

/// A user as JSON. All entries of a list have the same owner, who is written out once for all of them.
#[derive(Clone, Debug)]
pub struct WrittenUser(Arc<RawValue>);

impl WrittenUser {
    /// Writes a user out.
    ///
    /// # Errors
    /// None in practice: a struct of plain values always becomes JSON.
    pub fn new(user: &UserView) -> serde_json::Result<Self> {
        Ok(Self(Arc::from(to_raw_value(user)?)))
    }
}

impl Serialize for WrittenUser {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

/// The modes a client may ask for: the union over the original's versions (ai-conversations.md 4.1).
pub const AGENT_MODES: &[&str] = &[
    "product_analytics",
    "sql",
    "session_replay",
    "error_tracking",
    "plan",
    "execution",
    "survey",
    "research",
    "flags",
    "llm_analytics",
    "sandbox",
    "user_interview",
    "customer_analytics",
    "onboarding",
    "browser_use",
];

/// The mode that GET shows for a stored one (ai-conversations.md 3.2).
///
/// `has_turns` is whether the conversation has any state at all.
pub fn shown_agent_mode(stored: Option<&str>, has_turns: bool) -> Option<&str> {
    match stored {
        _ if !has_turns => None,
        None | Some("execution" | "research") => Some("product_analytics"),
        Some("plan") => Some("sql"),
        Some(other) => Some(other),
    }
}

/// The first title: the first message on one line, cut to 80 code points at a word (spec "Decisions").
pub fn title_from_message(content: &str) -> String {
    let line = content.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((cut, _)) = line.char_indices().nth(FIRST_TITLE_MAX) else {
        return line;
    };
    let head = line.get(..cut).unwrap_or(&line);
    let at_word_end = line.get(cut..).is_some_and(|rest| rest.starts_with(' '));
    match head.rfind(' ') {
        Some(space) if !at_word_end => head.get(..space).unwrap_or(head).to_owned(),
        _ => head.to_owned(),
    }
}

/// A model's title made fit to be stored: one line, without wrapping quotes, at most [`TITLE_MAX`] code points.
/// `None` when nothing is left.
pub fn title_from_model(answer: &str) -> Option<String> {
    let line = answer
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('\0', "");
    let line = line.trim_matches(|c: char| {
        matches!(c, '"' | '\'' | '“' | '”' | '`' | '*' | '#') || c.is_whitespace()
    });
    let title: String = line.chars().take(TITLE_MAX).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_message_is_its_own_title() {
        assert_eq!(
            title_from_message("  How do I\n reset it? "),
            "How do I reset it?"
        );
    }

    #[test]
    fn a_long_message_is_cut_at_a_word() {
        let words = "word ".repeat(40);
        let title = title_from_message(&words);
        assert!(
            title.chars().count() <= 80 && title.ends_with("word"),
            "{title}"
        );
        let exact = format!("{} tail", "x".repeat(80));
        assert_eq!(title_from_message(&exact), "x".repeat(80));
    }

    #[test]
    fn one_endless_word_is_cut_inside() {
        assert_eq!(title_from_message(&"é".repeat(200)).chars().count(), 80);
    }

    #[test]
    fn a_models_title_loses_quotes_and_line_ends() {
        assert_eq!(
            title_from_model("\"Resetting a\npassword\"").as_deref(),
            Some("Resetting a password")
        );
        assert_eq!(title_from_model(" \n\"\" "), None);
        assert_eq!(
            title_from_model(&"a".repeat(400)).map(|title| title.len()),
            Some(250)
        );
    }

    #[test]
    fn the_mode_shown_follows_the_table() {
        for (stored, turns, shown) in [
            (None, false, None),
            (None, true, Some("product_analytics")),
            (Some("execution"), true, Some("product_analytics")),
            (Some("research"), true, Some("product_analytics")),
            (Some("plan"), true, Some("sql")),
            (Some("survey"), true, Some("survey")),
        ] {
            assert_eq!(shown_agent_mode(stored, turns), shown);
        }
    }
}
