//! `GET, PUT, DELETE /api/projects/:id/conversations/drafts/:key/`: what the caller has begun to write, to be found
//! again on another device.

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::Timestamp;
use model::drafts::{DraftText, is_name};
use model::fields::Fields;
use serde::Serialize;
use serde_json::value::RawValue;
use store::drafts::{self, Draft};
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_retrieve, _, _>(Access::read("ticket"), retrieve)
        .add::<__path_update, _, _>(Access::write("ticket"), update)
        .add::<__path_destroy, _, _>(Access::write("ticket"), destroy)
}

/// What the caller has begun to write.
#[derive(Serialize, ToSchema)]
#[schema(as = Draft)]
struct DraftView {
    key: String,
    /// Markdown.
    content: String,
    /// The editor's document.
    #[schema(value_type = serde_json::Value, required = true)]
    rich_content: Option<Box<RawValue>>,
    /// Whether it is to be a note for the team.
    is_private: bool,
    /// Null when nothing has been begun.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    updated_at: Option<Timestamp>,
}

impl DraftView {
    fn of(draft: Draft) -> Result<Self, ApiError> {
        let json = draft.rich_content.map(RawValue::from_string).transpose();
        Ok(Self {
            key: draft.name,
            content: draft.content,
            rich_content: json.map_err(ApiError::internal)?,
            is_private: draft.is_private,
            updated_at: Some(draft.updated_at),
        })
    }

    /// Nothing has been begun.
    fn none(key: String) -> Self {
        Self {
            key,
            content: String::new(),
            rich_content: None,
            is_private: false,
            updated_at: None,
        }
    }
}

/// A draft to be kept.
#[derive(ToSchema)]
#[schema(as = DraftUpdate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct DraftFields {
    /// Markdown. Together with `rich_content` at most 102,400 bytes.
    content: Option<String>,
    /// The editor's document.
    #[schema(value_type = serde_json::Value, required = false)]
    rich_content: Option<serde_json::Value>,
    /// Whether it is to be a note for the team.
    is_private: Option<bool>,
}

fn key(call: &Call) -> Result<String, ApiError> {
    let key = call.params.text("key");
    if is_name(key) {
        Ok(key.to_owned())
    } else {
        Err(ApiError::not_found())
    }
}

/// A draft
///
/// Of the caller's own. One that was never begun, or was thrown away, is empty.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/drafts/{key}/",
    operation_id = "conversations_drafts_retrieve",
    tag = "drafts",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("key" = String, Path, description = "Id of a ticket, `new`, or another word of letters, digits, dashes and underscores; at most 100."),
    ),
    responses((status = 200, description = "The draft.", body = DraftView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let (project, user, key) = (call.project_id()?, call.user_id(), key(&call)?);
    let name = key.clone();
    let found = call
        .app
        .store
        .read(move |c| Box::pin(async move { drafts::find(c, project, user, &name).await }))
        .await?;
    let view = match found {
        Some(draft) => DraftView::of(draft)?,
        None => DraftView::none(key),
    };
    Ok(Json(view).into_response())
}

/// Keep a draft
///
/// In the place of the one of the same key. A person has at most 200 in a project; the oldest go.
#[utoipa::path(
    put,
    path = "/api/projects/{project_id}/conversations/drafts/{key}/",
    operation_id = "conversations_drafts_update",
    tag = "drafts",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("key" = String, Path, description = "Id of a ticket, `new`, or another word of letters, digits, dashes and underscores; at most 100."),
    ),
    request_body = DraftFields,
    responses((status = 200, description = "The draft.", body = DraftView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn update(mut call: Call) -> Result<Response, ApiError> {
    let (project, user, key) = (call.project_id()?, call.user_id(), key(&call)?);
    let text = DraftText::read(&Fields::of(call.json().await?)?)?;
    let draft = Draft {
        name: key,
        content: text.content,
        rich_content: text.rich_content,
        is_private: text.is_private,
        updated_at: call.app.env.now(),
    };
    let draft = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                drafts::put(c, project, user, &draft).await?;
                Ok::<_, store::Error>(draft)
            })
        })
        .await?;
    Ok(Json(DraftView::of(draft)?).into_response())
}

/// Throw a draft away
///
/// One that is not there is no error.
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}/conversations/drafts/{key}/",
    operation_id = "conversations_drafts_destroy",
    tag = "drafts",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("key" = String, Path, description = "Key of the draft."),
    ),
    responses((status = 204, description = "There is no such draft any more."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let (project, user, key) = (call.project_id()?, call.user_id(), key(&call)?);
    call.app
        .store
        .write(move |c| Box::pin(async move { drafts::delete(c, project, user, &key).await }))
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
