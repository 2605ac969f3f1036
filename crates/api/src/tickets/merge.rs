//! `POST …/tickets/:id/merge/` (tickets.md 10.6).

use super::items::find;
use super::{check_enabled, key, refused, scene, schema};
use crate::{ApiError, Call, CommonErrors};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::TicketId;
use model::fields::Fields;
use model::tickets::MESSAGE_MAX;
use serde_json::json;
use store::tickets::{self, MergeError, MergeNotes};

/// Merge a ticket into another
///
/// It is resolved and assigned to the caller; both tickets say so. What was merged into it belongs to the other then.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/merge/",
    operation_id = "conversations_tickets_merge_create",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
    ),
    request_body = schema::MergeFields,
    responses(
        CommonErrors,
        (status = 200, description = "Where it went.", body = schema::MergeResult),
        (status = 400, body = schema::ActionError, description = "The body does not fit, or the ticket cannot be merged."),
        (status = 404, body = schema::ActionError, description = "No such project, ticket or target."),
        (status = 409, body = schema::MergeConflict, description = "The target was merged itself; `root_ticket_id` says into which."),
    ),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn merge(mut call: Call) -> Result<Response, ApiError> {
    let key = key(&call)?;
    find(&call).await?;
    check_enabled(&call)?;
    let (scene, user) = (scene(&call)?, call.user_id());
    let project = scene.project;
    let fields = Fields::of(call.json().await?)?;
    let target = TicketId(fields.uuid("target_ticket_id").required()?);
    let note = |name| {
        let note = fields
            .text(name)
            .max(MESSAGE_MAX)
            .allow_blank()
            .nullable()?;
        let note = note.value().filter(|note| !note.is_empty());
        Ok::<_, ApiError>(note)
    };
    let (source_note, target_note) = (note("source_note")?, note("target_note")?);
    let notes = MergeNotes {
        source: (
            source_note,
            fields.boolean("source_note_is_private").or(true)?,
        ),
        target: (
            target_note,
            fields.boolean("target_note_is_private").or(true)?,
        ),
    };
    let merged = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let merged = tickets::merge(c, &scene, user, key, target, &notes).await;
                merged.map_err(refusal)
            })
        })
        .await?;
    call.app.tickets_changed(project);
    call.app.unread_changed(project).await;
    let body = json!({
        "id": merged.source.id,
        "ticket_status": merged.source.status,
        "target_ticket_id": merged.target.id,
        "target_ticket_number": merged.target.number,
    });
    Ok(Json(body).into_response())
}

fn refusal(error: MergeError) -> ApiError {
    match error {
        MergeError::Store(error) => error.into(),
        MergeError::NoSource => ApiError::not_found(),
        MergeError::NoTarget => ApiError::json(
            StatusCode::NOT_FOUND,
            json!({"detail": "Target ticket not found."}),
        ),
        MergeError::Itself => refused("A ticket cannot be merged into itself."),
        MergeError::SourceMerged => refused("This ticket has already been merged."),
        MergeError::TargetMerged { root, number } => ApiError::json(
            StatusCode::CONFLICT,
            json!({
                "detail": format!("The target ticket has been merged into ticket #{number}."),
                "error_type": "target_already_merged",
                "root_ticket_id": root,
                "root_ticket_number": number,
            }),
        ),
    }
}
