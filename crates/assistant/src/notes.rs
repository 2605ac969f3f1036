//! Notes: messages that a client adds without asking the assistant (ai-conversations.md 7.2).

use crate::Error;
use crate::engine::Engine;
use model::messages::Message;
use model::{ConversationId, MessageId, ProjectId, UserId};
use store::{conversations, messages};

impl Engine {
    /// Appends a note as an `ai` message: at once, in any status, not streamed, `updated_at` untouched. `None`:
    /// there is no such conversation of this user.
    ///
    /// # Errors
    ///
    /// When the store fails; nothing was written then.
    pub async fn append_message(
        &self,
        project: ProjectId,
        user: UserId,
        id: ConversationId,
        content: String,
    ) -> Result<Option<MessageId>, Error> {
        let (note, now) = (MessageId(self.0.env.uuid()), self.0.env.now());
        self.0
            .store
            .write(move |c| {
                Box::pin(async move {
                    let found = conversations::lock(c, project, id).await?;
                    let Some(mut conversation) =
                        found.filter(|it| it.user_id == user && it.deleted_at.is_none())
                    else {
                        return Ok(None);
                    };
                    messages::append(c, &mut conversation, None, &Message::ai(note, content), now)
                        .await?;
                    conversations::save_position(c, &conversation).await?;
                    Ok(Some(note))
                })
            })
            .await
    }
}
