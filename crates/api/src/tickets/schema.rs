//! Bodies that the handlers read field by field, for the document.
#![expect(dead_code, reason = "these describe bodies for the document")]

use super::view::TicketView;
use crate::openapi::ErrorEnvelope;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A page of tickets.
#[derive(ToSchema)]
#[schema(as = PaginatedTicketList)]
pub(super) struct TicketList {
    count: i64,
    #[schema(format = "uri")]
    next: Option<String>,
    #[schema(format = "uri")]
    previous: Option<String>,
    results: Vec<TicketView>,
}

/// What can be changed of a ticket. Nothing is required.
#[derive(ToSchema)]
#[schema(as = PatchedTicket)]
pub(super) struct PatchedFields {
    /// `new`, `open`, `pending`, `on_hold` or `resolved`.
    #[schema(required = false)]
    status: String,
    /// `low`, `medium`, `high`, `critical` or empty; null clears it.
    priority: Option<String>,
    /// Any JSON; replaces the whole.
    #[schema(required = false)]
    anonymous_traits: serde_json::Value,
    #[schema(required = false)]
    ai_resolved: bool,
    escalation_reason: Option<String>,
    #[schema(format = DateTime)]
    sla_due_at: Option<String>,
    /// Instead of `sla_due_at`: due after so many `sla_unit` from now on. More than 0; at most five years.
    #[schema(required = false)]
    sla_amount: f64,
    /// `minute`, `hour` or `day`. In office hours a day is one day's office hours.
    #[schema(required = false, default = "hour")]
    sla_unit: String,
    /// `project` counts in the project's office hours; `{"days", "time", "timezone"}` in these; null in plain time.
    #[schema(value_type = Option<Object>)]
    sla_business_hours: Option<serde_json::Value>,
    /// At most 100 of at most 255 characters; replaces all.
    #[schema(required = false)]
    tags: Vec<String>,
    /// Without `status`, setting it puts the ticket on hold and clearing it opens the ticket.
    #[schema(format = DateTime)]
    snoozed_until: Option<String>,
    /// `{"type": "user", "id": 12}`, `{"type": "role", "id": "<uuid>"}`, or null.
    #[schema(value_type = Option<Object>)]
    assignee: Option<serde_json::Value>,
}

/// A ticket to be made. Nothing is required.
#[derive(ToSchema)]
#[schema(as = TicketCreate)]
pub(super) struct CreateFields {
    #[serde(flatten)]
    fields: PatchedFields,
    /// The customer's analytics id.
    #[schema(required = false, max_length = 400)]
    distinct_id: String,
}

/// How much the team has not read.
#[derive(ToSchema)]
#[schema(as = TicketUnreadCount)]
pub(super) struct UnreadCount {
    count: i64,
}

/// A reply.
#[derive(ToSchema)]
#[schema(as = TicketReply)]
pub(super) struct ReplyFields {
    #[schema(max_length = 5000)]
    message: String,
    /// Seen by the team only.
    #[schema(required = false, default = false)]
    is_private: bool,
    /// The editor's document; at most 100 KB.
    #[schema(value_type = serde_json::Value, required = false)]
    rich_content: Option<serde_json::Value>,
}

/// A note's new text.
#[derive(ToSchema)]
#[schema(as = PatchedTicketNote)]
pub(super) struct NoteFields {
    #[schema(max_length = 5000)]
    message: String,
    /// The editor's document; without it the old one is cleared.
    #[schema(value_type = serde_json::Value, required = false)]
    rich_content: Option<serde_json::Value>,
}

/// A ticket that the team begins, by mail.
#[derive(ToSchema)]
#[schema(as = TicketCompose)]
pub(super) struct ComposeFields {
    #[schema(format = "email")]
    recipient_email: String,
    #[schema(required = false, max_length = 400)]
    recipient_distinct_id: String,
    #[schema(required = false, max_length = 500)]
    email_subject: String,
    email_config_id: Uuid,
    #[schema(max_length = 5000)]
    message: String,
    #[schema(value_type = serde_json::Value, required = false)]
    rich_content: Option<serde_json::Value>,
}

/// The ticket that was begun.
#[derive(ToSchema)]
#[schema(as = TicketComposed)]
pub(super) struct Composed {
    id: Uuid,
    ticket_number: i64,
}

/// A status for many tickets.
#[derive(ToSchema)]
#[schema(as = TicketBulkStatus)]
pub(super) struct BulkStatusFields {
    #[schema(min_items = 1, max_items = 500)]
    ids: Vec<Uuid>,
    status: String,
}

/// What was changed.
#[derive(ToSchema)]
#[schema(as = TicketBulkStatusResult)]
pub(super) struct BulkStatusResult {
    updated: i64,
    ids: Vec<Uuid>,
}

/// Tags for many tickets.
#[derive(ToSchema)]
#[schema(as = TicketBulkTags)]
pub(super) struct BulkTagsFields {
    /// UUIDs or ticket numbers.
    #[schema(min_items = 1, max_items = 500)]
    ids: Vec<String>,
    /// `add`, `remove` or `set`.
    action: String,
    #[schema(max_items = 100)]
    tags: Vec<String>,
}

/// A ticket's tags now.
#[derive(ToSchema)]
#[schema(as = TicketTags)]
pub(super) struct TagsOf {
    id: Uuid,
    tags: Vec<String>,
}

/// Why a ticket was passed over.
#[derive(ToSchema)]
#[schema(as = TicketSkipped)]
pub(super) struct Skipped {
    id: String,
    reason: String,
}

/// What was changed, and what was passed over.
#[derive(ToSchema)]
#[schema(as = TicketBulkTagsResult)]
pub(super) struct BulkTagsResult {
    updated: Vec<TagsOf>,
    skipped: Vec<Skipped>,
}

/// Where a ticket is merged into.
#[derive(ToSchema)]
#[schema(as = TicketMerge)]
pub(super) struct MergeFields {
    target_ticket_id: Uuid,
    #[schema(max_length = 5000)]
    source_note: Option<String>,
    #[schema(max_length = 5000)]
    target_note: Option<String>,
    #[schema(required = false, default = true)]
    source_note_is_private: bool,
    #[schema(required = false, default = true)]
    target_note_is_private: bool,
}

/// The ticket that was merged, and where it went.
#[derive(ToSchema)]
#[schema(as = TicketMerged)]
pub(super) struct MergeResult {
    id: Uuid,
    ticket_status: String,
    target_ticket_id: Uuid,
    target_ticket_number: i64,
}

/// The target was merged itself.
#[derive(ToSchema)]
#[schema(as = TicketMergeConflict)]
pub(super) struct MergeConflict {
    detail: String,
    /// `target_already_merged`.
    #[schema(pattern = "^target_already_merged$")]
    error_type: String,
    /// The ticket that the target was merged into.
    root_ticket_id: Uuid,
    root_ticket_number: i64,
}

/// What somebody thinks of an answer of the assistant's.
#[derive(ToSchema)]
#[schema(as = TicketAiFeedback)]
pub(super) struct FeedbackFields {
    #[schema(max_length = 200)]
    message_id: String,
    /// `good` or `bad`.
    rating: String,
    #[schema(required = false, max_length = 2000)]
    feedback_text: String,
}

/// A sign of life. Nothing is required.
#[derive(ToSchema)]
#[schema(as = TicketHeartbeat)]
pub(super) struct PresenceFields {
    /// One is writing. To be repeated every few seconds; it counts for 8.
    #[schema(required = false, default = false)]
    is_typing: bool,
    /// One has gone, and need not fade.
    #[schema(required = false, default = false)]
    is_leaving: bool,
    /// Tells apart the windows of one person: who leaves with one still looks with the others.
    #[schema(required = false, max_length = 64)]
    tab: String,
}

/// Who else looks at a ticket.
#[derive(ToSchema)]
#[schema(as = TicketViewers)]
pub(super) struct Viewers {
    /// The newest first; never the caller.
    #[schema(value_type = Vec<Object>)]
    viewers: Vec<serde_json::Value>,
}

/// Who else looks at which ticket.
#[derive(ToSchema)]
#[schema(as = TicketPresence)]
pub(super) struct PresenceResult {
    /// By the ticket's id; tickets that nobody looks at are absent.
    #[schema(value_type = Object)]
    viewers: serde_json::Value,
}

/// A refusal in a sentence, as the ticket actions answer.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketRefusal)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    detail: String,
    /// Why, for programs.
    #[schema(required = false)]
    error_type: Option<String>,
}

/// An error of a route that has both kinds.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketActionError)]
#[serde(untagged)]
pub(super) enum ActionError {
    Envelope(ErrorEnvelope),
    Refusal(Refusal),
}
