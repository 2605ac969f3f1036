//! The beginning of a turn: the same for a POST and for a queued message.

use crate::engine::Inner;
use model::conversations::{Conversation, Status};
use model::frames::{Frame, FrameKind};
use model::messages::Message;
use model::turns::{TurnKind, TurnOptions, TurnStatus};
use model::{MessageId, Timestamp};
use sha2::{Digest, Sha256};
use store::turns::{Turn, TurnKey};
use store::{Conn, approvals, conversations, frames, messages, turns};
use uuid::Uuid;

/// What a new turn is made of.
pub(crate) struct NewTurn {
    /// The user's text; none when a turn is resumed.
    pub content: Option<String>,
    /// The client's mark.
    pub trace_id: Uuid,
    /// What it is asked with.
    pub options: TurnOptions,
    /// How it runs.
    pub kind: TurnKind,
    /// Data of a leading `conversation` event, for a conversation that has just been made.
    pub announcement: Option<String>,
    /// Results of tools that the last turn waited for. They come before the user's text.
    pub results: Vec<Message>,
}

/// A turn that has begun, and the frames it began with.
pub(crate) struct Begun {
    pub turn: Turn,
    pub frames: Vec<Frame>,
}

/// Writes a new turn, its first messages and its first frames, and saves the locked conversation.
pub(crate) async fn begin_turn(
    c: &Conn,
    inner: &Inner,
    conversation: &mut Conversation,
    new: NewTurn,
    now: Timestamp,
) -> Result<Begun, store::Error> {
    conversation.last_turn += 1;
    conversation.status = Status::InProgress;
    conversation.cleared_queue = None;
    if let Some(mode) = &new.options.agent_mode {
        conversation.agent_mode = Some(mode.clone());
    }
    if new.content.is_some() {
        // Who writes on has decided against whatever was proposed.
        approvals::auto_reject(c, conversation.project_id, conversation.id, now).await?;
    }
    let mut first_messages = new.results;
    if let Some(content) = &new.content {
        let id = MessageId(inner.env.uuid());
        let ui_context = new.options.ui_context.clone();
        first_messages.push(Message::human(
            id,
            content.clone(),
            ui_context,
            new.trace_id,
        ));
    }
    let first_frames = number_frames(1, new.announcement, &first_messages);
    let turn = Turn {
        key: TurnKey {
            project_id: conversation.project_id,
            conversation_id: conversation.id,
            number: conversation.last_turn,
        },
        status: TurnStatus::Running,
        kind: new.kind,
        epoch: 1,
        owner: inner.node,
        lease_until: now.plus(inner.config.lease),
        trace_id: new.trace_id,
        content_digest: digest(new.content.as_deref()),
        options: new.options,
        last_seq: i64::try_from(first_frames.len()).unwrap_or(i64::MAX),
        open_seq: None,
        steps: 0,
        continued: false,
        started_at: now,
        ended_at: None,
    };
    turns::create(c, &turn).await?;
    frames::insert(c, turn.key, &first_frames).await?;
    for message in &first_messages {
        messages::append(c, conversation, Some(turn.key.number), message, now).await?;
    }
    conversations::save(c, conversation).await?;
    Ok(Begun {
        turn,
        frames: first_frames,
    })
}

/// What makes a text recognisable when it is sent again.
pub(crate) fn digest(content: Option<&str>) -> Vec<u8> {
    Sha256::digest(content.unwrap_or_default().as_bytes()).to_vec()
}

/// Frames for an optional `conversation` event and for messages, numbered from `first`.
pub(crate) fn number_frames(
    first: i64,
    announcement: Option<String>,
    messages: &[Message],
) -> Vec<Frame> {
    let announced = announcement.map(|payload| (FrameKind::Conversation, payload));
    let said = messages
        .iter()
        .map(|message| (FrameKind::Message, message.to_stream_json()));
    announced
        .into_iter()
        .chain(said)
        .zip(first..)
        .map(|((kind, payload), seq)| Frame { seq, kind, payload })
        .collect()
}
