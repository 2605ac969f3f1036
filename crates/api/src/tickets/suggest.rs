//! `POST …/tickets/:id/suggest_reply/`: what the assistant would answer (tickets.md 8).

use super::{key, refused, scene};
use crate::openapi::ErrorEnvelope;
use crate::{ApiError, Call, CommonErrors};
use assistant::replies::{Refusal, SuggestionError};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use llm::Cause;
use model::Code;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// A suggested reply.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketSuggestion)]
struct SuggestionView {
    /// Markdown.
    suggestion: String,
    /// What it rests on; empty when nothing fits.
    #[schema(value_type = Vec<SourceSchema>)]
    sources: Vec<assistant::replies::ReplySource>,
}

/// A source of a suggested reply.
#[derive(ToSchema)]
#[schema(as = TicketSuggestionSource)]
#[expect(dead_code, reason = "describes assistant::replies::ReplySource")]
struct SourceSchema {
    /// `article`, `macro` or `ticket`.
    #[schema(rename = "type")]
    kind: String,
    id: String,
    title: String,
    #[schema(required = false)]
    url: String,
}

/// A failure of the model, or a ticket that there is nothing to suggest for.
#[derive(ToSchema)]
#[schema(as = TicketSuggestionError)]
#[expect(dead_code, reason = "describes a hand-made body")]
struct SuggestionErrorSchema {
    detail: String,
    /// `timeout`, `rate_limit`, `validation_error` or `unknown_error`; only with status 500.
    #[schema(required = false)]
    error_type: String,
}

/// Suggest a reply
///
/// By the configured model, from the ticket's public messages and what the project knows: articles, macros, and what the
/// team has answered in solved tickets. Without a model, the best of these as a draft. The suggestion becomes a private note
/// of the assistant's, unless nothing was found. It is for the team: nothing is sent. The body is ignored.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/suggest_reply/",
    operation_id = "conversations_tickets_suggest_reply_create",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
    ),
    responses(
        CommonErrors,
        (status = 200, description = "The suggestion.", body = SuggestionView),
        (status = 400, description = "The ticket has no public message.", body = SuggestionErrorSchema),
        (status = 402, description = "The project's credits for the assistant are used up.", body = ErrorEnvelope),
        (status = 500, description = "The model failed.", body = SuggestionErrorSchema),
    ),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn create(call: Call) -> Result<Response, ApiError> {
    let project = call.project()?.clone();
    if !project.settings.ai_suggestions {
        let detail = "Suggested replies are switched off in this project.";
        return Err(ApiError::permission_denied(detail));
    }
    call.app.throttle_suggestions(&call).await?;
    if project.settings.ai_credits_exhausted {
        return Err(ApiError::new(Code::QuotaLimitExceeded));
    }
    // Before the ticket is looked up (tickets.md 8.1).
    if !project.settings.is_ai_data_processing_approved {
        let detail = "AI data processing is not approved for this organization";
        let body = json!({ "detail": detail });
        return Err(ApiError::json(StatusCode::FORBIDDEN, body));
    }
    let (key, scene) = (key(&call)?, scene(&call)?);
    let user = &call.caller.user;
    let name = format!("{} {}", user.first_name, user.last_name);
    let suggestion = call
        .app
        .assistant
        .suggest_reply(&project, scene, key, name.trim())
        .await
        .map_err(failure)?;
    if suggestion.is_noted {
        call.app.tickets_changed(project.id);
    }
    Ok(Json(SuggestionView {
        suggestion: suggestion.text,
        sources: suggestion.sources,
    })
    .into_response())
}

fn failure(error: SuggestionError) -> ApiError {
    let refusal = match error {
        SuggestionError::Store(error) => return error.into(),
        SuggestionError::NoTicket => return ApiError::not_found(),
        SuggestionError::NoMessages => return refused("No messages in this ticket"),
        SuggestionError::Model(refusal) => refusal,
    };
    const FAILED: &str = "Failed to generate suggestion. Please try again.";
    let cause = match &refusal {
        Refusal::Empty => None,
        Refusal::Failed(error) => Some(error.cause()),
    };
    let (detail, error_type) = match cause {
        None => (FAILED, "validation_error"),
        Some(Some(Cause::Timeout)) => ("AI service timed out. Please try again.", "timeout"),
        Some(Some(Cause::RateLimit)) => (
            "AI service rate limit reached. Please try again in a moment.",
            "rate_limit",
        ),
        Some(Some(Cause::Trouble) | None) => (FAILED, "unknown_error"),
    };
    let body = json!({"detail": detail, "error_type": error_type});
    ApiError::json(StatusCode::INTERNAL_SERVER_ERROR, body).because(refusal)
}
