//! The newer name of macros.

use super::schema::{self, MacroView};
use super::{READ, WRITE};
use crate::openapi::CommonErrors;
use crate::{ApiError, Call, Routes};
use axum::response::Response;

pub(super) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(READ, list)
        .add::<__path_create, _, _>(WRITE, create)
        .add::<__path_retrieve, _, _>(READ, retrieve)
        .add::<__path_partial_update, _, _>(WRITE, partial_update)
        .add::<__path_destroy, _, _>(WRITE, destroy)
}

/// List quick actions
///
/// The same as macros.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/quick_actions/",
    operation_id = "conversations_quick_actions_list",
    tag = "macros",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100."),
        ("offset" = Option<i64>, Query, description = "Quick actions to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of quick actions.", body = schema::MacroList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    super::list(call).await
}

/// Make a quick action
///
/// The same as a macro.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/quick_actions/",
    operation_id = "conversations_quick_actions_create",
    tag = "macros",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = schema::NewFields,
    responses((status = 201, description = "The quick action.", body = MacroView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn create(call: Call) -> Result<Response, ApiError> {
    super::create(call).await
}

/// A quick action
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/quick_actions/{short_id}/",
    operation_id = "conversations_quick_actions_retrieve",
    tag = "macros",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("short_id" = String, Path, description = "Its `short_id`."),
    ),
    responses((status = 200, description = "The quick action.", body = MacroView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    super::retrieve(call).await
}

/// Change a quick action
///
/// Only the members that are named change.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/conversations/quick_actions/{short_id}/",
    operation_id = "conversations_quick_actions_partial_update",
    tag = "macros",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("short_id" = String, Path, description = "Its `short_id`."),
    ),
    request_body = schema::PatchedFields,
    responses((status = 200, description = "The quick action as it is now.", body = MacroView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn partial_update(call: Call) -> Result<Response, ApiError> {
    super::partial_update(call).await
}

/// Delete a quick action
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}/conversations/quick_actions/{short_id}/",
    operation_id = "conversations_quick_actions_destroy",
    tag = "macros",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("short_id" = String, Path, description = "Its `short_id`."),
    ),
    responses((status = 204, description = "Deleted."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    super::destroy(call).await
}
