//! Saved views of the list of tickets, and whose favourites they are (tickets.md 16.1).

use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params};
use model::pagination::Page;
use model::tickets::{TicketView, ViewVisibility};
use model::{ProjectId, UserId};
use serde_json::Value as Json;

macro_rules! columns {
    () => {
        "v.project_id, v.id, v.short_id, v.name, v.filters, v.visibility, v.created_by, v.created_at"
    };
}

macro_rules! visible {
    () => {
        " WHERE v.project_id = ?1 AND (v.visibility = 'shared' OR v.created_by IS NULL OR v.created_by = ?2)"
    };
}

macro_rules! favorite {
    () => {
        "EXISTS (SELECT 1 FROM ticket_view_favorite f \
           WHERE f.project_id = v.project_id AND f.user_id = ?2 AND f.view_id = v.id)"
    };
}

statements! {
    FIND = concat!(
        "SELECT ", columns!(), ", ", favorite!(), " FROM ticket_view v", visible!(), " AND v.short_id = ?3"
    );
    LOCK = concat!(
        "SELECT ", columns!(), ", ", favorite!(), " FROM ticket_view v", visible!(), " AND v.short_id = ?3 /*lock*/"
    );
    LIST = concat!(
        "SELECT ", columns!(), ", ", favorite!(), " FROM ticket_view v", visible!(),
        " ORDER BY ", favorite!(), " DESC, v.created_at DESC, v.id DESC LIMIT ?3 OFFSET ?4"
    );
    COUNT = concat!("SELECT count(*) FROM ticket_view v", visible!());
    COUNT_ALL = "SELECT count(*) FROM ticket_view WHERE project_id = ?1";
    LIST_ALL = "SELECT id, filters FROM ticket_view WHERE project_id = ?1 ORDER BY id";
    INSERT = "INSERT INTO ticket_view (project_id, id, short_id, name, filters, visibility, created_by, created_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    UPDATE = "UPDATE ticket_view SET name = ?3, filters = ?4, visibility = ?5 WHERE project_id = ?1 AND id = ?2";
    SET_FILTERS = "UPDATE ticket_view SET filters = ?3 WHERE project_id = ?1 AND id = ?2";
    DELETE_FAVORITES = "DELETE FROM ticket_view_favorite WHERE project_id = ?1 AND view_id = ?2";
    DELETE = "DELETE FROM ticket_view WHERE project_id = ?1 AND id = ?2";
    ADD_FAVORITE = "INSERT INTO ticket_view_favorite (project_id, user_id, view_id) VALUES (?1, ?2, ?3) \
                    ON CONFLICT (project_id, user_id, view_id) DO NOTHING";
    DROP_FAVORITE = "DELETE FROM ticket_view_favorite WHERE project_id = ?1 AND user_id = ?2 AND view_id = ?3";
}

/// A view as one person finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundView {
    /// The view.
    pub view: TicketView,
    /// One of the person's favourites.
    pub is_favorited: bool,
}

impl FromRow for FoundView {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            view: TicketView {
                project_id: row.get()?,
                id: row.get()?,
                short_id: row.get()?,
                name: row.get()?,
                filters: row.parse("ticket_view.filters", |json| {
                    serde_json::from_str(json).ok()
                })?,
                visibility: row.parse("ticket_view.visibility", ViewVisibility::from_word)?,
                created_by: row.get()?,
                created_at: row.get()?,
            },
            is_favorited: row.get()?,
        })
    }
}

/// A view that this person sees.
///
/// # Errors
/// When the store fails.
pub async fn find(
    c: &Conn,
    project: ProjectId,
    user: UserId,
    short_id: &str,
) -> Result<Option<FoundView>> {
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
) -> Result<Option<FoundView>> {
    c.find(LOCK, params![project, user, short_id]).await
}

/// One page of the views that a person sees, the person's favourites first, then the newest, and how many there are
/// on all pages.
///
/// # Errors
/// When the store fails.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    user: UserId,
    page: Page,
) -> Result<(Vec<FoundView>, i64)> {
    let count = c.one(COUNT, params![project, user]).await?;
    let values = params![project, user, page.limit, page.offset];
    Ok((c.all(LIST, values).await?, count))
}

/// How many views the project has, whoever sees them.
///
/// # Errors
/// When the store fails.
pub async fn count_all(c: &Conn, project: ProjectId) -> Result<i64> {
    c.one(COUNT_ALL, params![project]).await
}

/// Adds a view.
///
/// # Errors
/// When the store fails.
pub async fn create(c: &Conn, view: &TicketView) -> Result<()> {
    let filters = filters_json(view);
    let values = params![
        view.project_id,
        view.id,
        &view.short_id,
        &view.name,
        &filters,
        view.visibility.as_str(),
        view.created_by,
        view.created_at
    ];
    c.exec_one(INSERT, values).await
}

/// Writes back a changed view.
///
/// # Errors
/// When the store fails.
pub async fn update(c: &Conn, view: &TicketView) -> Result<()> {
    let filters = filters_json(view);
    let values = params![
        view.project_id,
        view.id,
        &view.name,
        &filters,
        view.visibility.as_str()
    ];
    c.exec_one(UPDATE, values).await
}

/// Makes a view a person's favourite, or no longer one. Doing it twice changes nothing.
///
/// # Errors
/// When the store fails.
pub async fn set_favorite(
    c: &Conn,
    view: &TicketView,
    user: UserId,
    is_favorited: bool,
) -> Result<()> {
    let statement = match is_favorited {
        true => ADD_FAVORITE,
        false => DROP_FAVORITE,
    };
    c.exec(statement, params![view.project_id, user, view.id])
        .await?;
    Ok(())
}

/// Removes a view for good.
///
/// # Errors
/// When the store fails.
pub async fn delete(c: &Conn, view: &TicketView) -> Result<()> {
    for statement in [DELETE_FAVORITES, DELETE] {
        c.exec(statement, params![view.project_id, view.id]).await?;
    }
    Ok(())
}

/// Puts other tags in the place of one in the filters of all views.
///
/// # Errors
/// When the store fails.
pub(crate) async fn replace_tag(
    c: &Conn,
    project: ProjectId,
    tag: &str,
    by: Option<&str>,
) -> Result<()> {
    let all: Vec<(model::ViewId, String)> = c.all(LIST_ALL, params![project]).await?;
    for (id, filters) in all {
        let Ok(Json::Object(mut filters)) = serde_json::from_str(&filters) else {
            continue;
        };
        let mut has_changed = false;
        for name in ["tags", "tagsExclude"] {
            if let Some(list) = filters.get_mut(name) {
                has_changed |= crate::tickets::tags::replace_in_json(list, tag, by);
            }
        }
        if has_changed {
            let filters = Json::Object(filters).to_string();
            c.exec(SET_FILTERS, params![project, id, &filters]).await?;
        }
    }
    Ok(())
}

fn filters_json(view: &TicketView) -> String {
    Json::Object(view.filters.clone()).to_string()
}
