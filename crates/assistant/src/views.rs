//! Conversations as clients read them: the list, and the detail form (ai-conversations.md 2, 3).

use crate::Error;
use crate::commit::approval_view;
use crate::engine::Engine;
use model::conversations::{
    Conversation, ConversationView, UserView, WrittenUser, shown_agent_mode,
};
use model::messages::MessageDetail;
use model::{ConversationId, ProjectId, UserId};
use serde::Serialize;
use serde_json::{Value, json};
use store::messages::StoredMessage;
use store::{Conn, approvals, conversations, messages};

/// A conversation with everything a client shows of it.
#[derive(Clone, Debug, Serialize)]
pub struct ConversationDetail {
    /// The minimal form.
    #[serde(flatten)]
    pub conversation: ConversationView,
    /// Finished messages, oldest first.
    pub messages: Vec<MessageDetail>,
    /// The stored messages cannot be read by this version; `messages` is empty then.
    pub has_unsupported_content: bool,
    /// The mode the newest turn ran in.
    pub agent_mode: Option<String>,
    /// Always false: there is no sandbox runner.
    pub is_sandbox: bool,
    /// All proposals, decided ones included.
    pub pending_approvals: Vec<Value>,
    /// What the last cancel or pending approval took out of the queue, until the next turn.
    pub cleared_queue: Value,
}

impl Engine {
    /// One page of a user's conversations, and how many there are in all.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list(
        &self,
        project: ProjectId,
        user: UserView,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<ConversationView<WrittenUser>>, i64), Error> {
        let id = user.id;
        let user =
            WrittenUser::new(&user).map_err(|error| store::Error::Internal(error.to_string()))?;
        self.0
            .store
            .read(move |c| {
                Box::pin(async move {
                    let page = conversations::list(c, project, id, limit, offset).await?;
                    let count = conversations::count(c, project, id).await?;
                    let views = page
                        .iter()
                        .map(|conversation| ConversationView::new(conversation, user.clone()));
                    Ok((views.collect(), count))
                })
            })
            .await
    }

    /// A conversation in detail, for anybody in its project: sharing is by link (ai-conversations.md 1.4). `None`:
    /// there is none that may be shown.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn find(
        &self,
        project: ProjectId,
        id: ConversationId,
    ) -> Result<Option<ConversationDetail>, Error> {
        self.read(project, id, Conversation::is_listed).await
    }

    /// Whether a user has this conversation, deleted ones not counted.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn owns(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
    ) -> Result<bool, Error> {
        let found = self
            .0
            .store
            .read(move |c| Box::pin(conversations::find(c, project, id)))
            .await?;
        Ok(found.is_some_and(|it| it.user_id == user && it.deleted_at.is_none()))
    }

    /// A user's own conversation in detail, of whatever kind it is.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn find_own(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
    ) -> Result<Option<ConversationDetail>, Error> {
        let is_own = move |it: &Conversation| it.user_id == user && it.deleted_at.is_none();
        self.read(project, id, is_own).await
    }

    /// A conversation in detail, if it may be shown. When its messages cannot be read, what else there is of it
    /// (ai-conversations.md 3.1).
    async fn read(
        &self,
        project: ProjectId,
        id: ConversationId,
        is_shown: impl Fn(&Conversation) -> bool + Copy + Send + 'static,
    ) -> Result<Option<ConversationDetail>, Error> {
        let whole = self.read_with(project, id, is_shown, true).await;
        match whole {
            Err(Error::Store(error)) if !error.is_passing() => {
                tracing::error!(%error, conversation = %id, "the messages of a conversation cannot be read");
                self.read_with(project, id, is_shown, false).await
            }
            other => other,
        }
    }

    async fn read_with(
        &self,
        project: ProjectId,
        id: ConversationId,
        is_shown: impl Fn(&Conversation) -> bool + Send + 'static,
        with_messages: bool,
    ) -> Result<Option<ConversationDetail>, Error> {
        self.0
            .store
            .read(move |c| {
                Box::pin(async move {
                    let found = conversations::find(c, project, id).await?;
                    let Some(conversation) = found.filter(is_shown) else {
                        return Ok(None);
                    };
                    let detail = match with_messages {
                        true => detail(c, &conversation).await,
                        false => detail_with(c, &conversation, Vec::new(), false).await,
                    };
                    detail.map(Some)
                })
            })
            .await
    }
}

/// A conversation with its messages and proposals.
pub(crate) async fn detail(
    c: &Conn,
    conversation: &Conversation,
) -> Result<ConversationDetail, Error> {
    let (project, id) = (conversation.project_id, conversation.id);
    let (messages, unsupported) = match messages::list(c, project, id).await {
        Ok(stored) => (stored, false),
        Err(store::Error::Corrupt(_)) => (Vec::new(), true),
        Err(error) => return Err(error.into()),
    };
    detail_with(c, conversation, messages, unsupported).await
}

async fn detail_with(
    c: &Conn,
    conversation: &Conversation,
    messages: Vec<StoredMessage>,
    unsupported: bool,
) -> Result<ConversationDetail, Error> {
    let (project, id) = (conversation.project_id, conversation.id);
    let owner = conversations::find_owner(c, conversation.user_id).await?;
    // A proposal's arguments are shown while it waits (ai-conversations.md 3.2).
    let proposals = approvals::list(c, project, id)
        .await?
        .into_iter()
        .map(|approval| {
            let payload = if approval.is_pending() {
                approval.payload.clone()
            } else {
                json!({})
            };
            approval_view(&approval, payload)
        });
    let cleared = conversation
        .cleared_queue
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    let mode = shown_agent_mode(
        conversation.agent_mode.as_deref(),
        conversation.last_turn > 0,
    );
    Ok(ConversationDetail {
        messages: messages
            .into_iter()
            .map(|stored| stored.message)
            .filter(|message| !message.is_empty())
            .map(MessageDetail)
            .collect(),
        has_unsupported_content: unsupported,
        agent_mode: mode.map(str::to_owned),
        is_sandbox: false,
        pending_approvals: proposals.collect(),
        cleared_queue: cleared.unwrap_or_else(|| json!([])),
        conversation: ConversationView::new(conversation, owner),
    })
}
