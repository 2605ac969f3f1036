//! The queue of a conversation, for its owner. Every call works under the conversation's lock, the same that the
//! end of a turn takes.

use crate::Error;
use crate::begin::digest;
use crate::engine::Engine;
use futures::future::BoxFuture;
use model::conversations::{Conversation, Status};
use model::queue::{QueueItem, QueueRefusal, may_add};
use model::turns::TurnOptions;
use model::{ConversationId, ProjectId, QueueItemId, UserId};
use store::{Conn, conversations, queue, turns};
use uuid::Uuid;

/// A message to be queued.
#[derive(Clone, Debug)]
pub struct NewQueueItem {
    /// The text, trimmed.
    pub content: String,
    /// The client's mark: the same mark and text again add nothing.
    pub trace_id: Option<Uuid>,
    /// What the turn will be asked with.
    pub options: TurnOptions,
    /// Refuse unless a turn is running.
    pub strict: bool,
}

/// What a call on the queue came to.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueAnswer {
    /// The queue as it is now.
    Queue {
        /// Waiting messages, oldest first.
        items: Vec<QueueItem>,
        /// Whether a turn is running that will be followed by them.
        status: Status,
    },
    /// No such conversation.
    Missing,
    /// Somebody else's.
    Foreign,
    /// No such message waits.
    NoSuchItem,
    /// The message cannot be queued.
    Refused(QueueRefusal),
}

impl Engine {
    /// Reads the queue.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list_queue(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
    ) -> Result<QueueAnswer, Error> {
        self.on_queue(project, user, id, |c, conversation| {
            Box::pin(async move { answer(c, &conversation).await })
        })
        .await
    }

    /// Queues a message.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn add_to_queue(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
        new: NewQueueItem,
    ) -> Result<QueueAnswer, Error> {
        let env = self.0.env.clone();
        self.on_queue(project, user, id, move |c, conversation| {
            Box::pin(async move {
                let waiting = queue::list(c, project, id).await?;
                if let Some(trace_id) = new.trace_id {
                    let digest = digest(Some(&new.content));
                    let waits = waiting
                        .iter()
                        .any(|item| item.trace_id == Some(trace_id) && item.content == new.content);
                    if waits
                        || turns::find_repeat(c, project, id, trace_id, &digest)
                            .await?
                            .is_some()
                    {
                        return answer(c, &conversation).await;
                    }
                }
                if let Err(refusal) = may_add(conversation.status, waiting.len(), new.strict) {
                    return Ok(QueueAnswer::Refused(refusal));
                }
                let item = QueueItem {
                    id: QueueItemId(env.random_uuid()),
                    content: new.content,
                    trace_id: new.trace_id,
                    options: new.options,
                    created_at: env.now(),
                };
                queue::append(c, project, id, &item).await?;
                answer(c, &conversation).await
            })
        })
        .await
    }

    /// Whether a message waits. Asked before its new text is looked at: an unknown message is a 404 whatever the
    /// body says (ai-conversations.md 6.2).
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn find_in_queue(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
        item: QueueItemId,
    ) -> Result<QueueAnswer, Error> {
        self.on_queue(project, user, id, move |c, conversation| {
            Box::pin(async move {
                let waiting = queue::list(c, project, id).await?;
                if !waiting.iter().any(|waiting| waiting.id == item) {
                    return Ok(QueueAnswer::NoSuchItem);
                }
                answer(c, &conversation).await
            })
        })
        .await
    }

    /// Replaces the text of a waiting message; its place and everything else stay.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn update_in_queue(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
        item: QueueItemId,
        content: String,
    ) -> Result<QueueAnswer, Error> {
        self.on_queue(project, user, id, move |c, conversation| {
            Box::pin(async move {
                if !queue::update(c, project, id, item, &content).await? {
                    return Ok(QueueAnswer::NoSuchItem);
                }
                answer(c, &conversation).await
            })
        })
        .await
    }

    /// Removes a waiting message.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn delete_from_queue(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
        item: QueueItemId,
    ) -> Result<QueueAnswer, Error> {
        self.on_queue(project, user, id, move |c, conversation| {
            Box::pin(async move {
                if !queue::delete(c, project, id, item).await? {
                    return Ok(QueueAnswer::NoSuchItem);
                }
                answer(c, &conversation).await
            })
        })
        .await
    }

    /// Removes all waiting messages.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn clear_queue(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
    ) -> Result<QueueAnswer, Error> {
        self.on_queue(project, user, id, move |c, conversation| {
            Box::pin(async move {
                queue::clear(c, project, id).await?;
                answer(c, &conversation).await
            })
        })
        .await
    }

    async fn on_queue<F>(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
        call: F,
    ) -> Result<QueueAnswer, Error>
    where
        F: for<'c> FnOnce(&'c Conn, Conversation) -> BoxFuture<'c, Result<QueueAnswer, Error>>
            + Clone
            + Send
            + 'static,
    {
        self.0
            .store
            .write(move |c| {
                Box::pin(async move {
                    let owner = match conversations::find_project(c, id).await? {
                        None => return Ok(QueueAnswer::Missing),
                        Some(owner) => owner,
                    };
                    if owner != project {
                        return Ok(QueueAnswer::Foreign);
                    }
                    match conversations::lock(c, project, id).await? {
                        None => Ok(QueueAnswer::Missing),
                        // Absent for everybody, also for whom it was never.
                        Some(found) if found.deleted_at.is_some() => Ok(QueueAnswer::Missing),
                        Some(found) if found.user_id != user => Ok(QueueAnswer::Foreign),
                        Some(found) => call(c, found).await,
                    }
                })
            })
            .await
    }
}

async fn answer(c: &Conn, conversation: &Conversation) -> Result<QueueAnswer, Error> {
    let items = queue::list(c, conversation.project_id, conversation.id).await?;
    Ok(QueueAnswer::Queue {
        items,
        status: conversation.status,
    })
}
