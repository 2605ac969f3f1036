//! Macros, also known as quick actions (tickets.md 16.2).

use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params};
use model::macros::{Macro, MacroVisibility};
use model::pagination::Page;
use model::{ProjectId, UserId};
use serde_json::Value as Json;

macro_rules! columns {
    () => {
        "project_id, id, short_id, name, description, content, rich_content, actions, visibility, created_by, \
         created_at, updated_at"
    };
}

macro_rules! visible {
    () => {
        " FROM macro WHERE project_id = ?1 AND (visibility = 'team' OR created_by = ?2)"
    };
}

statements! {
    FIND = concat!("SELECT ", columns!(), visible!(), " AND short_id = ?3");
    LOCK = concat!("SELECT ", columns!(), visible!(), " AND short_id = ?3 /*lock*/");
    LIST = concat!("SELECT ", columns!(), visible!(), " ORDER BY created_at DESC, id DESC LIMIT ?3 OFFSET ?4");
    COUNT = concat!("SELECT count(*)", visible!());
    LIST_TEAM_REPLIES = concat!(
        "SELECT ", columns!(), " FROM macro WHERE project_id = ?1 AND visibility = 'team' AND content <> '' \
         ORDER BY created_at DESC, id DESC LIMIT ?2"
    );
    INSERT = concat!(
        "INSERT INTO macro (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    );
    UPDATE = "UPDATE macro SET name = ?3, description = ?4, content = ?5, rich_content = ?6, actions = ?7, \
                visibility = ?8, updated_at = ?9 WHERE project_id = ?1 AND id = ?2";
    DELETE = "DELETE FROM macro WHERE project_id = ?1 AND id = ?2";
    TAGGING = "SELECT id, actions FROM macro WHERE project_id = ?1 AND actions LIKE '%\"tags\"%' ORDER BY id";
    SET_ACTIONS = "UPDATE macro SET actions = ?3 WHERE project_id = ?1 AND id = ?2";
}

impl FromRow for Macro {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            project_id: row.get()?,
            id: row.get()?,
            short_id: row.get()?,
            name: row.get()?,
            description: row.get()?,
            content: row.get()?,
            rich_content: match row.get::<Option<String>>()? {
                Some(json) => Some(serde_json::from_str(&json).map_err(|_| {
                    crate::Error::Corrupt("macro.rich_content holds no JSON".to_owned())
                })?),
                None => None,
            },
            actions: row.parse("macro.actions", |json| serde_json::from_str(json).ok())?,
            visibility: row.parse("macro.visibility", MacroVisibility::from_word)?,
            created_by: row.get()?,
            created_at: row.get()?,
            updated_at: row.get()?,
        })
    }
}

/// A macro that this person may use.
///
/// # Errors
/// When the store fails.
pub async fn find(
    c: &Conn,
    project: ProjectId,
    user: UserId,
    short_id: &str,
) -> Result<Option<Macro>> {
    c.find(FIND, params![project, user, short_id]).await
}

/// As [`find`], locked until the transaction ends.
///
/// # Errors
/// When the store fails.
pub async fn find_for_update(
    c: &Conn,
    project: ProjectId,
    user: UserId,
    short_id: &str,
) -> Result<Option<Macro>> {
    c.find(LOCK, params![project, user, short_id]).await
}

/// One page of the macros that a person may use, newest first, and how many there are on all pages.
///
/// # Errors
/// When the store fails.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    user: UserId,
    page: Page,
) -> Result<(Vec<Macro>, i64)> {
    let count = c.one(COUNT, params![project, user]).await?;
    let values = params![project, user, page.limit, page.offset];
    Ok((c.all(LIST, values).await?, count))
}

/// The newest macros of the whole team that hold a reply: what the assistant may draw on.
///
/// # Errors
/// When the store fails.
pub async fn list_team_replies(c: &Conn, project: ProjectId, limit: i64) -> Result<Vec<Macro>> {
    c.all(LIST_TEAM_REPLIES, params![project, limit]).await
}

/// Adds a macro.
///
/// # Errors
/// When the store fails.
pub async fn create(c: &Conn, it: &Macro) -> Result<()> {
    let document = it.rich_content.as_ref().map(Json::to_string);
    let actions = Json::Object(it.actions.clone()).to_string();
    let values = params![
        it.project_id,
        it.id,
        &it.short_id,
        &it.name,
        &it.description,
        &it.content,
        &document,
        &actions,
        it.visibility.as_str(),
        it.created_by,
        it.created_at,
        it.updated_at
    ];
    c.exec_one(INSERT, values).await
}

/// Writes back a changed macro.
///
/// # Errors
/// When the store fails.
pub async fn update(c: &Conn, it: &Macro) -> Result<()> {
    let document = it.rich_content.as_ref().map(Json::to_string);
    let actions = Json::Object(it.actions.clone()).to_string();
    let values = params![
        it.project_id,
        it.id,
        &it.name,
        &it.description,
        &it.content,
        &document,
        &actions,
        it.visibility.as_str(),
        it.updated_at
    ];
    c.exec_one(UPDATE, values).await
}

/// Removes a macro for good.
///
/// # Errors
/// When the store fails.
pub async fn delete(c: &Conn, it: &Macro) -> Result<()> {
    c.exec_one(DELETE, params![it.project_id, it.id]).await
}

/// Puts other tags in the place of one in the actions of all macros.
///
/// # Errors
/// When the store fails.
pub(crate) async fn replace_tag(
    c: &Conn,
    project: ProjectId,
    tag: &str,
    by: Option<&str>,
) -> Result<()> {
    let all: Vec<(model::MacroId, String)> = c.all(TAGGING, params![project]).await?;
    for (id, actions) in all {
        let Ok(Json::Object(mut actions)) = serde_json::from_str(&actions) else {
            continue;
        };
        let has_changed = actions
            .get_mut("tags")
            .is_some_and(|list| crate::tickets::tags::replace_in_json(list, tag, by));
        if has_changed {
            let actions = Json::Object(actions).to_string();
            c.exec(SET_ACTIONS, params![project, id, &actions]).await?;
        }
    }
    Ok(())
}
