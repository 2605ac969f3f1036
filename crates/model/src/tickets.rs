//! Support tickets: what they are, and the rules that need no storage (tickets.md).

mod assignee;
mod business_hours;
mod change;
mod dates;
mod external;
mod filters;
mod messages;
mod promise;
mod sla;
mod tags;
mod triage;
mod views;

pub use assignee::{Assignee, AssigneeError};
pub use business_hours::{BusinessHours, OfficeHours, SlaUnit, due_after};
pub use change::{Changed, NewTicket, TicketChange};
pub use dates::parse_date;
pub use external::ExternalChange;
pub use filters::{Filters, LIST_PAGE, Order, OrderColumn, Search};
pub use messages::{
    MESSAGE_MAX, MESSAGES_PAGE, Message, MessageError, NewMessage, PREVIEW_MAX, RICH_CONTENT_MAX,
    Side, author_name, preview, rich_content,
};
pub use promise::read_promise;
pub use sla::{SlaNotice, due_notice};
pub use tags::{TAG_MAX, TAGS_MAX, normal_tags, read_tags};
pub use triage::Triage;

pub use views::{
    BuiltInView, TicketView, VIEW_FILTERS_MAX, VIEW_NAME_MAX, VIEWS_MAX, ViewChange,
    ViewVisibility, query_with_view,
};

use crate::fields::Email;
use crate::json::JsonObject;
pub use crate::persons::folded as fold;
use crate::persons::folded_email;
use crate::{ProjectId, TicketId, Timestamp};
use serde_json::Value;

/// Longest analytics id of a customer, in characters.
pub const DISTINCT_ID_MAX: usize = 400;
/// Channel of tickets that nothing else is known of.
pub const WIDGET: &str = "widget";
/// The channels that the list can be narrowed to (tickets.md 2.1).
pub const CHANNELS: &[&str] = &["widget", "email", "slack", "teams", "github"];
/// The channel details that the list can be narrowed to (tickets.md 2.1).
pub const CHANNEL_DETAILS: &[&str] = &[
    "slack_channel_message",
    "slack_bot_mention",
    "slack_emoji_reaction",
    "teams_channel_message",
    "teams_bot_mention",
    "widget_embedded",
    "widget_api",
    "github_issue",
];

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every word, in the order of the documentation.
            pub const WORDS: &'static [&'static str] = &[$($word),*];
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that clients and the store know it by.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The value of a word, spelled exactly so.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// How far a ticket has come. Any status may follow any other (tickets.md 6).
    Status {
        /// Nobody has looked at it.
        New = "new",
        /// Somebody works on it.
        Open = "open",
        /// The customer is to answer.
        Pending = "pending",
        /// It waits for something else.
        OnHold = "on_hold",
        /// It is done.
        Resolved = "resolved",
    }
}

words! {
    /// How urgent a ticket is.
    Priority {
        /// It can wait.
        Low = "low",
        /// As most.
        Medium = "medium",
        /// Soon.
        High = "high",
        /// At once.
        Critical = "critical",
        /// Clients may send the empty text; it is kept as it is.
        Blank = "",
    }
}

words! {
    /// What came of looking at a ticket with the model (tickets.md 2.1).
    TriageResult {
        /// An answer was sent.
        Persisted = "persisted",
        /// An answer was drafted.
        Suggested = "suggested",
        /// Given to people, with what was found.
        EscalatedWithFindings = "escalated_with_findings",
        /// Given to people, with the best draft.
        EscalatedWithBest = "escalated_with_best",
        /// Given to people.
        EscalatedNoReply = "escalated_no_reply",
        /// There was nothing to do.
        SkippedUnactionable = "skipped_unactionable",
        /// The customer's text was unsafe.
        BlockedUnsafe = "blocked_unsafe",
        /// The answer was unsafe.
        BlockedUnsafeReply = "blocked_unsafe_reply",
        /// The customer was asked back.
        Clarified = "clarified",
        /// A question back was drafted.
        SuggestedClarification = "suggested_clarification",
        /// It is being looked at; only a filter.
        InProgress = "in_progress",
    }
}

/// How a ticket is addressed: by either of its two names (tickets.md 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketKey {
    /// Its UUID.
    Id(TicketId),
    /// Its number in the project.
    Number(i64),
}

impl TicketKey {
    /// Reads a part of a path. Only ASCII digits make a number; a UUID may be in upper case or without dashes.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // 32 digits can be a dashless UUID, and are no number that a project will ever count to.
            if let Ok(number) = text.parse() {
                return Some(Self::Number(number));
            }
        }
        if text.len() != 32 && text.len() != 36 {
            return None;
        }
        let id = uuid::Uuid::try_parse(text).ok()?;
        Some(Self::Id(TicketId(id)))
    }
}

/// A ticket as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    /// The tenant.
    pub project_id: ProjectId,
    /// Time-ordered.
    pub id: TicketId,
    /// Counted in the project, from 1, never given twice.
    pub number: i64,
    /// One of [`CHANNELS`], or another word for imports.
    pub channel_source: String,
    /// More exactly.
    pub channel_detail: Option<String>,
    /// The customer's analytics id; may be empty.
    pub distinct_id: String,
    /// How far it has come.
    pub status: Status,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// Who works on it.
    pub assignee: Option<Assignee>,
    /// JSON: what the customer said of themselves.
    pub anonymous_traits: String,
    /// The assistant has solved it.
    pub ai_resolved: bool,
    /// Why the assistant gave it to people.
    pub escalation_reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed, or the time of the newest public message.
    pub updated_at: Timestamp,
    /// Public, undeleted messages.
    pub message_count: i64,
    /// Time of the newest of them.
    pub last_message_at: Option<Timestamp>,
    /// Its first characters.
    pub last_message_text: Option<String>,
    /// Customer messages that the team has not seen.
    pub unread_team_count: i64,
    /// Team messages that the customer has not seen.
    pub unread_customer_count: i64,
    /// Id of a session recording.
    pub session_id: Option<String>,
    /// JSON object: where the customer was.
    pub session_context: String,
    /// When an answer is due.
    pub sla_due_at: Option<Timestamp>,
    /// The smallest warning offset, in minutes, that the team has been told of for this due date.
    pub sla_warned_minutes: Option<i64>,
    /// The team has been told that this due date has passed.
    pub sla_breached: bool,
    /// Out of sight until then.
    pub snoozed_until: Option<Timestamp>,
    /// When it was last resolved; null unless it is.
    pub resolved_at: Option<Timestamp>,
    /// The visitor's secret. Never shown.
    pub widget_session_id: Option<String>,
    /// Slack: channel.
    pub slack_channel_id: Option<String>,
    /// Slack: thread.
    pub slack_thread_ts: Option<String>,
    /// Slack: workspace.
    pub slack_team_id: Option<String>,
    /// Subject of the first mail.
    pub email_subject: Option<String>,
    /// The customer's address.
    pub email_from: Option<String>,
    /// Our address.
    pub email_to: Option<String>,
    /// JSON array of addresses.
    pub cc_participants: String,
    /// GitHub: repository.
    pub github_repo: Option<String>,
    /// GitHub: issue.
    pub github_issue_number: Option<i64>,
    /// A server vouched for the customer.
    pub identity_verified: Option<bool>,
    /// JSON: what the model made of it.
    pub ai_triage: Option<String>,
    /// The customer's organisation, as analytics knows it.
    pub organization_id: Option<String>,
    /// Where that is from.
    pub organization_id_source: Option<String>,
    /// Its number in Zendesk.
    pub zendesk_ticket_id: Option<i64>,
    /// When it was merged into another.
    pub merged_at: Option<Timestamp>,
    /// Into which one.
    pub merged_into_id: Option<TicketId>,
    /// That one's number.
    pub merged_into_number: Option<i64>,
    /// Sorted, normal (see [`normal_tags`]).
    pub tags: Vec<String>,
    /// When it was deleted; invisible since then.
    pub deleted_at: Option<Timestamp>,
    /// When the team, or the assistant, first answered a customer who began it.
    pub first_response_at: Option<Timestamp>,
}

impl Ticket {
    /// What the search finds the ticket itself by, besides its messages (tickets.md 3.3).
    pub fn search_text(&self) -> String {
        let traits: Value = serde_json::from_str(&self.anonymous_traits).unwrap_or_default();
        let subject = self.email_subject.as_deref();
        let parts = [traits["name"].as_str(), traits["email"].as_str(), subject];
        // A line end keeps the parts apart: no search can contain one that counts.
        fold(&parts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }

    /// A trait's text, such as `name`.
    pub fn trait_text(&self, name: &str) -> Option<String> {
        let traits: Value = serde_json::from_str(&self.anonymous_traits).unwrap_or_default();
        traits[name]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// The address that the customer gave, in the form in which addresses are compared; `None` when it is none.
    pub fn contact_email(&self) -> Option<String> {
        let email = folded_email(&self.trait_text("email")?);
        Email::is_valid(&email).then_some(email)
    }

    /// The properties that all events of a ticket have (tickets.md 12.1).
    pub fn event_properties(&self) -> JsonObject {
        JsonObject::new()
            .with("ticket_id", self.id)
            .with("ticket_number", self.number)
            .with("channel_source", &self.channel_source)
            .with("channel_detail", &self.channel_detail)
            .with("status", self.status)
            .with("priority", self.priority)
    }

    /// Whose doing an event without an acting user is: the customer's, else the channel's.
    pub fn event_subject(&self) -> &str {
        let candidates = [self.distinct_id.as_str(), self.channel_source.as_str()];
        let named = candidates.into_iter().find(|name| !name.is_empty());
        named.unwrap_or("unknown")
    }

    /// Whether the ticket's unread messages count for the team (tickets.md 9).
    pub fn is_counted_unread(&self) -> bool {
        self.deleted_at.is_none() && self.status != Status::Resolved
    }
}

#[cfg(test)]
mod tests;
