//! AI conversations: rows 1 to 10 of the published contract, and `DELETE` of a conversation.

mod create;
mod fields;
mod queue;
mod schema;

pub(crate) use schema::UserBasic;
pub(crate) mod stream;

use crate::app::StatusCodes;
use crate::openapi::PlainError;
use crate::{Access, ApiError, Call, CommonErrors, Routes, call};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::ConversationId;
use model::fields::Fields;
use model::pagination::Bounds;
use model::turns::NOTE_MAX;
use serde_json::json;
use std::time::Duration;

/// Default page size of the list; there is no maximum (ai-conversations.md 2).
const PAGE: Bounds = Bounds::PLAIN;

/// What reading and writing conversations needs.
const READ: Access = Access::read("conversation");
const WRITE: Access = Access::write("conversation");

/// The routes of this family. `queue/clear` wins over `queue/:queue_id`.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(READ, list)
        .add::<create::__path_create, _, _>(create::ACCESS, create::create)
        .add::<__path_retrieve, _, _>(READ, retrieve)
        .add::<__path_destroy, _, _>(WRITE, destroy)
        .add::<__path_append_message, _, _>(WRITE, append_message)
        .add::<__path_cancel, _, _>(WRITE, cancel)
        .add::<queue::__path_retrieve, _, _>(READ, queue::retrieve)
        .add::<queue::__path_create, _, _>(WRITE, queue::create)
        .add::<queue::__path_clear, _, _>(WRITE, queue::clear)
        .add::<queue::__path_partial_update, _, _>(WRITE, queue::partial_update)
        .add::<queue::__path_destroy, _, _>(WRITE, queue::destroy)
}

/// The caller's conversations.
///
/// In their minimal form, without messages, the most recently changed first.
#[utoipa::path(
    get,
    path = "/api/environments/{project_id}/conversations/",
    operation_id = "conversations_list",
    tag = "conversations",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100."),
        ("offset" = Option<i64>, Query, description = "Conversations to pass over, default 0."),
    ),
    security(("PersonalAPIKeyAuth" = ["conversation:read"])),
    responses((status = 200, body = schema::PaginatedConversations), CommonErrors),
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let page = call.page(PAGE);
    let user = crate::people::basic(&call.caller.user);
    let (views, count) = call
        .app
        .assistant
        .list(call.project_id()?, user, page.limit, page.offset)
        .await?;
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// A conversation with its messages.
///
/// For everybody in the project: sharing is by link.
#[utoipa::path(
    get,
    path = "/api/environments/{project_id}/conversations/{conversation}/",
    operation_id = "conversations_retrieve",
    tag = "conversations",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("conversation" = Uuid, Path, description = "Id of the conversation."),
    ),
    security(("PersonalAPIKeyAuth" = ["conversation:read"])),
    responses((status = 200, body = schema::Conversation), CommonErrors),
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let found = call
        .app
        .assistant
        .find(call.project_id()?, id(&call)?)
        .await?;
    Ok(Json(found.ok_or_else(ApiError::not_found)?).into_response())
}

/// Delete a conversation.
///
/// A running turn is cancelled first.
#[utoipa::path(
    delete,
    path = "/api/environments/{project_id}/conversations/{conversation}/",
    operation_id = "conversations_destroy",
    tag = "conversations",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("conversation" = Uuid, Path, description = "Id of the conversation."),
    ),
    security(("PersonalAPIKeyAuth" = ["conversation:write"])),
    responses((status = 204, description = "Deleted."), CommonErrors),
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let deleted = call
        .app
        .assistant
        .delete(call.project_id()?, call.user_id(), id(&call)?)
        .await?;
    call::deleted(deleted)
}

/// Stop the running turn.
///
/// Keeps what was written of the answer, marked as cut, and empties the queue; what was in it comes back as
/// `cleared_queue`. Cancelling twice, or when nothing runs, is no error.
#[utoipa::path(
    patch,
    path = "/api/environments/{project_id}/conversations/{conversation}/cancel/",
    operation_id = "conversations_cancel_partial_update",
    tag = "conversations",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("conversation" = Uuid, Path, description = "Id of the conversation."),
    ),
    security(("PersonalAPIKeyAuth" = ["conversation:write"])),
    responses(
        (status = 200, body = schema::Conversation),
        (status = 204, description = "Cancelled, on servers that answer the observed status codes."),
        (status = 422, body = PlainError, description = "It could not be stored; nothing was changed."),
        CommonErrors,
    ),
)]
async fn cancel(call: Call) -> Result<Response, ApiError> {
    let (project, user, id) = (call.project_id()?, call.user_id(), id(&call)?);
    let cancelled = call.app.assistant.cancel(project, user, id).await;
    let cancelled = cancelled.map_err(|error| failed(error, "Failed to cancel conversation"))?;
    let detail = cancelled.ok_or_else(ApiError::not_found)?;
    Ok(match call.app.config.status_codes {
        StatusCodes::Published => Json(detail).into_response(),
        StatusCodes::Observed => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Add a note without asking the assistant.
///
/// It is stored as an `ai` message at the end of the conversation, at once, and is not streamed.
#[utoipa::path(
    post,
    path = "/api/environments/{project_id}/conversations/{conversation}/append_message/",
    operation_id = "conversations_append_message_create",
    tag = "conversations",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("conversation" = Uuid, Path, description = "Id of the conversation."),
    ),
    request_body = schema::AppendMessage,
    security(("PersonalAPIKeyAuth" = ["conversation:write"])),
    responses(
        (status = 200, body = schema::AppendedMessage),
        (status = 201, body = schema::AppendedMessage, description = "On servers that answer the observed status codes."),
        (status = 422, body = PlainError, description = "It could not be stored; nothing was changed."),
        CommonErrors,
    ),
)]
async fn append_message(mut call: Call) -> Result<Response, ApiError> {
    let (project, user, id) = (call.project_id()?, call.user_id(), id(&call)?);
    let content = match note(&mut call).await {
        Ok(content) => content,
        // Whose conversation it is comes before what the body says.
        Err(_) if !call.app.assistant.owns(project, user, id).await? => {
            return Err(ApiError::not_found());
        }
        Err(error) => return Err(error),
    };
    let appended = call
        .app
        .assistant
        .append_message(project, user, id, content.clone())
        .await
        .map_err(|error| failed(error, "Failed to append message"))?;
    let message = appended.ok_or_else(ApiError::not_found)?;
    Ok(match call.app.config.status_codes {
        StatusCodes::Published => Json(json!({"id": message, "content": content})).into_response(),
        StatusCodes::Observed => {
            (StatusCode::CREATED, Json(json!({"id": message}))).into_response()
        }
    })
}

/// The text of a note.
async fn note(call: &mut Call) -> Result<String, ApiError> {
    Ok(Fields::of(call.json().await?)?
        .text("content")
        .max(NOTE_MAX)
        .required()?)
}

impl From<assistant::Error> for ApiError {
    fn from(error: assistant::Error) -> Self {
        match error {
            assistant::Error::Store(error) => error.into(),
            // The next process is up within seconds, and a repeated request with the same trace id is recognised.
            assistant::Error::ShuttingDown => Self::unavailable(Duration::from_secs(5)),
        }
    }
}

/// 422 with the words that clients know, when the store cannot do it (ai-conversations.md 7.1, 7.2). What passes by itself is
/// 503, as everywhere.
fn failed(error: assistant::Error, told: &str) -> ApiError {
    match error {
        assistant::Error::Store(error) if !error.is_passing() => {
            ApiError::hand_made(StatusCode::UNPROCESSABLE_ENTITY, told).because(error)
        }
        other => other.into(),
    }
}

/// The conversation that the path names; what is no UUID names none.
fn id(call: &Call) -> Result<ConversationId, ApiError> {
    call.params
        .uuid("conversation")
        .map(ConversationId)
        .ok_or_else(ApiError::not_found)
}
