//! The shapes of this family for the OpenAPI document. The handlers render [`model`]'s types; a test fuzzes the
//! server against the document, so the two cannot drift apart unnoticed.

#![expect(dead_code, reason = "describes what the handlers render")]

use crate::openapi::{ErrorEnvelope, PlainError};
use model::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// Why a message cannot be queued.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueConflict {
    error: QueueConflictReason,
    /// The same for people.
    detail: String,
}

/// `queue_full`: two messages wait already. `not_running`: no turn runs, and `Prefer: handling=strict` asks for one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueueConflictReason {
    QueueFull,
    NotRunning,
}

/// No such message waits.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoSuchQueueItem {
    #[schema(pattern = "^Queue message not found\\.$")]
    detail: String,
}

/// An error of a route that has both kinds.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum AnyError {
    Envelope(ErrorEnvelope),
    Plain(PlainError),
}

/// What is missing: the project, the conversation, or the waiting message.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum QueueItemNotFound {
    Envelope(ErrorEnvelope),
    Plain(PlainError),
    Item(NoSuchQueueItem),
}

/// What the assistant is asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConversationCreate {
    /// The user's text, at most 40,000 code points after trimming. `null` attaches to the running turn, or goes with
    /// `resume_payload`.
    #[schema(required = true, min_length = 1, max_length = 40000)]
    content: Option<String>,
    /// The conversation's id, minted by the client. An unknown one makes a conversation.
    conversation: Uuid,
    /// Tools and context of the user's page, keyed by name. A value that is an object with `description`,
    /// `parameters` (JSON schema), `requires_approval` or `client` makes its key callable; any other value is read
    /// only.
    #[schema(required = false)]
    contextual_tools: Option<HashMap<String, Value>>,
    /// What the user's page shows: an object, unknown members are kept.
    #[schema(required = false, value_type = Option<Object>)]
    ui_context: Option<Value>,
    /// Kept with queued messages, otherwise not used. Malformed values count as absent.
    #[schema(required = false, value_type = Option<Value>)]
    billing_context: Option<Value>,
    /// The client's mark for this request: the same mark and text again re-attach instead of doubling the message.
    trace_id: Uuid,
    /// Accepted and ignored; the header `X-POSTHOG-SESSION-ID` is used.
    #[schema(required = false)]
    session_id: Option<String>,
    /// The mode of the turn; `research` asks for deep research.
    #[schema(required = false)]
    agent_mode: Option<AgentMode>,
    /// Must be false: there is no sandbox runner.
    #[schema(required = false, default = false)]
    is_sandbox: Option<bool>,
    /// The answer to what the last turn asked, such as `{"action": "approve", "proposal_id": "…"}`.
    #[schema(required = false, value_type = Option<Value>)]
    resume_payload: Option<Value>,
}

/// How a turn runs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AgentMode {
    ProductAnalytics,
    Sql,
    SessionReplay,
    ErrorTracking,
    Plan,
    Execution,
    Survey,
    Research,
    Flags,
    LlmAnalytics,
    Sandbox,
    UserInterview,
    CustomerAnalytics,
    Onboarding,
    BrowserUse,
}

/// A person.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserBasic {
    id: i64,
    uuid: Uuid,
    #[schema(required = true)]
    distinct_id: Option<String>,
    first_name: String,
    last_name: String,
    email: String,
    #[schema(required = true)]
    is_email_verified: Option<bool>,
    #[schema(required = true, value_type = Option<Object>)]
    hedgehog_config: Option<Value>,
    #[schema(required = true)]
    role_at_organization: Option<String>,
}

/// Whether a turn runs. `canceling` is kept for clients and not observable.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConversationStatus {
    Idle,
    InProgress,
    Canceling,
}

/// What kind of conversation it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConversationKind {
    Assistant,
    ToolCall,
    DeepResearch,
    Slack,
}

/// A conversation in the list, and the data of `conversation` events.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConversationMinimal {
    id: Uuid,
    status: ConversationStatus,
    /// The first message, cut to 80 code points at a word, until the model has given a title.
    #[schema(required = true, max_length = 250)]
    title: Option<String>,
    #[schema(required = true)]
    topic: Option<String>,
    user: UserBasic,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[serde(rename = "type")]
    kind: ConversationKind,
    #[schema(required = true)]
    is_internal: Option<bool>,
    #[schema(required = true)]
    slack_thread_key: Option<String>,
    #[schema(required = true)]
    slack_workspace_domain: Option<String>,
    /// Always null.
    #[schema(required = true, value_type = Option<Object>)]
    task: Option<Value>,
}

/// A page of conversations.
#[derive(Serialize, ToSchema)]
pub(crate) struct PaginatedConversations {
    /// All conversations, not only those of this page.
    count: i64,
    #[schema(required = true)]
    next: Option<String>,
    #[schema(required = true)]
    previous: Option<String>,
    results: Vec<ConversationMinimal>,
}

/// A conversation with everything a client shows of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Conversation {
    #[serde(flatten)]
    conversation: ConversationMinimal,
    /// Finished messages, oldest first. The answer that is being written is only on the stream.
    messages: Vec<Message>,
    /// The stored messages cannot be read by this version; `messages` is empty then.
    has_unsupported_content: bool,
    /// The mode of the newest turn.
    #[schema(required = true)]
    agent_mode: Option<String>,
    is_sandbox: bool,
    /// All proposals of tool calls, decided ones included.
    pending_approvals: Vec<Approval>,
    /// What the last cancel or pending approval took out of the queue, until the next turn.
    cleared_queue: Vec<QueueItem>,
}

/// A message, by its `type`.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type")]
pub(crate) enum Message {
    /// What the user wrote.
    #[serde(rename = "human")]
    Human {
        id: Uuid,
        content: String,
        #[schema(required = true, value_type = Option<Value>)]
        ui_context: Option<Value>,
        #[schema(required = true)]
        trace_id: Option<Uuid>,
        #[schema(required = true)]
        parent_tool_call_id: Option<String>,
    },
    /// What the assistant answered.
    #[serde(rename = "ai")]
    Ai {
        id: Uuid,
        content: String,
        #[schema(required = true)]
        meta: Option<MessageMeta>,
        #[schema(required = true)]
        tool_calls: Option<Vec<ToolCall>>,
        #[schema(required = true)]
        parent_tool_call_id: Option<String>,
    },
    /// What a tool gave back.
    #[serde(rename = "tool")]
    Tool {
        id: Uuid,
        content: String,
        tool_call_id: String,
        /// For the user's page, keyed by the tool's name.
        #[schema(required = true)]
        ui_payload: Option<HashMap<String, Value>>,
        #[schema(required = true)]
        parent_tool_call_id: Option<String>,
    },
    /// The turn could not be finished.
    #[serde(rename = "ai/failure")]
    Failure {
        id: Uuid,
        #[schema(required = true)]
        content: Option<String>,
        #[schema(required = true)]
        parent_tool_call_id: Option<String>,
    },
}

/// What else is known of an answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageMeta {
    /// Choices offered to the user.
    #[schema(required = false, value_type = Option<Object>)]
    form: Option<Value>,
    /// Why the text ends where it does: `cancelled`, `failed`, or `length` for the longest that one answer may have.
    #[schema(required = false)]
    interrupted: Option<String>,
    /// The articles, and macros of the team's, that the answer rests on.
    #[schema(required = false)]
    sources: Vec<Source>,
    /// The model's reasoning, in blocks.
    #[schema(required = false, value_type = Vec<Object>)]
    thinking: Vec<Value>,
    /// The ticket that was opened with this answer, for the command `/ticket`.
    #[schema(required = false)]
    ticket: Option<OpenedTicket>,
}

/// A ticket that was opened from a conversation.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenedTicket {
    id: Uuid,
    number: i64,
}

/// An article that an answer cites, or a macro of the team's (`macros_in_chat`): it has one of the two ids.
#[derive(Serialize, ToSchema)]
pub(crate) struct Source {
    #[schema(required = false)]
    article_id: Option<Uuid>,
    #[schema(required = false)]
    macro_id: Option<String>,
    title: String,
    #[schema(required = false)]
    url: Option<String>,
    #[schema(required = false)]
    heading: Option<String>,
}

/// A call of a tool.
#[derive(Serialize, ToSchema)]
pub(crate) struct ToolCall {
    id: String,
    name: String,
    #[schema(value_type = Object)]
    args: Value,
    /// Always `tool_call`.
    #[serde(rename = "type")]
    kind: String,
}

/// A proposal of a tool call.
#[derive(Serialize, ToSchema)]
pub(crate) struct Approval {
    proposal_id: String,
    decision_status: DecisionStatus,
    tool_name: String,
    /// What would happen, in Markdown.
    preview: String,
    /// The call's arguments while the proposal waits, else empty.
    #[schema(value_type = Object)]
    payload: Value,
    #[schema(required = true)]
    original_tool_call_id: Option<String>,
    #[schema(required = true)]
    message_id: Option<Uuid>,
}

/// How a proposal stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecisionStatus {
    Pending,
    Approved,
    Rejected,
    AutoRejected,
}

/// A note for a conversation.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppendMessage {
    /// Trimmed; not blank, at most 10,000 code points.
    #[schema(min_length = 1, max_length = 10000)]
    content: String,
}

/// An appended note.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppendedMessage {
    /// Id of the new message.
    id: Uuid,
    content: String,
}

/// A message for the queue.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueMessageCreate {
    /// Trimmed; not blank, at most 40,000 code points.
    #[schema(min_length = 1, max_length = 40000)]
    content: String,
    /// As for a turn.
    #[schema(required = false)]
    contextual_tools: Option<HashMap<String, Value>>,
    /// As for a turn.
    #[schema(required = false, value_type = Option<Object>)]
    ui_context: Option<Value>,
    /// As for a turn.
    #[schema(required = false, value_type = Option<Value>)]
    billing_context: Option<Value>,
    /// As for a turn.
    #[schema(required = false)]
    agent_mode: Option<AgentMode>,
    /// The same mark and text again add nothing.
    #[schema(required = false)]
    trace_id: Option<Uuid>,
    /// As for a turn.
    #[schema(required = false)]
    session_id: Option<String>,
    /// As for a turn.
    #[schema(required = false, default = false)]
    is_sandbox: Option<bool>,
}

/// New text for a waiting message.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueMessageUpdate {
    /// Trimmed; not blank, at most 40,000 code points.
    #[schema(min_length = 1, max_length = 40000)]
    content: String,
}

/// The waiting messages.
#[derive(Serialize, ToSchema)]
pub(crate) struct Queue {
    /// Oldest first.
    messages: Vec<QueueItem>,
    /// How many may wait.
    max_queue_messages: i64,
    /// After adding: whether a turn runs that the message will follow.
    #[schema(required = false)]
    status: Option<ConversationStatus>,
}

/// A waiting message.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueItem {
    id: Uuid,
    content: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(required = true)]
    contextual_tools: Option<HashMap<String, Value>>,
    #[schema(required = true, value_type = Option<Object>)]
    ui_context: Option<Value>,
    #[schema(required = true, value_type = Option<Object>)]
    billing_context: Option<Value>,
    #[schema(required = true)]
    agent_mode: Option<String>,
    #[schema(required = true)]
    session_id: Option<String>,
}
