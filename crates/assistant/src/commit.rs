//! What a running turn writes. Every write is fenced: it happens only while the turn still runs under the epoch
//! the writer began with. So a cancelled or taken-over turn can never add a word, and one turn gives one answer.

use crate::begin::{Begun, NewTurn, begin_turn, number_frames};
use crate::engine::{Inner, Ticket};
use crate::escalate::{self, Opening};
use bus::End;
use model::Timestamp;
use model::conversations::{Conversation, Status};
use model::frames::{Frame, FrameKind, Piece};
use model::messages::Message;
use model::queue::QueueItem;
use model::turns::{TurnKind, TurnStatus};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use store::approvals::Approval;
use store::turns::{PartialChange, Turn, TurnKey};
use store::{Conn, approvals, conversations, frames, messages, queue, turns};

/// How often a write that found the store busy is tried again before the turn is left to the next look.
const WRITE_TRIES: u32 = 5;

/// The right to write for a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fence {
    pub key: TurnKey,
    pub epoch: i64,
}

impl Fence {
    pub(crate) fn of(turn: &Turn) -> Self {
        Self {
            key: turn.key,
            epoch: turn.epoch,
        }
    }
}

/// One step of a turn: the messages it adds, and whether it ends.
#[derive(Default)]
pub(crate) struct Step {
    /// Final messages; the first replaces the open partial.
    pub messages: Vec<Message>,
    /// Proposals that now wait for the user.
    pub approvals: Vec<Approval>,
    /// A ticket that is opened with it.
    pub opens: Option<Opening>,
    /// Tokens of the model call that led here.
    pub usage: Option<llm::Usage>,
    /// Set when the turn ends with this step.
    pub end: Option<TurnStatus>,
}

/// What became of a step.
pub(crate) struct Committed {
    pub frames: Vec<Frame>,
    pub end: Option<End>,
    /// The queued message's turn that began in the same transaction.
    pub next: Option<(Begun, Ticket)>,
}

/// Writes, and asks a store that is busy again: what has cost a model call is not thrown away for that.
pub(crate) async fn patiently<T, F>(write: impl Fn() -> F) -> Result<T, store::Error>
where
    F: Future<Output = Result<T, store::Error>>,
{
    let mut tries = 0;
    loop {
        match write().await {
            Err(store::Error::Busy) if tries < WRITE_TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(50 << tries)).await;
            }
            result => return result,
        }
    }
}

/// Writes a piece of the partial message. `None`: the turn is no longer ours.
pub(crate) async fn append_piece(
    c: &Conn,
    fence: Fence,
    kind: FrameKind,
    piece: &Piece,
) -> Result<Option<Frame>, store::Error> {
    let change = if kind == FrameKind::Open {
        PartialChange::Opens(0)
    } else {
        PartialChange::Keeps
    };
    let Some(seq) = turns::claim_frames(c, fence.key, fence.epoch, 1, change).await? else {
        return Ok(None);
    };
    let frame = Frame {
        seq,
        kind,
        payload: piece.to_payload(),
    };
    frames::insert(c, fence.key, std::slice::from_ref(&frame)).await?;
    Ok(Some(frame))
}

/// Writes a step; when it ends the turn, the queue is looked at in the same transaction, under the same lock
/// that adding to the queue takes: a message is either run or refused, never dropped. `None`: the turn is no
/// longer ours.
pub(crate) async fn commit_step(
    c: &Conn,
    inner: &Arc<Inner>,
    fence: Fence,
    step: &Step,
) -> Result<Option<Committed>, store::Error> {
    let now = inner.env.now();
    let key = fence.key;
    let Some(mut conversation) =
        conversations::lock(c, key.project_id, key.conversation_id).await?
    else {
        return Ok(None);
    };
    let count = i64::try_from(step.messages.len() + step.approvals.len()).unwrap_or(i64::MAX);
    let Some(last_seq) =
        turns::claim_frames(c, key, fence.epoch, count, PartialChange::Closes).await?
    else {
        return Ok(None);
    };
    let mut said = Cow::Borrowed(step.messages.as_slice());
    if let Some(opening) = &step.opens {
        escalate::open(c, inner, &conversation, opening, said.to_mut()).await?;
    }
    let mut new_frames = number_frames(last_seq - count + 1, None, &said);
    let mut created_at = now;
    for (approval, seq) in step
        .approvals
        .iter()
        .zip(last_seq + 1 - to_i64(step.approvals.len())..)
    {
        approvals::create(c, key, approval, created_at).await?;
        // They are listed by their time, so it keeps the order in which the model asked.
        created_at = created_at.plus(Duration::from_micros(1));
        new_frames.push(Frame {
            seq,
            kind: FrameKind::Approval,
            payload: approval_event(approval),
        });
    }
    frames::insert(c, key, &new_frames).await?;
    for message in said.iter() {
        messages::append(c, &mut conversation, Some(key.number), message, now).await?;
    }
    if let Some(usage) = step.usage {
        turns::record_call(
            c,
            key,
            clamp(usage.input_tokens),
            clamp(usage.output_tokens),
        )
        .await?;
    }
    let Some(status) = step.end else {
        conversations::save(c, &conversation).await?;
        return Ok(Some(Committed {
            frames: new_frames,
            end: None,
            next: None,
        }));
    };
    let next = end_turn(c, inner, &mut conversation, key, status, now).await?;
    let end = Some(End {
        last_seq,
        continued: next.is_some(),
    });
    Ok(Some(Committed {
        frames: new_frames,
        end,
        next,
    }))
}

/// Ends a turn of the locked conversation and begins the oldest queued message's turn, if there is one. While a
/// proposal waits for its decision the queue is emptied instead (spec "Queue"): a queued text would reject it.
/// Saves the conversation.
pub(crate) async fn end_turn(
    c: &Conn,
    inner: &Arc<Inner>,
    conversation: &mut Conversation,
    key: TurnKey,
    status: TurnStatus,
    now: Timestamp,
) -> Result<Option<(Begun, Ticket)>, store::Error> {
    let (project, id) = (conversation.project_id, conversation.id);
    conversation.updated_at = now;
    let mut waiting = queue::list(c, project, id).await?;
    if !waiting.is_empty() {
        let proposals = approvals::list(c, project, id).await?;
        if proposals.iter().any(approvals::Approval::is_pending) {
            clear_queue(c, conversation).await?;
            waiting.clear();
        }
    }
    let Some(item) = waiting.into_iter().next() else {
        turns::finish(c, key, status, false, now).await?;
        conversation.status = Status::Idle;
        conversations::save(c, conversation).await?;
        return Ok(None);
    };
    turns::finish(c, key, status, true, now).await?;
    queue::delete(c, project, id, item.id).await?;
    let previous = turns::find(c, key)
        .await?
        .map(|turn| turn.options)
        .unwrap_or_default();
    let options = item.options.inherit(&previous);
    let new = NewTurn {
        content: Some(item.content),
        trace_id: item.trace_id.unwrap_or_else(|| inner.env.uuid()),
        kind: if options.asks_for_research() {
            TurnKind::Research
        } else {
            TurnKind::Chat
        },
        options,
        announcement: None,
        results: Vec::new(),
    };
    let begun = begin_turn(c, inner, conversation, new, now).await?;
    let ticket = inner.adopt(begun.turn.key);
    Ok(Some((begun, ticket)))
}

/// Empties the queue of the locked conversation and notes on it what was taken out, for the client to put back
/// into its composer. The caller saves the conversation.
pub(crate) async fn clear_queue(
    c: &Conn,
    conversation: &mut Conversation,
) -> Result<(), store::Error> {
    let removed = queue::list(c, conversation.project_id, conversation.id).await?;
    if removed.is_empty() {
        return Ok(());
    }
    queue::clear(c, conversation.project_id, conversation.id).await?;
    let views: Vec<Value> = removed.iter().map(QueueItem::to_view).collect();
    conversation.cleared_queue = Some(Value::Array(views).to_string());
    Ok(())
}

/// The data of an `approval` event (ai-conversations.md 5.2).
fn approval_event(approval: &Approval) -> String {
    approval_view(approval, approval.payload.clone()).to_string()
}

/// A proposal as clients see it (ai-conversations.md 3.2).
pub(crate) fn approval_view(approval: &Approval, payload: Value) -> Value {
    json!({
        "proposal_id": approval.proposal_id,
        "decision_status": approval.decision_status,
        "tool_name": approval.tool_name,
        "preview": approval.preview,
        "payload": payload,
        "original_tool_call_id": approval.tool_call_id,
        "message_id": approval.message_id,
    })
}

fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn clamp(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}
