//! `POST …/tickets/:id/ai_feedback/`: what somebody thinks of an answer of the assistant's (tickets.md 10.7).

use super::items::find;
use super::{key, scene, schema};
use crate::{ApiError, Call, CommonErrors};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::fields::Fields;
use store::tickets::{self, Feedback};

const MESSAGE_ID_MAX: usize = 200;
const TEXT_MAX: usize = 2000;

/// Rate an answer of the assistant's
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/ai_feedback/",
    operation_id = "conversations_tickets_ai_feedback_create",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
    ),
    request_body = schema::FeedbackFields,
    responses((status = 202, description = "Noted."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn create(mut call: Call) -> Result<Response, ApiError> {
    let key = key(&call)?;
    find(&call).await?;
    let scene = scene(&call)?;
    let fields = Fields::of(call.json().await?)?;
    let message_id = fields.text("message_id").max(MESSAGE_ID_MAX).required()?;
    let rating = fields.choice("rating", &["good", "bad"]).required()?;
    let text = fields.text("feedback_text").max(TEXT_MAX).allow_blank();
    let feedback = Feedback {
        message_id,
        is_good: rating == "good",
        text: text.optional()?.unwrap_or_default(),
    };
    let project = scene.project;
    let noted = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move { tickets::note_feedback(c, &scene, key, &feedback).await })
        })
        .await?;
    if !noted {
        return Err(ApiError::not_found());
    }
    call.app.tickets_changed(project);
    Ok(StatusCode::ACCEPTED.into_response())
}
