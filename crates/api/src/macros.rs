//! `/api/projects/:id/conversations/macros/` and `…/quick_actions/`: the same things under their two names
//! (tickets.md 16.2).

mod quick_actions;
mod schema;

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes, people};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::error::{Code, FieldError};
use model::fields::Fields;
use model::macros::{Macro, MacroChange, MacroVisibility, NAME_MAX};
use model::pagination::Bounds;
use model::tickets::Assignee;
use model::{MacroId, OrganizationId};
use schema::MacroView;
use serde_json::Map;
use store::{Conn, macros};

const PAGE: Bounds = Bounds::PLAIN;
const READ: Access = Access::read("ticket");
const WRITE: Access = Access::write("ticket");

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(READ, list)
        .add::<__path_create, _, _>(WRITE, create)
        .add::<__path_retrieve, _, _>(READ, retrieve)
        .add::<__path_partial_update, _, _>(WRITE, partial_update)
        .add::<__path_destroy, _, _>(WRITE, destroy)
        .merge(quick_actions::routes())
}

/// Macros as clients see them: one look-up for all creators.
async fn show(c: &Conn, found: Vec<Macro>) -> store::Result<Vec<MacroView>> {
    let creators: Vec<_> = found.iter().filter_map(|it| it.created_by).collect();
    let people = store::users::find_many(c, &creators).await?;
    let show = |it: Macro| {
        let creator = it.created_by.and_then(|id| people.get(&id));
        MacroView::of(it, creator.map(people::basic))
    };
    Ok(found.into_iter().map(show).collect())
}

async fn show_one(c: &Conn, it: Macro) -> store::Result<MacroView> {
    let shown = show(c, vec![it]).await?;
    shown.into_iter().next().ok_or(store::Error::NoRow)
}

/// List macros
///
/// Those of the team and the caller's own, newest first.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/macros/",
    operation_id = "conversations_macros_list",
    tag = "macros",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100."),
        ("offset" = Option<i64>, Query, description = "Macros to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of macros.", body = schema::MacroList), CommonErrors),
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
                let (found, count) = macros::list(c, project, user, page).await?;
                Ok::<_, store::Error>((show(c, found).await?, count))
            })
        })
        .await?;
    Ok(Json(call.paginated(page, shown, count)).into_response())
}

/// Make a macro
///
/// It needs a reply or an action. The client carries it out: it puts the reply, with its variables filled, into the
/// composer, and changes the ticket by PATCH.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/macros/",
    operation_id = "conversations_macros_create",
    tag = "macros",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = schema::NewFields,
    responses((status = 201, description = "The macro.", body = MacroView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let (organization, user) = (call.project()?.organization_id, call.user_id());
    let fields = Fields::of(call.json().await?)?;
    fields.text("name").max(NAME_MAX).required()?;
    let change = MacroChange::read(&fields)?;
    let (env, now) = (&call.app.env, call.app.env.now());
    let mut it = Macro {
        project_id: call.project_id()?,
        id: MacroId(env.uuid()),
        short_id: model::secrets::short_id(env),
        name: String::new(),
        description: String::new(),
        content: String::new(),
        rich_content: None,
        actions: Map::new(),
        visibility: MacroVisibility::Team,
        created_by: Some(user),
        created_at: now,
        updated_at: now,
    };
    let assignee = change.assignee;
    it.apply(change, user, now)?;
    let shown = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                check_assignee(c, organization, assignee).await?;
                macros::create(c, &it).await?;
                Ok::<_, ApiError>(show_one(c, it).await?)
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

/// A macro
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/macros/{short_id}/",
    operation_id = "conversations_macros_retrieve",
    tag = "macros",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("short_id" = String, Path, description = "The macro's `short_id`."),
    ),
    responses((status = 200, description = "The macro.", body = MacroView), CommonErrors),
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
                let found = macros::find(c, project, user, &short_id).await?;
                let found = found.ok_or_else(ApiError::not_found)?;
                Ok::<_, ApiError>(show_one(c, found).await?)
            })
        })
        .await?;
    Ok(Json(shown).into_response())
}

/// Change a macro
///
/// Only the members that are named change. `actions` is replaced as a whole, but for an assignee that it does not name.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/conversations/macros/{short_id}/",
    operation_id = "conversations_macros_partial_update",
    tag = "macros",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("short_id" = String, Path, description = "The macro's `short_id`."),
    ),
    request_body = schema::PatchedFields,
    responses((status = 200, description = "The macro as it is now.", body = MacroView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.user_id());
    let organization = call.project()?.organization_id;
    let short_id = call.short_id()?;
    // A macro that does not exist is told before a body that does not fit (conventions.md 2.4).
    let wanted = short_id.clone();
    let known = call
        .app
        .store
        .read(move |c| Box::pin(async move { macros::find(c, project, user, &wanted).await }))
        .await?;
    known.ok_or_else(ApiError::not_found)?;
    let change = MacroChange::read(&Fields::of(call.json().await?)?)?;
    let now = call.app.env.now();
    let shown = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let found = macros::find_for_update(c, project, user, &short_id).await?;
                let mut it = found.ok_or_else(ApiError::not_found)?;
                check_assignee(c, organization, change.assignee).await?;
                it.apply(change, user, now)?;
                macros::update(c, &it).await?;
                Ok::<_, ApiError>(show_one(c, it).await?)
            })
        })
        .await?;
    Ok(Json(shown).into_response())
}

/// Delete a macro
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}/conversations/macros/{short_id}/",
    operation_id = "conversations_macros_destroy",
    tag = "macros",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("short_id" = String, Path, description = "The macro's `short_id`."),
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
                let found = macros::find_for_update(c, project, user, &short_id).await?;
                let found = found.ok_or_else(ApiError::not_found)?;
                Ok::<_, ApiError>(macros::delete(c, &found).await?)
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Refuses an assignee that a ticket would refuse.
async fn check_assignee(
    c: &Conn,
    organization: OrganizationId,
    assignee: Option<Assignee>,
) -> Result<(), ApiError> {
    let Some(assignee) = assignee else {
        return Ok(());
    };
    match store::tickets::check_assignee(c, organization, assignee).await {
        Err(store::tickets::WriteError::Assignee(error)) => {
            let error = FieldError::at("actions__assignee", Code::InvalidInput, error.to_string());
            Err(error.into())
        }
        other => Ok(other?),
    }
}
