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
        RefuseIdle, RefuseMissing, Replay, Start,
    };
    let (status, kind, repeats_turn) = match addressee {
        Addressee::Missing if !post.has_text => return RefuseMissing,
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
        Addressee::Foreign => return RefuseForeign,
        Addressee::Deleted => return RefuseDeleted,
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
mod tests {
    use super::*;
    use serde_json::json;

    fn own(status: Status, kind: ConversationType) -> Addressee {
        Addressee::Own {
            status,
            kind,
            repeats_turn: None,
        }
    }

    const TEXT: PostShape = PostShape {
        has_text: true,
        has_resume: false,
        has_cursor: false,
        asks_for_research: false,
    };
    const NOTHING: PostShape = PostShape {
        has_text: false,
        has_resume: false,
        has_cursor: false,
        asks_for_research: false,
    };

    #[test]
    fn the_table_of_outcomes_holds() {
        use ConversationType::{Assistant, DeepResearch};
        use PostDecision as D;
        use Status::{Idle, InProgress};
        let resume = PostShape {
            has_resume: true,
            ..NOTHING
        };
        let cursor = PostShape {
            has_cursor: true,
            ..NOTHING
        };
        let chat = D::Start {
            becomes: Assistant,
            runs: TurnKind::Chat,
        };
        let table = [
            (
                Addressee::Missing,
                TEXT,
                D::Create {
                    becomes: Assistant,
                    runs: TurnKind::Chat,
                },
            ),
            (Addressee::Missing, NOTHING, D::RefuseMissing),
            (Addressee::Missing, cursor, D::RefuseMissing),
            (Addressee::Foreign, TEXT, D::RefuseForeign),
            (Addressee::Foreign, NOTHING, D::RefuseForeign),
            (Addressee::Deleted, TEXT, D::RefuseDeleted),
            (Addressee::Deleted, NOTHING, D::RefuseDeleted),
            (own(Idle, Assistant), TEXT, chat),
            (
                own(Idle, Assistant),
                PostShape {
                    has_cursor: true,
                    ..TEXT
                },
                chat,
            ),
            (own(InProgress, Assistant), TEXT, D::RefuseBusy),
            (
                own(InProgress, Assistant),
                PostShape {
                    has_resume: true,
                    ..TEXT
                },
                D::RefuseBusy,
            ),
            (own(InProgress, Assistant), NOTHING, D::AttachToRunning),
            (own(InProgress, Assistant), resume, D::AttachToRunning),
            (own(InProgress, Assistant), cursor, D::AttachAtCursor),
            (own(Idle, Assistant), NOTHING, D::RefuseIdle),
            (own(Idle, Assistant), cursor, D::AttachAtCursor),
            (own(Idle, Assistant), resume, chat),
            (
                own(Idle, DeepResearch),
                resume,
                D::Start {
                    becomes: DeepResearch,
                    runs: TurnKind::Research,
                },
            ),
            (own(InProgress, DeepResearch), NOTHING, D::AttachToRunning),
        ];
        for (addressee, post, expected) in table {
            assert_eq!(decide(addressee, post), expected, "{addressee:?} {post:?}");
        }
    }

    #[test]
    fn the_same_request_again_replays_its_turn_whatever_runs() {
        for status in [Status::Idle, Status::InProgress] {
            let addressee = Addressee::Own {
                status,
                kind: ConversationType::Assistant,
                repeats_turn: Some(4),
            };
            assert_eq!(decide(addressee, TEXT), PostDecision::Replay { turn: 4 });
        }
    }

    #[test]
    fn research_converts_as_the_table_says() {
        use ConversationType::{Assistant, DeepResearch};
        let research = PostShape {
            asks_for_research: true,
            ..TEXT
        };
        let cases = [
            (
                Addressee::Missing,
                research,
                PostDecision::Create {
                    becomes: DeepResearch,
                    runs: TurnKind::Research,
                },
            ),
            (
                own(Status::Idle, DeepResearch),
                TEXT,
                PostDecision::Start {
                    becomes: Assistant,
                    runs: TurnKind::Chat,
                },
            ),
            (
                own(Status::Idle, DeepResearch),
                research,
                PostDecision::Start {
                    becomes: Assistant,
                    runs: TurnKind::Chat,
                },
            ),
            (
                own(Status::Idle, Assistant),
                research,
                PostDecision::Start {
                    becomes: Assistant,
                    runs: TurnKind::Research,
                },
            ),
        ];
        for (addressee, post, expected) in cases {
            assert_eq!(decide(addressee, post), expected, "{addressee:?}");
        }
    }

    #[test]
    fn a_resume_payload_is_read_by_its_action() {
        let id = || "p1".to_owned();
        assert_eq!(
            Resume::of(&json!({"action": "approve", "proposal_id": "p1"})),
            Resume::Approve { proposal_id: id() }
        );
        assert_eq!(
            Resume::of(&json!({"action": "reject", "proposal_id": "p1", "feedback": "no"})),
            Resume::Reject {
                proposal_id: id(),
                feedback: Some("no".into())
            }
        );
        assert_eq!(
            Resume::of(&json!({"action": "form", "form_answers": {"a": 1}})),
            Resume::Form(json!({"a": 1}))
        );
        assert_eq!(
            Resume::of(&json!({"action": "dismiss_form"})),
            Resume::DismissForm
        );
        assert_eq!(
            Resume::of(&json!({"action": "client_tool_result", "tool_call_id": "c", "result": 5})),
            Resume::ClientToolResult {
                tool_call_id: "c".into(),
                result: json!(5)
            }
        );
        for other in [
            json!({}),
            json!(false),
            json!({"action": "approve"}),
            json!("x"),
            json!([1]),
        ] {
            assert_eq!(Resume::of(&other), Resume::Other, "{other}");
        }
    }

    #[test]
    fn a_queued_message_inherits_what_it_lacks() {
        let previous = TurnOptions {
            agent_mode: Some("sql".into()),
            session_id: Some("s".into()),
            ..TurnOptions::default()
        };
        let queued = TurnOptions {
            agent_mode: Some("plan".into()),
            ..TurnOptions::default()
        };
        let inherited = queued.inherit(&previous);
        assert_eq!(
            (
                inherited.agent_mode.as_deref(),
                inherited.session_id.as_deref()
            ),
            (Some("plan"), Some("s"))
        );
    }
}
