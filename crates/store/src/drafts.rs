//! Drafts: what somebody has begun to write.

use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params};
use model::drafts::DRAFTS_MAX;
use model::{ProjectId, Timestamp, UserId};

statements! {
    PUT = "INSERT INTO draft (project_id, user_id, name, content, rich_content, is_private, updated_at) \
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
           ON CONFLICT (project_id, user_id, name) DO UPDATE SET content = excluded.content, \
             rich_content = excluded.rich_content, is_private = excluded.is_private, updated_at = excluded.updated_at";
    FIND = "SELECT name, content, rich_content, is_private, updated_at FROM draft \
            WHERE project_id = ?1 AND user_id = ?2 AND name = ?3";
    DELETE = "DELETE FROM draft WHERE project_id = ?1 AND user_id = ?2 AND name = ?3";
    /// Those beyond the newest ones.
    DELETE_OLDEST = "DELETE FROM draft WHERE project_id = ?1 AND user_id = ?2 AND name IN \
                       (SELECT name FROM draft WHERE project_id = ?1 AND user_id = ?2 \
                        ORDER BY updated_at DESC, name COLLATE \"C\" DESC LIMIT 1000 OFFSET ?3)";
}

/// What somebody has begun to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// A ticket's id, or another word of the client's.
    pub name: String,
    /// Markdown.
    pub content: String,
    /// JSON of the editor's document.
    pub rich_content: Option<String>,
    /// Whether it is to be a note for the team.
    pub is_private: bool,
    /// When it was last written.
    pub updated_at: Timestamp,
}

impl FromRow for Draft {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            name: row.get()?,
            content: row.get()?,
            rich_content: row.get()?,
            is_private: row.get()?,
            updated_at: row.get()?,
        })
    }
}

/// Writes a draft, over the one of the same name if there is one. Of too many, the oldest go.
///
/// # Errors
/// When the store fails.
pub async fn put(c: &Conn, project: ProjectId, user: UserId, draft: &Draft) -> Result<()> {
    let it = draft;
    let values = params![
        project,
        user,
        &it.name,
        &it.content,
        &it.rich_content,
        it.is_private,
        it.updated_at
    ];
    c.exec_one(PUT, values).await?;
    c.exec(DELETE_OLDEST, params![project, user, DRAFTS_MAX])
        .await?;
    Ok(())
}

/// A person's draft of this name.
///
/// # Errors
/// When the store fails.
pub async fn find(c: &Conn, project: ProjectId, user: UserId, name: &str) -> Result<Option<Draft>> {
    c.find(FIND, params![project, user, name]).await
}

/// Throws a draft away, if there is one.
///
/// # Errors
/// When the store fails.
pub async fn delete(c: &Conn, project: ProjectId, user: UserId, name: &str) -> Result<()> {
    c.exec(DELETE, params![project, user, name]).await?;
    Ok(())
}
