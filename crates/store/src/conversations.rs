//! Conversations: the row that everything else of a conversation hangs on, and whose lock orders it.

use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params};
use model::conversations::{Conversation, ConversationType, Status, UserView};
use model::{ConversationId, ProjectId, Timestamp, UserId};

macro_rules! columns {
    () => {
        "project_id, id, user_id, title, titled_by_model, status, type, topic, agent_mode, is_internal, \
         slack_thread_key, slack_workspace_domain, last_turn, last_position, cleared_queue, \
         created_at, updated_at, deleted_at"
    };
}

statements! {
    PROJECT_OF = "SELECT project_id FROM conversation_directory WHERE conversation_id = ?1";
    ENTER = "INSERT INTO conversation_directory (conversation_id, project_id) VALUES (?1, ?2) \
             ON CONFLICT (conversation_id) DO NOTHING";
    CREATE = concat!(
        "INSERT INTO conversation (", columns!(), ") \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
    );
    FIND = concat!("SELECT ", columns!(), " FROM conversation WHERE project_id = ?1 AND id = ?2");
    LOCK = concat!("SELECT ", columns!(), " FROM conversation WHERE project_id = ?1 AND id = ?2 /*lock*/");
    LIST = concat!(
        "SELECT ", columns!(), " FROM conversation \
         WHERE project_id = ?1 AND user_id = ?2 AND deleted_at IS NULL AND type <> 'tool_call' AND NOT is_internal \
         ORDER BY updated_at DESC, id DESC LIMIT ?3 OFFSET ?4"
    );
    COUNT = "SELECT conversations FROM conversation_total WHERE project_id = ?1 AND user_id = ?2";
    MOVE_COUNT = "INSERT INTO conversation_total (project_id, user_id, conversations) VALUES (?1, ?2, ?3) \
                  ON CONFLICT (project_id, user_id) DO UPDATE \
                    SET conversations = conversation_total.conversations + excluded.conversations";
    SAVE = "UPDATE conversation SET title = ?3, titled_by_model = ?4, status = ?5, type = ?6, agent_mode = ?7, \
            last_turn = ?8, last_position = ?9, cleared_queue = ?10, updated_at = ?11, deleted_at = ?12 \
            WHERE project_id = ?1 AND id = ?2";
    SAVE_POSITION = "UPDATE conversation SET last_position = ?3 WHERE project_id = ?1 AND id = ?2";
    OWNER = "SELECT id, uuid, distinct_id, first_name, last_name, email FROM users WHERE id = ?1";
}

impl FromRow for Conversation {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            project_id: row.get()?,
            id: row.get()?,
            user_id: row.get()?,
            title: row.get()?,
            titled_by_model: row.get()?,
            status: row.parse("conversation.status", Status::from_stored)?,
            kind: row.parse("conversation.type", ConversationType::from_stored)?,
            topic: row.get()?,
            agent_mode: row.get()?,
            is_internal: row.get()?,
            slack_thread_key: row.get()?,
            slack_workspace_domain: row.get()?,
            last_turn: row.get()?,
            last_position: row.get()?,
            cleared_queue: row.get()?,
            created_at: row.get()?,
            updated_at: row.get()?,
            deleted_at: row.get()?,
        })
    }
}

impl FromRow for UserView {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            uuid: row.get()?,
            distinct_id: row.get()?,
            first_name: row.get()?,
            last_name: row.get()?,
            email: row.get()?,
            is_email_verified: None,
            hedgehog_config: None,
            role_at_organization: None,
        })
    }
}

/// The project a conversation id was taken in, in whichever project. The only look-up across projects
/// (spec "Tenants").
///
/// # Errors
///
/// When the store fails.
pub async fn find_project(c: &Conn, id: ConversationId) -> Result<Option<ProjectId>> {
    c.find(PROJECT_OF, params![id]).await
}

/// Creates a conversation. `false`: the id is taken, in this project or another, and nothing was written.
///
/// # Errors
///
/// When the store fails.
pub async fn create(c: &Conn, conversation: &Conversation) -> Result<bool> {
    let new = conversation;
    if c.exec(ENTER, params![new.id, new.project_id]).await? == 0 {
        return Ok(false);
    }
    c.exec(
        CREATE,
        params![
            new.project_id,
            new.id,
            new.user_id,
            &new.title,
            new.titled_by_model,
            new.status.as_str(),
            new.kind.as_str(),
            &new.topic,
            &new.agent_mode,
            new.is_internal,
            &new.slack_thread_key,
            &new.slack_workspace_domain,
            new.last_turn,
            new.last_position,
            &new.cleared_queue,
            new.created_at,
            new.updated_at,
            new.deleted_at,
        ],
    )
    .await?;
    move_count(c, new, 1).await?;
    Ok(true)
}

/// Counts a conversation that enters its owner's list, or leaves it. What is not listed is not counted; whether it is
/// does not change while it exists.
async fn move_count(c: &Conn, conversation: &Conversation, by: i64) -> Result<()> {
    if conversation.is_listed() {
        let (project, user) = (conversation.project_id, conversation.user_id);
        c.exec_one(MOVE_COUNT, params![project, user, by]).await?;
    }
    Ok(())
}

/// A conversation, deleted ones included.
///
/// # Errors
///
/// When the store fails.
pub async fn find(
    c: &Conn,
    project: ProjectId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    c.find(FIND, params![project, id]).await
}

/// A conversation, deleted ones included, locked until the transaction ends: whoever changes a conversation,
/// its turns, queue or messages takes this lock first.
///
/// # Errors
///
/// When the store fails.
pub async fn lock(
    c: &Conn,
    project: ProjectId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    c.find(LOCK, params![project, id]).await
}

/// The conversations a user sees in the list, the most recently changed first (ai-conversations.md 2).
///
/// # Errors
///
/// When the store fails.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    user: UserId,
    limit: i64,
    offset: i64,
) -> Result<Vec<Conversation>> {
    c.all(LIST, params![project, user, limit, offset]).await
}

/// How many conversations [`list`] would give without a limit.
///
/// # Errors
///
/// When the store fails.
pub async fn count(c: &Conn, project: ProjectId, user: UserId) -> Result<i64> {
    let count = c.find(COUNT, params![project, user]).await?;
    Ok(count.unwrap_or(0))
}

/// Writes back what may change of a conversation that [`lock`] gave.
///
/// # Errors
///
/// When the store fails.
pub async fn save(c: &Conn, conversation: &Conversation) -> Result<()> {
    let it = conversation;
    c.exec(
        SAVE,
        params![
            it.project_id,
            it.id,
            &it.title,
            it.titled_by_model,
            it.status.as_str(),
            it.kind.as_str(),
            &it.agent_mode,
            it.last_turn,
            it.last_position,
            &it.cleared_queue,
            it.updated_at,
            it.deleted_at,
        ],
    )
    .await?;
    Ok(())
}

/// As [`save`], when nothing but messages were added: no index has to be touched.
///
/// # Errors
///
/// When the store fails.
pub async fn save_position(c: &Conn, conversation: &Conversation) -> Result<()> {
    let it = conversation;
    c.exec(
        SAVE_POSITION,
        params![it.project_id, it.id, it.last_position],
    )
    .await?;
    Ok(())
}

/// As [`save`], for a conversation that is deleted now: nobody sees it any more, and later it is erased.
///
/// # Errors
///
/// When the store fails.
pub async fn delete(c: &Conn, conversation: &mut Conversation, now: Timestamp) -> Result<()> {
    move_count(c, conversation, -1).await?;
    conversation.deleted_at = Some(now);
    save(c, conversation).await
}

/// The owner of a conversation, as clients see users.
///
/// # Errors
///
/// [`crate::Error::NoRow`] when there is no such user.
pub async fn find_owner(c: &Conn, user: UserId) -> Result<UserView> {
    c.one(OWNER, params![user]).await
}

/// A conversation that is about to be created: untouched, idle, titled by its first message.
pub fn new(
    project_id: ProjectId,
    id: ConversationId,
    user_id: UserId,
    kind: ConversationType,
    title: String,
    now: Timestamp,
) -> Conversation {
    Conversation {
        project_id,
        id,
        user_id,
        title,
        titled_by_model: false,
        status: Status::Idle,
        kind,
        topic: None,
        agent_mode: None,
        is_internal: false,
        slack_thread_key: None,
        slack_workspace_domain: None,
        last_turn: 0,
        last_position: 0,
        cleared_queue: None,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    }
}
