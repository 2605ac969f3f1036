//! `/api/projects/:id/conversations/views/`: saved views of the list of tickets (tickets.md 16.1), and the numbers that
//! an inbox shows beside them.

mod counts;

use crate::conversations::UserBasic;
use crate::openapi::CommonErrors;
use crate::page::page_schema;
use crate::{Access, ApiError, Call, Routes, people};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::conversations::UserView;
use model::error::{Code, FieldError};
use model::fields::Fields;
use model::pagination::Bounds;
use model::tickets::{
    BuiltInView, TicketView, VIEW_NAME_MAX, VIEWS_MAX, ViewChange, ViewVisibility, query_with_view,
};
use model::{Timestamp, ViewId};
use serde::Serialize;
use serde_json::{Map, Value};
use store::Conn;
use store::views::{self, FoundView};
use utoipa::ToSchema;

const PAGE: Bounds = Bounds::PLAIN;
const READ: Access = Access::read("ticket");
const WRITE: Access = Access::write("ticket");

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(READ, list)
        .add::<__path_create, _, _>(WRITE, create)
        .add::<counts::__path_counts, _, _>(READ, counts::counts)
        .add::<__path_retrieve, _, _>(READ, retrieve)
        .add::<__path_partial_update, _, _>(WRITE, partial_update)
        .add::<__path_destroy, _, _>(WRITE, destroy)
}

/// The query of a request for the list of tickets, with the filters of the view that it names under its own
/// (tickets.md 3): a saved view that the caller sees, or one that every inbox has.
///
/// # Errors
/// 400 at `view` when there is none.
pub(crate) async fn query_of(call: &Call) -> Result<String, ApiError> {
    let query = call.query.raw();
    let Some(name) = call.query.text("view").filter(|name| !name.is_empty()) else {
        return Ok(query.to_owned());
    };
    if let Some(view) = BuiltInView::from_word(&name) {
        return Ok(query_with_view(query, &view.filters()));
    }
    let unknown = || {
        let detail = "No saved ticket view matches this short_id.";
        FieldError::at("view", Code::InvalidInput, detail)
    };
    if name.contains('\0') {
        return Err(unknown().into());
    }
    let (project, user) = (call.project_id()?, call.user_id());
    let found = call
        .app
        .store
        .read(move |c| Box::pin(async move { views::find(c, project, user, &name).await }))
        .await?;
    let found = found.ok_or_else(unknown)?;
    Ok(query_with_view(query, &found.view.filters))
}

/// A saved view of the list of tickets.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketListView)]
struct ShownView {
    #[schema(value_type = Uuid)]
    id: ViewId,
    /// What it is addressed by, also as `view` of the list.
    short_id: String,
    name: String,
    /// As they were sent.
    #[schema(value_type = Object)]
    filters: Map<String, Value>,
    /// `shared` or `private`.
    #[schema(value_type = String)]
    visibility: ViewVisibility,
    /// One of the caller's favourites.
    is_favorited: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Null when the account is gone.
    #[schema(value_type = Option<UserBasic>, required = true)]
    created_by: Option<UserView>,
}

/// A view to be saved.
#[derive(ToSchema)]
#[schema(as = TicketListViewCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewFields {
    #[schema(min_length = 1, max_length = 400)]
    name: String,
    /// At most 10,000 characters as JSON. The list understands `status`, `priority`, `channel`, `sla`, `assignee`, `tags`,
    /// `tagsMatch` (`any`, `all`), `tagsExclude`, `aiTriageResult`, `dateFrom`, `dateTo`, `search`, `snoozed` and
    /// `sorting` (`{columnKey, order}`).
    #[schema(required = false, value_type = Object)]
    filters: Value,
    #[schema(required = false, pattern = "^(shared|private)$")]
    visibility: String,
    #[schema(required = false)]
    is_favorited: bool,
}

/// What is to be changed of a view.
#[derive(ToSchema)]
#[schema(as = PatchedTicketListView)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct PatchedFields {
    #[schema(required = false, min_length = 1, max_length = 400)]
    name: String,
    /// Replaces all filters.
    #[schema(required = false, value_type = Object)]
    filters: Value,
    /// Only its creator may change it.
    #[schema(required = false, pattern = "^(shared|private)$")]
    visibility: String,
    /// For the caller only.
    #[schema(required = false)]
    is_favorited: bool,
}

page_schema! {
    /// A page of views.
    ViewList of ShownView as PaginatedTicketListViewList
}

/// Views as clients see them: one look-up for all creators.
async fn show(c: &Conn, found: Vec<FoundView>) -> store::Result<Vec<ShownView>> {
    let creators: Vec<_> = found.iter().filter_map(|it| it.view.created_by).collect();
    let people = store::users::find_many(c, &creators).await?;
    let show = |FoundView { view, is_favorited }: FoundView| ShownView {
        id: view.id,
        visibility: view.shown_visibility(),
        created_by: view
            .created_by
            .and_then(|id| people.get(&id))
            .map(people::basic),
        short_id: view.short_id,
        name: view.name,
        filters: view.filters,
        is_favorited,
        created_at: view.created_at,
    };
    Ok(found.into_iter().map(show).collect())
}

async fn show_one(c: &Conn, found: FoundView) -> store::Result<ShownView> {
    let shown = show(c, vec![found]).await?;
    shown.into_iter().next().ok_or(store::Error::NoRow)
}

/// List saved views
///
/// The caller's favourites first, then the newest. Private views of others are not there.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/views/",
    operation_id = "conversations_views_list",
    tag = "views",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100."),
        ("offset" = Option<i64>, Query, description = "Views to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of views.", body = ViewList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.user_id());
    let page = call.page(PAGE);
    let (shown, count) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let (found, count) = views::list(c, project, user, page).await?;
                Ok::<_, store::Error>((show(c, found).await?, count))
            })
        })
        .await?;
    Ok(Json(call.paginated(page, shown, count)).into_response())
}

/// Save a view
///
/// Of the list of tickets. A project has at most 500.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/views/",
    operation_id = "conversations_views_create",
    tag = "views",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = NewFields,
    responses((status = 201, description = "The view.", body = ShownView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.user_id());
    let fields = Fields::of(call.json().await?)?;
    let name = fields.text("name").max(VIEW_NAME_MAX).required()?;
    let change = ViewChange::read(&fields)?;
    let env = &call.app.env;
    let view = TicketView {
        project_id: project,
        id: ViewId(env.uuid()),
        short_id: model::secrets::short_id(env),
        name,
        filters: change.filters.unwrap_or_default(),
        visibility: change.visibility.unwrap_or(ViewVisibility::Shared),
        created_by: Some(user),
        created_at: env.now(),
    };
    let is_favorited = change.is_favorited.unwrap_or(false);
    let shown = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                if views::count_all(c, project).await? >= VIEWS_MAX {
                    let detail = format!("A project can have no more than {VIEWS_MAX} views.");
                    return Err(FieldError::whole(Code::InvalidInput, detail).into());
                }
                views::create(c, &view).await?;
                if is_favorited {
                    views::set_favorite(c, &view, user, true).await?;
                }
                let found = FoundView { view, is_favorited };
                Ok::<_, ApiError>(show_one(c, found).await?)
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

/// A saved view
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/views/{short_id}/",
    operation_id = "conversations_views_retrieve",
    tag = "views",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("short_id" = String, Path, description = "The view's `short_id`."),
    ),
    responses((status = 200, description = "The view.", body = ShownView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.user_id());
    let short_id = call.short_id()?;
    let shown = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let found = views::find(c, project, user, &short_id).await?;
                let found = found.ok_or_else(ApiError::not_found)?;
                Ok::<_, ApiError>(show_one(c, found).await?)
            })
        })
        .await?;
    Ok(Json(shown).into_response())
}

/// Change a saved view
///
/// Only the members that are named change. `is_favorited` is the caller's own, `visibility` its creator's to change.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/conversations/views/{short_id}/",
    operation_id = "conversations_views_partial_update",
    tag = "views",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("short_id" = String, Path, description = "The view's `short_id`."),
    ),
    request_body = PatchedFields,
    responses((status = 200, description = "The view as it is now.", body = ShownView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.user_id());
    let short_id = call.short_id()?;
    // A view that does not exist is told before a body that does not fit (conventions.md 2.4).
    let wanted = short_id.clone();
    let known = call
        .app
        .store
        .read(move |c| Box::pin(async move { views::find(c, project, user, &wanted).await }))
        .await?;
    known.ok_or_else(ApiError::not_found)?;
    let change = ViewChange::read(&Fields::of(call.json().await?)?)?;
    let shown = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let found = views::find_for_update(c, project, user, &short_id).await?;
                let mut found = found.ok_or_else(ApiError::not_found)?;
                if let Some(is_favorited) = change.is_favorited {
                    views::set_favorite(c, &found.view, user, is_favorited).await?;
                    found.is_favorited = is_favorited;
                }
                found.view.apply(change, user)?;
                views::update(c, &found.view).await?;
                Ok::<_, ApiError>(show_one(c, found).await?)
            })
        })
        .await?;
    Ok(Json(shown).into_response())
}

/// Delete a saved view
///
/// For good, and for everybody who saw it.
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}/conversations/views/{short_id}/",
    operation_id = "conversations_views_destroy",
    tag = "views",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("short_id" = String, Path, description = "The view's `short_id`."),
    ),
    responses((status = 204, description = "Deleted."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.user_id());
    let short_id = call.short_id()?;
    call.app
        .store
        .write(move |c| {
            Box::pin(async move {
                let found = views::find_for_update(c, project, user, &short_id).await?;
                let found = found.ok_or_else(ApiError::not_found)?;
                Ok::<_, ApiError>(views::delete(c, &found.view).await?)
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
