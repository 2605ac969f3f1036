//! `…/conversations/:conversation/queue…`: what a user types while a turn runs (ai-conversations.md 6).

use super::fields::{MessageFields, Mode, check_ui_context, message_fields, mode, no_sandbox};
use super::schema;
use crate::app::StatusCodes;
use crate::{ApiError, Call, CommonErrors};
use assistant::{NewQueueItem, QueueAnswer};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::fields::Fields;
use model::queue::{QUEUE_MAX, QueueItem, QueueRefusal};
use model::turns::{CONTENT_MAX, TurnOptions};
use model::{ConversationId, ProjectId, QueueItemId, UserId};
use serde_json::{Value, json};

type Target = (ProjectId, UserId, ConversationId);

/// The waiting messages.
#[utoipa::path(
    get,
    path = "/api/environments/{project_id}/conversations/{conversation}/queue/",
    operation_id = "conversations_queue_retrieve",
    tag = "queue",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("conversation" = Uuid, Path, description = "Id of the conversation."),
    ),
    security(("PersonalAPIKeyAuth" = ["conversation:read"])),
    responses(
        CommonErrors,
        (status = 200, body = schema::Queue),
        (status = 403, body = schema::AnyError, description = "The key lacks a scope, or the conversation is another user's."),
        (status = 404, body = schema::AnyError, description = "No such project, or no such conversation."),
    ),
)]
pub(super) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let (project, user, id) = target(&call)?;
    respond(call.app.assistant.list_queue(project, user, id).await?)
}

/// Queue a message.
///
/// It runs when the running turn has ended; on an idle conversation it is held until after the next turn, or refused
/// with `Prefer: handling=strict`.
#[utoipa::path(
    post,
    path = "/api/environments/{project_id}/conversations/{conversation}/queue/",
    operation_id = "conversations_queue_create",
    tag = "queue",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("conversation" = Uuid, Path, description = "Id of the conversation."),
    ),
    request_body = schema::QueueMessageCreate,
    security(("PersonalAPIKeyAuth" = ["conversation:write"])),
    responses(
        CommonErrors,
        (status = 200, body = schema::Queue),
        (status = 403, body = schema::AnyError, description = "The key lacks a scope, or the conversation is another user's."),
        (status = 404, body = schema::AnyError, description = "No such project, or no such conversation."),
        (status = 409, body = schema::QueueConflict, description = "The message cannot be queued now."),
    ),
)]
pub(super) async fn create(mut call: Call) -> Result<Response, ApiError> {
    let (project, user, id) = target(&call)?;
    // Whose conversation it is comes before what the body says.
    found(call.app.assistant.list_queue(project, user, id).await?)?;
    let session_id = call.header("x-posthog-session-id").map(str::to_owned);
    let strict = prefers(&call, "handling=strict");
    let body = call.json().await?.clone();
    let fields = Fields::of(&body)?;
    let content = fields.text("content").max(CONTENT_MAX).required()?;
    let MessageFields {
        contextual_tools,
        ui_context,
        billing_context,
    } = message_fields(&fields)?;
    let trace_id = fields.uuid("trace_id").nullable()?.value();
    let Mode {
        agent_mode,
        asks_for_sandbox,
    } = mode(&fields)?;
    check_ui_context(ui_context.as_ref())?;
    if asks_for_sandbox {
        return Err(no_sandbox());
    }
    let options = TurnOptions {
        agent_mode,
        contextual_tools,
        ui_context,
        billing_context,
        session_id,
        resume_payload: None,
    };
    let new = NewQueueItem {
        content,
        trace_id,
        options,
        strict,
    };
    let answer = call
        .app
        .assistant
        .add_to_queue(project, user, id, new)
        .await?;
    let (items, status) = found(answer)?;
    let mut view = view(&items);
    view["status"] = json!(status);
    Ok(Json(view).into_response())
}

/// Replace the text of a waiting message.
///
/// Its place in the queue and everything else stay.
#[utoipa::path(
    patch,
    path = "/api/environments/{project_id}/conversations/{conversation}/queue/{queue_id}/",
    operation_id = "conversations_queue_partial_update",
    tag = "queue",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("conversation" = Uuid, Path, description = "Id of the conversation."),
        ("queue_id" = Uuid, Path, description = "Id of the waiting message."),
    ),
    request_body = schema::QueueMessageUpdate,
    security(("PersonalAPIKeyAuth" = ["conversation:write"])),
    responses(
        CommonErrors,
        (status = 200, body = schema::Queue),
        (status = 403, body = schema::AnyError, description = "The key lacks a scope, or the conversation is another user's."),
        (status = 404, body = schema::QueueItemNotFound, description = "No such project, conversation or waiting message."),
    ),
)]
pub(super) async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let (project, user, id) = target(&call)?;
    let item = item(&call, (project, user, id)).await?;
    let body = call.json().await?.clone();
    let content = Fields::of(&body)?
        .text("content")
        .max(CONTENT_MAX)
        .required()?;
    respond(
        call.app
            .assistant
            .update_in_queue(project, user, id, item, content)
            .await?,
    )
}

/// Remove a waiting message.
///
/// With `Prefer: return=representation` the answer is 200 and the remaining queue.
#[utoipa::path(
    delete,
    path = "/api/environments/{project_id}/conversations/{conversation}/queue/{queue_id}/",
    operation_id = "conversations_queue_destroy",
    tag = "queue",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("conversation" = Uuid, Path, description = "Id of the conversation."),
        ("queue_id" = Uuid, Path, description = "Id of the waiting message."),
    ),
    security(("PersonalAPIKeyAuth" = ["conversation:write"])),
    responses(
        CommonErrors,
        (status = 204, description = "Removed."),
        (status = 200, body = schema::Queue, description = "Removed; this is the rest."),
        (status = 403, body = schema::AnyError, description = "The key lacks a scope, or the conversation is another user's."),
        (status = 404, body = schema::QueueItemNotFound, description = "No such project, conversation or waiting message."),
    ),
)]
pub(super) async fn destroy(call: Call) -> Result<Response, ApiError> {
    let (project, user, id) = target(&call)?;
    let item = item(&call, (project, user, id)).await?;
    let (items, _) = found(
        call.app
            .assistant
            .delete_from_queue(project, user, id, item)
            .await?,
    )?;
    let observed = call.app.config.status_codes == StatusCodes::Observed;
    if observed || prefers(&call, "return=representation") {
        return Ok(Json(view(&items)).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Remove all waiting messages.
#[utoipa::path(
    post,
    path = "/api/environments/{project_id}/conversations/{conversation}/queue/clear/",
    operation_id = "conversations_queue_clear_create",
    tag = "queue",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("conversation" = Uuid, Path, description = "Id of the conversation."),
    ),
    security(("PersonalAPIKeyAuth" = ["conversation:write"])),
    responses(
        CommonErrors,
        (status = 200, body = schema::Queue),
        (status = 403, body = schema::AnyError, description = "The key lacks a scope, or the conversation is another user's."),
        (status = 404, body = schema::AnyError, description = "No such project, or no such conversation."),
    ),
)]
pub(super) async fn clear(call: Call) -> Result<Response, ApiError> {
    let (project, user, id) = target(&call)?;
    respond(call.app.assistant.clear_queue(project, user, id).await?)
}

fn target(call: &Call) -> Result<Target, ApiError> {
    let id = call.params.uuid("conversation").ok_or_else(missing)?;
    Ok((call.project_id()?, call.user_id(), ConversationId(id)))
}

/// The waiting message that the path names; an unknown one is a 404 whatever the body says.
async fn item(call: &Call, (project, user, id): Target) -> Result<QueueItemId, ApiError> {
    let Some(item) = call.params.uuid("queue_id").map(QueueItemId) else {
        found(call.app.assistant.list_queue(project, user, id).await?)?;
        return Err(no_such_item());
    };
    found(
        call.app
            .assistant
            .find_in_queue(project, user, id, item)
            .await?,
    )?;
    Ok(item)
}

/// Whether the client prefers something (RFC 7240).
fn prefers(call: &Call, preference: &str) -> bool {
    let mut headers = call
        .headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok());
    headers.any(|value| {
        value.split([',', ';']).any(|token| {
            token
                .replace([' ', '"'], "")
                .eq_ignore_ascii_case(preference)
        })
    })
}

fn respond(answer: QueueAnswer) -> Result<Response, ApiError> {
    let (items, _) = found(answer)?;
    Ok(Json(view(&items)).into_response())
}

fn view(items: &[QueueItem]) -> Value {
    let messages: Vec<Value> = items.iter().map(QueueItem::to_view).collect();
    json!({"messages": messages, "max_queue_messages": QUEUE_MAX})
}

fn found(answer: QueueAnswer) -> Result<(Vec<QueueItem>, model::conversations::Status), ApiError> {
    match answer {
        QueueAnswer::Queue { items, status } => Ok((items, status)),
        QueueAnswer::Missing => Err(missing()),
        QueueAnswer::Foreign => Err(ApiError::hand_made(
            StatusCode::FORBIDDEN,
            "Cannot access other users' conversations",
        )),
        QueueAnswer::NoSuchItem => Err(no_such_item()),
        QueueAnswer::Refused(QueueRefusal::Full) => Err(ApiError::json(
            StatusCode::CONFLICT,
            json!({"error": "queue_full", "detail": "Only two messages can be queued at a time."}),
        )),
        QueueAnswer::Refused(QueueRefusal::NotRunning) => Err(ApiError::json(
            StatusCode::CONFLICT,
            json!({
                "error": "not_running",
                "detail": "No turn is running, so nothing would follow it. Send the message as an ordinary turn.",
            }),
        )),
    }
}

fn missing() -> ApiError {
    ApiError::hand_made(StatusCode::NOT_FOUND, "Conversation not found")
}

fn no_such_item() -> ApiError {
    ApiError::json(
        StatusCode::NOT_FOUND,
        json!({"detail": "Queue message not found."}),
    )
}
