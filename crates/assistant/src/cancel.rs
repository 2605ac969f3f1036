//! Stopping a turn, and deleting a conversation (spec "Cancel").

use crate::Error;
use crate::begin::number_frames;
use crate::call::Said;
use crate::commit::clear_queue;
use crate::engine::Engine;
use crate::views::{ConversationDetail, detail};
use bus::End;
use model::conversations::{Conversation, Status};
use model::frames::{Frame, Partial};
use model::messages::Interrupted;
use model::turns::TurnStatus;
use model::{ConversationId, NodeId, ProjectId, UserId};
use store::turns::{PartialChange, TurnKey};
use store::{Conn, conversations, frames, messages, turns};

/// What a stop leaves behind.
struct Left {
    stopped: Option<Stopped>,
    /// The conversation, unless it was deleted.
    detail: Option<ConversationDetail>,
}

struct Stopped {
    key: TurnKey,
    owner: NodeId,
    frames: Vec<Frame>,
    end: End,
}

impl Engine {
    /// Stops the running turn, keeps the text in the log as a final message marked as cut, and empties the queue:
    /// one transaction, from any process. Cancelling an idle conversation only empties the queue. Gives the
    /// conversation as that transaction leaves it: a moment later the next turn may have begun. `None`: there is no
    /// such conversation of this user.
    ///
    /// # Errors
    ///
    /// When the store fails; nothing was changed then.
    pub async fn cancel(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
    ) -> Result<Option<ConversationDetail>, Error> {
        let left = self.stop(project, user, id, false).await?;
        Ok(left.and_then(|left| left.detail))
    }

    /// Deletes a conversation; a running turn is cancelled first. `false`: there is no such conversation of this
    /// user (any more).
    ///
    /// # Errors
    ///
    /// When the store fails; nothing was changed then.
    pub async fn delete(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
    ) -> Result<bool, Error> {
        Ok(self.stop(project, user, id, true).await?.is_some())
    }

    async fn stop(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
        delete: bool,
    ) -> Result<Option<Left>, Error> {
        let engine = self.clone();
        self.detached(async move {
            let writer = engine.clone();
            let left = engine
                .0
                .store
                .write(move |c| {
                    Box::pin(async move {
                        let found = conversations::lock(c, project, id).await?;
                        let Some(mut conversation) =
                            found.filter(|it| it.user_id == user && it.deleted_at.is_none())
                        else {
                            return Ok(None);
                        };
                        let now = writer.0.env.now();
                        let stopped = stop_running_turn(c, &writer, &mut conversation).await?;
                        clear_queue(c, &mut conversation).await?;
                        conversation.updated_at = now;
                        let detail = if delete {
                            conversations::delete(c, &mut conversation, now).await?;
                            None
                        } else {
                            conversations::save(c, &conversation).await?;
                            Some(detail(c, &conversation).await?)
                        };
                        Ok::<_, Error>(Some(Left { stopped, detail }))
                    })
                })
                .await?;
            if let Some(stopped) = left.as_ref().and_then(|left| left.stopped.as_ref()) {
                metrics::counter!("thicket_turns_cancelled_total").increment(1);
                engine
                    .0
                    .publish(stopped.key, &stopped.frames, Some(stopped.end));
                if stopped.owner == engine.0.node {
                    engine.0.interrupt(stopped.key);
                } else {
                    engine.0.hub().tell_owner(stopped.owner);
                }
            }
            Ok(left)
        })
        .await
    }
}

async fn stop_running_turn(
    c: &Conn,
    engine: &Engine,
    conversation: &mut Conversation,
) -> Result<Option<Stopped>, store::Error> {
    if conversation.status == Status::Idle {
        return Ok(None);
    }
    conversation.status = Status::Idle;
    let key = TurnKey {
        project_id: conversation.project_id,
        conversation_id: conversation.id,
        number: conversation.last_turn,
    };
    let now = engine.0.env.now();
    let Some(turn) = turns::find(c, key).await? else {
        return Ok(None);
    };
    let partial = match turn.open_seq {
        Some(open) => Partial::of(&frames::list_after(c, key, open - 1).await?),
        None => Partial::default(),
    };
    let said = Said {
        text: partial.content,
        thinking: partial.thinking,
    };
    let kept: Vec<_> = engine
        .cut(said, Interrupted::Cancelled)
        .into_iter()
        .collect();
    let count = i64::try_from(kept.len()).unwrap_or(i64::MAX);
    let Some(last_seq) =
        turns::claim_frames(c, key, turn.epoch, count, PartialChange::Closes).await?
    else {
        return Ok(None);
    };
    let new_frames = number_frames(last_seq - count + 1, None, &kept);
    frames::insert(c, key, &new_frames).await?;
    for message in &kept {
        messages::append(c, conversation, Some(key.number), message, now).await?;
    }
    turns::finish(c, key, TurnStatus::Cancelled, false, now).await?;
    Ok(Some(Stopped {
        key,
        owner: turn.owner,
        frames: new_frames,
        end: End {
            last_seq,
            continued: false,
        },
    }))
}
