//! What a POST to a conversation means: the one place that decides what happens when it meets a running turn
//! (ai-conversations.md 4.3, 4.5; spec "Cursors", "Idempotency").

use crate::conversations::{ConversationType, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest text of a message, in code points.
pub const CONTENT_MAX: usize = 40_000;
/// Longest text of an appended note, in code points.
pub const NOTE_MAX: usize = 10_000;

/// What a turn was asked with, beside its text. Stored with the turn, and with queued messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnOptions {
    /// One of [`crate::conversations::AGENT_MODES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_mode: Option<String>,
    /// Tools and context of the user's page, keyed by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contextual_tools: Option<Map<String, Value>>,
    /// What the user's page shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui_context: Option<Value>,
    /// Accepted for clients and handed back with queued messages; not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_context: Option<Value>,
    /// Header `X-POSTHOG-SESSION-ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The answer to what the last turn asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_payload: Option<Value>,
}

impl TurnOptions {
    /// A queued message takes what it lacks from the turn before it (ai-conversations.md 6.4).
    pub fn inherit(mut self, previous: &Self) -> Self {
        self.agent_mode = self.agent_mode.or_else(|| previous.agent_mode.clone());
        self.contextual_tools = self
            .contextual_tools
            .or_else(|| previous.contextual_tools.clone());
        self.billing_context = self
            .billing_context
            .or_else(|| previous.billing_context.clone());
        self.session_id = self.session_id.or_else(|| previous.session_id.clone());
        self
    }

    /// Whether deep research is asked for.
    pub fn asks_for_research(&self) -> bool {
        self.agent_mode.as_deref() == Some("research")
    }
}

/// How a turn stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnStatus {
    /// It runs, or waits to be taken over.
    Running,
    /// It ended with an answer.
    Done,
    /// It ended with a visible failure.
    Failed,
    /// The user stopped it.
    Cancelled,
    /// It ended with a question: an approval, or a tool that runs at the client.
    Interrupted,
}

impl TurnStatus {
    const ALL: [Self; 5] = [
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Interrupted,
    ];

    /// The stored form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What kind of run a turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnKind {
    /// An ordinary answer.
    Chat,
    /// Deep research: the same loop under wider limits.
    Research,
}

impl TurnKind {
    /// The stored form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Research => "research",
        }
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Chat, Self::Research]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// The conversation a POST names, as far as the decision needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// No such conversation.
    Missing,
    /// Somebody else's, or another project's.
    Foreign,
    /// The caller's, but deleted.
    Deleted,
    /// The caller's.
    Own {
        /// Whether a turn runs.
        status: Status,
        /// Its kind.
        kind: ConversationType,
        /// The turn that was started by the same `trace_id` **and** text, if there is one.
        repeats_turn: Option<i64>,
    },
}

/// What a POST brings, as far as the decision needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostShape {
    /// `content` is not null.
    pub has_text: bool,
    /// `resume_payload` is not null.
    pub has_resume: bool,
    /// `Last-Event-ID` or `after` was sent.
    pub has_cursor: bool,
    /// The body's `agent_mode` is `research`.
    pub asks_for_research: bool,
    /// The body asks for a sandbox, of which there is none.
    pub asks_for_sandbox: bool,
}

/// What a POST does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostDecision {
    /// Make the conversation and run its first turn.
    Create {
        /// The new conversation's kind.
        becomes: ConversationType,
        /// How the turn runs.
        runs: TurnKind,
    },
    /// Run the next turn.
    Start {
        /// The conversation's kind from now on.
        becomes: ConversationType,
        /// How the turn runs.
        runs: TurnKind,
    },
    /// Read the running turn from its first frame.
    AttachToRunning,
    /// Read on from the cursor.
    AttachAtCursor,
    /// The same request came before: read that turn from its first frame, or its final message.
    Replay {
        /// Number of the turn.
        turn: i64,
    },
    /// 400: nothing to read from.
    RefuseMissing,
    /// 400: somebody else's.
    RefuseForeign,
    /// 404: deleted.
    RefuseDeleted,
    /// 403: there is no sandbox.
    RefuseSandbox,
    /// 409: a turn is running.
    RefuseBusy,
    /// 400: nothing runs, so there is nothing to attach to.
    RefuseIdle,
}

/// Decides what a POST does. Called under the conversation's row lock, so that what it decides still holds
/// when it is carried out.
pub fn decide(addressee: Addressee, post: PostShape) -> PostDecision {
    use PostDecision::{
        AttachAtCursor, AttachToRunning, Create, RefuseBusy, RefuseDeleted, RefuseForeign,
        RefuseIdle, RefuseMissing, RefuseSandbox, Replay, Start,
    };
    // Without text there is nothing that would run in it (ai-conversations.md 4.6).
    let asks_for_sandbox = post.has_text && post.asks_for_sandbox;
    let (status, kind, repeats_turn) = match addressee {
        Addressee::Missing if !post.has_text => return RefuseMissing,
        Addressee::Foreign => return RefuseForeign,
        Addressee::Deleted => return RefuseDeleted,
        _ if asks_for_sandbox => return RefuseSandbox,
        Addressee::Missing if post.asks_for_research => {
            return Create {
                becomes: ConversationType::DeepResearch,
                runs: TurnKind::Research,
            };
        }
        Addressee::Missing => {
            return Create {
                becomes: ConversationType::Assistant,
                runs: TurnKind::Chat,
            };
        }
        Addressee::Own {
            status,
            kind,
            repeats_turn,
        } => (status, kind, repeats_turn),
    };
    match (post.has_text, status) {
        (true, _) if repeats_turn.is_some() => Replay {
            turn: repeats_turn.unwrap_or_default(),
        },
        (true, Status::InProgress) => RefuseBusy,
        (false, Status::InProgress) if post.has_cursor => AttachAtCursor,
        (false, Status::InProgress) => AttachToRunning,
        (false, Status::Idle) if !post.has_resume && post.has_cursor => AttachAtCursor,
        (false, Status::Idle) if !post.has_resume => RefuseIdle,
        (_, Status::Idle) => {
            let (becomes, runs) = kind_of_next_turn(kind, post);
            Start { becomes, runs }
        }
    }
}

/// Deep research (ai-conversations.md 4.5): new text turns a finished research conversation into a chat, whatever
/// the body's mode says; a resumed one stays research; a chat may run a single research turn and stays a chat.
fn kind_of_next_turn(kind: ConversationType, post: PostShape) -> (ConversationType, TurnKind) {
    match kind {
        ConversationType::DeepResearch if post.has_text && !post.has_resume => {
            (ConversationType::Assistant, TurnKind::Chat)
        }
        ConversationType::DeepResearch => (kind, TurnKind::Research),
        _ if post.asks_for_research => (kind, TurnKind::Research),
        _ => (kind, TurnKind::Chat),
    }
}

/// A client's answer to what the last turn asked (ai-conversations.md 8).
#[derive(Clone, Debug, PartialEq)]
pub enum Resume {
    /// Do what was proposed.
    Approve {
        /// The proposal.
        proposal_id: String,
    },
    /// Do not.
    Reject {
        /// The proposal.
        proposal_id: String,
        /// Why not, in the user's words.
        feedback: Option<String>,
    },
    /// The answers of a form.
    Form(Value),
    /// The form was closed.
    DismissForm,
    /// What a tool that ran at the client gave back.
    ClientToolResult {
        /// The call it answers.
        tool_call_id: String,
        /// What it gave.
        result: Value,
    },
    /// Anything else: accepted, decides nothing.
    Other,
}

impl Resume {
    /// Reads a `resume_payload`.
    pub fn of(payload: &Value) -> Self {
        let text = |key: &str| payload.get(key).and_then(Value::as_str).map(str::to_owned);
        match (
            text("action").as_deref(),
            text("proposal_id"),
            text("tool_call_id"),
        ) {
            (Some("approve"), Some(proposal_id), _) => Self::Approve { proposal_id },
            (Some("reject"), Some(proposal_id), _) => Self::Reject {
                proposal_id,
                feedback: text("feedback"),
            },
            (Some("form"), _, _) => {
                Self::Form(payload.get("form_answers").cloned().unwrap_or_default())
            }
            (Some("dismiss_form"), _, _) => Self::DismissForm,
            (Some("client_tool_result"), _, Some(tool_call_id)) => Self::ClientToolResult {
                tool_call_id,
                result: payload.get("result").cloned().unwrap_or_default(),
            },
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests;
