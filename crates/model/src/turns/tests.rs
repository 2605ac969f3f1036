//! What a POST means, case by case, and how answers to questions are read.

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
    asks_for_sandbox: false,
};
const NOTHING: PostShape = PostShape {
    has_text: false,
    has_resume: false,
    has_cursor: false,
    asks_for_research: false,
    asks_for_sandbox: false,
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
fn a_sandbox_is_refused_after_what_is_not_the_callers() {
    use PostDecision as D;
    let sandbox = |shape: PostShape| PostShape {
        asks_for_sandbox: true,
        ..shape
    };
    let busy = own(Status::InProgress, ConversationType::Assistant);
    let idle = own(Status::Idle, ConversationType::Assistant);
    for (addressee, text, nothing) in [
        (Addressee::Missing, D::RefuseSandbox, D::RefuseMissing),
        (Addressee::Foreign, D::RefuseForeign, D::RefuseForeign),
        (Addressee::Deleted, D::RefuseDeleted, D::RefuseDeleted),
        (busy, D::RefuseSandbox, D::AttachToRunning),
        (idle, D::RefuseSandbox, D::RefuseIdle),
    ] {
        assert_eq!(decide(addressee, sandbox(TEXT)), text, "{addressee:?}");
        assert_eq!(
            decide(addressee, sandbox(NOTHING)),
            nothing,
            "{addressee:?}"
        );
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
