//! `PATCH, DELETE …/tickets/:id/notes/:message_id/`: a note's own author may change it (tickets.md 10.8).

use super::messages::{Gathered, MessageView, text};
use super::{key, scene, schema};
use crate::{ApiError, Call, CommonErrors};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::fields::Fields;
use model::tickets::{MessageError, rich_content};
use model::{MessageId, media};
use serde_json::json;
use store::tickets::{self, MessageWriteError};

/// Change a note
///
/// Only private messages, only by whoever wrote them.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/notes/{message_id}/",
    operation_id = "conversations_tickets_notes_partial_update",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
        ("message_id" = String, Path, description = "UUID of the note."),
    ),
    request_body = schema::NoteFields,
    responses(
        CommonErrors,
        (status = 200, description = "The note as it is now.", body = MessageView),
        (status = 400, body = schema::ActionError, description = "The body does not fit, or the message is public."),
        (status = 403, body = schema::ActionError, description = "The key lacks a scope, or somebody else wrote the note."),
        (status = 404, body = schema::ActionError, description = "No such project, ticket or note."),
    ),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let (key, scene, user) = (key(&call)?, scene(&call)?, call.user_id());
    // What may not be changed is told before a body that does not fit.
    let id = check(&call, EDIT).await?;
    let fields = Fields::of(call.json().await?)?;
    let content = (text(&fields)?, rich_content(&fields)?);
    media::check_linked(&content.0, content.1.as_ref())?;
    let project = scene.project;
    let (ticket, note) = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let may = |message: &model::tickets::Message| message.check_note(user);
                let edited = tickets::edit_message(c, &scene, key, id, may, content).await;
                edited.map_err(|error| refusal(error, EDIT))
            })
        })
        .await?;
    call.app.tickets_changed(project);
    let shown = Gathered::own(ticket, note, &call.caller.user).show_one()?;
    Ok(Json(shown).into_response())
}

/// Delete a note
///
/// Only private messages, only by whoever wrote them.
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/notes/{message_id}/",
    operation_id = "conversations_tickets_notes_destroy",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
        ("message_id" = String, Path, description = "UUID of the note."),
    ),
    responses(
        CommonErrors,
        (status = 204, description = "Deleted."),
        (status = 400, body = schema::ActionError, description = "The message is public."),
        (status = 403, body = schema::ActionError, description = "The key lacks a scope, or somebody else wrote the note."),
        (status = 404, body = schema::ActionError, description = "No such project, ticket or note."),
    ),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn destroy(call: Call) -> Result<Response, ApiError> {
    let (key, scene, user) = (key(&call)?, scene(&call)?, call.user_id());
    let id = check(&call, DELETE).await?;
    let project = scene.project;
    call.app
        .store
        .write(move |c| {
            Box::pin(async move {
                let may = |message: &model::tickets::Message| message.check_note(user);
                let deleted = tickets::delete_message(c, &scene, key, id, may).await;
                deleted.map_err(|error| refusal(error, DELETE))
            })
        })
        .await?;
    call.app.tickets_changed(project);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What the refusals say is not to be done.
#[derive(Clone, Copy)]
struct Verb {
    infinitive: &'static str,
    participle: &'static str,
}

const EDIT: Verb = Verb {
    infinitive: "edit",
    participle: "edited",
};
const DELETE: Verb = Verb {
    infinitive: "delete",
    participle: "deleted",
};

/// The id of the note that the path names, if the caller may change it.
async fn check(call: &Call, verb: Verb) -> Result<MessageId, ApiError> {
    let ticket = super::items::find(call).await?;
    let refused = |error| refusal(MessageWriteError::Refused(error), verb);
    let id = call.params.uuid("message_id").map(MessageId);
    let id = id.ok_or_else(|| refused(MessageError::NotFound))?;
    let project = ticket.project_id;
    let message = call
        .app
        .store
        .read(move |c| Box::pin(tickets::find_message(c, project, id)))
        .await?;
    let message = message.filter(|message| message.ticket_id == ticket.id);
    let message = message.ok_or_else(|| refused(MessageError::NotFound))?;
    message.check_note(call.user_id()).map_err(refused)?;
    Ok(id)
}

fn refusal(error: MessageWriteError, verb: Verb) -> ApiError {
    let (status, detail, error_type) = match error {
        MessageWriteError::Store(error) => return error.into(),
        MessageWriteError::NoTicket => return ApiError::not_found(),
        MessageWriteError::Refused(MessageError::NotFound) => (
            StatusCode::NOT_FOUND,
            "Note not found.".to_owned(),
            "note_not_found",
        ),
        MessageWriteError::Refused(MessageError::NotPrivate) => (
            StatusCode::BAD_REQUEST,
            format!("Only private notes can be {}.", verb.participle),
            "not_private_note",
        ),
        MessageWriteError::Refused(MessageError::NotAuthor) => (
            StatusCode::FORBIDDEN,
            format!("You can only {} your own private notes.", verb.infinitive),
            "not_note_author",
        ),
    };
    ApiError::json(status, json!({"detail": detail, "error_type": error_type}))
}
